"""The newest row of each record of a table, as on file now: names of projects and firms for pages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pandas as pd
import sqlalchemy as sa

from data_contracts.contract import contract
from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import reading
from data_contracts.store_tables import store_table


class NewestRows:
    """Rows of one table, read again only when the table has changed."""

    def __init__(
        self,
        open_store: Callable[[], RecordStore],
        table: str,
        columns: Sequence[str],
        clock: Callable[[], pd.Timestamp] = now,
    ) -> None:
        self._open_store, self._contract, self._columns = open_store, contract(table), tuple(columns)
        self._clock = clock
        self._read: tuple[int, pd.DataFrame] | None = None
        self._lock = threading.Lock()

    def rows(self) -> pd.DataFrame:
        """A row for each key, with the key's columns and those asked for; withdrawn records are left out."""
        versions = store_table("store_versions")
        newest = sa.select(sa.func.max(versions.c.store_version)).where(
            versions.c.table_name == self._contract.name
        )
        engine = self._open_store().engine
        with self._lock:
            with reading(engine) as connection:
                version = int(connection.scalar(newest) or 0)
                if self._read is None or self._read[0] != version:
                    self._read = version, self._newest(connection)
            return self._read[1]

    def _newest(self, connection: sa.Connection) -> pd.DataFrame:
        table = store_table(self._contract.name)
        names = dict.fromkeys((*self._contract.key, *self._columns))
        extra = ("recorded_at", "store_version", "withdrawn_at")
        asked = sa.select(*(table.c[name] for name in names), *(table.c[name] for name in extra))
        rows = pd.read_sql(asked.where(table.c.recorded_at <= self._clock().to_pydatetime()), connection)
        rows = rows.sort_values(["recorded_at", "store_version"], kind="stable")
        rows = rows.drop_duplicates(list(self._contract.key), keep="last")
        newest = rows[rows["withdrawn_at"].isna()][list(names)].reset_index(drop=True)
        days = [name for name in names if self._contract.column(name).kind in ("date", "moment")]
        return newest.assign(**{name: pd.to_datetime(newest[name]) for name in days})
