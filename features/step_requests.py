"""The step functions that features are made of, each named by what is declared of it.

A request gives its facts as spans from any shelf: the whole city's when the index is built, and that of a few
sites when new records are fed. Two features that ask for the same share one step function.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from data_contracts.contract import contract
from features.computations import WORDING
from features.exposure import Lines, exposure_lines
from features.fact_shelf import ALONE, FactShelf, site_versions, with_window
from features.feature import ELSEWHERE, GROUPS, FactRule, Feature
from features.site_status import status_moments
from features.sorting import MISSING, Floats, Ints
from features.step_functions import Spans

_NO_VALUE: dict[str, Any] = {
    "column": None,
    "over": None,
    "ranks": {},
    "among": (),
    "steps": (),
    "counted": (),
}
_DEFAULTS = {word.name: word.default for word in fields(Feature)}
_NO_WORDS = {
    word: "" if _DEFAULTS[word] is dataclasses.MISSING else _DEFAULTS[word]
    for word in ("name", *sorted(WORDING))
}


def computed(feature: Feature, **changed: object) -> Feature:
    """What is declared of a feature's value alone."""
    return dataclasses.replace(feature, **{**_NO_WORDS, **changed})  # type: ignore[arg-type]


def key_of(feature: Feature) -> tuple[object, ...]:
    """Equal for features that are computed alike."""
    return tuple(repr(getattr(feature, word.name)) for word in fields(feature))


@dataclass(frozen=True, eq=False)
class Request:
    """A step function over the facts of one table; equal to another that asks for the same."""

    feature: Feature
    kind: str

    @cached_property
    def key(self) -> tuple[object, ...]:
        return (type(self).__name__, self.kind, *key_of(self.feature))

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and self.key == other.key

    @property
    def subject(self) -> str | None:
        return self.feature.subject

    @property
    def by_keeper(self) -> bool:
        """Whether what a keeper's facts add to it does not depend on the facts of other keepers."""
        feature = self.feature
        alone = self.subject is None or "project_id" not in contract(str(feature.table)).column_names
        return alone or self._adds_up

    @property
    def _adds_up(self) -> bool:
        return False

    def tables(self, rules: Mapping[str, FactRule]) -> set[str]:
        """Every table whose rows can change it."""
        feature, table = self.feature, str(self.feature.table)
        found = {table}
        if feature.role and "project_id" in contract(table).column_names:
            found |= {"project_parties"}
        if rules[table].held == "at_completion" or rules[table].ends_with_project:
            found |= {"projects"}
        if feature.group and GROUPS[feature.group][1]:
            found |= {str(GROUPS[feature.group][1])}
        return found


class Summed(Request):
    """A sum of whole numbers over the facts in force: kind is total, slope or constant."""

    @classmethod
    def total(cls, feature: Feature, window_days: int | None) -> Summed:
        measure = "sum_days" if feature.measure == "sum_days" else "sum"
        return cls(computed(feature, measure=measure, window_days=window_days), "total")

    @classmethod
    def line(cls, feature: Feature, kind: str) -> Summed:
        """The slopes, or the constants, of the days of exposure."""
        return cls(computed(feature), kind)

    @property
    def _adds_up(self) -> bool:
        return not self.feature.distinct or "project_id" in self.feature.distinct

    @property
    def elsewhere(self) -> bool:
        return self.feature.scope == ELSEWHERE

    @property
    def shares_windows(self) -> bool:
        """Whether other windows over the same facts can share their order."""
        return self.kind == "total" and bool(self.feature.window_days) and not self.feature.distinct

    def spans(self, shelf: FactShelf) -> tuple[Spans, Ints]:
        """The facts and what each adds."""
        if self.kind != "total":
            lines = self._lines(shelf)
            return lines.spans, lines.slopes if self.kind == "slope" else lines.constants
        spans = shelf.spans(self.feature)
        if self.feature.distinct:
            spans = spans.united(shelf.same_things(self.feature, spans))
        return spans, shelf.weights(self.feature)[spans.rows]

    def open_spans(self, shelf: FactShelf) -> tuple[Spans, Ints, Ints]:
        """The facts for any window, the day each happened and what it adds."""
        spans = shelf.spans(with_window(self.feature, None))
        return spans, shelf.since(self.feature)[spans.rows], shelf.weights(self.feature)[spans.rows]

    def _lines(self, shelf: FactShelf) -> Lines:
        lines: Lines = shelf.exposure(self.key[2:], lambda: exposure_lines(self.feature, shelf))
        return lines


