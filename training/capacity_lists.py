"""What a list of as many sites as can be visited would meet; rows that tie at its edge draw lots."""

from __future__ import annotations

import numpy as np

CAPACITIES = (0.05, 0.10)  # shares of sites that can be visited: EVALUATION, "What"


def percent(share: float) -> str:
    """How a capacity stands in the name of a figure.

    >>> percent(0.05)
    '5pct'
    """
    return f"{share * 100:g}pct"


def at_capacity(
    happened: np.ndarray,
    score: np.ndarray,
    share: float,
    period: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> dict[str, float]:
    """What visiting the `share` of rows with the highest scores would meet, in each period by a list of its own.

    Visits and outcomes met are added up over the periods, so that each period weighs by its rows and outcomes.
    A row of weight 2 stands for two rows. NaN where there is nothing to divide by.

    Rows that tie at the edge of the list count by the part of them that fits, which is what drawing
    lots among them meets on average.

    >>> at_capacity(np.array([1, 0, 0, 1]), np.array([3.0, 1.0, 1.0, 1.0]), 0.5)
    {'precision': 0.6666666666666666, 'recall': 0.6666666666666666, 'lift': 1.3333333333333333}
    """
    each = np.ones(len(score)) if weight is None else np.asarray(weight, "float64")
    visited = each * share_on_list(score, share, period, weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.float64(visited @ happened) / visited.sum()
        recall = np.float64(visited @ happened) / (each @ happened)
        lift = precision / (np.float64(each @ happened) / each.sum())
    return {"precision": float(precision), "recall": float(recall), "lift": float(lift)}


def share_on_list(
    score: np.ndarray,
    share: float,
    period: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Chance of each row to stand on the list of its period: 1, 0, or for a tie at the edge the part that fits.

    A list has the `share` of its period's rows as places, and at least one.

    >>> share_on_list(np.array([3.0, 1.0, 1.0, 1.0]), 0.5)
    array([1.        , 0.33333333, 0.33333333, 0.33333333])
    """
    each = np.ones(len(score)) if weight is None else np.asarray(weight, "float64")
    order, begins, lasts = listed_order(score, period)
    at_list = np.repeat(np.arange(len(begins) - 1), np.diff(begins))
    tie = np.cumsum(lasts) - lasts
    size = np.bincount(at_list, each[order], minlength=len(begins) - 1)
    places = np.maximum(size * share, np.minimum(size, 1.0))
    of_tie = np.bincount(tie, each[order])
    list_of_tie = at_list[lasts]
    before = np.cumsum(of_tie) - of_tie - (np.cumsum(size) - size)[list_of_tie]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.clip((places[list_of_tie] - before) / of_tie, 0.0, 1.0)
    chance = np.empty(len(score))
    chance[order] = np.where(of_tie > 0, part, 0.0)[tie]
    return chance


def listed_order(
    score: np.ndarray, period: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows in order of period and falling score; where each period begins, and at last their number;
    and which rows, in that order, are the last of a tie."""
    order = np.argsort(-score, kind="stable")
    if period is None:
        begins = np.array([0, len(score)])
    else:
        order = order[np.argsort(period[order], kind="stable")]
        found = period[order]
        begins = np.append(np.flatnonzero(np.append(True, found[1:] != found[:-1])), len(found))
        begins = begins if len(found) else np.array([0, 0])
    ordered = score[order]
    lasts = np.ones(len(score), bool)
    lasts[:-1] = ordered[1:] != ordered[:-1]
    lasts[begins[1:][begins[1:] > 0] - 1] = True
    return order, begins, lasts
