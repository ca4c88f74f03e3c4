"""Many rows into a SQL table at the speed of the driver: executemany for SQLite, COPY for PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa


def write_columns(connection: sa.Connection, table: sa.Table, columns: Mapping[str, pa.Array]) -> None:
    """Append Arrow columns of equal length to `table`, inside the transaction that `connection` is in."""
    if connection.dialect.name == "sqlite":
        _write_sqlite(connection, table, columns)
    else:
        _copy_postgresql(connection, table, columns)


def _write_sqlite(connection: sa.Connection, table: sa.Table, columns: Mapping[str, pa.Array]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    places = ", ".join("?" * len(columns))
    cursor = connection.connection.cursor()
    cursor.executemany(
        f"INSERT INTO {table.name} ({names}) VALUES ({places})",
        list(zip(*(_sqlite_values(values) for values in columns.values()), strict=True)),
    )
    cursor.close()


def _sqlite_values(values: pa.Array) -> list[object]:
    """Dates and moments as SQLAlchemy's SQLite dialect writes them: ISO text, moments with microseconds."""
    if values.null_count == len(values):
        return [None] * len(values)
    if pa.types.is_date32(values.type) or pa.types.is_timestamp(values.type):
        encoded = values.dictionary_encode()  # a day occurs many times: format it once
        texts = [*encoded.dictionary.cast(pa.string()).to_pylist(), None]
        return [texts[place] for place in encoded.indices.fill_null(len(texts) - 1).to_pylist()]
    return values.to_pylist()


def _copy_postgresql(connection: sa.Connection, table: sa.Table, columns: Mapping[str, pa.Array]) -> None:
    """As CSV, in which Arrow leaves missing cells empty and quotes all texts: empty means NULL, "" does not."""
    lines = pa.BufferOutputStream()
    options = pyarrow.csv.WriteOptions(include_header=False)
    pyarrow.csv.write_csv(pa.table(dict(columns)), lines, options)
    names = ", ".join(f'"{name}"' for name in columns)
    driver = connection.connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)") as copy,
    ):
        copy.write(lines.getvalue().to_pybytes())
