"""企业: the firms with an active site in a key's scope, filtered, sorted and searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.code_list import code_list
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.pages.city import City
from serving.pages.page import Page, desk_of
from serving.pages.paging import Leaf, number_in
from serving.pages.rendering import page
from serving.plan.plan_tables import as_records

ON_A_PAGE = 50
SORTS = {
    "colour": ("红、橙多者在前", "Most reds and oranges"),
    "sites": ("在建项目多者在前", "Most active sites"),
    "credit": ("信用分低者在前", "Lowest credit score"),
    "name": ("名称", "Name"),
}
_ORDERS: Mapping[str, tuple[list[str], list[bool]]] = {
    "colour": (["red", "orange", "sites"], [False, False, False]),
    "sites": (["sites", "red", "orange"], [False, False, False]),
    "credit": (["scheme_id", "score", "sites"], [False, True, False]),
    "name": (["name"], [True]),
}


@dataclass(frozen=True)
class Asked:
    """What a visitor asks of the list; what is not understood is as if it had not been asked."""

    search: str = ""
    kind: str = ""
    role: str = ""
    sort: str = "colour"
    number: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        return cls(
            search=query.get("q", "").strip()[:100],
            kind=query.get("kind", "")[:40],
            role=query.get("role", "") if query.get("role") in code_list("roles").codes else "",
            sort=query.get("sort", "") if query.get("sort") in SORTS else "colour",
            number=number_in(query.get("page", "")),
        )

    def address(self, **other: Any) -> str:
        """The query of the same list, with other wishes."""
        sort = "" if self.sort == "colour" else self.sort
        told = {"q": self.search, "kind": self.kind, "role": self.role, "sort": sort}
        told |= {name: str(value) for name, value in other.items()}
        return "?" + urlencode({name: value for name, value in told.items() if value})

    def chosen(self, firms: pd.DataFrame) -> pd.DataFrame:
        """The firms that are meant, in order; equal ones by id."""
        mask = pd.Series(True, index=firms.index)
        if self.kind:
            mask &= firms["kind"] == self.kind
        if self.search:
            told = (firms["enterprise_id"] + "\n" + firms["name"].fillna("")).str.lower()
            mask &= told.str.contains(self.search.lower(), regex=False)
        columns, ascending = _ORDERS[self.sort]
        return firms[mask].sort_values(
            [*columns, "enterprise_id"], ascending=[*ascending, True], na_position="last"
        )


def firms_on(there: pd.DataFrame, cards: pd.DataFrame, role: str = "") -> pd.DataFrame:
    """A row a firm in rows of `Firms.among`, in one role if told: enterprise_id, sites, red, orange, and its card."""
    mine = there[there["role"] == role] if role else there
    mine = mine[~mine.duplicated(["enterprise_id", "project_id"])]
    counted = mine.assign(sites=1, red=mine["colour"] == "RED", orange=mine["colour"] == "ORANGE")
    counts = counted.groupby("enterprise_id")[["sites", "red", "orange"]].sum()
    return counts.join(cards).reset_index()


def roles_by(rows: pd.DataFrame, column: str) -> dict[str, list[str]]:
    """The roles in rows of parties by firm or by site, in the order of their list."""
    order = {code: place for place, code in enumerate(code_list("roles").codes)}
    found: dict[str, set[str]] = {}
    for one, role in zip(rows[column].tolist(), rows["role"].tolist(), strict=True):
        found.setdefault(one, set()).add(role)
    return {one: sorted(roles, key=lambda role: order.get(role, len(order))) for one, roles in found.items()}


async def _enterprises(request: Request) -> Response:
    desk, key, asked = desk_of(request.app), key_asking(), Asked.of(request.query_params)
    content = await desk.parts.in_thread(lambda: firms_content(desk.city, key, asked))
    roles = list(code_list("roles").codes)
    return page(request, "enterprises.html.jinja", asked=asked, sorts=SORTS, roles=roles, **content)


def firms_content(city: City, key: AccessKey, asked: Asked, size: int = ON_A_PAGE) -> dict[str, Any]:
    """What the page shows, with so many firms on a leaf; `board` is None before the first grading run."""
    board = city.boards.board()
    if board is None:
        return {"board": None}
    there = city.firms.among(board.sites)
    if not key.reaches_whole_city:
        there = there[there["project_id"].isin(board.seen_by(key)["project_id"])]
    firms = firms_on(there, city.firms.cards(), asked.role)
    chosen = asked.chosen(firms)
    leaf = Leaf(len(chosen), asked.number, size)
    shown = chosen.iloc[leaf.part]
    known = set(firms["kind"].dropna())
    return {
        "board": board,
        "rows": as_records(shown),
        "roles_of": roles_by(there[there["enterprise_id"].isin(shown["enterprise_id"])], "enterprise_id"),
        "leaf": leaf,
        "total": len(firms),
        "kinds": [one for one in code_list("enterprise_kinds").codes if one in known],
    }


PAGES = (Page("/enterprises", _enterprises),)
