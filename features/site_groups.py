"""Groups of sites: the city, a district, a category of works, and what an agency or team has visited.

A site is in the district and category that its version in force at `as_of` says, and so are its facts. The
agency and the team of a site are those of its latest visit; facts belong to the agency or team they name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from data_contracts.code_list import code_list
from data_contracts.contract import contract
from features.encoded_table import EncodedTable
from features.fact_table import FactTable, Register
from features.feature import GROUPS, FactRule
from features.renamings import Renamings
from features.sorting import MISSING, Ints
from features.span_joins import concatenated, joined, meetings
from features.step_functions import Spans, ranks_by

WHOLE_CITY = "310000"  # GB/T 2260; a weather warning so marked is in force in every district
CITY = "city"


def group_registers(
    rules: Mapping[str, FactRule], table: Callable[[str], EncodedTable]
) -> dict[str, Register]:
    """The groups that any table names, numbered; the city has none."""
    registers = {group: Register(()) for group in GROUPS if group != CITY}
    for group, register in registers.items():
        names = {name for table_name in rules for name in groups_named(group, table(table_name))}
        register.add(sorted(names))
    return registers


def groups_named(group: str, rows: EncodedTable) -> Iterable[str]:
    """The groups that a table's rows name, retired codes replaced by those that succeeded them."""
    column = str(GROUPS[group][2])
    if column not in rows.contract.column_names:
        return ()
    return [_current(rows.contract.name, column, text) for text in rows.texts(column)]


class SiteGroups:
    """Numbers for groups, the group of a site at `as_of`, and the facts of a group."""

    def __init__(
        self,
        table: Callable[[str], FactTable],
        rules: Mapping[str, FactRule],
        registers: Mapping[str, Register],
        sites: Renamings,
    ) -> None:
        self._table = table
        self._rules = rules
        self._registers = registers
        self._sites = sites

    def count(self, group: str) -> int:
        return 1 if group == CITY else len(self._registers[group])

    def home(self, group: str) -> tuple[Spans, Ints]:
        """The rows that say in which group a site is, as spans of the sites, and their ranks: the highest holds."""
        table = self._table(str(GROUPS[group][1]))
        numbers, spans = self.numbers(group), _versions(table)
        if table.contract.name != "projects":
            spans = self._sites.passed_on(spans)
        since = self._rules[table.contract.name].since if table.contract.name in self._rules else None
        days = table.moments(since) if since else table.recorded
        spans = spans.kept((numbers[spans.rows] >= 0) & (days[spans.rows] != MISSING))
        spans = spans.narrowed(starts=np.maximum(days, table.recorded)[spans.rows])
        return spans, ranks_by(days[spans.rows], table.recorded[spans.rows], spans.rows)

    def numbers(self, group: str) -> Ints:
        """The group that each row of the group's home table names, -1 where it names none."""
        return self._numbers(group, self._table(str(GROUPS[group][1])))

    def spans(self, group: str, table: FactTable, known: Spans) -> Spans:
        """A table's facts, `known` by project, as spans of the groups they belong to."""
        if group == CITY:
            return Spans(known.rows, np.zeros(len(known.rows), np.int64), known.starts, known.ends)
        _, home, column = GROUPS[group]
        if str(column) in table.contract.column_names:
            numbers = self._numbers(group, table)
            own = Spans(known.rows, numbers[known.rows], known.starts, known.ends)
            return concatenated(own, *self._in_every_district(group, table, known))
        versions = _versions(self._table(str(home)))
        left, right = meetings(table.projects[known.rows], versions)
        return joined(known, left, self.numbers(group)[versions.rows[right]], versions, right).narrowed()

    def _in_every_district(self, group: str, table: FactTable, known: Spans) -> list[Spans]:
        """A warning for the whole city, once for each district."""
        if group != "district" or table.contract.name == "projects":
            return []
        of_all = known.kept(table.is_one_of(str(GROUPS[group][2]), (WHOLE_CITY,))[known.rows])
        districts = self._registers[group].ids
        numbers = [number for number, name in enumerate(districts) if name != WHOLE_CITY]
        return [
            Spans(of_all.rows, np.full(len(of_all.rows), number, np.int64), of_all.starts, of_all.ends)
            for number in numbers
        ]

    def _numbers(self, group: str, table: FactTable) -> Ints:
        column, register = str(GROUPS[group][2]), self._registers[group]

        def numbers_of(texts: list[str]) -> Ints:
            return register.numbers_of([_current(table.contract.name, column, text) for text in texts])

        return table.mapped(column, numbers_of, np.int64(-1))


def _current(table: str, column: str, text: str) -> str:
    listed = contract(table).column(column).code_list
    return text if listed is None else code_list(listed).current(text)


def _versions(table: FactTable) -> Spans:
    return Spans(np.arange(len(table)), table.projects, table.recorded, table.in_force_until).narrowed()
