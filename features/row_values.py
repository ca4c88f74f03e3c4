"""What a feature makes of a row by itself: whether it is kept, what it adds, which number it carries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features.fact_table import FactTable
from features.feature import Feature
from features.sorting import DAY, MISSING, Floats, Ints


def rows_kept(feature: Feature, table: FactTable) -> NDArray[np.bool_]:
    """Rows that pass every filter of the feature."""
    keep = np.ones(len(table), bool)
    for column, wanted in feature.where.items():
        keep &= table.is_one_of(column, wanted)
    for column, values in feature.not_open_when.items():
        ended = table.moments(feature.until[0]) != MISSING
        keep &= ended | ~table.is_one_of(column, values)
    single = feature.distinct if len(feature.distinct) == 1 else ()  # of several, a missing one is a value
    for column in (*single, *feature.needs):
        keep &= ~table.is_missing(column)
    for column in feature.above_zero:
        keep &= table.numbers(column) > 0
    for column, other in feature.no_later.items():
        early, late = table.moments(column), table.moments(other)
        keep &= (early != MISSING) & (late != MISSING) & (early <= late)
    return keep


def weights(feature: Feature, table: FactTable, since: Ints) -> Ints:
    """What a row adds: 1 for a count, its value in the declared integer unit for a sum, or whole days."""
    if feature.column is None:
        return np.full(len(table), feature.scale, np.int64)
    if feature.measure == "sum_days":
        return np.maximum((since - table.moments(feature.column)) // DAY, 0)
    values = table.numbers(feature.column)
    values = np.where(np.isnan(values), feature.missing_as or 0.0, values)
    return np.rint(values * feature.scale).astype(np.int64)


def row_values(feature: Feature, table: FactTable, since: Ints) -> Floats:
    """A row's number, NaN where it has none, in the way that the feature's words ask for."""
    ways: tuple[tuple[bool, Callable[[Feature, FactTable, Ints], Floats]], ...] = (
        (bool(feature.counted), _missing_columns),
        (feature.measure == "delay_days", _delay),
        (bool(feature.among), _among),
        (bool(feature.ranks), _rank),
        (bool(feature.steps), _class),
        (feature.over is not None, _share),
    )
    for asked_for, way in ways:
        if asked_for:
            return way(feature, table, since)
    return table.numbers(str(feature.column))


def _missing_columns(feature: Feature, table: FactTable, since: Ints) -> Floats:
    missing = [table.is_missing(column) for column in feature.counted]
    return np.asarray(np.sum(missing, axis=0), np.float64).reshape(len(table))


def _delay(feature: Feature, table: FactTable, since: Ints) -> Floats:
    planned = table.moments(str(feature.column))
    known = (planned != MISSING) & (since != MISSING)
    return np.where(known, (since - np.where(known, planned, 0)) // DAY, np.nan)


def _among(feature: Feature, table: FactTable, since: Ints) -> Floats:
    column = str(feature.column)
    return np.where(table.is_missing(column), np.nan, table.is_one_of(column, feature.among))


def _rank(feature: Feature, table: FactTable, since: Ints) -> Floats:
    ranks = feature.ranks
    column = str(feature.column)
    return np.asarray(table.mapped(column, lambda texts: [ranks.get(text, np.nan) for text in texts], np.nan))


def _class(feature: Feature, table: FactTable, since: Ints) -> Floats:
    """How many of the steps are reached, inclusively."""
    numbers = table.numbers(str(feature.column))
    reached = np.searchsorted(np.array(feature.steps, np.float64), numbers, side="right")
    return np.where(np.isnan(numbers), np.nan, reached)


def _share(feature: Feature, table: FactTable, since: Ints) -> Floats:
    numbers, over = table.numbers(str(feature.column)), table.numbers(str(feature.over))
    share = np.divide(numbers, over, out=np.full(len(numbers), np.nan), where=over > 0)
    return 1.0 - share if feature.measure == "shortfall" else share
