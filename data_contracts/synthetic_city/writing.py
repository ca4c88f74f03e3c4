"""Tables to files as they are made: one Parquet or CSV file a table, the same bytes for the same rows."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_contracts.contract import Kind, TableContract, contract, contracts
from data_contracts.simulated import MARKED_TABLES, SIMULATED
from data_contracts.synthetic_city.rows import Rows, length

TableFormat = Literal["parquet", "csv"]
ROWS_A_GROUP = 200_000
_ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(), "code": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(),
    "date": pa.date32(), "moment": pa.timestamp("us"),
}  # fmt: skip


class CityWriter:
    """Takes rows of contract tables in pieces and writes each table's file; use as a context manager.

    Every table of the contracts gets a file, with all its columns, even without rows. Tables that an
    earlier city left in the folder are removed first.
    """

    def __init__(self, folder: Path, table_format: TableFormat = "parquet") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in contracts():
            for ending in get_args(TableFormat):
                (folder / f"{name}.{ending}").unlink(missing_ok=True)
        self.folder, self.table_format = folder, table_format
        self.counts = dict.fromkeys(contracts(), 0)
        self._waiting: dict[str, list[pa.Table]] = {name: [] for name in contracts()}
        self._open: dict[str, pq.ParquetWriter | pa_csv.CSVWriter] = {}

    def write(self, name: str, rows: Rows) -> None:
        """Add rows to a table; columns the rows lack are missing, those with an underscore are left out.

        Projects and firms are marked as simulated.
        """
        if name in MARKED_TABLES:
            rows = rows | {"source_system": np.full(length(rows), SIMULATED.encode())}
        piece = as_arrow(contract(name), rows)
        self.counts[name] += piece.num_rows
        self._waiting[name].append(piece)
        if sum(part.num_rows for part in self._waiting[name]) >= ROWS_A_GROUP:
            self._flush(name)

    def close(self) -> None:
        for name, table in contracts().items():
            if self._waiting[name] or name not in self._open:
                self._waiting[name].append(as_arrow(table, {}))
                self._flush(name)
            self._open[name].close()

    def __enter__(self) -> CityWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            for writer in self._open.values():
                writer.close()

    def _flush(self, name: str) -> None:
        group = pa.concat_tables(self._waiting[name])
        self._waiting[name] = []
        if name not in self._open:
            self._open[name] = open_writer(
                self.folder / f"{name}.{self.table_format}", group.schema, self.table_format
            )
        self._open[name].write_table(group)


def open_writer(
    path: Path, schema: pa.Schema, table_format: TableFormat
) -> pq.ParquetWriter | pa_csv.CSVWriter:
    """A writer with fixed settings, so that bytes depend on the rows alone."""
    if table_format == "csv":
        return pa_csv.CSVWriter(path, schema, write_options=pa_csv.WriteOptions(quoting_style="needed"))
    return pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=1, use_dictionary=True, version="2.6"
    )


def as_arrow(table: TableContract, rows: Rows) -> pa.Table:
    """Rows as an Arrow table with the contract's columns and types."""
    count = length(rows)
    columns, fields = [], []
    for column in table.columns:
        kind = _ARROW[column.kind]
        fields.append(pa.field(column.name, kind))
        columns.append(_array(rows[column.name], kind) if column.name in rows else pa.nulls(count, kind))
    return pa.table(columns, schema=pa.schema(fields))


def _array(values: NDArray, kind: pa.DataType) -> pa.Array:
    if values.dtype.kind == "S":
        if kind != pa.string():
            raise TypeError(f"text for a column of {kind}")
        return pa.array(values, pa.binary(), mask=values == b"").cast(pa.string())
    if values.dtype.kind == "M":
        return pa.array(values).cast(kind)
    if values.dtype.kind == "f" and kind in (pa.int64(), pa.bool_()):
        missing = np.isnan(values)
        return pa.array(np.where(missing, 0, values).astype(np.int64), mask=missing).cast(kind)
    return pa.array(values, from_pandas=True).cast(kind)
