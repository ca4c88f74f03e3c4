"""Sigmoid calibration: two numbers fitted on a later slice than the trees."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from training.head_model import calibrated

# Both numbers are held near the trees' own log-odds by normal priors, because the calibration slices of rare
# heads hold a handful of outcomes (Platt 1999 smooths the targets to the same end). The level is that of the
# slice's middle: with two outcomes it moves halfway to what was observed, with ninety by 96 %.
PRIOR_SD_OF_SLOPE = 0.5
PRIOR_SD_OF_LEVEL = 0.5
LOWEST_SLOPE = 0.05  # a calibration never turns the ranking round
_STEPS = 100
_FIXED = 1e9


@dataclass(frozen=True)
class Calibration:
    """risk = sigmoid(slope * log-odds + intercept)."""

    slope: float
    intercept: float

    def numbers(self) -> dict[str, float]:
        """The two numbers, as the model folder holds them."""
        return asdict(self)


def fit_calibration(log_odds: np.ndarray, happened: np.ndarray) -> Calibration:
    """The slope and intercept that make the log-odds fit what happened (0 or 1), by Newton's method.

    Deterministic: the same rows give the same two numbers.
    """
    slope, intercept = _fit(log_odds, happened, 1 / PRIOR_SD_OF_SLOPE**2, towards=1.0)
    if slope < LOWEST_SLOPE:
        _, intercept = _fit(log_odds, happened, _FIXED, towards=LOWEST_SLOPE)
    return Calibration(slope=max(slope, LOWEST_SLOPE), intercept=intercept)


def fit_level(log_odds: np.ndarray, happened: np.ndarray, *, slope: float) -> Calibration:
    """The intercept that makes the log-odds fit the rate at which things happened, with the slope given."""
    _, intercept = _fit(log_odds, happened, _FIXED, towards=slope)
    return Calibration(slope=slope, intercept=intercept)


def _fit(log_odds: np.ndarray, happened: np.ndarray, prior: float, *, towards: float) -> tuple[float, float]:
    centre = float(log_odds.mean())
    inputs = np.column_stack([log_odds - centre, np.ones(len(log_odds))])
    pull, aim = np.array([prior, 1 / PRIOR_SD_OF_LEVEL**2]), np.array([towards, centre])
    numbers = aim.copy()
    loss = _loss(numbers, inputs, happened, pull, aim)
    for _ in range(_STEPS):
        risk = calibrated(inputs @ numbers, 1.0, 0.0)
        gradient = inputs.T @ (risk - happened) + pull * (numbers - aim)
        curvature = (inputs * (risk * (1 - risk))[:, None]).T @ inputs + np.diag(pull)
        step = np.linalg.solve(curvature, gradient)
        while (tried := _loss(numbers - step, inputs, happened, pull, aim)) > loss and np.abs(
            step
        ).max() > 1e-12:
            step = step / 2
        numbers, loss = numbers - step, tried
        if np.abs(step).max() < 1e-10:
            break
    return float(numbers[0]), float(numbers[1] - numbers[0] * centre)


def _loss(
    numbers: np.ndarray, inputs: np.ndarray, happened: np.ndarray, pull: np.ndarray, aim: np.ndarray
) -> float:
    log_odds = inputs @ numbers
    loss = np.logaddexp(0, log_odds) - happened * log_odds
    return float(loss.sum() + 0.5 * (pull * (numbers - aim) ** 2).sum())
