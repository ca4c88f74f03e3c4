"""How good a head is on rows of a later time, beside the simplest rules. Never accuracy.

A figure that the rows cannot give (no outcome among them, no variation) is None, not zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

CAPACITIES = (0.05, 0.10)  # shares of sites that can be visited: EVALUATION, "What"
DRAWS = 200
INTERVAL = (0.025, 0.975)

Figures = dict[str, float | None]
_CANNOT_TELL: Figures = {"mean": None, "low": None, "high": None}


@dataclass(frozen=True)
class TestRows:
    """The rows a head is judged on: what happened, and each contender's score of them."""

    __test__ = False  # not a class of tests

    project_id: np.ndarray
    as_of: np.ndarray
    happened: np.ndarray
    risk: np.ndarray
    violation_count: np.ndarray
    prior: float


def evaluate(rows: TestRows, *, seed: int) -> dict[str, Any]:
    """Figures of the model, the prior rate and the count of violations on the same rows.

    `auc_gain_over_count` and `skill_over_prior` (of the log loss) are a mean and a 95 % interval over
    draws of whole projects, because rows of one project are not independent.
    """
    constant = np.full(len(rows.happened), rows.prior)
    month = rows.as_of.astype("datetime64[M]")
    return {
        "rows": len(rows.happened),
        "positives": int(rows.happened.sum()),
        "projects": len(np.unique(rows.project_id)),
        "model": ranking_figures(rows.happened, rows.risk, month)
        | probability_figures(rows.happened, rows.risk, rows.prior),
        "prior": ranking_figures(rows.happened, constant, month)
        | probability_figures(rows.happened, constant, rows.prior),
        "violation_count": ranking_figures(rows.happened, rows.violation_count, month),
        "auc_gain_over_count": auc_gain(rows, seed=seed),
        "skill_over_prior": skill_over_prior(rows, seed=seed),
    }


def ranking_figures(happened: np.ndarray, score: np.ndarray, month: np.ndarray) -> Figures:
    """AUC, average precision, and precision, recall and lift at each capacity.

    The station makes a list every month, so the capacity is that of each calendar month; figures that end in
    `_pooled` take the capacity of all months from one list of all rows, as published figures do.
    """
    if not 0 < happened.sum() < len(happened):
        return {}
    figures: Figures = {
        "auc": float(roc_auc_score(happened, score)),
        "average_precision": float(average_precision_score(happened, score)),
    }
    for share in CAPACITIES:
        at = f"at_{share * 100:.0f}pct"
        monthly, pooled = (at_capacity(happened, score, share, each) for each in (month, None))
        figures |= {f"{name}_{at}": value for name, value in monthly.items()}
        figures |= {f"{name}_{at}_pooled": value for name, value in pooled.items()}
    return figures


def at_capacity(
    happened: np.ndarray, score: np.ndarray, share: float, period: np.ndarray | None = None
) -> dict[str, float]:
    """What visiting the `share` of rows with the highest scores would meet, in each period by a list of its own.

    Visits and outcomes met are added up over the periods, so that each period weighs by its rows and outcomes.

    Rows that tie at the edge of the list count by the part of them that fits, which is what drawing
    lots among them meets on average.

    >>> at_capacity(np.array([1, 0, 0, 1]), np.array([3.0, 1.0, 1.0, 1.0]), 0.5)
    {'precision': 0.6666666666666666, 'recall': 0.6666666666666666, 'lift': 1.3333333333333333}
    """
    lists = pd.DataFrame({"happened": happened, "score": score}).groupby(
        np.zeros(len(score)) if period is None else period
    )
    places, met = np.sum(
        [_met(each["happened"].to_numpy(), each["score"].to_numpy(), share) for _, each in lists], axis=0
    )
    precision = met / places
    return {
        "precision": float(precision),
        "recall": float(met / happened.sum()),
        "lift": float(precision / happened.mean()),
    }


