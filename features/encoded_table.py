"""A contract table as plain arrays: texts as numbers of words, yes and no as 1 and 0, moments as microseconds.

A table is whole (made from a frame) or a part of others (the rows of a few sites, those fed since included).
Columns are encoded when first asked for. Both kinds share their `Words`, so a code means the same in all; only
a part of tables that do not share theirs numbers the texts anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.contract import TableContract
from data_contracts.typed_tables import empty_table
from features.sorting import Ints

_TEXTS, _NUMBERS = ("text", "code"), ("integer", "number", "boolean")


class Words:
    """The different texts of a column, numbered as they come; a text keeps its number for ever."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbered: tuple[tuple[Numbering, int, int], Ints] | None = None
        self._numbers: dict[str, int] = {}

    def numbers_of(self, texts: Iterable[str]) -> Ints:
        """The numbers of texts; those not seen before are added."""
        numbers, found = self._numbers, []
        for text in texts:
            number = numbers.get(text, -1)
            if number < 0:
                number = numbers[text] = len(self.texts)
                self.texts.append(text)
            found.append(number)
        return np.array(found, np.int64)

    def numbered(self, register: Numbering) -> Ints:
        """What every text is in a register, and -1 at the end; kept until either has grown, for one register."""
        said = register, len(self.texts), len(register)
        if self._numbered is None or self._numbered[0] != said:
            self._numbered = said, np.append(register.numbers_of(self.texts[: said[1]]), np.int64(-1))
        return self._numbered[1]


class Numbering(Protocol):
    """Numbers for texts, -1 for an unknown one."""

    def __len__(self) -> int: ...

    def numbers_of(self, ids: Sequence[str]) -> Ints: ...


class EncodedTable:
    """Typed columns of a table, row by row in the order of key and `recorded_at`.

    `words` is shared by all tables of one name in a city, but for rows that are only supposed.
    """

    def __init__(self, contract: TableContract, size: int, words: dict[str, Words]) -> None:
        self.contract = contract
        self.words = words
        self._size = size
        self._columns: dict[str, NDArray[Any]] = {}

    def __len__(self) -> int:
        return self._size

    def column(self, name: str) -> NDArray[Any]:
        """Codes with -1 where missing, numbers with NaN, or microseconds with MISSING."""
        if name not in self._columns:
            self._columns[name] = self._encoded(name)
        return self._columns[name]

    def texts(self, name: str) -> list[str]:
        """The words that the codes of a column stand for."""
        self.column(name)
        return self.words[name].texts

    @cached_property
    def same_key_next(self) -> NDArray[np.bool_]:
        """Whether the next row is another version of the same fact; one shorter than the table."""
        raise NotImplementedError

    def keys(self, rows: Ints) -> list[tuple[Any, ...]]:
        """What the rows are sorted by: the parts of the key, missing ones first, and `recorded_at`."""
        raise NotImplementedError

    def frame(self, rows: Ints) -> pd.DataFrame:
        """The rows as they are on file, for showing."""
        raise NotImplementedError

    def _encoded(self, name: str) -> NDArray[Any]:
        raise NotImplementedError


