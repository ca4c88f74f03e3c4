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

Ints = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max
MISSING = np.iinfo(np.int64).min
DAY = 86_400_000_000


@dataclass(frozen=True)
class Spans:
    """Facts in force: the fact's row, whom it concerns (an entity's number) and during which [start, end)."""

    rows: Ints
    entities: Ints
    starts: Ints
    ends: Ints

    def kept(self, keep: NDArray[np.bool_]) -> Spans:
        return self if keep.all() else self.taken(np.flatnonzero(keep))

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

    >>> spans = Spans(rows=np.array([0, 1]), entities=np.array([0, 0]), starts=np.array([10, 20]),
    ...               ends=np.array([30, NEVER]))
    >>> RunningSum.of(spans, np.array([1, 1]), entities=1).at(np.zeros(4, int), np.array([9, 10, 29, 30]))
    array([0, 1, 2, 1])
    """

    offsets: Ints
    moments: Ints
    totals: Ints

    @classmethod
    def of(cls, spans: Spans, weights: Ints, entities: int) -> RunningSum:
        """Each span adds its weight at its start and takes it away at its end.

        Where a fact's next version goes on with the same weight, nothing changes in between.
        """
        begins, ends = np.ones(len(weights), bool), spans.ends < NEVER
        goes_on = (
            (spans.entities[1:] == spans.entities[:-1])
            & (weights[1:] == weights[:-1])
            & (spans.starts[1:] == spans.ends[:-1])
        )
        begins[1:] &= ~goes_on
        ends[:-1] &= ~goes_on
        who = np.concatenate([spans.entities[begins], spans.entities[ends]])
        when = np.concatenate([spans.starts[begins], spans.ends[ends]])
        change = np.concatenate([weights[begins], -weights[ends]])
        order, change_offsets = kernels.by_entity_and_moment(who, when, entities)
        offsets = np.empty(entities + 1, np.int64)
        moments, totals = kernels.running_totals(change_offsets, when[order], change[order], offsets)
        return cls(offsets, moments, totals)

    def at(self, entities: Ints, as_of: Ints) -> Ints:
        if not len(self.totals):
            return np.zeros(len(entities), np.int64)
        found = kernels.last_at_or_before(self.offsets, self.moments, entities, as_of)
        return np.where(found < 0, 0, self.totals[found])

    def last_change(self, entities: Ints, as_of: Ints) -> Ints:
        """The moment of the last change at or before `as_of`, MISSING where there was none."""
        if not len(self.totals):
            return np.full(len(entities), MISSING, np.int64)
        found = kernels.last_at_or_before(self.offsets, self.moments, entities, as_of)
        return np.where(found < 0, MISSING, self.moments[found])


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
        order, span_offsets = kernels.by_entity_and_moment(spans.entities, spans.starts, entities)
        offsets = np.empty(entities + 1, np.int64)
        moments, leaders = kernels.follow_highest(
            span_offsets, spans.starts[order], spans.ends[order], ranks[order], offsets
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
