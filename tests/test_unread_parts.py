"""Nothing of a delivery vanishes: what is not read is named, what cannot be read is refused or put aside."""

from __future__ import annotations

import codecs
import zipfile
from pathlib import Path

import openpyxl
import pytest

from data_contracts.errors import SourceUnreadable
from data_contracts.intake import check
from data_contracts.record_sources import open_source
from tests.deliveries import NOW, PROJECTS, write_csv

HEADER = ["project_id", "recorded_at", "start_date"]
FIRST = ["P1", "2024-01-02", "2024-01-01"]
ORDERS = "order_id, project_id, kind, issued_on, recorded_at\nO1, P1, STOP, 2024-02-01, 2024-02-02"


def workbook(path: Path, rows: list[list[object]], *, hidden: tuple[str, ...] = ()) -> Path:
    """A workbook with one visible sheet, and hidden ones of the same rows."""
    book = openpyxl.Workbook()
    for title in (path.stem, *hidden):
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if title in hidden else "visible"
    del book["Sheet"]
    book.save(path)
    return path


def test_what_is_not_read_in_a_folder_of_parts_is_named(tmp_path: Path) -> None:
    parts = write_csv(tmp_path / "projects", part1=PROJECTS)
    for name in ("part2.xls", "readme.txt", ".keep"):
        (parts / name).write_text("x")
    write_csv(parts / "2023", part3=PROJECTS)
    report = check(tmp_path, now=NOW)
    assert report.unknown_files == ["projects/2023", "projects/part2.xls", "projects/readme.txt"]
    assert report.tables["projects"].stored == 2


def test_an_old_workbook_is_named_with_the_way_out(tmp_path: Path) -> None:
    write_csv(tmp_path, projects=PROJECTS)
    (tmp_path / "orders.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    report = check(tmp_path, now=NOW)
    assert report.unknown_files == ["orders.xls"]
    assert "save it as .xlsx or CSV" in str(report) and "另存为" in str(report)
    with pytest.raises(SourceUnreadable, match=r"save it as \.xlsx or CSV"):
        open_source(tmp_path / "orders.xls")


def test_hidden_sheets_are_named_not_read(tmp_path: Path) -> None:
    opened = open_source(workbook(tmp_path / "projects.xlsx", [HEADER, FIRST], hidden=("orders", "codes")))
    assert [file.table for file in opened.files] == ["projects"]
    assert opened.unknown == ["projects.xlsx[orders] 隐藏 hidden", "projects.xlsx[codes] 隐藏 hidden"]


def test_cells_beyond_the_header_put_a_row_of_excel_aside_as_they_do_in_csv(tmp_path: Path) -> None:
    rows = [HEADER, FIRST, ["P2", *FIRST[1:], None, "a remark"], ["P3", "2024-01-02"]]
    report = check(workbook(tmp_path / "projects.xlsx", [list(row) for row in rows]), now=NOW)
    taken = report.tables["projects"]
    assert (taken.rows_in, taken.stored, taken.quarantined) == (3, 1, 2)
    (ragged,) = (found for found in taken.failures.values() if found.rule == "wrong_number_of_cells")
    assert (ragged.count, ragged.examples[0]["row"], ragged.examples[0]["value"]) == (1, 3, "5")


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_longer_than_any_limit_puts_its_own_row_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quote: str
) -> None:
    monkeypatch.setattr("data_contracts.csv_files.LONGEST_CELL", 10_000)
    names = ("a", f"{quote}{'x' * 20_000}{quote}", "b")
    rows = "".join(f"P{n},2024-01-02,2024-01-01,{name}\n" for n, name in enumerate(names))
    (tmp_path / "projects.csv").write_text(f"project_id,recorded_at,start_date,name\n{rows}")
    taken = check(tmp_path, now=NOW).tables["projects"]
    assert (taken.rows_in, taken.stored) == (3, 2)
    assert [(found.rule, found.count) for found in taken.failures.values()] == [("too_long", 1)]


def break_number(path: Path) -> None:
    """Let a numeric cell of a workbook hold a word."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content.replace(b"<v>4711</v>", b"<v>many</v>"))


@pytest.mark.parametrize("row", [1, 2])
def test_a_workbook_broken_in_a_cell_is_refused_and_the_tables_after_it_are_taken(
    tmp_path: Path, row: int
) -> None:
    rows: list[list[object]] = [list(HEADER), list(FIRST)]
    rows[row - 1].append(4711)
    write_csv(tmp_path, projects=PROJECTS, orders=ORDERS)
    break_number(workbook(tmp_path / "enterprises.xlsx", rows))
    report = check(tmp_path, now=NOW)
    assert [refused["code"] for refused in report.refused] == ["SOURCE_UNREADABLE"]
    assert "enterprises.xlsx" in report.refused[0]["zh"]
    assert (report.tables["projects"].stored, report.tables["orders"].stored) == (2, 1)


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF16_LE + "enterprise_id,recorded_at\nE1,2024-01-02\n".encode("utf-16-le") + b"\n",
        codecs.BOM_UTF16_LE + "enterprise_id,".encode("utf-16-le") + b"\x00\xdc",
        b"enterprise_id," + b"x" * 40_000_000,
    ],
    ids=["stray byte", "broken header", "endless header"],
)
def test_a_text_file_that_cannot_be_decoded_is_refused_and_the_tables_after_it_are_taken(
    tmp_path: Path, content: bytes
) -> None:
    write_csv(tmp_path, projects=PROJECTS, orders=ORDERS)
    (tmp_path / "enterprises.csv").write_bytes(content)
    report = check(tmp_path, now=NOW)
    assert [refused["code"] for refused in report.refused] == ["SOURCE_UNREADABLE"]
    assert "enterprises.csv" in report.refused[0]["zh"]
    assert (report.tables["projects"].stored, report.tables["orders"].stored) == (2, 1)
