"""What happened to a delivery: rows in and where they went, warnings, and the quality of each source's data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.contract import TableContract

EXAMPLES = 5
NOT_STATED = ""
COUNTS = ("rows_in", "stored", "unchanged", "quarantined", "released", "resolved", "corrections")
"""The name under which rows without `source_system` are counted."""


@dataclass
class RuleCount:
    """How often one rule was broken in one column, with the first few places."""

    column: str
    rule: str
    count: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class SourceQuality:
    """The data of one source system in one table: counts, from which the shares follow."""

    rows: int = 0
    quarantined: int = 0
    repeated: int = 0
    present: Counter[str] = field(default_factory=Counter)
    lateness: Counter[int] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Shares and days: completeness by column among rows that passed, lateness as median and 90th percentile.

        Lateness is whole days from the event to `recorded_at`; missing where the table has no such day.
        """
        passed = self.rows - self.quarantined
        return {
            "rows": self.rows,
            "quarantine_rate": self.quarantined / self.rows if self.rows else 0.0,
            "repeated": self.repeated,
            "completeness": {name: round(count / passed, 4) for name, count in self.present.items()}
            if passed
            else {},
            "lateness_days_median": _quantile(self.lateness, 0.5),
            "lateness_days_p90": _quantile(self.lateness, 0.9),
        }


@dataclass
class TableReport:
    """One table of a delivery. Rows in = stored + unchanged + quarantined, or the load is undone.

    Of each fault so many `examples` are spelled out; the numbers of `unchanged_rows` are noted where every
    row is to be told of (`IntakeOptions.each_row`).
    """

    table: str
    title_zh: str
    files: list[dict[str, Any]] = field(default_factory=list)
    rows_in: int = 0
    stored: int = 0
    unchanged: int = 0
    quarantined: int = 0
    released: int = 0
    resolved: int = 0
    corrections: int = 0
    store_version: int | None = None
    examples: int = EXAMPLES
    unchanged_rows: list[int] = field(default_factory=list)
    failures: dict[tuple[str, str], RuleCount] = field(default_factory=dict)
    warnings: dict[tuple[str, str], RuleCount] = field(default_factory=dict)
    quality: dict[str, SourceQuality] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows_in == self.stored + self.unchanged + self.quarantined

    def count(
        self, kind: str, faults: pd.DataFrame, source: str, counts: dict[tuple[str, str], int] | None = None
    ) -> None:
        """Add `failures` or `warnings`: one line a fault (row, column, rule, value, zh, en).

        `counts` has the true numbers by (column, rule) where `faults` does not spell out all.
        """
        kept = self.failures if kind == "failures" else self.warnings
        found = counts if counts is not None else Counter(zip(faults["column"], faults["rule"], strict=True))
        for (column, rule), number in found.items():
            entry = kept.setdefault((column, rule), RuleCount(column, rule))
            entry.count += number
            if len(entry.examples) < self.examples:
                same = faults[(faults["column"] == column) & (faults["rule"] == rule)]
                for fault in same.head(self.examples - len(entry.examples)).to_dict("records"):
                    shown = {name: fault[name] for name in ("value", "zh", "en")}
                    entry.examples.append({"source": source, "row": int(fault["row"]), **shown})

    def measure(self, contract: TableContract, typed: pd.DataFrame) -> None:
        """Add the completeness and lateness of rows that passed their contract."""
        systems = typed["source_system"].fillna(NOT_STATED)
        late = _days_late(contract, typed)
        for system in systems.unique():
            chosen = systems == system
            rows = typed if chosen.all() else typed[chosen]
            quality = self.quality.setdefault(str(system), SourceQuality())
            quality.rows += len(rows)
            quality.present.update({str(name): int(count) for name, count in rows.count().items()})
            if late is not None:
                days, counts = np.unique(late[chosen].dropna().to_numpy(dtype="int64"), return_counts=True)
                quality.lateness.update(dict(zip(days.tolist(), counts.tolist(), strict=True)))

    def measure_quarantined(self, systems: Iterable[object], *, passed: bool) -> None:
        """Add quarantined rows by their `source_system`; `passed` if `measure` has counted them already."""
        for system, count in Counter("" if pd.isna(s) else str(s).strip() for s in systems).items():  # type: ignore[call-overload]
            quality = self.quality.setdefault(system, SourceQuality())
            quality.quarantined += count
            quality.rows += 0 if passed else count

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in the JSON report."""
        plain = {
            name: getattr(self, name) for name in ("table", "title_zh", "files", *COUNTS, "store_version")
        }
        return plain | {
            "failures": [asdict(entry) for entry in self.failures.values()],
            "warnings": [asdict(entry) for entry in self.warnings.values()],
            "quality": {system: quality.to_dict() for system, quality in sorted(self.quality.items())},
        }


@dataclass
class IntakeReport:
    """The report of one `check` or `load`; `to_json()` for machines, `str()` for people.

    `store` is the address of the record store that the delivery met; None if it was checked by itself.
    """

    source: str
    kind: str
    contract_version: str
    store: str | None
    tables: dict[str, TableReport] = field(default_factory=dict)
    refused: list[dict[str, str]] = field(default_factory=list)
    unknown_files: list[str] = field(default_factory=list)

    @property
    def quarantined(self) -> int:
        """Rows in quarantine, over all tables."""
        return sum(table.quarantined for table in self.tables.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        totals = {name: sum(getattr(table, name) for table in self.tables.values()) for name in COUNTS}
        return {
            "kind": self.kind,
            "source": self.source,
            "store": self.store,
            "contract_version": self.contract_version,
            "totals": totals,
            "tables": [table.to_dict() for table in self.tables.values()],
            "refused": self.refused,
            "unknown_files": self.unknown_files,
        }

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    def __str__(self) -> str:
        from data_contracts.report_text import report_text

        return report_text(self)


def _days_late(contract: TableContract, typed: pd.DataFrame) -> pd.Series | None:
    """Whole days from the event to the moment it was on file."""
    if contract.happened is None or not contract.column("recorded_at").required:
        return None
    return (typed["recorded_at"].dt.normalize() - typed[contract.happened].dt.normalize()).dt.days


def _quantile(counts: Counter[int], share: float) -> int | None:
    """The smallest value at or below which at least `share` of the counted values lie; None without any."""
    total, seen = sum(counts.values()), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= share * total:
            return value
    return None
