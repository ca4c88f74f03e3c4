"""Bootstrap over projects: rows of one project are not independent, so whole projects are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DRAWS = 200
INTERVAL = (0.025, 0.975)
# Fewer draws that tell are draws chosen for their outcomes. With outcomes on k projects about exp(-k) of the
# draws hold none, so that an interval needs outcomes on three.
LEAST_TELLING = 0.9
_DRAWS_AT_ONCE = 16

Figure = dict[str, float | None]


@dataclass(frozen=True)
class ProjectDraws:
    """How often each project is drawn: `times[draw, project]`; `project` is the number of each row's."""

    project: np.ndarray
    times: np.ndarray

    @classmethod
    def once(cls, project: np.ndarray) -> ProjectDraws:
        """One draw with every project once: the rows as they are."""
        return cls(project, np.ones((1, _count(project)), np.uint8))

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum over the rows of each draw of one value a row."""
        of_project = np.bincount(self.project, values, minlength=self.times.shape[1])
        blocks = range(0, len(self.times), _DRAWS_AT_ONCE)
        return np.concatenate([self.times[at : at + _DRAWS_AT_ONCE] @ of_project for at in blocks])


def draw_projects(project: np.ndarray, *, seed: int, draws: int = DRAWS) -> ProjectDraws:
    """As many projects as there are, drawn with replacement, `draws` times; `project` numbers them from 0."""
    draw, count = np.random.default_rng(seed), _count(project)
    times = np.empty((draws, count), np.uint8)
    for each in times:
        each[:] = np.bincount(draw.integers(0, max(count, 1), count), minlength=count)
    return ProjectDraws(project, times)


def whole_projects(project: np.ndarray, *, most_rows: int, seed: int) -> np.ndarray:
    """Which rows to keep so that there are at most `most_rows`: those of projects drawn one by one.

    >>> whole_projects(np.array([0, 0, 1, 1, 1]), most_rows=5, seed=1).all()
    np.True_
    """
    if len(project) <= most_rows:
        return np.ones(len(project), bool)
    rows = np.bincount(project)
    order = np.random.default_rng(seed).permutation(len(rows))
    kept = np.zeros(len(rows), bool)
    kept[order[np.cumsum(rows[order]) <= most_rows]] = True
    return kept[project]


def interval(figure: float, drawn: np.ndarray, *, of_drawn_rows: float | None = None) -> Figure:
    """The figure on all rows and its 95 % interval; None for what cannot be told.

    `drawn` holds the figure of each draw, NaN where the draw cannot tell; where more than a tenth cannot,
    the interval is None. `of_drawn_rows` is the figure on the rows that were drawn from, where these are
    not all: the interval is moved to the figure on all rows, and is wide for it.
    """
    if not np.isfinite(figure):
        return {"mean": None, "low": None, "high": None}
    telling = drawn[np.isfinite(drawn)]
    moved = 0.0 if of_drawn_rows is None else figure - of_drawn_rows
    if len(telling) < LEAST_TELLING * len(drawn) or not np.isfinite(moved):
        return {"mean": float(figure), "low": None, "high": None}
    low, high = np.quantile(telling, INTERVAL) + moved
    return {"mean": float(figure), "low": float(low), "high": float(high)}


def _count(project: np.ndarray) -> int:
    return int(project.max()) + 1 if len(project) else 0
