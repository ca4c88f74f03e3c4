"""One table of a delivery, from the files' rows to what became of each of them."""

from __future__ import annotations

import csv
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from data_contracts.contract import TableContract, contract, contract_set_version
from data_contracts.errors import SiteriskError, SourceUnreadable
from data_contracts.progress import Progress, silent
from data_contracts.quality_report import EXAMPLES, RuleCount, TableReport
from data_contracts.quarantine import (
    damaged_rows,
    entries,
    failed_rows,
    has_open_entries,
    rows_set_aside,
    store_entries,
)
from data_contracts.quarantine_exits import KeylessRows, close_corrected
from data_contracts.record_sources import RecordFile, RecordSource
from data_contracts.record_store import newest_version
from data_contracts.row_chunks import CHUNK_ROWS, RowChunk
from data_contracts.rule_book import sentences
from data_contracts.staging import Staging
from data_contracts.store_connection import one_transaction, writing
from data_contracts.typed_tables import with_recorded_at
from data_contracts.validation import check_rows
from data_contracts.waiting_rows import QUARANTINE, number_batch, release_below, take_waiting


@dataclass(frozen=True)
class IntakeOptions:
    """How a delivery is read.

    `stamp_missing`: rows without `recorded_at` get the moment of arrival. `first_version`: store versions
    given are greater than this. `each_row`: the report spells out every fault and names the unchanged rows.
    """

    now: pd.Timestamp
    stamp_missing: bool = False
    chunk_rows: int = CHUNK_ROWS
    first_version: int = 0
    each_row: bool = False

    def report(self, table: TableContract) -> TableReport:
        """The report of a table's rows, of which nothing has come in yet."""
        examples = sys.maxsize if self.each_row else EXAMPLES
        return TableReport(table.name, table.title_zh, examples=examples)


def take_table(
    connection: sa.Connection,
    table: TableContract,
    source: RecordSource,
    options: IntakeOptions,
    progress: Progress,
) -> TableReport | None:
    """Take in all that `source` delivers of one table, and rows of it that waited in quarantine.

    None if there was nothing of either. Raises SourceUnreadable if a file breaks off in the middle;
    nothing of the table is stored then.
    """
    files = source.files_of(table.name)
    if not files and not _waits(connection, table):
        return None
    taken = options.report(table)
    with _staged(connection, table) as staging:
        delivery = _Delivery(staging, files, options, taken)
        delivery.read(progress)
        with _deciding(connection):
            delivery.decide()
    return taken if files or taken.released else None


def take_batch(
    connection: sa.Connection,
    file: RecordFile,
    options: IntakeOptions,
    before_deciding: Callable[[sa.Connection], None],
) -> TableReport:
    """Take in one file, and rows of any table that waited for its rows, in one transaction.

    `before_deciding` is called once the transaction holds the store's lock; what it raises undoes the batch.
    The report's `store_version` is the newest one of the store after the batch, whether or not it stored
    anything.
    """
    table = contract(file.table)
    taken = options.report(table)
    with _staged(connection, table) as staging:
        delivery = _Delivery(staging, [file], options, taken)
        delivery.read(silent)
        with writing(connection):
            before_deciding(connection)
            delivery.decide()
            if taken.stored or taken.released:
                taken.released += release_below(connection, table, options.now)
            taken.store_version = newest_version(connection)
    return taken


def with_arrival(
    table: TableContract, cells: pd.DataFrame, arrival: pd.Timestamp
) -> tuple[pd.DataFrame, pd.Series | None]:
    """Cells with the moment of arrival where a `recorded_at` is missing that has to be there, and in which rows."""
    if not table.column("recorded_at").required:
        return cells, None
    if "recorded_at" not in cells:
        return cells.assign(recorded_at=arrival.isoformat()), pd.Series(True, index=cells.index)
    missing = cells["recorded_at"].isna()
    return cells.assign(recorded_at=cells["recorded_at"].fillna(arrival.isoformat())), missing


@contextmanager
def _staged(connection: sa.Connection, table: TableContract) -> Iterator[Staging]:
    """The temporary tables of a delivery, dropped at the end however it ends."""
    staging = Staging(connection, table)
    try:
        yield staging
    except BaseException:
        with suppress(SQLAlchemyError):
            staging.close()
        raise
    staging.close()


def _waits(connection: sa.Connection, table: TableContract) -> bool:
    with one_transaction(connection):
        return has_open_entries(connection, table.name)


def _deciding(connection: sa.Connection) -> AbstractContextManager[object]:
    """The transaction of one table; part of a larger one where a delivery is only rehearsed."""
    return connection.begin_nested() if connection.in_transaction() else writing(connection)


