"""Figures that can be defended: the same for every contender, silent where nothing can be told, plain JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data_contracts.errors import InvalidInput
from training.calibration import fit_calibration, fit_level
from training.evaluation import TestRows, evaluate
from training.head_model import calibrated
from training.project_draws import draw_projects, interval, whole_projects


def rows(count: int = 400, seed: int = 1, *, rate: float = 0.2) -> TestRows:
    draw = np.random.default_rng(seed)
    happened = (draw.random(count) < rate).astype(float)
    return TestRows(
        project_id=draw.integers(0, 60, count).astype(str).astype(object),
        as_of=np.datetime64("2025-01-01", "us") + draw.integers(0, 365, count) * np.timedelta64(1, "D"),
        happened=happened,
        scores={
            "prior_rate": np.full(count, 0.2),
            "past_violations": draw.poisson(1 + happened).astype(float),
            "scorecard": calibrated(draw.normal(size=count) + happened - 2, 1.0, 0.0),
            "trees": calibrated(draw.normal(size=count) + 2 * happened - 2, 1.0, 0.0),
        },
        probabilities=frozenset({"prior_rate", "scorecard", "trees"}),
        judged="trees",
        prior=0.2,
        groups={"district": draw.choice(np.array(["310104", "310115", None], object), count)},
    )


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    return evaluate(rows(), seed=1)


def test_a_report_is_plain_json_without_nan_and_the_same_for_the_same_seed(
    evaluation: dict[str, Any],
) -> None:
    assert json.loads(json.dumps(evaluation, allow_nan=False)) == evaluation
    assert evaluate(rows(), seed=1) == evaluation
    assert "accuracy" not in json.dumps(evaluation)


def test_a_report_says_what_it_rests_on(evaluation: dict[str, Any]) -> None:
    tested = rows()
    assert evaluation["rows"] == evaluation["bootstrap_rows"] == 400
    assert evaluation["positives"] == int(tested.happened.sum())
    assert evaluation["projects"] == 60
    assert evaluation["first"] == str(tested.as_of.min())[:10]
    assert (evaluation["judged"], evaluation["prior"], evaluation["capacities"]) == (
        "trees",
        0.2,
        [0.05, 0.1],
    )


def test_the_prior_rate_has_no_skill_no_order_and_no_slope(evaluation: dict[str, Any]) -> None:
    prior = evaluation["contenders"]["prior_rate"]
    none = {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert prior["log_loss_skill"] == prior["brier_skill"] == none
    assert prior["auc"]["mean"] == 0.5
    assert prior["lift_at_10pct"]["mean"] == pytest.approx(1)
    assert prior["calibration_slope"] == {"mean": None, "low": None, "high": None}


def test_a_count_is_ranked_and_not_judged_as_a_probability(evaluation: dict[str, Any]) -> None:
    count = evaluation["contenders"]["past_violations"]
    assert count["auc"]["mean"] > 0.5
    assert not {"brier", "log_loss", "ece", "calibration_slope"} & set(count)


def test_a_gain_is_the_difference_with_an_interval_of_the_same_draws(evaluation: dict[str, Any]) -> None:
    contenders, gains = evaluation["contenders"], evaluation["gains"]
    assert set(gains) == set(contenders) - {"trees"}
    for name, gain in gains.items():
        for figure, told in gain.items():
            assert told["mean"] == pytest.approx(
                contenders["trees"][figure]["mean"] - contenders[name][figure]["mean"]
            )
            assert told["low"] < told["mean"] < told["high"]
    # Against a constant 0.5 the gain varies exactly as the AUC does.
    trees, over_prior = contenders["trees"]["auc"], gains["prior_rate"]["auc"]
    assert over_prior["low"] == pytest.approx(trees["low"] - 0.5)


def test_a_model_gains_nothing_over_itself_in_any_draw() -> None:
    tested = rows()
    twice = replace(tested, scores={**tested.scores, "oracle": tested.scores["trees"]})
    assert evaluate(twice, seed=1)["gains"]["oracle"]["auc"] == {"mean": 0.0, "low": 0.0, "high": 0.0}


def test_rows_of_one_project_count_as_one_when_intervals_are_made() -> None:
    tested = rows(200)
    repeated = TestRows(
        project_id=np.tile(tested.project_id, 4),
        as_of=np.tile(tested.as_of, 4),
        happened=np.tile(tested.happened, 4),
        scores={name: np.tile(score, 4) for name, score in tested.scores.items()},
        probabilities=tested.probabilities,
        judged="trees",
        prior=0.2,
    )
    once, fourfold = (evaluate(each, seed=1)["contenders"]["trees"]["auc"] for each in (tested, repeated))
    assert fourfold["low"] == pytest.approx(once["low"])
    assert fourfold["high"] == pytest.approx(once["high"])


def test_where_nothing_happened_no_ranking_figure_is_given() -> None:
    evaluation = evaluate(rows(rate=0.0), seed=1)
    untold = {"mean": None, "low": None, "high": None}
    trees = evaluation["contenders"]["trees"]
    assert evaluation["positives"] == 0 and evaluation["lift_curve"] == []
    for figure in (
        "auc",
        "average_precision",
        "precision_at_5pct",
        "recall_at_5pct",
        "lift_at_10pct",
        "calibration_slope",
    ):
        assert trees[figure] == untold
    assert trees["recall_at_10pct_pooled"] is None
    assert trees["observed_over_expected"]["mean"] == 0.0
    assert evaluation["gains"]["past_violations"]["auc"] == untold
    json.dumps(evaluation, allow_nan=False)


def test_where_everything_happened_there_is_nothing_to_rank() -> None:
    trees = evaluate(rows(rate=1.1), seed=1)["contenders"]["trees"]
    assert trees["auc"]["mean"] is None and trees["lift_at_5pct"]["mean"] is None


def test_no_rows_tell_nothing() -> None:
    evaluation = evaluate(rows(0), seed=1)
    assert evaluation["rows"] == 0 and evaluation["first"] is None
    assert evaluation["contenders"]["trees"]["log_loss"]["mean"] is None
    json.dumps(evaluation, allow_nan=False)


def test_outcomes_on_one_project_give_a_figure_without_an_interval() -> None:
    tested = rows(300)
    happened = (tested.project_id == tested.project_id[0]).astype(float)
    told = evaluate(replace(tested, happened=happened), seed=1)["contenders"]["trees"]["auc"]
    assert told["mean"] is not None
    assert told["low"] is told["high"] is None


def test_a_draw_that_cannot_tell_is_no_zero() -> None:
    told = np.append(np.linspace(0.4, 0.6, 95), [np.nan] * 5)
    assert interval(0.5, told) == {"mean": 0.5, "low": pytest.approx(0.405), "high": pytest.approx(0.595)}
    assert interval(0.5, np.append(told, np.full(10, np.nan)))["low"] is None
    # Drawn from other rows, whose own figure is 0.45: the interval is moved along.
    assert interval(0.5, told, of_drawn_rows=0.45)["low"] == pytest.approx(0.455)


def test_draws_take_as_many_projects_as_there_are_and_whole_ones() -> None:
    draws = draw_projects(np.array([0, 0, 1, 2, 2, 2]), seed=1, draws=50)
    assert (draws.times.sum(axis=0) == 3).all()
    assert draws.total(np.ones(6)).tolist() == (np.array([2, 1, 3]) @ draws.times).tolist()
    project = np.repeat(np.arange(100), 7)
    kept = whole_projects(project, most_rows=350, seed=1)
    assert kept.sum() == 350
    assert set(np.bincount(project[kept])) <= {0, 7}


def test_more_rows_than_the_bootstrap_takes_are_cut_by_projects_and_the_figure_stays(
    monkeypatch: pytest.MonkeyPatch, evaluation: dict[str, Any]
) -> None:
    monkeypatch.setattr("training.evaluation.MOST_BOOTSTRAP_ROWS", 200)
    cut = evaluate(rows(), seed=1)
    assert 150 < cut["bootstrap_rows"] <= 200
    told, whole = cut["contenders"]["trees"]["auc"], evaluation["contenders"]["trees"]["auc"]
    assert told["mean"] == whole["mean"]
    assert told["low"] < told["mean"] < told["high"]
    assert told["high"] - told["low"] > whole["high"] - whole["low"]


def test_the_lift_curve_holds_the_capacities_and_ends_with_everyone_visited(
    evaluation: dict[str, Any],
) -> None:
    curve = {point["share"]: point["recall"] for point in evaluation["lift_curve"]}
    assert set(curve[1.0]) == {"trees", "scorecard", "prior_rate", "past_violations"}
    for name, recall in curve[1.0].items():
        assert recall == pytest.approx(1)
        assert curve[0.1][name] == pytest.approx(evaluation["contenders"][name]["recall_at_10pct"]["mean"])


def test_visits_drawn_at_random_are_shown_only_for_heads_given_a_visit(evaluation: dict[str, Any]) -> None:
    assert evaluation["random_visits"] is None
    chance = np.where(np.arange(400) % 4 == 0, 0.03, np.nan)
    of_visits = evaluate(replace(rows(), selection_probability=chance), seed=1)
    assert (of_visits["random_visits"]["visits"], of_visits["random_visits"]["random_visits"]) == (400, 100)
    # Visits are no list of all sites.
    assert of_visits["stability"] == {"overlap_at_5pct": None, "overlap_at_10pct": None, "lists": 0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"judged": "boosted_scorecard"},
        {"probabilities": frozenset({"trees", "oracle"})},
        {"probabilities": frozenset({"past_violations"})},
        {"scores": {**rows().scores, "risk_matrix": np.full(400, np.nan)}},
        {"scores": {**rows().scores, "risk_matrix": np.zeros(3)}},
    ],
)
def test_scores_that_are_missing_or_no_probabilities_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        replace(rows(), **wrong)


def test_calibration_finds_the_slope_and_level_again() -> None:
    draw = np.random.default_rng(4)
    log_odds = draw.normal(-2, 1.5, 200_000)
    happened = (draw.random(len(log_odds)) < calibrated(log_odds, 0.7, -0.4)).astype(float)
    found = fit_calibration(log_odds, happened)
    assert found.slope == pytest.approx(0.7, abs=0.02)
    assert found.intercept == pytest.approx(-0.4, abs=0.05)
    expected = calibrated(log_odds, found.slope, found.intercept).sum()
    assert happened.sum() / expected == pytest.approx(1, abs=0.005)


def test_a_level_is_found_again_with_the_slope_that_was_given() -> None:
    draw = np.random.default_rng(4)
    log_odds = draw.normal(-2, 1.5, 200_000)
    happened = (draw.random(len(log_odds)) < calibrated(log_odds, 0.7, -0.4)).astype(float)
    found = fit_level(log_odds, happened, slope=0.9)
    assert found.slope == 0.9
    assert happened.sum() == pytest.approx(calibrated(log_odds, 0.9, found.intercept).sum(), rel=0.001)


def test_a_handful_of_outcomes_moves_the_calibration_a_little_and_none_turns_the_ranking() -> None:
    log_odds = np.linspace(-8, -2, 2000)
    happened = np.zeros(2000)
    happened[[100, 300]] = 1
    found = fit_calibration(log_odds, happened)
    assert 0 < found.slope < 1
    assert fit_calibration(log_odds, np.zeros(2000)).slope > 0
    against = (log_odds < -6).astype(float)
    assert fit_calibration(log_odds, against).slope == pytest.approx(0.05)
