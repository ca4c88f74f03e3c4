"""Ridge logistic regression in which no feature keeps a weight that goes against its direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import logit

from training.card_inputs import CardInputs

# A borrowed input enters ten times enlarged, so that the penalty hardly holds it back.
ENLARGED = 10.0
_STEPS = 50
# From weights that are nearly right the usual tolerance would be met before the first step.
_TOLERANCE = 1e-5


class Weights(NamedTuple):
    """Weights of the score and of the absence of each feature by its place, the intercept, and that of what is lent."""

    by_place: Mapping[int, tuple[float, float]]
    intercept: float
    lent: float


def fitted_weights(
    inputs: CardInputs, directions: Sequence[int], penalty: float, begin: Weights | None = None
) -> Weights:
    """The weights of the features that stay; `begin` are those of a fit that was much the same.

    A feature whose weight goes against its direction is left out, as is a borrowed input that would turn its order round,
    and the others are fitted again.
    """
    while True:
        begin = _ridge(inputs, penalty, begin)
        wrong = {place for place, (weight, _) in begin.by_place.items() if weight * directions[place] < 0}
        if not wrong and begin.lent >= 0:
            return begin
        inputs = inputs.only(place for place in inputs.columns if place not in wrong)
        if begin.lent < 0:
            inputs = inputs.not_borrowing()


def _ridge(inputs: CardInputs, penalty: float, begin: Weights | None) -> Weights:
    from sklearn.linear_model import LogisticRegression

    lent = [] if inputs.borrowed is None else [inputs.borrowed * ENLARGED]
    columns = [column for each in inputs.columns.values() for column in each] + lent
    if not columns:
        return Weights({}, float(logit(inputs.happened.mean())), 0.0)
    model = LogisticRegression(
        C=1 / penalty, solver="newton-cholesky", tol=_TOLERANCE, max_iter=_STEPS, warm_start=True
    )
    if begin is not None:
        model.coef_, model.intercept_ = _begun(inputs, begin), np.array([begin.intercept])
    model.fit(np.column_stack(columns), inputs.happened)
    return _told(inputs, model.coef_[0].tolist(), float(model.intercept_[0]))


def _begun(inputs: CardInputs, begin: Weights) -> np.ndarray:
    weights = [
        weight
        for place, each in inputs.columns.items()
        for weight in begin.by_place.get(place, (0.0, 0.0))[: len(each)]
    ]
    return np.array([weights + ([] if inputs.borrowed is None else [begin.lent / ENLARGED])])


def _told(inputs: CardInputs, found: list[float], intercept: float) -> Weights:
    lent = 0.0 if inputs.borrowed is None else found.pop() * ENLARGED
    weights, used = {}, 0
    for place, each in inputs.columns.items():
        part = found[used : used + len(each)]
        weights[place] = (part[0], part[1] if len(part) > 1 else 0.0)
        used += len(each)
    return Weights(weights, intercept, lent)
