"""Saves an installation while its service runs: first the store, then the home, so that no answer lacks its model."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from data_contracts.contract import contract_set_version
from data_contracts.errors import InvalidInput, NotFound, StoreUnavailable
from data_contracts.moments import now
from data_contracts.progress import Progress, silent
from data_contracts.store_connection import reading, store_engine
from serving.backup.archive import ArchiveWriter
from serving.backup.manifest import Manifest
from serving.backup.postgresql_copy import dump_store
from serving.backup.readings import Readings
from serving.backup.sqlite_copy import BESIDE, copy_sqlite, is_sqlite
from serving.settings import Settings
from training.risk_model import champion_pointer

STORE, HOME, MLRUNS = "store", "home", "mlruns"
POINTER = Path("champion") / "current.json"
LEFT_OUT = "bentoml"  # what BentoML keeps for itself while it runs


def back_up(settings: Settings, target: Path, progress: Progress = silent) -> Manifest:
    """Save store, home and MLflow's files to one tar file, which appears whole or not at all; what it says of itself.

    Only its owner can read it: the store holds the digests of keys. Raises InvalidInput for a file that is there or lies
    in what is saved, NotFound without a store or without pg_dump, StoreUnavailable if the store cannot be read.
    """
    _refuse_target(settings, target)
    made_at, folder = now().isoformat(), target.absolute().parent
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=folder) as building:
        whole, copy = Path(building) / "whole", Path(building) / STORE
        with _private(whole), tarfile.open(whole, "w", format=tarfile.PAX_FORMAT) as archive:
            written = ArchiveWriter(archive, progress)
            readings = _copied_store(settings.store_url, copy, progress)
            written.add(copy, STORE)
            copy.unlink()
            _add_folders(settings, written, Path(building))
            manifest = Manifest(
                made_at=made_at,
                siterisk_version=version("siterisk"),
                contract_version=contract_set_version(),
                champion=_champion(settings.home),
                mlruns=str(settings.mlruns.absolute()),
                store=readings,
                files=written.files,
            )
            written.finish(manifest)
        _refuse_to_replace(target)
        whole.rename(target.absolute())
    return manifest


def sqlite_file(url: str) -> Path | None:
    """The file of a store in SQLite; None for PostgreSQL."""
    parsed = sa.make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return Path(str(parsed.database)).absolute() if is_file else None


def _copied_store(url: str, copy: Path, progress: Progress) -> Readings:
    engine, file = store_engine(url, create=False), sqlite_file(url)
    try:
        if file is None:
            progress("导出数据库 / dumping the database", 0, None)
            return dump_store(engine, copy)
    finally:
        engine.dispose()
    copy_sqlite(file, copy, progress)
    return readings_of_file(copy)


def readings_of_file(path: Path) -> Readings:
    """What a store in a file of SQLite says of itself."""
    engine = store_engine(f"sqlite:///{path}", create=False)
    try:
        with reading(engine) as connection:
            return Readings.of(connection)
    finally:
        engine.dispose()


def _add_folders(settings: Settings, written: ArchiveWriter, building: Path) -> None:
    """The champion's pointer first: whatever it names is there, and stays."""
    home, mlruns = settings.home.absolute(), settings.mlruns.absolute()
    written.add(home / POINTER, f"{HOME}/{POINTER.as_posix()}")
    apart = {sqlite_file(settings.store_url), home / POINTER}
    for name, folder, without in ((HOME, home, mlruns), (MLRUNS, mlruns, None)):
        for path in _files(folder, without):
            if path not in apart and not path.name.endswith(BESIDE):
                _add(written, path, f"{name}/{path.relative_to(folder).as_posix()}", building)


def _add(written: ArchiveWriter, path: Path, name: str, building: Path) -> None:
    try:
        is_database = is_sqlite(path)
    except FileNotFoundError:
        return  # gone since it was listed
    if not is_database:
        written.add(path, name)
        return
    copy = building / "database"
    copy_sqlite(path, copy)
    written.add(copy, name)
    copy.unlink()


def _files(folder: Path, without: Path | None) -> Iterator[Path]:
    """The files of a folder in order; hidden ones are those of work under way."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and here / name not in (without, folder / LEFT_OUT)
        )
        yield from (
            here / name for name in sorted(names) if not name.startswith(".") and (here / name).is_file()
        )


def _champion(home: Path) -> str | None:
    try:
        return str(champion_pointer(home)["version"])
    except NotFound:
        return None


@contextmanager
def _private(path: Path) -> Iterator[None]:
    """A new file that only its owner can read, seen to the disk at the end."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    yield
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _refuse_target(settings: Settings, target: Path) -> None:
    _refuse_to_replace(target)
    if not target.absolute().parent.is_dir():
        raise StoreUnavailable(
            zh=f"文件夹 {target.absolute().parent} 不存在，请先创建。",
            en=f"The folder {target.absolute().parent} does not exist; make it first.",
            field="TO",
        )
    for folder in (settings.home, settings.mlruns):
        if target.resolve().is_relative_to(folder.resolve()):
            raise InvalidInput(
                zh=f"备份不能放在它要保存的文件夹 {folder} 里。",
                en=f"A backup cannot lie within {folder}, which it saves.",
                field="TO",
            )


def _refuse_to_replace(target: Path) -> None:
    if target.exists():
        raise InvalidInput(
            zh=f"{target} 已存在，请另选文件名。",
            en=f"{target} is there already; choose another name.",
            field="TO",
        )
