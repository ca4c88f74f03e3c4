"""New records made part of an index without building it again.

The facts of whoever a delivery touches are looked at twice, as they were and as they are now, by the same code
that built the index; the difference is what the step functions are to be changed by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from features.city_facts import NOBODY, CityFacts, Extent
from features.encoded_table import Floats, PartTable
from features.fact_shelf import PAIR_BITS, FactShelf
from features.feature import GROUPS
from features.fed_changes import NONE, FedChanges, key
from features.plans import OWN
from features.step_curves import StepCurves
from features.step_functions import NEVER, Ints, LeadingFact, Spans
from features.step_requests import Carried, Leading, Request, Summed

RECORDED = 2 * OWN - 1  # the number under which fed records count as something new about a site
WARNINGS = "weather_warnings"
_LOW = (1 << PAIR_BITS) - 1


@dataclass(frozen=True)
class _Numbers:
    """Numbers in the city for the numbers on a shelf; groups have the same ones on both."""

    projects: Ints
    enterprises: Ints

    @classmethod
    def of(cls, shelf: FactShelf, city: CityFacts) -> _Numbers:
        return cls(
            city.projects.numbers_of(shelf.projects.ids), city.enterprises.numbers_of(shelf.enterprises.ids)
        )

    def entities(self, subject: str | None, numbers: Ints) -> Ints:
        if subject is None:
            return self.projects[numbers]
        return numbers if subject in GROUPS else self.enterprises[numbers]


@dataclass(frozen=True)
class _Seen:
    """The facts of the holders concerned as they were (sign -1) or are (1)."""

    shelf: FactShelf
    numbers: _Numbers
    sign: int

    @classmethod
    def of(cls, city: CityFacts, holders: set[int], extent: Extent, sign: int) -> _Seen:
        shelf = city.part(holders, extent)
        return cls(shelf, _Numbers.of(shelf, city), sign)


@dataclass
class _Changes:
    keys: list[Ints] = field(default_factory=lambda: [NONE])
    moments: list[Ints] = field(default_factory=lambda: [NONE])
    weights: list[Ints] = field(default_factory=lambda: [NONE])

    def add(self, keys: Ints, spans: Spans, weights: Ints) -> None:
        ending = spans.ends < NEVER
        self.keys += [keys, keys[ending]]
        self.moments += [spans.starts, spans.ends[ending]]
        self.weights += [weights, -weights[ending]]


def fed_with(
    city: CityFacts,
    curves: StepCurves,
    requests: Sequence[Request],
    fed: FedChanges,
    deliveries: Mapping[str, pd.DataFrame],
) -> FedChanges:
    """Take the deliveries into `city` (typed frames in the order of their keys); what the index is changed by.

    Renamings must not be among them. Ids not seen before are added to the registers.
    """
    before = city.extent()
    try:
        fed = _difference(city, curves, requests, fed, deliveries)
    except BaseException:
        city.forget(before)
        raise
    city.settle()
    return fed


def _difference(
    city: CityFacts,
    curves: StepCurves,
    requests: Sequence[Request],
    fed: FedChanges,
    deliveries: Mapping[str, pd.DataFrame],
) -> FedChanges:
    before, holders, changes = city.extent(), set(), _Changes()
    for name, frame in deliveries.items():
        holders |= city.add(name, frame)
        _note_recorded(city, changes, frame)
    tables = {*deliveries, *((WARNINGS,) if NOBODY in holders else ())}
    concerned = [one for one in requests if one.tables(city.rules) & tables]
    was, now = _Seen.of(city, holders, before, -1), _Seen.of(city, holders, city.extent(), 1)
    for request in concerned:
        if isinstance(request, Summed) and _may_change(request, now, tables):
            for seen in (was, now):
                _add_sum(request, curves.numbers[request], seen, changes)
    fed = fed.with_sums(*(np.concatenate(part) for part in (changes.keys, changes.moments, changes.weights)))
    return _with_held(fed, [one for one in concerned if isinstance(one, Carried)], was, now, curves)


def _may_change(request: Summed, now: _Seen, tables: set[str]) -> bool:
    """Whether any fact that has a new version counts for the request, before or after."""
    name, rules = str(request.feature.table), now.shelf.rules
    if (request.tables(rules) - {name}) & tables or rules[name].superseded_within:
        return True
    rows = now.shelf.named(name).rows
    assert isinstance(rows, PartTable)
    if name not in now.shelf.memo:
        now.shelf.memo[name] = rows.facts_of_last()
    return bool((now.shelf.kept(request.feature) & now.shelf.memo[name]).any())


def _note_recorded(city: CityFacts, changes: _Changes, frame: pd.DataFrame) -> None:
    if "project_id" not in frame:
        return
    named = frame[frame["project_id"].notna()]
    projects = city.projects.numbers_of(named["project_id"].tolist())
    changes.keys.append(key(RECORDED, projects))
    changes.moments.append(named["recorded_at"].to_numpy("datetime64[us]").view(np.int64))
    changes.weights.append(np.ones(len(named), np.int64))


def _add_sum(request: Summed, number: int, seen: _Seen, changes: _Changes) -> None:
    shelf, numbers = seen.shelf, seen.numbers
    spans, weights = request.spans(shelf)
    weights = seen.sign * weights
    changes.add(key(number, numbers.entities(request.subject, spans.entities)), spans, weights)
    if request.elsewhere:
        own = shelf.own(str(request.feature.table), spans)
        sites, others = numbers.projects[own.entities >> PAIR_BITS], own.entities & _LOW
        pairs = (sites << PAIR_BITS) | numbers.entities(request.subject, others)
        changes.add(key(number + OWN, pairs), own, weights[own.rows])


def _with_held(
    fed: FedChanges, requests: list[Carried], was: _Seen, now: _Seen, curves: StepCurves
) -> FedChanges:
    by_leading: dict[Leading, list[Carried]] = defaultdict(list)
    for request in requests:
        by_leading[request.leading].append(request)
    replaced: list[Ints] = []
    made: list[tuple[Ints, Ints, Floats]] = []
    for leading, members in by_leading.items():
        for seen in (was, now):
            led = leading.spans(seen.shelf)
            concerned = seen.numbers.entities(leading.subject, np.unique(led[0].entities))
            replaced += [key(curves.numbers[request], concerned) for request in members]
            if seen is now:
                made += [_held(request, curves.numbers[request], now, led) for request in members]
    if not replaced:
        return fed
    keys, moments, values = (np.concatenate(part) for part in zip(*made, strict=True))
    order = np.argsort(keys, kind="stable")
    return fed.with_held(np.unique(np.concatenate(replaced)), keys[order], moments[order], values[order])


def _held(request: Carried, number: int, now: _Seen, led: tuple[Spans, Ints]) -> tuple[Ints, Ints, Floats]:
    """Keys, moments and numbers of one request's changes."""
    spans, ranks = led
    count = int(spans.entities.max(initial=-1)) + 1
    held = LeadingFact.of(spans, ranks, count)
    values, numbers = request.values(now.shelf), now.numbers
    if request.kind == "holder":
        values = numbers.enterprises[values.astype(np.int64)].astype(np.float64)
    local = np.repeat(np.arange(count), np.diff(held.offsets))
    keys = key(number, numbers.entities(request.subject, local))
    return keys, held.moments, np.append(values, np.nan)[held.rows]
