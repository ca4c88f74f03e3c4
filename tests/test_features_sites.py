"""Where a site stands, which sites make the cohort, and how fresh the knowledge of a site is."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex


def index_of(projects: dict[str, list], **tables: dict[str, list]) -> FactIndex:
    frames = {name: pd.DataFrame(columns) for name, columns in (tables | {"projects": projects}).items()}
    return FactIndex.build(Records.from_tables(frames), load_catalogue())


def statuses(index: FactIndex, *days: str) -> list[str]:
    return index.status(["P1"] * len(days), list(days)).tolist()


def test_a_site_goes_from_unknown_to_not_started_to_active_to_finished():
    index = index_of(
        {
            "project_id": ["P1", "P1"],
            "recorded_at": ["2024-01-10", "2024-09-05"],
            "start_date": ["2024-02-01", "2024-02-01"],
            "finish_date": [None, "2024-09-01"],
        }
    )
    days = ("2024-01-10", "2024-01-11", "2024-02-01", "2024-09-05", "2024-09-06")
    assert statuses(index, *days) == ["UNKNOWN", "NOT_STARTED", "ACTIVE", "ACTIVE", "FINISHED"]


def test_a_finish_announced_for_later_is_not_yet_a_finish():
    index = index_of(
        {
            "project_id": ["P1"],
            "recorded_at": ["2024-01-10"],
            "start_date": ["2024-01-01"],
            "finish_date": ["2024-12-31"],
            "status": ["COMPLETED"],
        }
    )
    assert statuses(index, "2024-06-01", "2024-12-31") == ["ACTIVE", "FINISHED"]


def test_a_terminated_site_is_finished_but_not_delivered():
    index = index_of(
        {
            "project_id": ["P1", "P2"],
            "recorded_at": ["2024-01-10"] * 2,
            "start_date": ["2023-01-01"] * 2,
            "finish_date": ["2024-01-05"] * 2,
            "status": ["TERMINATED", "COMPLETED"],
        }
    )
    assert index.sites("2024-06-01").tolist() == []
    assert index.sites("2024-06-01", delivered_within_months=24).tolist() == ["P2"]
    assert index.sites("2026-01-05", delivered_within_months=24).tolist() == []


def test_a_site_whose_status_was_never_brought_up_to_date_stays_in_the_cohort():
    index = index_of(
        {
            "project_id": ["P1"],
            "recorded_at": ["2024-01-10"],
            "start_date": ["2024-02-01"],
            "status": ["NOT_STARTED"],
        }
    )
    assert index.sites("2024-03-01").tolist() == ["P1"]


def test_a_withdrawn_project_is_unknown():
    index = index_of(
        {
            "project_id": ["P1", "P1"],
            "recorded_at": ["2024-01-10", "2024-03-01"],
            "start_date": ["2024-01-01"] * 2,
            "withdrawn_at": [None, "2024-03-01T00:00"],
        }
    )
    assert statuses(index, "2024-02-01", "2024-03-02") == ["ACTIVE", "UNKNOWN"]


def test_the_latest_record_is_of_any_table_and_never_later_than_the_moment():
    index = index_of(
        {"project_id": ["P1"], "recorded_at": ["2024-01-10T08:00"], "start_date": ["2024-01-01"]},
        material_tests={
            "test_id": ["T1", "T2"],
            "project_id": ["P1", "P1"],
            "tested_on": ["2024-02-01"] * 2,
            "passed": [True, True],
            "recorded_at": ["2024-02-02T09:00", "2024-05-01T09:00"],
        },
    )
    moments = ["2024-01-09", "2024-01-11", "2024-03-01", "2024-06-01"]
    found = index.latest_recorded_at(["P1"] * 4, moments)
    expected = ["NaT", "2024-01-10T08:00", "2024-02-02T09:00", "2024-05-01T09:00"]
    np.testing.assert_array_equal(found, np.array(expected, "datetime64[us]"))
    assert np.isnat(index.latest_recorded_at(["P9"], ["2024-06-01"]))[0]


@pytest.mark.parametrize("year", [1963, 1965, 1967, 1969, 1970, 2025])
def test_the_season_begins_anew_each_year_before_1970_too(year):
    """New Year is the 1st day; 31 December of a year without 29 February the 365th."""
    index = index_of({"project_id": ["P1"], "recorded_at": ["1960-01-01"], "start_date": ["1960-01-01"]})
    days = [f"{year}-01-01", f"{year}-12-31"]
    found = index.values(["season_sine", "season_cosine"], ["P1"] * 2, days)
    last = 2 * math.pi * 364 / 365.25
    assert found["season_sine"].tolist() == pytest.approx([0, math.sin(last)], abs=1e-12)
    assert found["season_cosine"].tolist() == pytest.approx([1, math.cos(last)], abs=1e-12)


SITE = {"project_id": ["P1"], "recorded_at": ["2024-01-01"], "start_date": ["2024-01-01"]}


def value(index: FactIndex, name: str, day: str) -> float:
    return float(index.values([name], ["P1"], [day])[name].iloc[0])


def test_a_fatal_accident_is_one_with_deaths_and_a_hurt_worker_is_none():
    accidents = {
        "accident_id": ["A1", "A2", "A3"],
        "project_id": ["P1"] * 3,
        "occurred_on": ["2024-03-01", "2024-04-01", "2024-04-02"],
        "recorded_at": ["2024-03-03"] + ["2024-04-03"] * 2,
        "deaths": [1, 0, None],
    }
    index = index_of(SITE, accidents=accidents)
    assert math.isnan(value(index, "days_since_fatal_accident", "2024-03-02"))
    assert value(index, "days_since_fatal_accident", "2024-04-10") == 40


def test_a_major_hazard_is_open_until_rectified_and_overdue_from_its_day():
    violations = {
        "violation_id": ["V1", "V1", "V2"],
        "project_id": ["P1"] * 3,
        "found_on": ["2024-03-01"] * 3,
        "severity": ["major", "major", "serious"],
        "rectify_due_on": ["2024-03-10"] * 3,
        "recorded_at": ["2024-03-01", "2024-03-20", "2024-03-01"],
        "rectified_on": [None, "2024-03-19", None],
    }
    index = index_of(SITE, violations=violations)
    days = ["2024-03-02", "2024-03-10", "2024-03-20", "2024-03-21"]
    assert [value(index, "major_hazards_open", day) for day in days] == [1, 1, 1, 0]
    assert [value(index, "major_hazards_overdue", day) for day in days] == [0, 1, 1, 0]


def test_a_recheck_or_a_complaint_is_no_visit_that_counts():
    inspections = {
        "inspection_id": ["I1", "I2", "I3"],
        "project_id": ["P1"] * 3,
        "inspected_on": ["2024-03-01", "2024-03-20", "2024-03-25"],
        "inspection_type": ["ROUTINE", "RECHECK", "COMPLAINT"],
        "recorded_at": ["2024-03-01", "2024-03-20", "2024-03-25"],
    }
    index = index_of(SITE, inspections=inspections)
    assert value(index, "days_since_counted_visit", "2024-03-31") == 30
    assert value(index, "days_since_visit", "2024-03-31") == 6
