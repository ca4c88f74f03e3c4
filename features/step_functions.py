"""Values that change at moments and hold in between, one per entity, looked up by binary search.

A fact in force during [start, end) raises a running sum at its start and lowers it at its end, so a feature
at `as_of` is the value of a step function: exact for late, corrected and revoked facts, because start and end
already speak of what was on file. Sums are integers, so the order of the facts changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features import kernels
from features.sorting import (
    NEVER,
    NOTHING,
    Ints,
    by_entity,
    on_all_cores,
    order_by_entity,
    slices,
    window_ends,
)


@dataclass(frozen=True)
class Spans:
    """Facts in force: the fact's row, whom it concerns (an entity's number) and during which [start, end)."""

    rows: Ints
    entities: Ints
    starts: Ints
    ends: Ints

    def kept(self, keep: NDArray[np.bool_]) -> Spans:
        return self if keep.all() else self.taken(np.flatnonzero(keep))

    def kept_rows(self, keep: NDArray[np.bool_]) -> Spans:
        """The spans of the facts to keep; `keep` has an element a row of the table."""
        return self if keep.all() else self.taken(np.flatnonzero(keep[self.rows]))

    def taken(self, places: NDArray[np.intp]) -> Spans:
        return Spans(self.rows[places], self.entities[places], self.starts[places], self.ends[places])

    def narrowed(self, starts: Ints | None = None, ends: Ints | None = None) -> Spans:
        """The part of each span from `starts` and before `ends` (one a span), empty ones dropped."""
        from_ = self.starts if starts is None else np.maximum(self.starts, starts)
        until = self.ends if ends is None else np.minimum(self.ends, ends)
        return Spans(self.rows, self.entities, from_, until).kept((from_ < until) & (self.entities >= 0))

    def united(self, groups: Ints) -> Spans:
        """Spans of the same group counted once where they overlap; a group has one entity."""
        order = np.lexsort((self.starts, groups))
        firsts, ends = kernels.merge_touching(groups[order], self.starts[order], self.ends[order])
        chosen = order[firsts]
        return Spans(self.rows[chosen], self.entities[chosen], self.starts[chosen], ends)


@dataclass(frozen=True)
class RunningSum:
    """A sum of integers per entity over time; 0 before the first change and for an entity below 0.

    It is what has started at or before a moment less what has ended, each in a tally of its own.

    >>> spans = Spans(rows=np.array([0, 1]), entities=np.array([0, 0]), starts=np.array([10, 20]),
    ...               ends=np.array([30, NEVER]))
    >>> RunningSum.of(spans, np.array([1, 1]), entities=1).at(np.zeros(4, int), np.array([9, 10, 29, 30]))
    array([0, 1, 2, 1])
    """

    starts: Tally
    ends: Tally

    @classmethod
    def of(cls, spans: Spans, weights: Ints, entities: int) -> RunningSum:
        """Each span adds its weight at its start and takes it away at its end.

        Where a fact's next version goes on with the same weight, nothing changes in between.
        """
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
        return cls(
            Tally.of(spans.entities, starts, weights, entities),
            Tally.of(spans.entities, ends, weights, entities),
        )

    def at(self, entities: Ints, as_of: Ints, started: Ints | None = None) -> Ints:
        """The sum per entity and moment; `started`: `starts` at these, where it is known already."""
        totals = self.ends.at(entities, as_of)
        return np.subtract(
            self.starts.at(entities, as_of) if started is None else started, totals, out=totals
        )


@dataclass(frozen=True)
class Tally:
    """Moments per entity in order, and what they add up to: `unit` each, or running `totals` over them all.

    `totals` is empty where every moment adds the same; otherwise totals[i] is the sum of the first i weights.
    Moments that add the same need no order where an entity has only a few: they are counted one by one.
    """

    offsets: Ints
    moments: Ints
    totals: Ints
    unit: int

    @classmethod
    def of(cls, entities: Ints, moments: Ints, weights: Ints, count: int) -> Tally:
        """What comes at each moment, for entities 0 to `count` - 1; what is NEVER to come is left out."""
        unit = int(weights[0]) if len(weights) else 1
        if (weights == unit).all():
            ordered, offsets = by_entity(entities, moments, count, few=kernels.FEW)
            return cls(offsets, ordered, NOTHING, unit)
        order, ordered, offsets = order_by_entity(entities, moments, count)
        totals = np.zeros(len(order) + 1, np.int64)
        np.cumsum(weights[order], out=totals[1:])
        return cls(offsets, ordered, totals, 1)

    def at(self, entities: Ints, as_of: Ints) -> Ints:
        """What has come at or before `as_of`."""
        tally, sums = (self.offsets, self.moments, self.totals, self.unit), np.empty(len(entities), np.int64)
        on_all_cores(
            lambda part: kernels.tallied(part, tally, (entities, as_of), sums),
            slices(len(entities)),
            len(entities),
        )
        return sums


@dataclass(frozen=True)
class Asked:
    """Rows asked for in the order of entity and moment, so that neighbours look at the same facts.

    `places` says where each row stood; rows of no entity are left out.
    """

    places: Ints
    entities: Ints
    as_of: Ints

    @classmethod
    def of(cls, entities: Ints, as_of: Ints, count: int) -> Asked:
        places, moments, offsets = order_by_entity(entities, as_of, count)
        return cls(places, np.repeat(np.arange(count), np.diff(offsets)), moments)


@dataclass(frozen=True)
class WindowedFacts:
    """Facts that count from a start until a window after the day they happened, or until they end if sooner.

    The facts are put in order once for all windows, and what has started is the same for all of them: a fact
    on file only after the window has passed starts and ends at that moment, which adds nothing.

    >>> spans = Spans(rows=np.array([0, 1]), entities=np.array([0, 0]), starts=np.array([10, 20]),
    ...               ends=np.array([NEVER, 24]))
    >>> facts = WindowedFacts.of(spans, since=np.array([9, 15]), weights=np.array([1, 1]), entities=1)
    >>> facts.within(4).at(np.zeros(4, int), np.array([9, 10, 12, 13]))
    array([0, 1, 1, 0])
    >>> facts.within(100).at(np.zeros(3, int), np.array([19, 23, 24]))
    array([1, 2, 1])
    """

    starts: Tally
    since: Ints
    ends: Ints
    weights: Ints | None

    @classmethod
    def of(cls, spans: Spans, since: Ints, weights: Ints, entities: int) -> WindowedFacts:
        """`since`: the moment each span's fact happened."""
        unit = int(weights[0]) if len(weights) else 1
        if (weights == unit).all() and (spans.ends == NEVER).all():
            since, starts, offsets = order_by_entity(spans.entities, spans.starts, entities, carried=since)
            return cls(Tally(offsets, starts, NOTHING, unit), since, NOTHING, None)
        order, starts, offsets = order_by_entity(spans.entities, spans.starts, entities)
        in_order = weights[order]
        totals = np.concatenate([[0], np.cumsum(in_order)])
        return cls(Tally(offsets, starts, totals, 1), since[order], spans.ends[order], in_order)

    def within(self, window: int) -> RunningSum:
        """The sum over the facts of the last `window` microseconds."""
        offsets, facts = self.starts.offsets, (self.starts.moments, self.since, self.ends)
        if self.weights is None:
            ends = window_ends(offsets, facts, window)
            return RunningSum(self.starts, Tally(offsets, ends, NOTHING, self.starts.unit))
        ends = np.maximum(np.minimum(self.since + window, self.ends), self.starts.moments)
        entities = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        return RunningSum(self.starts, Tally.of(entities, ends, self.weights, len(offsets) - 1))


