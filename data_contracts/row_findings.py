"""Findings as rows of a report: which row, column and rule, the value as it came, and what to say of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from data_contracts.cell_screening import Finding, reads_as_gb18030
from data_contracts.code_list import CodeList, code_list
from data_contracts.contract import Column, TableContract, TableRule
from data_contracts.row_rules import blamed_column
from data_contracts.rule_book import sentences, shown

REPORT_COLUMNS = ("row", "column", "rule", "value", "zh", "en")
WARNINGS_SHOWN = 1000  # of one rule in one column and one call; all are counted
DEFAULT_MAX_LENGTH = 100  # of a number, date or yes/no as text: no honest one is longer


class Report:
    """The faults of one chunk of rows, gathered column by column and rule by rule."""

    def __init__(self, contract: TableContract, raw: pd.DataFrame) -> None:
        self._contract = contract
        self._raw = raw
        self._refused: dict[str, np.ndarray] = {}
        self._failures: list[tuple[Any, ...]] = []
        self._warnings: list[tuple[Any, ...]] = []
        self.bad = np.zeros(len(raw), dtype=bool)
        self.warning_counts: dict[tuple[str, str], int] = {}

    def add_cells(self, findings: list[Finding], *, unreadable: bool) -> None:
        """Findings about single cells; `unreadable` where an error means that the cell gave no value."""
        for finding in findings:
            if finding.is_warning:
                self._count(finding.column, finding.rule, len(finding.positions))
                self._warnings += self._cell_lines(finding, finding.positions[:WARNINGS_SHOWN])
            elif len(finding.positions):
                self.bad[finding.positions] = True
                if unreadable:
                    refused = self.refused(finding.column).copy()
                    refused[finding.positions] = True
                    self._refused[finding.column] = refused
                self._failures += self._cell_lines(finding, finding.positions)

    def add_rule(self, rule: TableRule, positions: np.ndarray) -> None:
        """Rows that break a rule of the table."""
        if rule.severity == "error":
            self.bad[positions] = True
            self._failures += self._rule_lines(rule, positions)
        elif len(positions):
            self._count(blamed_column(rule), rule.code, len(positions))
            self._warnings += self._rule_lines(rule, positions[:WARNINGS_SHOWN])

    def refused(self, column: str) -> np.ndarray:
        """Which rows have a cell in `column` that gave no value; rules over the row do not judge those."""
        return self._refused.get(column, np.zeros(len(self._raw), dtype=bool))

    def failures(self) -> pd.DataFrame:
        """All errors, in the order of the source's rows."""
        return self._frame(self._failures)

    def warnings(self) -> pd.DataFrame:
        """Warnings, at most 1,000 a rule and column, in the order of the source's rows."""
        return self._frame(self._warnings)

    def _count(self, column: str, rule: str, number: int) -> None:
        self.warning_counts[column, rule] = self.warning_counts.get((column, rule), 0) + number

    def _frame(self, lines: list[tuple[Any, ...]]) -> pd.DataFrame:
        ordered = sorted(lines, key=lambda line: line[0])
        labels = self._raw.index.take([line[0] for line in ordered])
        lines = [(label, *line[1:]) for label, line in zip(labels, ordered, strict=True)]
        return pd.DataFrame(lines, columns=list(REPORT_COLUMNS), dtype=object)

    def _cell_lines(self, finding: Finding, positions: np.ndarray) -> list[tuple[Any, ...]]:
        """(position, column, rule, value, zh, en) for each position; each distinct cell is worded once."""
        column = self._contract.column(finding.column)
        said: dict[tuple[Any, Any], tuple[str, str, str]] = {}
        lines = []
        for i, (position, cell) in enumerate(
            zip(positions, self._cells(column.name, positions), strict=True)
        ):
            read_as = None if finding.read_as is None else finding.read_as[i]
            if (cell, read_as) not in said:
                said[cell, read_as] = _say(finding.rule, column, cell, read_as)
            lines.append((position, column.name, finding.rule, *said[cell, read_as]))
        return lines

    def _rule_lines(self, rule: TableRule, positions: np.ndarray) -> list[tuple[Any, ...]]:
        blamed = blamed_column(rule)
        cells = {
            name: [shown(cell).strip() for cell in self._cells(name, positions)] for name in rule.columns
        }
        lines = []
        for i, position in enumerate(positions):
            values = {name: texts[i] for name, texts in cells.items()}
            zh, en = rule.zh.format(**values), rule.en.format(**values)
            lines.append((position, blamed, rule.code, values[blamed], zh, en))
        return lines

    def _cells(self, column: str, positions: np.ndarray) -> list[str]:
        """The cells as they came; an empty text where there was none."""
        if column not in self._raw.columns:
            return [""] * len(positions)
        return ["" if pd.isna(cell) else str(cell) for cell in self._raw[column].take(positions)]


def _say(rule: str, column: Column, cell: str, read_as: object) -> tuple[str, str, str]:
    """The value as shown and the two sentences about it."""
    words: dict[str, object] = {
        "column": column.name,
        "title_zh": column.title_zh,
        "value": shown(cell),
        "length": len(cell),
        "read_as": read_as,
        "max_length": column.max_length or DEFAULT_MAX_LENGTH,
        "minimum": "−∞" if column.minimum is None else f"{column.minimum:.15g}",
        "maximum": "∞" if column.maximum is None else f"{column.maximum:.15g}",
        "unit": f" {column.unit}" if column.unit else "",
    }
    if rule == "encoding":
        words |= _gb18030_words(cell)
    if rule in ("unknown_code", "retired_code"):
        words |= _list_words(code_list(column.code_list or column.list_of or ""), cell.strip())
    return shown(cell), *sentences(rule, **words)


def _gb18030_words(cell: str) -> dict[str, str]:
    text = reads_as_gb18030(cell)
    if text is None:
        return {"read_as_zh": "", "read_as_en": ""}
    return {
        "read_as_zh": f"（按GB18030读作“{shown(text)}”）",
        "read_as_en": f' (GB18030 reads "{shown(text)}")',
    }


def _list_words(listed: CodeList, value: str) -> dict[str, str]:
    near = _nearest(listed, value)
    return {
        "list": f"{listed.name} {listed.version}",
        "suggestion_zh": f"，是否应为{near}（{listed.codes[near].zh}）" if near else "",
        "suggestion_en": f"; {near} ({listed.codes[near].en}) meant?" if near else "",
    }


def _nearest(listed: CodeList, value: str) -> str | None:
    """A code that differs in case or leading zeros only, or whose name was written instead."""
    for code in listed.codes.values():
        names = (code.code.lower(), code.code.lstrip("0").lower(), code.zh, code.en.lower())
        if value.lower() in names or (value.isdigit() and value.lstrip("0") == code.code):
            return code.code
    return None
