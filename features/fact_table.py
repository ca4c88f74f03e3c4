"""A contract table as the engine reads it: versions with the moments between which each one held.

Version i of a fact is in force from its `recorded_at` until that of version i + 1, or until the fact is
withdrawn, whichever is sooner.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.contract import TableContract
from features.step_functions import DAY, MISSING, NEVER, Ints


class Register:
    """Numbers for ids: the place of an id in the sorted list of all that occur; -1 for an unknown one."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids: list[str] = sorted(set(ids))
        self._number = {name: number for number, name in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def numbers_of(self, ids: Sequence[str]) -> Ints:
        number = self._number
        return np.fromiter((number.get(name, -1) for name in ids), np.int64, len(ids))

    def numbers_of_column(self, column: pd.Series) -> Ints:
        """Numbers for a long column in which ids repeat; -1 where the id is missing."""
        places, names = pd.factorize(column)
        return np.append(self.numbers_of(list(names)), -1)[places]


class FactTable:
    """All versions of one table's facts, in the order of key and `recorded_at`."""

    def __init__(
        self, contract: TableContract, frame: pd.DataFrame, projects: Register, enterprises: Register
    ):
        self.contract = contract
        self.frame = frame
        self._registers = {"project_id": projects, "enterprise_id": enterprises}
        self._moments: dict[str, Ints] = {}
        self.recorded = self.moments("recorded_at")

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def in_force_until(self) -> Ints:
        """When the next version or the withdrawal of a version takes over; NEVER where none does."""
        until = np.full(len(self), NEVER, np.int64)
        until[:-1] = np.where(self._same_key_next, self.recorded[1:], NEVER)
        return np.minimum(until, self.closings("withdrawn_at"))

    @cached_property
    def _same_key_next(self) -> NDArray[np.bool_]:
        same = np.ones(max(len(self) - 1, 0), bool)
        for column in self.contract.key:
            places = pd.factorize(self.frame[column])[0]
            same &= places[1:] == places[:-1]
        return same

    @cached_property
    def projects(self) -> Ints:
        return self._numbers("project_id")

    @cached_property
    def enterprises(self) -> Ints:
        return self._numbers("enterprise_id")

    def _numbers(self, column: str) -> Ints:
        if column not in self.contract.column_names:
            return np.full(len(self), -1, np.int64)
        return self._registers[column].numbers_of_column(self.frame[column])

    def moments(self, column: str) -> Ints:
        """A date or moment in microseconds, MISSING where there is none."""
        if column not in self._moments:
            self._moments[column] = self.frame[column].to_numpy("datetime64[us]").view(np.int64)
        return self._moments[column]

    def closings(self, column: str, *, lingers_days: int = 0) -> Ints:
        """When a closing takes effect: not before the version that carries it; NEVER where there is none.

        With `lingers_days` the fact counts for so many days after its closing.
        """
        closing = self.moments(column)
        return np.where(closing == MISSING, NEVER, np.maximum(closing + lingers_days * DAY, self.recorded))

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A number, or 0 and 1 for a boolean; NaN where there is none."""
        return self.frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
