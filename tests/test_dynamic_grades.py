"""Dynamic grades: cut-offs, overrides, steps down, what a person decides, and what decided each colour."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import ModelInvalid, PolicyUndefined
from serving.grading.capacity import Capacity, told_capacity
from serving.grading.city_today import CityToday
from serving.grading.colours import RANK, colour_ranks
from serving.grading.decisions import Decision, waiting_at, with_decisions
from serving.grading.grading_run import GradingRun, grade_city
from tests.grading_cities import POLICIES, UNKNOWN, city_today

GRADING = Path(__file__).parents[1] / "serving" / "grading"
# 100 sites with risks 0.01, 0.02 … 1.00: the riskiest 2 are red, the next 8 orange, the next 25 yellow.
HUNDRED = [number / 100 for number in range(1, 101)]


def graded(
    city: CityToday, yesterday: pd.DataFrame | None = None, capacity: Capacity = UNKNOWN
) -> pd.DataFrame:
    return grade_city(city, POLICIES, capacity, yesterday).grades


def with_risk(risk: float) -> list[float]:
    """The hundred sites, the first of them with another risk."""
    return [risk, *HUNDRED[1:]]


def first(grades: pd.DataFrame) -> pd.Series:
    return grades.iloc[0]


def test_without_a_known_capacity_the_shares_of_the_policy_hold_as_they_are():
    run = grade_city(city_today(HUNDRED), POLICIES, UNKNOWN)
    assert run.passport["colours"] == {"BLUE": 65, "YELLOW": 25, "ORANGE": 8, "RED": 2}
    assert run.passport["scale"] == 1
    assert run.passport["cutoffs"]["accident"] == {"RED": 0.99, "ORANGE": 0.91, "YELLOW": 0.66}


def test_the_worst_head_decides_and_is_named_with_value_threshold_and_reference():
    # The site least likely to have an accident is the likeliest to have a defect.
    found = first(graded(city_today(HUNDRED, defect=[0.5] + [0.1] * 99)))
    assert (found["colour"], found["rule"], found["fact"]) == ("RED", "HEAD_DEFECT", "risk_defect")
    assert (found["value"], found["threshold"]) == (0.5, 0.5)
    assert found["rule_zh"] == "质量缺陷风险50.00%，达到红色界限50.00%"
    assert found["reference"].startswith("dynamic_grade 2018-06-01: ")


def test_a_risk_that_very_many_sites_share_makes_none_of_them_red():
    run = grade_city(city_today([0.3] * 100), POLICIES, UNKNOWN)
    assert run.passport["colours"] == {"BLUE": 100}
    assert run.passport["cutoffs"]["accident"]["YELLOW"] is None


def test_a_blue_site_is_told_which_cut_off_it_stayed_below():
    found = first(graded(city_today(HUNDRED)))
    assert (found["colour"], found["value"], found["threshold"]) == ("BLUE", 0.01, 0.66)


def test_a_percentile_is_the_share_of_the_run_whose_risk_is_not_higher():
    grades = graded(city_today([0.1, 0.2, 0.3, 0.4]))
    assert grades["percentile_accident"].tolist() == [25, 50, 75, 100]


def test_a_site_without_a_risk_is_not_low_but_without_a_colour():
    found = first(graded(city_today([math.nan, *HUNDRED])))
    assert (found["colour"], found["rule"], found["confirmation"]) == (
        "NA",
        "INSUFFICIENT_DATA",
        "NOT_NEEDED",
    )
    assert "按固有风险等级管理" in found["rule_zh"] and found["visits_per_year"] == 1  # twice in 730 days


def test_a_site_that_owes_too_many_records_has_no_colour():
    city = city_today(HUNDRED, facts={"inputs_missing": [6, *[0] * 99]})
    assert first(graded(city))["colour"] == "NA"


def test_a_site_whose_data_are_lost_keeps_a_colour_above_blue():
    before = graded(city_today(with_risk(0.95)))
    after = first(graded(city_today(with_risk(math.nan), day="2026-03-03"), before))
    assert (first(before)["colour"], after["colour"], after["rule"]) == ("ORANGE", "ORANGE", "DATA_LOST")
    blue = graded(city_today(HUNDRED))
    assert first(graded(city_today(with_risk(math.nan), day="2026-03-03"), blue))["colour"] == "NA"


@pytest.mark.parametrize(
    ("fact", "value", "colour", "rule"),
    [
        ("days_since_fatal_accident", 89, "RED", "FATAL_ACCIDENT"),
        ("days_since_fatal_accident", 90, "BLUE", "HEAD_ACCIDENT"),
        ("major_hazards_overdue", 1, "RED", "MAJOR_HAZARD_OVERDUE"),
        ("major_hazards_open", 1, "ORANGE", "MAJOR_HAZARD_OPEN"),
        ("stop_orders_in_force", 1, "ORANGE", "STOP_ORDER"),
        ("overscale_works_not_reviewed", 2, "YELLOW", "PLAN_NOT_REVIEWED"),
        ("highest_open_alarm", 3, "ORANGE", "SEVERE_ALARM"),
        ("alarms_open", 1, "YELLOW", "ALARM"),
    ],
)
def test_an_override_decides_whatever_the_risk_and_says_which_fact(fact, value, colour, rule):
    missing = math.nan if fact in ("days_since_fatal_accident", "highest_open_alarm") else 0
    found = first(graded(city_today(HUNDRED, facts={fact: [value, *[missing] * 99]})))
    assert (found["colour"], found["rule"], found["indicated_colour"]) == (colour, rule, "BLUE")
    if rule != "HEAD_ACCIDENT":
        assert (found["fact"], found["value"]) == (fact, value)


def test_an_override_cools_for_its_days_after_it_was_last_seen():
    stopped = {"stop_orders_in_force": [1, *[0] * 99]}
    before = graded(city_today(HUNDRED, facts=stopped, day="2026-03-02"))
    lifted = graded(city_today(HUNDRED, day="2026-03-03"), before)
    assert (first(lifted)["colour"], first(lifted)["rule"]) == ("ORANGE", "STOP_ORDER")
    assert "最近见于2026-03-02，冷却期至2026-04-01" in first(lifted)["rule_zh"]
    last = graded(city_today(HUNDRED, day="2026-04-01"), lifted)
    assert (first(last)["rule"], first(last)["proposed_colour"]) == ("STOP_ORDER", None) or pd.isna(
        first(last)["proposed_colour"]
    )
    over = first(graded(city_today(HUNDRED, day="2026-04-02"), last))
    assert (over["colour"], over["proposed_colour"]) == ("ORANGE", "YELLOW")


def test_a_worse_colour_holds_at_once_and_waits_for_a_person_meanwhile():
    before = graded(city_today(HUNDRED))
    after = first(graded(city_today(with_risk(0.995), day="2026-03-03"), before))
    assert (after["colour"], after["confirmation"]) == ("RED", "PENDING")
    assert after["colour_since"] == pd.Timestamp("2026-03-03")


def test_a_better_colour_is_proposed_one_step_at_most_and_does_not_hold_by_itself():
    before = graded(city_today(with_risk(0.995), day="2026-03-02"))
    after = first(graded(city_today(HUNDRED, day="2026-04-01"), before))  # 30 days later, risk 0.01
    assert (after["colour"], after["proposed_colour"], after["confirmation"]) == ("RED", "ORANGE", "PENDING")
    assert (after["rule"], after["colour_since"]) == ("LOWERING_WAITS", pd.Timestamp("2026-03-02"))


@pytest.mark.parametrize(
    ("day", "risk", "why"),
    [
        ("2026-03-31", 0.01, "TOO_SOON"),  # 29 days after
        ("2026-04-01", 0.80, "WITHIN_MARGIN"),  # red begins at 0.99, its margin at 0.792
        ("2026-04-01", 0.79, "LOWERING_WAITS"),
    ],
)
def test_no_step_down_too_soon_or_within_the_margin_of_the_present_colour(day, risk, why):
    before = graded(city_today(with_risk(0.995), day="2026-03-02"))
    after = first(graded(city_today(with_risk(risk), day=day), before))
    assert (after["colour"], after["rule"]) == ("RED", why)


def test_no_step_down_while_an_override_holds_even_one_of_a_better_colour():
    before = graded(city_today(with_risk(0.995), day="2026-03-02"))
    alarm = {"alarms_open": [1, *[0] * 99]}
    after = first(graded(city_today(HUNDRED, facts=alarm, day="2026-05-01"), before))
    assert (after["colour"], after["rule"]) == ("RED", "OVERRIDE_HOLDS")


def decided(grades: pd.DataFrame, decision: str, day: str) -> pd.DataFrame:
    about = waiting_at(grades.iloc[0])
    return with_decisions(
        grades, [Decision("P000", decision, "officer 7", "seen on site", pd.Timestamp(day), about)]
    )


def test_a_decision_says_nothing_of_a_run_made_again_that_proposes_something_else():
    red = graded(city_today(with_risk(0.995), day="2026-03-02"))
    waits = graded(city_today(HUNDRED, day="2026-04-01"), red)
    again = graded(city_today(with_risk(0.995), day="2026-04-01"), red)
    assert first(waits)["proposed_colour"] == "ORANGE" and first(again)["confirmation"] == "PENDING"
    for word in ("CONFIRM", "REFUSE"):
        said = Decision(
            "P000", word, "officer 7", "seen", pd.Timestamp("2026-04-02"), waiting_at(first(waits))
        )
        pd.testing.assert_frame_equal(with_decisions(again, [said]), again)


def test_a_refused_red_goes_back_to_the_colour_before_and_not_below_an_override():
    orange = graded(city_today(with_risk(0.97), day="2026-03-02"))
    assert first(orange)["colour"] == "ORANGE"
    red = graded(city_today(with_risk(0.995), day="2026-03-20"), decided(orange, "CONFIRM", "2026-03-03"))
    assert (first(red)["colour"], first(decided(red, "REFUSE", "2026-03-20"))["colour"]) == ("RED", "ORANGE")
    new = graded(city_today(with_risk(0.995), day="2026-03-20"))
    assert first(decided(new, "REFUSE", "2026-03-20"))["colour"] == "YELLOW"


def test_a_refused_red_does_not_settle_an_orange_that_nobody_confirmed():
    orange = graded(city_today(with_risk(0.97), day="2026-03-02"))
    red = graded(city_today(with_risk(0.995), day="2026-03-20"), orange)
    next_day = graded(city_today(with_risk(0.995), day="2026-03-21"), red)
    assert first(decided(next_day, "REFUSE", "2026-03-21"))["colour"] == "YELLOW"


def test_a_refused_red_is_never_below_what_a_fact_asks_for_which_then_waits():
    stopped = graded(city_today(HUNDRED, facts={"stop_orders_in_force": [1, *[0] * 99]}, day="2026-03-02"))
    red = graded(city_today(with_risk(0.995), day="2026-03-20"), stopped)  # lifted, and cooling
    after = first(decided(red, "REFUSE", "2026-03-20"))
    assert (after["colour"], after["confirmation"]) == ("ORANGE", "PENDING")


def test_the_margin_that_keeps_a_colour_is_told_of_the_head_that_lies_within_it():
    # Orange begins at 0.91 for either head, and its margin at 0.728.
    before = graded(city_today(with_risk(0.97), defect=HUNDRED, day="2026-03-02"))
    today = city_today(with_risk(0.72), defect=with_risk(0.75), day="2026-04-20")
    after = first(graded(today, before))
    assert (after["colour"], after["rule"], after["fact"]) == ("ORANGE", "WITHIN_MARGIN", "risk_defect")


def test_a_lowering_holds_from_the_day_a_person_confirms_it():
    red = graded(city_today(with_risk(0.995), day="2026-03-02"))
    waits = graded(city_today(HUNDRED, day="2026-04-01"), red)
    after = first(decided(waits, "CONFIRM", "2026-04-02"))
    assert (after["colour"], after["confirmation"], after["decided_by"]) == (
        "ORANGE",
        "CONFIRMED",
        "officer 7",
    )
    next_day = first(graded(city_today(HUNDRED, day="2026-04-03"), decided(waits, "CONFIRM", "2026-04-02")))
    assert (next_day["colour"], next_day["rule"], next_day["confirmation"]) == (
        "ORANGE",
        "TOO_SOON",
        "CONFIRMED",
    )
    assert next_day["colour_since"] == pd.Timestamp("2026-04-02") and pd.isna(next_day["red_since"])


def test_a_lowering_refused_is_not_proposed_again_before_its_days_have_passed():
    red = graded(city_today(with_risk(0.995), day="2026-03-02"))
    refused = decided(graded(city_today(HUNDRED, day="2026-04-01"), red), "REFUSE", "2026-04-02")
    soon = graded(city_today(HUNDRED, day="2026-05-01"), refused)
    assert (first(soon)["colour"], first(soon)["rule"]) == ("RED", "TOO_SOON")
    later = first(graded(city_today(HUNDRED, day="2026-05-02"), soon))
    assert (later["rule"], later["proposed_colour"]) == ("LOWERING_WAITS", "ORANGE")


def test_a_red_refused_is_yellow_and_stays_so_until_its_days_have_passed_or_a_fact_decides():
    red = graded(city_today(with_risk(0.995), day="2026-03-02"))
    refused = decided(red, "REFUSE", "2026-03-02")
    assert (first(refused)["colour"], first(refused)["confirmation"]) == ("YELLOW", "REFUSED")
    next_day = graded(city_today(with_risk(0.995), day="2026-03-03"), refused)
    assert (first(next_day)["colour"], first(next_day)["rule"]) == ("YELLOW", "RAISE_REFUSED")
    stopped = {"stop_orders_in_force": [1, *[0] * 99]}
    fact = first(graded(city_today(with_risk(0.995), facts=stopped, day="2026-03-04"), next_day))
    assert (fact["colour"], fact["rule"]) == ("ORANGE", "STOP_ORDER")
    later = first(graded(city_today(with_risk(0.995), day="2026-04-01"), next_day))
    assert (later["colour"], later["confirmation"]) == ("RED", "PENDING")


def test_a_colour_that_a_fact_asks_for_cannot_be_refused():
    stopped = graded(city_today(HUNDRED, facts={"stop_orders_in_force": [1, *[0] * 99]}))
    after = first(decided(stopped, "REFUSE", "2026-03-02"))
    assert (after["colour"], after["confirmation"]) == ("ORANGE", "PENDING")


def test_a_confirmed_colour_stays_confirmed_while_it_holds():
    red = decided(graded(city_today(with_risk(0.995), day="2026-03-02")), "CONFIRM", "2026-03-02")
    after = first(graded(city_today(with_risk(0.995), day="2026-03-03"), red))
    assert (after["confirmation"], after["decided_by"]) == ("CONFIRMED", "officer 7")


def test_a_day_before_the_first_policy_has_no_grades_and_a_model_of_other_heads_none_either():
    with pytest.raises(PolicyUndefined):
        grade_city(city_today(HUNDRED, day="2018-05-31"), POLICIES, UNKNOWN)
    city = city_today(HUNDRED)
    other = CityToday(
        city.day,
        city.project_ids,
        city.facts,
        {"hazard": city.risks["accident"]},
        city.inherent,
        city.working_days,
    )
    with pytest.raises(ModelInvalid, match="accident, defect"):
        grade_city(other, POLICIES, UNKNOWN)


def test_a_city_without_active_sites_has_an_empty_run():
    run = grade_city(city_today([]), POLICIES, told_capacity(100))
    assert len(run.grades) == 0 and run.passport["colours"] == {} and run.passport["visits_per_year"] == 0


def test_a_model_without_one_of_the_heads_grades_by_the_others_and_the_passport_says_so():
    city = city_today(HUNDRED)
    alone = CityToday(
        city.day,
        city.project_ids,
        city.facts,
        {"accident": city.risks["accident"]},
        city.inherent,
        city.working_days,
    )
    run = grade_city(alone, POLICIES, UNKNOWN)
    assert run.passport["heads_missing"] == ["defect"] and run.passport["colours"]["RED"] == 2


risks = st.lists(st.floats(0, 1), min_size=30, max_size=80)


@settings(max_examples=40)
@given(accident=risks, data=st.data())
def test_raising_a_sites_risk_never_lowers_its_colour(accident, data):
    defect = data.draw(st.lists(st.floats(0, 1), min_size=len(accident), max_size=len(accident)))
    site = data.draw(st.integers(0, len(accident) - 1))
    higher = data.draw(st.floats(accident[site], 1))
    capacity = told_capacity(data.draw(st.floats(10, 400)))
    yesterday = grade_city(city_today(defect, defect=accident), POLICIES, capacity).grades
    raised = [*accident[:site], higher, *accident[site + 1 :]]
    day = data.draw(st.sampled_from(["2026-03-03", "2026-05-01"]))
    colours = [
        graded(city_today(one, defect=defect, day=day), yesterday, capacity).iloc[site]
        for one in (accident, raised)
    ]
    assert RANK[colours[0]["colour"]] <= RANK[colours[1]["colour"]]
    assert colours[0]["visits_per_year"] <= colours[1]["visits_per_year"]
    assert colours[0]["due_on"] >= colours[1]["due_on"]


@settings(max_examples=40)
@given(accident=risks, capacities=st.tuples(st.floats(1, 600), st.floats(1, 600)))
def test_more_capacity_never_gives_fewer_red_sites(accident, capacities):
    runs = [grade_city(city_today(accident), POLICIES, told_capacity(one)) for one in sorted(capacities)]
    red = [run.passport["colours"].get("RED", 0) for run in runs]
    assert red[0] <= red[1] and runs[0].passport["scale"] <= runs[1].passport["scale"]


@settings(max_examples=40)
@given(accident=risks, capacity=st.floats(1, 600))
def test_the_visits_asked_for_fit_the_capacity_unless_the_scale_is_at_its_bound(accident, capacity):
    # One head tells nothing, all alike: then the sites at or above a colour are those of the other, or all.
    distinct = sorted(set(accident))
    run = grade_city(city_today(distinct, defect=distinct), POLICIES, told_capacity(capacity))
    bounds = POLICIES.grade.policies[0].content["scale"]
    fits = run.passport["visits_per_year"] <= capacity + 1e-6
    assert fits or run.passport["scale"] == bounds["at_least"]


@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), level=st.floats(0.5, 0.999))
def test_a_grade_does_not_flap_under_noise(seed, level):
    """Sixty days of noisy risks, every proposal confirmed at once: no more than a step down in thirty days."""
    random, grades, colours = np.random.default_rng(seed), None, []
    for number in range(60):
        day = pd.Timestamp("2026-03-02") + pd.Timedelta(days=number)
        noisy = with_risk(float(np.clip(level + random.normal(0, 0.05), 0, 1)))
        grades = graded(city_today(noisy, day=str(day.date())), grades)
        colours.append(first(grades)["colour"])
        if pd.notna(first(grades)["proposed_colour"]):
            grades = with_decisions(
                grades, [Decision("P000", "CONFIRM", "officer", "", day, waiting_at(first(grades)))]
            )
    steps = np.diff(colour_ranks(colours))
    assert (steps[steps < 0] == -1).all() and (steps < 0).sum() <= 1 + (60 - 1) // 30
    assert (steps != 0).sum() <= 4


def test_nothing_but_0_1_and_the_calendar_stands_as_a_number_in_the_grading_code():
    """Thresholds are the policies': a number in Python is one of the calendar's, or how finely to halve, how many runs to keep."""
    named = {"DAYS_A_YEAR", "HALVINGS", "FIRST_ROW", "RUNS_KEPT"}
    found = []
    for path in sorted(GRADING.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        allowed = {
            id(constant)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and {name.id for t in node.targets for name in ast.walk(t) if isinstance(name, ast.Name)} <= named
            for constant in ast.walk(node)
        }
        for node in ast.walk(tree):
            number = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
            if (
                number
                and not isinstance(node.value, bool)
                and node.value not in (0, 1)
                and id(node) not in allowed
            ):
                found.append(f"{path.name}:{node.lineno}: {node.value}")
    assert not found, "\n".join(found)


def test_the_same_run_made_again_is_the_same():
    runs: list[GradingRun] = [grade_city(city_today(HUNDRED), POLICIES, told_capacity(300)) for _ in range(2)]
    pd.testing.assert_frame_equal(runs[0].grades, runs[1].grades)
    assert runs[0].passport == runs[1].passport
