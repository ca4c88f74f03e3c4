"""Measures of one contender: scikit-learn's where it has them, worked out by hand where it has not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from training.calibration_slope import calibration_slope, calibration_slopes, logit
from training.capacity_lists import at_capacity, share_on_list
from training.head_model import calibrated
from training.measures import RankedRows, probability_measures, ranking_measures
from training.project_draws import ProjectDraws, draw_projects


def drawn_rows(count: int = 600) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(3)
    log_odds = draw.normal(-1.5, 1, count)
    return {
        "happened": (draw.random(count) < calibrated(log_odds, 0.8, 0.2)).astype(float),
        "score": np.round(calibrated(log_odds, 1.0, 0.0), 2),  # rounded: many tie
        "project": np.arange(count) % 90,
        "period": np.arange(count) % 5,
        "weight": draw.uniform(0.5, 3, count),
    }


def test_weighted_figures_are_scikit_learns_in_every_draw() -> None:
    of = drawn_rows()
    ranked, draws = RankedRows(**of), draw_projects(of["project"], seed=1, draws=6)
    measures = ranking_measures(ranked, draws) | probability_measures(ranked, draws, 0.3)
    for draw in range(6):
        judge = {"sample_weight": of["weight"] * draws.times[of["project"], draw]}
        happened, score = of["happened"], of["score"]
        said = np.full(len(score), 0.3)
        loss, brier = log_loss(happened, score, **judge), brier_score_loss(happened, score, **judge)
        assert measures["auc"][draw] == pytest.approx(roc_auc_score(happened, score, **judge), abs=1e-12)
        assert measures["average_precision"][draw] == pytest.approx(
            average_precision_score(happened, score, **judge), abs=1e-12
        )
        assert measures["log_loss"][draw] == pytest.approx(loss)
        assert measures["log_loss_skill"][draw] == pytest.approx(1 - loss / log_loss(happened, said, **judge))
        assert measures["brier"][draw] == pytest.approx(brier)
        assert measures["brier_skill"][draw] == pytest.approx(
            1 - brier / brier_score_loss(happened, said, **judge)
        )


def test_a_project_drawn_twice_counts_as_two_projects_on_the_lists_of_its_months() -> None:
    of = drawn_rows() | {"weight": np.ones(600)}
    draws = draw_projects(of["project"], seed=2, draws=4)
    measures = ranking_measures(RankedRows(**of), draws)
    pooled = ranking_measures(RankedRows(**of), draws, pooled=True)
    for draw in range(4):
        row = np.repeat(np.arange(600), draws.times[of["project"], draw])
        happened, score, period = (of[name][row] for name in ("happened", "score", "period"))
        for share, at in ((0.05, "at_5pct"), (0.1, "at_10pct")):
            monthly, all_rows = (
                at_capacity(happened, score, share, period),
                at_capacity(happened, score, share),
            )
            for name in ("precision", "recall", "lift"):
                assert measures[f"{name}_{at}"][draw] == pytest.approx(monthly[name])
                assert pooled[f"{name}_{at}_pooled"][draw] == pytest.approx(all_rows[name])


def test_a_row_of_weight_two_stands_for_two_rows() -> None:
    of = drawn_rows()
    times = np.arange(600) % 3
    row = np.repeat(np.arange(600), times)
    weighted = at_capacity(of["happened"], of["score"], 0.1, of["period"], times.astype(float))
    assert weighted == pytest.approx(
        at_capacity(of["happened"][row], of["score"][row], 0.1, of["period"][row])
    )


def test_sites_that_tie_at_the_edge_of_the_list_count_as_drawing_lots_would() -> None:
    happened = np.array([1.0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    score = np.array([5.0, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    # Two visits: the first site for certain, then one of four, of which one has the outcome.
    assert at_capacity(happened, score, 0.2)["precision"] == pytest.approx((1 + 0.25) / 2)
    assert at_capacity(happened, score, 0.2)["lift"] == pytest.approx((1 + 0.25) / 2 / 0.2)
    assert share_on_list(score, 0.2).tolist() == [1, 0.25, 0.25, 0.25, 0.25, 0, 0, 0, 0, 0]


def test_the_station_makes_a_list_every_month_and_cannot_save_visits_for_a_worse_one() -> None:
    # Ten sites a month and one visit. The scores of the second month are higher throughout, by season alone.
    month = np.repeat([1, 2], 10)
    score = np.concatenate([np.arange(10, 0, -1), np.arange(20, 10, -1)]).astype(float)
    happened = np.zeros(20)
    happened[[0, 10]] = 1  # the first of either list
    assert at_capacity(happened, score, 0.1, month) == {"precision": 1.0, "recall": 1.0, "lift": 10.0}
    ranked, once = RankedRows(happened, score, np.arange(20), period=month), ProjectDraws.once(np.arange(20))
    assert ranking_measures(ranked, once)["recall_at_10pct"] == 1.0
    assert ranking_measures(ranked, once, pooled=True)["recall_at_10pct_pooled"] == 0.5


def test_a_month_without_outcomes_still_costs_its_visits() -> None:
    happened, score = np.array([1.0, 0, 0, 0]), np.array([4.0, 3, 2, 1])
    assert at_capacity(happened, score, 0.5, np.array([1, 1, 2, 2]))["precision"] == 0.5


def test_a_random_order_finds_its_share_whatever_the_capacity() -> None:
    of = drawn_rows() | {"score": np.zeros(600)}
    measures = ranking_measures(RankedRows(**of), ProjectDraws.once(of["project"]))
    assert measures["auc"] == 0.5
    assert measures["recall_at_10pct"] == pytest.approx(0.1)
    assert measures["lift_at_5pct"] == pytest.approx(1)


def test_observed_over_expected_of_the_top_decile_is_that_of_the_highest_risks() -> None:
    # Twenty rows, two in the top decile with risks 0.8 and 0.7, of which one came true; three outcomes in all.
    risk = np.concatenate([[0.8, 0.7], np.full(18, 0.05)])
    happened = np.zeros(20)
    happened[[0, 5, 9]] = 1
    told = probability_measures(
        RankedRows(happened, risk, np.arange(20)), ProjectDraws.once(np.arange(20)), 0.1
    )
    assert told["observed_over_expected_top_decile"][0] == pytest.approx(1 / 1.5)
    assert told["observed_over_expected"][0] == pytest.approx(3 / (1.5 + 0.9))


def test_a_certainty_that_fails_costs_much_and_not_infinitely() -> None:
    risk, happened = np.array([0.0, 1.0, 0.5]), np.array([1.0, 0.0, 1.0])
    told = probability_measures(
        RankedRows(happened, risk, np.arange(3)), ProjectDraws.once(np.arange(3)), 0.5
    )
    assert told["log_loss"][0] == pytest.approx(log_loss(happened, risk))


def test_the_calibration_slope_is_that_of_a_logistic_regression_on_log_odds() -> None:
    of = drawn_rows(5000)
    risk = np.clip(of["score"], 0.001, 0.999)
    judge = LogisticRegression(C=np.inf, tol=1e-10).fit(
        logit(risk)[:, None], of["happened"], sample_weight=of["weight"]
    )
    slope = calibration_slope(of["happened"], risk, of["weight"])
    assert slope == pytest.approx(judge.coef_[0, 0], abs=1e-5)
    draws = draw_projects(of["project"], seed=1, draws=5)
    for draw, told in enumerate(calibration_slopes(of["happened"], risk, of["weight"], draws)):
        weight = of["weight"] * draws.times[of["project"], draw]
        assert told == pytest.approx(calibration_slope(of["happened"], risk, weight), abs=1e-3)


def test_risks_twice_as_far_apart_as_they_should_be_have_a_slope_of_a_half() -> None:
    draw = np.random.default_rng(5)
    log_odds = draw.normal(-1, 1, 100_000)
    happened = (draw.random(len(log_odds)) < calibrated(log_odds, 1.0, 0.0)).astype(float)
    assert calibration_slope(happened, calibrated(2 * log_odds, 1.0, 0.0), np.ones(100_000)) == pytest.approx(
        0.5, abs=0.01
    )


def test_no_slope_where_the_risk_does_not_vary_or_separates_the_outcomes() -> None:
    happened, weight = np.array([0.0, 0, 0, 1, 1]), np.ones(5)
    assert np.isnan(calibration_slope(happened, np.full(5, 0.1), weight))
    assert np.isnan(calibration_slope(happened, np.array([0.1, 0.2, 0.3, 0.6, 0.7]), weight))
    assert np.isnan(calibration_slope(np.zeros(5), np.array([0.1, 0.2, 0.3, 0.6, 0.7]), weight))
