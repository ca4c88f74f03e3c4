"""The whole catalogue looked up at once, compiled: from sites and moments to the values of features.

Everything is a flat array, so that one call does a block of rows and one row costs microseconds. A *curve* is
a step function per entity: its changes lie between `offsets[first + entity]` and the next, in `moments`.
`fed` holds what has changed since the curves were built, by a key of function and entity.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numba import njit

from features import kernels
from features.sorting import DAY
from features.step_keys import ENTITY_BITS, PAIR_BITS

SITE, HOLDER, HOME, CITY, PAIR = range(5)
TOTAL, TREND, EXPOSURE, CARRIED, CHANGE, DAYS, SEASON, RATIO = range(8)
SINE = 0
BLOCK = 4_096  # rows looked up together: what they need fits in the cache


def is_compiled() -> bool:
    """Whether a run before this one left the look-up compiled; else it takes some seconds more."""
    loop = evaluate.py_func
    left = Path(evaluate.stats.cache_path or "")
    return any(left.glob(f"lookup_kernels.{loop.__name__}-{loop.__code__.co_firstlineno}.*.nbi"))


@njit(cache=True, nogil=True)
def _after(moments, low, high, moment):  # type: ignore[no-untyped-def]
    """The place after the last moment at or before `moment`, between `low` and `high`."""
    size = high - low
    while size > 1:
        half = size >> 1
        low += half * (moments[low + half - 1] <= moment)
        size -= half
    if size:
        low += moments[low] <= moment
    return low


@njit(cache=True, nogil=True)
def _found(keys, key):  # type: ignore[no-untyped-def]
    """The place of a key among sorted ones, -1 where it is not there."""
    place = _after(keys, 0, len(keys), key) - 1
    return place if place >= 0 and keys[place] == key else -1


@njit(cache=True, nogil=True)
def _places(curve, shift, pools, entities, as_of, out):  # type: ignore[no-untyped-def]
    """The place after the last change at or before `as_of - shift`, -1 where there is no such entity.

    Rows that ask the same entity at a later moment go on from where the last one was. The few moments of a
    small entity are counted, as they are in no order: the place is then right only as a number. Where the curve
    is of the days of facts that have another of their starts, those count that have started by `as_of`, too.
    """
    curves, offsets, moments = pools.curves, pools.offsets, pools.moments
    first, count = curves[curve, 0], curves[curve, 1]
    entity, place, end, before = np.int64(-1), np.int64(0), np.int64(0), np.int64(0)
    few = kernels.FEW if curves[curve, 3] < 0 and curves[curve, 2] else 0
    started = curves[curves[curve, 4], 0] if curves[curve, 4] >= 0 else -1
    for i in range(len(as_of)):
        moment = as_of[i] - shift
        if entities[i] < 0 or entities[i] >= count:
            out[i] = -1
            continue
        begin, last = offsets[first + entities[i]], offsets[first + entities[i] + 1]
        if last - begin <= few:
            if started < 0:
                out[i] = begin + kernels.counted(moments, begin, last, moment)
            else:
                starts = moments[offsets[started + entities[i]] :]
                out[i] = begin + kernels.counted_both(moments[begin:last], moment, starts, as_of[i])
            continue
        if entities[i] != entity or moment < before:
            entity, place, end = entities[i], begin, last
        step = 1
        while place + step < end and moments[place + step - 1] <= moment:
            place += step
            step += step
        place = _after(moments, place, min(place + step, end), moment)
        before = moment
        out[i] = place


@njit(cache=True, nogil=True)
def add_terms(asked, signs, pools, rows, sums):  # type: ignore[no-untyped-def]
    """Add to each sum what each curve has come to by `as_of` less a shift, times its sign in the sum.

    `rows`: entities, moments and the place of each in `sums`.
    """
    entities, as_of, order = rows
    places, tally = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    block = np.empty((sums.shape[1], BLOCK), np.int64)
    for begin in range(0, len(order), BLOCK):
        size = min(BLOCK, len(order) - begin)
        whose, moments = entities[begin : begin + size], as_of[begin : begin + size]
        block[:] = 0
        for term in range(len(asked)):
            _places(asked[term, 0], asked[term, 1], pools, whose, moments, places)
            _tally(asked[term, 0], pools, whose, places[:size], tally)
            for column in range(len(block)):
                if signs[term, column]:
                    block[column] += signs[term, column] * tally
        for i in range(size):
            for column in range(len(block)):
                sums[order[begin + i], column] = block[column, i]


@njit(cache=True, nogil=True)
def _tally(curve, pools, entities, places, out):  # type: ignore[no-untyped-def]
    """What the changes before `places` add up to."""
    curves, offsets, totals = pools.curves, pools.offsets, pools.totals
    first, unit, running = curves[curve, 0], curves[curve, 2], curves[curve, 3]
    origin = offsets[first]
    for i in range(len(places)):
        if places[i] < 0:
            out[i] = 0
            continue
        begin = offsets[first + entities[i]]
        if running < 0:
            out[i] = (places[i] - begin) * unit
        else:
            out[i] = totals[running + places[i] - origin] - totals[running + begin - origin]


@njit(cache=True, nogil=True)
def _carried(lead, carried, pools, fed, entities, as_of, places, out):  # type: ignore[no-untyped-def]
    """A number of the fact that holds: `lead` and `carried` are rows of the look, `places` come from `_places`."""
    curves, offsets, values = pools.curves, pools.offsets, pools.values
    curve, shift, start, number = lead[0], lead[2], carried[1], carried[2]
    first, count = curves[curve, 0], curves[curve, 1]
    origin = offsets[first]
    keys, bounds, changes, numbers = fed.held_keys, fed.held_bounds, fed.held_moments, fed.held_numbers
    for i in range(len(as_of)):
        entity = entities[i]
        out[i] = np.nan
        if entity < 0:
            continue
        found = _found(keys, (number << ENTITY_BITS) | entity) if len(keys) else -1
        if found >= 0:
            place = _after(changes, bounds[found], bounds[found + 1], as_of[i] - shift)
            if place > bounds[found]:
                out[i] = numbers[place - 1]
        elif entity < count and places[i] > offsets[first + entity]:
            out[i] = values[start + places[i] - 1 - origin]


@njit(cache=True, nogil=True)
def _fed_sum(number, key, fed, moment):  # type: ignore[no-untyped-def]
    keys, bounds, changes, totals = fed.sum_keys, fed.sum_bounds, fed.sum_moments, fed.sum_totals
    found = _found(keys, (number << ENTITY_BITS) | key)
    if found < 0:
        return 0
    place = _after(changes, bounds[found], bounds[found + 1], moment)
    return totals[place] - totals[bounds[found]]


@njit(cache=True, nogil=True)
def resolve(look, pools, fed, projects, as_of, subjects):  # type: ignore[no-untyped-def]
    """Whom each row speaks of: the site, the enterprise in a role by its present name, a group; -1 for nobody.

    A PAIR is the place of (site, subject before it) among the pairs that have facts in common.
    """
    who, carried, leads, successor = look.who, look.carried, look.leads, look.successor
    places, values = np.empty(len(as_of), np.int64), np.empty(len(as_of))
    for column in range(len(who)):
        kind, asked = who[column, 0], who[column, 1]
        if kind == SITE:
            subjects[column] = projects
            continue
        if kind == CITY:
            for i in range(len(as_of)):
                subjects[column, i] = 0 if projects[i] >= 0 else -1
            continue
        if kind == PAIR:
            known = pools.pairs[who[column, 2] : who[column, 3]]
            for i in range(len(as_of)):
                entity = subjects[asked, i]
                subjects[column, i] = -1
                if entity >= 0 and projects[i] >= 0:
                    subjects[column, i] = _found(known, (projects[i] << PAIR_BITS) | entity)
            continue
        lead = leads[carried[asked, 0]]
        _places(lead[0], lead[2], pools, projects, as_of, places)
        _carried(lead, carried[asked], pools, fed, projects, as_of, places, values)
        for i in range(len(as_of)):
            subjects[column, i] = -1 if np.isnan(values[i]) else np.int64(values[i])
        if kind == HOLDER and successor[0] >= 0:
            _renamed(successor, pools, as_of, subjects[column])


@njit(cache=True, nogil=True)
def _renamed(successor, pools, as_of, numbers):  # type: ignore[no-untyped-def]
    """What each enterprise is called at `as_of`: its successor's successor, and so on."""
    curves, offsets, moments, values = pools.curves, pools.offsets, pools.moments, pools.values
    first, count = curves[successor[0], 0], curves[successor[0], 1]
    for i in range(len(as_of)):
        for _ in range(successor[2]):
            if numbers[i] < 0 or numbers[i] >= count:
                break
            begin = offsets[first + numbers[i]]
            place = _after(moments, begin, offsets[first + numbers[i] + 1], as_of[i])
            if place == begin:
                break
            value = values[successor[1] + place - 1 - offsets[first]]
            if np.isnan(value):
                break
            numbers[i] = np.int64(value)


