"""What persons and firms say of a site's grade on its page, and what waits for a person.

A word is about an answer: the grade is asked for first, as over the API, so that the ledger holds what was seen.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from data_contracts.api_messages import GradesRequest
from data_contracts.errors import InvalidInput, SiteriskError
from data_contracts.moments import now
from data_contracts.response_messages import ConfirmRequest, ObjectionRequest, OverrideRequest
from serving.access.doorkeeper import PAGES as UI
from serving.access.doorkeeper import key_asking
from serving.calls.grades import answer_and_entry
from serving.calls.responses import confirmation, objection, override, respond
from serving.grading.colours import RANK
from serving.grading.site_grades import PENDING
from serving.http_errors import invalid_request
from serving.pages.page import MAY_DECIDE, Desk, Page, desk_of, form_of
from serving.pages.rendering import page

_READERS = {"confirm": confirmation, "override": override, "objection": objection}
_MESSAGES: dict[str, type[BaseModel]] = {
    "confirm": ConfirmRequest,
    "override": OverrideRequest,
    "objection": ObjectionRequest,
}
SHOWN = 100


async def _respond(request: Request) -> Response:
    """Keep a person's or a firm's word, and go back to the page."""
    desk, key = desk_of(request.app), key_asking()
    project_id, kind = request.path_params["project_id"], request.path_params["kind"]
    fields = await form_of(request)
    back = fields.pop("back", "")
    message = _message(kind, fields)
    said = _READERS[kind](message)
    asked = GradesRequest(project_ids=[project_id])
    answered = functools.partial(answer_and_entry, desk.parts.live.state, key, asked, now())
    content, entry = await desk.parts.in_thread(answered)
    await desk.parts.remember(entry)
    decision_id = content["results"][0]["decision_id"]
    await desk.parts.in_writing_thread(functools.partial(respond, desk.parts, key, decision_id, said))
    address = f"{UI}/confirmations" if back == "confirmations" else f"{UI}/sites/{project_id}"
    return RedirectResponse(f"{address}?said={kind}", status_code=303)


def _message(kind: str, fields: Mapping[str, str]) -> bytes:
    """The form as the message that the API takes; a field left empty is not there."""
    told = {name: value.strip() for name, value in fields.items() if value.strip()}
    try:
        return _MESSAGES[kind].model_validate(told).model_dump_json(exclude_none=True).encode()
    except KeyError:
        raise InvalidInput(zh="没有这种表单。", en="There is no such form.", field="kind") from None
    except ValidationError as error:
        raise invalid_request(error) from None


async def _confirmations(request: Request) -> Response:
    desk, key = desk_of(request.app), key_asking()

    def content() -> dict[str, Any]:
        board = desk.boards.board()
        if board is None:
            return {"board": None}
        waiting = _waiting(board.seen_by(key))
        return {
            "board": board,
            "rows": list(waiting.head(SHOWN).itertuples(index=False)),
            "waiting": len(waiting),
            "said": request.query_params.get("said"),
        }

    return page(request, "confirmations.html.jinja", **await desk.parts.in_thread(content))


def _waiting(sites: pd.DataFrame) -> pd.DataFrame:
    """The sites that wait for a person, reds first, then by the risk of an accident."""
    waiting = sites[sites["confirmation"] == PENDING]
    second = "risk_accident" if "risk_accident" in sites else "inherent_grade"
    order = waiting.assign(rank_=waiting["colour"].map(RANK))
    return order.sort_values(["rank_", second, "project_id"], ascending=[False, False, True])


async def _confirm_many(request: Request) -> Response:
    """The same word of one person on the sites ticked; each is kept apart, and those that cannot be are told."""
    desk, key, fields = desk_of(request.app), key_asking(), await form_of(request)
    chosen = [name.removeprefix("site_") for name in fields if name.startswith("site_")][:SHOWN]
    if not chosen:
        raise InvalidInput(zh="请至少勾选一处工地。", en="Tick at least one site.", field="site")
    said = confirmation(
        _message("confirm", {name: fields.get(name, "") for name in ("decision", "person", "reason")})
    )
    asked = GradesRequest(project_ids=chosen)
    answered = functools.partial(answer_and_entry, desk.parts.live.state, key, asked, now())
    content, entry = await desk.parts.in_thread(answered)
    await desk.parts.remember(entry)
    told = await desk.parts.in_writing_thread(functools.partial(_each, desk, key, content, said))
    return page(request, "confirmed.html.jinja", told=told)


def _each(desk: Desk, key: Any, content: Mapping[str, Any], said: Any) -> list[dict[str, Any]]:
    told = []
    for result in content["results"]:
        try:
            respond(desk.parts, key, result["decision_id"], said)
            told.append({"project_id": result["project_id"], "refusal": None})
        except SiteriskError as error:
            told.append({"project_id": result["project_id"], "refusal": error})
    return told


PAGES = (
    Page("/sites/{project_id}/say/{kind}", _respond, methods=("POST",), roles=MAY_DECIDE),
    Page("/confirmations", _confirmations),
    Page("/confirmations", _confirm_many, methods=("POST",), roles=MAY_DECIDE),
)
