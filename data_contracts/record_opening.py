"""Which kind of source an address names, and the records behind it."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from data_contracts.errors import SourceUnreadable
from data_contracts.intake import load
from data_contracts.progress import Progress, silent
from data_contracts.record_store import RecordStore
from data_contracts.records import Records
from data_contracts.snapshot import is_snapshot, read_snapshot
from data_contracts.source_databases import is_store


def records_behind(source: str | Path, *, progress: Progress = silent) -> Records:
    """Records of a snapshot folder, a record store's URL, or raw files or tables taken in on the way.

    Raises SourceUnreadable if nothing is there, if a file of raw records is refused, or if a snapshot is
    not what its fingerprint says.
    """
    if "://" in str(source) and is_store(str(source)):
        return RecordStore.open(str(source), create=False).records()
    if "://" not in str(source) and is_snapshot(Path(source)):
        return read_snapshot(Path(source))
    return _records_of_raw(source, progress)


def _records_of_raw(source: str | Path, progress: Progress) -> Records:
    """Raw records through a temporary store, whose folder is kept for as long as the records are."""
    folder = tempfile.TemporaryDirectory(prefix="siterisk-records-")
    store = RecordStore.open(f"sqlite:///{folder.name}/store.db")
    report = load(source, store, progress=progress)
    if report.refused:
        refused = report.refused[0]
        raise SourceUnreadable(
            zh=f"{refused['name']} 被拒收：{refused['zh']}",
            en=f"{refused['name']} was refused: {refused['en']}",
        )
    if report.quarantined:
        logging.getLogger("siterisk.records").warning(
            "%d rows of %s are left out: they fail their contract. `siterisk check` says why.",
            report.quarantined,
            report.source,
        )
    records = store.records()
    return Records(records.table, contract_version=records.contract_version, keep=(folder, store))
