"""What reports about a training are made of: sentences in two languages, figures in words, tables, sections.

The page for directors (`training_page.py`) and the model card (`model_card.py`) are made of the same
sections, so that they cannot say different things.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

CANNOT_TELL = "–"


class Said(NamedTuple):
    """The same thing in Chinese and in English."""

    zh: str
    en: str


Cell = str | Said


@dataclass(frozen=True)
class Table:
    """A table with its caption; `folded` ones are long and stand behind a click on the page."""

    caption: Said
    header: tuple[Said, ...]
    rows: list[tuple[Cell, ...]]
    folded: bool = False
    texts: frozenset[int] = frozenset({0})  # columns of words, set to the left


@dataclass(frozen=True)
class Section:
    """A heading, what there is to say in sentences, tables, and drawings as SVG."""

    title: Said
    sentences: list[Said] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    drawings: list[str] = field(default_factory=list)


CONTENDERS: Mapping[str, Said] = {
    "prior_rate": Said("先验比率", "prior rate"),
    "random_order": Said("随机顺序", "random order"),
    "longest_unvisited": Said("最久未检查", "longest unvisited"),
    "past_violations": Said("过往违规次数", "past violations"),
    "risk_matrix": Said("风险矩阵", "risk matrix"),
    "scorecard": Said("评分卡（逻辑回归）", "logistic scorecard"),
    "trees": Said("提升树（LightGBM）", "boosted trees (LightGBM)"),
    "borrowing_scorecard": Said("借用评分卡", "borrowing scorecard"),
    "boosted_scorecard": Said("评分卡加提升树", "trees on top of the scorecard"),
    "oracle": Said("真值（仅合成城市）", "oracle (synthetic city only)"),
}


def contender(name: str) -> Said:
    """A contender's name in words; one that is not known keeps its own.

    >>> contender("risk_matrix").zh, contender("mine").en
    ('风险矩阵', 'mine')
    """
    return CONTENDERS.get(name, Said(name, name))


def figure(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where the rows cannot tell.

    >>> figure(0.12345), figure(None)
    ('0.123', '–')
    """
    return CANNOT_TELL if value is None else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share in percent.

    >>> percent(0.384), percent(0.0021, 2), percent(None)
    ('38.4%', '0.21%', '–')
    """
    return CANNOT_TELL if value is None else f"{100 * value:.{digits}f}%"


def count(value: float | None) -> str:
    """A whole number with its thousands apart.

    >>> count(52000), count(None)
    ('52,000', '–')
    """
    return CANNOT_TELL if value is None else f"{value:,.0f}"


def with_interval(
    value: Mapping[str, float | None] | None, *, scale: float = 1, digits: int = 3, unit: str = ""
) -> str:
    """A figure and, in brackets, its 95 % interval.

    >>> with_interval({"mean": 0.384, "low": 0.33, "high": 0.44}, scale=100, digits=0, unit="%")
    '38% (33–44)'
    >>> with_interval({"mean": 0.5, "low": None, "high": None}), with_interval(None)
    ('0.500', '–')
    >>> with_interval({"mean": -0.001, "low": -0.02, "high": 0.01}, digits=2)
    '0.00 (−0.02 … 0.01)'
    """
    mean, low, high = bounds(value)
    if mean is None:
        return CANNOT_TELL
    shown = _signed(mean * scale, digits) + unit
    if low is None or high is None:
        return shown
    to = "–" if low >= 0 else " … "
    return f"{shown} ({_signed(low * scale, digits)}{to}{_signed(high * scale, digits)})"


def _signed(value: float, digits: int) -> str:
    """With a true minus sign, and none for what is nothing when rounded."""
    return f"{value:z.{digits}f}".replace("-", "−")


def bounds(
    value: Mapping[str, float | None] | None,
) -> tuple[float | None, float | None, float | None]:
    """Mean, low and high of a figure; three times None where there is none."""
    value = value or {}
    return value.get("mean"), value.get("low"), value.get("high")


def of_contender(metrics: Mapping[str, Any], name: str, measure: str) -> Mapping[str, float | None] | None:
    """A contender's figure with its interval, None where it has none."""
    return ((metrics.get("contenders") or {}).get(name) or {}).get(measure)


def day(moment: str | None) -> str:
    """The day of an ISO moment.

    >>> day("2025-06-30T23:59:59.999999"), day(None)
    ('2025-06-30', '–')
    """
    return CANNOT_TELL if not moment else moment[:10]
