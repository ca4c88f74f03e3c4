"""SQLite files: copied while others write to them, and recognised by their first bytes."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from data_contracts.errors import SourceUnreadable, StoreUnavailable
from data_contracts.progress import Progress, silent

MAGIC = b"SQLite format 3\0"
BESIDE = ("-wal", "-shm", "-journal")  # what a database keeps beside itself while it is open
PAGES_A_STEP = 4096
LONGEST_WAIT_S = 60.0


def is_sqlite(path: Path) -> bool:
    """Whether the file is a database of SQLite."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def copy_sqlite(source: Path, target: Path, progress: Progress = silent) -> None:
    """Copy a database as it is at one moment to a new file that only its owner can read."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    def told(_: int, left: int, pages: int) -> None:
        progress("复制数据库 / copying the database", pages - left, pages)

    try:
        address = f"{source.absolute().as_uri()}?mode=rw"
        with (
            closing(sqlite3.connect(address, uri=True, timeout=LONGEST_WAIT_S, isolation_level=None)) as own,
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
        ):
            own.execute("BEGIN")
            own.execute("SELECT count(*) FROM sqlite_master").fetchone()  # sees one moment from here on
            copy.execute("PRAGMA synchronous=OFF")
            own.backup(copy, pages=PAGES_A_STEP, progress=told)
            own.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise StoreUnavailable(
            zh=f"无法复制数据库 {source}：{error}", en=f"The database {source} cannot be copied: {error}"
        ) from error


def refuse_broken(path: Path) -> None:
    """Raise SourceUnreadable if SQLite finds a fault in the file."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            found = str(error)
    if found != "ok":
        raise SourceUnreadable(
            zh=f"备份中的数据库已损坏：{found}", en=f"The database in the backup is broken: {found}"
        )
