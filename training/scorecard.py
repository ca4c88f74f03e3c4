"""A logistic scorecard: each feature adds what a short table says, and the sum is the log-odds of the outcome.

A row of the table is a feature: its points at some knots, in straight lines between them, and the points where
it is missing. A scorecard may borrow: the log-odds of another head, with a weight, are then one more row. It is
read and checked with a pencil, which is why it is what a rare outcome is judged with whenever trees are not
clearly better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.errors import ModelInvalid
from training import scorecard_kernels as kernels

# Twenty points double the odds, as credit scorecards are usually printed; the log-odds are what counts.
POINTS_TO_DOUBLE = 20.0


@dataclass(frozen=True)
class ScorecardRow:
    """What one feature adds to the log-odds; `mean` is what it added on average where it was fitted."""

    feature: str
    knots: tuple[float, ...]
    values: tuple[float, ...]
    missing: float
    mean: float


@dataclass(frozen=True)
class Borrowed:
    """The log-odds of another head as a row: weight × log-odds; `mean` is their average where it was fitted."""

    head: str
    weight: float
    mean: float


class CardTable(NamedTuple):
    """The rows of a card beside each other: `places` are the columns of their features, knots and values of a row lie
    between its bound and the next."""

    places: NDArray[np.int64]
    bounds: NDArray[np.int64]
    knots: NDArray[np.float64]
    values: NDArray[np.float64]
    missing: NDArray[np.float64]
    means: NDArray[np.float64]


@dataclass(frozen=True)
class Scorecard:
    """log-odds = intercept + the parts of the rows + weight × the borrowed log-odds."""

    intercept: float
    rows: tuple[ScorecardRow, ...]
    borrowed: Borrowed | None = None
    _tables: dict[tuple[str, ...], CardTable] = field(default_factory=dict, repr=False, compare=False)

    def log_odds(
        self, features: np.ndarray, names: Sequence[str], borrowed: np.ndarray | None = None
    ) -> np.ndarray:
        """The log-odds of each row of `features` (rows, names); `borrowed` are the other head's log-odds.

        Row by row in a fixed order of addition, so that a row has the same bits alone and among others.
        """
        total = np.full(len(features), self.intercept)
        kernels.add_parts(self._table(names), features, total)
        if self.borrowed is not None:
            assert borrowed is not None
            total += self.borrowed.weight * borrowed
        return total

    def contributions(self, features: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """What each feature adds beyond its average, and in the last column what the average site has.

        These are exact SHAP values: in a sum of one-feature parts a feature's value is its part less the part's
        mean (Lundberg and Lee 2017, corollary 1). Of a borrowed row only the average is in it; the caller adds the other head's.
        """
        found = np.zeros((len(features), len(names) + 1))
        found[:, -1] = self.intercept + sum(row.mean for row in self.rows)
        kernels.spread_parts(self._table(names), features, found)
        return found

    def points_table(self) -> pd.DataFrame:
        """feature, value (NaN: missing) and points, rounded; twenty points double the odds."""
        lines = [
            (row.feature, value, part)
            for row in self.rows
            for value, part in [*zip(row.knots, row.values, strict=True), (np.nan, row.missing)]
        ]
        table = pd.DataFrame(lines, columns=["feature", "value", "points"])
        table["points"] = (table["points"] * POINTS_TO_DOUBLE / np.log(2)).round().astype("int64")
        return table

    def as_json(self) -> dict[str, Any]:
        """The table as the model folder holds it."""
        rows = [{**vars(row), "knots": list(row.knots), "values": list(row.values)} for row in self.rows]
        borrowed = None if self.borrowed is None else vars(self.borrowed)
        return {"intercept": self.intercept, "rows": rows, "borrowed": borrowed}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Scorecard:
        """The scorecard of `as_json`; raises ModelInvalid where the content is not one."""
        try:
            rows = tuple(
                ScorecardRow(
                    str(row["feature"]),
                    tuple(map(float, row["knots"])),
                    tuple(map(float, row["values"])),
                    float(row["missing"]),
                    float(row["mean"]),
                )
                for row in content["rows"]
            )
            borrowed = content["borrowed"]
            lent = (
                Borrowed(str(borrowed["head"]), float(borrowed["weight"]), float(borrowed["mean"]))
                if borrowed
                else None
            )
            card = cls(float(content["intercept"]), rows, lent)
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable() from error
        if not card._sound():
            raise _unreadable()
        return card

    def _sound(self) -> bool:
        numbers = [self.intercept, *(x for r in self.rows for x in (*r.knots, *r.values, r.missing, r.mean))]
        lines = all(
            len(row.knots) == len(row.values) > 0 and (np.diff(row.knots) > 0).all() for row in self.rows
        )
        return lines and bool(np.isfinite(numbers).all())

    def _table(self, names: Sequence[str]) -> CardTable:
        """The rows laid out for the columns named, made once; ModelInvalid where the feature of a row is not among them."""
        asked = tuple(names)
        if asked not in self._tables:
            place = {name: number for number, name in enumerate(asked)}
            absent = [row.feature for row in self.rows if row.feature not in place]
            if absent:
                raise ModelInvalid(
                    zh=f"评分卡使用了模型没有的特征：{'、'.join(absent)}。",
                    en=f"The scorecard uses features that the model does not have: {', '.join(absent)}.",
                    field="model",
                )
            self._tables[asked] = CardTable(
                places=np.array([place[row.feature] for row in self.rows], np.int64),
                bounds=np.cumsum([0, *(len(row.knots) for row in self.rows)]),
                knots=np.array([knot for row in self.rows for knot in row.knots]),
                values=np.array([value for row in self.rows for value in row.values]),
                missing=np.array([row.missing for row in self.rows]),
                means=np.array([row.mean for row in self.rows]),
            )
        return self._tables[asked]


def _unreadable() -> ModelInvalid:
    return ModelInvalid(
        zh="评分卡文件 scorecard.json 无法读取或数值不合理。",
        en="scorecard.json cannot be read, or its numbers make no sense.",
        field="model",
    )
