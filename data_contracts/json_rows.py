"""Rows posted as JSON objects, as the intake reads those of a file: texts by column, numbered from 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from data_contracts.cell_texts import cell_text
from data_contracts.column_headings import column_names_of
from data_contracts.contract import TableContract
from data_contracts.errors import InvalidInput
from data_contracts.record_sources import RecordFile, refuse_personal
from data_contracts.row_chunks import RowChunk, chunk_of_rows

MOST_HEADINGS = 200

JsonRow = Mapping[str, str | int | float | bool | None]


def cells_of(table: TableContract, rows: Sequence[JsonRow]) -> tuple[pd.DataFrame, list[str]]:
    """The cells of the table's columns as texts by row number, and the headings that mean none of its columns.

    Each row has headings of its own, understood as those of a file are. Raises ForbiddenColumn for personal
    data, InvalidInput for more than 200 headings together and for a row that gives a column twice.
    """
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    if len(headings) > MOST_HEADINGS:
        raise InvalidInput(
            zh=f"各行合计有 {len(headings)} 个不同的列名，至多 {MOST_HEADINGS} 个。",
            en=f"The rows have {len(headings)} different columns together; at most {MOST_HEADINGS} are taken.",
            field="rows",
        )
    refuse_personal(headings)
    meant = {heading: name for one in headings for heading, name in column_names_of(table, [one]).items()}
    named = [_by_column(row, meant, place) for place, row in enumerate(rows)]
    delivered = set(meant.values())
    columns = [name for name in table.column_names if name in delivered]
    texts = [[row.get(name) for name in columns] for row in named]
    chunk = chunk_of_rows(columns, range(1, len(rows) + 1), texts)
    return chunk.rows, [heading for heading in headings if heading not in meant]


def file_of(table: TableContract, cells: pd.DataFrame, name: str) -> RecordFile:
    """Cells as a file called `name`, which the intake can take in."""
    columns = tuple(str(column) for column in cells)
    return RecordFile(table.name, name, columns, None, lambda _: iter([RowChunk(cells)]))


def _by_column(row: JsonRow, meant: Mapping[str, str], place: int) -> dict[str, str | None]:
    cells: dict[str, str | None] = {}
    for heading, value in row.items():
        if (column := meant.get(heading)) is None:
            continue
        if column in cells:
            raise InvalidInput(
                zh=f"rows[{place}]：字段 {column} 出现了不止一次，无法判断以哪一个为准。",
                en=f"rows[{place}]: the column {column} occurs more than once: nobody can say which one holds.",
                field=f"rows[{place}]",
            )
        cells[column] = cell_text(value)
    return cells
