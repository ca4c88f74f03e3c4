"""What one feature declares, and how the facts of a table are to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FAMILIES = {
    "工程性质": "nature of the works",
    "规模": "scale",
    "技术难度": "technical difficulty",
    "参建方信用": "credit of the parties",
    "过往违规": "past violations",
    "检查": "inspections",
    "现场管理人员": "site leaders",
    "环境": "surroundings and season",
    "质量": "quality",
}
RATIO = "ratio"
MEASURES = {
    "count": "how many facts are in force",
    "sum": "the sum of a column over the facts in force",
    "trend": "the count of a window minus that of the window before it",
    "latest": "a column of the latest fact in force, or that column over another",
    "shortfall": "one minus a column over another, of the latest fact in force",
    "days_since_latest": "whole days since the latest fact",
    "days_since_first": "whole days since the first fact",
    "days_until": "whole days until the day in a column",
    RATIO: "one feature over another",
    "season_sine": "sine of the day of the year",
    "season_cosine": "cosine of the day of the year",
}
SITE, EVERYWHERE, ELSEWHERE = "site", "everywhere", "elsewhere"
SCOPES = (SITE, EVERYWHERE, ELSEWHERE)


@dataclass(frozen=True)
class FactRule:
    """How a table's rows live.

    A fact counts from `since` (None: from when it was recorded) until the first of `ends_by` takes effect.
    `named` says whether an enterprise named in a row answers instead of, or beside, the holder of the role.
    With `superseded_within` it ends where a later fact with the same values in those columns begins, even
    when that one has ended by `expires_by`, but not when it has ended by `ends_by`, as if it had never been. With
    `ends_with_project` at the latest where its project is known to be finished or terminated.
    """

    table: str
    since: str | None = None
    ends_by: tuple[str, ...] = ()
    named: str = "instead"
    expires_by: tuple[str, ...] = ()
    superseded_within: tuple[str, ...] = ()
    ends_with_project: bool = False


@dataclass(frozen=True)
class Feature:
    """One column of the matrix, declared once.

    `direction` is +1 or -1 where a larger value can only raise or lower the risk in the eyes of a person of
    the trade, else 0. `where` keeps rows by column values, `needs` those that
    state the columns. `window_days` counts from the day of the fact.
    With `role` the feature speaks of the enterprise in that role, `scope` of its record everywhere or on its
    other projects. In reasons `{v}` is the value times `shown_times`, `{n}` the window in days.
    """

    name: str
    family: str
    table: str | None
    measure: str
    label_zh: str
    label_en: str
    reason_zh: str
    reason_en: str
    missing: str
    unit: str = ""
    range: tuple[float | None, float | None] = (None, None)
    column: str | None = None
    over: str | None = None
    window_days: int | None = None
    where: Mapping[str, tuple[str | bool, ...]] = field(default_factory=dict, hash=False)
    since: str | None = None
    until: tuple[str, ...] = ()
    counts_from: str | None = None
    lingers_days: int = 0
    distinct: str | None = None
    needs: tuple[str, ...] = ()
    role: str | None = None
    scope: str = SITE
    scale: int = 1
    missing_as: float | None = None
    ranks: Mapping[str, float] = field(default_factory=dict, hash=False)
    numerator: str | None = None
    denominator: str | None = None
    direction: int = 0
    gameable: bool = False
    in_model: bool = True
    shown_times: float = 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        """Every contract column the feature reads besides ids and `recorded_at`."""
        named: tuple[Any, ...] = (self.column, self.over, self.since, self.counts_from, self.distinct)
        return tuple(dict.fromkeys([*filter(None, named), *self.until, *self.where, *self.needs]))
