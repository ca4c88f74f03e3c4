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
SCORECARD = "scorecard"
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
    table = _Table.of(rows, seed)
    measured = {name: table.measured(name) for name in rows.scores}
    return {
        "rows": len(rows.happened),
        "positives": int(rows.happened.sum()),
        "projects": len(np.unique(table.project)),
        "judged": rows.judged,
        "prior": float(rows.prior),
        "first": _day(rows.as_of.min()) if len(rows.as_of) else None,
        "last": _day(rows.as_of.max()) if len(rows.as_of) else None,
        "bootstrap_rows": int(table.kept.sum()),
        "contenders": {name: one.figures() | table.point_figures(name) for name, one in measured.items()},
        "gains": {
            name: measured[rows.judged].gain(one) for name, one in measured.items() if name != rows.judged
        },
        **_of_judged(table),
        "lift_curve": table.lift_curve(),
        "capacities": list(CAPACITIES),
    }


@dataclass(frozen=True)
class _Measured:
    """A contender's measures on all rows, on the rows that are drawn from, and in each draw."""

    whole: Measures
    drawn_from: Measures
    drawn: Measures

    def figures(self) -> dict[str, Figure]:
        """Every measure with its interval."""
        return {
            name: interval(self.whole[name][0], drawn, of_drawn_rows=self.drawn_from[name][0])
            for name, drawn in self.drawn.items()
        }

    def gain(self, other: _Measured) -> dict[str, Figure]:
        """How much better this one is, in the same draws."""
        return {
            name: interval(
                self.whole[name][0] - other.whole[name][0],
                self.drawn[name] - other.drawn[name],
                of_drawn_rows=self.drawn_from[name][0] - other.drawn_from[name][0],
            )
            for name in GAINS
        }


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

    def measured(self, name: str) -> _Measured:
        ranked = self._ranked(name, self.project)
        whole = self._measures(name, ranked, ProjectDraws.once(self.project))
        if self.kept.all():
            return _Measured(whole, whole, self._measures(name, ranked, self.draws))
        ranked = self._ranked(name, self.draws.project, self.kept)
        once = ProjectDraws.once(self.draws.project)
        return _Measured(whole, self._measures(name, ranked, once), self._measures(name, ranked, self.draws))

    def point_figures(self, name: str) -> dict[str, float | None]:
        """Figures without an interval: those of one list of all rows, and the calibration error."""
        once = ProjectDraws.once(self.project)
        pooled = ranking_measures(self._ranked(name, self.project), once, pooled=True)
        figures = {key: _told(value[0]) for key, value in pooled.items()}
        if name in self.rows.probabilities:
            figures["ece"] = expected_calibration_error(self.rows.happened, self.rows.scores[name])
            figures["ece_of_zero"] = _told(self.rows.happened.mean()) if len(self.project) else None
        return figures

    def lift_curve(self) -> list[dict[str, Any]]:
        """The share of outcomes met at each capacity, by the judged contender, the rules and the scorecard."""
        if not self.rows.happened.any():
            return []
        shown = [name for name in self.rows.scores if name in {self.rows.judged, SCORECARD, *RULES}]
        once = ProjectDraws.once(self.project)
        ranked = {name: self._ranked(name, self.project) for name in shown}
        return [
            {
                "share": share,
                "recall": {name: _told(recall_at(each, once, share)[0]) for name, each in ranked.items()},
            }
            for share in CURVE
        ]

    def _measures(self, name: str, ranked: RankedRows, draws: ProjectDraws) -> Measures:
        measures = ranking_measures(ranked, draws)
        if name in self.rows.probabilities:
            measures |= probability_measures(ranked, draws, self.rows.prior)
        return measures

    def _ranked(self, name: str, project: np.ndarray, kept: np.ndarray | None = None) -> RankedRows:
        chosen = slice(None) if kept is None else kept
        return RankedRows(
            self.rows.happened[chosen],
            self.rows.scores[name][chosen],
            project,
            period=self.month[chosen],
        )


def _of_judged(table: _Table) -> dict[str, Any]:
    """What is shown of the judged contender alone."""
    rows, month = table.rows, table.month
    happened, score = rows.happened, rows.scores[rows.judged]
    is_probability = rows.judged in rows.probabilities
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
        "stability": _stability(table),
        "random_visits": None
        if rows.selection_probability is None
        else random_visits(happened, score, table.project, rows.selection_probability, seed=table.seed),
    }


def _stability(table: _Table) -> dict[str, float | int | None]:
    """Overlap of consecutive lists; untold for visits, of which a list of all sites cannot be made."""
    if table.rows.selection_probability is not None:
        return {**{f"overlap_at_{percent(share)}": None for share in CAPACITIES}, "lists": 0}
    score, told = table.rows.scores[table.rows.judged], {}
    lists = 0
    for share in CAPACITIES:
        told[f"overlap_at_{percent(share)}"], lists = list_overlap(table.project, table.month, score, share)
    return {**told, "lists": lists}


def _told(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _day(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[D]"))
