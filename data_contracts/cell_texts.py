"""Typed values of workbooks, Parquet files and databases as the texts that a contract reads."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.moments import SHANGHAI

LARGEST_WHOLE = 2**53  # a float64 holds every whole number up to here


def cell_text(value: object) -> str | None:
    """A value as text: whole numbers without a point, days and moments in ISO form, missing as None.

    NaN of a float is what pandas writes for missing, and is missing; an infinity stays one, to be refused.

    >>> cell_text(310115.0), cell_text(True), cell_text(dt.date(2026, 3, 1)), cell_text(float("nan"))
    ('310115', 'true', '2026-03-01', None)
    """
    if value is None or isinstance(value, str):
        return value
    write = next((write for kind, write in _WRITERS if isinstance(value, kind)), str)
    return write(value)


def texts_of(values: pa.Array) -> pa.Array:
    """A typed column as texts; what Arrow cannot write as a contract reads it goes value by value."""
    kind, text = values.type, pa.large_string()
    if pa.types.is_dictionary(kind):
        return texts_of(values.dictionary_decode())
    if pa.types.is_null(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return values.cast(text)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_date32(kind):
        return values.cast(text)
    if pa.types.is_floating(kind):
        return _float_texts(values.cast(pa.float64()))
    if pa.types.is_timestamp(kind):
        return _moment_texts(values)
    return pa.array([cell_text(value) for value in values.to_pylist()], text)


def _float_texts(values: pa.Array) -> pa.Array:
    values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    whole = pc.and_(pc.equal(values, pc.trunc(values)), pc.less_equal(pc.abs(values), LARGEST_WHOLE))
    integers = pc.if_else(whole, values, 0.0).cast(pa.int64()).cast(pa.large_string())
    return pc.if_else(whole, integers, values.cast(pa.large_string()))


def _moment_texts(values: pa.Array) -> pa.Array:
    """Shanghai wall time to the microsecond; a moment with a zone is converted."""
    if values.type.tz is not None:
        values = pc.local_timestamp(values.cast(pa.timestamp(values.type.unit, str(SHANGHAI))))
    moments = values.cast(pa.timestamp("us"), safe=False)
    return pc.strftime(moments, format="%Y-%m-%dT%H:%M:%S").cast(pa.large_string())


def _number_text(value: float) -> str | None:
    if math.isnan(value):
        return None
    return str(int(value)) if value.is_integer() and abs(value) <= LARGEST_WHOLE else repr(value)


def _decimal_text(value: Decimal) -> str | None:
    if value.is_nan():
        return None
    return format(value.normalize(), "f") if value.is_finite() else str(value)


_WRITERS: tuple[tuple[Any, Callable[[Any], str | None]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (float, _number_text),
    (Decimal, _decimal_text),
    ((dt.datetime, dt.date, dt.time), lambda value: value.isoformat()),
    ((bytes, bytearray, memoryview), lambda value: bytes(value).decode("utf-8", "surrogateescape")),
    ((dict, list, tuple), lambda value: json.dumps(value, ensure_ascii=False, default=str)),
)
