"""What is asked of a plan, which grades it rests on, and what plans that are kept mean for the next one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data_contracts.errors import InvalidInput
from serving.command_line.plan_command import _refuse_idle
from serving.command_line.plan_inputs import is_made_by, week_asked
from serving.grading.capacity import NOT_KNOWN, Capacity
from serving.grading.grading_run import grade_city
from serving.grading.policies import house_grading_policies
from serving.grading.working_days import WorkingDays
from serving.plan.kept_plans import as_if_made, keep, still_planned
from serving.plan.plan_tables import Week, WeeklyPlan
from serving.plan.weekly_plan import weekly_plan
from tests.grading_cities import POLICIES, city_today
from tests.planned_weeks import MONDAY, WEEK, house_choice, roster_of, sites_of

CHOICE = house_choice()
FOUR = {f"G{number}": ("A", "SAFETY") for number in range(4)}


def plan_of(rows: list[dict[str, object]], week: Week = WEEK) -> WeeklyPlan:
    return weekly_plan(sites_of(rows, CHOICE), roster_of(FOUR), CHOICE, week, 7)


def test_the_plan_of_a_week_is_made_on_a_day_up_to_its_sunday() -> None:
    assert week_asked("2026-W20", None, remake=False).as_of == pd.Timestamp("2026-05-11")
    assert week_asked("2026-W20", None, remake=True).as_of == pd.Timestamp("2026-05-17")
    assert week_asked("2026-W20", "2026-05-13", remake=False).as_of == pd.Timestamp("2026-05-13")
    with pytest.raises(InvalidInput, match="ends on 2026-05-17"):
        week_asked("2026-W20", "2026-05-18", remake=False)


@pytest.mark.parametrize(
    ("options", "campaign", "words"),
    [
        ({"--remake": "plan.json", "--add": ["P1"], "--seed": 1}, None, "leave out --seed"),
        ({"--remake": "plan.json", "--add": ["P1"], "--visits": 5}, None, "leave out --visits"),
        ({"--remake": None, "--add": None, "--visits": 5}, "PIT", "leave out --visits"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    options: dict[str, object], campaign: str | None, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        _refuse_idle(options, campaign)


def test_a_kept_grading_run_counts_only_if_model_and_policies_are_those_asked_for() -> None:
    passport = {"policies": POLICIES.digests(), "model_version": "7"}
    assert is_made_by(passport, POLICIES, "7")
    assert not is_made_by(passport, POLICIES, "8")
    assert not is_made_by(passport, house_grading_policies("visit_frequency_2018"), "7")


def test_visits_still_planned_are_those_of_the_last_kept_plan_until_the_week(tmp_path: Path) -> None:
    rows = [{"due_on": MONDAY} for _ in range(10)]
    keep(plan_of(rows[:1]), tmp_path)
    plan = plan_of(rows)
    assert keep(plan, tmp_path).name == "2026-W48-2.json"
    wednesday, next_monday = MONDAY + pd.Timedelta(days=2), MONDAY + pd.Timedelta(days=7)
    visits, plans = still_planned(tmp_path, Week("2026-W49", next_monday, wednesday))
    ahead = plan.visits[plan.visits["day"] >= wednesday]
    assert plans == ["2026-W48-2.json"]
    assert sorted(visits["project_id"]) == sorted(ahead["project_id"]) and len(visits) == 6
    assert still_planned(tmp_path, WEEK)[0].empty


def test_a_visit_still_planned_moves_the_due_day_as_if_it_had_been_made() -> None:
    city = city_today([0.1, 0.2], facts={"days_since_counted_visit": [300, 300]})
    grades = grade_city(city, POLICIES, Capacity(None, NOT_KNOWN)).grades
    day = pd.Timestamp("2026-03-05")
    planned = pd.DataFrame({"project_id": ["P001"], "day": [day], "inspector_refs": ["G1;G2"]})
    frequency = POLICIES.on(city.day.date())[1].content
    after = as_if_made(grades, planned, frequency, WorkingDays.plain())
    assert after.loc[1, "last_visit_on"] == day
    assert after.loc[1, "due_on"] > grades.loc[1, "due_on"] and after.loc[1, "due_on"] > day
    pd.testing.assert_frame_equal(after.iloc[[0]], grades.iloc[[0]])
