"""Connections to the record store: SQLite or PostgreSQL by URL, with one lock for writers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from data_contracts.errors import InvalidInput, StoreBusy, StoreUnavailable

BUSY_SECONDS = 60
"""How long a writer waits for another one before StoreBusy."""

_BUSY_OPTION = "siterisk_busy_s"
_BUSY_PAUSE = 0.02  # seconds
_STORE_LOCK = 0x51_7E_51_5C  # any number, the same for all writers of one PostgreSQL database


def store_engine(url: str, *, create: bool = True, busy_s: float = BUSY_SECONDS) -> sa.Engine:
    """An engine for a store's URL: `sqlite:///file`, `postgresql://…` (psycopg).

    A writer waits for another one for `busy_s` seconds. With `create` the folder of a SQLite file is made;
    without it a file that does not exist is refused. Raises InvalidInput for a URL that cannot be read or
    names another kind of database, StoreUnavailable for a file that is not there.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, create, busy_s)
    engine = sa.create_engine(
        parsed,
        pool_pre_ping=True,
        connect_args={"prepare_threshold": None},
        execution_options={_BUSY_OPTION: busy_s},
    )
    event.listen(engine, "connect", partial(_postgresql_settings, busy_s))
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees one state of the store throughout."""
    with _store_errors(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def writing(connection: sa.Connection) -> Iterator[sa.Connection]:
    """A transaction that holds the store's lock: one writer at a time, so that versions have no gaps.

    Raises StoreBusy if another writer holds the lock for longer than the engine's writers wait.
    """
    with _store_errors(connection.engine):
        sqlite = connection.dialect.name == "sqlite"
        connection.execution_options(siterisk_begin="BEGIN IMMEDIATE" if sqlite else None)
        try:
            with connection.begin():
                if not sqlite:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_STORE_LOCK)))
                yield connection
        finally:
            connection.execution_options(siterisk_begin=None)


def take_statistics(connection: sa.Connection, *tables: sa.Table) -> None:
    """Let PostgreSQL count rows just written: without, it plans for a handful and joins a million by loops."""
    if connection.dialect.name == "postgresql":
        for table in tables:
            connection.execute(sa.text(f"ANALYZE {table.name}"))


def one_transaction(connection: sa.Connection) -> AbstractContextManager[object]:
    """A transaction for a few statements: a new one, or the one that the connection is in."""
    return nullcontext() if connection.in_transaction() else connection.begin()


@contextmanager
def connected(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection without a transaction of its own; errors of the database become ours."""
    with _store_errors(engine), engine.connect() as connection:
        yield connection


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError as error:
        raise InvalidInput(
            zh="无法识别的数据库地址，应为 sqlite:///文件 或 postgresql://用户@主机/库名。",
            en="Not a database address. Write sqlite:///file or postgresql://user@host/database.",
        ) from error
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        return parsed
    raise InvalidInput(
        zh=f"记录库只支持 SQLite 和 PostgreSQL，不支持 {parsed.get_backend_name()}。",
        en=f"A record store is SQLite or PostgreSQL, not {parsed.get_backend_name()}.",
    )


def _sqlite_engine(url: sa.URL, create: bool, busy_s: float) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise InvalidInput(
            zh="记录库需要一个文件，例如 sqlite:///var/siterisk.db。",
            en="A record store needs a file, such as sqlite:///var/siterisk.db.",
        )
    file = _StoreFile(Path(url.database).absolute())
    engine = sa.create_engine(url, connect_args={"timeout": busy_s}, execution_options={_BUSY_OPTION: busy_s})
    if create:
        file.path.parent.mkdir(parents=True, exist_ok=True)
    else:
        file.identity()
        event.listen(engine, "do_connect", file.not_made_anew)
    event.listen(engine, "connect", _sqlite_settings)
    event.listen(engine, "connect", file.opened)
    event.listen(engine, "checkout", file.still_there)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


class _StoreFile:
    """A connection goes on reading a file that was deleted or replaced: each is checked before it is used again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def identity(self) -> tuple[int, int]:
        """Which file stands at the path now; StoreUnavailable if none does."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise StoreUnavailable(
                zh=f"记录库不存在：{self.path}", en=f"There is no record store at {self.path}."
            ) from error
        return found.st_dev, found.st_ino

    def not_made_anew(self, *_: object) -> None:
        self.identity()

    def opened(self, _: object, record: Any) -> None:
        record.info["file"] = self.identity()

    def still_there(self, _: object, record: Any, __: object) -> None:
        if record.info["file"] != self.identity():
            raise exc.DisconnectionError("the store's file was replaced")  # the pool connects anew


def _sqlite_settings(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    """Turn a new file into one with a write-ahead log; SQLite does not itself wait for others who do the same."""
    given_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > given_up:
                raise
            time.sleep(_BUSY_PAUSE)


def _sqlite_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("siterisk_begin") or "BEGIN")


def _postgresql_settings(busy_s: float, connection: Any, _: object) -> None:
    """What is committed is durable, whatever the server's administrator finds good enough for others."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {int(busy_s * 1000)}")
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


@contextmanager
def _store_errors(engine: sa.Engine) -> Iterator[None]:
    where = engine.url.render_as_string(hide_password=True)
    try:
        yield
    except (exc.DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        reason = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
        if "database is locked" in reason or "lock timeout" in reason:
            waited = f"{engine.get_execution_options()[_BUSY_OPTION]:g}"
            raise StoreBusy(
                zh=f"记录库正被其他程序写入，等待超过 {waited} 秒，请稍后重试：{where}",
                en=f"Another program has been writing to the store for over {waited} s. Try again: {where}",
            ) from error
        driver = engine.dialect.loaded_dbapi
        if isinstance(cause, driver.OperationalError | driver.InterfaceError) or "not a database" in reason:
            raise StoreUnavailable(
                zh=f"无法使用记录库 {where}：{reason}",
                en=f"The record store {where} cannot be used: {reason}",
            ) from error
        raise
