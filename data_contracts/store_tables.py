"""The SQL tables of the record store, made from the contracts, and how an older store is brought up to date."""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

from data_contracts.contract import TableContract, contracts
from data_contracts.errors import StoreUnavailable
from data_contracts.grade_tables import grade_tables
from data_contracts.service_tables import access_tables, archive_tables, ledger_tables

LAYOUT = 2
"""Number of the store's own layout. A change of the tables below raises it and adds a step to MIGRATIONS."""

MIGRATIONS: dict[int, str] = {1: "DROP TABLE IF EXISTS decisions"}  # the ledger of layout 1 was never in use
"""SQL that turns a store of layout n into n + 1. Columns that a table gained are added without one."""

SQL_TYPES: dict[str, type[sa.types.TypeEngine]] = {
    "text": sa.Text,
    "code": sa.Text,
    "integer": sa.BigInteger,
    "number": sa.Double,
    "boolean": sa.Boolean,
    "date": sa.Date,
    "moment": sa.DateTime,
}

META_TABLE = "siterisk_store"
BOOKKEEPING = ("store_version", "record_key", "content_hash", "contract_version", "loaded_at")
"""What the store adds to the columns of a contract, in the order in which they stand in its tables."""


@cache
def store_metadata() -> sa.MetaData:
    """All tables of a record store."""
    metadata = sa.MetaData()
    sa.Table(META_TABLE, metadata, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text))
    sa.Table(
        "store_versions",
        metadata,
        sa.Column("store_version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("rows_stored", sa.BigInteger, nullable=False),
        sa.Column("contract_version", sa.Text, nullable=False),
        sa.Column("loaded_at", sa.DateTime, nullable=False),
    )
    sa.Table(
        "quarantine",
        metadata,
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        *quarantine_columns(),
        sa.Column("resolved_at", sa.DateTime),
        sa.Column("resolution", sa.Text),
        sa.Index("quarantine_by_row", "row_hash", "table_name"),
        sa.Index("quarantine_by_key", "record_key", "table_name"),
    )
    access_tables(metadata)
    ledger_tables(metadata)
    archive_tables(metadata)
    grade_tables(metadata)
    for contract in contracts().values():
        sa.Table(
            contract.name,
            metadata,
            sa.Column("store_version", sa.BigInteger, nullable=False),
            sa.Column("record_key", sa.Text, nullable=False),
            sa.Column("content_hash", sa.Text, nullable=False),
            sa.Column("contract_version", sa.Text, nullable=False),
            sa.Column("loaded_at", sa.DateTime, nullable=False),
            *contract_columns(contract),
            sa.Index(f"{contract.name}_by_key", "record_key", "recorded_at", "store_version", unique=True),
            sa.Index(f"{contract.name}_by_store_version", "store_version"),
        )
    return metadata


def contract_columns(contract: TableContract) -> list[sa.Column]:
    """The columns of a contract, nullable: what must be there is the intake's to say, with a reason."""
    return [sa.Column(column.name, SQL_TYPES[column.kind]) for column in contract.columns]


def quarantine_columns() -> list[sa.Column]:
    """What is known of one failure when it is found; one entry for each failure of a row.

    `row_hash` is of the row's cells as delivered, `rest_hash` of its cells but the failing ones (the names
    of which are in `failing`): they recognise the row when it comes again, corrected or not. `recorded_at`
    is missing where it cannot be read, `record_key` where the key cannot.
    """
    return [
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("row_number", sa.BigInteger, nullable=False),
        sa.Column("record_key", sa.Text),
        sa.Column("recorded_at", sa.DateTime),
        sa.Column("recorded_at_text", sa.Text),
        sa.Column("column_name", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("zh", sa.Text, nullable=False),
        sa.Column("en", sa.Text, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
        sa.Column("row_hash", sa.Text, nullable=False),
        sa.Column("rest_hash", sa.Text, nullable=False),
        sa.Column("failing", sa.Text, nullable=False),
        sa.Column("first_seen", sa.DateTime, nullable=False),
        sa.Column("last_seen", sa.DateTime, nullable=False),
    ]


def store_table(name: str) -> sa.Table:
    """One table of the store by name."""
    return store_metadata().tables[name]


def prepare_store(connection: sa.Connection) -> None:
    """Create what is missing and migrate an older layout; the caller holds the store's lock.

    Raises StoreUnavailable for a store written by a newer siterisk than this one.
    """
    metadata, meta = store_metadata(), store_table(META_TABLE)
    found = None
    if sa.inspect(connection).has_table(META_TABLE):
        found = connection.scalar(sa.select(meta.c.value).where(meta.c.name == "layout"))
    if found is not None and int(found) > LAYOUT:
        raise StoreUnavailable(
            zh=f"记录库的结构版本为 {found}，高于本程序支持的 {LAYOUT}，请使用较新版本的 siterisk。",
            en=f"The record store has layout {found}, this siterisk knows {LAYOUT}. Use a newer siterisk.",
        )
    for layout in range(int(found or LAYOUT), LAYOUT):
        connection.execute(sa.text(MIGRATIONS[layout]))
    metadata.create_all(connection)
    _add_columns(connection, metadata)
    if found is None:
        connection.execute(meta.insert().values(name="layout", value=str(LAYOUT)))
    elif int(found) < LAYOUT:
        connection.execute(meta.update().where(meta.c.name == "layout").values(value=str(LAYOUT)))


def is_prepared(connection: sa.Connection) -> bool:
    """Whether the store has exactly the tables and columns of this version, so that opening it needs no lock."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(META_TABLE):
        return False
    meta = store_table(META_TABLE)
    if connection.scalar(sa.select(meta.c.value).where(meta.c.name == "layout")) != str(LAYOUT):
        return False
    present = set(inspector.get_table_names())
    return all(
        name in present and not (set(table.c.keys()) - {c["name"] for c in inspector.get_columns(name)})
        for name, table in store_metadata().tables.items()
    )


def _add_columns(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Columns that a table has gained since the store was made; they are missing in the rows there are."""
    inspector = sa.inspect(connection)
    for table in metadata.tables.values():
        present = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                kind = column.type.compile(connection.dialect)
                connection.execute(sa.text(f'ALTER TABLE {table.name} ADD COLUMN "{column.name}" {kind}'))
