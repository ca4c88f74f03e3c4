"""A site's risk over time as one drawing, with visits, violations, orders and accidents marked below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from serving.pages.charts import drawing
from serving.reasons.points import digits_of

WIDTH, LEFT, RIGHT, TOP, ROOM, ROW = 720, 70, 14, 14, 150, 22
LABEL = 200  # of a waterfall, at least


def time_chart(
    risk: pd.Series, marks: Mapping[str, Sequence[pd.Timestamp]], title: str, limits: Mapping[str, float]
) -> Markup:
    """`risk` by moment (missing: no line there); `marks` are days by what they are; `limits` the risk from which on a
    colour begins, by colour."""
    begin, end = risk.index[0], risk.index[-1]
    highest = float(np.nanmax([*risk.to_numpy(), 1e-6])) * 1.15
    foot = TOP + ROOM

    def across(moment: pd.Timestamp) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((moment - begin) / (end - begin))

    def up(value: float) -> float:
        return foot - ROOM * min(value / highest, 1.0)

    parts = [_axis(foot), _years(begin, end, foot, across)]
    parts += [_level(highest * share, up(highest * share)) for share in (0.5, 1.0)]
    for colour, limit in limits.items():
        if limit < highest:
            parts.append(
                f'<line class="limit {colour.lower()}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(limit):.1f}" '
                f'y2="{up(limit):.1f}"/>'
            )
    points = " ".join(
        f"{across(moment):.1f},{up(value):.1f}"
        for moment, value in zip(pd.DatetimeIndex(risk.index), risk.tolist(), strict=True)
        if not np.isnan(value)
    )
    parts.append(f'<polyline class="line" points="{points}"/>')
    for row, (name, days) in enumerate(marks.items()):
        middle = foot + 34 + ROW * row
        parts.append(
            f'<text class="soft" x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(name)}</text>'
        )
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{middle}" y2="{middle}"/>')
        parts += [
            f'<circle class="mark{row}" cx="{across(day):.1f}" cy="{middle}" r="5"><title>{escape(name)} '
            f"{day:%Y-%m-%d}</title></circle>"
            for day in days
            if begin <= day <= end
        ]
    return drawing(WIDTH, foot + 34 + ROW * len(marks), title, "".join(parts))


def _axis(foot: int) -> str:
    return f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{foot}" y2="{foot}"/>'


def _level(value: float, height: float) -> str:
    return (
        f'<line class="axis faint" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}" y2="{height:.1f}"/>'
        f'<text class="soft" x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{100 * value:.2g}%</text>'
    )


def _years(begin: pd.Timestamp, end: pd.Timestamp, foot: int, across: Callable[[pd.Timestamp], float]) -> str:
    quarters = pd.date_range(begin, end, freq="QS")
    return "".join(
        f'<text class="soft" x="{across(quarter):.1f}" y="{foot + 16}" text-anchor="middle">{quarter:%Y-%m}</text>'
        for quarter in quarters
    )


def _width_of(words: str) -> int:
    """Room for a label: a Chinese character is twice as wide as a letter."""
    return 16 + sum(14 if ord(letter) > 0x2E80 else 7 for letter in words)


def waterfall(
    parts: Sequence[tuple[str, float]], begin: tuple[str, float], end: tuple[str, float], title: str
) -> Markup:
    """From one risk to another by steps in points, each with its words; all from 0 to 1."""
    row, room = 26, 380
    label = max([LABEL, *(_width_of(name) for name, _ in (begin, *parts, end))])
    heights, at = [], begin[1]
    for _, step in parts:
        heights.append((at, at + step))
        at += step
    highest = max(begin[1], end[1], *(max(pair) for pair in heights), 1e-9)
    lowest = min(0.0, *(min(pair) for pair in heights)) if heights else 0.0

    def across(value: float) -> float:
        return label + room * (value - lowest) / (highest - lowest)

    lines = [("bar", begin[0], 0.0, begin[1], begin[1])]
    lines += [
        ("up" if step > 0 else "down", name, low, high, step)
        for (name, step), (low, high) in zip(parts, heights, strict=True)
    ]
    lines.append(("bar", end[0], 0.0, end[1], end[1]))
    drawn = []
    for place, (kind, name, low, high, value) in enumerate(lines):
        left, right, top = across(min(low, high)), across(max(low, high)), row * place
        digits = digits_of(value)
        sign = f"{100 * value:.2f}%" if kind == "bar" else f"{100 * value:+.{digits}f}".replace("-", "−")
        drawn.append(
            f'<text x="{label - 8}" y="{top + 17}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="{kind}" x="{left:.1f}" y="{top + 4}" width="{max(right - left, 1):.1f}" height="{row - 9}"/>'
            f'<text class="soft" x="{right + 5:.1f}" y="{top + 17}">{sign}</text>'
        )
    return drawing(label + room + 70, row * len(lines), title, "".join(drawn))