@njit(cache=True, nogil=True)
def _sums(look, pools, fed, projects, as_of, subjects, terms, out):  # type: ignore[no-untyped-def]
    """The sums of whole numbers: terms of curves, and what was fed since."""
    parts, sums = look.parts, look.sums
    for s in range(len(sums)):
        subject, number, own = sums[s, 2], sums[s, 3], sums[s, 4]
        for i in range(len(as_of)):
            total = np.int64(0)
            for part in range(sums[s, 0], sums[s, 1]):
                total += parts[part, 1] * terms[parts[part, 0], i]
            out[s, i] = total
        if len(fed.sum_keys):
            for i in range(len(as_of)):
                entity = subjects[subject, i]
                if entity >= 0:
                    out[s, i] += _fed_sum(number, entity, fed, as_of[i])
                    if own >= 0:
                        out[s, i] -= _fed_sum(own, (projects[i] << PAIR_BITS) | entity, fed, as_of[i])


@njit(cache=True, nogil=True)
def evaluate(look, pools, fed, projects, as_of, out):  # type: ignore[no-untyped-def]
    """Fill `out`, a row a step of the plan and a column a (site, moment)."""
    who, carried, leads, looked_up, steps = look.who, look.carried, look.leads, look.terms, look.steps
    rows = len(as_of)
    subjects = np.empty((len(who), rows), np.int64)
    resolve(look, pools, fed, projects, as_of, subjects)
    terms = np.empty((len(looked_up), rows), np.int64)
    places = np.empty(rows, np.int64)
    for t in range(len(looked_up)):
        whose = subjects[looked_up[t, 2]]
        _places(looked_up[t, 0], looked_up[t, 1], pools, whose, as_of, places)
        _tally(looked_up[t, 0], pools, whose, places, terms[t])
    sums = np.empty((len(look.sums), rows), np.int64)
    _sums(look, pools, fed, projects, as_of, subjects, terms, sums)
    held = np.empty((len(leads), rows), np.int64)
    for k in range(len(leads)):
        _places(leads[k, 0], leads[k, 2], pools, subjects[leads[k, 1]], as_of, held[k])
    values = np.empty((len(carried), rows))
    for c in range(len(carried)):
        lead = leads[carried[c, 0]]
        _carried(lead, carried[c], pools, fed, subjects[lead[1]], as_of, held[carried[c, 0]], values[c])
    for step in range(len(steps)):
        _step(steps[step], look.numbers[step], subjects, sums, values, as_of, out, step)