class Leading(Request):
    """Which fact holds: kind is latest, first, highest, holder, home or version."""

    def spans(self, shelf: FactShelf) -> tuple[Spans, Ints]:
        """The facts and their ranks: of those in force, the highest holds."""
        feature = self.feature
        if self.kind == "version":
            spans = site_versions(shelf)
            return spans, spans.rows
        if self.kind == "holder":
            return shelf.links.holder(str(feature.role))
        if self.kind == "home":
            return shelf.groups.home(str(feature.group))
        if self.kind == "highest":
            return shelf.highest(feature, shelf.values(feature))
        if feature.table in ALONE:
            return shelf.leading(feature)
        return shelf.leading(
            feature, present=~np.isnan(row_numbers(feature, shelf)), first=self.kind == "first"
        )

    @property
    def subject(self) -> str | None:
        return None if self.kind in ("holder", "home", "version") else self.feature.subject


@dataclass(frozen=True, eq=False)
class Carried(Request):
    """A number carried by the fact that holds. `kind`: value, day, holder, home, or a column of the site's status."""

    leading: Leading

    @cached_property
    def key(self) -> tuple[object, ...]:
        return (*super().key, self.leading.key)

    @classmethod
    def of(cls, feature: Feature, kind: str, leads: str = "latest") -> Carried:
        """A value or day of the latest, first or highest fact that carries one."""
        measure = "day" if kind == "day" else "latest" if feature.measure == "change" else feature.measure
        said = computed(feature, measure=measure)
        if feature.measure == "change":  # its window is the time between the two values
            said = dataclasses.replace(said, window_days=None)
        led = said
        if feature.table in ALONE:
            led = dataclasses.replace(led, measure="latest", **_NO_VALUE)
        return cls(said, kind, Leading(led, leads))

    def values(self, shelf: FactShelf) -> Floats:
        """The number of each row of the table; NaN where it carries none."""
        if self.kind == "holder":
            return shelf.named("project_parties").enterprises.astype(np.float64)
        if self.kind == "home":
            return shelf.groups.numbers(str(self.feature.group)).astype(np.float64)
        if self.leading.kind == "version":
            return status_moments(shelf.named("projects"))[self.kind]
        return row_numbers(self.feature, shelf)

    @property
    def subject(self) -> str | None:
        return self.leading.subject


def row_numbers(feature: Feature, shelf: FactShelf) -> Floats:
    """What the facts of a measure of one fact carry: a value, or for `day` a moment in microseconds."""
    if feature.measure != "day":
        return shelf.values(feature)
    table = shelf.table(feature)
    days = table.moments(feature.column) if feature.column else shelf.since(feature)
    return np.where(days == MISSING, np.nan, days)


def site_version(kind: str) -> Carried:
    """Of the site's version on file: on_file (1), starts, finishes or delivered (microseconds)."""
    projects = _blank("projects", "latest")
    return Carried(projects, kind, Leading(projects, "version"))


def holder_of(role: str) -> Carried:
    """The enterprise in a role on the site."""
    parties = dataclasses.replace(_blank("project_parties", "latest"), role=role)
    return Carried(parties, "holder", Leading(parties, "holder"))


def home_of(group: str) -> Carried:
    """The group a site is in."""
    home = dataclasses.replace(_blank(str(GROUPS[group][1]), "latest"), group=group)
    return Carried(home, "home", Leading(home, "home"))


def _blank(table: str, measure: str) -> Feature:
    return Feature("", "", table, measure, "", "", "", "", "")
