"""待确认: the reds, oranges and steps down that wait for a person, and what was decided about the run."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.code_list import code_list
from data_contracts.errors import CheckFailed, InvalidInput, SiteriskError
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.calls.call import MAY_DECIDE
from serving.calls.responses import Said, confirmation, respond
from serving.grading.colours import RANK
from serving.grading.decisions import (
    CONFIRM,
    REFUSE,
    Decision,
    after_decisions,
    cannot_be_refused,
    waiting_at,
)
from serving.grading.site_grades import PENDING
from serving.live_state import LiveState
from serving.pages.city import City
from serving.pages.city_board import Board
from serving.pages.page import Desk, Page, desk_of, form_of
from serving.pages.paging import Leaf, number_in
from serving.pages.rendering import page
from serving.pages.responding import answers_about, message_of
from serving.plan.plan_tables import as_records
from serving.reasons.day_reasons import with_head
from serving.reasons.reasons import in_one_line
from serving.reasons.value_words import Sentence

ON_A_PAGE = 25
DECIDED_SHOWN = 50
WHAT = {
    "RED": ("红色", "Reds"),
    "ORANGE": ("橙色", "Oranges"),
    "LOWERING": ("下调", "Steps down"),
}
REASONS_TOLD = 2


@dataclass(frozen=True)
class Asked:
    """What a visitor asks of the list; what is not understood is as if it had not been asked."""

    what: str = ""
    district: str = ""
    search: str = ""
    number: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        return cls(
            what=query.get("what", "") if query.get("what") in WHAT else "",
            district=query.get("district", "")[:20],
            search=query.get("q", "").strip()[:100],
            number=number_in(query.get("page", "")),
        )

    def address(self, **other: Any) -> str:
        """The query of the same list, with other wishes."""
        told = {"what": self.what, "district": self.district, "q": self.search}
        told |= {name: str(value) for name, value in other.items()}
        return "?" + urlencode({name: value for name, value in told.items() if value})

    def chosen(self, waiting: pd.DataFrame) -> pd.DataFrame:
        """The sites that are meant, reds first, then by the risk of an accident."""
        mask = pd.Series(True, index=waiting.index)
        if self.what:
            lowering = waiting["proposed_colour"].notna()
            mask &= lowering if self.what == "LOWERING" else ~lowering & (waiting["colour"] == self.what)
        if self.district:
            mask &= waiting["district"] == self.district
        if self.search:
            told = (waiting["project_id"] + "\n" + waiting["name"].fillna("")).str.lower()
            mask &= told.str.contains(self.search.lower(), regex=False)
        second = "risk_accident" if "risk_accident" in waiting else "inherent_grade"
        chosen = waiting[mask]
        ranked = chosen.assign(rank_=chosen["colour"].map(RANK))
        return ranked.sort_values(["rank_", second, "project_id"], ascending=[False, False, True])


async def _confirmations(request: Request) -> Response:
    desk, key, asked = desk_of(request.app), key_asking(), Asked.of(request.query_params)
    content = await desk.parts.in_thread(lambda: confirmations_content(desk.city, key, asked))
    return page(request, "confirmations.html.jinja", asked=asked, what=WHAT, **content)


def confirmations_content(city: City, key: AccessKey, asked: Asked, size: int = ON_A_PAGE) -> dict[str, Any]:
    """What the page shows, with so many sites on a leaf; `board` is None before the first grading run."""
    board = city.boards.board()
    if board is None:
        return {"board": None}
    sites = board.seen_by(key)
    waiting = sites[sites["confirmation"] == PENDING]
    chosen = asked.chosen(waiting)
    leaf = Leaf(len(chosen), asked.number, size)
    shown = chosen.iloc[leaf.part]
    reasons = deciding_reasons(city.state(), board, shown)
    return {
        "board": board,
        "leaf": leaf,
        "total": len(waiting),
        "rows": [_row(row, reasons.get(row["project_id"])) for row in as_records(shown)],
        "districts": [one for one in code_list("districts").codes if (waiting["district"] == one).any()],
        "decided": _decided(board.decisions, sites),
    }


def _row(site: dict[str, Any], reasons: Sentence | None) -> dict[str, Any]:
    """A site that waits, with what either word would make of it."""
    return site | {
        "seen": _seen(*waiting_at(site)),
        "confirmed": _after(site, CONFIRM),
        "refused": None if cannot_be_refused(site) or _after(site, REFUSE) is None else _after(site, REFUSE),
        "reasons": reasons,
    }


def _after(site: dict[str, Any], word: str) -> str | None:
    """The colour after a word; None where it would change nothing."""
    before = {name: None if pd.isna(value) else value for name, value in site.items()}
    decided = Decision(site["project_id"], word, "", "", pd.Timestamp(site["colour_since"]), waiting_at(site))
    after = after_decisions(before, [decided])
    return None if after == before else str(after["colour"])


def deciding_reasons(state: LiveState, board: Board, sites: pd.DataFrame) -> dict[str, Sentence]:
    """Of each site the strongest reasons of the risk that decided its colour; of the first head where a fact did."""
    if sites.empty:
        return {}
    day, ids = pd.Timestamp(board.run.day), sites["project_id"].tolist()
    matrix = state.scorer.index.matrix(ids, np.full(len(ids), day.to_datetime64()))
    told, heads, found = state.reasons(day), list(state.scorer.model.heads), {}
    decides = sites["fact"].str.removeprefix("risk_")
    heads_of = decides.where(decides.isin(heads), "accident" if "accident" in heads else heads[0]).tolist()
    for head in set(heads_of):
        places = [place for place, one in enumerate(heads_of) if one == head]
        for place, reasons in zip(places, told.of(matrix.iloc[places], head, REASONS_TOLD), strict=True):
            said = in_one_line(reasons, REASONS_TOLD)
            found[ids[place]] = with_head(state.scorer.model, head, said)
    return found


def _decided(decisions: Sequence[Decision], sites: pd.DataFrame) -> list[dict[str, Any]]:
    """What was decided last about the run of the day, the newest first."""
    names = dict(zip(sites["project_id"].tolist(), sites["name"].tolist(), strict=True))
    mine = [one for one in reversed(decisions) if one.project_id in names]
    return [
        {"project_id": one.project_id, "name": names[one.project_id], "said": one}
        for one in mine[:DECIDED_SHOWN]
    ]


def _seen(colour: str, proposed: str | None) -> str:
    return f"{colour}>{proposed or ''}"


async def _decide(request: Request) -> Response:
    """One person's word on the sites ticked; each is kept apart, and those that cannot be are told."""
    desk, key, fields = desk_of(request.app), key_asking(), await form_of(request)
    chosen = [name.removeprefix("site_") for name in fields if name.startswith("site_")]
    if not chosen:
        raise InvalidInput(zh="请至少勾选一处工地。", en="Tick at least one site.", field="site")
    message = message_of("confirm", {name: fields.get(name, "") for name in ("decision", "person", "reason")})
    said = confirmation(message)
    seen = {one: fields[f"seen_{one}"] for one in chosen if f"seen_{one}" in fields}
    results = await answers_about(desk, key, chosen)
    told = await desk.parts.in_writing_thread(functools.partial(_kept, desk, key, results, said, seen))
    return page(request, "confirmed.html.jinja", told=told)


def _kept(
    desk: Desk, key: AccessKey, results: Sequence[Mapping[str, Any]], said: Said, seen: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Each site with why its word was not kept; None where it was."""
    told: list[dict[str, Any]] = []
    for result in results:
        project_id, refusal = result["project_id"], None
        try:
            _refuse_unseen(result.get("dynamic_grade"), seen.get(project_id))
            respond(desk.parts, key, result["decision_id"], said)
        except SiteriskError as error:
            refusal = error
        told.append({"project_id": project_id, "refusal": refusal})
    return told


def _refuse_unseen(grade: Mapping[str, Any] | None, seen: str | None) -> None:
    """CheckFailed where the grade is no longer the one that the page showed."""
    if grade is not None and seen is not None and seen != _seen(grade["colour"], grade["proposed_colour"]):
        raise CheckFailed(
            zh="未记入：等级已与页面所示不同，请刷新页面后再决定。",
            en="Nothing was kept: the grade is no longer the one that the page showed. Load it again before deciding.",
            field="seen",
        )


PAGES = (
    Page("/confirmations", _confirmations),
    Page("/confirmations", _decide, methods=("POST",), roles=MAY_DECIDE),
)
