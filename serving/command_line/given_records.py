"""The option `--records`, the same for every command that reads records."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_contracts.progress import Progress
from serving.settings import load_settings

if TYPE_CHECKING:
    from data_contracts.records import Records
    from serving.grading.grade_store import GradeStore

RecordsOption = Annotated[
    str | None,
    typer.Option(
        "--records",
        help="SOURCE：记录的来源；省略则用本机的记录库。 "
        "SOURCE of the records; the installation's record store unless told.",
    ),
]


def records_of(source: str | None, progress: Progress, until: str | None = None) -> Records:
    """The records that the option names; with `until` nothing recorded after that day."""
    from data_contracts.records import open_records

    address = source or load_settings(os.environ, Path.cwd()).store_url
    return open_records(address, until=until, progress=progress)


def grade_store_of(records: str | None) -> GradeStore | None:
    """Where runs over these records are kept: in their store; None for records that come from elsewhere."""
    from data_contracts.record_store import RecordStore
    from data_contracts.source_databases import is_store
    from serving.grading.grade_store import GradeStore

    address = records or load_settings(os.environ, Path.cwd()).store_url
    if "://" not in address or (records is not None and not is_store(address)):
        return None
    return GradeStore(RecordStore.open(address, create=False).engine)
