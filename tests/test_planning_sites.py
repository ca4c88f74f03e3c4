"""What a plan knows of its sites and inspectors: as of its day, and in step with the grades that the risks give."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from serving.grading.capacity import NOT_KNOWN, Capacity
from serving.grading.grading_run import grade_city
from serving.grading.working_days import WorkingDays
from serving.plan.agency_choice import choose
from serving.plan.planning_sites import FROM_GRADES, planning_sites, with_values
from serving.plan.roster import Roster
from serving.plan.weekly_plan import agency_weeks, weekly_plan
from tests.grading_cities import POLICIES, city_today
from tests.planned_weeks import MONDAY, WEEK, WORKING_DAYS, house_choice, roster_of, sites_of

CHOICE = house_choice()
KNOWN, LATER = "2026-11-02", "2026-11-23T08:00:00"
OF_PROJECTS = {
    "project_id": ["P1", "P2"],
    "recorded_at": [KNOWN] * 2,
    "start_date": ["2026-01-05"] * 2,
    "agency_code": ["D310101", None],
    "region_code": ["310101", "310104"],
    "longitude": [121.4, 121.5],
    "latitude": [31.2, 31.3],
}
INSPECTIONS = {
    "inspection_id": ["I1"],
    "project_id": ["P1"],
    "inspected_on": ["2026-10-30"],
    "recorded_at": [KNOWN],
    "inspector_refs": ["G1;G2"],
}
WORKS = {
    "work_id": ["W1"],
    "project_id": ["P1"],
    "code": ["PIT"],
    "recorded_at": [KNOWN],
    "started_on": ["2026-10-01"],
}


def planned(*later: tuple[str, dict[str, object]], last_visit_on: pd.Timestamp | None = None) -> pd.DataFrame:
    """The sites of two projects on Monday at 00:00; `later` are rows of tables that come on file in the morning."""
    tables = {
        name: pd.DataFrame(rows)
        for name, rows in (
            ("projects", OF_PROJECTS),
            ("inspections", INSPECTIONS),
            ("dangerous_works", WORKS),
        )
    }
    for name, row in later:
        tables[name] = pd.concat(
            [tables[name], pd.DataFrame([row | {"recorded_at": LATER}])], ignore_index=True
        )
    records = Records.from_tables(tables)
    grades = pd.DataFrame({"project_id": ["P1", "P2"], "risk_accident": [0.2, 0.1]})
    grades = grades.reindex(columns=[*FROM_GRADES, "risk_accident"])
    grades = grades.assign(last_visit_on=pd.to_datetime(last_visit_on), started_on=pd.Timestamp("2026-01-05"))
    index = FactIndex.build(records, load_catalogue())
    return planning_sites(grades, index, records, MONDAY, CHOICE)


def test_what_comes_on_file_after_the_day_of_planning_changes_no_site() -> None:
    known = planned()
    assert known["agency_code"].tolist() == ["D310101", "D310104"]  # P2 by its district
    assert known["last_inspectors"].tolist() == ["G1;G2", ""]
    assert known["pit_works_open"].tolist() == [1, 0]
    moved = {name: values[0] for name, values in OF_PROJECTS.items()} | {
        "agency_code": "CITY",
        "longitude": 120.9,
    }
    visit = {name: values[0] for name, values in INSPECTIONS.items()} | {
        "inspection_id": "I2",
        "inspector_refs": "G7",
    }
    works = {name: values[0] for name, values in WORKS.items()} | {"work_id": "W2", "project_id": "P2"}
    later = planned(
        ("projects", moved),
        ("inspections", visit | {"inspected_on": "2026-11-20"}),
        ("dangerous_works", works),
    )
    pd.testing.assert_frame_equal(later, known)


def test_a_site_waits_from_its_start_where_the_last_visit_was_before_it() -> None:
    from_start = (MONDAY - pd.Timestamp("2026-01-05")).days
    before, after = (
        planned(last_visit_on=pd.Timestamp(day))["waited"].tolist() for day in ("2025-12-01", "2026-03-01")
    )
    assert before == [from_start] * 2
    assert after == [(MONDAY - pd.Timestamp("2026-03-01")).days] * 2


def test_a_roster_has_no_day_before_that_of_planning() -> None:
    days = {
        "inspector_ref": "G1",
        "date": [f"{day:%Y-%m-%d}" for day in WORKING_DAYS],
        "recorded_at": KNOWN,
        "available": True,
    }
    who = {
        "inspector_ref": ["G1"],
        "agency_code": ["D310101"],
        "recorded_at": [KNOWN],
        "disciplines": ["SAFETY"],
    }
    records = Records.from_tables({"inspector_days": pd.DataFrame(days), "inspectors": pd.DataFrame(who)})
    wednesday = MONDAY + pd.Timedelta(days=2)
    roster = Roster.of(records, MONDAY, wednesday, WorkingDays.plain())
    assert roster.days == WORKING_DAYS[2:] and set(roster.available["date"]) == set(WORKING_DAYS[2:])


@settings(max_examples=10)
@given(
    risks=st.lists(st.floats(0.001, 0.5), min_size=4, max_size=25),
    waited=st.lists(st.integers(0, 400), min_size=25, max_size=25),
    site=st.integers(0, 24),
    more=st.floats(0.001, 0.5),
    inspectors=st.integers(2, 6),
)
def test_a_site_whose_risk_rises_is_not_listed_less_by_colour_due_day_or_value(
    risks: list[float], waited: list[int], site: int, more: float, inspectors: int
) -> None:
    site %= len(risks)
    higher = [risk + more * (number == site) for number, risk in enumerate(risks)]
    before, after = (listed(tuple(each), tuple(waited[: len(risks)]), inspectors) for each in (risks, higher))
    assert f"P{site:03d}" not in before or f"P{site:03d}" in after


@cache
def listed(risks: tuple[float, ...], waited: tuple[int, ...], inspectors: int) -> frozenset[str]:
    """The sites that the plan of a city visits, from risks to colours, due days, values and days."""
    city = city_today(risks, facts={"days_since_counted_visit": waited}, day=f"{MONDAY:%Y-%m-%d}")
    grades = grade_city(city, POLICIES, Capacity(None, NOT_KNOWN)).grades
    rows = sites_of([{"waited": float(days)} for days in waited], CHOICE)
    taken = grades[["colour", "due_on", "due_rule", "risk_accident", "risk_defect"]]
    sites = with_values(rows.assign(**taken), CHOICE)
    there = roster_of({f"G{number}": ("A", "SAFETY;QUALITY") for number in range(inspectors)})
    return frozenset(weekly_plan(sites, there, CHOICE, WEEK, 7).visits["project_id"])


def test_every_site_is_drawn_over_seeds_as_often_as_the_plan_says() -> None:
    # 12 sites in 2 agencies of 6, 5 team-days each, a tenth drawn: 0.5 of 6 sites. 150 seeds: 12.5 times, a deviation of 3.4.
    rows = [{"agency_code": "AB"[number // 6], "value": number / 100} for number in range(12)]
    sites = sites_of(rows, CHOICE)
    roster = roster_of({f"G{number}": ("AB"[number % 2], "SAFETY") for number in range(4)})
    counts = np.zeros(12)
    for seed in range(150):
        chosen = [choose(week) for week in agency_weeks(sites, roster, CHOICE, WEEK, seed)]
        drawn = np.concatenate([one.drawn for one in chosen])
        counts += drawn
        if seed < 3:
            plan = weekly_plan(sites, roster, CHOICE, WEEK, seed)
            assert plan.draw["drawn"].tolist() == drawn.tolist()
            assert np.allclose(plan.draw["probability"], CHOICE.visits["random_share"] * 5 / 6)
            assert set(plan.draw.loc[drawn, "project_id"]) <= set(plan.visits["project_id"])
    assert np.abs(counts - 150 / 12).max() < 17
