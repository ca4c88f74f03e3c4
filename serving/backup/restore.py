"""Puts a saved installation back: built beside its place and verified, and only then renamed into it."""

from __future__ import annotations

import os
from pathlib import Path

from data_contracts.errors import InvalidInput, NotFound, SourceUnreadable, StoreUnavailable
from data_contracts.progress import Progress, silent
from data_contracts.store_connection import reading, store_engine
from serving.backup.archive import manifest_in, unpack
from serving.backup.backup import STORE, readings_of_file
from serving.backup.manifest import Manifest
from serving.backup.places import Places
from serving.backup.postgresql_copy import put_back
from serving.backup.readings import Readings
from serving.backup.sqlite_copy import refuse_broken
from serving.settings import Settings


def check_backup(path: Path, progress: Progress = silent) -> Manifest:
    """Read a whole backup and change nothing; its manifest. SourceUnreadable if it is not as it was written."""
    _require_file(path)
    unpack(path, lambda _: None, progress)
    return manifest_in(path)


def restore(
    settings: Settings, path: Path, *, replace: bool = False, progress: Progress = silent
) -> tuple[Manifest, list[Path]]:
    """Put a backup in the place of the installation; its manifest, and where what stood there before now is.

    Raises InvalidInput where anything stands there and `replace` is not said, where the backup is of the other kind of
    database, or where a place is one that cannot be renamed; SourceUnreadable for a backup that is not as it was
    written. Nothing is changed then. A store in PostgreSQL is replaced in one transaction, and nothing of it is kept.
    """
    _require_file(path)
    manifest, places = manifest_in(path), Places(settings)
    _refuse_other_kind(manifest, places)
    _refuse_mounted(places)
    if not replace:
        _refuse_taken(settings, places)
    try:
        with places:
            unpack(path, places.built, progress)
            progress("放回记录库 / putting the store back", 0, None)
            _put_store(settings, places.built(STORE), manifest.store)
            os.sync()
            return manifest, places.put_in_place()
    except OSError as error:
        raise StoreUnavailable(
            zh=f"无法写入：{error}。请检查权限与磁盘空间后重试。",
            en=f"Cannot write: {error}. Check permissions and room on the disk, and restore again.",
            field="SITERISK_HOME",
        ) from error


def _put_store(settings: Settings, copy: Path, expected: Readings) -> None:
    """Verify a store of SQLite where it was built, or put one of PostgreSQL into its database."""
    if expected.kind == "postgresql":
        put_back(copy, settings.store_url, expected)
        copy.unlink()
        return
    refuse_broken(copy)
    found = readings_of_file(copy)
    if found != expected:
        raise SourceUnreadable(
            zh=f"备份中的记录库与清单不符：{found.rows}，应为 {expected.rows}。",
            en=f"The store in the backup is not that of its manifest: {found.rows} instead of {expected.rows}.",
        )


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise NotFound(zh=f"没有备份文件 {path}。", en=f"There is no backup {path}.", field="FROM")


def _refuse_other_kind(manifest: Manifest, places: Places) -> None:
    kind = "postgresql" if places.store is None else "sqlite"
    if manifest.store.kind != kind:
        raise InvalidInput(
            zh=f"备份来自 {manifest.store.kind}，而 SITERISK_DATABASE_URL 指向 {kind}：只能恢复到同类数据库。",
            en=f"The backup is of {manifest.store.kind}, and SITERISK_DATABASE_URL names a {kind} database: a backup goes "
            "back into a database of its own kind.",
            field="SITERISK_DATABASE_URL",
        )


def _refuse_mounted(places: Places) -> None:
    for place in places.all:
        if place.is_mount():
            raise InvalidInput(
                zh=f"{place} 是挂载点，不能整体替换：请将 SITERISK_HOME 设为其下的文件夹。",
                en=f"{place} is where a disk is mounted and cannot be renamed: let SITERISK_HOME be a folder below it.",
                field="SITERISK_HOME",
            )


def _refuse_taken(settings: Settings, places: Places) -> None:
    stands = places.taken()
    told = str(stands)
    if stands is None:
        if places.store is not None or _database_is_empty(settings.store_url):
            return
        told = "SITERISK_DATABASE_URL"
    raise InvalidInput(
        zh=f"{told} 中已有内容。请恢复到空的位置，或用 --replace 取代：原有文件改名保留，PostgreSQL 中的原有内容不保留。",
        en=f"{told} is not empty. Restore to a place that is, or say --replace: files that stand there are kept under "
        "another name, what is in PostgreSQL is not.",
        field="--replace",
    )


def _database_is_empty(url: str) -> bool:
    engine = store_engine(url)
    try:
        with reading(engine) as connection:
            return Readings.of(connection).is_empty
    finally:
        engine.dispose()
