"""企业: firms with an active site in the key's scope: their sites, record and credit, and what they add to risks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.contract import contract
from data_contracts.errors import NotFound
from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import reading
from data_contracts.store_tables import store_table
from serving.access.doorkeeper import key_asking
from serving.live_state import LiveState
from serving.pages.page import Desk, Page, desk_of
from serving.pages.rendering import page
from serving.plan.plan_tables import as_records
from serving.reasons.day_reasons import title_of

ON_A_PAGE = 50
MOST_SITES = 200
FIRM_FAMILY = "参建方信用"
"""The family of the features that reach a site through the firms on it."""

RECORD = {
    "violations": ("found_on", ("severity", "category", "disposal", "rectified_on", "revoked_at")),
    "accidents": ("occurred_on", ("accident_type", "deaths", "serious_injuries", "revoked_at")),
}


async def _firms(request: Request) -> Response:
    desk, key, query = desk_of(request.app), key_asking(), request.query_params
    search = query.get("q", "").strip()[:100]
    number = query.get("page", "1")

    def content() -> dict[str, Any]:
        board = desk.boards.board()
        if board is None:
            return {"board": None}
        firms = _with_names(desk, _by_firm(desk, board.seen_by(key)))
        if search:
            told = (firms["enterprise_id"] + "\n" + firms["name"].fillna("")).str.lower()
            firms = firms[told.str.contains(search.lower(), regex=False)]
        pages = max(1, -(-len(firms) // ON_A_PAGE))
        at = min(
            max(1, int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 1), pages
        )
        shown = firms.iloc[(at - 1) * ON_A_PAGE : at * ON_A_PAGE]
        return {"board": board, "found": len(firms), "rows": as_records(shown), "number": at, "pages": pages}

    return page(request, "enterprises.html.jinja", search=search, **await desk.parts.in_thread(content))


def _parties_now(desk: Desk) -> pd.DataFrame:
    """Who is on which site now."""
    rows, moment = desk.firms.parties.rows(), now()
    return rows[rows["valid_to"].isna() | (rows["valid_to"] > moment)]


def _by_firm(desk: Desk, sites: pd.DataFrame) -> pd.DataFrame:
    """A row a firm on any of the sites: enterprise_id, how many of them it is on, and how many are red and orange."""
    there = _parties_now(desk)[["enterprise_id", "project_id"]].drop_duplicates()
    mine = there.merge(sites[["project_id", "colour"]], on="project_id")
    counted = mine.assign(red=mine["colour"] == "RED", orange=mine["colour"] == "ORANGE")
    firms = counted.groupby("enterprise_id").agg(
        sites=("project_id", "size"), red=("red", "sum"), orange=("orange", "sum")
    )
    order = ["red", "orange", "sites", "enterprise_id"]
    return firms.reset_index().sort_values(order, ascending=[False, False, False, True])


def _with_names(desk: Desk, firms: pd.DataFrame) -> pd.DataFrame:
    return firms.merge(desk.firms.enterprises.rows(), on="enterprise_id", how="left")


async def _firm(request: Request) -> Response:
    desk, key = desk_of(request.app), key_asking()
    enterprise_id = request.path_params["enterprise_id"]

    def content() -> dict[str, Any]:
        board, state = desk.boards.board(), desk.parts.live.state()
        parties = _parties_now(desk)
        mine = parties[parties["enterprise_id"] == enterprise_id]
        sites = None if board is None else board.seen_by(key)
        if sites is None or not sites["project_id"].isin(mine["project_id"]).any():
            raise NotFound(
                zh="没有这个企业，或您的密钥范围内没有它的在建项目。",
                en="There is no such firm, or it has no active site within the scope of your key.",
                field="enterprise_id",
            )
        roles = mine.groupby("project_id")["role"].agg(lambda each: sorted(set(each)))
        own = sites[sites["project_id"].isin(roles.index)].head(MOST_SITES)
        day = pd.Timestamp(board.run.day)  # type: ignore[union-attr]
        return {
            "board": board,
            "firm": _identity(desk, enterprise_id),
            "sites": as_records(own.assign(roles=own["project_id"].map(roles))),
            "credit": _rows(desk.parts.open_store(), "credit_records", enterprise_id)[:10],
            "record": _record(state, own["project_id"].tolist()),
            "added": _added(state, own["project_id"].tolist(), day),
        }

    return page(request, "enterprise.html.jinja", **await desk.parts.in_thread(content))


def _identity(desk: Desk, enterprise_id: str) -> dict[str, Any]:
    firms = desk.firms.enterprises.rows()
    found = as_records(firms[firms["enterprise_id"] == enterprise_id])
    return found[0] if found else dict.fromkeys(firms.columns) | {"enterprise_id": enterprise_id}


def _rows(store: RecordStore, name: str, enterprise_id: str) -> list[dict[str, Any]]:
    """The newest versions of a firm's rows of a table, the newest first."""
    table, key = store_table(name), list(contract(name).key)
    asked = sa.select(table).where(
        table.c.enterprise_id == enterprise_id, table.c.recorded_at <= now().to_pydatetime()
    )
    with reading(store.engine) as connection:
        rows = pd.read_sql(asked.order_by(table.c.recorded_at, table.c.store_version), connection)
    newest = rows.drop_duplicates(key, keep="last")
    return as_records(newest[newest["withdrawn_at"].isna()].iloc[::-1])


def _record(state: LiveState, project_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """What is on record of these sites, the newest first."""
    moment, found = now(), {}
    for table, (happened, columns) in RECORD.items():
        parts = [state.scorer.index.on_file([table], site, moment)[table] for site in project_ids[:30]]
        rows = pd.concat(parts) if parts else pd.DataFrame(columns=[happened, *columns])
        counted = rows[rows["revoked_at"].isna()].sort_values(happened, ascending=False)
        found[table] = as_records(counted.head(15))
    return found


def _added(state: LiveState, project_ids: list[str], day: pd.Timestamp) -> list[dict[str, Any]]:
    """By head, what the features of the firms add on average to the log-odds of these sites beside similar ones."""
    if not project_ids:
        return []
    moments = np.full(len(project_ids), day.to_datetime64())
    matrix = state.scorer.index.matrix(project_ids, moments)
    told = state.reasons(day, matrix)
    return [
        {
            "title": title_of(state.scorer.model, head),
            "log_odds": float(told.of_family(matrix, head, FIRM_FAMILY).mean()),
        }
        for head in state.scorer.model.heads
    ]


PAGES = (Page("/enterprises", _firms), Page("/enterprises/{enterprise_id}", _firm))
