"""Facts in the order of entity and moment, on all cores: the work that building an index consists of.

Facts are dealt out to their entities by counting; within an entity short runs are sorted by comparing all
pairs at once and merged, long ones (a firm with thousands of facts) by their digits. All of it leaves Python's lock,
so that plain threads do, and small inputs stay in the calling thread.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NEVER = np.iinfo(np.int64).max
MISSING = np.iinfo(np.int64).min
DAY = 86_400_000_000
ALONE = 50_000  # fewer items than this are not worth a second thread
LONG = 4096  # facts of one entity from which sorting by digits is quicker than merging
RUN = 32
NOTHING = np.empty(0, np.int64)
_T = TypeVar("_T")


def on_all_cores(work: Callable[[_T], Any], parts: Iterable[_T], size: int) -> None:
    """Do every part of the work; `size` items in all decide whether it is worth more than one thread."""
    cores = 1 if size < ALONE else os.cpu_count() or 1
    if cores == 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(cores) as pool:
        for _ in pool.map(work, parts):
            pass


def slices(size: int, parts: int | None = None) -> list[tuple[int, int]]:
    """`range(size)` cut into parts of equal length: one a core unless told, one alone where it is small."""
    if size < ALONE:
        return [(0, size)]
    cuts = np.linspace(0, size, (parts or os.cpu_count() or 1) + 1).astype(int).tolist()
    return list(itertools.pairwise(cuts))


def by_entity(entities: Ints, moments: Ints, count: int, *, few: int = 0) -> tuple[Ints, Ints]:
    """The moments of each entity (0 to `count` - 1) in order, and where each entity begins.

    Facts of an entity below 0 and facts that NEVER come are left out. The moments of entities that have no more
    than `few` stay in no order.
    """
    offsets, cursors, parts = _places(entities, moments, count)
    dealt = np.empty(offsets[-1], np.int64)
    on_all_cores(
        lambda part: _deal(parts[part], entities, moments, cursors[part], dealt),
        range(len(parts)),
        len(entities),
    )
    sort_within(offsets, dealt, few=few)
    return dealt, offsets


def both_by_entity(
    entities: Ints, first: Ints, second: Ints, count: int, *, few: int = 0
) -> tuple[Ints, Ints, Ints]:
    """As `by_entity` for two moments a fact, neither of which is NEVER; each in an order of its own.

    The two results are the halves of one array.
    """
    offsets, cursors, parts = _places(entities, first, count)
    size, whole = int(offsets[-1]), np.empty(2 * int(offsets[-1]), np.int64)
    dealt = whole[:size], whole[size:]
    on_all_cores(
        lambda part: _deal_both(parts[part], (entities, first, second), cursors[part], dealt),
        range(len(parts)),
        len(entities),
    )
    for moments in dealt:
        sort_within(offsets, moments, few=few)
    return *dealt, offsets


def order_by_entity(entities: Ints, moments: Ints, count: int) -> tuple[Ints, Ints, Ints]:
    """As `by_entity`, with the places the facts came from: order, moments in order, where entities begin."""
    offsets, cursors, parts = _places(entities, moments, count)
    dealt, order = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.int64)
    on_all_cores(
        lambda part: _deal_with_places(
            parts[part],
            (entities, moments),
            cursors[part],
            dealt,
            order,
        ),
        range(len(parts)),
        len(entities),
    )
    on_all_cores(lambda part: _sort_short(part, offsets, dealt, order, 0), _shares(offsets), len(dealt))

    _sort_long(offsets, dealt, order)
    return order, dealt, offsets


def sort_within(offsets: Ints, moments: Ints, *, few: int = 0) -> None:
    """Sort the moments of each entity that has more than `few`, in place."""
    on_all_cores(
        lambda part: _sort_short(part, offsets, moments, moments, few), _shares(offsets), len(moments)
    )
    _sort_long(offsets, moments)


def _sort_long(offsets: Ints, moments: Ints, order: Ints = NOTHING) -> None:
    """Sort the moments of the entities that have LONG or more, and `order`, if any, alike."""

    def sort(entity: int) -> None:
        run = slice(offsets[entity], offsets[entity + 1])
        kept, places = moments[run], order[run]
        if int(kept.max()) - int(kept.min()) < NEVER:
            _by_digits(kept, places)
        else:
            places[:] = places[np.argsort(kept)[: len(places)]]
            kept.sort()

    on_all_cores(sort, np.flatnonzero(np.diff(offsets) >= LONG).tolist(), len(moments))


def _shares(offsets: Ints) -> list[tuple[int, int]]:
    """Ranges of entities with about as many facts each, more of them than cores."""
    size = int(offsets[-1])
    if size < ALONE:
        return [(0, len(offsets) - 1)]
    cuts = np.searchsorted(offsets, [high for _, high in slices(size, 16)])
    bounds = [0, *cuts[:-1].tolist(), len(offsets) - 1]
    return list(itertools.pairwise(bounds))


def counts_of(entities: Ints, count: int) -> Ints:
    """How many facts each entity has; those of an entity below 0 are left out."""
    return np.diff(_places(entities, entities, count)[0])


def _places(entities: Ints, moments: Ints, count: int) -> tuple[Ints, Ints, list[tuple[int, int]]]:
    """Where each entity begins, where each part of the facts begins within it, and the parts."""
    parts = slices(len(entities))
    counts = np.zeros((len(parts), count), np.int64)
    on_all_cores(
        lambda part: _count(parts[part], entities, moments, counts[part]), range(len(parts)), len(entities)
    )
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(counts.sum(axis=0), out=offsets[1:])
    cursors = offsets[:-1] + np.cumsum(counts, axis=0) - counts
    return offsets, cursors, parts


@njit(cache=True, nogil=True)
def _count(part, entities, moments, counts):  # type: ignore[no-untyped-def]
    for i in range(part[0], part[1]):
        if entities[i] >= 0 and moments[i] < NEVER:
            counts[entities[i]] += 1


@njit(cache=True, nogil=True)
def _deal(part, entities, moments, cursors, dealt):  # type: ignore[no-untyped-def]
    for i in range(part[0], part[1]):
        entity = entities[i]
        if entity >= 0 and moments[i] < NEVER:
            dealt[cursors[entity]] = moments[i]
            cursors[entity] += 1


@njit(cache=True, nogil=True)
def _deal_both(part, facts, cursors, dealt):  # type: ignore[no-untyped-def]
    entities, first, second = facts
    for i in range(part[0], part[1]):
        entity = entities[i]
        if entity >= 0:
            place = cursors[entity]
            dealt[0][place], dealt[1][place] = first[i], second[i]
            cursors[entity] = place + 1


@njit(cache=True, nogil=True)
def _deal_with_places(part, facts, cursors, dealt, order):  # type: ignore[no-untyped-def]
    entities, moments = facts
    for i in range(part[0], part[1]):
        entity = entities[i]
        if entity >= 0 and moments[i] < NEVER:
            place = cursors[entity]
            dealt[place], order[place] = moments[i], i
            cursors[entity] = place + 1


@njit(cache=True, nogil=True)
def _sort_short(part, offsets, moments, order, few):  # type: ignore[no-untyped-def]
    """Sort the moments of the entities that have fewer than LONG, `order` (or the moments again) alike."""
    spare = np.empty(LONG, np.int64), np.empty(LONG, np.int64)
    ranks = np.empty(RUN, np.int64)
    for entity in range(part[0], part[1]):
        begin, end = offsets[entity], offsets[entity + 1]
        if few < end - begin < LONG:
            for low in range(begin, end, RUN):
                _rank(moments, order, (low, min(low + RUN, end)), spare, ranks)
            _merge_runs((moments, order), (begin, end), spare)


@njit(cache=True, nogil=True)
def _rank(moments, order, run, spare, ranks):  # type: ignore[no-untyped-def]
    """Sort a run by counting for each moment those before it: no branch depends on the moments.

    Compares every pair, which vector instructions do faster than an insertion sort.
    """
    held, places = spare
    low, size = run[0], run[1] - run[0]
    for i in range(size):
        held[i], places[i] = moments[low + i], order[low + i]
    for i in range(size, RUN):
        held[i] = NEVER
    for i in range(RUN):
        ranks[i] = 0
    for i in range(size):
        moment = held[i]
        for j in range(RUN):
            ranks[j] += np.int64(moment < held[j] + (i < j))
    for i in range(size):
        order[low + ranks[i]] = places[i]
        moments[low + ranks[i]] = held[i]


@njit(cache=True, nogil=True)
def _merge_runs(pairs, run, spare):  # type: ignore[no-untyped-def]
    """Merge the sorted runs of one entity."""
    width, (begin, end) = RUN, run
    while width < end - begin:
        for low in range(begin, end - width, 2 * width):
            _merge(pairs, (low, low + width, min(low + 2 * width, end)), spare)
        width *= 2


@njit(cache=True, nogil=True)
def _merge(pairs, run, spare):  # type: ignore[no-untyped-def]
    """Merge two sorted neighbours."""
    moments, order = pairs
    held, places = spare
    low, middle, high = run
    if moments[middle - 1] <= moments[middle]:
        return
    size = middle - low
    places[:size] = order[low:middle]
    held[:size] = moments[low:middle]
    i, j, k = 0, middle, low
    while i < size:
        if j < high and moments[j] < held[i]:
            order[k] = order[j]
            moments[k] = moments[j]
            j += 1
        else:
            order[k] = places[i]
            moments[k] = held[i]
            i += 1
        k += 1


@njit(cache=True, nogil=True)
def _by_digits(moments, order):  # type: ignore[no-untyped-def]
    """Sort by eleven bits at a time, from the last; quicker than comparing where there are thousands."""
    base, size, paired = moments.min(), len(moments), len(order) > 0
    span, shift = moments.max() - base, 0
    held, places = np.empty(size, np.int64), np.empty(len(order), np.int64)
    while shift < 63 and span >> shift:
        begins = np.zeros(2049, np.int64)
        for i in range(size):
            begins[(((moments[i] - base) >> shift) & 2047) + 1] += 1
        for digit in range(2048):
            begins[digit + 1] += begins[digit]
        for i in range(size):
            digit = ((moments[i] - base) >> shift) & 2047
            held[begins[digit]] = moments[i]
            if paired:
                places[begins[digit]] = order[i]
            begins[digit] += 1
        moments[:] = held
        order[:] = places
        shift += 11
