"""Borrowing: a head with few outcomes learns from one with many.

The lender's trees are fitted in two halves of the projects, as it could have been done at the moment in
question; the log-odds lent to a row come from the half that has not seen its project. A site that is new gets
the mean of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.progress import Progress
from training.head_model import BORROWED
from training.head_rows import HeadRows, Slice
from training.raw_scores import RawScores
from training.splits import Split
from training.trees import BinnedRows, Labelled, fit_trees

HALVES = 2


@dataclass(frozen=True)
class Lent:
    """The lender's trees, one for each half of the projects that they have not seen."""

    head: str
    trees: tuple[str, ...]

    def files(self) -> dict[str, bytes]:
        """The trees as files of the borrower's folder."""
        return {f"{BORROWED}{number}.txt": text.encode() for number, text in enumerate(self.trees, 1)}

    def out_of_fold(self, project_id: pd.Series, features: np.ndarray) -> np.ndarray:
        """The log-odds of each row by the trees that have not seen its project."""
        half = _half(project_id)
        found = np.empty(len(half))
        for number, text in enumerate(self.trees):
            rows = half == number
            found[rows] = RawScores.from_text(text).of(features[rows])
        return found


def lend(
    rows: HeadRows, split: Split, names: tuple[str, ...], parameters: dict[str, Any], progress: Progress
) -> Lent:
    """The lender's trees at a split of its rows: as many rounds as its later slice asks for."""
    older, later = (rows.slice(period, split.known_at) for period in (split.trees, split.calibration))
    step = f"借用 / borrowing {rows.head.name}"
    half = _half(older.pairs["project_id"])
    trees = []
    for number in range(HALVES):
        part = f"{step} {number + 1}/{HALVES}"
        binned = BinnedRows(_of(older, half != number), later.labelled, names, parameters)
        trees.append(fit_trees(binned, progress, step=part))
    return Lent(rows.head.name, tuple(trees))


def _of(older: Slice, chosen: np.ndarray) -> Labelled:
    return Labelled(older.features[chosen], older.happened[chosen])


def _half(project_id: pd.Series) -> np.ndarray:
    """0 or 1 for each row, the same for all rows of a project, in every training."""
    return (pd.util.hash_array(project_id.to_numpy(object)) % HALVES).astype("int64")
