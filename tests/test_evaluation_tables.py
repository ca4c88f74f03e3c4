"""Reliability, slices and stability of lists, on tables small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.list_stability import list_overlap
from training.reliability import expected_calibration_error, reliability, risk_bins, risk_over_time
from training.slices import OTHERS, slices


def test_reliability_has_ten_bins_of_equal_rows_with_the_observed_rate_in_its_interval() -> None:
    risk = np.linspace(0.01, 0.4, 200)
    happened = (np.arange(200) % 5 == 0).astype(float)
    table = reliability(happened, risk, np.arange(200))
    assert [line["rows"] for line in table] == [20] * 10
    assert [line["positives"] for line in table] == [4] * 10
    assert table[0]["mean_risk"] == pytest.approx(risk[:20].mean())
    # Wilson for 4 of 20.
    assert table[0]["low"] == pytest.approx(0.0807, abs=5e-5)
    assert table[0]["high"] == pytest.approx(0.4160, abs=5e-5)


def test_rows_of_the_same_risk_stay_in_one_bin() -> None:
    assert set(risk_bins(np.full(50, 0.1))) == {5}
    bins = risk_bins(np.array([0.1] * 50 + [0.2] * 50))
    assert len(set(bins[:50])) == len(set(bins[50:])) == 1 and bins[0] < bins[50]


def test_many_rows_of_one_project_do_not_make_a_bin_surer() -> None:
    happened, risk = np.tile([1.0, 0, 0, 0], 5), np.full(20, 0.2)
    alone, often = (
        reliability(np.repeat(happened, k), np.repeat(risk, k), np.repeat(np.arange(20), k))[0]
        for k in (1, 6)
    )
    assert (often["low"], often["high"]) == pytest.approx((alone["low"], alone["high"]))


def test_saying_zero_of_rare_events_has_a_small_calibration_error() -> None:
    happened = np.zeros(1000)
    happened[::200] = 1
    assert expected_calibration_error(happened, np.zeros(1000)) == pytest.approx(0.005)
    assert expected_calibration_error(happened, np.full(1000, 0.005)) == 0
    assert expected_calibration_error(np.zeros(0), np.zeros(0)) is None


def test_risk_over_time_stands_beside_what_was_observed_in_each_month() -> None:
    month = np.array(["2025-02", "2025-01", "2025-02"], "datetime64[M]")
    assert risk_over_time(np.array([1.0, 0, 0]), np.array([0.3, 0.2, 0.1]), month) == [
        {"month": "2025-01", "rows": 1, "mean_risk": 0.2, "observed": 0.0},
        {"month": "2025-02", "rows": 2, "mean_risk": pytest.approx(0.2), "observed": 0.5},
    ]


def test_a_slice_shows_how_often_it_is_selected_and_what_of_its_outcomes_is_met() -> None:
    outside = np.array(["31", "31", "31", "32", "32", None], object)
    happened = np.array([1.0, 0, 0, 1, 0, 0])
    risk = np.array([0.4, 0.1, 0.1, 0.2, 0.3, 0.1])
    on_list = np.array([1, 0, 0, 0.5, 1, 0])
    by_region = slices({"registered_region": outside}, happened, risk, np.array(list("aabcde")), on_list)
    assert by_region["registered_region"] == [
        {
            "value": "31", "rows": 3, "positives": 1, "projects": 2,
            "mean_risk": pytest.approx(0.2), "observed": pytest.approx(1 / 3),
            "observed_over_expected": pytest.approx(1 / 0.6), "auc": 1.0,
            "selection_rate_at_10pct": pytest.approx(1 / 3), "recall_at_10pct": 1.0,
        },
        {
            "value": "32", "rows": 2, "positives": 1, "projects": 2,
            "mean_risk": 0.25, "observed": 0.5, "observed_over_expected": 2.0, "auc": 0.0,
            "selection_rate_at_10pct": 0.75, "recall_at_10pct": 0.5,
        },
        {
            "value": None, "rows": 1, "positives": 0, "projects": 1,
            "mean_risk": pytest.approx(0.1), "observed": 0.0, "observed_over_expected": 0.0, "auc": None,
            "selection_rate_at_10pct": 0.0, "recall_at_10pct": None,
        },
    ]  # fmt: skip


def test_beyond_thirty_values_the_smallest_stand_together_and_no_row_is_lost() -> None:
    district = np.array([f"d{k:02}" for k in range(40) for _ in range(50 - k)], object)
    zero = np.zeros(len(district))
    told = slices({"district": district}, zero, zero, np.arange(len(district)), zero)["district"]
    assert [line["value"] for line in told] == [f"d{k:02}" for k in range(30)] + [OTHERS]
    assert sum(line["rows"] for line in told) == len(district)


def test_a_list_that_turns_over_has_no_overlap_and_a_steady_one_all_of_it() -> None:
    site = np.tile(np.arange(10), 3)
    month = np.repeat(np.array(["2025-01", "2025-02", "2025-03"], "datetime64[M]"), 10)
    steady = np.tile(np.arange(10.0), 3)
    assert list_overlap(site, month, steady, 0.1) == (1.0, 3)
    turning = np.concatenate([np.arange(10.0), -np.arange(10.0), np.arange(10.0)])
    assert list_overlap(site, month, turning, 0.1) == (0.0, 3)


def test_a_site_that_is_finished_does_not_count_against_the_list() -> None:
    # Of January's list a and b, b is not there in February.
    site = np.array(list("abcd") + list("acde"))
    month = np.repeat(np.array(["2025-01", "2025-02"], "datetime64[M]"), 4)
    score = np.array([4.0, 3, 2, 1, 4, 1, 1, 3])
    assert list_overlap(site, month, score, 0.5) == (1.0, 2)


def test_a_single_list_says_nothing_of_stability() -> None:
    month = np.repeat(np.datetime64("2025-01", "M"), 3)
    assert list_overlap(np.arange(3), month, np.arange(3.0), 0.5) == (None, 1)
