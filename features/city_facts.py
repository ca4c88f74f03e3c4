"""The tables of a city as they were loaded and with what was fed since, whole or for a few sites alone.

Every fact has one *keeper*: its project or, if it names none, its enterprise. Keepers that share anything (a fact
that was corrected from one to the other, a renaming) are always taken together, so that what is computed from
a part of the city is what the whole city would give for it. A city never changes: a delivery makes a new one,
which shares the tables of the old.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

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
from features.sorting import Ints

ALIASES, PARTIES = "aliases", "project_parties"
NOBODY = -1  # the keeper of a fact of neither project nor enterprise: a weather warning
FED_APART = 8  # deliveries of a table
_ID_COLUMNS = ("project_id", "enterprise_id")
Together = Mapping[int, frozenset[int]]


@dataclass(frozen=True)
class Delivery:
    """Rows of one table that came together, and whose they are."""

    table: WholeTable
    keepers: Ints

    @cached_property
    def _by_keeper(self) -> tuple[Ints, Ints]:
        order = np.argsort(self.keepers, kind="stable")
        return self.keepers[order], order

    def rows_of(self, wanted: Ints) -> Ints:
        """The rows of some keepers (sorted), in the order of the table."""
        keepers, rows = self._by_keeper
        first, last = (np.searchsorted(keepers, wanted, side) for side in ("left", "right"))
        some = np.flatnonzero(first < last)
        parts = [rows[first[place] : last[place]] for place in some.tolist()]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)


@dataclass(frozen=True)
class CityFacts:
    """Everything on file about a city, as arrays.

    Projects and enterprises are numbered by the registers, which all cities that follow each other share and
    only add to (but see `apart`); a keeper is 2 x project or 2 x enterprise + 1. `groups` are of this city alone.
    """

    rules: Mapping[str, FactRule]
    projects: Register
    enterprises: Register
    groups: Mapping[str, Register]
    _deliveries: Mapping[str, tuple[Delivery, ...]]
    _words: Mapping[str, dict[str, Words]]
    _together: Together

    @classmethod
    def of(cls, records: Records, rules: Mapping[str, FactRule]) -> CityFacts:
        """The facts of the tables that features read, from all records on file."""
        ids = {column: Words() for column in _ID_COLUMNS}  # one numbering for the ids of all tables
        words = {
            name: {column: ids[column] for column in ids if column in contract(name).column_names}
            for name in (*rules, ALIASES)
        }
        tables = {name: _encoded(name, records.table(name), words[name]) for name in words}
        registers = [Register(_named(tables, column)) for column in _ID_COLUMNS]
        groups = group_registers(rules, tables.__getitem__)
        city = cls(rules, registers[0], registers[1], groups, {}, words, {})
        deliveries = {name: (Delivery(table, city._keepers(table)),) for name, table in tables.items()}
        links = [link for (one,) in deliveries.values() for link in _moved(one)]
        links += city._renamed(tables[ALIASES])
        return dataclasses.replace(city, _deliveries=deliveries, _together=_joined({}, links))

    def shelf(self) -> FactShelf:
        """All facts as they were loaded; nothing may have been fed yet."""
        tables = {name: deliveries[0].table for name, deliveries in self._deliveries.items()}
        return FactShelf(tables.__getitem__, self.rules, self.projects, self.enterprises, self.groups)

    def part(self, keepers: Iterable[int]) -> FactShelf:
        """The facts of some keepers alone, numbered by registers of their own; groups keep their numbers.

        Parties on a site come with its other facts; those that only an enterprise's facts would meet do not
        matter to them.
        """
        wanted = np.array(sorted(keepers), np.int64)
        tables = {
            name: PartTable(
                [
                    (one.table, np.arange(len(one.table)) if name == ALIASES else one.rows_of(wanted))
                    for one in deliveries
                ]
            )
            for name, deliveries in self._deliveries.items()
        }
        projects, enterprises = (Register(_named(tables, column)) for column in _ID_COLUMNS)
        return FactShelf(tables.__getitem__, self.rules, projects, enterprises, self.groups)

    def apart(self) -> CityFacts:
        """The same city; what it is given leaves no trace in the registers and words that cities share."""
        return dataclasses.replace(
            self,
            projects=self.projects.copy(),
            enterprises=self.enterprises.copy(),
            _words={name: {} for name in self._words},
        )

    def with_deliveries(self, frames: Mapping[str, pd.DataFrame]) -> tuple[CityFacts, Touched]:
        """The city that has these rows too (typed, in the order of key and `recorded_at`), and what they touch."""
        city, keepers, links = self, set(), []
        for name, frame in frames.items():
            table = _encoded(name, frame, self._words[name])
            city = city._with_names(table)
            delivery = Delivery(table, city._keepers(table))
            keepers |= set(delivery.keepers.tolist())
            links += [*_moved(delivery), *city._earlier(name, delivery)]
            deliveries = {**city._deliveries, name: (*city._deliveries[name], delivery)}
            city = dataclasses.replace(city, _deliveries=deliveries)
        city = dataclasses.replace(city, _together=_joined(self._together, links))
        grown = {group for group, register in city.groups.items() if register is not self.groups[group]}
        if "district" in grown:
            keepers.add(NOBODY)  # a warning for the whole city is in force in a new district, too
        return city, Touched(city.connected(keepers), grown)

    def settled(self) -> CityFacts:
        """The same city, small deliveries of a table put together: a part is not sought in too many."""
        deliveries = dict(self._deliveries)
        for name, (loaded, *fed) in self._deliveries.items():
            if len(fed) > FED_APART:
                whole = PartTable([(one.table, np.arange(len(one.table))) for one in fed])
                rows = whole.frame(np.arange(len(whole))).reset_index(drop=True)
                table = _encoded(name, rows, self._words[name])
                deliveries[name] = (loaded, Delivery(table, self._keepers(table)))
        return dataclasses.replace(self, _deliveries=deliveries)

    def connected(self, keepers: Iterable[int]) -> set[int]:
        """The keepers, and all whose facts cannot be told apart from theirs."""
        found, waiting = set(keepers), list(keepers)
        while waiting:
            for other in self._together.get(waiting.pop(), frozenset()):
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return found

    def keeper(self, project_id: str) -> int | None:
        """The number of a project as a keeper; None for an unknown one."""
        number = int(self.projects.numbers_of([project_id])[0])
        return None if number < 0 else 2 * number

    def is_named_in(self, name: str, enterprise_id: str) -> bool:
        """Whether an enterprise keeps a row of the table."""
        keepers = 2 * self.enterprises.numbers_of([enterprise_id]) + 1
        return bool(keepers[0] > 0 and any(len(one.rows_of(keepers)) for one in self._deliveries[name]))

    def keepers_concerning(self, enterprises: set[int], name: str) -> set[int]:
        """Who keeps what may belong to any of the enterprises (by number): itself, sites where it ever held a
        role, and whoever keeps rows of a table that name it."""
        return self.keepers_naming(enterprises, {PARTIES, name})

    def keepers_naming(self, enterprises: set[int], names: Iterable[str]) -> set[int]:
        """The enterprises themselves (by number), and whoever keeps a row of the tables that names one."""
        wanted = np.array(sorted(enterprises), np.int64)
        found = set((2 * wanted + 1).tolist())
        for table_name in set(names):
            for one in self._deliveries[table_name]:
                if "enterprise_id" in one.table.contract.column_names:
                    numbers = numbers_in(self.enterprises, one.table, "enterprise_id")
                    found |= set(one.keepers[np.isin(numbers, wanted)].tolist())
        return self.connected(found)

    def all_keepers(self, name: str) -> set[int]:
        """Whoever keeps facts of a table."""
        return {keeper for one in self._deliveries[name] for keeper in np.unique(one.keepers).tolist()}

    def _with_names(self, table: EncodedTable) -> CityFacts:
        """The city with the ids and groups that a table names."""
        for column, register in zip(_ID_COLUMNS, (self.projects, self.enterprises), strict=True):
            if column in table.contract.column_names:
                texts = table.texts(column)
                used = codes_used(table.column(column), len(texts)).tolist()
                register.add(sorted(texts[code] for code in used))
        groups = {
            group: register.with_more(groups_named(group, table)) for group, register in self.groups.items()
        }
        return dataclasses.replace(self, groups=groups)

    def _keepers(self, table: EncodedTable) -> Ints:
        keepers = np.full(len(table), NOBODY, np.int64)
        for column, register, odd in (
            ("enterprise_id", self.enterprises, 1),
            ("project_id", self.projects, 0),
        ):
            if column in table.contract.column_names:
                numbers = numbers_in(register, table, column)
                keepers = np.where(numbers >= 0, 2 * numbers + odd, keepers)
        return keepers

    def _renamed(self, aliases: WholeTable) -> list[tuple[int, int]]:
        """Keepers of which one is the other's new name."""
        links = []
        for row in aliases.frame(np.arange(len(aliases))).to_dict("records"):
            register, odd = (self.projects, 0) if row["kind"] == "PROJECT" else (self.enterprises, 1)
            old, new = register.numbers_of([row["old_id"], row["new_id"]]).tolist()
            if old >= 0 and new >= 0:
                links.append((2 * old + odd, 2 * new + odd))
        return links

    def _earlier(self, name: str, delivery: Delivery) -> list[tuple[int, int]]:
        """Keepers of the same facts by this delivery and by those before."""
        if not _may_move(name):
            return []
        keys = delivery.table.keys(np.arange(len(delivery.table)))
        return [
            (keeper, other)
            for keeper, key in zip(delivery.keepers.tolist(), keys, strict=True)
            for earlier in self._deliveries[name]
            for other in earlier.keepers[earlier.table.versions(key[:-1])].tolist()
            if other != keeper
        ]


