"""How good the contenders are on rows of a later time, side by side. Never accuracy.

A figure that the rows cannot give (no outcome among them, no variation) is None, never zero or NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import InvalidInput
from training.capacity_lists import CAPACITIES, percent, share_on_list
from training.heads import PLAIN
from training.list_stability import list_overlap
from training.measures import (
    Measures,
    RankedRows,
    probability_measures,
    ranking_measures,
    recall_at,
)
from training.project_draws import Figure, ProjectDraws, draw_projects, interval, whole_projects
from training.random_visits import random_visits
from training.reliability import expected_calibration_error, reliability, risk_over_time
from training.slices import slices

MOST_BOOTSTRAP_ROWS = 200_000
RULES = ("prior_rate", "random_order", "longest_unvisited", "past_violations", "risk_matrix")
GAINS = ("auc", "lift_at_5pct", "recall_at_10pct")
CURVE = tuple(percent_ / 100 for percent_ in (*range(1, 21), *range(25, 101, 5)))


@dataclass(frozen=True)
class TestRows:
    """The rows a head is judged on: what happened, and each contender's score of them.

    `scores`: contender to a score of each row, higher for what is visited first, never missing;
    `probabilities` names those whose score is a probability. `judged` is the contender that was chosen
    on older rows. `prior` is the rate of the rows it was fitted on. `groups` are the columns to slice by, text or None.
    `selection_probability` belongs to heads given a visit: with what probability the visit was drawn, NaN
    where it was not drawn at random. Raises InvalidInput for scores that are missing, and for probabilities beyond 0 and 1.
    """

    __test__ = False  # not a class of tests

    project_id: np.ndarray
    as_of: np.ndarray
    happened: np.ndarray
    scores: Mapping[str, np.ndarray]
    probabilities: frozenset[str]
    judged: str
    prior: float
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    selection_probability: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in sorted({self.judged} | self.probabilities):
            if name not in self.scores:
                raise InvalidInput(
                    zh=f"没有 {name} 的评分；已有：{'、'.join(self.scores)}。",
                    en=f"There are no scores of {name}; there are those of {', '.join(self.scores)}.",
                    field="scores",
                )
        for name, score in self.scores.items():
            beyond = name in self.probabilities and bool(((score < 0) | (score > 1)).any())
            if len(score) != len(self.happened) or not np.isfinite(score).all() or beyond:
                raise InvalidInput(
                    zh=f"{name} 的评分有误：每行须有一个数值，概率须在 0 到 1 之间。",
                    en=f"The scores of {name} are not one number a row, or not probabilities between 0 and 1.",
                    field="scores",
                )


def evaluate(rows: TestRows, *, seed: int) -> dict[str, Any]:
    """Every figure of every contender on the same rows, as plain JSON; None for what the rows cannot tell.

    An interval {"mean", "low", "high"} is the figure on all rows and its 95 % interval over 200 draws of whole
    projects, because rows of one project are not independent; the draws are the same for every contender.
    From more than 200,000 rows whole projects are drawn once before (`bootstrap_rows`). Ranking figures at
    a capacity are of a list for each month; those that end in `_pooled` of one list for all of them.
    `gains` are the judged contender's figures minus those of each other one. `ece` stands beside
    `ece_of_zero`, the error of saying 0 everywhere, and that of `prior_rate`: on rare events it flatters.
    """
    return MeasuredRows(rows, seed=seed).evaluation(rows.judged)


class MeasuredRows:
    """Each contender measured once on the same rows and in the same draws; any of them can then be the judged one."""

    def __init__(self, rows: TestRows, *, seed: int) -> None:
        self._table = _Table.of(rows, seed)
        self._contenders = {name: _Contender(name, self._table) for name in rows.scores}

    def gains(self, judged: str) -> dict[str, dict[str, Figure]]:
        """The contender's figures minus those of each other one."""
        of = self._contenders[judged]
        return {name: of.gain(one) for name, one in self._contenders.items() if name != judged}

    def evaluation(self, judged: str) -> dict[str, Any]:
        """What `evaluate` says where this contender is the judged one."""
        table, rows = self._table, self._table.rows
        return {
            "rows": len(rows.happened),
            "positives": int(rows.happened.sum()),
            "projects": len(np.unique(table.project)),
            "judged": judged,
            "prior": float(rows.prior),
            "first": _day(rows.as_of.min()) if len(rows.as_of) else None,
            "last": _day(rows.as_of.max()) if len(rows.as_of) else None,
            "bootstrap_rows": int(table.kept.sum()),
            "contenders": {name: one.figures() for name, one in self._contenders.items()},
            "gains": self.gains(judged),
            **_of_judged(table, judged),
            "lift_curve": _lift_curve(self._contenders, rows, judged),
            "capacities": list(CAPACITIES),
        }


