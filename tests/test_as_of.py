"""What was known at a moment: late, corrected, revoked, closed and withdrawn records."""

from __future__ import annotations

import pandas as pd
import pytest

from data_contracts.errors import InvalidInput
from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex

PROJECT = {"project_id": ["P1"], "recorded_at": ["2023-12-01"], "start_date": ["2024-01-01"]}


def index_of(**tables: dict[str, list]) -> FactIndex:
    tables = {"projects": PROJECT} | tables
    records = Records.from_tables({name: pd.DataFrame(columns) for name, columns in tables.items()})
    return FactIndex.build(records, load_catalogue())


def value(index: FactIndex, name: str, as_of: str, project: str = "P1") -> float:
    return float(index.values([name], [project], [as_of])[name].iloc[0])


def on_days(index: FactIndex, name: str, *days: str) -> list[float]:
    return [value(index, name, day) for day in days]


def test_a_violation_filed_late_is_not_yet_known():
    index = index_of(
        violations={
            "violation_id": ["V1"],
            "project_id": ["P1"],
            "found_on": ["2024-03-01"],
            "recorded_at": ["2024-03-20"],
        }
    )
    assert on_days(index, "violations_90d", "2024-03-20", "2024-03-21") == [0, 1]


def test_a_violation_leaves_its_window_90_days_after_it_was_found():
    index = index_of(
        violations={
            "violation_id": ["V1"],
            "project_id": ["P1"],
            "found_on": ["2024-03-01"],
            "recorded_at": ["2024-03-20"],
        }
    )
    assert on_days(index, "violations_90d", "2024-05-29", "2024-05-30") == [1, 0]


def test_a_violation_filed_after_its_window_has_passed_never_counts_in_it():
    index = index_of(
        violations={
            "violation_id": ["V1"],
            "project_id": ["P1"],
            "found_on": ["2024-01-01"],
            "recorded_at": ["2024-06-01"],
        }
    )
    assert on_days(index, "violations_90d", "2024-03-01", "2024-06-02") == [0, 0]
    assert value(index, "violations_365d", "2024-06-02") == 1


def test_a_revoked_violation_counts_until_its_revocation_is_on_file():
    index = index_of(
        violations={
            "violation_id": ["V1", "V1"],
            "project_id": ["P1", "P1"],
            "found_on": ["2024-03-01", "2024-03-01"],
            "recorded_at": ["2024-03-02", "2024-03-20"],
            "revoked_at": [None, "2024-03-10"],
        }
    )
    assert on_days(index, "violations_90d", "2024-03-15", "2024-03-20", "2024-03-21") == [1, 1, 0]


def test_a_revocation_announced_for_a_later_day_is_not_seen_before_it():
    index = index_of(
        violations={
            "violation_id": ["V1"],
            "project_id": ["P1"],
            "found_on": ["2024-03-01"],
            "recorded_at": ["2024-03-02"],
            "revoked_at": ["2024-03-10"],
        }
    )
    assert on_days(index, "violations_90d", "2024-03-09", "2024-03-10") == [1, 0]


def test_a_hazard_is_open_until_its_rectification_is_on_file():
    index = index_of(
        violations={
            "violation_id": ["V1", "V1"],
            "project_id": ["P1", "P1"],
            "found_on": ["2024-03-01", "2024-03-01"],
            "recorded_at": ["2024-03-02", "2024-03-12"],
            "rectified_on": [None, "2024-03-08"],
        }
    )
    assert on_days(index, "hazards_open", "2024-03-03", "2024-03-12", "2024-03-13") == [1, 1, 0]
    assert value(index, "violations_90d", "2024-03-13") == 1


def test_a_corrected_day_moves_the_violation_from_when_the_correction_is_on_file():
    index = index_of(
        violations={
            "violation_id": ["V1", "V1"],
            "project_id": ["P1", "P1"],
            "found_on": ["2024-03-01", "2024-01-01"],
            "recorded_at": ["2024-03-02", "2024-04-10"],
        }
    )
    assert on_days(index, "days_since_violation", "2024-04-10", "2024-04-11") == [40, 101]


def test_a_violation_moved_to_another_site_leaves_the_first_one():
    index = index_of(
        projects={
            "project_id": ["P1", "P2"],
            "recorded_at": ["2023-12-01"] * 2,
            "start_date": ["2024-01-01"] * 2,
        },
        violations={
            "violation_id": ["V1", "V1"],
            "project_id": ["P1", "P2"],
            "found_on": ["2024-03-01", "2024-03-01"],
            "recorded_at": ["2024-03-02", "2024-03-05"],
        },
    )
    assert [value(index, "violations_90d", "2024-03-04", p) for p in ("P1", "P2")] == [1, 0]
    assert [value(index, "violations_90d", "2024-03-06", p) for p in ("P1", "P2")] == [0, 1]


def test_a_withdrawn_violation_is_gone_from_when_its_withdrawal_is_on_file():
    index = index_of(
        violations={
            "violation_id": ["V1", "V1"],
            "project_id": ["P1", "P1"],
            "found_on": ["2024-03-01", "2024-03-01"],
            "recorded_at": ["2024-03-02", "2024-03-20"],
            "withdrawn_at": [None, "2024-03-15"],
        }
    )
    assert on_days(index, "violations_90d", "2024-03-19", "2024-03-21") == [1, 0]
    assert value(index, "days_since_violation", "2024-03-19") == 18
    assert pd.isna(value(index, "days_since_violation", "2024-03-21"))


def test_a_visit_is_not_among_its_own_features():
    index = index_of(
        inspections={
            "inspection_id": ["I1"],
            "project_id": ["P1"],
            "inspected_on": ["2024-03-05"],
            "recorded_at": ["2024-03-05"],
        }
    )
    assert pd.isna(value(index, "days_since_visit", "2024-03-05"))
    assert value(index, "days_since_visit", "2024-03-06") == 1


def test_a_project_not_yet_on_file_has_a_row_of_missing_values():
    index = index_of()
    matrix = index.matrix(["P1", "P9"], ["2023-12-01", "2024-06-01"])
    assert matrix.isna().all(axis=None)
    assert index.status(["P1", "P9"], ["2023-12-01", "2024-06-01"]).tolist() == ["UNKNOWN", "UNKNOWN"]


def test_two_ids_and_one_moment_are_refused():
    with pytest.raises(InvalidInput, match="one moment a project"):
        index_of().matrix(["P1", "P1"], ["2024-06-01"])


def test_a_missing_moment_is_refused():
    with pytest.raises(InvalidInput, match="missing"):
        index_of().matrix(["P1"], [None])
