"""A plan made anew in mid-week after a signal or an accident: as few visits changed as possible, and which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import NotFound
from serving.plan.agency_choice import MANDATORY, RANDOM, RISK
from serving.plan.free_teams import free_team
from serving.plan.plan_tables import LEFT_OUT, WeeklyPlan, as_records
from serving.plan.planning_sites import Choice
from serving.plan.roster import Roster
from serving.plan.visit_words import checklist, team_needs
from serving.plan.weekly_plan import SAFETY, lots_of

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
        "已无按风险安排的检查；在随机抽取的检查中抽签，抽取表中注明该次未执行",
        "No visit chosen by risk was left: by lot among those drawn, and marked in the draw as not made",
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

    A site that still has a visit to come, or one whose day is open, is left as it is. Any other gets a team that the plan
    leaves free on one of the days to come, where the roster has one; else the place, day and inspectors of the agency's
    visit to come of the least claim: chosen ones first, the least worth before others; random ones next, by lot, so that
    the draw stays one; due ones last, the least urgent before others; and never one that was added. So no visit is
    taken out while a team is free. Visits before `day` are done. Raises NotFound for a site that is not active.
    """
    unknown = sorted(set(add) - set(sites["project_id"]))
    if unknown:
        raise NotFound(
            zh=f"当日没有这些在建项目：{'、'.join(unknown)}。",
            en=f"These are no active sites on that day: {', '.join(unknown)}.",
            field="add",
        )
    week = _Remaking(plan, choice, day, frozenset([*plan.passport.get("added", ()), *add]), roster)
    rows = week.rows
    to_come = {row["project_id"] for row in rows if not row["day"] < day}
    asked = sites.set_index("project_id", drop=False).loc[list(dict.fromkeys(add))]
    prefix = f"{plan.passport['week']}-R{day:%m%d}"
    number = sum(str(row["visit_id"]).startswith(prefix) for row in rows)
    for site in as_records(asked[~asked["project_id"].isin(to_come)]):
        number += 1
        week.put_in(
            _visit(site, f"{prefix}{number:02d}", plan, choice), str(site["last_inspectors"]).split(";")
        )
    visits = pd.DataFrame(rows, columns=list(plan.visits.columns))
    passport = dict(plan.passport) | {"remade_on": day.isoformat(), "added": sorted(week.added)}
    left_out = _left_out(plan.left_out, week)
    again = replace(
        plan,
        visits=visits,
        draw=_draw(plan.draw, week),
        left_out=left_out,
        agencies=_agencies(plan.agencies, visits, left_out),
        passport=passport,
    )
    return again, pd.DataFrame(week.changes, columns=list(CHANGES))


