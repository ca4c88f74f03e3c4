"""The inner loops of the measures, compiled: one pass over the rows in order of score, for all draws at once.

`times[project, draw]` is how often a project is drawn, so that a row weighs `times × weight` in a draw. Rows
stand from the highest score to the lowest; `lasts` marks the last row of each tie.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_NONE = 1e-300  # a divisor that is never 0


@njit(cache=True, nogil=True)
def order_sums(times, project, happened, weight, lasts):  # type: ignore[no-untyped-def]
    """Per draw: pairs in the right order (ties half), precision added up over outcomes, outcomes, other rows."""
    draws = times.shape[1]
    pairs, precision, positive, negative = (
        np.zeros(draws), np.zeros(draws), np.zeros(draws), np.zeros(draws),
    )  # fmt: skip
    here, there = np.zeros(draws), np.zeros(draws)  # of the tie: outcomes, other rows
    met = False
    for i in range(len(project)):
        _add(here, times[project[i]], weight[i] * happened[i])
        _add(there, times[project[i]], weight[i] * (1 - happened[i]))
        met |= happened[i] > 0
        if not lasts[i]:
            continue
        for draw in range(draws):
            pairs[draw] += there[draw] * (positive[draw] + here[draw] / 2)
            negative[draw] += there[draw]
        if met:
            for draw in range(draws):
                positive[draw] += here[draw]
                ahead = positive[draw] + negative[draw]
                precision[draw] += here[draw] * positive[draw] / max(ahead, _NONE)
        here[:], there[:], met = 0.0, 0.0, False
    return pairs, precision, positive, negative


@njit(cache=True, nogil=True)
def list_sums(times, project, happened, weight, values, lasts, begins, share):  # type: ignore[no-untyped-def]
    """Per draw, added up over lists: places, and outcomes and `values` met; list k has the rows from begins[k] on.

    A list has the `share` of its rows as places, at least one; a tie at its edge counts by the part that fits.
    """
    draws = times.shape[1]
    all_places, met, total = np.zeros(draws), np.zeros(draws), np.zeros(draws)
    size, left = np.zeros(draws), np.zeros(draws)
    here, value, rows = np.zeros(draws), np.zeros(draws), np.zeros(draws)
    for k in range(len(begins) - 1):
        size[:], here[:], value[:], rows[:] = 0.0, 0.0, 0.0, 0.0
        for i in range(begins[k], begins[k + 1]):
            _add(size, times[project[i]], weight[i])
        for draw in range(draws):
            left[draw] = max(size[draw] * share, min(size[draw], 1.0))
            all_places[draw] += left[draw]
        for i in range(begins[k], begins[k + 1]):
            _add(here, times[project[i]], weight[i] * happened[i])
            _add(value, times[project[i]], weight[i] * values[i])
            _add(rows, times[project[i]], weight[i])
            if not lasts[i]:
                continue
            for draw in range(draws):
                part = min(1.0, left[draw] / max(rows[draw], _NONE))
                met[draw] += part * here[draw]
                total[draw] += part * value[draw]
                left[draw] -= part * rows[draw]
            if left.max() <= 0:
                break
            here[:], value[:], rows[:] = 0.0, 0.0, 0.0
    return all_places, met, total


@njit(cache=True, nogil=True)
def bin_sums(times, project, values, bins, count):  # type: ignore[no-untyped-def]
    """The sum of `values` in each bin (first index) and draw (second)."""
    sums = np.zeros((count, times.shape[1]))
    for i in range(len(project)):
        _add(sums[bins[i]], times[project[i]], values[i])
    return sums


@njit(cache=True, nogil=True)
def _add(sums, times, value):  # type: ignore[no-untyped-def]
    """Add a row's value to the sum of each draw."""
    if value != 0:
        for draw in range(len(sums)):
            sums[draw] += times[draw] * value
