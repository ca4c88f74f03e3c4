"""How a training was split, drawn along time: trees, calibration, gaps and test of each origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from training.page_plots import RIGHT, WIDTH, drawing, legend, words
from training.report_parts import Said, day

SLICES: Mapping[str, tuple[Said, str]] = {
    "trees": (Said("拟合", "fit"), "#7a9cc6"),
    "calibration": (Said("校准", "calibration"), "#e0a458"),
    "test": (Said("测试", "test"), "#2f6b3a"),
}
ROW, HEAD = 34, 8
_START = 8


def split_timeline(splits: Sequence[tuple[Said, Mapping[str, Any]]], key: str) -> str:
    """One row a split with its name above; an empty stretch is a gap in which nothing is used.

    `splits` are names and the dates of `Split.dates()`: a pair of days for each slice, `known_at`.
    """
    days = [pd.Timestamp(moment) for _, dates in splits for moment in _moments(dates)]
    if not days:
        return ""
    first, last = min(days), max(days)
    span = max((last - first).days, 1)

    def x(moment: str) -> float:
        return round(_START + (WIDTH - _START - RIGHT) * (pd.Timestamp(moment) - first).days / span, 1)

    rows: list[str] = []
    described: tuple[list[str], list[str]] = ([], [])
    for place, (name, dates) in enumerate(splits):
        top = HEAD + ROW * place
        rows.append(words(name, _START, top + 10))
        for slice_name, (said, colour) in SLICES.items():
            if slice_name not in dates:
                continue
            start, end = dates[slice_name]
            width = max(x(end) - x(start), 2)
            rows.append(
                f'<rect x="{x(start)}" y="{top + 14}" width="{width:.1f}" height="12" fill="{colour}"/>'
            )
            described[0].append(f"{name.zh} {said.zh} {day(start)} 至 {day(end)}")
            described[1].append(f"{name.en}: {said.en} {day(start)} to {day(end)}")
        if dates.get("known_at"):
            at = x(dates["known_at"])
            rows.append(
                f'<line x1="{at}" x2="{at}" y1="{top + 11}" y2="{top + 29}" stroke="#b00020" stroke-width="2"/>'
            )
    bottom = HEAD + ROW * len(splits)
    return drawing(
        f"{key}-split",
        Said("数据按时间划分", "The split in time"),
        Said("；".join(described[0]), "; ".join(described[1])),
        _years(first, last, x, bottom) + "".join(rows) + _legend(bottom + 30),
        bottom + 52,
    )


def _moments(dates: Mapping[str, Any]) -> list[str]:
    periods = [moment for name in SLICES if name in dates for moment in dates[name]]
    return periods + [dates[name] for name in ("known_at", "test_known_at") if dates.get(name)]


def _years(first: pd.Timestamp, last: pd.Timestamp, x: Any, bottom: float) -> str:
    years = [year for year in range(first.year, last.year + 1) if first <= pd.Timestamp(year, 1, 1) <= last]
    return "".join(
        f'<line x1="{x(f"{year}-01-01")}" x2="{x(f"{year}-01-01")}" y1="{HEAD}" y2="{bottom}" stroke="#ddd"/>'
        f'<text x="{max(x(f"{year}-01-01"), _START + 6)}" y="{bottom + 12}" text-anchor="middle">{year}</text>'
        for year in years
    )


def _legend(top: float) -> str:
    entries = [(said, colour, "") for said, colour in SLICES.values()]
    known = (Said("标签截至此日已知", "labels as known then"), "#b00020", "")
    return legend([*entries, known], top)
