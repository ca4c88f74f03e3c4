"""检查计划: the kept plans of the weeks, what each visit is for and how it was chosen, within the key's scope."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.errors import NotFound
from serving.access.doorkeeper import key_asking
from serving.access.keys import WHOLE_CITY, AccessKey
from serving.kept_values import KeptValues
from serving.live_state import LiveState
from serving.pages.page import Desk, Page, desk_of
from serving.pages.rendering import page
from serving.plan.plan_files import ENDINGS, read_plan, write_plan
from serving.plan.plan_tables import WeeklyPlan, as_records

PLANS = "plans"
WEEKS_SHOWN = 30
LEFT_OUT_SHOWN = 200
_KEPT = re.compile(r"(?P<week>\d{4}-W\d{2})-(?P<number>\d+)")
_MEDIA = {
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".json": "application/json",
    ".ics": "text/calendar; charset=utf-8",
}


_READ: KeptValues[Path, WeeklyPlan] = KeptValues(4)


def kept_plan(path: Path) -> WeeklyPlan:
    """A kept plan, which never changes; the last few that were looked at are kept in memory."""
    return _READ.value(path, lambda: read_plan(path))


def kept_plans(home: Path) -> dict[str, list[int]]:
    """The numbers of the plans kept of each week, the newest of both first."""
    found: dict[str, list[int]] = {}
    for path in (home / PLANS).glob("*.json"):
        if named := _KEPT.fullmatch(path.stem):
            found.setdefault(named["week"], []).append(int(named["number"]))
    return {week: sorted(found[week], reverse=True) for week in sorted(found, reverse=True)}


def seen_plan(plan: WeeklyPlan, state: LiveState, key: AccessKey) -> WeeklyPlan:
    """The plan with the rows of projects within the key's scope alone, and the agencies that they have."""
    if WHOLE_CITY in key.districts:
        return plan

    def within(rows: pd.DataFrame) -> pd.DataFrame:
        reached = [state.jurisdictions.reached(key, one) for one in rows["project_id"].tolist()]
        return rows[pd.Series(reached, index=rows.index, dtype=bool)].reset_index(drop=True)

    draw = within(plan.draw)
    mine = plan.agencies["agency_code"].isin(set(draw["agency_code"]) & key.agencies)
    return dataclasses.replace(
        plan, visits=within(plan.visits), draw=draw, left_out=within(plan.left_out), alerts=within(plan.alerts),
        agencies=plan.agencies[mine],
    )  # fmt: skip


def _asked(desk: Desk, week: str, number: str) -> tuple[str, int, Path] | None:
    """Which kept plan is meant: the newest week and the last plan of it unless told; None where none is kept."""
    kept = kept_plans(desk.home)
    if not kept:
        return None
    chosen = week if week in kept else next(iter(kept))
    numbers = kept[chosen]
    last = int(number) if number.isascii() and number.isdigit() and int(number) in numbers else numbers[0]
    return chosen, last, desk.home / PLANS / f"{chosen}-{last}.json"


async def _plan(request: Request) -> Response:
    desk, key, query = desk_of(request.app), key_asking(), request.query_params

    def content() -> dict[str, Any]:
        found = _asked(desk, query.get("week", ""), query.get("version", ""))
        if found is None:
            return {"week": None}
        week, number, path = found
        plan, board = seen_plan(kept_plan(path), desk.parts.live.state(), key), desk.boards.board()
        names = (
            {} if board is None else dict(zip(board.sites["project_id"], board.sites["name"], strict=True))
        )
        kept = kept_plans(desk.home)
        return {
            "week": week,
            "number": number,
            "weeks": list(kept)[:WEEKS_SHOWN],
            "numbers": kept[week],
            "passport": plan.passport,
            "visits": as_records(plan.visits),
            "agencies": as_records(plan.agencies),
            "left_out": as_records(plan.left_out.head(LEFT_OUT_SHOWN)),
            "all_left_out": len(plan.left_out),
            "alerts": as_records(plan.alerts),
            "names": names,
        }

    return page(request, "plan.html.jinja", **await desk.parts.in_thread(content))


async def _file(request: Request) -> Response:
    """A kept plan as a file, within the key's scope."""
    desk, key = desk_of(request.app), key_asking()
    ending = f".{request.path_params['kind']}"
    week, number = request.path_params["week"], request.path_params["number"]

    def made() -> bytes:
        if ending not in ENDINGS or not number.isascii() or not number.isdigit():
            raise _no_plan()
        if int(number) not in kept_plans(desk.home).get(week, []):
            raise _no_plan()
        plan = kept_plan(desk.home / PLANS / f"{week}-{int(number)}.json")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"plan{ending}"
            write_plan(seen_plan(plan, desk.parts.live.state(), key), path)
            return path.read_bytes()

    content = await desk.parts.in_thread(made)
    headers = {"Content-Disposition": f'attachment; filename="plan-{week}-{int(number)}{ending}"'}
    return Response(content, media_type=_MEDIA[ending], headers=headers)


def _no_plan() -> NotFound:
    return NotFound(zh="没有这份检查计划。", en="There is no such plan.", field="week")


PAGES = (Page("/plan", _plan), Page("/plan/{week}/{number}.{kind}", _file))
