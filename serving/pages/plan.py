"""检查计划: the kept plans of the weeks, what each visit is for and how it was chosen, within the key's scope."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.code_list import code_list
from data_contracts.errors import NotFound
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.kept_values import KeptValues
from serving.live_state import LiveState
from serving.pages.city import City
from serving.pages.page import Page, desk_of
from serving.pages.rendering import page
from serving.plan.kept_plans import kept_numbers, kept_path
from serving.plan.plan_files import ENDINGS, read_plan, write_plan
from serving.plan.plan_scope import plan_within
from serving.plan.plan_tables import WeeklyPlan, as_records, week_named

PLANS = "plans"
WEEKS_SHOWN = 30
MOST_LEFT_OUT = 200
_MEDIA = {
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".json": "application/json",
    ".ics": "text/calendar; charset=utf-8",
}
_READ: KeptValues[tuple[Path, int], WeeklyPlan] = KeptValues(8)
"""Plans that were looked at last; the process has one home."""


async def _plan(request: Request) -> Response:
    desk, key, query = desk_of(request.app), key_asking(), request.query_params
    content = await desk.parts.in_thread(lambda: plan_content(desk.city, key, query))
    return page(request, "plan.html.jinja", **content)


def plan_content(city: City, key: AccessKey, query: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows: the plan that is meant, by agency, day and team."""
    kept, this_week = kept_plans(city)
    if not kept:
        return {"week": None, "this_week": this_week}
    asked = query.get("week", "")
    week = asked if asked in kept else this_week if this_week in kept else next(iter(kept))
    told = query.get("version", "")
    number = int(told) if told.isascii() and told.isdigit() and int(told) in kept[week] else kept[week][0]
    plan = seen_plan(_read(kept_path(city.home / PLANS, week, number)), city.state(), key)
    sites = _sites(city, plan)
    wanted = {name: query.get(name, "").strip()[:100] for name in ("agency", "district", "q")}
    visits, left_out, alerts = (
        _wanted(rows, sites, **wanted) for rows in (plan.visits, plan.left_out, plan.alerts)
    )
    shown = left_out.head(MOST_LEFT_OUT)
    named = sites[sites.index.isin([*visits["project_id"], *shown["project_id"], *alerts["project_id"]])]
    return {
        "week": week,
        "number": number,
        "weeks": list(dict.fromkeys([*list(kept)[:WEEKS_SHOWN], week])),
        "numbers": kept[week],
        "passport": plan.passport,
        "cards": {row["project_id"]: row for row in as_records(named.reset_index())},
        "wanted": wanted,
        "narrowed": any(wanted.values()),
        "address": lambda **other: "?" + urlencode({"week": week, "version": number} | other),
        "agencies": as_records(plan.agencies),
        "districts": [one for one in code_list("districts").codes if (sites["district"] == one).any()],
        "count": len(visits),
        "counts": visits["selected_by"].value_counts().to_dict(),
        "by_agency": by_agency(as_records(visits)),
        "left_out": as_records(shown),
        "all_left_out": len(left_out),
        "alerts": [as_records(rows) for _, rows in alerts.groupby("code", sort=False)],
        "works": _labels(city, {one for works in alerts["works"] for one in str(works).split(";")}),
    }


def kept_plans(city: City) -> tuple[dict[str, list[int]], str]:
    """The numbers of the plans kept of each week, the newest first, and which week it is."""
    return kept_numbers(city.home / PLANS), week_named(city.clock())


def seen_plan(plan: WeeklyPlan, state: LiveState, key: AccessKey) -> WeeklyPlan:
    """The plan within the key's scope."""
    if key.reaches_whole_city:
        return plan
    return plan_within(plan, lambda project_id: state.jurisdictions.reached(key, project_id))


def by_agency(visits: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The visits of each agency by day and team, those whose day is open last."""
    open_day = pd.Timestamp.max

    def when(visit: Mapping[str, Any]) -> tuple[pd.Timestamp, str]:
        return (open_day if pd.isna(visit["day"]) else visit["day"]), str(visit["inspector_refs"] or "")

    found: list[dict[str, Any]] = []
    ordered = sorted(visits, key=lambda visit: (visit["agency_code"], *when(visit)))
    for agency, mine in groupby(ordered, key=lambda visit: visit["agency_code"]):
        rows = list(mine)
        rounds = [
            {
                "day": None if day == open_day else day,
                "inspectors": [one for one in team.split(";") if one],
                "visits": list(each),
            }
            for (day, team), each in groupby(rows, key=when)
        ]
        found.append({"code": agency, "count": len(rows), "rounds": rounds})
    return found


def _read(path: Path) -> WeeklyPlan:
    """A kept plan, which does not change; the last few that were looked at are kept in memory."""
    return _READ.value((path, path.stat().st_mtime_ns), lambda: read_plan(path))


def _sites(city: City, plan: WeeklyPlan) -> pd.DataFrame:
    """Name and district of the projects of the plan that are active now, by project_id."""
    board = city.boards.board()
    if board is None:
        return pd.DataFrame(columns=["name", "district"], index=pd.Index([], name="project_id"), dtype="str")
    named = pd.concat([rows["project_id"] for rows in (plan.visits, plan.left_out, plan.alerts)])
    sites = board.sites[["project_id", "name", "district"]]
    return sites[sites["project_id"].isin(named)].set_index("project_id")


def _wanted(rows: pd.DataFrame, sites: pd.DataFrame, *, agency: str, district: str, q: str) -> pd.DataFrame:
    """The rows of an agency and a district in which a text is found: in the id, the name or the inspectors."""
    mask = pd.Series(True, index=rows.index)
    if agency:
        mask &= rows["agency_code"] == agency
    if district:
        mask &= rows["project_id"].isin(sites.index[sites["district"] == district])
    if q:
        told = (
            rows["project_id"].astype("str")
            + "\n"
            + rows["project_id"].map(sites["name"]).fillna("").astype("str")
        )
        if "inspector_refs" in rows:
            told += "\n" + rows["inspector_refs"].fillna("").astype("str")
        mask &= told.str.lower().str.contains(q.lower(), regex=False)
    return rows[mask]


def _labels(city: City, names: set[str]) -> dict[str, tuple[str, str]]:
    """What the works of an alert are called: they are features of the catalogue."""
    catalogue = city.state().scorer.index.catalogue
    return {one.name: (one.label_zh, one.label_en) for one in catalogue.features if one.name in names}


async def _file(request: Request) -> Response:
    """A kept plan as a file, within the key's scope."""
    desk, key = desk_of(request.app), key_asking()
    city = desk.city
    ending, week = f".{request.path_params['kind']}", request.path_params["week"]
    told = request.path_params["number"]
    number = int(told) if told.isascii() and told.isdigit() and len(told) < 7 else 0

    def made() -> bytes:
        if ending not in ENDINGS or number not in kept_numbers(city.home / PLANS).get(week, []):
            raise NotFound(zh="没有这份检查计划。", en="There is no such plan.", field="week")
        plan = seen_plan(_read(kept_path(city.home / PLANS, week, number)), city.state(), key)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"plan{ending}"
            write_plan(plan, path)
            return path.read_bytes()

    content = await desk.parts.in_thread(made)
    headers = {"Content-Disposition": f'attachment; filename="plan-{week}-{number}{ending}"'}
    return Response(content, media_type=_MEDIA[ending], headers=headers)


PAGES = (Page("/plan", _plan), Page("/plan/{week}/{number}.{kind}", _file))
