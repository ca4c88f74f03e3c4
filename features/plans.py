"""Which look-ups answer which features: the declarations turned into the arrays that the compiled look-up follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features import lookup_kernels as kernel
from features.curve_pool import Term
from features.feature import GROUPS, RATIO, Feature
from features.look_tables import Look
from features.policy_features import Named, PolicyFeatures
from features.sorting import DAY, Ints
from features.step_curves import StepCurves
from features.step_keys import OWN
from features.step_requests import Carried, Request, Summed, holder_of, home_of


class Step(NamedTuple):
    """How one feature comes about: its kind, what it looks up, each how long before, two numbers, other features."""

    kind: int
    requests: tuple[Request, ...] = ()
    shifts: tuple[int, ...] = (0, 0)
    numbers: tuple[float, float] = (0.0, 0.0)
    parts: tuple[str, ...] = ()


def _total(feature: Feature) -> Step:
    return Step(kernel.TOTAL, (Summed.total(feature, feature.window_days),), numbers=(feature.scale, 0))


def _trend(feature: Feature) -> Step:
    days = int(feature.window_days or 0)
    windows = Summed.total(feature, days), Summed.total(feature, 2 * days)
    return Step(kernel.TREND, windows, numbers=(feature.scale, 0))


def _exposure(feature: Feature) -> Step:
    return Step(kernel.EXPOSURE, tuple(Summed.line(feature, part) for part in ("slope", "constant")))


def _value(feature: Feature) -> Step:
    return Step(kernel.CARRIED, (Carried.of(feature, "value"),))


def _highest(feature: Feature) -> Step:
    return Step(kernel.CARRIED, (Carried.of(feature, "value", "highest"),))


def _change(feature: Feature) -> Step:
    latest = Carried.of(feature, "value")
    return Step(kernel.CHANGE, (latest, latest), (0, int(feature.window_days or 0) * DAY))


def _days_since(feature: Feature) -> Step:
    return Step(kernel.DAYS, (Carried.of(feature, "day"),), numbers=(1, 0))


def _days_since_first(feature: Feature) -> Step:
    return Step(kernel.DAYS, (Carried.of(feature, "day", "first"),), numbers=(1, 0))


def _days_until(feature: Feature) -> Step:
    return Step(kernel.DAYS, (Carried.of(feature, "day"),), numbers=(-1, 0))


def _ratio(feature: Feature) -> Step:
    strength = feature.shrunk.strength if feature.shrunk else 0.0
    return Step(kernel.RATIO, numbers=(feature.per, strength), parts=feature.parts)


STEPS: Mapping[str, Callable[[Feature], Step]] = {
    "count": _total,
    "sum": _total,
    "sum_days": _total,
    "trend": _trend,
    "exposure_days": _exposure,
    "latest": _value,
    "shortfall": _value,
    "missing_columns": _value,
    "delay_days": _value,
    "highest": _highest,
    "change": _change,
    "days_since_latest": _days_since,
    "days_since_first": _days_since_first,
    "days_until": _days_until,
    "season_sine": lambda feature: Step(kernel.SEASON),
    "season_cosine": lambda feature: Step(kernel.SEASON, numbers=(1.0, 0)),
    RATIO: _ratio,
}


def steps_of(features: Iterable[Feature]) -> dict[str, Step]:
    """The step of each feature that is looked up; those by policy come after, from these."""
    return {feature.name: STEPS[feature.measure](feature) for feature in features if feature.measure in STEPS}


def requests_of(steps: Mapping[str, Step], features: Iterable[Feature]) -> list[Request]:
    """Every step function that the steps need, those that say whom a feature speaks of included."""
    subjects = dict.fromkeys(feature.subject for feature in features if feature.subject)
    found: list[Request] = [subject_of(str(subject)) for subject in subjects if subject != "city"]
    for step in steps.values():
        found += step.requests
    return list(dict.fromkeys(found))


def subject_of(subject: str) -> Carried:
    return home_of(subject) if subject in GROUPS else holder_of(subject)


@dataclass
class Plan:
    """The steps of some features in order, as arrays.

    `rows` says which row of the answer is whose. Of the features asked for in their order those `looked_up` are the
    rows `found`; the others, `made`, are what the rules `by_policy` make of the rows.
    """

    rows: dict[str, int]
    look: Look
    looked_up: Ints
    found: Ints
    made: Sequence[int]
    by_policy: Sequence[Named]

    @classmethod
    def of(
        cls, names: Sequence[str], policies: PolicyFeatures, steps: Mapping[str, Step], curves: StepCurves
    ) -> Plan:
        """The plan for the features named and those they are made of."""
        making = _Making(curves)
        for name in policies.looked_up(names):
            making.add(name, steps)
        rows = making.places
        looked_up = [place for place, name in enumerate(names) if name in rows]
        return cls(
            rows,
            making.look(),
            np.array(looked_up, np.int64),
            np.array([rows[names[place]] for place in looked_up], np.int64),
            [place for place, name in enumerate(names) if name not in rows],
            policies.wanted(names),
        )


@dataclass
class _Making:
    curves: StepCurves
    places: dict[str, int] = field(default_factory=dict)
    _who: dict[object, tuple[int, ...]] = field(default_factory=lambda: {None: (0, kernel.SITE, 0, 0, 0)})
    _terms: dict[tuple[int, ...], int] = field(default_factory=dict)
    _parts: list[tuple[int, int]] = field(default_factory=list)
    _sums: dict[Summed, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    _leads: dict[tuple[int, int, int], int] = field(default_factory=dict)
    _carried: dict[tuple[int, int, int], int] = field(default_factory=dict)
    _steps: list[tuple[int, ...]] = field(default_factory=list)
    _numbers: list[tuple[float, float]] = field(default_factory=list)

    def add(self, name: str, steps: Mapping[str, Step]) -> int:
        """The place of a feature's step, after those of its parts."""
        if name in self.places:
            return self.places[name]
        step = steps[name]
        asked = [self.add(part, steps) for part in step.parts]
        subject = 0
        for request, shift in zip(step.requests, step.shifts, strict=False):
            subject = self._subject(request.subject)
            asked.append(self._sum(request) if isinstance(request, Summed) else self._carry(request, shift))
        if step.kind == kernel.SEASON:
            asked = [int(step.numbers[0])]
        first = asked + [-1] * (4 - len(asked))
        self._steps.append((step.kind, *first, subject))
        self._numbers.append(step.numbers)
        self.places[name] = len(self.places)
        return self.places[name]

    def look(self) -> Look:
        return Look(
            who=_table([said for _, *said in sorted(self._who.values())], 4),
            terms=_table(list(self._terms), 3),
            parts=_table(self._parts, 2),
            sums=_table([row for _, row in self._sums.values()], 5),
            leads=_table(list(self._leads), 3),
            carried=_table(list(self._carried), 3),
            steps=_table(self._steps, 6),
            numbers=np.array(self._numbers, np.float64).reshape(-1, 2),
            successor=self.curves.successor,
        )

    def _subject(self, subject: str | None) -> int:
        """The column of whom a feature speaks of."""
        if subject not in self._who:
            if subject == "city":
                self._who[subject] = (len(self._who), kernel.CITY, 0, 0, 0)
            else:
                kind = kernel.HOME if subject in GROUPS else kernel.HOLDER
                asked = self._carry(subject_of(str(subject)), 0)
                self._who[subject] = (len(self._who), kind, asked, 0, 0)
        return self._who[subject][0]

    def _pair(self, subject: str | None) -> int:
        """The column of the pair of the site and whom a feature speaks of."""
        if ("pair", subject) not in self._who:
            pair = kernel.PAIR, self._subject(subject), *self.curves.pair_ranges[str(subject)]
            self._who["pair", subject] = (len(self._who), *pair)
        return self._who["pair", subject][0]

    def _sum(self, request: Request) -> int:
        assert isinstance(request, Summed)
        if request in self._sums:
            return self._sums[request][0]
        subject, begin, number = (
            self._subject(request.subject),
            len(self._parts),
            self.curves.numbers[request],
        )
        for term in self.curves.terms[request]:
            self._part(term, subject, term.sign)
        for term in self.curves.own_terms.get(request, ()):
            self._part(term, self._pair(request.subject), -term.sign)
        own = number + OWN if request.elsewhere else -1
        place = len(self._sums)
        self._sums[request] = place, (begin, len(self._parts), subject, number, own)
        return place

    def _part(self, term: Term, whose: int, sign: int) -> None:
        row = (term.curve, term.shift, whose)
        self._parts.append((self._terms.setdefault(row, len(self._terms)), sign))

    def _carry(self, request: Request, shift: int) -> int:
        assert isinstance(request, Carried)
        lead = (self.curves.leads[request.leading], self._subject(request.subject), shift)
        row = (
            self._leads.setdefault(lead, len(self._leads)),
            self.curves.carried[request],
            self.curves.numbers[request],
        )
        return self._carried.setdefault(row, len(self._carried))


def _table(rows: Sequence[Sequence[int]], width: int) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, width)
