"""How a declared feature becomes a number at `as_of`: one class a kind of measure, listed in `BUILDERS`.

A measure is built once from the facts and then only looks up. A new kind of measure is a new class here and
a new word for the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from data_contracts.progress import Progress
from features.fact_shelf import FactShelf
from features.feature import ELSEWHERE, RATIO, Feature
from features.kernels import is_compiled
from features.party_links import PartyLinks
from features.step_functions import DAY, MISSING, Ints, LeadingFact, RunningSum

Floats = NDArray[np.float64]


class Sites:
    """The rows asked for: a project's number and a moment each, and who holds which role there then."""

    def __init__(self, projects: Ints, as_of: Ints, links: PartyLinks) -> None:
        self.projects = projects
        self.as_of = as_of
        self._links = links
        self._holders: dict[str, Ints] = {}

    def holders(self, role: str) -> Ints:
        """The enterprise in the role per row, -1 where none is on file."""
        if role not in self._holders:
            rows = self._links.holder(role).at(self.projects, self.as_of)
            self._holders[role] = np.append(self._links.enterprises, -1)[rows]
        return self._holders[role]

    def subjects(self, role: str | None) -> Ints:
        return self.projects if role is None else self.holders(role)


class Measure(Protocol):
    """A feature ready to be looked up."""

    def at(self, sites: Sites) -> Floats:
        """The value of each row, NaN where it is missing."""
        ...


@dataclass(frozen=True)
class Total:
    """A count or sum of facts in force; with `own`, without those of the project asked about."""

    role: str | None
    total: RunningSum
    own: RunningSum | None
    pairs: Ints
    enterprise_count: int
    scale: int

    @classmethod
    def build(cls, feature: Feature, shelf: FactShelf) -> Total:
        spans = shelf.spans(feature)
        if feature.distinct:
            spans = spans.united(shelf.groups(feature, spans))
        weights = shelf.weights(feature)[spans.rows]
        elsewhere = feature.scope == ELSEWHERE
        pairs, own = np.empty(0, np.int64), None
        if elsewhere:
            pairs, own = shelf.own_part(feature, spans, weights)
        total = RunningSum.of(spans, weights, shelf.entity_count(feature))
        return cls(feature.role, total, own, pairs, len(shelf.enterprises), feature.scale)

    def at(self, sites: Sites) -> Floats:
        subjects = sites.subjects(self.role)
        totals = self.total.at(subjects, sites.as_of)
        if self.own is not None and len(self.pairs):
            pair = sites.projects * self.enterprise_count + subjects
            place = np.minimum(np.searchsorted(self.pairs, pair), len(self.pairs) - 1)
            known = (self.pairs[place] == pair) & (subjects >= 0)
            totals = totals - self.own.at(np.where(known, place, -1), sites.as_of)
        return np.where(subjects < 0, np.nan, totals / self.scale)


@dataclass(frozen=True)
class Trend:
    """A window's total minus that of the window of the same length before it."""

    window: Total
    twice: Total

    @classmethod
    def build(cls, feature: Feature, shelf: FactShelf) -> Trend:
        twice = shelf.with_window(feature, 2 * (feature.window_days or 0))
        return cls(Total.build(feature, shelf), Total.build(twice, shelf))

    def at(self, sites: Sites) -> Floats:
        return 2 * self.window.at(sites) - self.twice.at(sites)


@dataclass(frozen=True)
class LatestValue:
    """A value of the latest fact in force that carries one."""

    role: str | None
    leading: LeadingFact
    values: Floats

    @classmethod
    def build(cls, feature: Feature, shelf: FactShelf) -> LatestValue:
        values = shelf.values(feature)
        leading = shelf.leading(feature, present=~np.isnan(values))
        return cls(feature.role, leading, np.append(values, np.nan))

    def at(self, sites: Sites) -> Floats:
        return self.values[self.leading.at(sites.subjects(self.role), sites.as_of)]


@dataclass(frozen=True)
class DaysBetween:
    """Whole days from a fact's day to `as_of` (or the other way round), of the latest or the first fact."""

    role: str | None
    leading: LeadingFact
    days: Ints
    sign: int

    @classmethod
    def since_latest(cls, feature: Feature, shelf: FactShelf) -> DaysBetween:
        return cls._build(feature, shelf, sign=1, first=False)

    @classmethod
    def since_first(cls, feature: Feature, shelf: FactShelf) -> DaysBetween:
        return cls._build(feature, shelf, sign=1, first=True)

    @classmethod
    def until_day(cls, feature: Feature, shelf: FactShelf) -> DaysBetween:
        return cls._build(feature, shelf, sign=-1, first=False)

    @classmethod
    def _build(cls, feature: Feature, shelf: FactShelf, *, sign: int, first: bool) -> DaysBetween:
        table = shelf.table(feature)
        days = table.moments(feature.column) if feature.column else shelf.since(feature)
        leading = shelf.leading(feature, present=days != MISSING, first=first)
        return cls(feature.role, leading, np.append(days, MISSING), sign)

    def at(self, sites: Sites) -> Floats:
        days = self.days[self.leading.at(sites.subjects(self.role), sites.as_of)]
        missing = days == MISSING
        gap = self.sign * (sites.as_of - np.where(missing, 0, days))
        return np.where(missing, np.nan, np.floor_divide(gap, DAY))


@dataclass(frozen=True)
class Season:
    """The day of the year on a circle, so that December lies beside January."""

    wave: np.ufunc

    @classmethod
    def sine(cls, feature: Feature, shelf: FactShelf) -> Season:
        return cls(np.sin)

    @classmethod
    def cosine(cls, feature: Feature, shelf: FactShelf) -> Season:
        return cls(np.cos)

    def at(self, sites: Sites) -> Floats:
        moments = sites.as_of.view("datetime64[us]")
        day = (
            moments.astype("datetime64[D]") - moments.astype("datetime64[Y]").astype("datetime64[D]")
        ).astype(float)
        return np.asarray(self.wave(2 * np.pi * day / 365.25))


@dataclass(frozen=True)
class Ratio:
    """One feature over another; missing where the denominator is zero or missing."""

    numerator: Measure
    denominator: Measure

    def at(self, sites: Sites) -> Floats:
        above, below = self.numerator.at(sites), self.denominator.at(sites)
        return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


BUILDERS: dict[str, Callable[[Feature, FactShelf], Measure]] = {
    "count": Total.build,
    "sum": Total.build,
    "trend": Trend.build,
    "latest": LatestValue.build,
    "shortfall": LatestValue.build,
    "days_since_latest": DaysBetween.since_latest,
    "days_since_first": DaysBetween.since_first,
    "days_until": DaysBetween.until_day,
    "season_sine": Season.sine,
    "season_cosine": Season.cosine,
}


def build_measures(features: tuple[Feature, ...], shelf: FactShelf, progress: Progress) -> dict[str, Measure]:
    """Every feature's measure by name; ratios are made of the others."""
    built: dict[str, Measure] = {}
    step = "特征索引 / feature index"
    if not is_compiled():
        step = "特征索引（首次运行，编译代码一次） / feature index (first run: code is compiled once)"
    for done, feature in enumerate(sorted(features, key=lambda feature: feature.measure == RATIO)):
        progress(step, done, len(features))
        if feature.measure == RATIO:
            built[feature.name] = Ratio(built[str(feature.numerator)], built[str(feature.denominator)])
        else:
            built[feature.name] = BUILDERS[feature.measure](feature, shelf)
    progress(step, len(features), len(features))
    return built
