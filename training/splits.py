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

SHARE_OF_A_YOUNG_CITY = 0.25


@dataclass(frozen=True)
class Period:
    """From the first to the last `as_of`, both included."""

    first: pd.Timestamp
    last: pd.Timestamp

    def holds(self, as_of: pd.Series) -> np.ndarray:
        """Which of the dates lie in the period."""
        return as_of.between(self.first, self.last).to_numpy(bool)


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


OLDER_ORIGINS = 2
STEP = pd.DateOffset(months=12)


def origins(head: Head, as_of: pd.Series, until: pd.Timestamp, dates: TestDates | None = None) -> list[Split]:
    """The splits of a rolling origin, the oldest first; the last one is `evaluation_split`.

    Each older one begins its test a year before the next and ends it there. As many as there are records for, at
    most two. Raises what `evaluation_split` raises.
    """
    newest = evaluation_split(head, as_of, until, dates)
    found = [newest]
    for _ in range(OLDER_ORIGINS):
        assert found[0].test is not None
        first = found[0].test.first - STEP
        shift = first - found[-1].test.first if found[-1].test is not None else pd.Timedelta(0)
        train_to = None if dates is None or dates.train_to is None else dates.train_to + shift
        try:
            older = evaluation_split(
                head, as_of, until, TestDates(first, found[0].test.first - pd.Timedelta(days=1), train_to)
            )
        except NotEnoughData:
            break
        found.insert(0, older)
    return found


def evaluation_split(
    head: Head, as_of: pd.Series, until: pd.Timestamp, dates: TestDates | None = None
) -> Split:
    """The split whose newest rows judge the head; `as_of` are the dates of the head's rows.

    Raises NotEnoughData where the records are too short, InvalidInput for dates that contradict the
    head's horizon.
    """
    dates = dates or TestDates()
    days = _days(as_of, head.last_complete(until))
    last = days[-1] if dates.last is None else min(dates.last, days[-1])
    start = _slice_start(days[days <= last]) if dates.first is None else dates.first
    if start > last:
        raise InvalidInput(
            zh=f"目标 {head.name}：测试期 {start:%Y-%m-%d} 起，但完整标签只到 {last:%Y-%m-%d}。请提前测试期。",
            en=f"Head {head.name}: the test starts on {start:%Y-%m-%d} but labels are complete only to "
            f"{last:%Y-%m-%d}. Choose earlier test dates.",
            field="test_from",
        )
    complete = head.last_complete(start)
    train_to = complete if dates.train_to is None else min(dates.train_to, complete)
    trees, calibration = _trees_and_calibration(head, _days(as_of, train_to))
    return Split(trees, calibration, known_at=start, test=Period(start, last), test_known_at=until)


def final_split(head: Head, as_of: pd.Series, until: pd.Timestamp) -> Split:
    """The split of the model that is kept: everything whose labels are complete at `until`."""
    days = _days(as_of, head.last_complete(until))
    trees, calibration = _trees_and_calibration(head, days)
    return Split(trees, calibration, known_at=until)


def _trees_and_calibration(head: Head, days: pd.DatetimeIndex) -> tuple[Period, Period]:
    # Windows are apart if as_of + horizon of the one is not after as_of of the other; visits of one day are not.
    apart = pd.Timedelta(days=max(head.horizon_days or 0, 1))
    older = days[days <= _slice_start(days) - apart] if len(days) else days
    if len(older) == 0:
        raise NotEnoughData(
            zh=f"目标 {head.name}：记录太短，无法按时间分出训练、校准和测试期（各期之间需空出 {head.days_to_complete} 天）。"
            "请载入更早的记录，或缩短该目标的预测期。",
            en=f"Head {head.name}: the records are too short to set trees, calibration and test apart in time, with "
            f"{head.days_to_complete} days in between. Load earlier records, or shorten the head's horizon.",
            field="head",
        )
    return Period(older[0], older[-1]), Period(_slice_start(days), days[-1])


def _days(as_of: pd.Series, last: pd.Timestamp) -> pd.DatetimeIndex:
    days = pd.DatetimeIndex(as_of.unique()).sort_values()
    return days[days <= last]


def _slice_start(days: pd.DatetimeIndex) -> pd.Timestamp:
    """The first day of the later slice: of the last twelve months, or of the last quarter of a young city."""
    year = days[days > days[-1] - pd.DateOffset(months=12)]
    fewest = max(int(len(days) * SHARE_OF_A_YOUNG_CITY), 1)
    return max(year[0], days[-fewest])