class WholeTable(EncodedTable):
    """A table made from a typed frame in the order of key and `recorded_at`."""

    def __init__(self, contract: TableContract, frame: pd.DataFrame, words: dict[str, Words]) -> None:
        super().__init__(contract, len(frame), words)
        self._frame = frame

    def frame(self, rows: Ints) -> pd.DataFrame:
        return self._frame.take(rows)

    def keys(self, rows: Ints) -> list[tuple[Any, ...]]:
        parts: list[list[Any]] = [
            [_part(text) for text in self._key_texts[name].take(pa.array(rows)).to_pylist()]
            if name in self._key_texts
            else self.column(name)[rows].tolist()
            for name in self.contract.key
        ]
        return list(zip(*parts, self.column("recorded_at")[rows].tolist(), strict=True))

    @cached_property
    def _key_texts(self) -> dict[str, pa.Array]:
        """The parts of the key that are texts."""
        names = [name for name in self.contract.key if self.contract.column(name).kind in _TEXTS]
        return {name: _arrow(self._frame[name]) for name in names}

    def _key(self, row: int) -> tuple[Any, ...]:
        return tuple(
            _part(self._key_texts[name][row].as_py())
            if name in self._key_texts
            else int(self.column(name)[row])
            for name in self.contract.key
        )

    @cached_property
    def same_key_next(self) -> NDArray[np.bool_]:
        same = np.ones(max(len(self) - 1, 0), bool)
        for name in self.contract.key:
            if name in self._key_texts:
                same &= _equal_to_next(self._key_texts[name])
            else:
                values = self.column(name)
                same &= values[1:] == values[:-1]
        return same

    def versions(self, key: Sequence[Any]) -> Ints:
        """The rows of one fact, by the parts of its key as `keys` gives them."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) < tuple(key):
                low = middle + 1
            else:
                high = middle
        while high < len(self) and self._key(high) == tuple(key):
            high += 1
        return np.arange(low, high)

    def _encoded(self, name: str) -> NDArray[Any]:
        kind, values = self.contract.column(name).kind, self._frame[name]
        if kind in _NUMBERS:
            return values.to_numpy(np.float64, na_value=np.nan)
        if kind not in _TEXTS:
            return values.to_numpy("datetime64[us]").view(np.int64)
        encoded = _arrow(values).dictionary_encode()
        numbers = self.words.setdefault(name, Words()).numbers_of(encoded.dictionary.to_pylist())
        places = pc.fill_null(encoded.indices, len(numbers)).to_numpy(zero_copy_only=False)
        return np.append(numbers, -1).astype(np.int32)[places]


class PartTable(EncodedTable):
    """Some rows of other tables in the order of key and `recorded_at`.

    Of two rows with the same key and `recorded_at` that of the later table holds, as in the store.
    """

    def __init__(self, parents: Sequence[tuple[EncodedTable, Ints]]) -> None:
        first = parents[0][0]
        self._parents = [(table, rows) for table, rows in parents if len(rows)]
        self.replaces = False  # whether a row took the place of one
        self._order: Ints | None = None
        self._keys: list[tuple[Any, ...]] = []
        if len(self._parents) > 1:
            self._sort()
        size = sum(len(rows) for _, rows in self._parents) if self._order is None else len(self._order)
        shared = all(table.words is first.words for table, _ in self._parents)
        super().__init__(first.contract, size, first.words if shared else {})
        self._last = parents[-1][0]

    def facts_of_last(self) -> NDArray[np.bool_]:
        """Rows of the facts, whatever their version, of which the last of the tables has a version."""
        origin = [np.full(len(rows), table is self._last) for table, rows in self._parents]
        if not origin:
            return np.zeros(0, bool)
        fed = np.concatenate(origin) if self._order is None else np.concatenate(origin)[self._order]
        fact = np.concatenate([[0], np.cumsum(~self.same_key_next)])
        return np.isin(fact, fact[fed])

    def _sort(self) -> None:
        keys = [key for table, rows in self._parents for key in table.keys(rows)]
        places = {key: place for place, key in enumerate(keys)}  # the later of equal ones stays
        self.replaces = len(places) < len(keys)
        self._keys = sorted(places)
        self._order = np.array([places[key] for key in self._keys], np.int64)

    def keys(self, rows: Ints) -> list[tuple[Any, ...]]:
        if self._order is None:
            return [key for table, own in self._parents for key in table.keys(own[rows])]
        return [self._keys[row] for row in rows.tolist()]

    def frame(self, rows: Ints) -> pd.DataFrame:
        if not self._parents or not len(rows):
            return empty_table(self.contract)
        whole = pd.concat([table.frame(own) for table, own in self._parents], ignore_index=True)
        return whole.take(rows if self._order is None else self._order[rows])

    @cached_property
    def same_key_next(self) -> NDArray[np.bool_]:
        if len(self) < 2:
            return np.ones(0, bool)
        if self._order is not None:
            pairs = zip(self._keys[1:], self._keys[:-1], strict=True)
            return np.array([one[:-1] == other[:-1] for one, other in pairs], bool)
        table, rows = self._parents[0]
        beside = rows[1:] == rows[:-1] + 1
        return beside & table.same_key_next[np.minimum(rows[:-1], len(table) - 2)]

    def _encoded(self, name: str) -> NDArray[Any]:
        if not self._parents:
            return np.empty(0, _dtype(self.contract, name))
        parts = [self._cells(table, name, rows) for table, rows in self._parents]
        if self._order is None:
            return parts[0]
        return np.concatenate(parts)[self._order]

    def _cells(self, table: EncodedTable, name: str, rows: Ints) -> NDArray[Any]:
        """The rows of a parent's column, texts numbered by this table's words."""
        values = table.column(name)[rows]
        if table.words is self.words or self.contract.column(name).kind not in _TEXTS:
            return values
        used, places = np.unique(values, return_inverse=True)
        said, own = table.texts(name), self.words.setdefault(name, Words())
        named = own.numbers_of([said[code] for code in used.tolist() if code >= 0])
        return np.concatenate([np.full(len(used) - len(named), -1), named]).astype(np.int32)[places]


def _dtype(contract: TableContract, name: str) -> type:
    kind = contract.column(name).kind
    return np.float64 if kind in _NUMBERS else np.int32 if kind in _TEXTS else np.int64


def _part(text: str | None) -> tuple[str, str]:
    """A part of a key: a missing one comes first."""
    return ("", "") if text is None else (" ", text)


def _arrow(values: pd.Series) -> pa.Array:
    texts = pa.Array.from_pandas(values)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _equal_to_next(texts: pa.Array) -> NDArray[np.bool_]:
    """Whether each text is that of the next row; a missing one equals a missing one."""
    before, after = texts[:-1], texts[1:]
    both_missing = pc.and_(pc.is_null(before), pc.is_null(after))
    return pc.fill_null(pc.equal(before, after), both_missing).to_numpy(zero_copy_only=False)
