"""Does a risk come true that often: by ten bins of equal rows, over time, and in one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.rate_interval import rate_interval

BINS = 10


def reliability(happened: np.ndarray, risk: np.ndarray, project: np.ndarray) -> list[dict[str, Any]]:
    """Mean risk and observed rate in ten bins of equal rows, from the lowest risks to the highest.

    `low` and `high` are the 95 % interval of the observed rate, with projects as the units drawn. Rows of the same
    risk stay in one bin, so that there are fewer than ten where many tie.
    """
    bins = risk_bins(risk)
    table = []
    for each in np.unique(bins):
        mine = bins == each
        seen = rate_interval(happened[mine], site=project[mine])
        table.append({
            "mean_risk": float(risk[mine].mean()),
            "observed": seen.rate,
            "rows": int(mine.sum()),
            "positives": int(happened[mine].sum()),
            "low": seen.low,
            "high": seen.high,
        })  # fmt: skip
    return table


def expected_calibration_error(happened: np.ndarray, risk: np.ndarray) -> float | None:
    """Mean distance of risk and observed rate over ten bins of equal rows; None without rows.

    On rare events it flatters: see it only beside that of the prior rate, and beside the observed rate, which
    is the error of saying 0 of every row (Naeini, Cooper and Hauskrecht, AAAI 2015, with equal-count bins).

    >>> expected_calibration_error(np.array([0.0, 0.0, 0.0, 1.0]), np.full(4, 0.2))
    0.05
    """
    if not len(risk):
        return None
    bins = risk_bins(risk)
    apart = np.abs(np.bincount(bins, risk - happened)).sum() / len(risk)
    return float(round(apart, 12))


def risk_bins(risk: np.ndarray) -> np.ndarray:
    """The bin of each row, 0 to 9, ten of equal rows by rising risk; a tie goes where its middle lies.

    >>> risk_bins(np.arange(20.0)).tolist()
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]
    """
    _, tie, size = np.unique(risk, return_inverse=True, return_counts=True)
    middle = np.cumsum(size) - size / 2
    return np.floor(BINS * middle / max(len(risk), 1)).astype("int64")[tie]


def risk_over_time(happened: np.ndarray, risk: np.ndarray, month: np.ndarray) -> list[dict[str, Any]]:
    """Mean risk beside the observed rate of each month of `as_of`, in order."""
    months, place = np.unique(month, return_inverse=True)
    rows = np.bincount(place, minlength=len(months))
    risks, seen = (np.bincount(place, values, minlength=len(months)) for values in (risk, happened))
    return [
        {
            "month": str(each),
            "rows": int(rows[k]),
            "mean_risk": risks[k] / rows[k],
            "observed": seen[k] / rows[k],
        }
        for k, each in enumerate(months.astype("datetime64[M]"))
    ]
