"""The inner loops of scorecards, compiled: what the rows of a card add, to the last bit what `numpy.interp` would say."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _part(table, row, value):  # type: ignore[no-untyped-def]
    """What one row of the card adds for a value of its feature; NaN is missing."""
    if np.isnan(value):
        return table.missing[row]
    knots, values = table.knots, table.values
    low, last = table.bounds[row], table.bounds[row + 1] - 1
    if value <= knots[low]:
        return values[low]
    if value >= knots[last]:
        return values[last]
    high = last
    while high - low > 1:
        middle = (low + high) >> 1
        if knots[middle] <= value:
            low = middle
        else:
            high = middle
    if knots[low] == value:
        return values[low]
    slope = (values[high] - values[low]) / (knots[high] - knots[low])
    return slope * (value - knots[low]) + values[low]


@njit(cache=True, nogil=True)
def add_parts(table, features, out):  # type: ignore[no-untyped-def]
    """Add to `out` the parts of each row of `features`, one row of the card after the other."""
    for row in range(len(table.places)):
        place = table.places[row]
        for i in range(len(out)):
            out[i] += _part(table, row, features[i, place])


@njit(cache=True, nogil=True)
def spread_parts(table, features, out):  # type: ignore[no-untyped-def]
    """Add to the columns of `out` what each feature of `features` adds beyond its mean."""
    for row in range(len(table.places)):
        place = table.places[row]
        for i in range(len(out)):
            out[i, place] += _part(table, row, features[i, place]) - table.means[row]
