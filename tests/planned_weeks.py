"""Hand-made sites and inspectors for tests of the weekly plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from data_contracts.policy import policy_file
from serving.plan.plan_tables import Week
from serving.plan.planning_sites import Choice
from serving.plan.roster import Roster

MONDAY = pd.Timestamp("2026-11-23")
WEEK = Week("2026-W48", MONDAY, MONDAY)
WORKING_DAYS = tuple(pd.date_range(MONDAY, periods=5))


def house_choice(**capacity: Any) -> Choice:
    """The house's own policies, all inspector-days for planned visits unless told."""
    plan, visits = (policy_file(name).policies[-1].content for name in ("weekly_plan", "visit_choice"))
    told = {"share_of_days_for_planned_visits": 1.0, "inspectors_a_visit": 2, "visits_a_team_day": 1}
    return Choice(visits, plan, told | capacity)


def sites_of(rows: Sequence[Mapping[str, Any]], choice: Choice) -> pd.DataFrame:
    """A row a site as `planning_sites` makes them: blue, due next year, last visited long ago, nothing special."""
    plain = {
        "agency_code": "A", "colour": "BLUE", "due_on": pd.Timestamp("2027-06-01"), "due_rule": "BASE", "due_zh": "基准频次",
        "due_en": "base frequency", "rule_zh": None, "rule_en": None, "waited": 200.0, "value": 0.001, "value_defect": 0.0,
        "last_inspectors": "", "area": 0, **dict.fromkeys(choice.facts, 0.0),
    }  # fmt: skip
    made = pd.DataFrame(
        [plain | {"project_id": f"P{number:03d}"} | dict(row) for number, row in enumerate(rows)]
    )
    return made.assign(due_on=pd.to_datetime(made["due_on"]))


def roster_of(
    inspectors: Mapping[str, tuple[str, str]], days: Sequence[pd.Timestamp] = WORKING_DAYS
) -> Roster:
    """Inspectors (agency, disciplines) who are there on each of the days."""
    rows = [
        {
            "inspector_ref": who,
            "date": day,
            "agency_code": agency,
            "disciplines": disciplines,
            "is_expert": False,
        }
        for who, (agency, disciplines) in inspectors.items()
        for day in days
    ]
    columns = ["inspector_ref", "date", "agency_code", "disciplines", "is_expert"]
    return Roster(pd.DataFrame(rows, columns=columns), tuple(WORKING_DAYS))
