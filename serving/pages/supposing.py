"""What-if on a site's page: the lawful changes that it can make now, and its risk with those that are supposed."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from data_contracts.errors import InvalidInput
from data_contracts.moments import now
from data_contracts.what_if_messages import Change, WhatIfRequest
from serving.access.doorkeeper import key_asking
from serving.calls.what_if import answer_and_entry
from serving.pages.page import Page, desk_of, form_of
from serving.pages.rendering import page
from serving.reasons.day_reasons import title_of
from serving.what_if.possible_changes import PossibleChanges

USUAL_PER_CENT = 90.0
PART = "x-part"


def offered_changes(possible: PossibleChanges) -> list[dict[str, Any]]:
    """The changes that would change a record of the site, with how many; those with a number have a slider."""
    return [
        {"fact": fact, "rows": rows, "per_cent": USUAL_PER_CENT if fact.percent else None}
        for fact, rows in possible.changes.values()
    ]


async def _what_if(request: Request) -> Response:
    desk, key, project_id = desk_of(request.app), key_asking(), request.path_params["project_id"]
    asked = WhatIfRequest(project_id=project_id, changes=_changes(await form_of(request)))
    moment = now()
    work = functools.partial(answer_and_entry, key=key, asked=asked, as_of=moment)
    content = await desk.parts.answered(work, moment)
    model = desk.parts.live.state().scorer.model
    titles = {head: title_of(model, head) for head in model.heads}
    template = "what_if_result.html.jinja" if PART in request.headers else "what_if.html.jinja"
    return page(request, template, project_id=project_id, found=content, titles=titles)


def _changes(fields: Mapping[str, str]) -> list[Change]:
    """The changes whose boxes are ticked, with their numbers."""
    chosen = []
    for code in (name.removeprefix("do_") for name in fields if name.startswith("do_")):
        text = fields.get(f"percent_{code}")
        chosen.append(Change(change=code[:64], percent=None if text is None else _number(text)))
    if not chosen:
        raise InvalidInput(
            zh="请至少勾选一项可作的变更。", en="Tick at least one change that can be made.", field="changes"
        )
    return chosen


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(
            zh="比例应为数字。", en="The percentage must be a number.", field="percent"
        ) from None


PAGES = (Page("/sites/{project_id}/what-if", _what_if, methods=("POST",)),)
