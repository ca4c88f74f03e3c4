"""Bootstrap over projects: rows of one project are not independent, so whole projects are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

DRAWS = 200
INTERVAL = (0.025, 0.975)
# Fewer draws that tell are draws chosen for their outcomes. With outcomes on k projects about exp(-k) of the
# draws hold none, so that an interval needs outcomes on three.
LEAST_TELLING = 0.9
_PROJECTS_AT_ONCE = 4096

Figure = dict[str, float | None]


@dataclass(frozen=True)
class ProjectDraws:
    """How often each project is drawn: `times[project, draw]`; `project` is the number of each row's.

    `is_once`: there is one draw, with every project once.
    """

    project: np.ndarray
    times: np.ndarray
    is_once: bool = False

    @classmethod
    def once(cls, project: np.ndarray) -> ProjectDraws:
        """One draw with every project once: the rows as they are."""
        return cls(project, np.ones((_count(project), 1), np.uint8), is_once=True)

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum of one value a row over the rows of each draw."""
        return self.totals({"values": values})["values"]

    def totals(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The sum over the rows of each draw of several values a row, by their names."""
        of_project = np.stack([np.bincount(self.project, each, len(self.times)) for each in values.values()])
        sums = np.zeros((len(values), self.times.shape[1]))
        for at in range(0, len(self.times), _PROJECTS_AT_ONCE):
            some = self.times[at : at + _PROJECTS_AT_ONCE].astype("float64")
            for k, each in enumerate(of_project):  # one by one: equal values have sums equal to the last bit
                sums[k] += each[at : at + _PROJECTS_AT_ONCE] @ some
        return dict(zip(values, sums, strict=True))


def draw_projects(project: np.ndarray, *, seed: int, draws: int = DRAWS) -> ProjectDraws:
    """As many projects as there are, drawn with replacement, `draws` times; `project` numbers them from 0."""
    draw, count = np.random.default_rng(seed), _count(project)
    times = np.zeros((draws, count), np.uint8)
    for k in range(draws):
        times[k] = np.bincount(draw.integers(0, max(count, 1), count), minlength=count)
    return ProjectDraws(project, np.ascontiguousarray(times.T))


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


def figure_in_words(figure: Figure, form: str = "+.3f") -> str:
    """The figure with its interval; a dash where the rows cannot tell.

    >>> figure_in_words({"mean": 0.05, "low": -0.01, "high": 0.11})
    '+0.050 (-0.010 to +0.110)'
    """
    mean, low, high = figure["mean"], figure["low"], figure["high"]
    if mean is None:
        return "–"
    if low is None or high is None:
        return f"{mean:{form}}"
    return f"{mean:{form}} ({low:{form}} to {high:{form}})"


def _count(project: np.ndarray) -> int:
    return int(project.max()) + 1 if len(project) else 0
