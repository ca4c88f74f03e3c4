"""A scorecard can be checked with a pencil, follows the expected directions, and adds up feature by feature."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from data_contracts.errors import ModelInvalid
from training.card_inputs import ROWS_FOR_SCORES, CardRows, scores_of
from training.head_model import BORROWED, CALIBRATION, SCORECARD, HeadModel
from training.model_folder import as_json
from training.normal_scores import NormalScores
from training.scorecard import Borrowed, Scorecard, ScorecardRow
from training.scorecard_fitting import CardFit, fit_scorecard

NAMES = ("area", "score", "noise", "against")
DIRECTIONS = (1, -1, 0, 1)
CARD = Scorecard(
    intercept=-2.0,
    rows=(
        ScorecardRow("area", (0.0, 10.0), (0.0, 1.0), missing=0.25, mean=0.5),
        ScorecardRow("score", (60.0, 80.0), (0.4, -0.4), missing=0.0, mean=0.1),
    ),
)


def rows(count: int, seed: int) -> CardRows:
    """The outcome follows area upward, score downward, and `against` downward though it is declared upward."""
    draw = np.random.default_rng(seed)
    features = np.asfortranarray(draw.normal(size=(count, len(NAMES))))
    log_odds = -1.5 + features[:, 0] - 0.7 * features[:, 1] - features[:, 3]
    features[draw.random((count, len(NAMES))) < 0.1] = np.nan
    return CardRows(features, (draw.random(count) < expit(log_odds)).astype(float))


def card_of(older: CardRows, later: CardRows, not_these: Sequence[int] = (), lender: str = "") -> CardFit:
    scores = scores_of(older.features, not_these)
    return fit_scorecard(older, later, NAMES, DIRECTIONS, scores=scores, lender=lender)


def test_a_card_of_all_outcomes_and_a_share_of_the_other_rows_is_that_of_all_rows() -> None:
    older, later = rows(20_000, 1), rows(8_000, 2)
    draw = np.random.default_rng(3)
    kept = [(part.happened > 0) | (draw.random(len(part.happened)) < 0.25) for part in (older, later)]
    scores = scores_of(older.features)
    whole = fit_scorecard(older, later, NAMES, DIRECTIONS, scores=scores)
    sample = fit_scorecard(
        older.only(kept[0]), later, NAMES, DIRECTIONS, scores=scores, of_later=kept[1], share_of_others=0.25
    )
    assert len(sample.later_log_odds) == len(later.happened)
    told = [fit.card.log_odds(later.features, NAMES) for fit in (whole, sample)]
    assert np.abs(told[1] - told[0]).mean() < 0.1
    assert expit(told[1]).mean() == pytest.approx(later.happened.mean(), abs=0.02)


def test_a_site_is_scored_as_with_a_pencil() -> None:
    # Half way from 0 to 10 adds 0.5; 75 lies three quarters of the way down from 0.4 to -0.4.
    features = np.array([[5.0, 75.0, 0.0, 0.0], [np.nan, 90.0, 0.0, 0.0]])
    assert CARD.log_odds(features, NAMES) == pytest.approx([-2 + 0.5 - 0.2, -2 + 0.25 - 0.4])


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6, unique=True),
    st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6),
    st.lists(st.floats(allow_nan=True) | st.floats(-1e6, 1e6), min_size=1, max_size=20),
)
def test_between_its_knots_a_row_is_a_straight_line(
    knots: list[float], values: list[float], asked: list[float]
) -> None:
    """To the last bit as numpy draws it: answers given before are computed again with the same bits."""
    row = ScorecardRow("area", tuple(sorted(knots)), tuple(values[: len(knots)]), missing=0.25, mean=0.0)
    features = np.array([*asked, *knots])[:, None]
    told = Scorecard(0.0, (row,)).log_odds(features, ["area"])
    expected = np.interp(features[:, 0], row.knots, row.values)
    np.testing.assert_array_equal(told, np.where(np.isnan(features[:, 0]), 0.25, expected) + 0.0)


def test_the_printed_points_double_the_odds_every_twenty() -> None:
    table = CARD.points_table()
    assert table["points"].tolist() == [0, 29, 7, 12, -12, 0]  # ln 2 of log-odds are 20 points
    assert table["value"].isna().sum() == 2


def test_contributions_add_up_to_the_log_odds_and_leave_unused_features_alone() -> None:
    features = rows(50, 1).features
    found = CARD.contributions(features, NAMES)
    assert found.sum(axis=1) == pytest.approx(CARD.log_odds(features, NAMES), abs=1e-12)
    assert not found[:, 2:4].any()
    assert found[0, -1] == pytest.approx(-2 + 0.5 + 0.1)


def test_a_feature_that_goes_against_its_direction_is_no_row() -> None:
    fitted = card_of(rows(6000, 1), rows(2000, 2))
    there = {row.feature: row for row in fitted.card.rows}
    assert "against" not in there and {"area", "score"} <= set(there)
    assert np.all(np.diff(there["area"].values) >= 0) and np.all(np.diff(there["score"].values) <= 0)


def test_features_that_are_only_learned_from_can_be_kept_out() -> None:
    fitted = card_of(rows(6000, 1), rows(2000, 2), not_these=[0])
    assert "area" not in {row.feature for row in fitted.card.rows}


def test_the_same_rows_give_the_same_card() -> None:
    first, second = (card_of(rows(3000, 1), rows(1000, 2)).card for _ in range(2))
    assert as_json(first.as_json()) == as_json(second.as_json())


def test_what_tells_the_outcome_is_borrowed_and_what_turns_it_round_is_not() -> None:
    older, later = rows(6000, 1), rows(2000, 2)

    def with_lent(lent: CardRows, sign: float) -> CardRows:
        told = np.nan_to_num(lent.features[:, 0] - 0.7 * lent.features[:, 1] - lent.features[:, 3])
        return CardRows(lent.features, lent.happened, sign * told)

    card = card_of(with_lent(older, 1), with_lent(later, 1), lender="hazard").card
    assert card.borrowed is not None and card.borrowed.head == "hazard"
    assert 0.5 < card.borrowed.weight < 1.5
    turned = card_of(with_lent(older, -1), with_lent(later, -1), lender="hazard").card
    assert turned.borrowed is None


def test_a_card_that_was_written_is_the_card_that_is_read() -> None:
    card = Scorecard(-1.0, CARD.rows, Borrowed("hazard", 1.2, -2.6))
    assert Scorecard.from_json(json.loads(as_json(card.as_json()))) == card


@pytest.mark.parametrize(
    "damage",
    [
        {"intercept": "many"},
        {"rows": [{"feature": "area", "knots": [1, 1], "values": [0, 1], "missing": 0, "mean": 0}]},
        {"rows": [{"feature": "area", "knots": [1], "values": [0, 1], "missing": 0, "mean": 0}]},
        {"rows": [{"feature": "area"}]},
        {"borrowed": {"head": "hazard"}},
    ],
)
def test_a_card_that_makes_no_sense_is_refused(damage: dict) -> None:
    with pytest.raises(ModelInvalid):
        Scorecard.from_json({**CARD.as_json(), **damage})


def test_a_row_of_a_feature_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(ModelInvalid, match="score"):
        CARD.log_odds(np.zeros((1, 1)), ["area"])


def test_normal_scores_keep_the_order_and_a_missing_value_is_the_middle() -> None:
    values = np.append(np.random.default_rng(1).lognormal(size=999), np.nan)
    scores = NormalScores.of(values)
    assert scores is not None and not scores.tells_missing
    at = scores.at(np.array([0.1, 1.0, 5.0, np.nan, 1e9]))
    assert at[0] < at[1] < at[2] <= at[4] and at[3] == 0.0
    assert NormalScores.of(np.full(10, 3.0)) is None and NormalScores.of(np.full(10, np.nan)) is None


def test_scores_of_many_rows_are_those_of_evenly_spaced_ones() -> None:
    features = np.random.default_rng(5).normal(size=(2 * ROWS_FOR_SCORES, 2))
    found, thinned = scores_of(features, [0]), scores_of(features[::3], [0])
    assert list(found) == [1]
    asked = np.array([np.nan, -2.0, 0.0, 0.3, 9.0])
    np.testing.assert_array_equal(found[1].at(asked), thinned[1].at(asked))
    few = scores_of(features[: ROWS_FOR_SCORES - 1])
    np.testing.assert_array_equal(
        few[0].at(asked), NormalScores.of(features[: ROWS_FOR_SCORES - 1, 0]).at(asked)
    )


def test_measures_of_strictness_are_held_when_a_site_is_scored() -> None:
    numbers = {"slope": 1.0, "intercept": 0.0, "held_at": {"area": 10.0}}
    files = {SCORECARD: as_json(CARD.as_json()), CALIBRATION: as_json(numbers)}
    model = HeadModel.from_files("hazard", NAMES, files)
    strict, lenient = np.array([[10.0, 70.0, 0, 0]]), np.array([[0.0, 70.0, 0, 0]])
    assert model.log_odds(strict) == model.log_odds(lenient) == CARD.log_odds(strict, NAMES)
    assert lenient[0, 0] == 0.0  # the caller's rows are left as they are


def test_a_card_that_borrows_needs_the_trees_it_borrows_from() -> None:
    card = Scorecard(-1.0, CARD.rows, Borrowed("hazard", 1.2, -2.6))
    files = {SCORECARD: as_json(card.as_json()), CALIBRATION: as_json({"slope": 1.0, "intercept": 0.0})}
    with pytest.raises(ModelInvalid, match="borrowed trees"):
        HeadModel.from_files("accident", NAMES, files)
    with pytest.raises(ModelInvalid, match="cut short"):
        HeadModel.from_files("accident", NAMES, {**files, f"{BORROWED}1.txt": b"tree\n"})
