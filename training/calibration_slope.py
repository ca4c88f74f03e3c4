"""The calibration slope: are the risks too far apart, or too close together?"""

from __future__ import annotations

import numpy as np

from training.measure_kernels import bin_sums
from training.project_draws import ProjectDraws

LEAST = np.finfo(
    "float64"
).eps  # as scikit-learn's log_loss: a risk of 0 or 1 is as near to it as can be told
BINS = 2048  # of log-odds: over a range of 10 they are 0.005 wide, which moves a slope by less than 0.0001
_STEPS = 40  # of Newton's method; it needs four to seven unless the log-odds separate the outcomes
_NEAR_ENOUGH = 1e-8


def logit(risk: np.ndarray) -> np.ndarray:
    """Log-odds of a risk.

    >>> logit(np.array([0.5, 0.75])).round(4).tolist()
    [0.0, 1.0986]
    """
    kept = np.clip(risk, LEAST, 1 - LEAST)
    return np.log(kept / (1 - kept))


def calibration_slope(happened: np.ndarray, risk: np.ndarray, weight: np.ndarray) -> float:
    """Slope of a logistic regression of the outcome on logit(risk), with an intercept.

    1 is right; below 1 the risks are too extreme (Cox, Biometrika 1958; Van Calster et al., BMC Medicine 2019).
    NaN for a risk that does not vary or that separates the outcomes, and for rows with no outcome or nothing else.
    """
    return float(_line(logit(risk), weight[:, None], (weight * happened)[:, None])[1][0])


def calibration_slopes(
    happened: np.ndarray, risk: np.ndarray, weight: np.ndarray, draws: ProjectDraws
) -> np.ndarray:
    """The calibration slope in each draw, with log-odds rounded to the middle of one of 2,048 bins."""
    log_odds = logit(risk)
    if not len(log_odds) or log_odds.min() == log_odds.max():
        return np.full(draws.times.shape[1], np.nan)
    width = (log_odds.max() - log_odds.min()) / BINS
    bins = np.minimum(((log_odds - log_odds.min()) / width).astype("int64"), BINS - 1)
    present, bins = np.unique(bins, return_inverse=True)
    middle = log_odds.min() + (present + 0.5) * width
    rows, outcomes = (
        bin_sums(draws.times, draws.project, values, bins, len(present))
        for values in (weight, weight * happened)
    )
    return _line(middle, rows, outcomes)[1]


def _line(log_odds: np.ndarray, rows: np.ndarray, outcomes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope in each draw (column), by Newton's method on weights `rows` and `outcomes`."""
    at = (log_odds - log_odds.mean())[:, None] if len(log_odds) else log_odds[:, None]
    with np.errstate(all="ignore"):
        rate = outcomes.sum(axis=0) / rows.sum(axis=0)
        intercept, slope = np.log(rate / (1 - rate)), np.zeros(rows.shape[1])
        step = np.full(rows.shape[1], np.inf)
        for _ in range(_STEPS):
            risk = 1 / (1 + np.exp(-(intercept + slope * at)))
            error, spread = outcomes - rows * risk, rows * risk * (1 - risk)
            level, tilt = error.sum(axis=0), (error * at).sum(axis=0)
            flat, cross, steep = spread.sum(axis=0), (spread * at).sum(axis=0), (spread * at**2).sum(axis=0)
            determinant = flat * steep - cross**2
            # Nothing to divide by: no variation, or so steep a line that no row is in doubt any more.
            determinant[~(determinant > 1e-12 * flat * steep)] = np.nan
            by_level = (steep * level - cross * tilt) / determinant
            by_tilt = (flat * tilt - cross * level) / determinant
            intercept, slope = intercept + by_level, slope + by_tilt
            step = np.abs(by_level) + np.abs(by_tilt)
            if not (step > _NEAR_ENOUGH).any():
                break
    near = step <= _NEAR_ENOUGH
    return np.where(near, intercept, np.nan), np.where(near, slope, np.nan)
