"""Frames in the dtypes of a contract: what every floor above reads, and what the store keeps.

text and code: `str`; integer: `Int64`; number: `float64`; boolean: `boolean`; date and moment:
`datetime64[us]`, Shanghai wall time, dates at 00:00. Missing is NaN, NA or NaT.
"""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd
import pyarrow as pa

from data_contracts.contract import Column, TableContract
from data_contracts.errors import InvalidInput
from data_contracts.moments import parse_moments

ALWAYS_KNOWN = pd.Timestamp("1970-01-01").as_unit("us")
DTYPES: dict[str, Any] = {
    "text": "str",
    "code": "str",
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "date": "datetime64[us]",
    "moment": "datetime64[us]",
}
ARROW_TYPES = {
    "text": pa.large_string(),
    "code": pa.large_string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "moment": pa.timestamp("us"),
}


def empty_table(contract: TableContract) -> pd.DataFrame:
    """A table without rows, typed as the contract says."""
    return _without_rows(tuple((column.name, column.kind) for column in contract.columns)).copy()


@functools.cache  # to make one takes ten times as long as to copy it
def _without_rows(columns: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=DTYPES[kind]) for name, kind in columns})


def typed_table(contract: TableContract, rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` with all columns of the contract in order and typed; absent columns are missing throughout.

    Dates and moments may be texts, `datetime.date` or timestamps. A `recorded_at` that the contract does
    not require is `ALWAYS_KNOWN` where missing. Raises InvalidInput for a value that is not of its kind.
    """
    typed = {column.name: _typed_column(contract, column, rows) for column in contract.columns}
    return with_recorded_at(contract, pd.DataFrame(typed, index=rows.index))


def with_recorded_at(contract: TableContract, typed: pd.DataFrame) -> pd.DataFrame:
    """The rows with `ALWAYS_KNOWN` for a missing `recorded_at` that the contract does not require."""
    if contract.column("recorded_at").required:
        return typed
    return typed.assign(recorded_at=typed["recorded_at"].fillna(ALWAYS_KNOWN))


def in_order(contract: TableContract, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows sorted by key and recorded_at, numbered from 0; a missing part of a key comes first."""
    order = [*contract.key, "recorded_at"]
    return rows.sort_values(order, kind="stable", na_position="first", ignore_index=True)


def arrow_columns(contract: TableContract, rows: pd.DataFrame) -> dict[str, pa.Array]:
    """The columns of a typed table as Arrow arrays of `ARROW_TYPES`; NaN becomes null."""
    return {c.name: _arrow_column(rows[c.name], ARROW_TYPES[c.kind]) for c in contract.columns}


def _arrow_column(values: pd.Series, arrow_type: pa.DataType) -> pa.Array:
    array = pa.Array.from_pandas(values)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array if array.type == arrow_type else array.cast(arrow_type)


def _typed_column(contract: TableContract, column: Column, rows: pd.DataFrame) -> pd.Series:
    dtype = DTYPES[column.kind]
    if column.name not in rows:
        return pd.Series(None, index=rows.index, dtype=dtype)
    values = rows[column.name]
    if values.dtype == dtype:
        return values
    try:
        if column.kind in ("date", "moment"):
            return _moments(column, values)
        if dtype == "str":
            return values.astype(object).map(str, na_action="ignore").astype("str")
        return values.astype(dtype)
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            zh=f"表 {contract.name} 的字段 {column.name} 不是{column.kind}类型：{str(error)[:120]}",
            en=f"Column {column.name} of table {contract.name} is not of kind {column.kind}: {str(error)[:120]}",
            field=column.name,
        ) from error


def _moments(column: Column, values: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return values.astype("datetime64[us]")
    texts = values.astype(object).map(str, na_action="ignore").astype("str")
    moments, failed = parse_moments(texts, bare_date=column.bare_date)
    if failed.any():
        raise ValueError(f"{texts[failed].iloc[0]!r} is not a date or time")
    return moments.dt.normalize() if column.kind == "date" else moments


def record_keys(contract: TableContract, rows: pd.DataFrame) -> pd.Series:
    """The natural key of each row as one text: its parts joined by `|`, days as ISO dates, a missing part empty.

    >>> from data_contracts.contract import contract
    >>> works = pd.DataFrame({"work_id": ["W|1", "W2"], "parameter_kind": ["DEPTH_M", None]})
    >>> record_keys(contract("dangerous_works"), works).tolist()
    ['W\\\\|1|DEPTH_M', 'W2|']
    """
    parts = [_key_part(contract.column(name), rows[name]) for name in contract.key]
    if len(parts) == 1:
        return parts[0]
    escaped = [part.str.replace("\\", "\\\\").str.replace("|", "\\|") for part in parts]
    return escaped[0].str.cat(pd.concat(escaped[1:], axis=1), sep="|")


def _key_part(column: Column, values: pd.Series) -> pd.Series:
    if column.kind == "date":
        return values.dt.strftime("%Y-%m-%d").fillna("").astype("str")
    if column.kind == "moment":
        return values.dt.strftime("%Y-%m-%dT%H:%M:%S.%f").fillna("").astype("str")
    return values.astype("str").fillna("")


def from_arrow(contract: TableContract, table: pa.Table) -> pd.DataFrame:
    """An Arrow table as a frame typed as the contract says; columns the contract lacks stay as they are."""
    kinds = {column.name: column.kind for column in contract.columns}
    columns = {
        name: _from_arrow_column(values, kinds.get(name))
        for name, values in zip(table.column_names, table.columns, strict=True)
    }
    return pd.DataFrame(columns)


def _from_arrow_column(values: pa.ChunkedArray, kind: str | None) -> pd.Series:
    if kind in ("date", "moment"):
        return values.cast(pa.timestamp("us")).to_pandas().astype("datetime64[us]")
    if kind == "integer":
        return pd.Series(_from_arrow(pd.Int64Dtype(), values.cast(pa.int64())))
    if kind == "boolean":
        return pd.Series(_from_arrow(pd.BooleanDtype(), values.cast(pa.bool_())))
    return values.to_pandas() if kind is None else values.to_pandas().astype(DTYPES[kind])


def _from_arrow(dtype: Any, values: pa.ChunkedArray) -> Any:
    return dtype.__from_arrow__(values)
