"""Taking records in: every row of a delivery is stored, found unchanged, or put into quarantine with its reason.

Tables are loaded parents first, each in one transaction: killed at any moment, the store holds the whole
table's load or none of it. Memory follows the chunk, not the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from data_contracts.contract import contract_set_version, contracts
from data_contracts.errors import SiteriskError, SourceUnreadable
from data_contracts.moments import now as this_moment
from data_contracts.progress import Progress, silent
from data_contracts.quality_report import IntakeReport
from data_contracts.record_sources import open_source
from data_contracts.record_store import RecordStore, arrival
from data_contracts.row_chunks import CHUNK_ROWS
from data_contracts.store_connection import connected, one_transaction
from data_contracts.table_intake import IntakeOptions, take_table

Source = str | Path | Mapping[str, pd.DataFrame]
_REHEARSED_VERSIONS = 1 << 40  # beyond any real store version, so that a rehearsal stands in nobody's way


def load(
    source: Source,
    store: RecordStore,
    *,
    now: pd.Timestamp | None = None,
    stamp_missing: bool = False,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = silent,
) -> IntakeReport:
    """Validate a delivery and store it; what fails goes to quarantine, and nothing is dropped.

    `source` is a folder, a file, a database URL or frames of texts by table. With `stamp_missing`, rows
    without `recorded_at` are recorded at `now`, unless they say what the store's newest version of their
    key says. A file with a personal column is refused whole, and named in the report. Raises
    SourceUnreadable, StoreBusy or StoreUnavailable; tables loaded before that stay.
    """
    with connected(store.engine) as connection:
        options = IntakeOptions(_arrival(connection, now), stamp_missing, chunk_rows)
        return _take_in(source, connection, options, progress, kind="load", store=store)


def check(
    source: Source,
    *,
    store: RecordStore | None = None,
    now: pd.Timestamp | None = None,
    stamp_missing: bool = False,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = silent,
) -> IntakeReport:
    """What `load` would do and say, with nothing stored: against an empty store, or against `store` as it is."""
    first_version = _REHEARSED_VERSIONS if store is not None else 0
    with _rehearsal(store) as connection:
        options = IntakeOptions(_arrival(connection, now), stamp_missing, chunk_rows, first_version)
        return _take_in(source, connection, options, progress, kind="check", store=store)


def _arrival(connection: sa.Connection, now: pd.Timestamp | None) -> pd.Timestamp:
    with one_transaction(connection):
        return arrival(connection, now or this_moment())


def _take_in(
    source: Source,
    connection: sa.Connection,
    options: IntakeOptions,
    progress: Progress,
    *,
    kind: str,
    store: RecordStore | None,
) -> IntakeReport:
    opened = open_source(source)
    report = IntakeReport(
        opened.name,
        kind,
        contract_set_version(),
        store.url if store is not None else None,
        unknown_files=opened.unknown,
    )
    for file in opened.refused:
        _refuse(report, file.name, file.error)
    for name, table in contracts().items():
        try:
            taken = take_table(connection, table, opened, options, progress)
        except SourceUnreadable as error:  # broken in the middle: nothing of this table is taken in
            _refuse(report, name, error)
            continue
        if taken is not None:
            report.tables[name] = taken
    return report


def _refuse(report: IntakeReport, name: str, error: SiteriskError) -> None:
    report.refused.append({"name": name, "code": error.code, "zh": error.zh, "en": error.en})


@contextmanager
def _rehearsal(store: RecordStore | None) -> Iterator[sa.Connection]:
    """A connection on which a delivery can be taken in without a trace: a copy, or a transaction undone."""
    if store is not None and store.engine.dialect.name == "postgresql":
        with connected(store.engine) as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()
        return
    with tempfile.TemporaryDirectory(prefix="siterisk-check-") as folder:
        url = f"sqlite:///{folder}/store.db"
        with RecordStore.open(url) as copy:
            if store is not None:
                store.copy_to(copy)
            with connected(copy.engine) as connection:
                yield connection
