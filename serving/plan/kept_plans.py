"""Plans that are kept, every one, in a folder of the home; and what they still mean for the plan of a later week."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from serving.grading.frequency import DUE_COLUMNS, visit_frequency
from serving.grading.working_days import WorkingDays
from serving.plan.plan_files import read_plan, write_plan
from serving.plan.plan_tables import Week, WeeklyPlan, week_named

PLANNED = ("project_id", "day", "inspector_refs")
_NAME = re.compile(r"(?P<week>\d{4}-W\d{2})-(?P<number>\d{1,6})", re.ASCII)


def keep(plan: WeeklyPlan, folder: Path) -> Path:
    """Every plan stays: the next number of the week."""
    folder.mkdir(parents=True, exist_ok=True)
    week = plan.passport["week"]
    path = kept_path(folder, week, 1 + max(_numbers(folder, week), default=0))
    write_plan(plan, path)
    return path


def kept_path(folder: Path, week: str, number: int) -> Path:
    """Where a plan of a week is kept."""
    return folder / f"{week}-{number}.json"


def kept_numbers(folder: Path) -> dict[str, list[int]]:
    """The numbers of the plans kept of each week, the latest week and the highest number first; empty for no folder."""
    found: dict[str, list[int]] = {}
    for path in folder.glob("*.json"):
        if named := _NAME.fullmatch(path.stem):
            found.setdefault(named["week"], []).append(int(named["number"]))
    return {week: sorted(found[week], reverse=True) for week in sorted(found, reverse=True)}


def still_planned(folder: Path, week: Week) -> tuple[pd.DataFrame, list[str]]:
    """project_id, day and inspector_refs of visits from the day of planning until `week`, and the plans that say so.

    Of each week before, the plan kept last counts; of a site its last visit. Nothing where the week has begun.
    """
    plans, monday = [], week.as_of - pd.Timedelta(days=week.as_of.weekday())
    while monday < week.monday:
        name = week_named(monday)
        if numbers := _numbers(folder, name):
            plans.append(kept_path(folder, name, max(numbers)))
        monday += pd.Timedelta(weeks=1)
    parts = [read_plan(path).visits[list(PLANNED)] for path in plans]
    visits = pd.concat(parts) if parts else pd.DataFrame(columns=list(PLANNED))
    ahead = visits[(visits["day"] >= week.as_of) & (visits["day"] < week.monday)]
    last = ahead.sort_values("day", kind="stable").drop_duplicates("project_id", keep="last")
    return last.reset_index(drop=True), [path.name for path in plans]


def as_if_made(
    grades: pd.DataFrame, planned: pd.DataFrame, frequency: Mapping[str, Any], working_days: WorkingDays
) -> pd.DataFrame:
    """The grades with each visit of `planned` as the site's last one, and due days after it by the frequency policy."""
    day = grades["project_id"].map(planned.set_index("project_id")["day"])
    rows = day.notna()
    if not rows.any():
        return grades
    visited = grades[rows].assign(last_visit_on=day[rows].astype("datetime64[us]"))
    due = visit_frequency(visited, frequency, working_days)
    found = grades.copy()
    for name, values in {"last_visit_on": visited["last_visit_on"], **due[list(DUE_COLUMNS)]}.items():
        found.loc[rows, name] = values
    return found


def _numbers(folder: Path, week: str) -> list[int]:
    return [int(path.stem.rsplit("-", 1)[1]) for path in folder.glob(f"{week}-*.json")]
