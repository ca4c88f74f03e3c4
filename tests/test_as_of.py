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
            "revoked_at": [None, "2024-03-10T09:00"],
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
            "revoked_at": ["2024-03-10T09:00"],
        }
    )
    assert on_days(index, "violations_90d", "2024-03-10T08:59", "2024-03-10T09:00") == [1, 0]


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


def test_a_fact_without_the_day_it_happened_never_counts():
    index = index_of(
        dangerous_works={
            "work_id": ["W1"],
            "project_id": ["P1"],
            "code": ["PIT"],
            "recorded_at": ["2024-01-10"],
            "started_on": [None],
        }
    )
    assert value(index, "dangerous_works_open", "2024-06-01") == 0


def test_a_work_with_two_parameters_is_one_work_under_way_until_the_last_is_finished():
    index = index_of(
        dangerous_works={
            "work_id": ["W1", "W1"],
            "project_id": ["P1", "P1"],
            "code": ["FORM", "FORM"],
            "parameter_kind": ["height", "span"],
            "recorded_at": ["2024-01-10", "2024-01-10"],
            "started_on": ["2024-01-05", "2024-01-05"],
            "finished_on": ["2024-02-01", "2024-02-10"],
        }
    )
    days = ("2024-01-10", "2024-01-11", "2024-02-01", "2024-02-09", "2024-02-10")
    assert on_days(index, "dangerous_works_open", *days) == [0, 1, 1, 1, 0]


def test_a_hazard_is_overdue_from_the_day_it_was_due():
    index = index_of(
        violations={
            "violation_id": ["V1", "V2"],
            "project_id": ["P1", "P1"],
            "found_on": ["2024-03-01", "2024-03-01"],
            "recorded_at": ["2024-03-02", "2024-03-02"],
            "rectify_due_on": ["2024-03-10", None],
        }
    )
    assert on_days(index, "hazards_overdue", "2024-03-09", "2024-03-10") == [0, 1]


def test_of_two_scores_of_one_day_the_one_recorded_last_holds():
    index = index_of(
        inspections={
            "inspection_id": ["I2", "I1"],
            "project_id": ["P1", "P1"],
            "inspected_on": ["2024-03-05", "2024-03-05"],
            "recorded_at": ["2024-03-05", "2024-03-08"],
            "safety_score": [70.0, 90.0],
        }
    )
    assert on_days(index, "latest_safety_score", "2024-03-06", "2024-03-09") == [70, 90]


def test_a_later_visit_without_a_score_leaves_the_last_score():
    index = index_of(
        inspections={
            "inspection_id": ["I1", "I2"],
            "project_id": ["P1", "P1"],
            "inspected_on": ["2024-03-05", "2024-04-05"],
            "recorded_at": ["2024-03-05", "2024-04-05"],
            "safety_score": [70.0, None],
        }
    )
    assert value(index, "latest_safety_score", "2024-05-01") == 70
    assert value(index, "days_since_visit", "2024-05-01") == 26


def test_a_new_version_of_the_project_replaces_the_whole_row():
    index = index_of(
        projects={
            "project_id": ["P1", "P1"],
            "recorded_at": ["2023-12-01", "2024-02-01"],
            "start_date": ["2024-01-01", "2024-01-01"],
            "floor_area_m2": [12_000.0, None],
            "pit_depth_m": [None, 6.5],
        }
    )
    assert value(index, "floor_area_m2", "2024-01-15") == 12_000
    assert pd.isna(value(index, "floor_area_m2", "2024-02-02"))
    assert value(index, "pit_depth_m", "2024-02-02") == 6.5


def test_a_defect_counts_from_when_it_was_verified():
    index = index_of(
        defects={
            "defect_id": ["D1", "D1"],
            "project_id": ["P1", "P1"],
            "reported_on": ["2024-03-01", "2024-03-01"],
            "recorded_at": ["2024-03-02", "2024-03-20"],
            "is_verified": [None, True],
            "verified_at": [None, "2024-03-25T10:00"],
        }
    )
    days = ("2024-03-21", "2024-03-25T09:59", "2024-03-25T10:00")
    assert on_days(index, "verified_defects_365d", *days) == [0, 0, 1]


def test_a_ratio_without_exposure_is_missing():
    index = index_of(
        inspections={
            "inspection_id": ["I1", "I2"],
            "project_id": ["P1", "P1"],
            "inspected_on": ["2024-03-05", "2024-04-05"],
            "recorded_at": ["2024-03-05", "2024-04-05"],
            "hazards_found": [3, 4],
        }
    )
    assert pd.isna(value(index, "hazards_per_visit_365d", "2024-03-05"))
    assert value(index, "hazards_per_visit_365d", "2024-05-01") == 3.5


def test_a_visit_that_does_not_say_how_many_hazards_it_found_is_not_a_visit_without_any():
    index = index_of(
        inspections={
            "inspection_id": ["I1", "I2", "I3"],
            "project_id": ["P1"] * 3,
            "inspected_on": ["2024-03-05"] * 3,
            "recorded_at": ["2024-03-05"] * 3,
            "hazards_found": [3, None, 0],
        }
    )
    assert value(index, "hazards_per_visit_365d", "2024-05-01") == 1.5
    assert value(index, "visits_365d", "2024-05-01") == 3


def test_points_are_added_exactly_in_thousandths():
    index = index_of(
        leader_points={
            "record_id": ["R1", "R2", "R3"],
            "project_id": ["P1"] * 3,
            "points": [0.1, 0.2, 3.0],
            "given_on": ["2024-03-05"] * 3,
            "recorded_at": ["2024-03-05"] * 3,
        }
    )
    assert value(index, "leader_points_365d", "2024-05-01") == 3.3
