"""How rows leave quarantine: a corrected row has come, or the parent that a row waited for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from data_contracts.contract import TableContract
from data_contracts.quarantine import read_raw, text_hashes
from data_contracts.staging import MISSING_PARENT, Staging, is_enforced, parent_key
from data_contracts.store_connection import one_transaction, take_statistics
from data_contracts.store_tables import store_table
from data_contracts.typed_tables import with_recorded_at
from data_contracts.validation import check_rows

CORRECTED, RELEASED = "corrected", "released"
_ROWS_AT_ONCE = 20_000


class KeylessRows:
    """Quarantined rows whose key could not be read: found again by their other cells.

    A stored row that is equal to one of them in all cells but the failing ones is its correction. One
    that the store has had all along is not: it is another event that happens to look the same.
    """

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        held = store_table("quarantine").c
        keyless = sa.select(held.failing, held.rest_hash, held.row_hash).where(
            held.table_name == staging.contract.name, held.resolved_at.is_(None), held.record_key.is_(None)
        )
        self._wanted: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        with one_transaction(staging.connection):
            for failing, rest_hash, row_hash in staging.connection.execute(keyless.distinct()):
                self._wanted[failing][rest_hash].add(row_hash)

    def look_among(self, cells: pd.DataFrame, source_no: int) -> None:
        """Note the rows of `cells` (texts, by row number) that look like corrections."""
        for failing, wanted in self._wanted.items():
            hashes = text_hashes(cells.drop(columns=failing.split(","), errors="ignore"))
            found = [(n, rest) for n, rest in zip(cells.index, hashes, strict=True) if rest in wanted]
            if found:
                matches = {
                    "source_no": pa.array([source_no] * len(found)),
                    "row_number": pa.array([int(number) for number, _ in found]),
                    "failing": pa.array([failing] * len(found)),
                    "rest_hash": pa.array([rest_hash for _, rest_hash in found]),
                }
                self._staging.add_lookalikes(matches)

    def corrected(self) -> set[str]:
        """Hashes of the quarantined rows whose correction was stored: as many as there are corrections."""
        if not self._wanted:
            return set()
        staging = self._staging
        rows, like = staging.rows.c, staging.lookalikes.c
        same = sa.and_(rows.source_no == like.source_no, rows.row_number == like.row_number)
        counted = (
            sa.select(like.failing, like.rest_hash, sa.func.count())
            .select_from(staging.lookalikes.join(staging.rows, same))
            .where(staging.stored())
            .group_by(like.failing, like.rest_hash)
        )
        take_statistics(staging.connection, staging.lookalikes)
        again = set(staging.connection.scalars(sa.select(staging.failures.c.row_hash)))
        found: set[str] = set()
        for failing, rest_hash, count in staging.connection.execute(counted):
            found |= set(sorted(self._wanted[failing][rest_hash] - again)[:count])
        return found


def close_corrected(staging: Staging, keyless: KeylessRows, now: pd.Timestamp) -> int:
    """Close the entries that this delivery corrects, and count their rows.

    An entry is only closed if its row is not delivered any more, and then by a row of the same key:

    - of the same `recorded_at`, stored, unchanged or waiting in its place;
    - stored by this delivery with a later `recorded_at`, or with any if that of the entry cannot be read.

    A row that waits for its parent is closed by such a later version only if that names another parent:
    otherwise it holds until then, and is not superfluous.
    """
    held, rows, failed = store_table("quarantine"), staging.rows.c, staging.failures.c
    later = rows.recorded_at > held.c.recorded_at
    in_its_place = sa.and_(rows.recorded_at == held.c.recorded_at, staging.unambiguous())
    superseded = sa.or_(
        sa.and_(held.c.rule != MISSING_PARENT, sa.or_(held.c.recorded_at.is_(None), later)),
        sa.and_(held.c.rule == MISSING_PARENT, later, _names_another_parent(staging, held)),
    )
    is_gone = sa.and_(
        held.c.table_name == staging.contract.name,
        held.c.resolved_at.is_(None),
        ~sa.exists(sa.select(1).where(failed.row_hash == held.c.row_hash)),
    )
    corrected = (
        sa.select(held.c.row_hash)
        .select_from(staging.rows.join(held, held.c.record_key == rows.record_key))
        .where(is_gone, sa.or_(in_its_place, sa.and_(superseded, staging.stored())))
        .distinct()
    )
    hashes = {*staging.connection.scalars(corrected), *keyless.corrected()}
    return _close(staging.connection, staging.contract, hashes, CORRECTED, now)


def _names_another_parent(staging: Staging, held: sa.Table) -> sa.ColumnElement[bool]:
    """Whether a staged row names another parent than the one that a quarantined row waits for."""
    references = [column.name for column in staging.contract.columns if column.reference]
    others = [
        sa.and_(held.c.column_name == name, staging.rows.c[name].is_distinct_from(held.c.value))
        for name in references
    ]
    return sa.or_(sa.false(), *others)


def waiting_rows(connection: sa.Connection, table: TableContract) -> Iterator[pd.DataFrame]:
    """Quarantined rows that wait for nothing any more: row_hash and raw, in chunks."""
    held, other = store_table("quarantine"), store_table("quarantine").alias("other")
    hindrances = [other.c.rule != MISSING_PARENT]
    for column in table.columns:
        if column.reference and is_enforced(connection, column.reference):
            there = sa.exists(sa.select(1).where(parent_key(column.reference) == other.c.value))
            hindrances.append(sa.and_(other.c.column_name == column.name, ~there))
    hindered = sa.exists(
        sa.select(1).where(
            other.c.table_name == table.name,
            other.c.row_hash == held.c.row_hash,
            other.c.resolved_at.is_(None),
            sa.or_(*hindrances),
        )
    )
    free = (
        sa.select(held.c.row_hash, sa.func.min(held.c.raw).label("raw"))
        .where(held.c.table_name == table.name, held.c.resolved_at.is_(None), ~hindered)
        .group_by(held.c.row_hash)
        .order_by(held.c.row_hash)
        .limit(_ROWS_AT_ONCE)
    )
    last = ""
    while found := connection.execute(free.where(held.c.row_hash > last)).all():
        yield pd.DataFrame(found, columns=["row_hash", "raw"])
        last = found[-1].row_hash


def stage_waiting(
    connection: sa.Connection, table: TableContract, now: pd.Timestamp
) -> tuple[Staging, list[str]] | None:
    """Waiting rows whose parents have arrived, staged in the order of the hashes; None if there are none."""
    staging: Staging | None = None
    hashes: list[str] = []
    for chunk in waiting_rows(connection, table):
        staging = staging or Staging(connection, table, name="waiting")
        cells = pd.DataFrame([read_raw(raw) for raw in chunk["raw"]], dtype="str")
        cells.index = pd.RangeIndex(len(hashes), len(hashes) + len(chunk))
        hashes += chunk["row_hash"].tolist()
        staging.add(with_recorded_at(table, check_rows(table, cells, now=now).typed), source_no=0)
    return (staging, hashes) if staging else None


def close_released(staging: Staging, hashes: list[str], now: pd.Timestamp) -> int:
    """Close the entries of waiting rows that were accepted, and count the rows."""
    accepted = staging.connection.scalars(sa.select(staging.rows.c.row_number).where(staging.accepted()))
    return _close(
        staging.connection, staging.contract, {hashes[number] for number in accepted}, RELEASED, now
    )


def _close(
    connection: sa.Connection, table: TableContract, hashes: set[str], resolution: str, now: pd.Timestamp
) -> int:
    held = store_table("quarantine")
    if hashes:
        statement = (
            held.update()
            .where(
                held.c.table_name == table.name,
                held.c.resolved_at.is_(None),
                held.c.row_hash == sa.bindparam("closed_hash"),
            )
            .values(resolved_at=now.to_pydatetime(), resolution=resolution)
        )
        connection.execute(statement, [{"closed_hash": row_hash} for row_hash in sorted(hashes)])
    return len(hashes)
