"""Whole tables out of the store: read in parts by several threads, then sorted, without what was replaced.

What a row replaces is found among the sorted rows, where the two are neighbours: to ask the database for each
row whether a newer one exists is slow.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import reduce
from queue import SimpleQueue

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from data_contracts.contract import TableContract
from data_contracts.packed_read import PackedRead
from data_contracts.store_connection import reading
from data_contracts.store_tables import store_table
from data_contracts.typed_tables import from_arrow

ROWS_AT_ONCE = 50_000
PAGES_AT_ONCE = 2_000
"""Of a PostgreSQL table: 16 MB, about as many rows."""

Span = dict[str, object]


def whole_table(engine: sa.Engine, contract: TableContract, version: int) -> pd.DataFrame:
    """One row for each key and `recorded_at`, as the store held them at `version`; sorted by them, typed."""
    rows = pa.concat_tables(_parts(engine, contract, version))
    places = newest_in_order(contract, rows)
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    del rows

    def placed(name: str) -> pd.Series:
        held = columns.pop(name).combine_chunks()
        return from_arrow(contract, pa.table({name: held.take(places)}))[name]

    with ThreadPoolExecutor(_threads()) as pool:
        return pd.DataFrame(
            dict(zip(contract.column_names, pool.map(placed, contract.column_names), strict=True))
        )


def newest_in_order(contract: TableContract, rows: pa.Table) -> pa.Array:
    """The places of the rows that no later `store_version` replaced, in the order of key and `recorded_at`.

    A missing part of a key comes first, and equals a missing one.
    """
    identity = rows.select([*contract.key, "recorded_at"]).combine_chunks()
    order = pa.table({"store_version": rows["store_version"]})
    keys = [("store_version", "ascending")]
    for name in reversed(identity.column_names):
        order, keys = order.append_column(name, identity[name]), [(name, "ascending"), *keys]
        if identity[name].null_count:
            order = order.append_column(f"{name} given", identity[name].is_valid())
            keys.insert(0, (f"{name} given", "ascending"))
    places = pc.sort_indices(order, sort_keys=keys)
    replaced = reduce(pc.and_, map(_same_as_next, identity.take(places).columns))
    return places.filter(pc.invert(replaced)) if replaced.true_count else places


def _same_as_next(column: pa.ChunkedArray) -> pa.Array:
    cells = column.combine_chunks()
    these, next_ones = cells[:-1], cells[1:]
    same = pc.if_else(
        pc.or_(these.is_null(), next_ones.is_null()),
        pc.and_(these.is_null(), next_ones.is_null()),
        pc.equal(these, next_ones),
    )
    return pa.concat_arrays([same, pa.array([False] * min(1, len(cells)), pa.bool_())])


def _parts(engine: sa.Engine, contract: TableContract, version: int) -> list[pa.Table]:
    """All rows stored up to `version`, with `store_version`; rows are only ever added, so the parts agree."""
    table = store_table(contract.name)
    names = (*contract.column_names, "store_version")
    held = table.c.store_version + 0 <= version  # + 0: SQLite would go by that index, and not by place
    packed = PackedRead(
        engine.dialect, contract, sa.select(*(table.c[name] for name in names)).where(held, _within(engine))
    )
    with ExitStack() as until_read:
        first = until_read.enter_context(reading(engine))
        spans = _spans(first, table)
        free: SimpleQueue[sa.Connection] = SimpleQueue()
        free.put(first)
        for _ in range(min(_threads(), len(spans)) - 1):
            free.put(until_read.enter_context(reading(engine)))

        def part(span: Span) -> pa.Table:
            connection = free.get()
            try:
                return packed.rows(connection, span)
            finally:
                free.put(connection)

        with ThreadPoolExecutor(free.qsize()) as pool:
            return list(pool.map(part, spans))


def _within(engine: sa.Engine) -> sa.ColumnElement[bool]:
    """Where a row must lie: a scan of so many neighbours on disk, whatever the order of the records is."""
    if engine.dialect.name == "sqlite":
        first_row, last_row = (sa.bindparam(name, type_=sa.BigInteger) for name in ("first", "last"))
        return sa.literal_column("rowid").between(first_row, last_row)
    first, end = (sa.cast(sa.bindparam(name, type_=sa.Text), _Place) for name in ("first", "end"))
    place: sa.ColumnElement[str] = sa.literal_column("ctid")
    return sa.and_(place >= first, place < end)


def _spans(connection: sa.Connection, table: sa.Table) -> list[Span]:
    """Spans that together hold each row once; at least one."""
    if connection.dialect.name == "sqlite":
        last = connection.scalar(sa.select(sa.func.max(sa.literal_column("rowid"))).select_from(table)) or 1
        return [{"first": n + 1, "last": n + ROWS_AT_ONCE} for n in range(0, last, ROWS_AT_ONCE)]
    # that the table is named in the query keeps VACUUM FULL, which moves rows, waiting until all are read
    named = sa.select(sa.func.pg_relation_size(table.name), sa.exists().select_from(table))
    size, _ = connection.execute(named).one()
    pages = max(1, size // int(connection.scalar(sa.text("SHOW block_size")) or 0))
    return [
        {"first": f"({page},0)", "end": f"({page + PAGES_AT_ONCE},0)"}
        for page in range(0, pages, PAGES_AT_ONCE)
    ]


class _Place(sa.types.UserDefinedType):
    """PostgreSQL's type of `ctid`: page and row."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "tid"


def _threads() -> int:
    return min(os.cpu_count() or 1, 4)
