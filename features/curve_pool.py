"""Step functions gathered into a few flat arrays, which the compiled look-up reads.

Sums of facts within windows share their order: facts on file in time and open for good are counted as started
by `as_of` less those that happened by `as_of` - window, so that two arrays serve every window. Only facts that
came very late, or that end early, need small arrays of their own for each window.

>>> facts = Spans(rows=np.arange(2), entities=np.zeros(2, int), starts=np.array([10, 20]), ends=np.array([NEVER, 24]))
>>> pool = CurvePool()
>>> terms = pool.windows(facts, since=np.array([9, 15]), weights=np.ones(2, int), windows=[4, 100], count=1)
>>> pools = pool.joined()
>>> look_up([terms[4], terms[100]], pools, np.zeros(6, int), np.array([9, 10, 12, 13, 23, 24])).T
array([[0, 1, 1, 0, 0, 0],
       [0, 1, 1, 1, 2, 1]])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features import kernels
from features.look_tables import Pools
from features.lookup_kernels import add_terms
from features.sorting import NEVER, Floats, Ints, counts_of, on_all_cores, slices
from features.step_functions import LeadingFact, Spans, Tally


class Term(NamedTuple):
    """A curve looked up at `as_of - shift` and added `sign` times."""

    curve: int
    shift: int
    sign: int


@dataclass
class CurvePool:
    """Curves one after the other; joined at the end, each given up as it is copied."""

    _rows: list[tuple[int, ...]] = field(default_factory=list)
    _offsets: list[Ints] = field(default_factory=list)
    _moments: list[Ints] = field(default_factory=list)
    _totals: list[Ints] = field(default_factory=list)
    _values: list[Floats] = field(default_factory=list)
    _size: list[int] = field(default_factory=lambda: [0, 0, 0, 0])

    def windows(
        self, spans: Spans, since: Ints, weights: Ints, windows: Sequence[int], count: int
    ) -> dict[int, list[Term]]:
        """For each window the terms of the sum of the facts that happened less than so long ago.

        `since`: the moment each span's fact happened; `count`: of entities.
        """
        found: dict[int, list[Term]] = {}
        usual = self._usual(spans, since, min(windows), weights, count)
        both = Tally.of_both(usual, (spans.starts, since), weights, count)
        started = self.add_tally(both[0])
        happened = self.add_tally(both[1], started)
        unusual = np.flatnonzero(usual < 0)
        del usual, both
        for window in windows:
            found[window] = [Term(started, 0, 1), Term(happened, window, -1)]
            ends = np.minimum(spans.ends[unusual], since[unusual] + window)
            counted = np.flatnonzero((spans.starts[unusual] < ends) & (spans.entities[unusual] >= 0))
            if len(counted):
                places = unusual[counted]
                others = Spans(places, spans.entities[places], spans.starts[places], ends[counted])
                found[window] += self.changes(others, weights[places], count)
        return found

    @staticmethod
    def _usual(spans: Spans, since: Ints, least: int, weights: Ints, count: int) -> Ints:
        """Whose each fact is, -1 for one that two arrays cannot tell: those of few facts show late ones, too."""
        usual, parts = np.empty(len(since), np.int64), slices(len(since))
        small = np.zeros(count, bool)
        if len(weights) and (weights == weights[0]).all():
            small = counts_of(spans.entities, count) <= kernels.FEW
        facts = spans.entities, spans.starts, since, spans.ends
        on_all_cores(lambda part: kernels.usual_facts(part, facts, least, small, usual), parts, len(usual))
        return usual

    def changes(self, spans: Spans, weights: Ints, count: int) -> list[Term]:
        """The terms of what is added at the start of each span and taken away at its end.

        Where a fact's next version goes on with the same weight, nothing changes in between. Facts that all
        add the same need no running totals, if starts and ends are kept apart.
        """
        starts, ends = _without_seams(spans, weights)
        if len(weights) and (weights == weights[0]).all():
            first, last = (
                self.add_tally(Tally.of(spans.entities, moments, weights, count))
                for moments in (starts, ends)
            )
            return [Term(first, 0, 1), Term(last, 0, -1)]
        twice = np.concatenate([spans.entities, spans.entities])
        both = Tally.of(twice, np.concatenate([starts, ends]), np.concatenate([weights, -weights]), count)
        return [Term(self.add_tally(both), 0, 1)]

    def add_tally(self, tally: Tally, started: int = -1) -> int:
        """The number of a curve that adds up what comes at its moments.

        `started`: the curve of the same facts' starts, added just before, if these are their days.
        """
        running = -1 if len(tally.totals) == 0 else self._size[2]
        if running >= 0:
            self._totals.append(tally.totals)
            self._size[2] += len(tally.totals)
        return self._put(tally.offsets, tally.moments, (tally.unit, running, started))

    def add_leading(self, leading: LeadingFact) -> int:
        """The number of a curve whose changes are facts that hold from then."""
        return self._put(leading.offsets, leading.moments, (0, -1, -1))  # unit 0: its moments are in order

    def add_values(self, values: Floats) -> int:
        """Where the numbers begin that the facts of a curve carry, one a change."""
        self._values.append(values)
        self._size[3] += len(values)
        return self._size[3] - len(values)

    def joined(self, pairs: Ints | None = None) -> Pools:
        """All curves so far in flat arrays; nothing may be added after."""
        return Pools(
            curves=np.array(self._rows, np.int64).reshape(-1, 5),
            offsets=_joined(self._offsets, np.int64),
            moments=_joined(self._moments, np.int64),
            totals=_joined(self._totals, np.int64),
            values=_joined(self._values, np.float64),
            pairs=np.empty(0, np.int64) if pairs is None else pairs,
        )

    def _put(self, offsets: Ints, moments: Ints, said: tuple[int, int, int]) -> int:
        self._rows.append((self._size[0], len(offsets) - 1, *said))
        self._offsets.append(offsets + self._size[1] if self._size[1] else offsets)
        self._moments.append(moments)
        self._size[0] += len(offsets)
        self._size[1] += len(moments)
        return len(self._rows) - 1


def look_up(
    sums: Sequence[Sequence[Term]], pools: Pools, entities: Ints, as_of: Ints, order: Ints | None = None
) -> Ints:
    """The sums of terms, a column each, for each entity and moment; 0 for an entity below 0.

    What several sums have in common is looked up once. Rows of one entity are looked up fastest side by side:
    `order` then says where each belongs in the answer.
    """
    found = np.zeros((len(as_of), len(sums)), np.int64)
    order = np.arange(len(as_of)) if order is None else order
    asked = list(dict.fromkeys((term.curve, term.shift) for terms in sums for term in terms))
    signs = np.zeros((len(asked), len(sums)), np.int64)
    for column, terms in enumerate(sums):
        for term in terms:
            signs[asked.index((term.curve, term.shift)), column] += term.sign

    def add(part: tuple[int, int]) -> None:
        rows = tuple(column[slice(*part)] for column in (entities, as_of, order))
        add_terms(np.array(asked, np.int64), signs, pools, rows, found)

    on_all_cores(add, slices(len(as_of)), len(as_of))
    return found


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


def _joined(arrays: list, kind: type) -> NDArray:  # type: ignore[type-arg]
    """The arrays one after the other; each is given up once it has been copied."""
    base = arrays[0].base if arrays else None
    if (
        base is not None
        and all(array.base is base for array in arrays)
        and sum(map(len, arrays)) == len(base)
    ):
        return base  # they stand one after the other as it is
    places = np.cumsum([0, *map(len, arrays)]).tolist()
    whole: NDArray = np.empty(places[-1], kind)

    def copy(number: int) -> None:
        whole[places[number] : places[number + 1]] = arrays[number]
        arrays[number] = None

    on_all_cores(copy, range(len(arrays)), len(whole))
    arrays.clear()
    return whole
