"""Groups of sites: the city, a district, a category of works, and what an agency or team has visited.

A site is in the district and category that its version in force at `as_of` says, and so are its facts. The
agency and the team of a site are those of its latest visit; facts belong to the agency or team they name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from data_contracts.code_list import code_list
from features.fact_table import FactTable, Register
from features.feature import GROUPS, FactRule
from features.renamings import Renamings
from features.span_joins import concatenated, joined, meetings
from features.step_functions import MISSING, Ints, LeadingFact, Spans, ranks_by

WHOLE_CITY = "310000"  # GB/T 2260; a weather warning so marked is in force in every district


class SiteGroups:
    """Numbers for groups, the group of a site at `as_of`, and the facts of a group."""

    def __init__(
        self,
        table: Callable[[str], FactTable],
        rules: Mapping[str, FactRule],
        project_count: int,
        sites: Renamings,
    ) -> None:
        self._table = table
        self._rules = rules
        self._project_count = project_count
        self._sites = sites
        self._registers: dict[str, Register] = {}
        self._leading: dict[str, tuple[LeadingFact, Ints]] = {}

    def count(self, group: str) -> int:
        return 1 if group == "city" else len(self._register(group))

    def prepare(self, group: str) -> None:
        """Make `at` ready for the group: it is asked in the middle of a request."""
        if group != "city":
            self._leading_fact(group)

    def at(self, group: str, projects: Ints, as_of: Ints) -> Ints:
        """The group's number per row, -1 where it is not on file."""
        if group == "city":
            return np.where(projects < 0, -1, 0)
        leading, numbers = self._leading_fact(group)
        return numbers[leading.at(projects, as_of)]

    def spans(self, group: str, table: FactTable, known: Spans) -> Spans:
        """A table's facts, `known` by project, as spans of the groups they belong to."""
        if group == "city":
            return Spans(known.rows, np.zeros(len(known.rows), np.int64), known.starts, known.ends)
        _, home, column = GROUPS[group]
        if str(column) in table.contract.column_names:
            numbers = self._numbers(group, table)
            own = Spans(known.rows, numbers[known.rows], known.starts, known.ends)
            return concatenated(own, *self._in_every_district(group, table, known))
        versions = _versions(self._table(str(home)))
        left, right = meetings(table.projects[known.rows], versions)
        numbers = self._numbers(group, self._table(str(home)))
        return joined(known, left, numbers[versions.rows[right]], versions, right).narrowed()

    def _in_every_district(self, group: str, table: FactTable, known: Spans) -> list[Spans]:
        """A warning for the whole city, once for each district."""
        if group != "district" or table.contract.name == "projects":
            return []
        whole_city = (table.frame[str(GROUPS[group][2])] == WHOLE_CITY).to_numpy(bool, na_value=False)
        of_all = known.kept(whole_city[known.rows])
        numbers = [number for number, name in enumerate(self._register(group).ids) if name != WHOLE_CITY]
        return [
            Spans(of_all.rows, np.full(len(of_all.rows), number, np.int64), of_all.starts, of_all.ends)
            for number in numbers
        ]

    def _leading_fact(self, group: str) -> tuple[LeadingFact, Ints]:
        if group not in self._leading:
            table = self._table(str(GROUPS[group][1]))
            numbers = self._numbers(group, table)
            spans = _versions(table)
            if table.contract.name != "projects":
                spans = self._sites.passed_on(spans)
            since = self._rules[table.contract.name].since if table.contract.name in self._rules else None
            days = table.moments(since) if since else table.recorded
            spans = spans.kept((numbers[spans.rows] >= 0) & (days[spans.rows] != MISSING))
            spans = spans.narrowed(starts=np.maximum(days, table.recorded)[spans.rows])
            ranks = ranks_by(days[spans.rows], table.recorded[spans.rows], spans.rows)
            leading = LeadingFact.of(spans, ranks, self._project_count)
            self._leading[group] = leading, np.append(numbers, -1)
        return self._leading[group]

    def _numbers(self, group: str, table: FactTable) -> Ints:
        """Each row's group by the column it carries itself."""
        column = str(GROUPS[group][2])
        return self._register(group).numbers_of_column(_current(table, column))

    def _register(self, group: str) -> Register:
        if group not in self._registers:
            column = str(GROUPS[group][2])
            tables = [self._table(name) for name in self._rules]
            named = [_current(table, column) for table in tables if column in table.contract.column_names]
            self._registers[group] = Register(name for values in named for name in values.dropna().unique())
        return self._registers[group]


def _current(table: FactTable, column: str):  # type: ignore[no-untyped-def]
    """The column with retired codes replaced by those that succeeded them."""
    values, listed = table.frame[column], table.contract.column(column).code_list
    if listed is None:
        return values
    codes = code_list(listed)
    successors = {code: codes.current(code) for code in codes.codes if codes.current(code) != code}
    return values.replace(successors) if successors else values


def _versions(table: FactTable) -> Spans:
    return Spans(np.arange(len(table)), table.projects, table.recorded, table.in_force_until).narrowed()
