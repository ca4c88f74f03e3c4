"""`GET /v1/decisions/{id}`: what was answered then."""

from __future__ import annotations

import functools
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from data_contracts.api_messages import DecisionAnswer
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.calls import assess
from serving.calls.call import Call
from serving.calls.parts import Parts, parts_of
from serving.ledger.decisions import Decision, decision, unknown_decision
from serving.ledger.responses import responses_to
from serving.scorer import UNKNOWN

DECISION_ID = ("decision_id", "台账中的编号 / its number in the ledger")


def decision_for(key: AccessKey, parts: Parts, decision_id: str) -> Decision:
    """The decision; NotFound also for one about a project beyond the key's scope.

    The key that asked may always read again that a project was unknown to it, and what it told of one itself.
    """
    state = parts.live.state()
    held = decision(parts.open_store(), decision_id)
    told = held.result["status"] == UNKNOWN or held.call["kind"] == assess.KIND
    own = held.key_id == key.key_id and told
    if not own and held.project_id not in state.jurisdictions.as_seen_by(key, [held.project_id]):
        raise unknown_decision()
    return held


def _told(key: AccessKey, parts: Parts, decision_id: str) -> dict[str, Any]:
    held = decision_for(key, parts, decision_id)
    return held.content | {"responses": responses_to(parts.open_store().engine, decision_id)}


async def _get_decision(request: Request) -> Response:
    parts = parts_of(request.app)
    told = functools.partial(_told, key_asking(), parts, request.path_params["decision_id"])
    return JSONResponse(await parts.in_thread(told))


CALLS = (
    Call(
        method="GET",
        path="/decisions/{decision_id}",
        name="decision",
        summary="查回评估记录 / an answer given before",
        description="返回台账中的一条评估记录：当时的结果、特征值和版本，以及此后的确认、调整和异议。项目不在密钥范围内时视为不存在。 "
        "What was answered then, with feature values and versions, and what was said of it since; beyond the key's scope there is nothing.",
        handler=_get_decision,
        answer=DecisionAnswer,
        parameters=(DECISION_ID,),
        refusals=("404",),
    ),
)
