"""The plan of a week: days, inspectors, reasons and what is published with it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.plan.plan_tables import WeeklyPlan
from serving.plan.roster import Roster
from serving.plan.weekly_plan import weekly_plan
from tests.planned_weeks import MONDAY, WEEK, house_choice, roster_of, sites_of

CHOICE = house_choice()
FOUR = {
    "G1": ("A", "SAFETY"),
    "G2": ("A", "SAFETY;QUALITY"),
    "G3": ("A", "QUALITY;FIRE"),
    "G4": ("A", "SAFETY"),
}


def plan_of(
    rows: list[dict[str, object]], inspectors: dict[str, tuple[str, str]] = FOUR, seed: int = 7
) -> WeeklyPlan:
    return weekly_plan(sites_of(rows, CHOICE), roster_of(inspectors), CHOICE, WEEK, seed)


def test_the_same_seed_gives_the_same_plan_and_another_seed_another_draw() -> None:
    rows = [{"value": number / 1000} for number in range(60)]
    assert plan_of(rows).visits.equals(plan_of(rows).visits)
    assert not plan_of(rows).draw.equals(plan_of(rows, seed=8).draw)


def test_two_inspectors_go_together_and_nobody_is_at_two_places_on_a_day() -> None:
    visits = plan_of([{} for _ in range(30)]).visits
    assert len(visits) == 10  # four inspectors on five days, by twos
    who = visits.assign(one=visits["inspector_refs"].str.split(";")).explode("one")
    assert (who.groupby("visit_id").size() == 2).all()
    assert not who.duplicated(["day", "one"]).any()


def test_nobody_goes_twice_running_where_another_is_there() -> None:
    visits = plan_of([{"due_on": MONDAY, "last_inspectors": "G1;G2"}]).visits
    assert visits["inspector_refs"].tolist() == ["G3;G4"]


def test_where_nobody_else_is_there_the_same_go_again() -> None:
    two = {"G1": ("A", "SAFETY"), "G2": ("A", "SAFETY")}
    visits = plan_of([{"due_on": MONDAY, "last_inspectors": "G1;G2"}], two).visits
    assert visits["inspector_refs"].tolist() == ["G1;G2"]


def test_a_visit_about_quality_has_an_inspector_of_quality() -> None:
    many = {f"G{number}": ("A", "SAFETY") for number in range(8)} | {"G9": ("A", "QUALITY")}
    visits = plan_of([{"due_on": MONDAY, "value": 0.01, "value_defect": 0.009}], many).visits
    assert visits["discipline"].tolist() == ["QUALITY"]
    assert "G9" in visits["inspector_refs"].iloc[0]


def test_a_red_site_is_visited_by_safety_and_quality_together() -> None:
    many = {f"G{number}": ("A", "SAFETY") for number in range(8)} | {"G9": ("A", "QUALITY")}
    visits = plan_of([{"due_on": MONDAY, "colour": "RED"}], many).visits
    assert visits["team_needs"].tolist() == ["SAFETY;QUALITY"]
    assert "G9" in visits["inspector_refs"].iloc[0]
    assert visits["team_lacks"].tolist() == [""]


def test_an_expert_goes_where_the_policy_asks_for_one_and_what_a_team_lacks_is_said() -> None:
    rows = [{"due_on": MONDAY, "overscale_works_not_reviewed": 1.0}]
    roster = roster_of({f"G{number}": ("A", "SAFETY") for number in range(6)})
    without = weekly_plan(sites_of(rows, CHOICE), roster, CHOICE, WEEK, 7).visits
    assert without["team_lacks"].tolist() == ["EXPERT"]
    expert = roster.available.assign(is_expert=roster.available["inspector_ref"] == "G4")
    visits = weekly_plan(sites_of(rows, CHOICE), Roster(expert, roster.days), CHOICE, WEEK, 7).visits
    assert "G4" in visits["inspector_refs"].iloc[0]
    assert visits["team_lacks"].tolist() == [""]


def test_whoever_meets_most_of_what_is_asked_is_drawn_so_that_nothing_present_is_missed() -> None:
    # SAFETY, QUALITY and EXPERT of a team of two: only a person of safety who is an expert leaves a place for quality.
    many = {f"G{number}": ("A", "SAFETY") for number in range(8)} | {"G9": ("A", "QUALITY")}
    rows = [{"due_on": MONDAY, "colour": "RED", "overscale_works_not_reviewed": 1.0, "last_inspectors": "G4"}]
    roster = roster_of(many)
    expert = Roster(roster.available.assign(is_expert=roster.available["inspector_ref"] == "G4"), roster.days)
    for seed in range(5):
        visits = weekly_plan(sites_of(rows, CHOICE), expert, CHOICE, WEEK, seed).visits
        assert (visits["inspector_refs"].iloc[0], visits["team_lacks"].iloc[0]) == ("G4;G9", "")


def test_a_due_site_without_an_agency_is_named_with_the_reason() -> None:
    plan = plan_of([{"due_on": MONDAY, "agency_code": ""}])
    assert plan.left_out[["project_id", "why_en"]].to_numpy().tolist() == [["P000", "no agency on file"]]


def test_the_most_urgent_visits_are_on_the_first_days() -> None:
    late = [
        {"due_on": MONDAY - pd.Timedelta(days=days), "area": days % 3} for days in (1, 50, 20, 40, 30, 10)
    ]
    two = {"G1": ("A", "SAFETY"), "G2": ("A", "SAFETY")}
    plan = plan_of(late, two)
    served = plan.visits.sort_values("day")
    assert served["due_on"].is_monotonic_increasing
    assert plan.left_out["project_id"].tolist() == ["P000"]
    assert plan.agencies["left_out"].tolist() == [1]


def test_a_red_site_comes_before_any_backlog_and_on_the_first_day() -> None:
    backlog = [{"due_on": MONDAY - pd.Timedelta(days=60)} for _ in range(5)]
    red = {"colour": "RED", "due_on": MONDAY + pd.Timedelta(days=4)}
    two = {"G1": ("A", "SAFETY"), "G2": ("A", "SAFETY")}
    plan = plan_of([*backlog, red], two)
    assert plan.visits.loc[plan.visits["project_id"] == "P005", "day"].tolist() == [MONDAY]
    assert (len(plan.visits), len(plan.left_out)) == (5, 1)


def test_told_visits_are_neither_exceeded_nor_given_to_inspectors_on_file() -> None:
    choice = house_choice(visits_a_team_day=2)
    rows = [{"agency_code": agency, "due_on": MONDAY} for agency in "AABBCC"]
    plan = weekly_plan(sites_of(rows, choice), roster_of(FOUR), choice, WEEK, 7, told_visits=5)
    assert len(plan.visits) == 5
    assert plan.visits["inspector_refs"].eq("").all() and plan.visits["day"].notna().all()


def test_an_agency_without_inspectors_names_what_it_cannot_serve() -> None:
    plan = plan_of([{"due_on": MONDAY}, {"due_on": MONDAY, "agency_code": "B"}])
    assert plan.visits["agency_code"].tolist() == ["A"]
    assert plan.left_out[["agency_code", "project_id"]].to_numpy().tolist() == [["B", "P001"]]


def test_a_site_visited_less_than_the_least_days_ago_gets_no_visit_without_a_duty() -> None:
    days = float(CHOICE.visits["least_days_between"])
    rows = [
        {"waited": days - 1, "value": 9.0},
        {"waited": days, "value": 0.1},
        {"waited": days - 1, "due_on": MONDAY},
    ]
    visits = plan_of(rows).visits
    why = dict(zip(visits["project_id"], visits["selected_by"], strict=True))
    assert (
        why.get("P000", "RANDOM") == "RANDOM"
    )  # chance knows no interval: every active site has its probability
    assert why["P001"] in {"RISK", "RANDOM"}
    assert why["P002"] == "MANDATORY"


def test_every_site_has_its_probability_on_file_listed_or_not() -> None:
    plan = plan_of([{} for _ in range(40)])
    assert len(plan.draw) == 40
    expected = CHOICE.visits["random_share"] * 10 / 40
    assert np.allclose(plan.draw["probability"], expected)
    drawn = plan.visits[plan.visits["selected_by"] == "RANDOM"]
    assert np.allclose(drawn["selection_probability"], expected)


def test_told_visits_are_shared_over_agencies_without_losing_any_and_nobody_is_named() -> None:
    rows = [{"agency_code": agency} for agency in "AAABBBCCC" for _ in range(10)]
    plan = weekly_plan(sites_of(rows, CHOICE), roster_of({}), CHOICE, WEEK, 7, told_visits=10)
    assert len(plan.visits) == 10
    assert sorted(plan.agencies["visits"]) == [3, 3, 4]
    assert plan.visits["inspector_refs"].eq("").all()


def test_reasons_name_the_duty_the_draw_or_the_reduction_and_never_a_statutory_term() -> None:
    visits = plan_of(
        [{"due_on": MONDAY - pd.Timedelta(days=3)}, *[{"pit_works_open": 1.0} for _ in range(20)]]
    ).visits
    said = visits.set_index("project_id")
    assert said.loc["P000", "reason_zh"] == "基准频次；应于2026-11-20前检查，已逾期3天"
    assert not visits["reason_zh"].str.contains("重大事故隐患|违法").any()
    assert visits.loc[visits["selected_by"] == "RISK", "checklist_zh"].str.contains("基坑").all()


@settings(max_examples=12)
@given(st.integers(0, 12), st.integers(1, 25), st.integers(1, 3), st.integers(0, 5))
def test_a_plan_never_uses_an_inspector_day_twice_or_one_that_is_not_there(
    inspectors: int, sites: int, a_day: int, due: int
) -> None:
    choice = house_choice(visits_a_team_day=a_day)
    there = {f"G{number}": ("A", "SAFETY") for number in range(inspectors)}
    rows = [{"area": number % 4, "due_on": MONDAY if number < due else None} for number in range(sites)]
    visits = weekly_plan(sites_of(rows, choice), roster_of(there), choice, WEEK, 3).visits
    rounds = visits.drop_duplicates(["day", "inspector_refs"])
    assert visits["day"].notna().all()
    assert (visits.groupby(["day", "inspector_refs"]).size() <= a_day).all()
    used = rounds.assign(who=rounds["inspector_refs"].str.split(";")).explode("who")
    assert not used.duplicated(["day", "who"]).any()
    assert set(used["who"]) <= set(there)


def test_a_wind_signal_stands_beside_the_plan_with_the_works_it_concerns_and_changes_no_choice() -> None:
    calm = [{"tower_cranes": 2.0, "pit_works_open": 1.0}, {"pit_works_open": 1.0}]
    windy = [row | {"wind_signals_in_force": 1.0} for row in calm]
    plan = plan_of(windy)
    assert plan.alerts[["project_id", "code", "works"]].to_numpy().tolist() == [
        ["P000", "WIND", "tower_cranes"]
    ]
    assert plan.visits.equals(plan_of(calm).visits)
