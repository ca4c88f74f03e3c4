"""Many rows out of a SQL table as a typed frame, at the speed of the driver."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa

from data_contracts.contract import TableContract
from data_contracts.typed_tables import ARROW_TYPES, from_arrow

_ROWS_AT_ONCE = 100_000


def read_rows(connection: sa.Connection, contract: TableContract, chosen: sa.Select) -> pd.DataFrame:
    """The rows that `chosen` selects; columns of the contract are typed as it says, others are integers."""
    return from_arrow(contract, arrow_rows(connection, contract, chosen))


def arrow_rows(connection: sa.Connection, contract: TableContract, chosen: sa.Select) -> pa.Table:
    """The rows that `chosen` selects, as Arrow."""
    schema = arrow_schema(contract, chosen)
    statement = str(chosen.compile(connection, compile_kwargs={"literal_binds": True}))
    reader = _read_sqlite if connection.dialect.name == "sqlite" else _read_postgresql
    return reader(connection, statement, schema)


def arrow_schema(contract: TableContract, chosen: sa.Select) -> pa.Schema:
    """The Arrow types of the columns that `chosen` selects: the contract's, and whole numbers for others."""
    kinds = {column.name: ARROW_TYPES[column.kind] for column in contract.columns}
    return pa.schema([(c.name, kinds.get(c.name, pa.int64())) for c in chosen.selected_columns])


def _read_sqlite(connection: sa.Connection, statement: str, schema: pa.Schema) -> pa.Table:
    cursor = connection.connection.cursor()
    cursor.execute(statement)
    batches = []
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        columns = zip(*rows, strict=True)
        batches.append(
            pa.record_batch(
                [_sqlite_array(values, kind) for values, kind in zip(columns, schema.types, strict=True)],
                schema=schema,
            )
        )
    cursor.close()
    return pa.Table.from_batches(batches, schema)


def _sqlite_array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    """SQLite keeps days and moments as ISO text and yes or no as 1 or 0."""
    if pa.types.is_date32(kind) or pa.types.is_timestamp(kind):
        return pa.array(values, pa.string()).cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array(values, pa.int8()).cast(kind)
    return pa.array(values, kind)


def _read_postgresql(connection: sa.Connection, statement: str, schema: pa.Schema) -> pa.Table:
    """By COPY as CSV, in which an empty cell without quotes is NULL."""
    driver = connection.connection.driver_connection
    assert driver is not None
    lines = io.BytesIO()
    with driver.cursor() as cursor, cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)") as copy:
        for block in copy:
            lines.write(block)
    if not lines.tell():
        return schema.empty_table()
    lines.seek(0)
    return pyarrow.csv.read_csv(
        lines,
        read_options=pyarrow.csv.ReadOptions(column_names=schema.names),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
