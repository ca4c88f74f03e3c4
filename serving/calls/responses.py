"""`POST /v1/decisions/{id}/confirm`, `/override` and `/objection`: what persons and firms say of an answer."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.errors import CheckFailed, InvalidInput
from data_contracts.moments import now
from data_contracts.response_messages import (
    ConfirmRequest,
    ObjectionRequest,
    OverrideRequest,
    ResponseAnswer,
)
from data_contracts.store_connection import connected, writing
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.calls import grades
from serving.calls.call import MAY_DECIDE, MAY_REPORT, Call, json_answer, message_in
from serving.calls.decisions import DECISION_ID, decision_for
from serving.calls.parts import Parts, parts_of
from serving.calls.site_results import grade_state
from serving.grading.decisions import OVERRIDE, REFUSE, Decision, after_decisions, hindrance
from serving.grading.grade_store import GradeStore, keep_decisions
from serving.grading.known_runs import KnownRuns
from serving.ledger.decisions import Decision as Answered
from serving.ledger.responses import OBJECTION, keep_response, same_response, told_response

Site = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What somebody says of an answer; `colour` is the one that an inspector sets."""

    kind: str
    reason: str
    person: str | None = None
    enterprise_id: str | None = None
    colour: str | None = None


def confirmation(body: bytes) -> Said:
    """A confirmation or a refusal; a refusal needs a reason."""
    asked = message_in(body, ConfirmRequest)
    if asked.decision == REFUSE and asked.reason is None:
        raise InvalidInput(zh="否定须写明理由 reason。", en="A refusal needs a reason.", field="reason")
    return Said(asked.decision, asked.reason or "", asked.person)


def override(body: bytes) -> Said:
    """A colour that an inspector sets."""
    asked = message_in(body, OverrideRequest)
    return Said(OVERRIDE, asked.reason, asked.person, colour=asked.colour)


def objection(body: bytes) -> Said:
    """A firm's objection."""
    asked = message_in(body, ObjectionRequest)
    return Said(OBJECTION, asked.reason, enterprise_id=asked.enterprise_id)


def respond(parts: Parts, key: AccessKey, decision_id: str, said: Said) -> dict[str, Any]:
    """Keep what was said of a decision, as a ResponseAnswer says it; said again by the same key it is kept once.

    Raises NotFound for a decision that is not there for the key, CheckFailed where it would change nothing, and
    InvalidInput for a firm that no record names.
    """
    held = decision_for(key, parts, decision_id)
    if said.enterprise_id is not None:
        _refuse_unknown_firm(parts, said.enterprise_id)
    row = {
        "decision_id": decision_id,
        "kind": said.kind,
        "key_id": key.key_id,
        "person": said.person,
        "enterprise_id": said.enterprise_id,
        "reason": said.reason,
        "to_colour": said.colour,
    }
    store, lent = parts.open_store(), parts.live.state().runs
    with connected(store.engine) as connection, writing(connection):
        moment = GradeStore(store.engine).present(now())
        run = KnownRuns(GradeStore(store.engine), before=lent).at(moment)
        before = after = run.site(held.project_id) if run else None
        earlier = same_response(connection, row)
        if earlier is not None:
            return _told(held, earlier, before, before, repeated=True)
        entry_id = None
        if said.kind != OBJECTION:
            word = _word(held, said, moment)
            after = _after(before, word)
            assert run is not None
            entry_id = keep_decisions(connection, run.grades.note.run_id, [word], moment)
        kept = keep_response(connection, row, entry_id, moment)
    parts.live.look()
    return _told(held, kept, before, after, repeated=False)


def _word(held: Answered, said: Said, moment: pd.Timestamp) -> Decision:
    """The person's decision about the grade that the answer told."""
    seen = held.result.get("dynamic_grade")
    if held.call["kind"] != grades.KIND or seen is None:
        raise CheckFailed(
            zh="该条评估记录没有可确认或调整的动态等级；请先用 /v1/grades 查询。",
            en="That decision told no dynamic grade that could be confirmed or set: ask /v1/grades first.",
            field="decision_id",
        )
    about = seen["colour"], seen["proposed_colour"]
    person, day = str(said.person), moment.normalize()
    return Decision(held.project_id, said.kind, person, said.reason, day, about, moment, said.colour)


