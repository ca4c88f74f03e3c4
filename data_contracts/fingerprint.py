"""Hashes of content: the same for the same facts, whatever database, load order or library wrote them.

Two kinds: one 128-bit hash a row (what a version says, without `recorded_at`), and one SHA-256 a table,
from which the fingerprint of all records follows. Columns without any value count for nothing, so that
a contract that gains an optional column leaves old fingerprints as they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.contract import TableContract

_PIECE_END, _FIELD_END = "\x1e", "\x1f"


def row_hashes(columns: Mapping[str, pa.Array], rows: int) -> list[str]:
    """One 128-bit hash in hexadecimal for each of `rows` rows of typed columns; missing cells are left out.

    Numbers enter by their bits, texts with their length, so that neither formatting nor separators
    inside a text can make two contents look alike. The order of the columns changes nothing.

    >>> row_hashes({"a": pa.array(["x", None]), "b": pa.array([1, 1])}, 2)[1] == row_hashes({"b": pa.array([1])}, 1)[0]
    True
    """
    pieces = [_pieces(name, columns[name]) for name in sorted(columns) if columns[name].null_count < rows]
    if not pieces:
        return [_digest(b"")] * rows
    joined = pc.binary_join_element_wise(*pieces, _large(_PIECE_END), null_handling="skip")
    return [_digest(line) for line in joined.cast(pa.large_binary()).to_pylist()]


def table_fingerprint(contract: TableContract, rows: pd.DataFrame) -> str:
    """SHA-256 of a table's content; `rows` are typed as the contract says and sorted by key and recorded_at."""
    content = hashlib.sha256(f"{contract.name} {len(rows)}".encode())
    for column in sorted(contract.columns, key=lambda column: column.name):
        values = rows[column.name]
        if values.notna().any():
            content.update(f"{_FIELD_END}{column.name}{_FIELD_END}".encode())
            for part in _BYTES_OF_KIND.get(column.kind, _text_bytes)(values):
                content.update(part)
    return content.hexdigest()


def records_fingerprint(tables: Mapping[str, str]) -> str:
    """The fingerprint of all records, from the fingerprints of the tables that have any row."""
    return hashlib.sha256(json.dumps(dict(sorted(tables.items()))).encode()).hexdigest()


def _digest(line: bytes) -> str:
    return hashlib.blake2b(line, digest_size=16).hexdigest()


def _large(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _pieces(name: str, values: pa.Array) -> pa.Array:
    """`name`, for a text its length, and the value, as one text a row; null where the value is missing."""
    start, end = _large(f"{name}{_FIELD_END}"), _large(_FIELD_END)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        length = pc.cast(pc.binary_length(values), pa.large_string())
        return pc.binary_join_element_wise(start, length, pc.cast(values, pa.large_string()), end)
    if pa.types.is_floating(values.type):
        values = pc.add(values, 0.0).view(pa.int64())  # -0.0 + 0.0 is 0.0: one zero, not two
    elif pa.types.is_date32(values.type) or pa.types.is_timestamp(values.type):
        values = pc.cast(values, pa.timestamp("us")).view(pa.int64())
    elif pa.types.is_boolean(values.type):
        values = pc.cast(values, pa.int8())
    return pc.binary_join_element_wise(start, pc.cast(values, pa.large_string()), end)


def _text_bytes(values: pd.Series) -> Iterable[bytes]:
    """The length of each text in bytes, -1 where it is missing, then all texts without anything between."""
    array = pa.array(values, pa.large_string(), from_pandas=True)
    texts = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    lengths = pc.fill_null(pc.binary_length(texts), -1)
    yield lengths.to_numpy(zero_copy_only=False).astype("<i8").tobytes()
    filled = pc.fill_null(texts, "")
    _, offsets, content = filled.buffers()
    if len(filled) and content is not None:
        bounds = np.frombuffer(offsets, np.int64)[filled.offset : filled.offset + len(filled) + 1]
        yield memoryview(content)[bounds[0] : bounds[-1]].tobytes()


def _number_bytes(values: pd.Series) -> Iterable[bytes]:
    numbers = values.to_numpy(dtype="<f8", na_value=np.nan) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    yield numbers.tobytes()


def _integer_bytes(values: pd.Series) -> Iterable[bytes]:
    yield values.isna().to_numpy().tobytes()
    yield values.fillna(0).to_numpy(dtype="<i8").tobytes()


def _moment_bytes(values: pd.Series) -> Iterable[bytes]:
    yield values.to_numpy(dtype="datetime64[us]").astype("<i8").tobytes()


def _boolean_bytes(values: pd.Series) -> Iterable[bytes]:
    yield values.astype("Int8").fillna(2).to_numpy(dtype="<i1").tobytes()


_BYTES_OF_KIND: dict[str, Callable[[pd.Series], Iterable[bytes]]] = {
    "number": _number_bytes,
    "integer": _integer_bytes,
    "date": _moment_bytes,
    "moment": _moment_bytes,
    "boolean": _boolean_bytes,
}
