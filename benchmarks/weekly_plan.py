"""How long a week's plan takes, and what its choice by sorting is worth beside an integer programme's.

    python benchmarks/weekly_plan.py [--sites 4600] [--agencies 16] [--weeks 3]

Made-up sites in made-up places with skewed risks: nothing here says anything about a real city. Planned twice, one visit
a team-day as the house policy has it, and three where areas matter. Prints a table and one line of JSON; `seconds` and
`gap` are the worst of all weeks: how much more the integer programme reaches; `fast_share_of_milp` is the least share.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.choice_programme import best_by_programme, worth_beside_programme
from data_contracts.policy import policy_file
from serving.plan.agency_choice import choose
from serving.plan.plan_tables import Week
from serving.plan.planning_sites import Choice
from serving.plan.roster import Roster
from serving.plan.weekly_plan import agency_weeks, weekly_plan

MONDAY = pd.Timestamp("2026-11-23")
SITES_AN_INSPECTOR = 13  # a synthetic city of 4,600 sites has some 354 inspectors
SHARE_DUE = 0.02


def main() -> None:
    """Plan every week both ways, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sites", type=int, default=4600)
    parser.add_argument("--agencies", type=int, default=16)
    parser.add_argument("--weeks", type=int, default=3)
    given = parser.parse_args()
    rows = [
        measured(given.sites, given.agencies, a_day, seed) for a_day in (1, 3) for seed in range(given.weeks)
    ]
    print(pd.DataFrame(rows).round(6).to_string(index=False))
    print(
        json.dumps({
            "sites": given.sites,
            "agencies": given.agencies,
            "seconds": round(max(row["seconds"] for row in rows), 3),
            "gap": max(row["gap"] for row in rows),
            "fast_share_of_milp": round(min(row["fast_share"] for row in rows), 6),
            "fast_milliseconds": round(max(row["fast_ms"] for row in rows), 2),
        })
    )  # fmt: skip


def measured(sites: int, agencies: int, a_day: int, seed: int) -> dict[str, Any]:
    """One week: the whole plan's seconds, the choice's milliseconds, and its worth beside the integer programme's."""
    chance = np.random.default_rng([seed, a_day])
    choice = _choice(a_day)
    week = _week(seed)
    city, roster = _sites(chance, week, sites, agencies, choice), _roster(chance, week, sites, agencies)
    began = time.perf_counter()
    plan = weekly_plan(city, roster, choice, week, seed)
    seconds = time.perf_counter() - began
    weeks = list(agency_weeks(city, roster, choice, week, seed))
    began = time.perf_counter()
    fast = [choose(one) for one in weeks]
    fast_ms = (time.perf_counter() - began) * 1000
    shares = [
        worth_beside_programme(one, choose(of, best_by_programme), of)
        for one, of in zip(fast, weeks, strict=True)
    ]
    return {
        "visits_a_day": a_day, "week": week.name, "visits": len(plan.visits),
        "due": int(plan.agencies["mandatory"].sum()), "left_out": len(plan.left_out),
        "seconds": seconds, "gap": max(1.0 - min(shares), 0.0), "fast_ms": fast_ms, "fast_share": min(shares),
    }  # fmt: skip


def _week(number: int) -> Week:
    monday = MONDAY + pd.Timedelta(weeks=number)
    year, week, _ = monday.isocalendar()
    return Week(f"{year}-W{week:02d}", monday, monday)


def _choice(a_day: int) -> Choice:
    contents = (
        policy_file(name).policies[-1].content for name in ("visit_choice", "weekly_plan", "dynamic_grade")
    )
    visits, plan, grade = contents
    return Choice(visits, plan, dict(grade["capacity"]) | {"visits_a_team_day": a_day})


def _sites(
    chance: np.random.Generator, week: Week, sites: int, agencies: int, choice: Choice
) -> pd.DataFrame:
    """Agencies of unequal size, squares within each, risks a hundred times apart, one in fifty due."""
    weights = chance.dirichlet(np.full(agencies, 3.0))
    agency = chance.choice(agencies, sites, p=weights)
    due = np.where(chance.random(sites) < SHARE_DUE, chance.integers(-20, 5, sites), 200)
    return pd.DataFrame({
        "project_id": [f"P{number:05d}" for number in range(sites)],
        "agency_code": [f"D{number:02d}" for number in agency],
        "colour": "BLUE", "due_on": week.monday + pd.to_timedelta(due, unit="D"), "due_rule": "BASE", "due_zh": "基准频次",
        "due_en": "base frequency", "rule_zh": None, "rule_en": None, "waited": chance.integers(1, 300, sites).astype(float),
        "value": chance.lognormal(-9, 1.2, sites), "value_defect": 0.0, "last_inspectors": "",
        "area": agency * 100 + chance.integers(0, 25, sites), **dict.fromkeys(choice.facts, 0.0),
    })  # fmt: skip


def _roster(chance: np.random.Generator, week: Week, sites: int, agencies: int) -> Roster:
    inspectors, days = sites // SITES_AN_INSPECTOR, tuple(pd.date_range(week.monday, periods=5))
    who = pd.DataFrame(
        {
            "inspector_ref": [f"G{number:04d}" for number in range(inspectors)],
            "agency_code": [f"D{number % agencies:02d}" for number in range(inspectors)],
            "disciplines": chance.choice(["SAFETY", "SAFETY;QUALITY", "QUALITY;FIRE"], inspectors),
            "is_expert": chance.random(inspectors) < 0.1,
        }
    )
    return Roster(who.merge(pd.DataFrame({"date": days}), how="cross"), days)


if __name__ == "__main__":
    main()
