"""What visits drawn at random say of the whole city: means, intervals, and the change they can tell."""

import numpy as np
import pandas as pd
import pytest

from serving.backtest.random_share import by_period, per_visit, smallest_fall, visits_needed


def test_a_visit_drawn_with_half_the_chance_stands_for_twice_the_sites() -> None:
    told = per_visit(np.array([2.0, 8.0]), np.array([0.1, 0.05]), np.array(["A", "B"]))
    # (2/0.1 + 8/0.05) / (1/0.1 + 1/0.05) = 180 / 30
    assert told.mean == pytest.approx(6.0)
    assert told.low < 6.0 < told.high


def test_visits_that_were_not_drawn_say_nothing_of_the_city() -> None:
    told = per_visit(np.array([50.0, 2.0, 4.0]), np.array([np.nan, 0.1, 0.1]), np.array(["A", "B", "C"]))
    assert (told.mean, told.visits) == (pytest.approx(3.0), 2)


def test_two_visits_to_one_site_are_not_two_sites() -> None:
    found, even = np.array([1.0, 1.0, 9.0, 9.0] * 5), np.full(20, 0.1)
    apart = per_visit(found, even, np.arange(20))
    together = per_visit(found, even, np.repeat(np.arange(10), 2))
    assert together.high > apart.high


def test_nothing_is_certain_because_all_found_the_same_or_one_site_was_drawn_twice() -> None:
    alike = per_visit(np.array([3.0, 3.0]), np.array([0.1, 0.1]), np.array(["A", "B"]))
    assert alike.mean == 3 and np.isnan([alike.low, alike.high, alike.spread]).all()
    assert np.isnan(smallest_fall(alike.visits, alike.spread))
    once = per_visit(np.array([2.0, 9.0]), np.array([0.1, 0.1]), np.array(["A", "A"]))
    assert np.isnan([once.mean, once.low, once.spread]).all() and once.visits == 2


def test_the_interval_holds_the_city_nineteen_times_of_twenty() -> None:
    chance, held = np.random.default_rng(0), 0
    for _ in range(400):
        found = chance.negative_binomial(2.5, 2.5 / (2.5 + 6.0), 150).astype(float)
        told = per_visit(found, np.full(150, 0.03), np.arange(150))
        held += told.low <= 6.0 <= told.high
    assert 0.92 <= held / 400 <= 0.98


def test_a_fall_that_is_told_needs_as_many_visits_as_there_were() -> None:
    fall = smallest_fall(500, 1.05)
    assert visits_needed(fall, 1.05) == pytest.approx(500, abs=1)


def test_without_findings_nothing_is_told() -> None:
    told = per_visit(np.zeros(10), np.full(10, 0.1), np.arange(10))
    assert np.isnan(told.mean)
    assert told.visits == 10
    assert np.isnan(smallest_fall(told.visits, told.spread))


def test_each_quarter_has_its_row_and_visits_of_unknown_findings_are_left_out() -> None:
    visits = pd.DataFrame(
        {
            "inspected_on": pd.to_datetime(["2024-01-05", "2024-03-31", "2024-04-01", "2024-04-02"]),
            "project_id": ["A", "B", "C", "D"],
            "agency_code": ["X", "Y", "X", "X"],
            "selection_probability": [0.1, 0.1, 0.1, 0.1],
            "hazards_found": [2.0, 4.0, 5.0, np.nan],
        }
    )
    mondays = pd.to_datetime(["2024-01-08", "2024-01-08", "2024-04-08", "2024-04-08"])
    site_weeks = pd.DataFrame({"day": mondays, "agency_code": ["X", "Y"] * 2, "sites": [30, 10, 30, 10]})
    rows = by_period(visits, "hazards_found", "Q", site_weeks)
    assert rows["reached"].tolist() == [1.0, 0.75]  # Y drew nobody in the second quarter
    assert rows["period"].tolist() == ["2024Q1", "2024Q2"]
    assert rows["visits"].tolist() == [2, 1]
    assert rows["mean"].tolist()[0] == pytest.approx(3.0)
