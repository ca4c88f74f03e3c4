"""Fitting a scorecard: a screen, a penalty that time decides, and no feature against its direction.

1. Screen: the features whose score test (Rao 1948) says most beyond what is borrowed.
2. Ridge logistic regression on their normal scores and on their absence; a feature that the catalogue expects
   to raise the risk and that lowers it here, or the reverse, is left out; the strongest rows stay.
3. The penalty is the one whose rows fitted on the older slice have the least log loss on the later one.
4. The card is then fitted on both slices; the log-odds of the later one by the older fit are what it is
   calibrated on, so that the calibration is not flattered.

Of very many rows with few outcomes all that have one are fitted on, and a share of the others drawn at random: the weights
are those of all rows, and only the intercept is off, by the log of the share (Prentice and Pyke, Biometrika 1979), which
is put right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from training.calibration import fit_calibration
from training.card_inputs import CardInputs, CardRows, inputs_of
from training.normal_scores import NormalScores
from training.ridge import Weights, fitted_weights
from training.scorecard import Borrowed, Scorecard, ScorecardRow

SCREENED, KEPT = 45, 30
FIRST_PENALTY = 1000.0
PENALTIES = (300.0, 1000.0, 3000.0)


@dataclass(frozen=True)
class CardFit:
    """The card, the one fitted on the older slice alone, and the log-odds that this gives to the later rows."""

    card: Scorecard
    older: Scorecard
    later_log_odds: np.ndarray
    penalty: float


def fit_scorecard(
    rows: CardRows,
    later: CardRows,
    names: Sequence[str],
    directions: Sequence[int],
    *,
    scores: Mapping[int, NormalScores],
    lender: str = "",
    of_later: np.ndarray | None = None,
    share_of_others: float = 1.0,
) -> CardFit:
    """A scorecard of at most thirty features; `directions` are 1, -1 or 0 as the catalogue expects.

    `share_of_others` is the share of rows without outcome that `rows` holds, and `of_later` marks a like sample of the
    later rows; all of them tell the penalty and are calibrated on.

    `scores` are those of the features that may enter, by their place (`scores_of` these rows or more). The same rows give
    the same card. `lender` names the head whose log-odds are borrowed; a card that would turn its order round borrows nothing.
    """
    screened = CardInputs.of(rows, _screened(rows, scores))
    weights = fitted_weights(screened, directions, FIRST_PENALTY)
    inputs = screened.only(sorted(_strongest(weights)))
    fits = {}
    for penalty in PENALTIES:
        fits[penalty] = weights = fitted_weights(inputs, directions, penalty, begin=weights)
    raised = float(np.log(share_of_others))
    older = {penalty: _card(inputs, fit, names, lender, raised) for penalty, fit in fits.items()}
    told = {penalty: card.log_odds(later.features, names, later.borrowed) for penalty, card in older.items()}
    penalty = min(PENALTIES, key=lambda each: (_log_loss(told[each], later.happened), -each))
    both = inputs.followed_by(later if of_later is None else later.only(of_later))
    card = _card(both, fitted_weights(both, directions, penalty, begin=fits[penalty]), names, lender, raised)
    return CardFit(card, older[penalty], told[penalty], penalty)


def _strongest(weights: Weights) -> list[int]:
    sizes = {place: max(map(abs, each)) for place, each in weights.by_place.items()}
    return sorted(sizes, key=lambda place: (-sizes[place], place))[:KEPT]


def _card(
    inputs: CardInputs, weights: Weights, names: Sequence[str], lender: str, raised: float
) -> Scorecard:
    intercept = weights.intercept + raised
    rows = tuple(_row(inputs, place, each, names[place]) for place, each in weights.by_place.items())
    if inputs.borrowed is None or weights.lent <= 0:
        return Scorecard(intercept, rows)
    borrowed = Borrowed(lender, weights.lent, float(inputs.borrowed.mean()))
    return Scorecard(intercept, rows, borrowed)


def _row(inputs: CardInputs, place: int, weights: tuple[float, float], name: str) -> ScorecardRow:
    """The points of a feature; what it adds on average is that of its inputs, as a missing value scores 0."""
    scores, columns = inputs.scores[place], inputs.columns[place]
    mean = sum(weight * float(column.mean()) for weight, column in zip(weights, columns, strict=False))
    values = tuple((weights[0] * scores.scores).tolist())
    return ScorecardRow(name, tuple(scores.knots.tolist()), values, missing=weights[1], mean=mean)


def _screened(rows: CardRows, scores: Mapping[int, NormalScores]) -> dict[int, NormalScores]:
    """The features whose value or absence says most beyond the prior rate and what is borrowed."""
    known = _Known.of(rows)
    told = {
        place: max(known.says(column) for column in inputs_of(each, rows.features[:, place]))
        for place, each in scores.items()
    }
    best = sorted(told, key=lambda place: (-told[place], place))[:SCREENED]
    return {place: scores[place] for place in sorted(best)}


@dataclass(frozen=True)
class _Known:
    """What is known before any feature, for score tests: the residuals, their weights, and the design."""

    residual: np.ndarray
    weight: np.ndarray
    design: np.ndarray
    inverse: np.ndarray

    @classmethod
    def of(cls, rows: CardRows) -> _Known:
        log_odds = np.full(len(rows.happened), logit(rows.happened.mean()))
        design = np.ones((len(rows.happened), 1))
        if rows.borrowed is not None:
            line = fit_calibration(rows.borrowed, rows.happened)
            log_odds = line.slope * rows.borrowed + line.intercept
            design = np.column_stack([design, rows.borrowed])
        risk = expit(log_odds)
        weight = risk * (1 - risk)
        return cls(rows.happened - risk, weight, design, np.linalg.inv((design * weight[:, None]).T @ design))

    def says(self, column: np.ndarray) -> float:
        """The size of the score test of one more column: its standard normal deviate, without a sign."""
        weighted = column * self.weight
        along = weighted @ self.design
        variance = weighted @ column - along @ self.inverse @ along
        return float(abs(column @ self.residual) / np.sqrt(variance)) if variance > 1e-9 else 0.0


def _log_loss(log_odds: np.ndarray, happened: np.ndarray) -> float:
    return float((np.logaddexp(0, log_odds) - happened * log_odds).mean())
