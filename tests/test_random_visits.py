"""Visits chosen for their risk measure the chooser; visits drawn by lot measure the city."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.random_share import coverage
from data_contracts.synthetic_city import write_city
from training.random_visits import quarterly_rates, random_visits, weighted_rate
from training.rate_interval import rate_interval, wilson

NOT_DRAWN = np.nan


def test_each_drawn_visit_stands_for_as_many_sites_as_one_over_its_probability() -> None:
    # Two drawn visits with 0.5 stand for two sites each, one with 0.1 for ten; the last was chosen and bad.
    happened = np.array([1.0, 0, 0, 1])
    chance = np.array([0.5, 0.5, 0.1, NOT_DRAWN])
    told = random_visits(happened, happened, np.arange(4), chance, seed=1)
    assert told["weighted_rate"] == pytest.approx(2 / 14)
    assert told["naive_rate"] == 0.5
    assert (told["visits"], told["random_visits"]) == (4, 3)


def test_the_weighted_auc_is_scikit_learns_with_the_same_weights() -> None:
    draw = np.random.default_rng(1)
    happened, score = (draw.random(300) < 0.3).astype(float), draw.normal(size=300)
    chance = np.where(draw.random(300) < 0.5, draw.uniform(0.02, 0.2, 300), NOT_DRAWN)
    told, drawn = random_visits(happened, score, np.arange(300), chance, seed=1), ~np.isnan(chance)
    assert told["naive_auc"] == pytest.approx(roc_auc_score(happened, score))
    assert told["weighted_auc"] == pytest.approx(
        roc_auc_score(happened[drawn], score[drawn], sample_weight=1 / chance[drawn])
    )
    assert told["weighted_auc_low"] < told["weighted_auc"] < told["weighted_auc_high"]


def test_without_a_random_visit_nothing_is_said_of_all_sites() -> None:
    told = random_visits(
        np.array([1.0, 0]), np.array([2.0, 1]), np.arange(2), np.array([NOT_DRAWN, 0.0]), seed=1
    )
    assert told["random_visits"] == 0
    assert told["weighted_rate"] is told["weighted_low"] is told["weighted_auc"] is None
    assert told["naive_rate"] == 0.5
    json.dumps(told, allow_nan=False)


def test_without_weights_and_sites_the_interval_is_wilsons() -> None:
    # Newcombe, Statistics in Medicine 1998, table I: 15 of 148 gives 0.0624 to 0.1605.
    told = rate_interval(np.array([1.0] * 15 + [0.0] * 133))
    assert (told.low, told.high) == (pytest.approx(0.0624, abs=5e-5), pytest.approx(0.1605, abs=5e-5))
    assert wilson(0.0, 20)[0] == 0.0


def test_the_same_visits_told_twice_over_are_no_surer() -> None:
    happened = np.array([1.0] * 10 + [0.0] * 90)
    once = rate_interval(happened, site=np.arange(100))
    twice = rate_interval(np.tile(happened, 2), site=np.tile(np.arange(100), 2))
    assert twice.rows == 200
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_a_quarter_in_which_no_random_visit_was_serious_still_has_an_upper_bound() -> None:
    told = weighted_rate(np.zeros(40), np.full(40, 0.03), np.arange(40))
    assert (told.rate, told.low) == (0.0, 0.0)
    assert told.high == pytest.approx(wilson(0.0, 40)[1])


def test_unequal_probabilities_are_undone_and_the_interval_keeps_its_level() -> None:
    # Large sites are four times as likely to be drawn, and twice as likely to be bad.
    draw, covers, naive = np.random.default_rng(7), 0, 0
    for _ in range(300):
        large = draw.random(12_000) < 0.3
        chance, risk = np.where(large, 0.08, 0.02), np.where(large, 0.14, 0.07)
        chosen = draw.random(12_000) < chance
        happened = (draw.random(12_000) < risk)[chosen].astype(float)
        told = weighted_rate(happened, chance[chosen], np.flatnonzero(chosen))
        true = 0.3 * 0.14 + 0.7 * 0.07
        covers += told.low <= true <= told.high
        plain = rate_interval(happened)
        naive += plain.low <= true <= plain.high
    assert 0.91 * 300 <= covers <= 0.99 * 300
    assert naive < 0.7 * 300


def test_rates_are_given_for_each_quarter_with_a_visit() -> None:
    day = np.array(["2025-05-02", "2025-01-01", "2025-03-31", "2025-11-05"], "datetime64[us]")
    told = quarterly_rates(
        day, np.array([1.0, 1, 0, 0]), np.array([NOT_DRAWN, 0.03, 0.03, 0.03]), np.arange(4)
    )
    assert [one["quarter"] for one in told] == ["2025Q1", "2025Q2", "2025Q4"]
    assert [one["weighted"].rate for one in told] == [0.5, None, 0.0]
    assert [one["naive"].rate for one in told] == [0.5, 1.0, 0.0]


def test_in_a_city_the_random_share_tells_the_true_rate_and_all_visits_do_not(tmp_path: Path) -> None:
    write_city(tmp_path, projects=800, years=2, seed=3)
    told = coverage(tmp_path)
    assert told["quarters"] == 8 and told["weighted_covers"] >= 7
    assert told["years"] == 2 and told["naive_covers"] == 0
    assert told["naive_rate"] > 1.1 * told["true_rate"]
    assert told["weighted_rate"] == pytest.approx(told["true_rate"], rel=0.15)
    json.dumps(told, allow_nan=False)
