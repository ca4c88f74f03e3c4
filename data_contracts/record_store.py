"""The record store: every version of every row that was ever taken in, in SQLite or PostgreSQL.

Rows are never changed or deleted. A correction is a new row with a higher `store_version`, so that the
store as it was at any number can be read again, whatever the sources later said.
"""

from __future__ import annotations

import datetime as dt
from types import TracebackType
from typing import NamedTuple

import pandas as pd
import sqlalchemy as sa

from data_contracts.bulk_read import read_rows
from data_contracts.contract import contract, contracts
from data_contracts.errors import InvalidInput
from data_contracts.moments import not_before
from data_contracts.records import Records
from data_contracts.store_connection import BUSY_SECONDS, connected, reading, store_engine, writing
from data_contracts.store_tables import is_prepared, prepare_store, store_table
from data_contracts.typed_tables import in_order
from data_contracts.whole_tables import whole_table

DEFAULT_URL = "sqlite:///var/siterisk.db"


class StoreMark(NamedTuple):
    """Which state a store is in: a backup put back, or another store, may have the same number but not the same mark."""

    version: int
    loaded_at: dt.datetime | None


class RecordStore:
    """One store, opened by URL; safe to share between threads, and between processes by URL."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.url = engine.url.render_as_string(hide_password=True)

    @classmethod
    def open(
        cls, url: str = DEFAULT_URL, *, create: bool = True, busy_s: float = BUSY_SECONDS
    ) -> RecordStore:
        """The store at `url`, made or brought up to date if need be; its writers wait `busy_s` for others.

        Without `create` a SQLite file that does not exist raises StoreUnavailable, as does a store that
        a newer siterisk has written, or a server that cannot be reached.
        """
        engine = store_engine(url, create=create, busy_s=busy_s)
        try:
            with reading(engine) as connection:
                prepared = is_prepared(connection)
            if not prepared:
                with connected(engine) as connection, writing(connection):
                    prepare_store(connection)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def __enter__(self) -> RecordStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()

    def version(self) -> int:
        """The number of the newest committed batch; 0 for an empty store."""
        return self.mark().version

    def mark(self, version: int | None = None) -> StoreMark:
        """The newest committed batch up to `version` (default: of all), by its number and the time it was stored.

        (0, None) where there is none.
        """
        with reading(self.engine) as connection:
            return mark_of(connection, version)

    def read(self, table: str, version: int | None = None) -> pd.DataFrame:
        """One row for each key and `recorded_at`, as the store held them at `version` (default: now).

        All columns of the contract, typed, sorted by key and `recorded_at`. Raises NotFound for an unknown
        table.
        """
        return whole_table(self.engine, contract(table), self.version() if version is None else version)

    def changes_since(self, version: int, *, until: int | None = None) -> dict[str, pd.DataFrame]:
        """Tables with rows stored after `version`, each with those rows as they now hold, and `store_version`.

        Empty if nothing was stored since. `until` leaves out what was stored after that version.
        """
        with reading(self.engine) as connection:
            last = newest_version(connection) if until is None else until
            versions = store_table("store_versions")
            span = versions.c.store_version.between(version + 1, last)
            touched = set(connection.scalars(sa.select(versions.c.table_name).distinct().where(span)))
            return {
                name: _changes(connection, name, version, last) for name in contracts() if name in touched
            }

    def records(self, version: int | None = None) -> Records:
        """The records as the store holds them at `version` (default: now); tables are read when asked for."""
        newest = self.version()
        pinned = newest if version is None else version
        if not 0 <= pinned <= newest:
            raise InvalidInput(
                zh=f"记录库没有版本 {pinned}，当前最新为 {newest}。",
                en=f"The store has no version {pinned}; the newest is {newest}.",
                field="version",
            )
        return Records(lambda name: self.read(name, pinned), store_version=pinned, keep=self)

    def copy_to(self, other: RecordStore) -> None:
        """Copy a SQLite store as it is now into another SQLite store, while others go on using it."""
        with self.engine.connect() as own, other.engine.connect() as target:
            own.connection.driver_connection.backup(target.connection.driver_connection)  # type: ignore[union-attr]

    def quarantine(self, table: str | None = None, *, resolved: bool = False) -> pd.DataFrame:
        """The entries of the quarantine, one a failure: those that are open, or with `resolved` all."""
        entries = store_table("quarantine")
        chosen = sa.select(entries).order_by(entries.c.entry_id)
        if table is not None:
            chosen = chosen.where(entries.c.table_name == contract(table).name)
        if not resolved:
            chosen = chosen.where(entries.c.resolved_at.is_(None))
        with reading(self.engine) as connection:
            found = connection.execute(chosen)
            return pd.DataFrame(found.all(), columns=list(found.keys()))


def mark_of(connection: sa.Connection, version: int | None = None) -> StoreMark:
    """As `RecordStore.mark`, of what `connection` sees."""
    versions = store_table("store_versions")
    newest = sa.select(versions.c.store_version, versions.c.loaded_at)
    if version is not None:
        newest = newest.where(versions.c.store_version <= version)
    found = connection.execute(newest.order_by(versions.c.store_version.desc()).limit(1)).first()
    return StoreMark(*found) if found else StoreMark(0, None)


def arrival(connection: sa.Connection, clock: pd.Timestamp) -> pd.Timestamp:
    """The moment at which rows come in: by the clock, or right after the newest batch and the newest answer on file.

    The latter where the clock was set back behind them: a correction that came later must not count as earlier, nor
    must an answer asked for again as of then see it.
    """
    versions, calls = store_table("store_versions"), store_table("ledger_calls")
    for moment, order in (
        (versions.c.loaded_at, versions.c.store_version),
        (calls.c.asked_at, calls.c.call_id),
    ):
        known = connection.scalar(sa.select(moment).order_by(order.desc()).limit(1))
        clock = not_before(clock, None if known is None else known + dt.timedelta(microseconds=1))
    return clock


def newest_version(connection: sa.Connection) -> int:
    """The number of the newest batch that `connection` sees; 0 for an empty store."""
    versions = store_table("store_versions")
    return int(connection.scalar(sa.select(sa.func.max(versions.c.store_version))) or 0)


def _changes(connection: sa.Connection, name: str, after: int, until: int) -> pd.DataFrame:
    """Rows stored after one version and up to another, without those that a later one of them replaced."""
    table, newer = store_table(contract(name).name), store_table(name).alias("newer")
    replaced = sa.exists(
        sa.select(1).where(
            newer.c.record_key == table.c.record_key,
            newer.c.recorded_at == table.c.recorded_at,
            newer.c.store_version > table.c.store_version,
            newer.c.store_version <= until,
        )
    )
    names = (*contract(name).column_names, "store_version")
    span = table.c.store_version.between(after + 1, until)
    chosen = sa.select(*(table.c[column] for column in names)).where(span, ~replaced)
    return in_order(contract(name), read_rows(connection, contract(name), chosen))
