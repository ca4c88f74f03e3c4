"""Rows that waited in quarantine for a parent are taken in once it is there, and batches get their numbers."""

from __future__ import annotations

import pandas as pd
import sqlalchemy as sa

from data_contracts.contract import TableContract, contract_set_version, contracts
from data_contracts.quarantine_exits import close_released, stage_waiting
from data_contracts.record_store import newest_version
from data_contracts.store_tables import store_table

QUARANTINE = "quarantine"
"""The source of rows that were taken in when what they waited for had come."""


def release_below(connection: sa.Connection, parent: TableContract, now: pd.Timestamp) -> int:
    """Take in rows of other tables that waited for rows of `parent`, or for rows so taken in; how many."""
    arrived, released = {parent.name}, 0
    for table in contracts().values():
        if not arrived & {column.reference.table for column in table.columns if column.reference}:
            continue
        version = newest_version(connection) + 1
        stored, freed = take_waiting(connection, table, version, now)
        if stored:
            number_batch(connection, table, version, rows=stored, source=QUARANTINE, now=now)
        if freed:
            arrived.add(table.name)
        released += freed
    return released


def take_waiting(
    connection: sa.Connection, table: TableContract, version: int, now: pd.Timestamp
) -> tuple[int, int]:
    """Take in waiting rows whose parents have arrived; how many were stored, and how many left quarantine."""
    waiting = stage_waiting(connection, table, now)
    if waiting is None:
        return 0, 0
    staging, hashes = waiting
    staging.decide()
    decision = staging.store(store_version=version, contract_version=contract_set_version(), loaded_at=now)
    released = close_released(staging, hashes, now)
    staging.close()
    return decision.stored, released


def number_batch(
    connection: sa.Connection,
    table: TableContract,
    version: int,
    *,
    rows: int,
    source: str,
    now: pd.Timestamp,
) -> None:
    """Give a batch of rows just stored its number, so that readers see it; the caller holds the store's lock."""
    connection.execute(
        store_table("store_versions")
        .insert()
        .values(
            store_version=version,
            table_name=table.name,
            source=source,
            rows_stored=rows,
            contract_version=contract_set_version(),
            loaded_at=now.to_pydatetime(),
        )
    )
