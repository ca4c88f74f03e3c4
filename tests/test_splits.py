"""Rows are split by time alone, and no label of an earlier slice looks into a later one."""

from __future__ import annotations

import pandas as pd
import pytest

from data_contracts.errors import InvalidInput, NotEnoughData
from training.heads import Head, load_heads
from training.splits import Split, TestDates, evaluation_split, final_split

ACCIDENT, DEFECT, HAZARD = load_heads()
UNTIL = pd.Timestamp("2025-12-31 23:59:59.999999")
THE_END, A_DAY = pd.Timestamp("2026-01-01"), pd.Timedelta(days=1)


def months(first: str, last: str, frequency: str = "MS") -> pd.Series:
    return pd.Series(pd.date_range(first, last, freq=frequency, unit="us"))


def days(head: Head, first: str) -> pd.Series:
    """The dates a head's rows have in a city known from `first`: months, or any day for visits."""
    last = head.last_complete(UNTIL)
    return months(first, f"{last:%Y-%m-%d}", "D" if head.given_a_visit else "MS")


@pytest.mark.parametrize("head", [ACCIDENT, DEFECT, HAZARD], ids=lambda head: head.name)
@pytest.mark.parametrize("first", ["2020-01-01", "2022-06-01", "2023-01-01"])
def test_no_label_of_an_earlier_slice_looks_into_a_later_one(head: Head, first: str) -> None:
    horizon, lag = pd.Timedelta(days=head.horizon_days or 0), pd.Timedelta(days=head.reporting_lag_days)
    as_of = days(head, first)
    tested, kept = evaluation_split(head, as_of, UNTIL), final_split(head, as_of, UNTIL)
    assert tested.test is not None and tested.known_at == tested.test.first
    assert tested.calibration.last + horizon + lag + A_DAY <= tested.known_at, (
        "the whole last day lies before"
    )
    assert tested.test.last + horizon + lag + A_DAY <= THE_END
    assert kept.calibration.last + horizon + lag + A_DAY <= THE_END
    assert kept.known_at == UNTIL
    for split in (tested, kept):
        assert split.trees.first < split.trees.last < split.calibration.first
        assert split.trees.last + horizon <= split.calibration.first
        chosen = split.trees.holds(as_of) & split.calibration.holds(as_of)
        assert not chosen.any()


def lengths(split: Split) -> tuple[int, int]:
    as_of = days(ACCIDENT, "2015-01-01")
    assert split.test is not None
    return int(split.calibration.holds(as_of).sum()), int(split.test.holds(as_of).sum())


def test_calibration_and_test_cover_twelve_months_in_an_old_city() -> None:
    assert lengths(evaluation_split(ACCIDENT, days(ACCIDENT, "2018-01-01"), UNTIL)) == (12, 12)


def test_calibration_and_test_take_a_quarter_each_of_a_young_city() -> None:
    # 33 months have complete labels: 8 for the test; of the 21 that end a horizon and lag before it, 5.
    assert lengths(evaluation_split(ACCIDENT, days(ACCIDENT, "2023-01-01"), UNTIL)) == (5, 8)


def test_records_too_short_for_three_slices_are_refused_with_the_head_named() -> None:
    with pytest.raises(NotEnoughData, match="Head defect: the records are too short"):
        evaluation_split(DEFECT, days(DEFECT, "2024-10-01"), UNTIL)


def test_dates_given_from_outside_are_kept_and_the_gap_with_them() -> None:
    as_of = months("2015-01-01", "2025-07-01", "QS")
    dates = TestDates(
        first=pd.Timestamp("2022-01-01"), last=pd.Timestamp("2023-01-01"), train_to=pd.Timestamp("2021-01-01")
    )
    split = evaluation_split(ACCIDENT, as_of, UNTIL, dates)
    assert split.test is not None
    assert (split.test.first, split.test.last) == (dates.first, dates.last)
    assert split.calibration.last == dates.train_to
    late = TestDates(first=pd.Timestamp("2022-01-01"), train_to=pd.Timestamp("2021-12-01"))
    assert evaluation_split(ACCIDENT, as_of, UNTIL, late).calibration.last == pd.Timestamp("2021-07-01")


def test_a_test_that_starts_after_the_last_complete_label_is_refused() -> None:
    with pytest.raises(InvalidInput, match="labels are complete only to"):
        evaluation_split(
            ACCIDENT, days(ACCIDENT, "2018-01-01"), UNTIL, TestDates(first=pd.Timestamp("2025-11-01"))
        )


def test_the_dates_of_a_split_can_be_written_down() -> None:
    dates = evaluation_split(ACCIDENT, days(ACCIDENT, "2018-01-01"), UNTIL).dates()
    assert dates["test"] == ["2024-10-01T00:00:00", "2025-09-01T00:00:00"]
    assert set(dates) == {"trees", "calibration", "known_at", "test", "test_known_at"}