@dataclass
class _Remaking:
    """The rows of a plan while they are changed, what was changed, and the visits taken out with what took their place."""

    plan: WeeklyPlan
    choice: Choice
    day: pd.Timestamp
    added: frozenset[str]
    roster: Roster | None
    rows: list[dict[str, Any]] = field(init=False)
    changes: list[tuple[Any, ...]] = field(default_factory=list)
    taken_out: list[tuple[dict[str, Any], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = as_records(self.plan.visits)

    def put_in(self, visit: dict[str, Any], came_last: Sequence[str]) -> None:
        """Give the visit a team that is free, or another's place."""
        free = (
            free_team(self.rows, visit, self.day, self.roster, self.choice, avoid=came_last)
            if self.roster is not None
            else None
        )
        place = self._place(str(visit["agency_code"])) if free is None else None
        if free is not None:
            refs = ";".join(who.ref for who in free.inspectors)
            self.rows.append(self._staffed(visit, {"day": free.day, "inspector_refs": refs}))
            self.changes.append((ADDED, *_said(self.rows[-1]), "", *WHY["free"]))
        elif place is None:
            self.rows.append(visit)
            self.changes.append((ADDED, *_said(visit), "", *WHY["nothing"]))
        else:
            out = self.rows[place]
            self.rows[place] = self._staffed(visit, {name: out[name] for name in ("day", "inspector_refs")})
            self.taken_out.append((out, str(visit["project_id"])))
            self.changes += [
                (TAKEN_OUT, *_said(out), "", *WHY[out["selected_by"]]),
                (ADDED, *_said(self.rows[place]), out["project_id"], *WHY["instead"]),
            ]

    def _staffed(self, visit: dict[str, Any], team: dict[str, Any]) -> dict[str, Any]:
        """The visit with a day and a team, and what is asked of the team and none of it meets."""
        refs = str(team["inspector_refs"]).split(";")
        there = self.roster.on_days(str(visit["agency_code"])).get(team["day"], []) if self.roster else []
        can = {part for who in there if who.ref in refs for part in who.can}
        needs = str(visit["team_needs"]).split(";") if self.roster and team["inspector_refs"] else []
        return visit | team | {"team_lacks": ";".join(need for need in needs if need not in can)}

    def _place(self, agency: str) -> int | None:
        """The visit to come that gives way: None where the agency has none."""
        mine = [
            place
            for place, row in enumerate(self.rows)
            if row["agency_code"] == agency and row["day"] >= self.day and row["project_id"] not in self.added
        ]
        return min(mine, key=lambda place: self._keeps(self.rows[place]), default=None)

    def _keeps(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """How much a visit has to be kept: the smallest gives way first."""
        place = (RISK, RANDOM, MANDATORY).index(row["selected_by"])
        if row["selected_by"] == MANDATORY:
            order, colour = self.choice.plan["claims"], row["colour"]
            claim = order.index(colour) if colour in order else len(order)
            return place, -claim, -row["due_on"].value, row["visit_id"]
        if row["selected_by"] == RANDOM:
            name = f"{row['week']} {row['project_id']}"
            return (
                place,
                float(lots_of(int(row["seed"]), name, str(row["agency_code"])).random()),
                row["visit_id"],
            )
        return place, row["value"], row["visit_id"]


def _said(visit: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(visit[name] for name in ("visit_id", "project_id", "agency_code", "day"))


def _draw(draw: pd.DataFrame, week: _Remaking) -> pd.DataFrame:
    """The draw with those drawn whose visit is not made marked."""
    out = {row["project_id"] for row, _ in week.taken_out if not pd.isna(row["selection_probability"])}
    before = draw["taken_out"].fillna(False).astype(bool) if "taken_out" in draw else False
    return draw.assign(taken_out=before | draw["project_id"].isin(out))


def _left_out(left_out: pd.DataFrame, week: _Remaking) -> pd.DataFrame:
    """Due visits that are not made: those of before without what was added, and those that gave way."""
    gave_way = [
        {
            "agency_code": row["agency_code"], "project_id": row["project_id"], "due_on": row["due_on"],
            "due_zh": row["reason_zh"], "due_en": row["reason_en"], "why_zh": f"让位于周中新增的 {by}",
            "why_en": f"gave way to {by}, added within the week",
        }
        for row, by in week.taken_out if row["selected_by"] == MANDATORY
    ]  # fmt: skip
    kept = left_out[~left_out["project_id"].isin(week.added)]
    again = pd.concat([kept, pd.DataFrame(gave_way, columns=list(LEFT_OUT))], ignore_index=True)
    return again.assign(due_on=pd.to_datetime(again["due_on"]))


def _agencies(agencies: pd.DataFrame, visits: pd.DataFrame, left_out: pd.DataFrame) -> pd.DataFrame:
    """The rows of the agencies with visits counted again, by why, and those left out."""
    counted = pd.crosstab(visits["agency_code"], visits["selected_by"])
    codes = agencies["agency_code"]
    columns = {
        name.lower(): codes.map(counted[name]) if name in counted else 0 for name in (MANDATORY, RANDOM, RISK)
    }
    columns["visits"] = codes.map(visits["agency_code"].value_counts())
    columns["left_out"] = codes.map(left_out["agency_code"].value_counts())
    again = agencies.assign(**columns)
    return again.assign(**{name: again[name].fillna(0).astype(int) for name in columns})


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
