"""总览: sites by colour and district, what has changed in a week, risk beside visits, the state of model and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.record_store import RecordStore
from data_contracts.store_connection import reading
from data_contracts.store_tables import store_table
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.grading.colours import RANK
from serving.grading.site_grades import PENDING
from serving.pages.charts import COLOUR_ORDER, columns, stacked_bar
from serving.pages.city import City
from serving.pages.city_board import Board
from serving.pages.page import Page, desk_of
from serving.pages.rendering import COLOURS, Words, language_of, page

GROUPS = 10
RECENT = pd.Timedelta(days=90)


async def _overview(request: Request) -> Response:
    desk, key, words = desk_of(request.app), key_asking(), Words(language_of(request))
    content = await desk.parts.in_thread(lambda: overview_content(desk.city, key))
    return page(request, "overview.html.jinja", **content, **overview_drawings(content, words))


def overview_content(city: City, key: AccessKey) -> dict[str, Any]:
    """What the page shows of the sites within the key's scope; of none before the first grading run (`board` None)."""
    board = city.boards.board()
    told = {} if board is None else _content(board, board.seen_by(key))
    return {"board": board, "state": _state(city)} | told


def overview_drawings(content: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """The plots of the page: a bar a district, by its code, and visits beside risk; missing where there is nothing to draw."""
    districts, groups = content.get("districts", []), content.get("visits_by_risk")
    most = max((row["total"] for row in districts), default=0)
    return {
        "bars": {row["code"]: _bar(row, most, words) for row in districts},
        "visits_drawing": _columns(groups, words) if groups else None,
    }


def _content(board: Board, sites: pd.DataFrame) -> dict[str, Any]:
    today = pd.Timestamp(board.run.day)
    ranks = sites["colour"].map(RANK)
    before = sites["colour_before"].map(RANK)
    return {
        "tiles": [_tile(sites, colour) for colour in COLOUR_ORDER],
        "total": len(sites),
        "worse": int((ranks > before).sum()),
        "better": int((ranks < before).sum()),
        "pending": int((sites["confirmation"] == PENDING).sum()),
        "overdue": int((sites["due_on"] < today).sum()),
        "last_visit_on": sites["last_visit_on"].max(),
        "districts": _districts(sites, today),
        "visits_by_risk": _visits_by_risk(sites, today) if "accident" in board.heads else None,
    }


def _tile(sites: pd.DataFrame, colour: str) -> dict[str, Any]:
    count = int((sites["colour"] == colour).sum())
    known = sites["colour_before"].notna().any()
    return {
        "colour": colour,
        "count": count,
        "change": count - int((sites["colour_before"] == colour).sum()) if known else None,
        "about": COLOURS[colour][2:],
    }


def _districts(sites: pd.DataFrame, today: pd.Timestamp) -> list[dict[str, Any]]:
    """A row a district, most red and orange first."""
    counts = (
        sites.groupby(["district", "colour"], dropna=False).size().unstack(fill_value=0)
        .reindex(columns=list(COLOUR_ORDER), fill_value=0)
    )  # fmt: skip
    by_district = sites.groupby("district", dropna=False)
    overdue = by_district["due_on"].agg(lambda days: int((days < today).sum()))
    visited = by_district["last_visit_on"].agg(lambda days: float((days > today - RECENT).mean()))
    rows = []
    for district in counts.sort_values(["RED", "ORANGE", "YELLOW"], ascending=False).index:
        code = None if pd.isna(district) else str(district)
        each = [int(count) for count in counts.loc[district]]
        rows.append({
            "code": code, "counts": each, "total": sum(each), "overdue": overdue.loc[district],
            "visited": visited.loc[district],
        })  # fmt: skip
    return rows


def _bar(row: Mapping[str, Any], most: int, words: Words) -> str:
    each = zip(COLOUR_ORDER, row["counts"], strict=True)
    said = " ".join(f"{words.colour(colour)} {count}" for colour, count in each)
    return stacked_bar(row["counts"], most, f"{words.code(row['code'], 'districts')} {said}")


def _visits_by_risk(sites: pd.DataFrame, today: pd.Timestamp) -> list[dict[str, Any]] | None:
    """Of ten groups of sites by their risk of an accident, the share visited in the last 90 days."""
    known = sites[sites["risk_accident"].notna()]
    if len(known) < GROUPS:
        return None
    order = known["risk_accident"].rank(method="first").to_numpy()
    group = np.minimum((order - 1) * GROUPS // len(known), GROUPS - 1).astype(int)
    visited = (known["last_visit_on"] > today - RECENT).groupby(group).mean()
    risks = known["risk_accident"].groupby(group).mean()
    return [
        {"group": one + 1, "risk": float(risks[one]), "visited": float(visited[one])} for one in range(GROUPS)
    ]


def _columns(groups: Sequence[Mapping[str, Any]], words: Words) -> str:
    shares, labels = [row["visited"] for row in groups], [str(row["group"]) for row in groups]
    title = words.say(
        "按事故风险由低到高分为十组，近 90 天内检查过的工地所占比例",
        "Ten groups of sites from the lowest to the highest risk of an accident: share visited in the last 90 days",
    )
    return columns(shares, labels, title, words=[f"{100 * share:.0f}%" for share in shares])


def _state(city: City) -> dict[str, Any]:
    """Which model answers, and how fresh the records are."""
    state = city.state()
    return {
        "model_version": state.scorer.model.version,
        "store_version": state.store_version,
        "loaded_at": state.mark.loaded_at,
        "quarantined": _open_quarantine(city.open_store()),
        "champion_refused": city.is_champion_refused(),
    }


def _open_quarantine(store: RecordStore) -> int:
    entries = store_table("quarantine")
    rows = sa.select(sa.func.count(sa.distinct(entries.c.row_hash))).where(entries.c.resolved_at.is_(None))
    with reading(store.engine) as connection:
        return int(connection.scalar(rows) or 0)


PAGES = (Page("/", _overview),)
