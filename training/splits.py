"""Splits by time alone: trees on the oldest rows, calibration on later ones, test on the newest.

    |------ trees ------|  gap  |- calibration -|    gap    |---- test ----|  gap  T
                         horizon                 horizon+lag                horizon+lag

The model that is tested could have been trained on the first day of the test: its rows end a horizon and
a reporting lag before, and its labels are as known on that day. Between trees and calibration lies the
horizon, so that no outcome labels rows of both. Calibration and test cover twelve months each where the
city is old enough, and a quarter of what there is where it is not; a season that is missing from the
calibration biases it. The model that is kept is then fitted in the same way on all rows complete at T.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import InvalidInput, NotEnoughData
from training.heads import Head

TWELVE_MONTHS = pd.Timedelta(days=365)
SHARE_OF_A_YOUNG_CITY = 0.25
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """From the first to the last `as_of`, both included."""

    first: pd.Timestamp
    last: pd.Timestamp

    def holds(self, as_of: pd.Series) -> np.ndarray:
        """Which of the dates lie in the period."""
        return as_of.between(self.first, self.last).to_numpy(bool)

    def __len__(self) -> int:
        return max((self.last - self.first).days + 1, 0)


@dataclass(frozen=True)
class Split:
    """The periods of a training, and the moment at which its labels are known."""

    trees: Period
    calibration: Period
    known_at: pd.Timestamp
    test: Period | None = None
    test_known_at: pd.Timestamp | None = None

    def dates(self) -> dict[str, Any]:
        """The split as plain JSON."""
        return {
            name: [value["first"].isoformat(), value["last"].isoformat()]
            if isinstance(value, dict)
            else value.isoformat()
            for name, value in asdict(self).items()
            if value is not None
        }


@dataclass(frozen=True)
class TestDates:
    """Dates given from outside, to compare with figures obtained elsewhere; a missing one is chosen."""

    __test__ = False  # not a class of tests

    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    train_to: pd.Timestamp | None = None


def evaluation_split(
    head: Head, first: pd.Timestamp, until: pd.Timestamp, dates: TestDates | None = None
) -> Split:
    """The split whose newest rows judge the head; `first` is the head's first `as_of`.

    Raises NotEnoughData where the records are too short, InvalidInput for dates that contradict the
    head's horizon.
    """
    dates = dates or TestDates()
    wait = pd.Timedelta(days=head.days_to_complete)
    complete = until - wait
    last = min(dates.last, complete) if dates.last is not None else complete
    start = dates.first if dates.first is not None else _slice_start(first, last)
    if start > last:
        raise InvalidInput(
            zh=f"目标 {head.name}：测试期 {start:%Y-%m-%d} 起，但完整标签只到 {last:%Y-%m-%d}。请提前测试期。",
            en=f"Head {head.name}: the test starts on {start:%Y-%m-%d} but labels are complete only to "
            f"{last:%Y-%m-%d}. Choose earlier test dates.",
            field="test_from",
        )
    train_to = start - wait if dates.train_to is None else min(dates.train_to, start - wait)
    trees, calibration = _trees_and_calibration(head, first, train_to)
    return Split(trees, calibration, known_at=start, test=Period(start, last), test_known_at=until)


def final_split(head: Head, first: pd.Timestamp, until: pd.Timestamp) -> Split:
    """The split of the model that is kept: everything whose labels are complete at `until`."""
    train_to = until - pd.Timedelta(days=head.days_to_complete)
    trees, calibration = _trees_and_calibration(head, first, train_to)
    return Split(trees, calibration, known_at=until)


def _trees_and_calibration(head: Head, first: pd.Timestamp, last: pd.Timestamp) -> tuple[Period, Period]:
    start = _slice_start(first, last)
    trees = Period(first, start - pd.Timedelta(days=head.horizon_days or 0) - _DAY)
    if trees.last <= trees.first:
        raise NotEnoughData(
            zh=f"目标 {head.name}：自 {first:%Y-%m-%d} 起的记录太短，无法按时间分出训练、校准和测试期"
            f"（每期之间需空出 {head.days_to_complete} 天）。请载入更早的记录，或缩短该目标的预测期。",
            en=f"Head {head.name}: the records, from {first:%Y-%m-%d} on, are too short to set trees, calibration "
            f"and test apart in time, with {head.days_to_complete} days in between. Load earlier records, or "
            f"shorten the head's horizon.",
            field="head",
        )
    return trees, Period(start, last)


def _slice_start(first: pd.Timestamp, last: pd.Timestamp) -> pd.Timestamp:
    """Where the later slice of a stretch begins, at the start of a day."""
    length = min(TWELVE_MONTHS, (last - first) * SHARE_OF_A_YOUNG_CITY)
    return (last - length).ceil("D")
