"""A delivery of one table, set down in temporary tables beside the store until it is decided row by row.

Rows are written there chunk by chunk without any lock. Then, under the store's lock and in one
transaction, a few statements over the whole delivery say of each row whether it is ambiguous, waits for
a parent, repeats another row, is unchanged, or is stored. Killed before the commit, nothing has happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from data_contracts.bulk_read import read_rows
from data_contracts.bulk_write import write_columns
from data_contracts.contract import Reference, TableContract, contract
from data_contracts.fingerprint import row_hashes
from data_contracts.store_connection import one_transaction, take_statistics
from data_contracts.store_tables import contract_columns, quarantine_columns, store_table
from data_contracts.typed_tables import arrow_columns, record_keys

AMBIGUOUS, MISSING_PARENT, REPEATED, UNCHANGED = (
    "ambiguous_version",
    "unknown_parent",
    "repeated",
    "unchanged",
)


_REPEATED = np.zeros(2, np.uint64)  # identities that say: look at each row whether it repeats another


@dataclass(frozen=True)
class Decision:
    """What became of the rows of one delivery that passed their contract, in rows."""

    stored: int
    unchanged: int
    set_aside: int
    corrections: int


class Staging:
    """The temporary tables of one delivery of one table, on one connection."""

    def __init__(self, connection: sa.Connection, table: TableContract, *, name: str = "staged") -> None:
        self.connection, self.contract = connection, table
        self.target = store_table(table.name)
        self._tables = _temporary_tables(table, name)
        self.rows, self.aside, self.failures, self.lookalikes = self._tables
        self._identities: list[np.ndarray] = []
        self._stamped = False
        self._count = 0
        self.close()
        with one_transaction(self.connection):
            for one in self._tables:
                self.connection.execute(CreateTable(one))
                for index in one.indexes:
                    self.connection.execute(CreateIndex(index))

    def close(self) -> None:
        """Drop the temporary tables."""
        with one_transaction(self.connection):
            for table in self._tables:
                self.connection.execute(DropTable(table, if_exists=True))

    def add(self, typed: pd.DataFrame, *, source_no: int, stamped: np.ndarray | None = None) -> None:
        """Set down rows that pass their contract; their index holds the row numbers of the source."""
        if typed.empty:
            return
        columns = arrow_columns(self.contract, typed)
        contents = {name: values for name, values in columns.items() if name != "recorded_at"}
        keys = record_keys(self.contract, typed)
        self._identities.append(_identities(keys, typed["recorded_at"]))
        count = len(typed)
        self._stamped = self._stamped or (stamped is not None and bool(stamped.any()))
        staged = {
            "stage_row": pa.array(np.arange(self._count, self._count + count)),
            "source_no": pa.array(np.full(count, source_no)),
            "row_number": pa.array(typed.index.to_numpy(dtype="int64")),
            "is_stamped": pa.array(np.zeros(count, bool) if stamped is None else stamped),
            "record_key": pa.array(keys, pa.large_string()),
            "content_hash": pa.array(row_hashes(contents, count), pa.large_string()),
            **columns,
        }
        with one_transaction(self.connection):
            write_columns(self.connection, self.rows, staged)
        self._count += count

    def add_failures(self, entries: Mapping[str, pa.Array]) -> None:
        """Set down entries for the quarantine."""
        with one_transaction(self.connection):
            write_columns(self.connection, self.failures, entries)

    def add_lookalikes(self, matches: Mapping[str, pa.Array]) -> None:
        """Set down which rows are equal to quarantined ones in all cells but the failing."""
        with one_transaction(self.connection):
            write_columns(self.connection, self.lookalikes, matches)

    def decide(self) -> None:
        """Set aside every row that is not to be stored; the caller holds the store's lock."""
        take_statistics(self.connection, self.rows)
        if self._stamped:
            self._stamp_not_before_the_store()
        if self._repeats_itself():
            self._set_aside_ambiguous()
        for column in self.contract.columns:
            if column.reference and is_enforced(self.connection, column.reference):
                self._set_aside_orphans(column.name, column.reference)
        if self._repeats_itself():
            self._set_aside_repeated()
        if has_rows(self.connection, self.target):
            self._set_aside_unchanged()
        take_statistics(self.connection, self.aside)

    def store(self, *, store_version: int, contract_version: str, loaded_at: pd.Timestamp) -> Decision:
        """Store the rows that were not set aside, as versions of `store_version`, and count what became of all."""
        corrections = self._count_corrections()
        names = self.contract.column_names
        added = self.rows.select().where(self.stored()).subquery()
        insertion = self.target.insert().from_select(
            ["store_version", "contract_version", "loaded_at", "record_key", "content_hash", *names],
            sa.select(
                sa.literal(store_version, sa.BigInteger),
                sa.literal(contract_version, sa.Text),
                sa.literal(loaded_at.to_pydatetime(), sa.DateTime),
                added.c.record_key,
                added.c.content_hash,
                *(added.c[name] for name in names),
            ),
        )
        stored = self.connection.execute(insertion, execution_options={"preserve_rowcount": True}).rowcount
        unchanged = self._count_aside(UNCHANGED, REPEATED)
        set_aside = self._count_aside(AMBIGUOUS, MISSING_PARENT)
        return Decision(stored=stored, unchanged=unchanged, set_aside=set_aside, corrections=corrections)

    def stored(self) -> sa.ColumnElement[bool]:
        """Condition on a staged row: it is stored, and was not there before."""
        return ~self._is_aside()

    def accepted(self) -> sa.ColumnElement[bool]:
        """Condition on a staged row: it is stored or unchanged, neither ambiguous nor waiting."""
        return ~self._is_aside(AMBIGUOUS, MISSING_PARENT)

    def unambiguous(self) -> sa.ColumnElement[bool]:
        """Condition on a staged row: it is stored, unchanged, or waits for its parent."""
        return ~self._is_aside(AMBIGUOUS)

    def set_aside(self, size: int = 20_000) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        """The rows set aside as ambiguous or waiting, in chunks: typed rows by stage_row, and their reasons.

        The rows carry `source_no` and `row_number`; reasons are stage_row, reason and column_name.
        """
        aside, last = self.aside.c, -1
        waiting = aside.reason.in_([AMBIGUOUS, MISSING_PARENT])
        numbers = sa.select(aside.stage_row).distinct().where(waiting).order_by(aside.stage_row).limit(size)
        while found := self.connection.scalars(numbers.where(aside.stage_row > last)).all():
            span = sa.and_(waiting, aside.stage_row.between(last + 1, found[-1]))
            reasons = self.connection.execute(self.aside.select().where(span).order_by(aside.stage_row)).all()
            yield (
                self._rows_where(self.rows.c.stage_row.in_(sa.select(aside.stage_row).where(span))),
                pd.DataFrame(reasons),
            )
            last = found[-1]

    def _rows_where(self, condition: sa.ColumnElement[bool]) -> pd.DataFrame:
        rows = self.rows.c
        names = ("stage_row", "source_no", "row_number", *self.contract.column_names)
        chosen = sa.select(*(rows[name] for name in names)).where(condition).order_by(rows.stage_row)
        return read_rows(self.connection, self.contract, chosen).set_index("stage_row")

    def _stamp_not_before_the_store(self) -> None:
        """A stamped row takes the newest `recorded_at` on record where that lies later than its arrival.

        What was filed under today's bare date counts from the end of today: a correction stamped this
        afternoon would otherwise never take effect.
        """
        rows, held = self.rows.c, self.target.c
        newest = (
            sa.select(sa.func.max(held.recorded_at))
            .where(held.record_key == rows.record_key)
            .scalar_subquery()
        )
        lifted = self.rows.update().where(rows.is_stamped, newest > rows.recorded_at)
        if self.connection.execute(lifted.values(recorded_at=newest)).rowcount:
            self._identities.append(_REPEATED)

    def _repeats_itself(self) -> bool:
        identities = np.concatenate(self._identities or [np.empty(0, np.uint64)])
        self._identities = [identities]
        return len(np.unique(identities)) < len(identities)

    def _set_aside_ambiguous(self) -> None:
        rows = self.rows.c
        twice = (
            sa.select(rows.record_key, rows.recorded_at)
            .group_by(rows.record_key, rows.recorded_at)
            .having(sa.func.min(rows.content_hash) != sa.func.max(rows.content_hash))
            .subquery()
        )
        same = sa.and_(twice.c.record_key == rows.record_key, twice.c.recorded_at == rows.recorded_at)
        self._insert_aside(sa.select(rows.stage_row).join(twice, same), AMBIGUOUS)

    def _set_aside_orphans(self, column: str, reference: Reference) -> None:
        value = self.rows.c[column]
        there = sa.exists(sa.select(1).where(parent_key(reference) == value))
        orphans = sa.select(self.rows.c.stage_row).where(value.is_not(None), ~there)
        self._insert_aside(orphans, MISSING_PARENT, column)

    def _set_aside_repeated(self) -> None:
        rows = self.rows.c
        place = sa.func.row_number().over(
            partition_by=(rows.record_key, rows.recorded_at), order_by=rows.stage_row
        )
        placed = sa.select(rows.stage_row, place.label("place")).where(~self._is_aside()).subquery()
        self._insert_aside(sa.select(placed.c.stage_row).where(placed.c.place > 1), REPEATED)

    def _set_aside_unchanged(self) -> None:
        rows, held = self.rows.c, self.target.alias("held")
        newer = self.target.alias("newer")
        same_version = sa.and_(held.c.record_key == rows.record_key, held.c.recorded_at == rows.recorded_at)
        superseded = sa.exists(
            sa.select(1).where(
                newer.c.record_key == held.c.record_key,
                newer.c.recorded_at == held.c.recorded_at,
                newer.c.store_version > held.c.store_version,
            )
        )
        unchanged = (
            sa.select(rows.stage_row)
            .join(held, same_version)
            .where(held.c.content_hash == rows.content_hash, ~superseded, ~self._is_aside())
        )
        self._insert_aside(unchanged, UNCHANGED)
        if self._stamped:
            newest = (
                sa.select(held.c.content_hash)
                .where(held.c.record_key == rows.record_key)
                .order_by(held.c.recorded_at.desc(), held.c.store_version.desc())
                .limit(1)
                .scalar_subquery()
            )
            same = sa.select(rows.stage_row).where(
                rows.is_stamped, newest == rows.content_hash, ~self._is_aside()
            )
            self._insert_aside(same, UNCHANGED)

    def corrections(self, examples: int) -> pd.DataFrame:
        """Some of the rows to be stored that the store has with the same key and `recorded_at`, but other content."""
        rows = self.rows.c
        chosen = sa.select(rows.record_key, rows.recorded_at, rows.row_number, rows.source_no)
        found = self.connection.execute(chosen.where(self._is_correction()).limit(examples)).all()
        return pd.DataFrame(found, columns=["record_key", "recorded_at", "row_number", "source_no"])

    def unchanged_rows(self) -> list[int]:
        """The row numbers of the source whose rows say nothing new: the store or an earlier row has them."""
        numbers = sa.select(self.rows.c.row_number).where(self._is_aside(UNCHANGED, REPEATED))
        return list(self.connection.scalars(numbers.order_by(self.rows.c.stage_row)))

    def repeated_by_system(self) -> dict[str, int]:
        """Rows that repeat another row of this delivery, by `source_system`."""
        system = sa.func.coalesce(self.rows.c.source_system, "")
        counted = sa.select(system, sa.func.count()).where(self._is_aside(REPEATED)).group_by(system)
        return {name: int(count) for name, count in self.connection.execute(counted)}

    def _is_correction(self) -> sa.ColumnElement[bool]:
        rows, held = self.rows.c, self.target.c
        same = sa.and_(held.record_key == rows.record_key, held.recorded_at == rows.recorded_at)
        return sa.and_(sa.exists(sa.select(1).where(same)), ~self._is_aside())

    def _count_corrections(self) -> int:
        if not has_rows(self.connection, self.target):
            return 0
        count = sa.select(sa.func.count()).select_from(self.rows).where(self._is_correction())
        return int(self.connection.scalar(count) or 0)

    def _insert_aside(self, stage_rows: sa.Select, reason: str, column: str = "") -> None:
        chosen = stage_rows.add_columns(sa.literal(reason, sa.Text), sa.literal(column, sa.Text))
        self.connection.execute(
            self.aside.insert().from_select(["stage_row", "reason", "column_name"], chosen)
        )

    def _is_aside(self, *reasons: str) -> sa.ColumnElement[bool]:
        among = [self.aside.c.reason.in_(reasons)] if reasons else []
        return sa.exists(sa.select(1).where(self.aside.c.stage_row == self.rows.c.stage_row, *among))

    def _count_aside(self, *reasons: str) -> int:
        rows = sa.func.count(self.aside.c.stage_row.distinct())
        return int(self.connection.scalar(sa.select(rows).where(self.aside.c.reason.in_(reasons))) or 0)


