"""Rows of Excel workbooks (.xlsx), read sheet by sheet without holding a sheet in memory."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.cell_texts import cell_text
from data_contracts.errors import SourceUnreadable


@dataclass(frozen=True)
class ExcelSheet:
    """One sheet: its header is the first row that holds anything; rows are numbered as Excel does."""

    path: Path
    title: str
    header: list[str]
    header_row: int

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[int, list[str | None]]]:
        """The rows below the header. A formula comes as its text, which no contract lets pass."""
        width = len(columns)
        workbook = _opened(self.path)
        try:
            for row in workbook[self.title].iter_rows(min_row=self.header_row + 1, max_col=width):
                number = next((cell.row for cell in row if cell.value is not None), None)
                if number is not None:
                    cells = [_text(cell) for cell in row]
                    yield number, cells + [None] * (width - len(cells))
        finally:
            workbook.close()


def excel_sheets(path: Path) -> list[ExcelSheet]:
    """The visible sheets of a workbook; raises SourceUnreadable for a file that is no workbook."""
    workbook = _opened(path)
    try:
        return [_sheet(path, sheet) for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    finally:
        workbook.close()


def _opened(path: Path) -> Any:
    import openpyxl

    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, TypeError) as error:
        raise SourceUnreadable(
            zh=f"无法打开 Excel 文件 {path.name}：文件损坏、已加密或不是 .xlsx 格式。",
            en=f"{path.name} cannot be opened: it is broken, encrypted or not an .xlsx workbook.",
        ) from error


def _sheet(path: Path, sheet: Any) -> ExcelSheet:
    sheet.reset_dimensions()  # what the file says of its own size is often wrong
    for number, row in enumerate(sheet.iter_rows(max_row=20), start=1):
        header = [_text(cell) or "" for cell in row]
        while header and not header[-1]:
            header.pop()
        if header:
            return ExcelSheet(path, sheet.title, header, number)
    return ExcelSheet(path, sheet.title, [], 0)


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
