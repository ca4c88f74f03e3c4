"""Figures that can be defended: the same as scikit-learn's, fair to ties, silent where nothing can be told."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.calibration import fit_calibration
from training.evaluation import TestRows, _SortedScores, at_capacity, evaluate, ranking_figures
from training.head_model import calibrated


def rows(count: int = 400, seed: int = 1, *, rate: float = 0.2) -> TestRows:
    draw = np.random.default_rng(seed)
    happened = (draw.random(count) < rate).astype(float)
    return TestRows(
        project_id=draw.integers(0, 60, count).astype(str).astype(object),
        as_of=np.datetime64("2025-01-01", "us") + draw.integers(0, 365, count) * np.timedelta64(1, "D"),
        happened=happened,
        risk=calibrated(draw.normal(size=count) + 2 * happened - 2, 1.0, 0.0),
        violation_count=draw.poisson(1 + happened).astype(float),
        prior=0.2,
    )


def test_the_weighted_auc_is_scikit_learns() -> None:
    tested, weight = rows(), np.random.default_rng(2).integers(0, 4, 400).astype(float)
    for score in (tested.risk, tested.violation_count):
        assert _SortedScores(score, tested.happened).auc(weight) == pytest.approx(
            roc_auc_score(tested.happened, score, sample_weight=weight), abs=1e-12
        )


def test_sites_that_tie_at_the_edge_of_the_list_count_as_drawing_lots_would() -> None:
    happened = np.array([1.0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    score = np.array([5.0, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    # Two visits: the first site for certain, then one of four, of which one has the outcome.
    assert at_capacity(happened, score, 0.2)["precision"] == pytest.approx((1 + 0.25) / 2)
    assert at_capacity(happened, score, 0.2)["lift"] == pytest.approx((1 + 0.25) / 2 / 0.2)


def test_the_station_makes_a_list_every_month_and_cannot_save_visits_for_a_worse_one() -> None:
    # Ten sites a month and one visit. The scores of the second month are higher throughout, by season alone.
    month = np.repeat([1, 2], 10)
    score = np.concatenate([np.arange(10, 0, -1), np.arange(20, 10, -1)]).astype(float)
    happened = np.zeros(20)
    happened[[0, 10]] = 1  # the first of either list
    assert at_capacity(happened, score, 0.1, month) == {"precision": 1.0, "recall": 1.0, "lift": 10.0}
    figures = ranking_figures(happened, score, month)
    assert (figures["recall_at_10pct"], figures["recall_at_10pct_pooled"]) == (1.0, 0.5)


def test_a_month_without_outcomes_still_costs_its_visits() -> None:
    happened, score = np.array([1.0, 0, 0, 0]), np.array([4.0, 3, 2, 1])
    assert at_capacity(happened, score, 0.5, np.array([1, 1, 2, 2]))["precision"] == 0.5


def test_a_random_order_finds_its_share_whatever_the_capacity() -> None:
    happened = rows().happened
    figures = ranking_figures(happened, np.zeros(len(happened)), np.arange(len(happened)) % 4)
    assert figures["auc"] == 0.5
    assert figures["recall_at_10pct"] == pytest.approx(0.1)
    assert figures["lift_at_5pct"] == pytest.approx(1)


def test_the_prior_rate_has_no_skill_and_the_model_some_with_an_interval() -> None:
    evaluation = evaluate(rows(), seed=1)
    assert evaluation["prior"]["log_loss_skill"] == 0
    skill, gain = evaluation["skill_over_prior"], evaluation["auc_gain_over_count"]
    assert skill["mean"] == pytest.approx(evaluation["model"]["log_loss_skill"])
    assert skill["low"] < skill["mean"] < skill["high"]
    assert gain["mean"] == pytest.approx(evaluation["model"]["auc"] - evaluation["violation_count"]["auc"])
    assert evaluate(rows(), seed=1) == evaluation


def test_where_nothing_happened_no_ranking_figure_is_given() -> None:
    evaluation = evaluate(rows(rate=0.0), seed=1)
    assert evaluation["positives"] == 0
    assert "auc" not in evaluation["model"] and evaluation["violation_count"] == {}
    assert evaluation["auc_gain_over_count"] == {"mean": None, "low": None, "high": None}


def test_calibration_finds_the_slope_and_level_again() -> None:
    draw = np.random.default_rng(4)
    log_odds = draw.normal(-2, 1.5, 200_000)
    happened = (draw.random(len(log_odds)) < calibrated(log_odds, 0.7, -0.4)).astype(float)
    found = fit_calibration(log_odds, happened)
    assert found.slope == pytest.approx(0.7, abs=0.02)
    assert found.intercept == pytest.approx(-0.4, abs=0.05)
    expected = calibrated(log_odds, found.slope, found.intercept).sum()
    assert happened.sum() / expected == pytest.approx(1, abs=0.005)


def test_a_handful_of_outcomes_moves_the_calibration_a_little_and_none_turns_the_ranking() -> None:
    log_odds = np.linspace(-8, -2, 2000)
    happened = np.zeros(2000)
    happened[[100, 300]] = 1
    found = fit_calibration(log_odds, happened)
    assert 0 < found.slope < 1
    assert fit_calibration(log_odds, np.zeros(2000)).slope > 0
    against = (log_odds < -6).astype(float)
    assert fit_calibration(log_odds, against).slope == pytest.approx(0.05)
