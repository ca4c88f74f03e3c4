"""Rows of CSV files as offices deliver them: several encodings, stray quotes, ragged lines, long cells."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from data_contracts.errors import SourceUnreadable
from data_contracts.row_chunks import CHUNK_ROWS, RowChunk, sorted_chunk

LONGEST_CELL = 32_000_000
"""Characters. A cell in quotes beyond it is taken for a quote that was never closed. A longer cell never
refuses the file: its line is split at the delimiters, and its row goes to quarantine as too long."""

_BLOCK_CHARACTERS = 8_000_000  # some 50,000 rows of violations; a longer line is a block of its own


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


def csv_chunks(
    path: Path, columns: Sequence[str], encoding: str, chunk_rows: int = CHUNK_ROWS
) -> Iterator[RowChunk]:
    """The rows below the header, numbered by the line of the file on which each begins.

    A line with more or fewer cells than the header is damaged; empty cells beyond the last column are
    let pass, and a line without any value is no row. An open quote swallows no lines: the line that it
    stands on is read as if quotes meant nothing. Bytes that are not of the encoding come as lone
    surrogates, which no contract lets pass.
    """
    csv.field_size_limit(LONGEST_CELL)
    with _opened(path, encoding) as file:
        lines = _Lines(file)
        delimiter = _delimiter(next(lines, ""))
        while block := lines.block():
            numbers: Sequence[int] = range(lines.number - len(block) + 1, lines.number + 1)
            if any('"' in line or len(line) > LONGEST_CELL for line in block):
                lines.put_back(block)
                quoted = list(_quoted_rows(lines, delimiter, len(columns), numbers[-1]))
                numbers, cells = [number for number, _ in quoted], [row for _, row in quoted]
            else:
                cells = list(csv.reader(block, delimiter=delimiter))
            for first in range(0, len(cells), chunk_rows):
                part = slice(first, first + chunk_rows)
                yield sorted_chunk(columns, numbers[part], cells[part])


def _opened(path: Path, encoding: str) -> TextIO:
    return path.open(encoding=encoding, errors="surrogateescape", newline="")


def _delimiter(header: str) -> str:
    return max(",\t;", key=header.count)


class _Lines:
    """Lines of a file that can be put back, with the number of the last one given."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._file.readline()
        if not line:
            raise StopIteration
        self.taken.append(line)
        self.number += 1
        return line

    def block(self) -> list[str]:
        """The next lines, together some megabytes; those that were put back come first, alone."""
        block = list(self._again) or self._file.readlines(_BLOCK_CHARACTERS)
        self._again.clear()
        self.number += len(block)
        return block

    def put_back(self, lines: Sequence[str]) -> None:
        self._again.extendleft(reversed(lines))
        self.number -= len(lines)


def _quoted_rows(lines: _Lines, delimiter: str, width: int, end: int) -> Iterator[tuple[int, list[str]]]:
    """Rows that begin no later than on line `end`; a row in quotes may go on for several lines."""
    reader = csv.reader(lines, delimiter=delimiter)
    while lines.number < end:
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
            lines.put_back(taken[1:])
            yield start, first.rstrip("\r\n").split(delimiter)
        else:
            yield start, cells


def _is_open(taken: list[str]) -> bool:
    return sum(line.count('"') for line in taken) % 2 == 1
