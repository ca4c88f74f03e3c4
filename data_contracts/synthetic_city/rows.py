"""Columns of generated tables as numpy arrays, and the few things done to them.

A table under construction is a dict of arrays of one length. Text is fixed-width UTF-8 bytes (empty:
missing), days are int64 days since 1970 and moments int64 seconds, both with `NONE` for missing, until
`days_as_dates` and `seconds_as_moments` turn them into datetime64. Column names that begin with an
underscore are for the generator alone and are not written.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Rows = dict[str, NDArray]
NONE = np.iinfo(np.int64).min  # the integer that numpy shows as NaT
DAY_SECONDS = 86_400


def stream(seed: int, purpose: str, block: int = 0) -> np.random.Generator:
    """Random numbers for one purpose and block of sites, whatever else has been drawn before.

    >>> stream(1, "visits", 3).integers(1000) == stream(1, "visits", 3).integers(1000)
    np.True_
    """
    key = (zlib.crc32(purpose.encode()), block)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=key)))


def take(rows: Rows, index: NDArray) -> Rows:
    """The rows at `index` (positions or a mask)."""
    return {name: column[index] for name, column in rows.items()}


def stack(parts: Sequence[Rows]) -> Rows:
    """One table from several with the same columns; a column that a part lacks is missing there."""
    names = list(dict.fromkeys(name for part in parts for name in part))
    return {name: np.concatenate([_column(part, name, parts) for part in parts]) for name in names}


def later_version(rows: Rows, index: NDArray, changes: Mapping[str, NDArray]) -> Rows:
    """A later version of the rows at `index`: whole rows, with some columns changed."""
    return {**take(rows, index), **changes}


def length(rows: Rows) -> int:
    """How many rows a table has; 0 without columns."""
    return len(next(iter(rows.values()))) if rows else 0


def serial_ids(prefix: str, block: int, count: int) -> NDArray:
    """`count` ids that no other block has: prefix, four digits of the block, six of the number.

    >>> serial_ids("V", 12, 2)
    array([b'V0012000001', b'V0012000002'], dtype='|S11')
    """
    return numbered(f"{prefix}{block:04d}", np.arange(1, count + 1), 6)


def numbered(prefix: str, numbers: NDArray, width: int) -> NDArray:
    """Numbers with leading zeros behind a prefix, as bytes.

    >>> numbered("P", np.array([7, 1234567]), 7)
    array([b'P0000007', b'P1234567'], dtype='|S8')
    """
    head = prefix.encode()
    letters = np.empty((len(numbers), len(head) + width), np.uint8)
    letters[:, : len(head)] = np.frombuffer(head, np.uint8)
    rest = np.asarray(numbers, np.int64).copy()
    for place in range(letters.shape[1] - 1, len(head) - 1, -1):
        letters[:, place] = 48 + rest % 10
        rest //= 10
    return letters.reshape(-1).view(f"S{letters.shape[1]}")


def joined(*parts: NDArray) -> NDArray:
    """Texts of full width side by side; parts that are empty anywhere must not be given."""
    wide = [
        np.ascontiguousarray(part).view(np.uint8).reshape(len(part), part.dtype.itemsize) for part in parts
    ]
    letters = np.concatenate(wide, axis=1)
    return letters.reshape(-1).view(f"S{letters.shape[1]}")


def words(vocabulary: Sequence[str], codes: NDArray) -> NDArray:
    """The vocabulary's words by position; a negative position is missing.

    >>> words(["GC", "SUPV"], np.array([1, -1]))
    array([b'SUPV', b''], dtype='|S4')
    """
    table = np.array([word.encode() for word in vocabulary] + [b""])
    return table[codes]


def constant(word: str, count: int) -> NDArray:
    """One word in every row."""
    return np.full(count, word.encode())


def chosen(random: np.random.Generator, weights: Mapping[str, float], count: int) -> NDArray:
    """Positions in `weights`, drawn in proportion to them."""
    share = np.cumsum(np.fromiter(weights.values(), float))
    return np.searchsorted(share / share[-1], random.random(count), side="right").clip(0, len(share) - 1)


def days_as_dates(days: NDArray) -> NDArray:
    """int64 days as dates."""
    return np.asarray(days, np.int64).view("M8[D]")


def seconds_as_moments(seconds: NDArray) -> NDArray:
    """int64 seconds as moments."""
    return np.asarray(seconds, np.int64).view("M8[s]")


def month_of(days: NDArray) -> NDArray:
    """Months since January 1970 of days since 1 January 1970."""
    return days_as_dates(days).astype("M8[M]").astype(np.int64)


def first_day_of(months: NDArray) -> NDArray:
    """First day (since 1970) of months since January 1970."""
    return np.asarray(months, np.int64).view("M8[M]").astype("M8[D]").astype(np.int64)


def _column(part: Rows, name: str, parts: Sequence[Rows]) -> NDArray:
    if name in part:
        return part[name]
    kind = next(other[name].dtype for other in parts if name in other)
    empty: object = b"" if kind.kind == "S" else np.nan if kind.kind == "f" else NONE
    if kind.kind == "M":
        empty = np.datetime64("NaT")
    return np.full(length(part), empty, dtype=kind)
