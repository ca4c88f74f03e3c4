"""Rows as a source delivers them, before any contract is asked: texts, in chunks, with their row numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.cell_screening import TEXT_DTYPE
from data_contracts.rule_book import sentences

CHUNK_ROWS = 50_000
CHUNK_CHARACTERS = 64_000_000
"""A chunk ends at whichever comes first, so that long cells cannot fill the memory."""


@dataclass(frozen=True)
class DamagedRow:
    """A row that cannot be read as cells of its columns; `cells` are those that can be, by column."""

    row_number: int
    rule: str
    value: str
    cells: dict[str, str]
    zh: str
    en: str


@dataclass(frozen=True)
class RowChunk:
    """Some rows of a file: texts by column, missing as NaN, the index holding the numbers of the rows.

    Row numbers are those that a person sees in the file: the header of a CSV file is line 1.
    """

    rows: pd.DataFrame
    damaged: list[DamagedRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.damaged)


def chunks_of_rows(
    columns: Sequence[str], rows: Iterable[tuple[int, Sequence[str | None]]], chunk_rows: int = CHUNK_ROWS
) -> Iterator[RowChunk]:
    """Rows, each with its number, collected into chunks; a row without any value is no row."""
    numbers: list[int] = []
    cells: list[Sequence[str | None]] = []
    characters = 0
    for number, row in rows:
        if any(row):
            numbers.append(number)
            cells.append(row)
            characters += sum(len(cell) for cell in row if cell)
        if len(numbers) >= chunk_rows or characters >= CHUNK_CHARACTERS:
            yield sorted_chunk(columns, numbers, cells)
            numbers, cells, characters = [], [], 0
    if numbers:
        yield sorted_chunk(columns, numbers, cells)


def sorted_chunk(
    columns: Sequence[str], numbers: Sequence[int], rows: Sequence[Sequence[str | None]]
) -> RowChunk:
    """Whole rows together; those with more or fewer cells than the header each with what is wrong with it.

    Empty cells beyond the last column are let pass, and a row without any value is no row.
    """
    width = len(columns)
    if set(map(len, rows)) == {width} and all(map(itemgetter(0), rows)):
        return chunk_of_rows(columns, numbers, rows)
    kept, whole, damaged = [], [], []
    for number, row in zip(numbers, rows, strict=True):
        if not any(row):
            continue
        cells = row if any(row[width:]) else row[:width]
        if len(cells) == width:
            kept.append(number)
            whole.append(cells)
        else:
            damaged.append(_ragged(number, columns, cells))
    return chunk_of_rows(columns, kept, whole, damaged)


def _ragged(number: int, columns: Sequence[str], cells: Sequence[str | None]) -> DamagedRow:
    """Cells are named from the left; those beyond the last column stand under their place."""
    zh, en = sentences("wrong_number_of_cells", cells=len(cells), columns=len(columns))
    names = [*columns, *(f"cell {place + 1}" for place in range(len(columns), len(cells)))]
    named = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
    return DamagedRow(number, "wrong_number_of_cells", str(len(cells)), named, zh, en)


def chunk_of_rows(
    columns: Sequence[str],
    numbers: Sequence[int],
    cells: Sequence[Sequence[str | None]],
    damaged: Sequence[DamagedRow] = (),
) -> RowChunk:
    """Rows of equally many cells, and damaged ones, as one chunk."""
    by_column = zip(*cells, strict=True) if cells else ([] for _ in columns)
    named = {name: _text_column(texts) for name, texts in zip(columns, by_column, strict=True)}
    return RowChunk(text_frame(named, numbers), list(damaged))


def text_frame(columns: Mapping[str, pd.Series | pa.Array], numbers: Iterable[int]) -> pd.DataFrame:
    """Texts by column as a frame indexed by row number; empty texts are missing."""
    index = pd.Index(list(numbers), dtype="int64")
    return pd.DataFrame(
        {name: _text_column(texts).set_axis(index) for name, texts in columns.items()}, index=index
    )


def _text_column(texts: pd.Series | pa.Array | Sequence[str | None]) -> pd.Series:
    if isinstance(texts, pd.Series):
        return texts
    try:
        array = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    except UnicodeEncodeError:  # lone surrogates: Arrow cannot hold them, the contract's check can
        return pd.Series([text or None for text in texts], dtype=object)
    array = pc.if_else(pc.equal(array, ""), pa.scalar(None, array.type), array)
    return pd.Series(cast(Any, TEXT_DTYPE).__from_arrow__(array))