def _met(happened: np.ndarray, score: np.ndarray, share: float) -> tuple[float, float]:
    """How many places one list has, at least one, and how many outcomes they meet."""
    places = max(len(score) * share, 1.0)
    edge = np.sort(score)[::-1][int(np.ceil(places)) - 1]
    above, tied = score > edge, score == edge
    met = happened[above].sum() + happened[tied].sum() * (places - above.sum()) / tied.sum()
    return places, float(met)


def probability_figures(happened: np.ndarray, risk: np.ndarray, prior: float) -> Figures:
    """Brier score, log loss and its skill over the prior rate, observed over expected."""
    if len(happened) == 0:
        return {}
    loss = float(log_loss(happened, risk, labels=[0, 1]))
    of_prior = float(log_loss(happened, np.full(len(happened), prior), labels=[0, 1]))
    return {
        "brier": float(brier_score_loss(happened, risk, pos_label=1)),
        "log_loss": loss,
        "log_loss_skill": 1 - loss / of_prior,
        "observed_over_expected": float(happened.sum() / risk.sum()),
    }


def auc_gain(rows: TestRows, *, seed: int) -> Figures:
    """AUC of the model minus that of the count of violations, with an interval over projects."""
    happened = rows.happened
    if not 0 < happened.sum() < len(happened):
        return dict(_CANNOT_TELL)
    project = pd.factorize(rows.project_id)[0]
    model, count = _SortedScores(rows.risk, happened), _SortedScores(rows.violation_count, happened)
    gains = [model.auc(times[project]) - count.auc(times[project]) for times in _draws(project, seed)]
    return _interval(model.auc(None) - count.auc(None), gains)


def skill_over_prior(rows: TestRows, *, seed: int) -> Figures:
    """Skill of the log loss over the prior rate, with an interval over projects."""
    if len(rows.happened) == 0:
        return dict(_CANNOT_TELL)
    project = pd.factorize(rows.project_id)[0]
    loss = np.bincount(project, _losses(rows.happened, rows.risk))
    of_prior = np.bincount(project, _losses(rows.happened, np.full(len(project), rows.prior)))
    skills = [float(1 - (times @ loss) / (times @ of_prior)) for times in _draws(project, seed)]
    return _interval(1 - loss.sum() / of_prior.sum(), skills)


def _losses(happened: np.ndarray, risk: np.ndarray) -> np.ndarray:
    return -np.log(np.where(happened > 0, risk, 1 - risk))


def _draws(project: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """How often each project is drawn, `DRAWS` times."""
    draw, count = np.random.default_rng(seed), int(project.max()) + 1
    for _ in range(DRAWS):
        yield np.bincount(draw.integers(0, count, count), minlength=count).astype("float64")


def _interval(mean: float, drawn: list[float]) -> Figures:
    """The figure and its interval; draws without an outcome say nothing."""
    told = [value for value in drawn if np.isfinite(value)]
    if not told:
        return dict(_CANNOT_TELL)
    low, high = np.quantile(told, INTERVAL)
    return {"mean": float(mean), "low": float(low), "high": float(high)}


class _SortedScores:
    """Scores sorted once, so that the AUC of many weightings of the rows is cheap."""

    def __init__(self, score: np.ndarray, happened: np.ndarray) -> None:
        self._order = np.argsort(score, kind="stable")
        ordered = score[self._order]
        self._ties = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        self._happened = happened[self._order].astype("float64")

    def auc(self, weight: np.ndarray | None) -> float:
        """The weighted share of pairs that are in the right order, ties counting half."""
        weights = np.ones(len(self._order)) if weight is None else weight[self._order]
        positive = np.add.reduceat(weights * self._happened, self._ties)
        negative = np.add.reduceat(weights * (1 - self._happened), self._ties)
        pairs = positive.sum() * negative.sum()
        below = np.cumsum(negative) - negative
        return float((positive * (below + negative / 2)).sum() / pairs) if pairs else float("nan")
