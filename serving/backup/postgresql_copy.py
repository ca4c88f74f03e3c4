"""A store in PostgreSQL, saved by pg_dump and put back by pg_restore and psql: in one transaction, or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from psycopg.conninfo import make_conninfo

from data_contracts.errors import NotFound, StoreUnavailable
from data_contracts.store_connection import reading, store_engine
from data_contracts.store_tables import META_TABLE, store_metadata
from serving.backup.readings import Readings


def dump_store(engine: sa.Engine, target: Path) -> Readings:
    """Write the store as it is at one moment to a new file of pg_dump's own format; what it says of itself then."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with reading(engine) as connection:
        schema = connection.scalar(sa.text("SELECT current_schema()"))
        snapshot = connection.scalar(sa.text("SELECT pg_export_snapshot()"))
        readings = Readings.of(connection)
        tables = [f'--table="{schema}"."{name}"' for name in readings.rows]
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", *tables]
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [_program("pg_dump"), *options, f"--file={target}", *_address(engine.url)],
                env=_environment(engine.url),
                stdin=subprocess.DEVNULL,
                stderr=said,
                check=False,
            )
            if done.returncode:
                raise _failed("pg_dump", said)
    return readings


def put_back(dump: Path, url: str, expected: Readings) -> None:
    """Replace the store at `url` by the dumped one, if it has the rows that it had; else nothing is changed.

    One session of psql is told to begin, what pg_restore says, and to commit. Whatever ends before that, this process
    included, ends the session, and the server takes everything back.
    """
    engine = store_engine(url)
    engine.dispose()
    restored = [_program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(dump)]
    put = [_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *_address(engine.url)]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(restored, stdout=subprocess.PIPE, stderr=said) as restore,
        subprocess.Popen(
            put,
            env=_environment(engine.url),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
        ) as psql,
    ):
        assert restore.stdout is not None and psql.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # psql is gone, and has said why
            psql.stdin.write(_emptied().encode())
            shutil.copyfileobj(restore.stdout, psql.stdin)
            if restore.wait() == 0:
                psql.stdin.write(_counted_and_committed(expected).encode())
        restore.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            psql.stdin.close()
        if restore.wait() or psql.wait():
            raise _failed("pg_restore", said)


def _emptied() -> str:
    dropped = (f"DROP TABLE IF EXISTS {name} CASCADE;\n" for name in store_metadata().tables)
    return "SET client_min_messages = warning;\nBEGIN;\n" + "".join(dropped)


def _counted_and_committed(expected: Readings) -> str:
    counted = (
        f"DO $$ DECLARE n bigint; BEGIN SELECT count(*) INTO n FROM {name}; IF n <> {count} THEN "
        f"RAISE EXCEPTION '{name}: % rows instead of {count}', n; END IF; END $$;\n"
        for name, count in expected.rows.items()
        if name != META_TABLE
    )
    analysed = (f"ANALYZE {name};\n" for name in expected.rows)
    return "\nSET search_path TO DEFAULT;\n" + "".join(counted) + "COMMIT;\n" + "".join(analysed)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NotFound(
            zh=f"PATH 中找不到 {name}：请安装与服务器版本相同或更新的 PostgreSQL 客户端（Debian：apt-get install postgresql-client）。",
            en=f"{name} is not on the PATH: install PostgreSQL's client programs, of the server's version or newer "
            "(Debian: apt-get install postgresql-client).",
            field=name,
        )
    return found


def _address(url: sa.URL) -> list[str]:
    """The option that names the database; the password goes another way, for options are seen by every user."""
    told = dict(url.translate_connect_args(username="user", database="dbname")) | dict(url.query)
    told.pop("password", None)
    return ["--dbname=" + make_conninfo(**told)]


def _environment(url: sa.URL) -> dict[str, str]:
    return {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}


def _failed(program: str, said: IO[bytes]) -> StoreUnavailable:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    told = next((line for line in lines if "ERROR" in line or "error" in line), lines[0] if lines else "")
    return StoreUnavailable(
        zh=f"{program} 失败，记录库未改变：{told}",
        en=f"{program} failed; the record store is as it was: {told}",
        field="SITERISK_DATABASE_URL",
    )
