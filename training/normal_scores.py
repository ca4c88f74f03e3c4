"""Features on one scale: their quantiles become those of a standard normal, in straight lines between knots.

A scorecard adds up features of every unit and spread. On normal scores one far-off value cannot outweigh a
city, and a penalty means the same for all. A score keeps the order of the values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

KNOTS = 21
# A feature that is missing on fewer rows than this is not told apart by it.
FEWEST_MISSING_SHARE = 0.005
_SMALLEST_SPREAD = 1e-6


@dataclass(frozen=True)
class NormalScores:
    """The scores of one feature: mean 0 and spread 1 on the rows they were made from; a missing value scores 0."""

    knots: np.ndarray
    scores: np.ndarray
    missing_share: float

    @classmethod
    def of(cls, values: np.ndarray) -> NormalScores | None:
        """From the values of a feature, NaN being missing; None where it does not vary."""
        told = values[~np.isnan(values)]
        if not len(told):
            return None
        shares = np.linspace(0, 1, KNOTS)
        at = norm.ppf(np.clip(shares, 0.5 / KNOTS, 1 - 0.5 / KNOTS))
        quantiles = np.quantile(told, shares)
        knots, group = np.unique(quantiles, return_inverse=True)
        if len(knots) < 2:
            return None
        scores = np.bincount(group, at) / np.bincount(group)
        raw = np.interp(told, knots, scores)
        spread = raw.std()
        if spread < _SMALLEST_SPREAD:
            return None
        return cls(knots, (scores - raw.mean()) / spread, 1 - len(told) / len(values))

    def at(self, values: np.ndarray) -> np.ndarray:
        """The score of each value; beyond the outer knots that of the knot."""
        scored = np.interp(values, self.knots, self.scores)
        scored[np.isnan(values)] = 0.0
        return scored

    @property
    def tells_missing(self) -> bool:
        """Whether enough rows lack the value for its absence to be an input of its own."""
        return self.missing_share >= FEWEST_MISSING_SHARE