@cache
def _temporary_tables(table: TableContract, name: str) -> tuple[sa.Table, sa.Table, sa.Table, sa.Table]:
    """Rows, rows set aside, failures and lookalikes; made once, so that statements about them are compiled once."""
    metadata = sa.MetaData()
    rows = sa.Table(
        f"{name}_rows",
        metadata,
        sa.Column("stage_row", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("source_no", sa.Integer),
        sa.Column("row_number", sa.BigInteger),
        sa.Column("is_stamped", sa.Boolean),
        sa.Column("record_key", sa.Text),
        sa.Column("content_hash", sa.Text),
        *contract_columns(table),
        prefixes=["TEMPORARY"],
    )
    aside = sa.Table(
        f"{name}_aside",
        metadata,
        sa.Column("stage_row", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, primary_key=True),
        sa.Column("column_name", sa.Text, primary_key=True),
        prefixes=["TEMPORARY"],
    )
    failures = sa.Table(
        f"{name}_failures",
        metadata,
        *quarantine_columns(),
        sa.Column("is_known", sa.Boolean),
        sa.Index(f"{name}_failures_by_row", "row_hash"),
        prefixes=["TEMPORARY"],
    )
    lookalikes = sa.Table(
        f"{name}_lookalikes",
        metadata,
        sa.Column("source_no", sa.Integer),
        sa.Column("row_number", sa.BigInteger),
        sa.Column("failing", sa.Text),
        sa.Column("rest_hash", sa.Text),
        prefixes=["TEMPORARY"],
    )
    return rows, aside, failures, lookalikes


def has_rows(connection: sa.Connection, table: sa.Table) -> bool:
    """Whether a table of the store has any row."""
    return bool(connection.scalar(sa.select(sa.exists(sa.select(1).select_from(table)))))


def is_enforced(connection: sa.Connection, reference: Reference) -> bool:
    """Whether a parent must be there: always, or as soon as the parents' table has been delivered."""
    return reference.enforced == "always" or has_rows(connection, store_table(reference.table))


def parent_key(reference: Reference) -> sa.ColumnElement[str]:
    """The referenced column; as the indexed record_key where it is the parent's whole key, as it usually is."""
    parent = store_table(reference.table)
    return (
        parent.c.record_key
        if contract(reference.table).key == (reference.column,)
        else parent.c[reference.column]
    )


def _identities(keys: pd.Series, recorded_at: pd.Series) -> np.ndarray:
    """64 bits a row that tell key and recorded_at apart well enough to notice that nothing repeats."""
    named = pd.DataFrame({"key": keys.astype(object), "recorded_at": recorded_at})
    return pd.util.hash_pandas_object(named, index=False, categorize=False).to_numpy()