class _Delivery:
    """The rows of one table on their way through reading and deciding."""

    def __init__(
        self,
        staging: Staging,
        files: list[RecordFile],
        options: IntakeOptions,
        taken: TableReport,
    ) -> None:
        self.connection, self.table, self.files = staging.connection, staging.contract, files
        self.staging, self.options, self.taken = staging, options, taken
        self.keyless = KeylessRows(staging)

    def read(self, progress: Progress) -> None:
        """All chunks of all files, checked and set down beside the store."""
        for source_no, file in enumerate(self.files):
            before = self.taken.rows_in
            for chunk in _chunks(file, self.options.chunk_rows):
                self._take(chunk, file, source_no)
                progress(self.table.name, self.taken.rows_in, None)
            self.taken.files.append(
                {
                    "name": file.name,
                    "encoding": file.encoding,
                    "rows": self.taken.rows_in - before,
                    "unknown_columns": list(file.unknown_columns),
                    "absent_columns": [c for c in self.table.column_names if c not in file.columns],
                }
            )
        progress(self.table.name, self.taken.rows_in, self.taken.rows_in)

    def decide(self) -> None:
        """Say of every row what becomes of it, under the store's lock, and hold the sum against the rows in."""
        now, taken = self.options.now, self.taken
        self.staging.decide()
        self._quarantine_set_aside()
        store_entries(self.connection, self.staging, now)
        examples = self.staging.corrections(min(taken.examples, taken.rows_in))
        version = max(newest_version(self.connection), self.options.first_version) + 1
        decision = self.staging.store(
            store_version=version, contract_version=contract_set_version(), loaded_at=now
        )
        taken.stored, taken.unchanged, taken.corrections = (
            decision.stored,
            decision.unchanged,
            decision.corrections,
        )
        taken.quarantined += decision.set_aside
        self._report_corrections(examples)
        for system, count in self.staging.repeated_by_system().items():
            taken.quality[system].repeated += count
        if self.options.each_row:
            taken.unchanged_rows = self.staging.unchanged_rows()
        taken.resolved = close_corrected(self.staging, self.keyless, now)
        released, taken.released = take_waiting(self.connection, self.table, version, now)
        if decision.stored or released:
            taken.store_version = version
            source = ", ".join(file.name for file in self.files) or QUARANTINE
            stored = decision.stored + released
            number_batch(self.connection, self.table, version, rows=stored, source=source, now=now)
        if not taken.adds_up:
            raise _lost_rows(taken)

    def _take(self, chunk: RowChunk, file: RecordFile, source_no: int) -> None:
        table, taken, now = self.table, self.taken, self.options.now
        taken.rows_in += len(chunk)
        cells = chunk.rows[[name for name in table.column_names if name in chunk.rows]]
        cells, is_stamped = with_arrival(table, cells, now) if self.options.stamp_missing else (cells, None)
        checked = check_rows(table, cells, now=now)
        typed = with_recorded_at(table, checked.typed)
        stamped = is_stamped[typed.index].to_numpy() if is_stamped is not None else None
        self.staging.add(typed, source_no=source_no, stamped=stamped)
        self.keyless.look_among(cells.loc[typed.index], source_no)
        taken.measure(table, typed)
        taken.count("warnings", checked.warnings, file.name, checked.warning_counts)
        if len(checked.failures):
            failed = failed_rows(cells, checked.failures, file.name)
            taken.quarantined += len(failed.cells)
            systems = failed.cells.get("source_system", pd.Series(None, index=failed.cells.index))
            taken.measure_quarantined(systems, passed=False)
            taken.count("failures", checked.failures, file.name)
            self.staging.add_failures(entries(table, failed, checked.failures, now))
        if chunk.damaged:
            rows, failures = damaged_rows(chunk.damaged, file.name)
            taken.quarantined += len(failures)
            taken.measure_quarantined([None] * len(failures), passed=False)
            taken.count("failures", failures, file.name)
            self.staging.add_failures(entries(table, rows, failures, now))

    def _quarantine_set_aside(self) -> None:
        names = [file.name for file in self.files]
        for rows, reasons in self.staging.set_aside():
            aside, failures = rows_set_aside(self.table, rows, reasons, names)
            self.staging.add_failures(entries(self.table, aside, failures, self.options.now))
            numbers = dict(zip(rows.index, aside.numbers, strict=True))
            shown = failures.assign(row=failures["row"].map(numbers))
            self.taken.count(
                "failures", shown, names[0] if len(names) == 1 else ", ".join(sorted(set(aside.sources)))
            )
            self.taken.measure_quarantined(rows["source_system"], passed=True)

    def _report_corrections(self, found: pd.DataFrame) -> None:
        if len(found):
            rule = "back_dated_correction"
            entry = RuleCount("recorded_at", rule, self.taken.corrections)
            self.taken.warnings["recorded_at", rule] = entry
            for row in found.itertuples():
                source_no, number = int(str(row.source_no)), int(str(row.row_number))
                zh, en = sentences(rule, key=row.record_key, recorded_at=row.recorded_at)
                source = self.files[source_no].name
                entry.examples.append(
                    {
                        "source": source,
                        "row": number,
                        "value": str(row.recorded_at),
                        "zh": zh,
                        "en": en,
                    }
                )


_BROKEN = (
    pa.ArrowException,
    zlib.error,
    zipfile.BadZipFile,
    ParseError,
    csv.Error,
    UnicodeError,
    OSError,
    EOFError,
)


def _chunks(file: RecordFile, chunk_rows: int) -> Iterator[RowChunk]:
    try:
        yield from file.chunks(chunk_rows)
    except _BROKEN as error:
        raise SourceUnreadable(
            zh=f"{file.name} 读到中途损坏，该表未入库：{str(error)[:200]}",
            en=f"{file.name} is broken in the middle; nothing of the table was taken in: {str(error)[:200]}",
        ) from error


def _lost_rows(taken: TableReport) -> SiteriskError:
    return SiteriskError(
        zh=f"表 {taken.table} 的行数不符：收到{taken.rows_in}，入库{taken.stored}，未变{taken.unchanged}，"
        f"隔离{taken.quarantined}；该表的入库已撤销。",
        en=f"Rows of {taken.table} do not add up: {taken.rows_in} in, {taken.stored} stored, "
        f"{taken.unchanged} unchanged, {taken.quarantined} quarantined. The load of the table was undone.",
    )
