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

from features.city_facts import CityFacts
from features.encoded_table import PartTable
from features.fact_shelf import FactShelf
from features.feature import GROUPS
from features.fed_changes import NONE, FedChanges
from features.sorting import NEVER, Floats, Ints
from features.step_functions import LeadingFact, Spans
from features.step_keys import OWN, RECORDED, key, pair, unpaired
from features.step_requests import Carried, Leading, Request, Summed


@dataclass(frozen=True)
class _Numbers:
    """Numbers in the city for the numbers on a shelf; groups have the same ones on both."""

    projects: Ints
    enterprises: Ints

    def entities(self, subject: str | None, numbers: Ints) -> Ints:
        if subject is None:
            return self.projects[numbers]
        return numbers if subject in GROUPS else self.enterprises[numbers]

    def pairs(self, subject: str | None, pairs: Ints) -> Ints:
        sites, others = unpaired(pairs)
        return pair(self.projects[sites], self.entities(subject, others))


@dataclass(frozen=True)
class _Seen:
    """The facts of the keepers touched as they were (sign -1) or are (1)."""

    shelf: FactShelf
    numbers: _Numbers
    sign: int

    @classmethod
    def of(cls, city: CityFacts, keepers: set[int], sign: int) -> _Seen:
        shelf = city.part(keepers)
        registers = (city.projects, shelf.projects), (city.enterprises, shelf.enterprises)
        return cls(shelf, _Numbers(*(whole.numbers_of(part.ids) for whole, part in registers)), sign)


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
    city: CityFacts, numbers: Mapping[Request, int], fed: FedChanges, deliveries: Mapping[str, pd.DataFrame]
) -> tuple[CityFacts, FedChanges]:
    """The city and the changes after deliveries: typed frames in the order of key and `recorded_at`.

    `numbers`: of the step functions that the index was built of. Renamings must not be among the deliveries.
    Ids not seen before are added to the registers.
    """
    after, touched = city.with_deliveries(deliveries)
    was, now = _Seen.of(city, touched.keepers, -1), _Seen.of(after, touched.keepers, 1)
    tables, changes = set(deliveries), _Changes()
    concerned = [
        one for one in numbers if one.tables(city.rules) & tables or one.feature.group in touched.new_groups
    ]
    for request in concerned:
        if isinstance(request, Summed) and _may_change(request, was, now, tables, touched.new_groups):
            for seen in (was, now):
                _add_sum(request, numbers[request], seen, changes)
    for seen in (was, now):
        _add_recorded(seen, tables, changes)
    fed = fed.with_sums(*(np.concatenate(part) for part in (changes.keys, changes.moments, changes.weights)))
    fed = _with_held(fed, [one for one in concerned if isinstance(one, Carried)], was, now, numbers)
    return after.settled(), fed


def _may_change(request: Summed, was: _Seen, now: _Seen, tables: set[str], new_groups: set[str]) -> bool:
    """Whether any fact that has a new version counts for the request."""
    name, rules = str(request.feature.table), now.shelf.rules
    others = (request.tables(rules) - {name}) & tables
    if others or rules[name].superseded_within or request.feature.group in new_groups:
        return True
    rows = now.shelf.named(name).rows
    assert isinstance(rows, PartTable)
    if rows.replaces:  # what counted before is not among the rows any more
        return True
    return bool((now.shelf.kept(request.feature) & now.shelf.fed_rows(name)).any())


def _add_sum(request: Summed, number: int, seen: _Seen, changes: _Changes) -> None:
    shelf, numbers, subject = seen.shelf, seen.numbers, request.subject
    spans, weights = request.spans(shelf)
    weights = seen.sign * weights
    changes.add(key(number, numbers.entities(subject, spans.entities)), spans, weights)
    if request.elsewhere:
        own = shelf.own(str(request.feature.table), spans)
        changes.add(key(number + OWN, numbers.pairs(subject, own.entities)), own, weights[own.rows])


def _add_recorded(seen: _Seen, tables: set[str], changes: _Changes) -> None:
    """Every row of a table delivered counts for its site from when it was recorded."""
    for name in tables:
        table = seen.shelf.named(name)
        rows = np.flatnonzero(table.projects >= 0)
        changes.keys.append(key(RECORDED, seen.numbers.projects[table.projects[rows]]))
        changes.moments.append(table.recorded[rows])
        changes.weights.append(np.full(len(rows), seen.sign, np.int64))


def _with_held(
    fed: FedChanges, requests: Sequence[Carried], was: _Seen, now: _Seen, numbers: Mapping[Request, int]
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
            replaced += [key(numbers[request], concerned) for request in members]
            if seen is now:
                made += [_held(request, numbers[request], now, led) for request in members]
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
