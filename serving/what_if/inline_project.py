"""A project that is told in the request itself: its rows held to the contracts as the intake holds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from data_contracts.contract import TableContract, contract
from data_contracts.errors import InvalidInput
from data_contracts.json_rows import JsonRow, cells_of
from data_contracts.rule_book import sentences, shown
from data_contracts.staging import AMBIGUOUS, MISSING_PARENT
from data_contracts.table_intake import with_arrival
from data_contracts.typed_tables import record_keys
from data_contracts.validation import check_rows
from data_contracts.what_if_messages import AssessRequest

PROJECTS = "projects"
TABLES = (PROJECTS, "project_parties", "dangerous_works", "progress")
OTHER_PROJECT = "other_project"
_OTHER_ZH = "项目编号与 projects 中的不一致；该行未计入。"
_OTHER_EN = "project_id is not that of the row in projects; the row did not count."


@dataclass
class InlineProject:
    """A project as its rows tell it.

    `tables` are the rows that count, typed; `told` says of the others, and of those with a warning, what was found.
    """

    project_id: str
    tables: dict[str, pd.DataFrame]
    told: list[dict[str, Any]]
    unknown_columns: list[str]

    def called(self, project_id: str) -> dict[str, pd.DataFrame]:
        """The rows with the project under another id."""
        return {name: rows.assign(project_id=project_id) for name, rows in self.tables.items()}


def inline_project(asked: AssessRequest, at: pd.Timestamp, on_record: Callable[[str], bool]) -> InlineProject:
    """The project of a request that arrived at a moment; `on_record` says which enterprises are.

    Raises InvalidInput with every fault of all rows if the project's own row has one, ForbiddenColumn for
    personal data. Other rows with faults do not count and are told.
    """
    given = {name: getattr(asked, name) for name in TABLES}
    read = {name: _ReadTable.of(contract(name), rows, at) for name, rows in given.items() if rows}
    own = read[PROJECTS].rows
    project_id = str(own["project_id"].iloc[0]) if len(own) else None
    for table in read.values():
        table.refuse_others(project_id)
        table.refuse_ambiguous()
        table.wait_for(on_record)
    if project_id is None:
        raise _faulty(read.values())
    return InlineProject(
        project_id,
        {name: table.rows for name, table in read.items() if len(table.rows)},
        [told for table in read.values() for told in table.told()],
        [f"{name}.{heading}" for name, table in read.items() for heading in table.unknown],
    )


@dataclass
class _ReadTable:
    """Rows of one table, numbered from 1: those that count, and what was found in each."""

    table: TableContract
    rows: pd.DataFrame
    unknown: list[str]
    found: dict[int, list[dict[str, str]]] = field(default_factory=lambda: defaultdict(list))
    waiting: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, table: TableContract, rows: Sequence[JsonRow], at: pd.Timestamp) -> _ReadTable:
        cells, unknown = cells_of(table, rows)
        checked = check_rows(table, with_arrival(table, cells, at)[0], now=at)
        read = cls(table, checked.typed, unknown)
        for fault in (*checked.failures.to_dict("records"), *checked.warnings.to_dict("records")):
            read._note(fault["row"], fault["rule"], fault["column"], fault["zh"], fault["en"])
        read.refused |= set(checked.failures["row"])
        return read

    def refuse_others(self, project_id: str | None) -> None:
        """Refuse rows of any other project."""
        named = self.rows["project_id"]
        others = [] if project_id is None else named.index[named != project_id].tolist()
        for number in others:
            self._note(number, OTHER_PROJECT, "project_id", _OTHER_ZH, _OTHER_EN)
        self._without(others, self.refused)

    def refuse_ambiguous(self) -> None:
        """Refuse rows of one key and `recorded_at` that say different things; what is said twice counts once."""
        rows = self.rows.drop_duplicates()
        keys = record_keys(self.table, rows)
        twice = rows.index[
            pd.DataFrame({"key": keys, "at": rows["recorded_at"]}).duplicated(keep=False)
        ].tolist()
        for number in twice:
            moment = rows.loc[number, "recorded_at"].isoformat()
            said = sentences(AMBIGUOUS, key=shown(keys[number]), recorded_at=moment)
            self._note(number, AMBIGUOUS, "recorded_at", *said)
        self.rows = rows
        self._without(twice, self.refused)

    def wait_for(self, on_record: Callable[[str], bool]) -> None:
        """Leave out the rows of enterprises that are not on record."""
        if "enterprise_id" not in self.table.column_names:
            return
        column = self.table.column("enterprise_id")
        firms = self.rows[column.name]
        absent = firms.index[[not on_record(firm) for firm in firms]].tolist()
        for number in absent:
            words = {"title_zh": column.title_zh, "column": column.name, "parent": "enterprises"}
            said = sentences(MISSING_PARENT, value=shown(firms[number]), **words)
            self._note(number, MISSING_PARENT, column.name, *said)
        self._without(absent, self.waiting)

    def told(self) -> Iterator[dict[str, Any]]:
        """The rows of which there is something to say, as an AssessedRow says it."""
        for number in sorted(self.found):
            outcome = (
                "REFUSED" if number in self.refused else "WAITING" if number in self.waiting else "TAKEN"
            )
            yield {
                "table": self.table.name,
                "row_number": number,
                "outcome": outcome,
                "remarks": self.found[number],
            }

    def _note(self, number: int, rule: str, column: str, zh: str, en: str) -> None:
        self.found[int(number)].append({"rule": rule, "column": column, "message_zh": zh, "message_en": en})

    def _without(self, numbers: Sequence[int], apart: set[int]) -> None:
        self.rows = self.rows.drop(index=list(numbers))
        apart |= set(numbers)


def _faulty(tables: Any) -> InvalidInput:
    """Every fault of the rows that do not count."""
    faults = [
        (f"{told['table']}[{told['row_number'] - 1}].{remark['column']}", remark)
        for table in tables
        for told in table.told()
        if told["outcome"] != "TAKEN"
        for remark in told["remarks"]
    ]
    zh = "".join(f"{place}：{remark['message_zh']}" for place, remark in faults)
    en = " ".join(f"{place}: {remark['message_en']}" for place, remark in faults)
    return InvalidInput(zh=zh, en=en, field=faults[0][0] if faults else PROJECTS)
