"""How a declared feature becomes a number at `as_of`: one class a kind of measure, listed in `BUILDERS`.

A measure is built once from the facts and then only looks up. A new kind of measure is a new class here and
a new word for the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.asked_sites import Floats, Measure, Sites
from features.exposure import Exposure
from features.fact_shelf import FactShelf
from features.feature import Feature
from features.step_functions import DAY, MISSING, Ints, LeadingFact
from features.subject_sums import SubjectSum


@dataclass(frozen=True)
class Total:
    """A count or sum of facts in force, in the declared unit."""

    amount: SubjectSum
    scale: int

    @classmethod
    def build(cls, feature: Feature, shelf: FactShelf) -> Total:
        spans = shelf.spans(feature)
        if feature.distinct:
            spans = spans.united(shelf.same_things(feature, spans))
        weights = shelf.weights(feature)[spans.rows]
        return cls(SubjectSum.of(feature, shelf, spans, weights), feature.scale)

    def at(self, sites: Sites) -> Floats:
        subjects = sites.subjects(self.amount.subject)
        return np.where(subjects < 0, np.nan, self.amount.at(sites) / self.scale)


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

    subject: str | None
    leading: LeadingFact
    values: Floats

    @classmethod
    def build(cls, feature: Feature, shelf: FactShelf) -> LatestValue:
        values = shelf.values(feature)
        leading = shelf.leading(feature, present=~np.isnan(values))
        return cls(feature.subject, leading, np.append(values, np.nan))

    @classmethod
    def highest(cls, feature: Feature, shelf: FactShelf) -> LatestValue:
        values = shelf.values(feature)
        return cls(feature.subject, shelf.highest(feature, values), np.append(values, np.nan))

    def at(self, sites: Sites) -> Floats:
        return self.values[self.leading.at(sites.subjects(self.subject), sites.as_of)]


@dataclass(frozen=True)
class Change:
    """The latest value minus the one known some days earlier, both of the present subject."""

    latest: LatestValue
    days: int

    @classmethod
    def build(cls, feature: Feature, shelf: FactShelf) -> Change:
        return cls(LatestValue.build(shelf.without_window(feature), shelf), int(feature.window_days or 0))

    def at(self, sites: Sites) -> Floats:
        latest = self.latest
        before = latest.leading.at(sites.subjects(latest.subject), sites.as_of - self.days * DAY)
        return latest.at(sites) - latest.values[before]


@dataclass(frozen=True)
class DaysBetween:
    """Whole days from a fact's day to `as_of` (or the other way round), of the latest or the first fact."""

    subject: str | None
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
        return cls(feature.subject, leading, np.append(days, MISSING), sign)

    def at(self, sites: Sites) -> Floats:
        days = self.days[self.leading.at(sites.subjects(self.subject), sites.as_of)]
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


BUILDERS: dict[str, Callable[[Feature, FactShelf], Measure]] = {
    "count": Total.build,
    "sum": Total.build,
    "trend": Trend.build,
    "latest": LatestValue.build,
    "shortfall": LatestValue.build,
    "missing_columns": LatestValue.build,
    "delay_days": LatestValue.build,
    "highest": LatestValue.highest,
    "change": Change.build,
    "sum_days": Total.build,
    "exposure_days": Exposure.build,
    "days_since_latest": DaysBetween.since_latest,
    "days_since_first": DaysBetween.since_first,
    "days_until": DaysBetween.until_day,
    "season_sine": Season.sine,
    "season_cosine": Season.cosine,
}
