"""Checks of method: are the rows split by time alone, with complete labels, and is the test what the cohort drew?

They look at the rows that were used, not only at the dates that were meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from training.check_list import COMPLETE_WINDOWS, SPLIT_IN_TIME, TEST_AS_DRAWN
from training.heads import Head
from training.splits import Split
from training.verdict import Verdict

_DAY = pd.Timedelta(days=1)
_ZH = {"trees": "训练期", "calibration": "校准期", "test": "测试期"}


@dataclass(frozen=True)
class UsedRows:
    """The rows of a slice as they were used: (project_id, as_of), what happened, and when that was taken as known."""

    pairs: pd.DataFrame
    happened: np.ndarray
    known_at: pd.Timestamp

    @property
    def first(self) -> pd.Timestamp:
        return self.pairs["as_of"].min()

    @property
    def last(self) -> pd.Timestamp:
        return self.pairs["as_of"].max()


def split_in_time(head: Head, split: Split, used: Mapping[str, UsedRows]) -> Verdict:
    """TRN003: `used` are the slices by name: trees, calibration and, where there is one, test.

    No outcome day may belong to rows of two slices, and what the tested model learned from was known, and
    complete with the reporting lag, on the first day of its test.
    """
    faults = [fault for name in used for fault in _outside_its_period(name, split, used[name])]
    apart = max(head.horizon_days or 0, 1) * _DAY
    faults += _too_close(used, "trees", "calibration", apart)
    if "test" in used:
        for name in ("trees", "calibration"):
            # last_complete: the window and the lag have passed before the test's first day begins
            faults += _too_close(used, name, "test", (head.days_to_complete + 1) * _DAY)
            if used[name].known_at > used["test"].first:
                faults.append(
                    (
                        f"{_ZH[name]}的标签认定于 {used[name].known_at:%Y-%m-%d}，晚于测试首日。",
                        f"Labels of the {name} rows are as known on {used[name].known_at:%Y-%m-%d}, after the test began.",
                    )
                )
    if faults:
        return SPLIT_IN_TIME.failed(*_joined(faults))
    return SPLIT_IN_TIME.passed(
        "；".join(f"{_ZH[name]} {rows.first:%Y-%m-%d} 至 {rows.last:%Y-%m-%d}" for name, rows in used.items())
        + "。",
        "; ".join(f"{name} {rows.first:%Y-%m-%d} to {rows.last:%Y-%m-%d}" for name, rows in used.items())
        + ".",
    )


def complete_windows(head: Head, used: Mapping[str, UsedRows]) -> Verdict:
    """TRN004: horizon and reporting lag of every row had passed when its label was taken."""
    faults = []
    for name, rows in used.items():
        last = head.last_complete(rows.known_at)
        early = int((rows.pairs["as_of"] > last).sum())
        missing = int(np.isnan(rows.happened).sum())
        if early:
            faults.append(
                (
                    f"{_ZH[name]}有 {early} 行晚于 {last:%Y-%m-%d}，标签尚未完整。",
                    f"{early} rows of the {name} slice are later than {last:%Y-%m-%d}: their labels are not complete.",
                )
            )
        if missing:
            faults.append(
                (
                    f"{_ZH[name]}有 {missing} 行没有标签。",
                    f"{missing} rows of the {name} slice have no label.",
                )
            )
    if faults:
        return COMPLETE_WINDOWS.failed(*_joined(faults))
    total = sum(len(rows.pairs) for rows in used.values())
    return COMPLETE_WINDOWS.passed(f"{total} 行的标签均已完整。", f"All {total} labels are complete.")


def as_drawn(split: Split, test: UsedRows, cohort: pd.DataFrame, label: np.ndarray) -> Verdict:
    """TRN005: `cohort` are all rows of the head and `label` what happened to each, NaN where it is not known."""
    assert split.test is not None
    due = split.test.holds(cohort["as_of"]) & ~np.isnan(label)
    drawn, expected = _keys(test.pairs, cohort[due])
    twice = len(drawn) - len(np.unique(drawn))
    foreign = int((~np.isin(drawn, expected)).sum())
    absent = int((~np.isin(expected, drawn)).sum())
    share, of_cohort = float(np.mean(test.happened)), float(label[due].mean()) if due.any() else np.nan
    faults = []
    if twice:
        faults.append((f"{twice} 行重复。", f"{twice} rows stand in it more than once."))
    if foreign:
        faults.append((f"{foreign} 行不属于样本总体。", f"{foreign} rows are not of the cohort."))
    if absent:
        faults.append((f"样本总体的 {absent} 行不在其中。", f"{absent} rows of the cohort are not in it."))
    if not np.isclose(share, of_cohort, rtol=1e-9, atol=0, equal_nan=True):
        faults.append(
            (
                f"发生率为 {share:.4%}，样本总体为 {of_cohort:.4%}。",
                f"{share:.4%} of its rows have the outcome and {of_cohort:.4%} of the cohort's.",
            )
        )
    if faults:
        return TEST_AS_DRAWN.failed(*_joined(faults))
    return TEST_AS_DRAWN.passed(
        f"样本总体的全部 {len(drawn)} 行，发生率 {share:.4%}。",
        f"All {len(drawn)} rows of the cohort, {share:.4%} with the outcome.",
    )


def _outside_its_period(name: str, split: Split, rows: UsedRows) -> list[tuple[str, str]]:
    period = getattr(split, name)
    if period is None or not len(rows.pairs):
        return [(f"{_ZH[name]}没有行。", f"The {name} slice has no rows.")]
    outside = int((~period.holds(rows.pairs["as_of"])).sum())
    if not outside:
        return []
    return [
        (
            f"{_ZH[name]}有 {outside} 行在 {period.first:%Y-%m-%d} 至 {period.last:%Y-%m-%d} 之外。",
            f"{outside} rows of the {name} slice lie outside {period.first:%Y-%m-%d} to {period.last:%Y-%m-%d}.",
        )
    ]


def _too_close(
    used: Mapping[str, UsedRows], earlier: str, later: str, gap: pd.Timedelta
) -> list[tuple[str, str]]:
    last, first = used[earlier].last, used[later].first
    if pd.isna(last) or pd.isna(first) or last + gap <= first:
        return []
    return [
        (
            f"{_ZH[earlier]}最后一行 {last:%Y-%m-%d} 与{_ZH[later]}第一行 {first:%Y-%m-%d} 之间不足 {gap.days} 天。",
            f"The last row of the {earlier} slice ({last:%Y-%m-%d}) is less than {gap.days} days before the first of "
            f"the {later} slice ({first:%Y-%m-%d}).",
        )
    ]


def _keys(*tables: pd.DataFrame) -> list[np.ndarray]:
    """One number for each (project_id, as_of), the same in all tables."""
    project = pd.factorize(pd.concat([table["project_id"] for table in tables], ignore_index=True))[0]
    moment = pd.factorize(pd.concat([table["as_of"] for table in tables], ignore_index=True))[0]
    key = project.astype("int64") * (int(moment.max(initial=0)) + 1) + moment
    return np.split(key, np.cumsum([len(table) for table in tables])[:-1])


def _joined(faults: list[tuple[str, str]]) -> tuple[str, str]:
    return "".join(zh for zh, _ in faults), " ".join(en for _, en in faults)
