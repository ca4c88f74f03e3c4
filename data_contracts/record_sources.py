"""Where records come from: a folder of CSV, Excel and Parquet files, a database, or frames in memory.

Files are named after the tables (English name or Chinese title), alone or followed by a mark and a part:
`violations.csv`, `违法违规行为与隐患.xlsx`, `violations_2024.csv`, or a folder `violations/` of parts. A
workbook may instead hold one sheet a table. All of them give the same: texts in chunks, with row numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from data_contracts.column_headings import column_names_of, forbidden_columns
from data_contracts.contract import TableContract, contract, contracts
from data_contracts.csv_files import csv_chunks, csv_header
from data_contracts.errors import ForbiddenColumn, SiteriskError, SourceUnreadable
from data_contracts.excel_files import excel_sheets
from data_contracts.parquet_files import arrow_chunks, parquet_chunks, parquet_columns
from data_contracts.row_chunks import RowChunk, chunks_of_rows
from data_contracts.rule_book import sentences
from data_contracts.source_databases import database_tables
from data_contracts.text_encoding import text_encoding

SUFFIXES = (".csv", ".tsv", ".xlsx", ".parquet")
XLS_WAY_OUT = (
    "旧格式 .xls 不读取，请另存为 .xlsx 或 CSV 后重新报送。",
    "The old format .xls is not read: save it as .xlsx or CSV and deliver it again.",
)
_MARKS = "-_. (（"
_NOT_RECORDS = ("snapshot.json", "~$", ".")


@dataclass(frozen=True)
class RecordFile:
    """One file, sheet or SQL table with records of one contract table, ready to be read in chunks.

    `columns` are the names of the contract where they were recognised, else the names as they stand.
    """

    table: str
    name: str
    columns: tuple[str, ...]
    encoding: str | None
    chunks: Callable[[int], Iterator[RowChunk]]

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """Columns that the table's contract does not have; they are not read."""
        known = contract(self.table).column_names
        return tuple(name for name in self.columns if name not in known)


@dataclass(frozen=True)
class RefusedFile:
    """A file that is not taken in at all, and why."""

    name: str
    table: str | None
    error: SiteriskError


@dataclass
class RecordSource:
    """All that a source delivers: files to be read, files refused with the reason, names nobody knows."""

    name: str
    files: list[RecordFile] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def files_of(self, table: str) -> list[RecordFile]:
        """The files with records of one table, in the order in which they are read."""
        return [file for file in self.files if file.table == table]

    @property
    def has_xls(self) -> bool:
        """Whether a workbook of the old format was left unread."""
        return any(name.lower().endswith(".xls") for name in self.unknown)


def open_source(source: str | Path | Mapping[str, pd.DataFrame]) -> RecordSource:
    """What `source` delivers: a folder, one file, a database URL, or frames of texts by table.

    Headers are read here, so that files with personal columns are refused before a row is. Raises
    SourceUnreadable for a source that is not there or holds nothing named after a table.
    """
    if isinstance(source, Mapping):
        return _frames(source)
    if "://" in str(source):
        return _database(str(source))
    path = Path(source)
    if not path.exists():
        raise SourceUnreadable(zh=f"数据来源不存在：{path}", en=f"There is nothing at {path}.")
    opened = RecordSource(str(path))
    for file in [path] if path.is_file() else _files_below(path, opened):
        _open_file(file, opened)
    if not opened.files and not opened.refused:
        zh, en = XLS_WAY_OUT if opened.has_xls else ("", "")
        raise SourceUnreadable(
            zh=f"{path} 中没有以数据表命名的 CSV、Excel 或 Parquet 文件，例如 projects.csv。{zh}",
            en=f"{path} holds no CSV, Excel or Parquet file named after a table, such as projects.csv. {en}".strip(),
        )
    return opened


def table_named(name: str) -> str | None:
    """The contract table that a file, sheet or SQL table is named after; None if there is none.

    >>> table_named("Violations_2024"), table_named("工作日历"), table_named("notes")
    ('violations', 'calendar_days', None)
    """
    given = name.strip().lower()
    names = {
        alias.lower(): table.name for table in contracts().values() for alias in (table.name, table.title_zh)
    }
    if given in names:
        return names[given]
    starts = [alias for alias in names if given.startswith(alias) and given[len(alias)] in _MARKS]
    return names[max(starts, key=len)] if starts else None


