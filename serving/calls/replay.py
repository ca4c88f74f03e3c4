"""`POST /v1/decisions/{id}/replay`: what was answered then, and the same computed again from what was known then."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from data_contracts.api_messages import ReplayAnswer
from data_contracts.errors import CheckFailed
from data_contracts.record_store import RecordStore
from serving.access.doorkeeper import key_asking
from serving.access.key_store import all_keys
from serving.access.keys import AccessKey
from serving.calls import assess, grades, what_if
from serving.calls.call import Call
from serving.calls.decisions import DECISION_ID, decision_for
from serving.calls.parts import parts_of
from serving.ledger.basis import basis_of
from serving.ledger.decisions import Decision
from serving.live_state import LiveState
from serving.past_states import PastStates

Again = Callable[[LiveState, AccessKey, Decision], tuple[dict[str, Any], dict[str, float | None] | None]]
AGAIN: Mapping[str, Again] = {
    grades.KIND: grades.again,
    what_if.KIND: what_if.again,
    assess.KIND: assess.again,
}
"""By the kind of call: what computes result and features again, from a state that is as it was then."""

_ABSENT = object()


def replay(store: RecordStore, states: PastStates, held: Decision) -> dict[str, Any]:
    """What was answered, the same computed again, and where they differ, as a ReplayAnswer says it.

    Only what was answered is compared: a field that answers have gained since is no difference. Raises
    CheckFailed where records or key of then are not there, and ModelInvalid where the model is not.
    """
    kind = held.call["kind"]
    if kind not in AGAIN:
        raise CheckFailed(
            zh=f"这类评估记录（{kind}）不能重算。",
            en=f"A decision of this kind ({kind}) cannot be computed again.",
        )
    state = states.at(held.mark, held.call["model_sha256"], held.grades_mark)
    result, features = AGAIN[kind](state, _key_of(store, held), held)
    result["decision_id"] = held.decision_id
    differences = [
        *differences_of(held.result, result),
        *differences_of({"features": held.features}, {"features": features}),
    ]
    return {
        "decision_id": held.decision_id,
        "equal": not differences,
        "differences": differences,
        "otherwise": list(_otherwise(held, basis_of(state, held.as_of))),
        "model_sha256": held.call["model_sha256"],
        "store_version": held.mark.version,
        "answered": held.result,
        "replayed": result,
    }


def differences_of(answered: Any, replayed: Any, place: str = "") -> Iterator[dict[str, Any]]:
    """The places at which what was answered is not what was computed again, each with both values.

    >>> list(differences_of({"risks": {"a": 1.0, "b": 0.5}, "tags": [1, 2]}, {"risks": {"a": 1.0}, "tags": [1, 3]}))
    [{'field': 'risks.b', 'answered': 0.5, 'replayed': None}, {'field': 'tags[1]', 'answered': 2, 'replayed': 3}]
    """
    if isinstance(answered, dict) and isinstance(replayed, dict):
        for name, value in answered.items():
            yield from differences_of(
                value, replayed.get(name, _ABSENT), f"{place}.{name}" if place else name
            )
    elif isinstance(answered, list) and isinstance(replayed, list):
        for row, pair in enumerate(zip_longest(answered, replayed, fillvalue=_ABSENT)):
            yield from differences_of(*pair, f"{place}[{row}]")
    elif answered != replayed:
        told = [None if value is _ABSENT else value for value in (answered, replayed)]
        yield {"field": place, "answered": told[0], "replayed": told[1]}


def _otherwise(held: Decision, today: Mapping[str, Any]) -> Iterator[str]:
    """What else the two rest on that is not the same; it may explain a difference, and need not make one."""
    then, now = json.loads(held.call["policies"]), json.loads(today["policies"])
    yield from (f"policies.{name}" for name in sorted(then) if then[name] != now.get(name))
    yield from (name for name in ("catalogue_hash", "siterisk_version") if held.call[name] != today[name])


def _key_of(store: RecordStore, held: Decision) -> AccessKey:
    """The key that asked: keys are never changed, so its scope is what it was."""
    for key in all_keys(store):
        if key.key_id == held.key_id:
            return key
    raise CheckFailed(
        zh=f"记录库中没有当时所用的密钥 {held.key_id}，无法得知其管辖范围。",
        en=f"The store has no key {held.key_id}, which asked then; what it could see is not known.",
    )


async def _post_replay(request: Request) -> Response:
    parts = parts_of(request.app)
    found = functools.partial(decision_for, key_asking(), parts, request.path_params["decision_id"])
    held = await parts.in_thread(found)
    request.scope["siterisk.counts"]["decision_id"] = held.decision_id
    again = functools.partial(replay, parts.open_store(), parts.past_states, held)
    return JSONResponse(await parts.slow_work.done(again))


CALLS = (
    Call(
        method="POST",
        path="/decisions/{decision_id}/replay",
        name="replay",
        summary="重算评估记录 / an answer computed again",
        description="用当时记录库的状态和当时的模型重新计算，并逐项比较。之后入库的记录（即使注明更早的入库时间）不参与。"
        "重建当时的状态可能需要数秒；超时返回 504，稍后再试即可。 "
        "The same, computed again from the records as the store held them and with the model of then, compared field by "
        "field. Rows that arrived later stay out, whatever time they claim. To build the state of then may take seconds; "
        "after a 504, ask again.",
        handler=_post_replay,
        answer=ReplayAnswer,
        parameters=(DECISION_ID,),
        refusals=("404", "409"),
    ),
)