@dataclass(frozen=True)
class LeadingFact:
    """Which fact holds per entity over time: of those in force, the one of the highest rank.

    With the day it happened as rank this is the latest fact, with the day negated the first one.
    """

    offsets: Ints
    moments: Ints
    rows: Ints

    @classmethod
    def of(cls, spans: Spans, ranks: Ints, entities: int) -> LeadingFact:
        """`ranks`: one a span, distinct among the spans of an entity that are in force together."""
        order, starts, span_offsets = order_by_entity(spans.entities, spans.starts, entities)
        offsets = np.empty(entities + 1, np.int64)
        moments, leaders = kernels.follow_highest(
            span_offsets, starts, spans.ends[order], ranks[order], offsets
        )
        rows = np.append(spans.rows[order], -1)[leaders]
        return cls(offsets, moments, rows)

    def at(self, entities: Ints, as_of: Ints) -> Ints:
        """The row that holds, -1 where none does."""
        if not len(self.rows):
            return np.full(len(entities), -1, np.int64)
        found = kernels.last_at_or_before(self.offsets, self.moments, entities, as_of)
        return np.where(found < 0, -1, self.rows[found])


def ranks_by(*columns: Ints) -> Ints:
    """A distinct rank a row, by the first column, ties by the next ones and at last by the row's place."""
    order = np.lexsort((np.arange(len(columns[0])), *columns[::-1]))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return ranks
