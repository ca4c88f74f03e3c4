"""Rows of CSV files as offices deliver them: several encodings, stray quotes, ragged lines, long cells."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from data_contracts.errors import SourceUnreadable
from data_contracts.row_chunks import DamagedRow, ReadRow
from data_contracts.rule_book import sentences

LONGEST_CELL = 32_000_000
"""Characters. A cell beyond it is taken for a quote that was never closed."""


def csv_header(path: Path, encoding: str) -> list[str]:
    """The cells of the first line; raises SourceUnreadable for a file without any."""
    with _opened(path, encoding) as lines:
        first = lines.readline()
    cells = next(csv.reader([first], delimiter=_delimiter(first)), [])
    if not any(cell.strip() for cell in cells):
        raise SourceUnreadable(
            zh=f"{path.name} 第一行没有字段名。", en=f"The first line of {path.name} has no column names."
        )
    return cells


def csv_rows(path: Path, columns: list[str], encoding: str) -> Iterator[ReadRow]:
    """The rows below the header, numbered by the line of the file on which each begins.

    A line with more or fewer cells than the header is damaged; empty cells beyond the last column are
    let pass. If an open quote swallowed the lines after it, only the line with the quote is damaged.
    Bytes that are not of the encoding come as lone surrogates, which no contract lets pass.
    """
    csv.field_size_limit(LONGEST_CELL)
    width = len(columns)
    with _opened(path, encoding) as file:
        lines = _Lines(file)
        delimiter = _delimiter(next(lines, ""))
        for number, cells in _split(lines, delimiter, width):
            if len(cells) > width and not any(cells[width:]):
                del cells[width:]
            if len(cells) == width:
                yield ReadRow(number, cells)
            elif any(cells):
                yield ReadRow(number, (), _ragged(number, columns, cells))


def _opened(path: Path, encoding: str) -> TextIO:
    return path.open(encoding=encoding, errors="surrogateescape", newline="")


def _delimiter(header: str) -> str:
    return max(",\t;", key=header.count)


class _Lines:
    """Lines of a file that can be put back, with the number of the last one given."""

    def __init__(self, file: Iterator[str]) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._file)
        self.taken.append(line)
        self.number += 1
        return line

    def put_back_all_but_first(self) -> None:
        self._again.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1


def _split(lines: _Lines, delimiter: str, width: int) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row."""
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        lines.taken.clear()
        start = lines.number + 1
        try:
            cells: list[str] | None = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells, reader = None, csv.reader(lines, delimiter=delimiter)
        taken = lines.taken
        if cells is None or (len(taken) > 1 and (len(cells) != width or _is_open(taken))):
            first = taken[0]
            lines.put_back_all_but_first()
            yield start, first.rstrip("\r\n").split(delimiter)
            continue
        if cells:
            yield start, cells


def _is_open(taken: list[str]) -> bool:
    return sum(line.count('"') for line in taken) % 2 == 1


def _ragged(number: int, columns: list[str], cells: list[str]) -> DamagedRow:
    """Cells are named from the left; those beyond the last column stand under their place."""
    zh, en = sentences("wrong_number_of_cells", cells=len(cells), columns=len(columns))
    names = [*columns, *(f"cell {place + 1}" for place in range(len(columns), len(cells)))]
    named = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
    return DamagedRow(number, "wrong_number_of_cells", str(len(cells)), named, zh, en)