def _after(site: Site | None, word: Decision) -> Site:
    """The site after the decision; CheckFailed says why it would change nothing."""
    if site is None:
        zh, en = "现行评级中没有该项目", "the present grading run does not know the site"
    elif why := hindrance(site, word):
        zh, en = why
    else:
        return after_decisions(site, [word])
    raise CheckFailed(
        zh=f"未记入：{zh}。请重新查询 /v1/grades 后再决定；评级之后由事实上调的颜色，待下次评级后确认。",
        en=f"Nothing was kept: {en}. Ask /v1/grades again before deciding; a colour that a fact has raised since the run can be "
        "confirmed after the next one.",
        field="decision_id",
    )


def _refuse_unknown_firm(parts: Parts, enterprise_id: str) -> None:
    city = parts.live.state().scorer.index.city
    if city.all_keepers("enterprises") and not city.is_named_in("enterprises", enterprise_id):
        raise InvalidInput(
            zh="没有这个企业在案。", en="No such enterprise is on record.", field="enterprise_id"
        )


def _told(
    held: Answered, kept: Mapping[str, Any], before: Site | None, after: Site | None, *, repeated: bool
) -> dict[str, Any]:
    states = [None if site is None else grade_state(site) for site in (before, after)]
    then, since = states
    changed = [] if then is None or since is None else [name for name in since if since[name] != then[name]]
    return {
        "decision_id": held.decision_id,
        "project_id": held.project_id,
        "repeated": repeated,
        "response": told_response(kept),
        "changed": changed,
        "before": then,
        "after": since,
    }


def _handler(read: Callable[[bytes], Said]) -> Callable[[Request], Awaitable[Response]]:
    async def post(request: Request) -> Response:
        said, parts = read(await request.body()), parts_of(request.app)
        work = functools.partial(respond, parts, key_asking(), request.path_params["decision_id"], said)
        content = await parts.in_writing_thread(work)
        request.scope["siterisk.counts"].update(decision_id=content["decision_id"], kind=said.kind)
        return json_answer(content)

    return post


def _call(
    word: str, zh: str, en: str, takes: type[BaseModel], read: Callable[[bytes], Said], **more: Any
) -> Call:
    summary, _, _ = en.partition(":")
    return Call(
        method="POST",
        path=f"/decisions/{{decision_id}}/{word}",
        name=word,
        summary=f"{zh.partition('：')[0]} / {summary}",
        description=f"{zh} {en}",
        handler=_handler(read),
        takes=takes,
        answer=ResponseAnswer,
        parameters=(DECISION_ID,),
        refusals=("404", "409"),
        **more,
    )


CALLS = (
    _call(
        "confirm",
        "确认或否定：对该评估记录中待确认的红色、橙色或下调作出决定，与 siterisk grade --confirm 同义；重复提交只记一次。",
        "a person's confirmation: of the red, orange or lowering that waited in that answer, or a refusal with its reason; "
        "as `siterisk grade --confirm`. Said again it is kept once.",
        ConfirmRequest,
        confirmation,
        roles=MAY_DECIDE,
    ),
    _call(
        "override",
        "监督人员调整等级：附理由将项目调整为另一颜色，即时生效；下调每次一级，且不低于事实所要求的颜色。",
        "an inspector's override: another colour with its reason, in force at once; down one step at a time, never below "
        "what a fact asks for.",
        OverrideRequest,
        override,
        roles=MAY_DECIDE,
    ),
    _call(
        "objection",
        "企业异议：记入台账并计入评级报告，不改变等级。",
        "a firm's objection: kept beside the answer and counted in the report of the next run; it changes no grade.",
        ObjectionRequest,
        objection,
        roles=MAY_REPORT,
    ),
)
