"""A rate and its 95 % interval, from rows that weigh differently and come several to a site."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

Z = 1.959964  # standard normal, 97.5 %


@dataclass(frozen=True)
class Rate:
    """A share of rows, 0 to 1, with a 95 % interval; all None where there is no row.

    `rows` counts the rows; `effective_rows` is how many independent rows of equal weight would be as
    sure of the rate.
    """

    rate: float | None
    low: float | None
    high: float | None
    rows: int
    effective_rows: float

    def as_json(self) -> dict[str, float | None]:
        """The fields by name."""
        return asdict(self)


def rate_interval(
    happened: np.ndarray, *, weight: np.ndarray | None = None, site: np.ndarray | None = None
) -> Rate:
    """The share of rows that `happened`, each with its `weight`; rows of one `site` are not independent.

    The share is Σ w·y / Σ w (Hájek 1971). Its variance is linearised, with sites as the units drawn
    (Särndal, Swensson and Wretman, Model Assisted Survey Sampling, 1992, section 5.7):

        v = C/(C - 1) · Σ over sites (Σ of its rows w·(y - share))² / (Σ w)²

    The interval is Wilson's, with as many rows as a simple sample of that variance would have, and never
    more than there are (Korn and Graubard, Survey Methodology 1998; Franco, Little, Louis and Slud, Journal
    of Survey Statistics and Methodology 2019, compare it with others: it keeps its level for rare events,
    and stays between 0 and 1). Without weights and sites it is Wilson's plain interval.

    >>> tells = rate_interval(np.array([1.0] * 10 + [0.0] * 90))
    >>> tells.rate, round(tells.low, 4), round(tells.high, 4)
    (0.1, 0.0552, 0.1744)
    """
    count = len(happened)
    if count == 0:
        return Rate(None, None, None, 0, 0.0)
    each = np.ones(count) if weight is None else np.asarray(weight, "float64")
    # Kept within 0 and 1, which the rounding of a weighted mean may leave.
    share = min(max(float(each @ happened / each.sum()), 0.0), 1.0)
    effective = float(count)
    if weight is not None or site is not None:
        effective = _effective_rows(happened - share, each, share, site)
    low, high = wilson(share, effective)
    return Rate(share, low, high, count, effective)


def wilson(share: float, rows: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share seen in `rows` independent rows, which need not be whole."""
    middle = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z * np.sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2)) / (1 + Z**2 / rows)
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def _effective_rows(residual: np.ndarray, weight: np.ndarray, share: float, site: np.ndarray | None) -> float:
    """Rows of a simple sample with the same variance; where the outcome does not vary, Kish's number."""
    unit = np.arange(len(residual)) if site is None else pd.factorize(site)[0]
    units = int(unit.max()) + 1
    by_unit = np.bincount(unit, weight)
    kish = float(by_unit.sum() ** 2 / (by_unit**2).sum())
    spread = (np.bincount(unit, weight * residual) ** 2).sum() / weight.sum() ** 2
    if units < 2 or not 0 < share < 1 or spread == 0:
        return kish
    return min(float(share * (1 - share) / (spread * units / (units - 1))), float(len(residual)))
