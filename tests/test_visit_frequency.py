"""How often a site is visited and when next: base, colour, nodes, working days, and the capacity of the station."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from data_contracts.policy import policy_on
from data_contracts.records import Records
from serving.grading.capacity import fitted_scale, roster_capacity, told_capacity
from serving.grading.frequency import visit_frequency
from serving.grading.grading_run import grade_city
from serving.grading.policies import house_grading_policies
from serving.grading.working_days import WorkingDays
from tests.grading_cities import UNKNOWN, city_today

DAY = pd.Timestamp("2026-03-02")
CONTENT = policy_on("visit_frequency", DAY.date()).content
NEVER = pd.NaT


def visits(
    working_days: WorkingDays | None = None, entered: dict[str, str] | None = None, **site: object
) -> pd.Series:
    """One site of grade 3 in blue, started on 1 January 2026 and visited on 1 February, unless told otherwise."""
    plain = {
        "inherent_grade": 3.0, "colour": "BLUE", "started_on": "2026-01-01", "last_visit_on": "2026-02-01",
        "expected_days": 730.0,
        "red_since": NEVER, "orange_since": NEVER, "yellow_since": NEVER,
    }  # fmt: skip
    row = pd.DataFrame([plain | site])
    for column in [name for name in row if name.endswith(("_on", "_since"))]:
        row[column] = pd.to_datetime(row[column])
    stages = {
        f"days_since_{stage}_entered": np.array([day], "M8[D]") for stage, day in (entered or {}).items()
    }
    return visit_frequency(row, CONTENT, working_days or WorkingDays.plain(), stages).iloc[0]


@pytest.mark.parametrize(
    ("grade", "a_year", "due", "rule"),
    [
        (1, 0.5, "2028-02-01", "BASE_1"),  # one visit in 730 days, 730 days after the last
        (2, 1, "2027-02-01", "BASE_2"),
        (3, 2, "2026-08-02", "BASE_3"),  # 182 whole days
        (4, 4, "2026-05-03", "BASE_4"),  # 91 whole days
        (5, 6, "2026-04-02", "BASE_5"),
        (math.nan, 2, "2026-08-02", "BASE_UNKNOWN"),
    ],
)
def test_the_inherent_grade_sets_the_base(grade, a_year, due, rule):
    found = visits(inherent_grade=grade)
    assert (found["visits_per_year"], found["due_on"], found["due_rule"]) == (a_year, pd.Timestamp(due), rule)


def test_a_site_never_visited_is_due_from_the_start_of_its_works():
    assert visits(last_visit_on=NEVER)["due_on"] == pd.Timestamp("2026-07-02")


def test_a_red_site_is_due_within_seven_working_days_of_its_red_and_then_every_thirty_days():
    red = {
        "colour": "RED",
        "red_since": "2026-03-02",
        "orange_since": "2026-03-02",
        "yellow_since": "2026-03-02",
    }
    found = visits(**red)
    assert (found["due_on"], found["due_rule"]) == (pd.Timestamp("2026-03-11"), "RED")
    assert found["visits_per_year"] == pytest.approx(365 / 30)
    assert visits(**red, last_visit_on="2026-03-04")["due_on"] == pd.Timestamp("2026-04-03")


def test_a_holiday_moves_the_day_and_a_worked_weekend_brings_it_back():
    red = {"colour": "RED", "red_since": "2026-03-02", "orange_since": NEVER, "yellow_since": NEVER}
    table = {"date": ["2026-03-04", "2026-03-07"], "is_working_day": [False, True]}
    calendar = WorkingDays.of(
        Records.from_tables({"calendar_days": pd.DataFrame(table | {"recorded_at": "1970-01-01"})}), DAY
    )
    free_alone = WorkingDays(np.array(["2026-03-04"], "M8[D]"), np.array([], "M8[D]"))
    assert visits(free_alone, **red)["due_on"] == pd.Timestamp("2026-03-12")
    assert visits(calendar, **red)["due_on"] == pd.Timestamp("2026-03-11")


def test_a_worse_colour_never_puts_off_what_a_better_one_had_asked_for():
    # Yellow since 1 January and not visited since: due on 1 April. Orange from 30 March alone would say 29 April.
    yellow = {"last_visit_on": "2025-12-01", "yellow_since": "2026-01-01"}
    assert visits(colour="YELLOW", **yellow)["due_on"] == pd.Timestamp("2026-04-01")
    found = visits(colour="ORANGE", orange_since="2026-03-30", **yellow)
    assert (found["due_on"], found["due_rule"]) == (pd.Timestamp("2026-04-01"), "YELLOW")


def test_the_frequency_is_never_under_the_base():
    # Ultra-high asks for six visits a year, yellow for one in 90 days, about four.
    found = visits(inherent_grade=5.0, colour="YELLOW", yellow_since="2026-01-15", last_visit_on="2026-02-01")
    assert (found["visits_per_year"], found["due_on"]) == (6, pd.Timestamp("2026-04-02"))


def test_a_stage_entered_asks_for_a_visit_unless_one_has_been_there_since():
    structure = {"main_structure": "2026-02-10"}
    found = visits(entered=structure)
    assert (found["due_on"], found["due_rule"]) == (pd.Timestamp("2026-04-11"), "NODE_STRUCTURE")
    assert visits(entered=structure, last_visit_on="2026-02-10")["due_rule"] == "BASE_3"
    assert visits(entered=structure, inherent_grade=2.0)["due_rule"] == "BASE_2"


def test_a_node_missed_is_owed_in_the_stages_that_follow_until_a_visit():
    # Excavation took 32 days, less than the 60 within which its visit was due; that one was not made.
    stages = {"excavation": "2026-02-08", "main_structure": "2026-03-12"}
    missed = visits(entered=stages)
    assert (missed["due_on"], missed["due_rule"]) == (pd.Timestamp("2026-04-09"), "NODE_SUBSTRUCTURE")
    visited = visits(entered=stages, last_visit_on="2026-03-01")
    assert (visited["due_on"], visited["due_rule"]) == (pd.Timestamp("2026-05-11"), "NODE_STRUCTURE")


def test_a_run_knows_the_nodes_of_earlier_stages():
    facts = {
        "days_since_excavation_entered": [100],
        "days_since_main_structure_entered": [40],
        "days_since_counted_visit": [70],
    }
    found = grade_city(city_today([0.1], facts=facts, inherent=[3]), house_grading_policies(), UNKNOWN).grades
    assert found["due_rule"].tolist() == ["NODE_STRUCTURE"]
    facts["days_since_counted_visit"] = [120]
    found = grade_city(city_today([0.1], facts=facts, inherent=[3]), house_grading_policies(), UNKNOWN).grades
    assert found["due_rule"].tolist() == ["NODE_SUBSTRUCTURE"]
    assert found["due_on"].tolist() == [DAY - pd.Timedelta(days=40)]


@pytest.mark.parametrize("grade", [1.0, math.nan])
def test_a_low_risk_factory_or_one_of_unknown_grade_is_visited_between_topping_out_and_finishes(grade):
    found = visits(inherent_grade=grade, last_visit_on=NEVER, entered={"infill": "2026-03-01"})
    assert (found["due_on"], found["due_rule"]) == (pd.Timestamp("2026-04-30"), "NODE_TOPPED_OUT")
    assert found["due_zh"] == "主体结构封顶后、装饰装修施工前"


def test_the_quarter_of_2018_costs_what_the_base_lacks_to_four_visits():
    city = city_today([0.1] * 3, inherent=[2, 3, 4])  # bases 1, 2 and 4 visits a year
    now, then = (
        grade_city(city, house_grading_policies(name), UNKNOWN).passport["visits_per_year"]
        for name in ("visit_frequency", "visit_frequency_2018")
    )
    assert (now, then) == (7, 12)


def test_the_expected_duration_is_the_contract_then_the_plan_then_as_told():
    facts = {
        "contract_days": [365, math.nan, math.nan],
        "days_since_start": [100, 100, 100],
        "days_to_planned_finish": [900, 630, math.nan],
    }
    grades = grade_city(city_today([0.1] * 3, facts=facts), house_grading_policies(), UNKNOWN).grades
    assert grades["expected_days"].tolist() == [365, 730, 540]


def roster(rows: list[tuple[str, str, bool | None, str]]) -> Records:
    table = pd.DataFrame(rows, columns=["inspector_ref", "date", "available", "recorded_at"])
    return Records.from_tables({"inspector_days": table})


def test_the_capacity_comes_from_the_inspector_days_on_file_by_working_day():
    # Two weeks known: ten working days. Eight available days are four team-days, at 0.4 visits a team-day in plan
    # 1.6 visits in ten working days; of the 261 of the year from 2 March 2026 that makes 41.76.
    days = [str(day.date()) for day in pd.bdate_range("2026-03-02", "2026-03-13")]
    rows = [(one, day, True, "2026-02-20") for one in ("G1", "G2") for day in days[:4]]
    rows += [
        ("G1", days[9], False, "2026-02-20"),
        ("G2", days[5], True, "2026-03-05"),
        ("G2", days[6], None, "2026-02-20"),
    ]
    policy = policy_on("dynamic_grade", DAY.date()).content["capacity"]
    found = roster_capacity(roster(rows), DAY, policy, WorkingDays.plain())
    assert (found.inspector_days, found.working_days_seen) == (8, 10)
    assert found.visits_per_year == pytest.approx(8 / 2 * 0.4 / 10 * 261)


def test_without_a_roster_the_capacity_is_not_known_and_the_scale_is_one():
    policy = policy_on("dynamic_grade", DAY.date()).content["capacity"]
    assert roster_capacity(roster([]), DAY, policy, WorkingDays.plain()).visits_per_year is None
    assert fitted_scale(np.array([0.1]), 1, np.array([10, 5]), None, {"at_least": 0.2, "at_most": 2}) == 1


def test_a_station_told_to_make_few_visits_has_the_narrowest_colours_and_one_told_many_the_widest():
    scales = [
        grade_city(
            city_today([n / 100 for n in range(100)]), house_grading_policies(), told_capacity(visits)
        ).passport["scale"]
        for visits in (1, 100_000)
    ]
    assert scales == [0.2, 2.5]
