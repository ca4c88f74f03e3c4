"""All rows of a head with their features, and the slices that a split makes of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_contracts.errors import NotEnoughData
from data_contracts.progress import Progress
from data_contracts.records import Records
from training.cohort import cohort_pairs
from training.heads import Head
from training.labels import distinct_outcomes, labels
from training.split_checks import UsedRows
from training.splits import Period, TestDates
from training.trees import Labelled

if TYPE_CHECKING:
    from features.fact_index import FactIndex


@dataclass(frozen=True)
class Slice(UsedRows):
    """The labelled rows of one period with their features, and when their labels were known."""

    features: np.ndarray

    @property
    def labelled(self) -> Labelled:
        """Features and what happened, as trees take them."""
        return Labelled(self.features, self.happened)

    def only(self, kept: np.ndarray) -> Slice:
        """The rows that `kept` marks."""
        pairs = self.pairs[kept].reset_index(drop=True)
        return Slice(pairs, self.happened[kept], self.known_at, np.asfortranarray(self.features[kept]))

    def counts(self, head: Head, name: str, records: Records) -> dict[str, int]:
        """How many rows, positive rows and distinct outcomes there are, under the name of the slice."""
        return {
            f"{name}_rows": len(self.pairs),
            f"{name}_positives": int(self.happened.sum()),
            f"{name}_outcomes": distinct_outcomes(head, self.pairs, records, self.known_at),
        }


@dataclass(frozen=True)
class HeadRows:
    """The rows (project_id, as_of) of a head by date, and their features in the catalogue's order."""

    head: Head
    pairs: pd.DataFrame
    features: np.ndarray
    records: Records

    def labels(self, known_at: pd.Timestamp) -> np.ndarray:
        """1, 0 or NaN for each row, as known at a moment."""
        return labels(self.head, self.pairs, self.records, known_at)

    def slice(self, period: Period, known_at: pd.Timestamp) -> Slice:
        """The rows of a period that have a label as known at a moment."""
        label = self.labels(known_at)
        chosen = np.flatnonzero(period.holds(self.pairs["as_of"]) & ~np.isnan(label))
        pairs = self.pairs.iloc[chosen].reset_index(drop=True)
        return Slice(pairs, label[chosen], known_at, _taken(self.features, chosen))


@dataclass(frozen=True)
class City:
    """What every head of a training is fitted from."""

    records: Records
    index: FactIndex
    until: pd.Timestamp
    dates: TestDates
    seed: int
    threads: int
    lenders: frozenset[str] = frozenset()
    _lent_rows: dict[tuple[str, pd.Timestamp], HeadRows] = field(default_factory=dict, repr=False)
    _lending: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The model features, in the order of every matrix."""
        return tuple(self.index.catalogue.names)

    @property
    def directions(self) -> list[int]:
        """1, -1 or 0 for each of `names`, as the catalogue expects."""
        declared = {feature.name: feature.direction for feature in self.index.catalogue.features}
        return [declared[name] for name in self.names]

    @property
    def strictness(self) -> list[int]:
        """The places of the features that are learned from to be taken out: kept from reasons, not from models."""
        told = {feature.name: feature.in_reasons for feature in self.index.catalogue.features}
        return [place for place, name in enumerate(self.names) if not told[name]]

    def rows(self, head: Head, progress: Progress) -> HeadRows:
        """All rows of a head whose labels are complete now; raises NotEnoughData where there is none.

        Those of the heads named as `lenders`, which are asked for again and again, are kept.
        """
        if head.name not in self.lenders:
            return self._rows(head, progress)
        key = head.name, self.until
        with self._lending:
            if key not in self._lent_rows:
                self._lent_rows[key] = self._rows(head, progress)
            return self._lent_rows[key]

    def _rows(self, head: Head, progress: Progress) -> HeadRows:
        pairs = cohort_pairs(head, self.index, self.records, self.until, progress)
        if pairs.empty:
            raise _no_rows(head)
        step = f"特征 / features {head.name}"
        progress(step, 0, len(pairs))
        cells = self.index.cells(self.names, pairs["project_id"].to_list(), pairs["as_of"].to_numpy())
        progress(step, len(pairs), len(pairs))
        return HeadRows(head, pairs, cells, self.records)


def _taken(features: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The chosen rows; without a copy where they follow one another."""
    if len(chosen) and chosen[-1] - chosen[0] + 1 == len(chosen):
        return features[chosen[0] : chosen[-1] + 1]
    return np.asfortranarray(features[chosen])


def _no_rows(head: Head) -> NotEnoughData:
    need = ("检查记录", "inspections") if head.given_a_visit else ("项目记录", "projects")
    return NotEnoughData(
        zh=f"目标 {head.name}：没有标签完整的样本。请载入更长时间的{need[0]}，或检查该目标的 cohort。",
        en=f"Head {head.name}: no row has a complete label. Load {need[1]} over a longer time, or check its cohort.",
        field="head",
    )
