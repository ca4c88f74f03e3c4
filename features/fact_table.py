"""A contract table as the engine reads it: versions with the moments between which each one held.

Version i of a fact is in force from its `recorded_at` until that of version i + 1, or until the fact is
withdrawn, whichever is sooner.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data_contracts.code_list import code_list
from features.encoded_table import EncodedTable
from features.sorting import DAY, MISSING, NEVER, Floats, Ints

OTHER = "OTHER"


class Register:
    """Numbers for ids; -1 for an unknown one. Ids known from the start are numbered in their order, new ones after."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids: list[str] = sorted(set(ids))
        self._number = {name: number for number, name in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def numbers_of(self, ids: Sequence[str]) -> Ints:
        number = self._number
        return np.fromiter((number.get(name, -1) for name in ids), np.int64, len(ids))

    def with_more(self, ids: Iterable[str]) -> Register:
        """This register, or another with the ids that are new at its end."""
        new = sorted({name for name in ids if name not in self._number})
        if not new:
            return self
        grown = Register(())
        grown.add([*self.ids, *new])
        return grown

    def copy(self) -> Register:
        """Another register with the same numbers, which goes on by itself."""
        twin = Register(())
        twin.ids, twin._number = self.ids.copy(), self._number.copy()
        return twin

    def add(self, ids: Iterable[str]) -> None:
        """Number the ids that are new."""
        for name in ids:
            if name not in self._number:
                self._number[name] = len(self.ids)
                self.ids.append(name)


def numbers_in(register: Register, rows: EncodedTable, column: str) -> Ints:
    """Each row's number in a register of what a column names; -1 where it is missing."""
    codes, texts = rows.column(column), rows.texts(column)
    if len(codes) >= len(texts):
        return rows.words[column].numbered(register)[codes]
    used = codes_used(codes, len(texts))
    known = np.full(len(texts) + 1, -1, np.int64)
    known[used] = register.numbers_of([texts[code] for code in used.tolist()])
    return known[codes]


def codes_used(codes: Ints, count: int) -> Ints:
    """The different codes that occur, in order; -1 is none."""
    if len(codes) < count:
        found = np.unique(codes)
        return found[found >= 0]
    seen = np.zeros(count + 1, bool)
    seen[codes] = True
    return np.flatnonzero(seen[:-1])


class FactTable:
    """All versions of one table's facts, in the order of key and `recorded_at`."""

    def __init__(self, rows: EncodedTable, projects: Register, enterprises: Register) -> None:
        self.contract = rows.contract
        self.rows = rows
        self._registers = {"project_id": projects, "enterprise_id": enterprises}
        self.recorded = self.moments("recorded_at")

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def in_force_until(self) -> Ints:
        """When the next version or the withdrawal of a version takes over; NEVER where none does."""
        until = np.full(len(self), NEVER, np.int64)
        until[:-1] = np.where(self.rows.same_key_next, self.recorded[1:], NEVER)
        return np.minimum(until, self.closings("withdrawn_at"))

    @cached_property
    def projects(self) -> Ints:
        return self._numbers("project_id")

    @cached_property
    def enterprises(self) -> Ints:
        return self._numbers("enterprise_id")

    def _numbers(self, column: str) -> Ints:
        if column not in self.contract.column_names:
            return np.full(len(self), -1, np.int64)
        return self.numbers_in(self._registers[column], column)

    def numbers_in(self, register: Register, column: str) -> Ints:
        """Each row's number in a register of what a column names; -1 where it is missing."""
        return numbers_in(register, self.rows, column)

    def mapped(self, column: str, numbers_of, missing):  # type: ignore[no-untyped-def]
        """What each row's text is by `numbers_of` (a list of texts to as many numbers); `missing` where it has none."""
        codes, texts = self.rows.column(column), self.rows.texts(column)
        used = codes_used(codes, len(texts))
        known = np.full(len(texts) + 1, missing)
        known[used] = numbers_of([texts[code] for code in used.tolist()])
        return known[codes]

    def moments(self, column: str) -> Ints:
        """A date or moment in microseconds, MISSING where there is none."""
        return self.rows.column(column)

    def closings(self, column: str, *, lingers_days: int = 0) -> Ints:
        """When a closing takes effect: not before the version that carries it; NEVER where there is none.

        With `lingers_days` the fact counts for so many days after its closing.
        """
        closing = self.moments(column)
        return np.where(closing == MISSING, NEVER, np.maximum(closing + lingers_days * DAY, self.recorded))

    def numbers(self, column: str) -> Floats:
        """A number, or 0 and 1 for a boolean; NaN where there is none."""
        return self.rows.column(column)

    def is_missing(self, column: str) -> NDArray[np.bool_]:
        values = self.rows.column(column)
        if values.dtype == np.float64:
            return np.isnan(values)
        return values == (MISSING if values.dtype == np.int64 else -1)

    def is_one_of(self, column: str, wanted: Sequence[str | bool]) -> NDArray[np.bool_]:
        """Rows with one of the values; in an open code list an unknown code is OTHER."""
        values = self.rows.column(column)
        if values.dtype == np.float64:
            return np.isin(values, [float(value) for value in wanted])
        listed = self.contract.column(column).code_list
        unknown = OTHER in wanted and listed is not None and not code_list(listed).closed
        codes = code_list(str(listed)).codes if unknown else {}
        texts = self.rows.texts(column)
        accepted = [text in wanted or (unknown and text not in codes) for text in texts]
        return np.array([*accepted, False])[values]

    def classes(self, column: str) -> Ints:
        """A number for each different value of a column, 0 where it is missing."""
        values = self.rows.column(column)
        if values.dtype == np.int32:
            return values.astype(np.int64) + 1
        found = np.unique(values[~self.is_missing(column)])
        return np.where(self.is_missing(column), 0, np.searchsorted(found, values) + 1)
