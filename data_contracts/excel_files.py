"""Rows of Excel workbooks (.xlsx), read sheet by sheet without holding a sheet in memory."""

from __future__ import annotations

import datetime as dt
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from data_contracts.cell_texts import cell_text
from data_contracts.errors import SourceUnreadable

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    EOFError,
    OSError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
)
"""What openpyxl raises for a workbook that is none, is encrypted, or contradicts itself in a cell."""


@dataclass(frozen=True)
class ExcelSheet:
    """One sheet: its header is the first row that holds anything; rows are numbered as Excel does."""

    path: Path
    title: str
    is_hidden: bool
    header: list[str]
    header_row: int

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[int, list[str | None]]]:
        """The rows below the header, each as long as the header at least, longer if cells stand beyond it.

        A formula comes as its text, which no contract lets pass. Raises SourceUnreadable where the
        workbook is broken.
        """
        width = len(columns)
        with _workbook(self.path) as workbook:
            for row in workbook[self.title].iter_rows(min_row=self.header_row + 1):
                number = next((cell.row for cell in row if cell.value is not None), None)
                if number is not None:
                    cells = [_text(cell) for cell in row]
                    yield number, cells + [None] * (width - len(cells))


def excel_sheets(path: Path) -> list[ExcelSheet]:
    """The sheets of a workbook; raises SourceUnreadable for a file that is no workbook."""
    with _workbook(path) as workbook:
        return [_sheet(path, sheet) for sheet in workbook.worksheets]


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    import openpyxl

    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
        try:
            yield workbook
        finally:
            workbook.close()
    except _BROKEN as error:
        raise SourceUnreadable(
            zh=f"无法读取 Excel 文件 {path.name}：文件损坏、已加密或不是 .xlsx 格式（{str(error)[:200]}）。",
            en=f"{path.name} cannot be read: it is broken, encrypted or no .xlsx workbook ({str(error)[:200]}).",
        ) from error


def _sheet(path: Path, sheet: Any) -> ExcelSheet:
    sheet.reset_dimensions()  # what the file says of its own size is often wrong
    is_hidden = sheet.sheet_state != "visible"
    for number, row in enumerate(sheet.iter_rows(max_row=20), start=1):
        header = [_text(cell) or "" for cell in row]
        while header and not header[-1]:
            header.pop()
        if header:
            return ExcelSheet(path, sheet.title, is_hidden, header, number)
    return ExcelSheet(path, sheet.title, is_hidden, [], 0)


def _text(cell: Any) -> str | None:
    """A cell as text. A day without time of day in its format is a bare date, as the clerk meant it."""
    value = cell.value
    if value is None or isinstance(value, str):
        return value
    if cell.data_type == "f":
        return f"={getattr(value, 'text', value)}".replace("==", "=", 1)
    if (
        isinstance(value, dt.datetime)
        and value.time() == dt.time()
        and "h" not in (cell.number_format or "").lower()
    ):
        return value.date().isoformat()
    return cell_text(value)