@dataclass(frozen=True)
class Touched:
    """Whose facts a delivery may change, and of which kind there are new groups."""

    keepers: set[int]
    new_groups: set[str]


def _encoded(name: str, frame: pd.DataFrame, words: dict[str, Words]) -> WholeTable:
    kind = DangerousWorks if name == "dangerous_works" else WholeTable
    return kind(contract(name), frame, words)


def _may_move(name: str) -> bool:
    """Whether versions of one fact may name different keepers: not if the keeper is part of its key."""
    return name != ALIASES and contract(name).key[0] not in _ID_COLUMNS


def _moved(delivery: Delivery) -> list[tuple[int, int]]:
    """Keepers of versions of one fact."""
    if not _may_move(delivery.table.contract.name):
        return []
    keepers = delivery.keepers
    moved = np.flatnonzero(delivery.table.same_key_next & (keepers[1:] != keepers[:-1]))
    return list(zip(keepers[moved].tolist(), keepers[moved + 1].tolist(), strict=True))


def _joined(together: Together, links: Iterable[tuple[int, int]]) -> Together:
    """Who is taken together, with more links."""
    found = dict(together)
    for one, other in links:
        found[one] = found.get(one, frozenset()) | {other}
        found[other] = found.get(other, frozenset()) | {one}
    return found


def _named(tables: Mapping[str, EncodedTable], column: str) -> set[str]:
    """The ids that the tables name, those of aliases included."""
    found: set[str] = set()
    for name, table in tables.items():
        for one in ("old_id", "new_id") if name == ALIASES else (column,):
            if one in table.contract.column_names and len(table):
                texts = table.texts(one)
                found |= {texts[code] for code in codes_used(table.column(one), len(texts)).tolist()}
    return found
