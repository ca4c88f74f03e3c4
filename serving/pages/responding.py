"""What persons and firms say of a site's grade on its page.

A word is about an answer: the grade is asked for first, as over the API, so that the ledger holds what was seen.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from data_contracts.api_messages import GradesRequest
from data_contracts.errors import InvalidInput
from data_contracts.moments import now
from data_contracts.response_messages import ConfirmRequest, ObjectionRequest, OverrideRequest
from serving.access.doorkeeper import PAGES as UI
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.calls.call import MAY_DECIDE
from serving.calls.grades import answer_and_entry
from serving.calls.responses import confirmation, objection, override, respond
from serving.http_errors import invalid_request
from serving.pages.page import Desk, Page, desk_of, form_of

_READERS = {"confirm": confirmation, "override": override, "objection": objection}
_MESSAGES: dict[str, type[BaseModel]] = {
    "confirm": ConfirmRequest,
    "override": OverrideRequest,
    "objection": ObjectionRequest,
}


async def _respond(request: Request) -> Response:
    """Keep a person's or a firm's word, and go back to the page."""
    desk, key = desk_of(request.app), key_asking()
    project_id, kind = request.path_params["project_id"], request.path_params["kind"]
    fields = await form_of(request)
    message = message_of(kind, fields)
    said = _READERS[kind](message)
    (result,) = await answers_about(desk, key, [project_id])
    await desk.parts.in_writing_thread(
        functools.partial(respond, desk.parts, key, result["decision_id"], said)
    )
    return RedirectResponse(f"{UI}/sites/{project_id}?said={kind}", status_code=303)


async def answers_about(desk: Desk, key: AccessKey, project_ids: list[str]) -> list[dict[str, Any]]:
    """What the API would answer about each project now, in the ledger: what a word is about."""
    asked = GradesRequest(project_ids=project_ids)
    moment = now()
    work = functools.partial(answer_and_entry, key=key, asked=asked, as_of=moment)
    content = await desk.parts.answered(work, moment)
    return list(content["results"])


def message_of(kind: str, fields: Mapping[str, str]) -> bytes:
    """The form as the message that the API takes; a field left empty is not there."""
    told = {name: value.strip() for name, value in fields.items() if value.strip()}
    try:
        return _MESSAGES[kind].model_validate(told).model_dump_json(exclude_none=True).encode()
    except KeyError:
        raise InvalidInput(zh="没有这种表单。", en="There is no such form.", field="kind") from None
    except ValidationError as error:
        raise invalid_request(error) from None


PAGES = (Page("/sites/{project_id}/say/{kind}", _respond, methods=("POST",), roles=MAY_DECIDE),)