@njit(cache=True, nogil=True)
def _step(said, number, subjects, sums, values, as_of, out, step):  # type: ignore[no-untyped-def]
    """One feature's values from what was looked up, or from features before it."""
    kind, a, b = said[0], said[1], said[2]
    for i in range(len(as_of)):
        if kind <= EXPOSURE and subjects[said[5], i] < 0:
            out[step, i] = np.nan
        elif kind == TOTAL:
            out[step, i] = sums[a, i] / number[0]
        elif kind == TREND:
            out[step, i] = 2 * (sums[a, i] / number[0]) - sums[b, i] / number[0]
        elif kind == EXPOSURE:
            out[step, i] = sums[a, i] * (as_of[i] // DAY) + sums[b, i]
        elif kind == CARRIED:
            out[step, i] = values[a, i]
        elif kind == CHANGE:
            out[step, i] = values[a, i] - values[b, i]
        elif kind == DAYS:
            out[step, i] = np.nan
            if not np.isnan(values[a, i]):
                out[step, i] = (np.int64(number[0]) * (as_of[i] - np.int64(values[a, i]))) // DAY
        elif kind == SEASON:
            angle = 2 * np.pi * _day_of_year(as_of[i] // DAY) / 365.25
            out[step, i] = np.sin(angle) if a == SINE else np.cos(angle)
        else:
            out[step, i] = _rate(said, number, out, i)


@njit(cache=True, nogil=True)
def _rate(said, number, out, i):  # type: ignore[no-untyped-def]
    """Numerator over denominator, drawn toward a group's rate where that is declared and known."""
    above, below = out[said[1], i], out[said[2], i]
    if said[3] >= 0:
        group_above, group_below = out[said[3], i], out[said[4], i]
        if group_below > 0 and not np.isnan(group_above):
            above += number[1] * (group_above / group_below)
            below += number[1]
    return number[0] * (above / below) if below > 0 else np.nan


@njit(cache=True, nogil=True)
def _day_of_year(days):  # type: ignore[no-untyped-def]
    """Days since 1 January of the year, of a day counted from 1970-01-01."""
    year = 1970 + (days // 366 if days >= 0 else days // 365)
    while _year_begins(year + 1) <= days:
        year += 1
    return days - _year_begins(year)


@njit(cache=True, nogil=True)
def _year_begins(year):  # type: ignore[no-untyped-def]
    """1 January as a day counted from 1970-01-01: 365 a year and the leap days until then."""
    past = year - 1
    return 365 * (year - 1970) + (past // 4 - 492) - (past // 100 - 19) + (past // 400 - 4)


@njit(cache=True, nogil=True)
def last_recorded(curve, pools, fed, number, projects, as_of, out):  # type: ignore[no-untyped-def]
    """The last moment at or before `as_of` at which anything is on file, by the curve and what was fed since.

    The least moment there is where nothing is. A fed correction can take a recording away.
    """
    first, count = pools.curves[curve, 0], pools.curves[curve, 1]
    for i in range(len(as_of)):
        out[i] = np.iinfo(np.int64).min
        if projects[i] < 0:
            continue
        low, high = 0, 0
        if projects[i] < count:
            low, high = pools.offsets[first + projects[i]], pools.offsets[first + projects[i] + 1]
        found = _found(fed.sum_keys, (np.int64(number) << ENTITY_BITS) | projects[i])
        for place in range(low, high):
            moment = pools.moments[place]
            if out[i] < moment <= as_of[i] and (found < 0 or _on_file(pools, low, high, fed, found, moment)):
                out[i] = moment
        if found >= 0:
            for place in range(fed.sum_bounds[found], fed.sum_bounds[found + 1]):
                moment = fed.sum_moments[place]
                if out[i] < moment <= as_of[i] and _on_file(pools, low, high, fed, found, moment):
                    out[i] = moment


@njit(cache=True, nogil=True)
def _on_file(pools, low, high, fed, found, moment):  # type: ignore[no-untyped-def]
    """Whether more was recorded at a moment than was taken away since."""
    left = 0
    for place in range(low, high):
        left += pools.moments[place] == moment
    for place in range(fed.sum_bounds[found], fed.sum_bounds[found + 1]):
        if fed.sum_moments[place] == moment:
            left += fed.sum_totals[place + 1] - fed.sum_totals[place]
    return left > 0
