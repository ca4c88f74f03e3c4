"""All step functions of an index in a few flat arrays, built once from the facts of the whole city.

Sums of facts within windows share their order: facts on file in time and open for good are counted as started
by `as_of` less those that happened by `as_of` - window, so that two sorted arrays serve every window. Only
facts that came very late, or that end early, need a small array of their own for each window.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.progress import Progress
from features.encoded_table import Floats
from features.fact_shelf import FactShelf, with_window
from features.lookup_kernels import Pools
from features.sorting import DAY, on_all_cores
from features.step_functions import NEVER, Ints, LeadingFact, Spans, Tally
from features.step_keys import refuse_too_many
from features.step_requests import Carried, Leading, Request, Summed, key_of

RENAMED_OFTEN = 8  # steps that are followed to the present name


class Term(NamedTuple):
    """A curve looked up at `as_of - shift`, of the subject or of the pair of site and subject, and added `sign` times."""

    curve: int
    shift: int
    sign: int
    of_pair: bool


@dataclass
class StepCurves:
    """The arrays, and where in them each request is answered.

    `curves`: first offset, number of entities, unit, first running total (-1: each change adds the unit).
    """

    curves: Ints
    offsets: Ints
    moments: Ints
    totals: Ints
    values: Floats
    pairs: Ints
    terms: dict[Summed, list[Term]]
    leads: dict[Leading, int]
    carried: dict[Carried, int]
    numbers: dict[Request, int]
    pair_ranges: dict[str, tuple[int, int]]
    successor: Ints
    recorded: int

    @property
    def pools(self) -> Pools:
        """What the compiled look-up reads."""
        return Pools(self.curves, self.offsets, self.moments, self.totals, self.values, self.pairs)


@dataclass
class CurveBuilder:
    """Gathers curves one by one and joins them at the end, giving each up as it is copied."""

    shelf: FactShelf
    _rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    _offsets: list[Ints] = field(default_factory=list)
    _moments: list[Ints] = field(default_factory=list)
    _totals: list[Ints] = field(default_factory=list)
    _values: list[Floats] = field(default_factory=list)
    _size: list[int] = field(default_factory=lambda: [0, 0, 0, 0])

    def build(self, requests: Iterable[Request], progress: Progress, step: str) -> StepCurves:
        """The curves of all requests; `progress` is told how many are done."""
        asked = list(dict.fromkeys(requests))
        refuse_too_many(len(asked), len(self.shelf.projects), len(self.shelf.enterprises))
        sums = [one for one in asked if isinstance(one, Summed)]
        carried = [one for one in asked if isinstance(one, Carried)]
        families: dict[object, list[Summed]] = defaultdict(list)
        for request in sums:
            families[_family(request)].append(request)
        pairs, pair_ranges = self._pairs(sums)
        terms: dict[Summed, list[Term]] = {}
        for done, members in enumerate(families.values()):
            progress(step, done, len(families) + len(carried))
            for request, found in self._family_terms(members, pairs, pair_ranges).items():
                terms[request] = found
        leads, starts = self._carried(
            carried, lambda n: progress(step, len(families) + n, len(families) + len(carried))
        )
        progress(step, len(families) + len(carried), len(families) + len(carried))
        successor, recorded = self._successor(), self._recorded()
        return StepCurves(
            np.array(self._rows, np.int64).reshape(-1, 4),
            _joined(self._offsets, np.int64),
            _joined(self._moments, np.int64),
            _joined(self._totals, np.int64),
            _joined(self._values, np.float64),
            pairs,
            terms,
            leads,
            starts,
            {request: number for number, request in enumerate([*sums, *carried])},
            pair_ranges,
            successor,
            recorded,
        )

    def add_tally(self, tally: Tally) -> int:
        """The number of a curve that adds up what comes at its moments."""
        running = -1 if len(tally.totals) == 0 else self._size[2]
        self._put(tally.offsets, tally.moments, tally.unit, running)
        if running >= 0:
            self._totals.append(tally.totals)
            self._size[2] += len(tally.totals)
        return len(self._rows) - 1

    def add_leading(self, leading: LeadingFact) -> int:
        """The number of a curve whose changes are facts that hold from then."""
        self._put(leading.offsets, leading.moments, 0, -1)  # unit 0: its moments are in order
        return len(self._rows) - 1

    def _put(self, offsets: Ints, moments: Ints, unit: int, running: int) -> None:
        self._rows.append((self._size[0], len(offsets) - 1, unit, running))
        self._offsets.append(offsets + self._size[1])
        self._moments.append(moments)
        self._size[0] += len(offsets)
        self._size[1] += len(moments)

    def _add_values(self, values: Floats) -> int:
        start = self._size[3]
        self._values.append(values)
        self._size[3] += len(values)
        return start

    def entity_count(self, subject: str | None) -> int:
        """How many sites, enterprises or groups there are."""
        if subject is None:
            return len(self.shelf.projects)
        if subject.isupper():
            return len(self.shelf.enterprises)
        return self.shelf.groups.count(subject)

    def _pairs(self, sums: list[Summed]) -> tuple[Ints, dict[str, tuple[int, int]]]:
        """For each subject, every pair of a site and one elsewhere that has a fact in common."""
        by_subject: dict[str, dict[str, Ints]] = defaultdict(dict)
        for request in sums:
            feature = request.feature
            if request.elsewhere and str(feature.table) not in by_subject[str(feature.subject)]:
                by_subject[str(feature.subject)][str(feature.table)] = self.shelf.pairs(feature)
        ranges, parts, size = {}, [np.empty(0, np.int64)], 0
        for subject, tables in by_subject.items():
            found = np.sort(pd.unique(np.concatenate(list(tables.values()))))
            ranges[subject] = (size, size + len(found))
            parts.append(found)
            size += len(found)
        return np.concatenate(parts), ranges

    def _family_terms(
        self, members: list[Summed], pairs: Ints, pair_ranges: dict[str, tuple[int, int]]
    ) -> dict[Summed, list[Term]]:
        """The terms of sums over the same facts in different windows."""
        first = members[0]
        if first.shares_windows:
            spans, since, weights = first.open_spans(self.shelf)
        else:
            spans, weights = first.spans(self.shelf)
            since = None
        count = self.entity_count(first.subject)
        found = self._terms(members, (spans, since, weights), count, of_pair=False)
        if first.elsewhere:
            own = self.shelf.own(str(first.feature.table), spans)
            known = pairs[slice(*pair_ranges[str(first.subject)])]
            placed = Spans(own.rows, np.searchsorted(known, own.entities), own.starts, own.ends)
            facts = placed, None if since is None else since[own.rows], weights[own.rows]
            for request, terms in self._terms(members, facts, len(known), of_pair=True).items():
                found[request] += terms
        return found

    def _terms(
        self, members: list[Summed], facts: tuple[Spans, Ints | None, Ints], count: int, *, of_pair: bool
    ) -> dict[Summed, list[Term]]:
        spans, since, weights = facts
        sign = -1 if of_pair else 1
        if since is None:
            terms = self._changes(spans, weights, count, sign, of_pair)
            return {request: list(terms) for request in members}
        least = min(int(request.feature.window_days or 0) for request in members) * DAY
        usual = (spans.ends == NEVER) & (spans.starts - since < least)
        entities = np.where(usual, spans.entities, -1)
        started = self.add_tally(Tally.of(entities, spans.starts, weights, count))
        happened = self.add_tally(Tally.of(entities, since, weights, count))
        unusual = np.flatnonzero(~usual)
        found = {}
        for request in members:
            window = int(request.feature.window_days or 0) * DAY
            found[request] = [Term(started, 0, sign, of_pair), Term(happened, window, -sign, of_pair)]
            ends = np.minimum(spans.ends[unusual], since[unusual] + window)
            counted = np.flatnonzero((spans.starts[unusual] < ends) & (spans.entities[unusual] >= 0))
            if len(counted):
                places = unusual[counted]
                others = Spans(
                    spans.rows[places], spans.entities[places], spans.starts[places], ends[counted]
                )
                found[request] += self._changes(others, weights[places], count, sign, of_pair)
        return found

    def _changes(self, spans: Spans, weights: Ints, count: int, sign: int, of_pair: bool) -> list[Term]:
        """What is added at the start of each span and taken away at its end.

        Where a fact's next version goes on with the same weight, nothing changes in between. Facts that all
        add the same need no running totals, if starts and ends are kept apart.
        """
        starts, ends = _without_seams(spans, weights)
        if len(weights) and (weights == weights[0]).all():
            tallies = (Tally.of(spans.entities, moments, weights, count) for moments in (starts, ends))
            curves = [self.add_tally(tally) for tally in tallies]
            return [Term(curves[0], 0, sign, of_pair), Term(curves[1], 0, -sign, of_pair)]
        twice = np.concatenate([spans.entities, spans.entities])
        both = Tally.of(twice, np.concatenate([starts, ends]), np.concatenate([weights, -weights]), count)
        return [Term(self.add_tally(both), 0, sign, of_pair)]

    def _carried(self, asked: list[Carried], progress) -> tuple[dict[Leading, int], dict[Carried, int]]:  # type: ignore[no-untyped-def]
        """Curves of what holds, one for all numbers that its facts carry."""
        by_leading: dict[Leading, list[Carried]] = defaultdict(list)
        for request in asked:
            by_leading[request.leading].append(request)
        leads: dict[Leading, int] = {}
        starts: dict[Carried, int] = {}
        for leading, members in by_leading.items():
            spans, ranks = leading.spans(self.shelf)
            held = LeadingFact.of(spans, ranks, self.entity_count(leading.subject))
            leads[leading] = self.add_leading(held)
            for request in members:
                progress(len(starts))
                starts[request] = self._add_values(np.append(request.values(self.shelf), np.nan)[held.rows])
        return leads, starts

    def _successor(self) -> Ints:
        """The curve of renamed enterprises, where its values start, and how many steps are followed."""
        successor = self.shelf.firms.successor
        if not len(successor.rows):
            return np.array([-1, 0, 0])
        curve = self.add_leading(successor)
        numbers = np.append(self.shelf.firms.new_numbers.astype(np.float64), np.nan)[successor.rows]
        return np.array([curve, self._add_values(numbers), RENAMED_OFTEN])

    def _recorded(self) -> int:
        """The curve of the moments at which anything about a site came on file."""
        about = [table for table in self.shelf.all_tables() if "project_id" in table.contract.column_names]
        entities = np.concatenate([table.projects for table in about])
        moments = np.concatenate([table.recorded for table in about])
        return self.add_tally(
            Tally.of(entities, moments, np.broadcast_to(1, entities.shape), len(self.shelf.projects))
        )


def _without_seams(spans: Spans, weights: Ints) -> tuple[Ints, Ints]:
    """Starts and ends, NEVER where a span goes on as the one before it."""
    starts, ends = spans.starts, spans.ends
    goes_on = (
        (spans.entities[1:] == spans.entities[:-1])
        & (weights[1:] == weights[:-1])
        & (starts[1:] == ends[:-1])
    )
    if goes_on.any():
        starts, ends = starts.copy(), ends.copy()
        starts[1:][goes_on] = NEVER
        ends[:-1][goes_on] = NEVER
    return starts, ends


def _family(request: Summed) -> object:
    if not request.shares_windows:
        return request.key
    return key_of(with_window(request.feature, None))


def _joined(arrays: list, kind: type) -> NDArray:  # type: ignore[type-arg]
    """The arrays one after the other; each is given up once it has been copied."""
    places = np.cumsum([0, *map(len, arrays)]).tolist()
    whole: NDArray = np.empty(places[-1], kind)

    def copy(number: int) -> None:
        whole[places[number] : places[number + 1]] = arrays[number]
        arrays[number] = None

    on_all_cores(copy, range(len(arrays)), len(whole))
    arrays.clear()
    return whole
