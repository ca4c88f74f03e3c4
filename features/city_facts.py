"""The tables of a city as they were loaded and with what was fed since, whole or for a few sites alone.

Every fact belongs to one *holder of facts*: its project or, if it names none, its enterprise. Holders that
share anything (a fact that was corrected from one to the other, a renaming) are always taken together, so that
what is computed from a part of the city is what the whole city would give for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from data_contracts.contract import contract
from data_contracts.records import Records
from features.dangerous_work_scale import DangerousWorks
from features.encoded_table import EncodedTable, PartTable, WholeTable, Words
from features.fact_shelf import FactShelf
from features.fact_table import Register, codes_used, numbers_in
from features.feature import FactRule
from features.site_groups import group_registers, groups_named
from features.step_functions import Ints

ALIASES, PARTIES = "aliases", "project_parties"
FED_APART = 8  # deliveries
NOBODY = -1  # the holder of a fact of neither project nor enterprise: a weather warning
_ID_COLUMNS = {"project_id": 0, "enterprise_id": 1}


@dataclass
class _Batch:
    """A delivery as rows of one table, and which rows are whose: `rows` in the order of `holders`."""

    table: WholeTable
    holders: Ints
    rows: Ints

    @classmethod
    def of(cls, table: WholeTable, holders: Ints) -> _Batch:
        order = np.argsort(holders, kind="stable")
        return cls(table, holders[order], order)

    def of_holders(self, wanted: Ints) -> Ints:
        """The rows of some holders (sorted), in the order of the table."""
        first, last = (np.searchsorted(self.holders, wanted, side) for side in ("left", "right"))
        parts = [self.rows[low:high] for low, high in zip(first.tolist(), last.tolist(), strict=True)]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)


@dataclass(frozen=True)
class Extent:
    """How many deliveries of each table, and how many groups of each kind, a city had at some time."""

    deliveries: Mapping[str, int]
    groups: Mapping[str, int]


@dataclass
class CityFacts:
    """Everything on file about a city, as arrays; grows by `add`, never shrinks.

    Projects and enterprises are numbered by the registers; a holder is 2 x project or 2 x enterprise + 1.
    """

    rules: Mapping[str, FactRule]
    projects: Register
    enterprises: Register
    groups: dict[str, Register]
    _batches: dict[str, list[_Batch]]
    _words: dict[str, dict[str, Words]]
    _together: dict[int, set[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Records, rules: Mapping[str, FactRule]) -> CityFacts:
        """The facts of the tables that features read, from all records on file."""
        ids = {column: Words() for column in _ID_COLUMNS}  # one numbering for the ids of all tables
        words = {
            name: {column: ids[column] for column in ids if column in contract(name).column_names}
            for name in (*rules, ALIASES)
        }
        tables = {name: _encoded(name, records.table(name), words[name]) for name in (*rules, ALIASES)}
        city = cls(
            rules,
            Register(_named(tables, "project_id")),
            Register(_named(tables, "enterprise_id")),
            group_registers(rules, tables.__getitem__),
            {},
            words,
        )
        for name, table in tables.items():
            city._batches[name] = [city._batch(table)]
            city._note_moved(table)
        city._note_renamed(tables[ALIASES])
        return city

    def shelf(self) -> FactShelf:
        """All facts as they were loaded; nothing may have been fed yet."""
        tables = {name: batches[0].table for name, batches in self._batches.items()}
        return FactShelf(tables.__getitem__, self.rules, self.projects, self.enterprises, self.groups)

    def part(self, holders: Iterable[int], extent: Extent | None = None) -> FactShelf:
        """The facts of some holders alone, numbered by registers of their own; groups keep their numbers.

        `extent`: as the city was then. Parties on a site come with its other facts; those that only an
        enterprise's facts would meet do not matter to them.
        """
        extent = extent or self.extent()
        wanted = np.array(sorted(holders), np.int64)
        tables: dict[str, PartTable] = {}
        for name, batches in self._batches.items():
            some = batches[: extent.deliveries[name]]
            all_of_it = name == ALIASES
            tables[name] = PartTable(
                [(b.table, np.arange(len(b.table)) if all_of_it else b.of_holders(wanted)) for b in some]
            )
        named = {column: _named(tables, column) for column in _ID_COLUMNS}
        return FactShelf(
            tables.__getitem__,
            self.rules,
            Register(named["project_id"]),
            Register(named["enterprise_id"]),
            {group: register.first(extent.groups[group]) for group, register in self.groups.items()},
        )

    def extent(self) -> Extent:
        """How much there is now."""
        return Extent(
            {name: len(batches) for name, batches in self._batches.items()},
            {group: len(register) for group, register in self.groups.items()},
        )

    def add(self, name: str, frame: pd.DataFrame) -> set[int]:
        """Take in a delivery of a table; the holders whose facts it touches, earlier ones of the same fact included."""
        table = _encoded(name, frame, self._words[name])
        for column, register in (("project_id", self.projects), ("enterprise_id", self.enterprises)):
            if column in table.contract.column_names:
                texts = table.texts(column)
                register.add(
                    sorted(texts[code] for code in codes_used(table.column(column), len(texts)).tolist())
                )
        batch = self._batch(table)
        touched = set(batch.holders.tolist())
        for group, register in self.groups.items():
            before = len(register)
            register.add(groups_named(group, table))
            if group == "district" and len(register) > before:
                touched.add(NOBODY)  # a warning for the whole city is in force in a new district, too
        self._note_moved(table)
        touched |= self._earlier_holders(name, batch)
        self._batches[name].append(batch)
        return self.connected(touched)

    def forget(self, extent: Extent) -> None:
        """Give up what was added since; numbers of ids and groups stay."""
        for name, batches in self._batches.items():
            del batches[extent.deliveries[name] :]

    def settle(self) -> None:
        """Put small deliveries of a table together, so that a part of the city is not sought in too many."""
        for name, (loaded, *fed) in self._batches.items():
            if len(fed) > FED_APART:
                whole = PartTable([(batch.table, np.arange(len(batch.table))) for batch in fed])
                rows = whole.frame(np.arange(len(whole))).reset_index(drop=True)
                self._batches[name] = [loaded, self._batch(_encoded(name, rows, self._words[name]))]

    def connected(self, holders: Iterable[int]) -> set[int]:
        """The holders, and all whose facts cannot be told apart from theirs."""
        found, waiting = set(holders), list(holders)
        while waiting:
            for other in self._together.get(waiting.pop(), ()):
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return found

    def holder(self, project: str | None, enterprise: str | None = None) -> int | None:
        """The number of a holder by its id; None for an unknown one."""
        register, name, odd = (
            (self.projects, project, 0) if project is not None else (self.enterprises, enterprise, 1)
        )
        number = int(register.numbers_of([str(name)])[0])
        return None if number < 0 else 2 * number + odd

    def sites_of(self, enterprises: Iterable[int]) -> set[int]:
        """The holders of the sites on which any of the enterprises (by number) ever held a role."""
        wanted, found = set(enterprises), set()
        for batch in self._batches[PARTIES]:
            table = batch.table
            numbers = self._numbers(table, "enterprise_id")
            rows = np.flatnonzero(np.isin(numbers, list(wanted)))
            found |= set((2 * self._numbers(table, "project_id")[rows]).tolist())
        return found

    def all_holders(self, name: str) -> set[int]:
        """Whoever holds facts of a table."""
        return {holder for batch in self._batches[name] for holder in np.unique(batch.holders).tolist()}

    def _batch(self, table: WholeTable) -> _Batch:
        return _Batch.of(table, self._holders(table))

    def _holders(self, table: EncodedTable) -> Ints:
        holders = np.full(len(table), NOBODY, np.int64)
        for column, odd in (("enterprise_id", 1), ("project_id", 0)):
            if column in table.contract.column_names:
                numbers = self._numbers(table, column)
                holders = np.where(numbers >= 0, 2 * numbers + odd, holders)
        return holders

    def _numbers(self, table: EncodedTable, column: str) -> Ints:
        return numbers_in(
            {"project_id": self.projects, "enterprise_id": self.enterprises}[column], table, column
        )

    def _note_moved(self, table: WholeTable) -> None:
        """Versions of one fact that name different holders."""
        if not _may_move(table.contract.name):
            return
        holders = self._holders(table)
        moved = np.flatnonzero(table.same_key_next & (holders[1:] != holders[:-1]))
        for row in moved.tolist():
            self._connect(int(holders[row]), int(holders[row + 1]))

    def _note_renamed(self, aliases: WholeTable) -> None:
        for row in aliases.frame(np.arange(len(aliases))).to_dict("records"):
            register, odd = (self.projects, 0) if row["kind"] == "PROJECT" else (self.enterprises, 1)
            old, new = register.numbers_of([row["old_id"], row["new_id"]]).tolist()
            if old >= 0 and new >= 0:
                self._connect(2 * old + odd, 2 * new + odd)

    def _earlier_holders(self, name: str, batch: _Batch) -> set[int]:
        """Whoever earlier deliveries say the same facts belong to."""
        if not _may_move(name):
            return set()
        found: set[int] = set()
        keys = batch.table.keys(batch.rows)
        for holder, key in zip(batch.holders.tolist(), keys, strict=True):
            for earlier in self._batches[name]:
                versions = earlier.table.versions(key[:-1])
                for other in set(self._holders(PartTable([(earlier.table, versions)])).tolist()) - {holder}:
                    self._connect(holder, other)
                    found.add(other)
        return found

    def _connect(self, one: int, other: int) -> None:
        self._together.setdefault(one, set()).add(other)
        self._together.setdefault(other, set()).add(one)


def _encoded(name: str, frame: pd.DataFrame, words: dict[str, Words]) -> WholeTable:
    kind = DangerousWorks if name == "dangerous_works" else WholeTable
    return kind(contract(name), frame, words)


def _may_move(name: str) -> bool:
    """Whether versions of one fact may name different holders: not if the holder is part of its key."""
    table = contract(name)
    return name != ALIASES and table.key[0] not in _ID_COLUMNS


def _named(tables: Mapping[str, EncodedTable], column: str) -> set[str]:
    """The ids that the tables name, those of aliases included."""
    found: set[str] = set()
    for name, table in tables.items():
        columns = ("old_id", "new_id") if name == ALIASES else (column,)
        for one in columns:
            if one in table.contract.column_names and len(table):
                texts = table.texts(one)
                found |= {texts[code] for code in codes_used(table.column(one), len(texts)).tolist()}
    return found
