"""Drawings for the page of a training, as inline SVG: each with a title and a description, in both languages.

They are drawn 360 wide, so that a telephone of 390 pixels shows their words at full size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from training.report_parts import CONTENDERS, Said, contender, percent

WIDTH, HEIGHT = 360, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 14, 56
# Told apart in grey print and by colour-blind readers: colour, dash.
STYLES = (
    ("#0b5394", ""),
    ("#b45f06", "6 3"),
    ("#38761d", "2 3"),
    ("#741b47", "8 3 2 3"),
    ("#5b5b5b", "1 3"),
    ("#0e7c7b", "10 4"),
    ("#8a6d00", "4 4 1 4"),
)


@dataclass(frozen=True)
class Frame:
    """A pair of axes from zero: what lies where, in pixels."""

    x_most: float
    y_most: float

    def x(self, value: float) -> float:
        """The pixel of a value on the horizontal axis."""
        return round(LEFT + (WIDTH - LEFT - RIGHT) * value / self.x_most, 1)

    def y(self, value: float) -> float:
        """The pixel of a value on the vertical axis."""
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.y_most, 1)

    def line(
        self, points: Sequence[tuple[float, float]], colour: str, dash: str = "", width: float = 2
    ) -> str:
        """A line through the points."""
        path = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}"/>'

    def axes(self, x_title: Said, y_title: Said) -> str:
        """Both axes with five marks in percent and their titles."""
        bottom, marks = self.y(0), []
        for step in range(5):
            x, y = self.x_most * step / 4, self.y_most * step / 4
            marks.append(
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(y)}" y2="{self.y(y)}" stroke="#ddd"/>'
                f'<text x="{LEFT - 4}" y="{self.y(y) + 4}" text-anchor="end">{_share(y, self.y_most)}</text>'
                f'<text x="{self.x(x)}" y="{bottom + 15}" text-anchor="{"end" if step == 4 else "middle"}">'
                f"{_share(x, self.x_most)}</text>"
            )
        return (
            "".join(marks)
            + f'<path d="M{LEFT},{TOP} V{bottom} H{WIDTH - RIGHT}" fill="none" stroke="#333"/>'
            + words(x_title, WIDTH - RIGHT, bottom + 30, "end")
            + words(y_title, LEFT + 4, TOP - 3, "start")
        )


def words(said: Said, x: float, y: float, anchor: str = "start") -> str:
    """The same words twice, of which the page shows one language."""
    return "".join(
        f'<text class="{code}" lang="{lang}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
        for code, lang, text in (("zh", "zh-CN", said.zh), ("en", "en", said.en))
    )


def drawing(key: str, title: Said, description: Said, content: str, height: float = HEIGHT) -> str:
    """One SVG with its title and description; `key` makes their ids its own on the page."""
    return (
        f'<svg role="img" aria-labelledby="{key}-title {key}-desc" viewBox="0 0 {WIDTH} {height}" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="{key}-title">{escape(f"{title.zh} / {title.en}")}</title>'
        f'<desc id="{key}-desc">{escape(f"{description.zh} / {description.en}")}</desc>{content}</svg>'
    )


def legend(entries: Sequence[tuple[Said, str, str]], top: float, columns: int = 2) -> str:
    """Short strokes with their words, so many to a line."""
    placed = []
    for place, (said, colour, dash) in enumerate(entries):
        x, y = LEFT + (place % columns) * (WIDTH - LEFT) / columns, top + 15 * (place // columns)
        placed.append(
            f'<line x1="{x}" x2="{x + 22}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="3" '
            f'stroke-dasharray="{dash}"/>' + words(said, x + 27, y)
        )
    return "".join(placed)


def lift_plot(curve: Sequence[Mapping[str, Any]], judged: str, key: str) -> str:
    """Share of outcomes met against share of sites visited, for the judged model and every rule."""
    present = {name for point in curve for name in point["recall"]}
    named = [name for name in CONTENDERS if name in present] + sorted(present - set(CONTENDERS))
    names = sorted(named, key=lambda name: name != judged)
    frame, entries, lines = Frame(1, 1), [], []
    for name, (colour, dash) in zip(names, STYLES, strict=False):
        met = [(p["share"], p["recall"][name]) for p in curve if p["recall"].get(name) is not None]
        lines.append(frame.line([(0, 0), *met], colour, dash, 2.6 if name == judged else 1.6))
        entries.append((contender(name), colour, dash))
    height = HEIGHT - 10 + 15 * ((len(entries) + 1) // 2)
    near = min(curve, key=lambda point: abs(point["share"] - 0.1))
    met_there = "；".join(f"{contender(n).zh} {percent(near['recall'].get(n), 0)}" for n in names)
    met_en = "; ".join(f"{contender(n).en} {percent(near['recall'].get(n), 0)}" for n in names)
    return drawing(
        f"{key}-lift",
        Said("检查比例与覆盖的结果", "Outcomes met against sites visited"),
        Said(f"检查 10% 的工地时：{met_there}。", f"With 10 % of the sites visited: {met_en}."),
        frame.axes(Said("检查的工地", "sites visited"), Said("覆盖的结果", "outcomes met"))
        + "".join(reversed(lines))
        + legend(entries, HEIGHT - 8),
        height,
    )


def reliability_plot(bins: Sequence[Mapping[str, Any]], key: str) -> str:
    """Observed share against mean risk in ten bins, with the line on which both are equal."""
    told = [each for each in bins if each.get("observed") is not None and each.get("mean_risk") is not None]
    tops = [max(b["mean_risk"], b["observed"], b.get("high") or 0) for b in told]
    most = max([*tops, 1e-6]) * 1.05
    frame, points = Frame(most, most), []
    for each in told:
        x, low, high = frame.x(each["mean_risk"]), each.get("low"), each.get("high")
        if low is not None and high is not None:
            points.append(
                f'<line x1="{x}" x2="{x}" y1="{frame.y(low)}" y2="{frame.y(high)}" stroke="#0b5394"/>'
            )
        points.append(f'<circle cx="{x}" cy="{frame.y(each["observed"])}" r="4" fill="#0b5394"/>')
    said_zh = "；".join(f"预计 {percent(b['mean_risk'], 2)} 实际 {percent(b['observed'], 2)}" for b in told)
    said_en = "; ".join(
        f"expected {percent(b['mean_risk'], 2)} observed {percent(b['observed'], 2)}" for b in told
    )
    entries = [
        (Said("十分之一样本及区间", "a tenth of the rows"), "#0b5394", ""),
        (Said("预计等于实际", "as expected"), "#777", "4 3"),
    ]
    return drawing(
        f"{key}-reliability",
        Said("预计概率与实际比例", "Expected risk and observed share"),
        Said(f"{said_zh}。", f"{said_en}."),
        frame.axes(Said("预计概率", "expected risk"), Said("实际比例", "observed share"))
        + frame.line([(0, 0), (most, most)], "#777", "4 3", 1.2)
        + "".join(points)
        + legend(entries, HEIGHT - 8),
        HEIGHT,
    )


def risk_plot(months: Sequence[Mapping[str, Any]], key: str) -> str:
    """Mean risk and observed share of each month of the test."""
    told = [m for m in months if m.get("mean_risk") is not None and m.get("observed") is not None]
    most = max([max(m["mean_risk"], m["observed"]) for m in told] + [1e-6]) * 1.1
    last = max(len(told) - 1, 1)
    frame = Frame(last, most)
    entries = [(Said("预计", "expected"), *STYLES[0]), (Said("实际", "observed"), *STYLES[1])]
    lines = [
        frame.line([(place, month[name]) for place, month in enumerate(told)], colour, dash)
        for name, (_, colour, dash) in zip(("mean_risk", "observed"), entries, strict=True)
    ]
    bottom = frame.y(0)
    marks = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{frame.y(y)}" y2="{frame.y(y)}" stroke="#ddd"/>'
        f'<text x="{LEFT - 4}" y="{frame.y(y) + 4}" text-anchor="end">{_share(y, most)}</text>'
        for y in (most * step / 4 for step in range(5))
    )
    ends = [(0, "start"), (len(told) - 1, "end")] if len(told) > 1 else [(0, "start")] * len(told)
    dates = "".join(
        f'<text x="{frame.x(place)}" y="{bottom + 15}" text-anchor="{anchor}">{escape(told[place]["month"])}</text>'
        for place, anchor in ends
    )
    return drawing(
        f"{key}-months",
        Said("逐月的预计与实际", "Expected and observed, month by month"),
        Said(
            "；".join(
                f"{m['month']} 预计 {percent(m['mean_risk'], 2)} 实际 {percent(m['observed'], 2)}"
                for m in told
            ),
            "; ".join(
                f"{m['month']} expected {percent(m['mean_risk'], 2)} observed {percent(m['observed'], 2)}"
                for m in told
            ),
        ),
        marks
        + f'<path d="M{LEFT},{TOP} V{bottom} H{WIDTH - RIGHT}" fill="none" stroke="#333"/>'
        + words(Said("发生结果的比例", "share with an outcome"), LEFT + 4, TOP - 3)
        + dates
        + "".join(lines)
        + legend(entries, HEIGHT - 14),
    )


def _share(value: float, most: float) -> str:
    """A mark of an axis in percent, with the digits that its length asks for.

    >>> _share(0.5, 1), _share(0.0125, 0.05), _share(0, 0.05)
    ('50%', '1.25%', '0%')
    """
    digits = 0 if most > 0.4 else 1 if most > 0.1 else 2
    return "0%" if value == 0 else percent(value, digits)
