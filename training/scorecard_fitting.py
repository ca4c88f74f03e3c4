"""Fitting a scorecard: a screen, a penalty that time decides, and no feature against its direction.

1. Screen: the features whose score test (Rao 1948) says most beyond what is borrowed.
2. Ridge logistic regression on their normal scores and on their absence; a feature that the catalogue expects
   to raise the risk and that lowers it here, or the reverse, is left out; the strongest rows stay.
3. The penalty is the one whose rows fitted on the older slice have the least log loss on the later one.
4. The card is then fitted on both slices; the log-odds of the later one by the older fit are what it is
   calibrated on, so that the calibration is not flattered.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from training.calibration import fit_calibration
from training.normal_scores import NormalScores
from training.scorecard import Borrowed, Scorecard, ScorecardRow

SCREENED, KEPT = 45, 30
FIRST_PENALTY = 1000.0
PENALTIES = (300.0, 1000.0, 3000.0)
# A borrowed row enters ten times enlarged, so that the penalty hardly holds it back.
ENLARGED = 10.0
_STEPS = 50


@dataclass(frozen=True)
class CardRows:
    """Rows of one slice: features (rows, names), what happened, and the log-odds that may be borrowed."""

    features: np.ndarray
    happened: np.ndarray
    borrowed: np.ndarray | None = None

    def followed_by(self, later: CardRows) -> CardRows:
        """These rows and then the later ones."""
        borrowed = None
        if self.borrowed is not None and later.borrowed is not None:
            borrowed = np.concatenate([self.borrowed, later.borrowed])
        features = np.asfortranarray(np.concatenate([self.features, later.features]))
        return CardRows(features, np.concatenate([self.happened, later.happened]), borrowed)


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
    not_these: Sequence[int] = (),
    lender: str = "",
) -> CardFit:
    """A scorecard of at most thirty features; `directions` are 1, -1 or 0 as the catalogue expects.

    The same rows give the same card. Features at the places `not_these` stay out. `lender` names the head whose
    log-odds are borrowed; a card that would turn its order round borrows nothing.
    """
    scores = _screened(rows, set(not_these))
    strongest = _fit(scores, directions, rows, FIRST_PENALTY).strongest()
    chosen = {place: scores[place] for place in sorted(strongest)}
    older = {penalty: _fit(chosen, directions, rows, penalty).card(names, lender) for penalty in PENALTIES}
    told = {penalty: card.log_odds(later.features, names, later.borrowed) for penalty, card in older.items()}
    penalty = min(PENALTIES, key=lambda each: (_log_loss(told[each], later.happened), -each))
    card = _fit(chosen, directions, rows.followed_by(later), penalty).card(names, lender)
    return CardFit(card, older[penalty], told[penalty], penalty)


@dataclass(frozen=True)
class _Fit:
    """Weights of the value and of the absence of each feature that stayed, by its place."""

    rows: CardRows
    scores: dict[int, NormalScores]
    weights: dict[int, tuple[float, float]]
    intercept: float
    lent: float

    def strongest(self) -> list[int]:
        return sorted(self.weights, key=lambda place: (-max(map(abs, self.weights[place])), place))[:KEPT]

    def card(self, names: Sequence[str], lender: str) -> Scorecard:
        rows = tuple(self._row(place, names[place]) for place in self.weights)
        if self.rows.borrowed is None or self.lent <= 0:
            return Scorecard(self.intercept, rows)
        return Scorecard(self.intercept, rows, Borrowed(lender, self.lent, float(self.rows.borrowed.mean())))

    def _row(self, place: int, name: str) -> ScorecardRow:
        weight, absent = self.weights[place]
        scores = self.scores[place]
        values = tuple((weight * scores.scores).tolist())
        row = ScorecardRow(name, tuple(scores.knots.tolist()), values, absent, 0.0)
        return replace(row, mean=float(row.at(self.rows.features[:, place]).mean()))


def _fit(scores: dict[int, NormalScores], directions: Sequence[int], rows: CardRows, penalty: float) -> _Fit:
    """Ridge logistic regression, again without the features whose weight goes against their direction."""
    columns = {place: _columns(each, rows.features[:, place]) for place, each in scores.items()}
    borrowed = rows.borrowed
    while True:
        weights, intercept, lent = _ridge(columns, rows, borrowed, penalty)
        wrong = [place for place, (weight, _) in weights.items() if weight * directions[place] < 0]
        if not wrong and lent >= 0:
            return _Fit(rows, scores, weights, intercept, lent)
        columns = {place: each for place, each in columns.items() if place not in wrong}
        if lent < 0:
            borrowed = None


def _ridge(
    columns: dict[int, list[np.ndarray]], rows: CardRows, borrowed: np.ndarray | None, penalty: float
) -> tuple[dict[int, tuple[float, float]], float, float]:
    """The weights by place, the intercept, and the weight of what is borrowed (0 without)."""
    from sklearn.linear_model import LogisticRegression

    inputs = [column for place in columns for column in columns[place]]
    inputs += [] if borrowed is None else [borrowed * ENLARGED]
    if not inputs:
        return {}, _logit(rows.happened.mean()), 0.0
    model = LogisticRegression(C=1 / penalty, solver="newton-cholesky", max_iter=_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a column of zeros is no news; the solver then takes another way
        model.fit(np.column_stack(inputs), rows.happened)
    found = model.coef_[0].tolist()
    lent = 0.0 if borrowed is None else found.pop() * ENLARGED
    weights, used = {}, 0
    for place, each in columns.items():
        part = found[used : used + len(each)]
        weights[place] = (part[0], part[1] if len(part) > 1 else 0.0)
        used += len(each)
    return weights, float(model.intercept_[0]), lent


def _columns(scores: NormalScores, values: np.ndarray) -> list[np.ndarray]:
    value = scores.at(values)
    return [value, np.isnan(values).astype("float64")] if scores.tells_missing else [value]


def _screened(rows: CardRows, left_out: set[int]) -> dict[int, NormalScores]:
    """The features whose value or absence says most beyond the prior rate and what is borrowed."""
    known = _Known.of(rows)
    found: dict[int, tuple[float, NormalScores]] = {}
    for place in range(rows.features.shape[1]):
        scores = None if place in left_out else NormalScores.of(rows.features[:, place])
        if scores is not None:
            columns = _columns(scores, rows.features[:, place])
            found[place] = max(known.says(column) for column in columns), scores
    best = sorted(found, key=lambda place: (-found[place][0], place))[:SCREENED]
    return {place: found[place][1] for place in sorted(best)}


@dataclass(frozen=True)
class _Known:
    """What is known before any feature, for score tests: the residuals, their weights, and the design."""

    residual: np.ndarray
    weight: np.ndarray
    design: np.ndarray
    inverse: np.ndarray

    @classmethod
    def of(cls, rows: CardRows) -> _Known:
        log_odds = np.full(len(rows.happened), _logit(rows.happened.mean()))
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


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))
