"""A plan made anew in mid-week after a signal or an accident: as few visits changed as possible, and which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import NotFound
from serving.plan.agency_choice import MANDATORY, RANDOM, RISK
from serving.plan.free_teams import free_team
from serving.plan.planning_sites import Choice
from serving.plan.roster import Roster
from serving.plan.visit_words import checklist, team_needs
from serving.plan.weekly_plan import SAFETY, WeeklyPlan, as_records

CHANGES = ("change", "visit_id", "project_id", "agency_code", "day", "instead_of", "reason_zh", "reason_en")
ADDED, TAKEN_OUT = "ADDED", "TAKEN_OUT"
WHY = {
    "free": ("当日尚有人员可派", "A team of that day was free"),
    "instead": (
        "无空余人员，替换该机构其余检查中优先级最低的一次",
        "No team was free: in place of the agency's visit of the least claim",
    ),
    "nothing": (
        "该机构本周已无检查可替换，日期待定",
        "The agency has no visit to come to take the place of; the day is open",
    ),
    RISK: (
        "按风险安排的检查中预计降低最少",
        "Of the visits chosen by risk, the one expected to lower it least",
    ),
    RANDOM: (
        "已无按风险安排的检查；随机抽取的结果须注明该次未执行",
        "No visit chosen by risk was left; say with the random draw that this one was not made",
    ),
    MANDATORY: (
        "已无其他检查可替换，到期检查顺延，须优先补上",
        "No other visit was left: a due one gives way and is to be made up for first",
    ),
}


def remade(
    plan: WeeklyPlan,
    sites: pd.DataFrame,
    choice: Choice,
    day: pd.Timestamp,
    add: Sequence[str],
    *,
    roster: Roster | None = None,
) -> tuple[WeeklyPlan, pd.DataFrame]:
    """The plan with a visit to each of `add` from `day` on, and what was changed (CHANGES), each with its reason.

    A site that still has a visit to come is left as it is. Any other gets a team that the plan leaves free on one of
    the days to come, where the roster has one; else the place, day and inspectors of the agency's visit to come of the
    least worth: chosen ones first, random ones next, due ones last, and never one that was added too. So no visit is
    taken out while a team is free. Visits before `day` are done. Raises NotFound for a site that is not active.
    """
    unknown = sorted(set(add) - set(sites["project_id"]))
    if unknown:
        raise NotFound(
            zh=f"当日没有这些在建项目：{'、'.join(unknown)}。",
            en=f"These are no active sites on that day: {', '.join(unknown)}.",
            field="add",
        )
    rows, changes = as_records(plan.visits), []
    to_come = {row["project_id"] for row in rows if row["day"] >= day}
    asked = sites.set_index("project_id", drop=False).loc[list(dict.fromkeys(add))]
    prefix = f"{plan.passport['week']}-R{day:%m%d}"
    number = sum(str(row["visit_id"]).startswith(prefix) for row in rows)
    for site in as_records(asked[~asked["project_id"].isin(to_come)]):
        number += 1
        visit = _visit(site, f"{prefix}{number:02d}", plan, choice)
        changes += _put_in(rows, visit, day, added=set(add), choice=choice, roster=roster)
    visits = pd.DataFrame(rows, columns=list(plan.visits.columns))
    passport = dict(plan.passport) | {"remade_on": day.isoformat(), "added": list(add)}
    return replace(plan, visits=visits, passport=passport), pd.DataFrame(changes, columns=list(CHANGES))


def _put_in(
    rows: list[dict[str, Any]],
    visit: dict[str, Any],
    day: pd.Timestamp,
    *,
    added: set[str],
    choice: Choice,
    roster: Roster | None,
) -> list[tuple[Any, ...]]:
    """Give the visit a team that is free, or another's place; what that changes."""
    agency, needs = str(visit["agency_code"]), str(visit["team_needs"]).split(";")
    free = free_team(rows, visit, day, roster, choice) if roster is not None else None
    if free is not None:
        can = {part for who in free.inspectors for part in who.can}
        refs = ";".join(who.ref for who in free.inspectors)
        lacks = ";".join(need for need in needs if need not in can)
        rows.append(visit | {"day": free.day, "inspector_refs": refs, "team_lacks": lacks})
        return [(ADDED, *_said(rows[-1]), "", *WHY["free"])]
    place = _place(rows, agency, day, added)
    if place is None:
        rows.append(visit)
        return [(ADDED, *_said(visit), "", *WHY["nothing"])]
    out = rows[place]
    rows[place] = visit | {name: out[name] for name in ("day", "inspector_refs")}
    taken_out = (TAKEN_OUT, *_said(out), "", *WHY[out["selected_by"]])
    return [taken_out, (ADDED, *_said(rows[place]), out["project_id"], *WHY["instead"])]


def _said(visit: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(visit[name] for name in ("visit_id", "project_id", "agency_code", "day"))


def _place(rows: list[dict[str, Any]], agency: str, day: pd.Timestamp, added: set[str]) -> int | None:
    """The visit to come that gives way: None where the agency has none."""
    mine = [
        place
        for place, row in enumerate(rows)
        if row["agency_code"] == agency and row["day"] >= day and row["project_id"] not in added
    ]
    kept = {MANDATORY: 2, RANDOM: 1}
    return min(
        mine,
        key=lambda place: (
            kept.get(rows[place]["selected_by"], 0),
            rows[place]["value"],
            rows[place]["visit_id"],
        ),
        default=None,
    )


def _visit(site: dict[str, Any], visit_id: str, plan: WeeklyPlan, choice: Choice) -> dict[str, Any]:
    looks = checklist(site, choice.plan)
    return {
        "visit_id": visit_id,
        "week": plan.passport["week"],
        "day": pd.NaT,
        "agency_code": site["agency_code"],
        "project_id": site["project_id"],
        "discipline": SAFETY,
        "team_needs": ";".join(team_needs({"discipline": SAFETY} | site, choice.plan)),
        "inspector_refs": "",
        "team_lacks": "",
        "selected_by": MANDATORY,
        "selection_probability": np.nan,
        "seed": plan.passport["seed"],
        "colour": site["colour"],
        "due_on": site["due_on"],
        "value": site["value"],
        "reason_zh": "计划周内新增：事故或信号",
        "reason_en": "Added within the week: an accident or a signal",
        "checklist_zh": "；".join(zh for zh, _ in looks),
        "checklist_en": "; ".join(en for _, en in looks),
    }
