"""What one feature declares, and how the facts of a table are to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from data_contracts.code_list import code_list
from data_contracts.contract import contract

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
    "highest": "the highest value of a column among the facts in force",
    "change": "the latest value minus the one that was known so many days earlier",
    "sum_days": "whole days from the day in a column to the fact's own, summed over the facts in force, at least 0 each",
    "delay_days": "whole days from the day in a column to the fact's own, of the latest fact in force",
    "exposure_days": "days between a fact's day and its end that lie within the window, summed over the facts",
    "missing_columns": "how many of the columns listed are missing in the fact in force",
    "days_since_latest": "whole days since the latest fact",
    "days_since_first": "whole days since the first fact",
    "days_until": "whole days until the day in a column",
    RATIO: "one feature over another; where declared, drawn toward the rate of a group where exposure is small",
    "inherent_grade": "固有风险等级 by the policy in force: of its rules the first that holds decides",
    "credit_class": "the class of the lowest valid credit score of the parties, by the policy in force",
    "risk_matrix": "the cell of inherent grade and class of credit, by the policy in force",
    "input_state": "0 present, 1 late, 2 missing, 3 not required, 4 not delivered by the city, by the policy in force",
    "inputs_late": "how many tables are late",
    "inputs_missing": "how many tables are missing though required",
    "season_sine": "sine of the day of the year",
    "season_cosine": "cosine of the day of the year",
}
INPUT_STATE = "input_state"
BY_POLICY = ("inherent_grade", "credit_class", "risk_matrix", "inputs_late", "inputs_missing")
SITE, EVERYWHERE, ELSEWHERE = "site", "everywhere", "elsewhere"
SCOPES = (SITE, EVERYWHERE, ELSEWHERE)
SAYS = ("missing", "so", "not_so", "below_zero", "above_zero", "value")
GROUPS = {
    "city": ("the whole city", None, None),
    "district": ("the site's district", "projects", "region_code"),
    "category": ("the site's category of works", "projects", "category"),
    "agency": ("the agency that visited last", "inspections", "agency_code"),
    "team": ("the team that visited last", "inspections", "team_ref"),
}  # what a group is, and the table and column that say in which group a site is; None: all are in one


@dataclass(frozen=True)
class FactRule:
    """How a table's rows live.

    A fact counts from `since` (None: from when it was recorded) until the first of `ends_by` takes effect.
    `named` says whether an enterprise named in a row answers instead of, or beside, the holder of the role.
    `held` says when the role must have been held: on the day of the fact, or at the completion of the site.
    With `superseded_within` it ends where a later fact with the same values in those columns begins, even
    when that one has ended by `expires_by`, but not when it has ended by `ends_by`, as if it had never been. With
    `ends_with_project` at the latest where its project is known to be finished or terminated. A feature with
    an `ends_by` of its own is bound by none of these.
    """

    table: str
    since: str | None = None
    ends_by: tuple[str, ...] = ()
    named: str = "instead"
    expires_by: tuple[str, ...] = ()
    superseded_within: tuple[str, ...] = ()
    ends_with_project: bool = False
    held: str = "on_the_day"


@dataclass(frozen=True)
class Shrinkage:
    """A rate is drawn toward that of a group, as if `strength` units of the denominator came from there."""

    numerator: str
    denominator: str
    strength: float


@dataclass(frozen=True)
class Feature:
    """One column of the matrix, declared once.

    `direction` is +1 or -1 where a larger value can only raise or lower the risk in the eyes of a person of
    the trade, else 0. `where` keeps rows by column values, `needs` those that state the columns, `above_zero` those
    whose columns are above 0. `window_days`
    counts from the day of the fact. With `role` the feature speaks of the enterprise in that role, with `group`
    of a group of sites, `scope` of its record everywhere or on other projects than the one asked about. In
    reasons `{v}` is the value times `shown_times`, `{n}` the window in days, `{days}` in English the value with its
    unit; without `in_reasons` it is never shown as one. The sentence is true of a value that is "high" beside similar
    sites, or "low" (`speaks_of`). `says` has in Chinese and English how the fact is named where label and value would
    not do: a value that is missing, so and not so of what is 0 or 1, below zero (`{v}` without its sign), above zero,
    any other value.
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
    distinct: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    above_zero: tuple[str, ...] = ()
    no_later: Mapping[str, str] = field(default_factory=dict, hash=False)
    ends_by: tuple[str, ...] | None = None
    not_open_when: Mapping[str, tuple[str | bool, ...]] = field(default_factory=dict, hash=False)
    role: str | None = None
    group: str | None = None
    scope: str = SITE
    scale: int = 1
    missing_as: float | None = None
    ranks: Mapping[str, float] = field(default_factory=dict, hash=False)
    among: tuple[str, ...] = ()
    steps: tuple[float, ...] = ()
    counted: tuple[str, ...] = ()
    numerator: str | None = None
    denominator: str | None = None
    per: float = 1.0
    shrunk: Shrinkage | None = None
    reference: str = ""
    direction: int = 0
    gameable: bool = False
    in_model: bool = True
    in_reasons: bool = True
    shown_times: float = 1.0
    speaks_of: str = "high"
    says: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)

    @property
    def subject(self) -> str | None:
        """Whom the feature speaks of: the site itself (None), the holder of a role, or a group."""
        return self.role or self.group

    @property
    def is_yes_or_no(self) -> bool:
        """Whether it says that something is so (1) or not (0)."""
        return self.range == (0, 1) and not self.unit and self.measure != RATIO

    @cached_property
    def value_names(self) -> Mapping[float, tuple[str, str]]:
        """The names, in Chinese and English, of the values that are codes or classes; none of those that are numbers."""
        if self.table is None or self.column is None or not (self.ranks or self.steps):
            return {}
        column = contract(self.table).column(self.column)
        if self.ranks and column.code_list:
            codes = code_list(column.code_list).codes
            return {rank: (codes[code].zh, codes[code].en) for code, rank in self.ranks.items()}
        return _classes(self.steps, column.unit or "")

    @property
    def parts(self) -> tuple[str, ...]:
        """The features this one is made of."""
        drawn = (self.shrunk.numerator, self.shrunk.denominator) if self.shrunk else ()
        return tuple(filter(None, (self.numerator, self.denominator, *drawn)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every contract column the feature reads besides ids and `recorded_at`."""
        named: tuple[Any, ...] = (self.column, self.over, self.since, self.counts_from, *self.distinct)
        listed = (*self.until, *self.where, *self.needs, *self.above_zero, *self.counted, *self.not_open_when)
        compared = (*self.no_later, *self.no_later.values(), *(self.ends_by or ()))
        return tuple(dict.fromkeys([*filter(None, named), *listed, *compared]))


def _classes(steps: tuple[float, ...], unit: str) -> Mapping[float, tuple[str, str]]:
    """By how many steps are reached, between which of them a value lies.

    >>> _classes((3, 5), "m")[1.0]
    ('3m及以上、不足5m', '3 m or more, below 5 m')
    """
    found = {0.0: (f"不足{steps[0]:g}{unit}", f"less than {steps[0]:g} {unit}")}
    for reached, low in enumerate(steps, 1):
        zh, en = f"{low:g}{unit}及以上", f"{low:g} {unit} or more"
        if reached < len(steps):
            zh, en = f"{zh}、不足{steps[reached]:g}{unit}", f"{en}, below {steps[reached]:g} {unit}"
        found[float(reached)] = (zh, en)
    return found
