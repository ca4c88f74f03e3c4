"""The report of a delivery as people read it: Chinese and English, one line a table, then what to look at."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from data_contracts.record_sources import XLS_WAY_OUT

if TYPE_CHECKING:
    from data_contracts.quality_report import IntakeReport, TableReport

_COUNTS = (
    ("rows_in", "收到 in"),
    ("stored", "入库 stored"),
    ("unchanged", "未变 unchanged"),
    ("quarantined", "隔离 quarantined"),
    ("released", "放行 released"),
    ("corrections", "更正 corrected"),
)


def report_text(report: IntakeReport) -> str:
    """The whole report as lines of text."""
    head = "数据校验 Check" if report.kind == "check" else "数据入库 Load"
    lines = [f"{head}: {report.source} (contracts {report.contract_version})"]
    if report.store is not None:
        lines += [f"记录库 record store: {report.store}", ""]
    else:
        lines += ["未与记录库对照，只校验本次数据 · checked by itself, against no record store", ""]
    lines += _table(
        [["表 table", *(title for _, title in _COUNTS)], *(_counts(t) for t in report.tables.values())]
    )
    lines += ["收到 = 入库 + 未变 + 隔离 · in = stored + unchanged + quarantined"]
    for refused in report.refused:
        lines += ["", f"拒收 refused: {refused['name']}", f"  {refused['zh']}", f"  {refused['en']}"]
    if report.unknown_files:
        lines += ["", f"未识别，未读取 not recognised, not read: {', '.join(report.unknown_files)}"]
        if any(name.lower().endswith(".xls") for name in report.unknown_files):
            lines += [f"  {sentence}" for sentence in XLS_WAY_OUT]
    for table in report.tables.values():
        lines += _details(table)
    return "\n".join(lines)


def _counts(table: TableReport) -> list[str]:
    return [f"{table.title_zh} {table.table}", *(f"{getattr(table, name):,}" for name, _ in _COUNTS)]


def _details(table: TableReport) -> Iterator[str]:
    found = [("隔离 quarantine", table.failures), ("提示 warning", table.warnings)]
    files = [line for file in table.files for line in _file_remarks(file)]
    if files or any(entries for _, entries in found):
        yield ""
        yield f"{table.title_zh} {table.table}"
    yield from files
    for word, entries in found:
        for entry in sorted(entries.values(), key=lambda entry: -entry.count):
            yield f"  {word} {entry.rule} {entry.column}: {entry.count:,}"
            for example in entry.examples[:1]:
                yield f"    {example['source']} 第{example['row']}行 row {example['row']}: {example['zh']}"
                yield f"    {example['en']}"
    for system, quality in sorted(table.quality.items()):
        shares = quality.to_dict()
        late = shares["lateness_days_median"]
        if late is not None and (len(table.quality) > 1 or table.failures or table.warnings):
            yield (
                f"  来源 source {system or '未注明 not stated'}: {shares['rows']:,} rows, "
                f"隔离率 quarantined {shares['quarantine_rate']:.1%}, "
                f"报送迟延 lateness median {late} d, p90 {shares['lateness_days_p90']} d"
            )


def _file_remarks(file: dict[str, Any]) -> Iterator[str]:
    if file["encoding"] not in (None, "utf-8"):
        yield f"  {file['name']}: 编码 encoding {file['encoding']}"
    if file["unknown_columns"]:
        yield f"  {file['name']}: 未知列，未读取 unknown columns, not read: {', '.join(file['unknown_columns'])}"


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(_width(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) if place == 0 else " " * (width - _width(cell)) + cell
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _width(text: str) -> int:
    """Columns that a text takes on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
