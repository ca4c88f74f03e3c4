"""A plan made anew in mid-week after a signal or an accident: as few visits changed as possible, and which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import NotFound
from serving.plan.agency_programme import MANDATORY, RANDOM
from serving.plan.planning_sites import Choice
from serving.plan.visit_words import checklist
from serving.plan.weekly_plan import SAFETY, WeeklyPlan, as_records

CHANGES = ("change", "visit_id", "project_id", "agency_code", "day", "instead_of")
ADDED, TAKEN_OUT = "ADDED", "TAKEN_OUT"


def remade(
    plan: WeeklyPlan, sites: pd.DataFrame, choice: Choice, day: pd.Timestamp, add: Sequence[str]
) -> tuple[WeeklyPlan, pd.DataFrame]:
    """The plan with a visit to each of `add` from `day` on, and what was changed (CHANGES).

    A site that still has a visit to come is left as it is. Any other takes the place, day and inspectors of the agency's
    visit to come of the least worth: chosen ones first, random ones next, due ones last, and never one that was added
    too. Visits before `day` are done. Raises NotFound for a site that is not active.
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
    for number, site in enumerate(as_records(asked[~asked["project_id"].isin(to_come)])):
        visit = _visit(site, f"{plan.passport['week']}-R{day:%m%d}{number + 1:02d}", plan, choice)
        place = _place(rows, str(site["agency_code"]), day, set(add))
        if place is None:
            rows.append(visit)
            changes.append((ADDED, visit["visit_id"], site["project_id"], site["agency_code"], None, ""))
            continue
        out = rows[place]
        rows[place] = visit | {name: out[name] for name in ("day", "inspector_refs")}
        changes.append((TAKEN_OUT, out["visit_id"], out["project_id"], out["agency_code"], out["day"], ""))
        said = (visit["visit_id"], site["project_id"], site["agency_code"], out["day"], out["project_id"])
        changes.append((ADDED, *said))
    visits = pd.DataFrame(rows, columns=list(plan.visits.columns))
    passport = dict(plan.passport) | {"remade_on": day.isoformat(), "added": list(add)}
    return replace(plan, visits=visits, passport=passport), pd.DataFrame(changes, columns=list(CHANGES))


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
        "inspector_refs": "",
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