def recognised(table: TableContract, header: Sequence[object]) -> list[str]:
    """The cells of a header as names: those of the contract where they are recognised, else as they stand.

    Raises ForbiddenColumn for personal data, SourceUnreadable if a name occurs twice.
    """
    headings = [str(cell if cell is not None else "").strip(" \ufeff\r\n\t") for cell in header]
    refuse_personal(headings)
    meant = column_names_of(table, headings)
    names = [
        meant.get(heading, heading) or f"column {place}" for place, heading in enumerate(headings, start=1)
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceUnreadable(
            zh=f"字段 {'、'.join(twice)} 出现了不止一次，无法判断以哪一列为准。",
            en=f"Column {', '.join(twice)} occurs more than once: nobody can say which one holds.",
            field=twice[0],
        )
    return names


def refuse_personal(headings: Sequence[str]) -> None:
    """Raise ForbiddenColumn, by name and with the reason, if any of the headings is of personal data."""
    personal = forbidden_columns(headings)
    if personal:
        said = [
            sentences("forbidden_column", column=c.name, group_zh=c.group_zh, group_en=c.group_en)
            for c in personal
        ]
        raise ForbiddenColumn(
            zh="".join(zh for zh, _ in said), en=" ".join(en for _, en in said), field=personal[0].name
        )


def _files_below(folder: Path, opened: RecordSource, within: str = "") -> Iterator[Path]:
    """Files to be read, those in a table's folder of parts included; the names of all others are kept."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(_NOT_RECORDS):
            continue
        if path.is_dir() and not within and table_named(path.name):
            yield from _files_below(path, opened, within=f"{path.name}/")
        elif path.is_file() and path.suffix.lower() in SUFFIXES:
            yield path
        else:
            opened.unknown.append(within + path.name)


def _open_file(path: Path, opened: RecordSource) -> None:
    table = table_named(path.stem) or table_named(path.parent.name)
    suffix = path.suffix.lower()
    try:
        if suffix == ".xlsx":
            _open_workbook(path, table, opened)
        elif table is None or suffix not in SUFFIXES:
            opened.unknown.append(path.name)
        elif suffix == ".parquet":
            columns = recognised(contract(table), parquet_columns(path))
            opened.files.append(
                RecordFile(
                    table, path.name, tuple(columns), None, lambda rows: parquet_chunks(path, columns, rows)
                )
            )
        else:
            encoding = text_encoding(path)
            columns = recognised(contract(table), csv_header(path, encoding))
            opened.files.append(
                RecordFile(
                    table,
                    path.name,
                    tuple(columns),
                    encoding.removesuffix("-sig"),
                    lambda rows: csv_chunks(path, columns, encoding, rows),
                )
            )
    except SiteriskError as error:
        opened.refused.append(RefusedFile(path.name, table, error))
    except (OSError, UnicodeError, csv.Error) as error:
        opened.refused.append(RefusedFile(path.name, table, _no_header(path, error)))


def _no_header(path: Path, error: Exception) -> SourceUnreadable:
    return SourceUnreadable(
        zh=f"{path.name} 的表头无法读取：{str(error)[:200]}",
        en=f"The header of {path.name} cannot be read: {str(error)[:200]}",
    )


def _open_workbook(path: Path, table: str | None, opened: RecordSource) -> None:
    """Sheets named after tables, or the only visible sheet of a workbook that is itself named after one."""
    found = excel_sheets(path)
    opened.unknown += [f"{path.name}[{sheet.title}] 隐藏 hidden" for sheet in found if sheet.is_hidden]
    sheets = [sheet for sheet in found if not sheet.is_hidden]
    for sheet in sheets:
        meant = table_named(sheet.title) or (table if len(sheets) == 1 else None)
        name = path.name if len(sheets) == 1 else f"{path.name}[{sheet.title}]"
        if meant is None or not sheet.header:
            opened.unknown.append(name)
            continue
        try:
            columns = recognised(contract(meant), sheet.header)
        except SiteriskError as error:
            opened.refused.append(RefusedFile(name, meant, error))
            continue
        opened.files.append(
            RecordFile(
                meant,
                name,
                tuple(columns),
                None,
                lambda rows, sheet=sheet, columns=columns: chunks_of_rows(  # type: ignore[misc]
                    columns, sheet.rows(columns), chunk_rows=rows
                ),
            )
        )


def _database(url: str) -> RecordSource:
    name, tables, unknown = database_tables(url, table_named)
    opened = RecordSource(name, unknown=unknown)
    for table in tables:
        try:
            columns = recognised(contract(table.contract), table.columns)
        except SiteriskError as error:
            opened.refused.append(RefusedFile(table.name, table.contract, error))
            continue
        opened.files.append(
            RecordFile(
                table.contract,
                table.name,
                tuple(columns),
                None,
                lambda rows, table=table, columns=columns: table.chunks(columns, rows),  # type: ignore[misc]
            )
        )
    return opened


def _frames(frames: Mapping[str, pd.DataFrame]) -> RecordSource:
    opened = RecordSource("memory")
    for table, frame in frames.items():
        columns = recognised(contract(table), list(frame.columns))
        opened.files.append(
            RecordFile(
                table,
                table,
                tuple(columns),
                None,
                lambda rows, frame=frame, columns=columns: arrow_chunks(frame, columns, rows),  # type: ignore[misc]
            )
        )
    return opened
