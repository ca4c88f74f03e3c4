"""The inner loops of the engine, compiled: searching, summing, and following the latest fact.

All moments are microseconds of Shanghai wall time. An entity's changes lie between `offsets[entity]` and
`offsets[entity + 1]`; an entity below 0 is none at all.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FEW = 64  # moments of an entity up to which they are counted one by one rather than kept in order


@njit(cache=True, nogil=True)
def usual_facts(part, facts, least, small, whose):  # type: ignore[no-untyped-def]
    """Whose each fact is, -1 for one that ends, and for one that starts `least` or more after it happened.

    The latter may stay if its entity is `small`.
    """
    entities, starts, since, ends = facts
    never = np.iinfo(np.int64).max
    for i in range(part[0], part[1]):
        is_usual = (ends[i] == never) & (entities[i] >= 0)
        if is_usual and starts[i] - since[i] >= least:
            is_usual = small[entities[i]]
        whose[i] = entities[i] if is_usual else -1


@njit(cache=True, nogil=True)
def counted_both(days, day, starts, moment):  # type: ignore[no-untyped-def]
    """How many of a few facts happened by `day` and started by `moment`."""
    found = 0
    for place in range(len(days)):
        found += (days[place] <= day) & (starts[place] <= moment)
    return found


@njit(cache=True, nogil=True)
def counted(moments, begin, end, moment):  # type: ignore[no-untyped-def]
    """How many of a few moments, in any order, are at or before `moment`."""
    found = 0
    for place in range(begin, end):
        found += moments[place] <= moment
    return found


@njit(cache=True, nogil=True)
def merge_touching(groups, starts, ends):  # type: ignore[no-untyped-def]
    """Spans of one group that overlap or touch, as one; groups and starts sorted.

    Returns the positions of the first span of each merged one, and where it ends.
    """
    firsts = np.empty(len(groups), np.int64)
    lasts = np.empty(len(groups), np.int64)
    kept = 0
    for i in range(len(groups)):
        if kept and groups[firsts[kept - 1]] == groups[i] and starts[i] <= lasts[kept - 1]:
            lasts[kept - 1] = max(lasts[kept - 1], ends[i])
        else:
            firsts[kept], lasts[kept] = i, ends[i]
            kept += 1
    return firsts[:kept].copy(), lasts[:kept].copy()


@njit(cache=True, nogil=True)
def _sift_down(heap, size, ranks):  # type: ignore[no-untyped-def]
    """Put the heap's top where it belongs: the highest rank is on top."""
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            return
        if child + 1 < size and ranks[heap[child + 1]] > ranks[heap[child]]:
            child += 1
        if ranks[heap[parent]] >= ranks[heap[child]]:
            return
        heap[parent], heap[child] = heap[child], heap[parent]
        parent = child


@njit(cache=True, nogil=True)
def _push(heap, size, span, ranks):  # type: ignore[no-untyped-def]
    child = size
    heap[child] = span
    while child and ranks[heap[(child - 1) >> 1]] < ranks[heap[child]]:
        parent = (child - 1) >> 1
        heap[parent], heap[child] = heap[child], heap[parent]
        child = parent


@njit(cache=True, nogil=True)
def follow_highest(span_offsets, starts, ends, ranks, offsets):  # type: ignore[no-untyped-def]
    """Which span of an entity is in force with the highest rank, and from when; -1 where none is.

    Spans lie between `span_offsets[entity]` and the next, sorted by start. Fills `offsets`; returns the
    moments of change and the position of the span that leads from each.
    """
    never = np.iinfo(np.int64).max
    moments = np.empty(2 * len(starts), np.int64)
    leaders = np.empty(2 * len(starts), np.int64)
    heap = np.empty(len(starts) + 1, np.int64)
    kept = 0
    for entity in range(len(offsets) - 1):
        offsets[entity] = kept
        following, stop, size, leader = span_offsets[entity], span_offsets[entity + 1], 0, np.int64(-1)
        while following < stop or (size and ends[heap[0]] < never):
            moment = ends[heap[0]] if size else never
            if following < stop and starts[following] <= moment:
                moment = starts[following]
            while following < stop and starts[following] == moment:
                _push(heap, size, following, ranks)
                size += 1
                following += 1
            while size and ends[heap[0]] <= moment:
                size -= 1
                heap[0] = heap[size]
                _sift_down(heap, size, ranks)
            now_leading = heap[0] if size else np.int64(-1)
            if now_leading != leader:
                moments[kept], leaders[kept] = moment, now_leading
                leader = now_leading
                kept += 1
    offsets[len(offsets) - 1] = kept
    return moments[:kept].copy(), leaders[:kept].copy()