class _Contender:
    """A contender's measures on all rows, on the rows that are drawn from, and in each draw."""

    def __init__(self, name: str, table: _Table) -> None:
        self._rows, self._score = table.rows, table.rows.scores[name]
        self._is_probability = name in table.rows.probabilities
        self._ranked, self._once = self._rank(table, slice(None)), ProjectDraws.once(table.project)
        self._whole = self._measures(self._ranked, self._once)
        drawn_from, self._drawn_from = self._ranked, self._whole
        if not table.kept.all():
            drawn_from = self._rank(table, table.kept)
            self._drawn_from = self._measures(drawn_from, ProjectDraws.once(table.draws.project))
        self._drawn = self._measures(drawn_from, table.draws)

    def figures(self) -> dict[str, Any]:
        """Every measure with its interval, and those of one list of all rows and the calibration error without."""
        figures: dict[str, Any] = {
            name: interval(self._whole[name][0], drawn, of_drawn_rows=self._drawn_from[name][0])
            for name, drawn in self._drawn.items()
        }
        pooled = ranking_measures(self._ranked, self._once, pooled=True)
        figures |= {name: _told(value[0]) for name, value in pooled.items()}
        if self._is_probability:
            figures["ece"] = expected_calibration_error(self._rows.happened, self._score)
            figures["ece_of_zero"] = expected_calibration_error(
                self._rows.happened, np.zeros(len(self._score))
            )
        return figures

    def gain(self, other: _Contender) -> dict[str, Figure]:
        """How much better this one is, in the same draws."""
        return {
            name: interval(
                self._whole[name][0] - other._whole[name][0],
                self._drawn[name] - other._drawn[name],
                of_drawn_rows=self._drawn_from[name][0] - other._drawn_from[name][0],
            )
            for name in GAINS
        }

    def recall_at(self, share: float) -> float | None:
        """The share of outcomes that monthly lists of this length would meet."""
        return _told(recall_at(self._ranked, self._once, share)[0])

    def _measures(self, ranked: RankedRows, draws: ProjectDraws) -> Measures:
        measures = ranking_measures(ranked, draws)
        return measures | (
            probability_measures(ranked, draws, self._rows.prior) if self._is_probability else {}
        )

    def _rank(self, table: _Table, kept: slice | np.ndarray) -> RankedRows:
        project = table.project if isinstance(kept, slice) else table.draws.project
        return RankedRows(self._rows.happened[kept], self._score[kept], project, period=table.month[kept])


@dataclass(frozen=True)
class _Table:
    """The rows with numbers for projects and months, and the draws that all contenders share."""

    rows: TestRows
    project: np.ndarray
    month: np.ndarray
    kept: np.ndarray
    draws: ProjectDraws
    seed: int

    @classmethod
    def of(cls, rows: TestRows, seed: int) -> _Table:
        project = pd.factorize(rows.project_id)[0]
        kept = whole_projects(project, most_rows=MOST_BOOTSTRAP_ROWS, seed=seed)
        draws = draw_projects(pd.factorize(project[kept])[0], seed=seed)
        return cls(rows, project, rows.as_of.astype("datetime64[M]"), kept, draws, seed)


def _lift_curve(contenders: Mapping[str, _Contender], rows: TestRows, judged: str) -> list[dict[str, Any]]:
    """The share of outcomes met at each capacity, by the judged contender, the rules and the scorecard."""
    if not rows.happened.any():
        return []
    shown = [name for name in contenders if name in {judged, PLAIN, *RULES}]
    return [
        {"share": share, "recall": {name: contenders[name].recall_at(share) for name in shown}}
        for share in CURVE
    ]


def _of_judged(table: _Table, judged: str) -> dict[str, Any]:
    """What is shown of the judged contender alone."""
    rows, month = table.rows, table.month
    happened, score = rows.happened, rows.scores[judged]
    is_probability = judged in rows.probabilities
    return {
        "reliability": reliability(happened, score, table.project) if is_probability else [],
        "risk_over_time": risk_over_time(happened, score, month) if is_probability else [],
        "slices": slices(
            rows.groups,
            happened,
            score,
            table.project,
            share_on_list(score, 0.1, month),
            is_probability=is_probability,
        ),
        "stability": _stability(table, score),
        "random_visits": None
        if rows.selection_probability is None
        else random_visits(happened, score, table.project, rows.selection_probability, seed=table.seed),
    }


def _stability(table: _Table, score: np.ndarray) -> dict[str, float | int | None]:
    """Overlap of consecutive lists; untold for visits, of which a list of all sites cannot be made."""
    if table.rows.selection_probability is not None:
        return {**{f"overlap_at_{percent(share)}": None for share in CAPACITIES}, "lists": 0}
    told, lists = {}, 0
    for share in CAPACITIES:
        told[f"overlap_at_{percent(share)}"], lists = list_overlap(table.project, table.month, score, share)
    return {**told, "lists": lists}


def _told(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _day(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[D]"))
