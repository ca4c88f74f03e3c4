"""Values that change at moments and hold in between, one per entity.

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
    NOTHING,
    Ints,
    both_by_entity,
    by_entity,
    order_by_entity,
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
        return cls._with_totals(entities, moments, weights, count)

    @classmethod
    def of_both(
        cls, entities: Ints, moments: tuple[Ints, Ints], weights: Ints, count: int
    ) -> tuple[Tally, Tally]:
        """Two tallies of the same facts, by one moment and by another, neither of which is NEVER."""
        unit = int(weights[0]) if len(weights) else 1
        if not (weights == unit).all():
            first, second = (cls._with_totals(entities, one, weights, count) for one in moments)
            return first, second
        *ordered, offsets = both_by_entity(entities, *moments, count, few=kernels.FEW)
        first, second = (cls(offsets, one, NOTHING, unit) for one in ordered)
        return first, second

    @classmethod
    def _with_totals(cls, entities: Ints, moments: Ints, weights: Ints, count: int) -> Tally:
        order, ordered, offsets = order_by_entity(entities, moments, count)
        totals = np.zeros(len(order) + 1, np.int64)
        np.cumsum(weights[order], out=totals[1:])
        return cls(offsets, ordered, totals, 1)


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


def ranks_by(*columns: Ints) -> Ints:
    """A distinct rank a row, by the first column, ties by the next ones and at last by the row's place."""
    order = np.lexsort(columns[::-1])  # stable: equal ones stay in their order
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return ranks
