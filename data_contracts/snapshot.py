"""A snapshot: the records of one moment of the store, frozen as a folder of Parquet files with a fingerprint."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.contract import contract, contract_set_version, contracts
from data_contracts.errors import InvalidInput, SourceUnreadable
from data_contracts.fingerprint import records_fingerprint, table_fingerprint
from data_contracts.moments import now
from data_contracts.progress import Progress, silent
from data_contracts.record_store import RecordStore
from data_contracts.records import Records
from data_contracts.typed_tables import arrow_columns, empty_table, from_arrow

MANIFEST = "snapshot.json"
LAYOUT = 1


@dataclass(frozen=True)
class Snapshot:
    """A written snapshot: its folder, its fingerprint, the store version it shows and its rows by table."""

    folder: Path
    fingerprint: str
    store_version: int
    rows: dict[str, int]


def snapshot(source: RecordStore | Records, out: Path, progress: Progress = silent) -> Snapshot:
    """Freeze `source` in the folder `out`, which must not exist or be empty.

    The same content gives the same fingerprint, whatever database it came from and in which order it was
    loaded. The folder appears under its name only when it is complete. Raises InvalidInput if `out` holds
    anything.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InvalidInput(
            zh=f"{out} 已存在且不为空，快照须写入新的文件夹。",
            en=f"{out} is not empty. Name a new folder.",
            field="out",
        )
    records = source.records() if isinstance(source, RecordStore) else source
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        tables = _write_tables(records, unfinished, progress)
        fingerprint = records_fingerprint({name: table["sha256"] for name, table in tables.items()})
        manifest = {
            "layout": LAYOUT,
            "fingerprint": fingerprint,
            "store_version": records.store_version,
            "contract_version": contract_set_version(),
            "written_at": now().isoformat(),
            "tables": tables,
        }
        (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        unfinished.chmod(0o755)
        if out.exists():
            out.rmdir()
        unfinished.replace(out)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Snapshot(
        out, fingerprint, records.store_version, {name: table["rows"] for name, table in tables.items()}
    )


def is_snapshot(folder: Path) -> bool:
    """Whether `folder` is a snapshot."""
    return (folder / MANIFEST).is_file()


def read_snapshot(folder: Path) -> Records:
    """The records of a snapshot folder.

    The manifest is checked at once, each table against its fingerprint when it is first read: raises
    SourceUnreadable if either is not what was written.
    """
    manifest = _manifest(folder)
    tables = manifest["tables"]
    fingerprints = {name: str(table["sha256"]) for name, table in tables.items()}
    if records_fingerprint(fingerprints) != manifest["fingerprint"]:
        raise _altered(folder, MANIFEST)

    def load(name: str) -> pd.DataFrame:
        if name not in tables:
            return empty_table(contract(name))
        rows = _read_table(folder, name)
        if table_fingerprint(contract(name), rows) != fingerprints[name]:
            raise _altered(folder, f"{name}.parquet")
        return rows

    return Records(
        load,
        store_version=int(manifest["store_version"]),
        contract_version=str(manifest["contract_version"]),
        fingerprints=fingerprints,
    )


def _write_tables(records: Records, folder: Path, progress: Progress) -> dict[str, dict[str, Any]]:
    written = {}
    for done, name in enumerate(contracts()):
        progress("snapshot", done, len(contracts()))
        rows = records.table(name)
        if len(rows):
            table = pa.table(arrow_columns(contract(name), rows))
            pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
            written[name] = {"rows": len(rows), "sha256": table_fingerprint(contract(name), rows)}
    progress("snapshot", len(contracts()), len(contracts()))
    return written


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        layout = int(manifest["layout"])
        missing = [
            key
            for key in ("fingerprint", "store_version", "contract_version", "tables")
            if key not in manifest
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _altered(folder, MANIFEST) from error
    if missing or not set(manifest["tables"]) <= set(contracts()):
        raise _altered(folder, MANIFEST)
    if layout > LAYOUT:
        raise SourceUnreadable(
            zh=f"快照 {folder} 的格式版本为 {layout}，请使用较新版本的 siterisk。",
            en=f"The snapshot {folder} has layout {layout}: use a newer siterisk.",
        )
    return dict(manifest)


def _read_table(folder: Path, name: str) -> pd.DataFrame:
    table = contract(name)
    try:
        found = pq.read_table(folder / f"{name}.parquet")
    except (OSError, pa.ArrowException) as error:
        raise _altered(folder, f"{name}.parquet") from error
    absent = empty_table(table)
    rows = from_arrow(table, found.select([c for c in table.column_names if c in found.column_names]))
    return rows.reindex(columns=list(table.column_names)).astype(absent.dtypes.to_dict())


def _altered(folder: Path, what: str) -> SourceUnreadable:
    return SourceUnreadable(
        zh=f"快照 {folder} 中的 {what} 缺失、损坏或被改动，与其指纹不符。",
        en=f"{what} in the snapshot {folder} is missing, broken or altered: it is not what its fingerprint says.",
    )
