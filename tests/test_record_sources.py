"""Reading what offices deliver: files in several forms and states, and databases."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.contract import contracts
from data_contracts.errors import ForbiddenColumn, InvalidInput, SourceUnreadable
from data_contracts.intake import load
from data_contracts.record_sources import RecordFile, open_source, table_named
from data_contracts.record_store import RecordStore
from data_contracts.row_chunks import CHUNK_ROWS, RowChunk
from tests.deliveries import NOW, PROJECTS, row_counts, table, write_csv


def chunks(file: RecordFile, rows: int = CHUNK_ROWS) -> list[RowChunk]:
    """All chunks of a file."""
    return list(file.chunks(rows))


def cells(file: RecordFile) -> list[tuple[object, ...]]:
    """The row number and cells of each row, missing as None."""
    read = pd.concat([chunk.rows for chunk in file.chunks(CHUNK_ROWS)])
    return list(read.astype(object).where(read.notna(), None).itertuples(name=None))


def only(path: Path) -> RecordFile:
    """The one file of a source."""
    (file,) = open_source(path).files
    return file


HEADER = "project_id,recorded_at,start_date,name"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("gb18030", "gb18030"), ("utf-16", "utf-16")],
)
def test_every_usual_encoding_gives_the_same_rows(tmp_path: Path, encoding: str, said: str) -> None:
    path = tmp_path / "projects.csv"
    path.write_bytes(f"{HEADER}\r\nP1,2024-01-02,2024-01-01,张江科学城一标\r\n".encode(encoding))
    file = only(path)
    assert file.encoding == said
    assert file.columns == ("project_id", "recorded_at", "start_date", "name")
    assert cells(file) == [(2, "P1", "2024-01-02", "2024-01-01", "张江科学城一标")]


def test_the_encoding_is_decided_over_the_whole_file_not_by_its_beginning(tmp_path: Path) -> None:
    lines = [f"P{n},2024-01-02,2024-01-01,plain" for n in range(60_000)] + ["PX,2024-01-02,2024-01-01,外高桥"]
    (tmp_path / "projects.csv").write_bytes("\n".join([HEADER, *lines]).encode("gb18030"))
    file = only(tmp_path)
    assert file.encoding == "gb18030"
    assert cells(file)[-1] == (60_002, "PX", "2024-01-02", "2024-01-01", "外高桥")


def test_a_line_in_another_encoding_is_put_aside_alone(store: RecordStore, tmp_path: Path) -> None:
    good = [f"P{n},2024-01-02,2024-01-01,张江{n}标" for n in range(3)]
    stray = b"P9,2024-01-02,2024-01-01," + "外高桥".encode("gb18030")
    (tmp_path / "projects.csv").write_bytes("\n".join([HEADER, *good]).encode() + b"\n" + stray + b"\n")
    report = load(tmp_path, store, now=NOW)
    assert (report.tables["projects"].stored, report.tables["projects"].quarantined) == (3, 1)
    entry = store.quarantine().iloc[0]
    assert (entry["rule"], entry["column_name"], entry["row_number"], entry["record_key"]) == (
        "encoding",
        "name",
        5,
        "P9",
    )
    assert "外高桥" in entry["zh"]


@pytest.mark.parametrize("block", [1, 60, 8_000_000])
def test_rows_are_numbered_as_lines_of_the_file(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_contracts.csv_files._BLOCK_CHARACTERS", block)
    path = tmp_path / "projects.csv"
    path.write_text(f'{HEADER}\nP1,2024-01-02,2024-01-01,"two\nlines"\n\n,,,\nP2,2024-01-02,2024-01-01,b\n')
    assert [(row[0], row[4]) for row in cells(only(path))] == [(2, "two\nlines"), (6, "b")]


@pytest.mark.parametrize("block", [1, 100, 1_000, 8_000_000])
def test_a_quote_that_is_never_closed_costs_its_own_line_only(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_contracts.csv_files._BLOCK_CHARACTERS", block)
    path = tmp_path / "projects.csv"
    rows = [f"P{n},2024-01-02,2024-01-01,name {n}" for n in range(200)]
    rows[3] = 'P3,2024-01-02,2024-01-01,"open'
    rows[9] = 'P9,"2024-01-02,2024-01-01,open'
    rows[20] = 'P20,2024-01-02,2024-01-01,"quoted, with ""quotes"""'
    rows[199] = 'P199,2024-01-02,2024-01-01,"open'
    path.write_text("\n".join([HEADER, *rows]))
    read = chunks(only(path))
    kept = pd.concat([chunk.rows for chunk in read])
    assert kept["project_id"].tolist() == [f"P{n}" for n in range(200)]
    assert kept.index.tolist() == list(range(2, 202))
    assert kept["name"][22] == 'quoted, with "quotes"'
    assert kept["name"].drop([5, 11, 22, 201]).str.match(r"name \d+").all()
    assert kept["recorded_at"][11] == '"2024-01-02'  # which the contract refuses as no moment


def test_lines_with_too_few_or_too_many_cells_are_damaged_and_say_so(tmp_path: Path) -> None:
    path = tmp_path / "projects.csv"
    path.write_text(
        f"{HEADER}\nP1,2024-01-02,2024-01-01\nP2,2024-01-02,2024-01-01,b,extra\nP3,2024-01-02,2024-01-01,c,,\n"
    )
    (chunk,) = chunks(only(path))
    assert [(row.row_number, row.rule, row.value) for row in chunk.damaged] == [
        (2, "wrong_number_of_cells", "3"),
        (3, "wrong_number_of_cells", "5"),
    ]
    assert chunk.damaged[1].cells["cell 5"] == "extra"
    assert chunk.rows["project_id"].tolist() == ["P3"]


def test_semicolons_and_tabs_are_understood(tmp_path: Path) -> None:
    for name, mark in (("projects.csv", ";"), ("inspectors.tsv", "\t")):
        header = HEADER if name == "projects.csv" else "inspector_ref,agency_code,recorded_at"
        (tmp_path / name).write_text(
            f"{header}\n{'a,b,c,d'[: 2 * header.count(',') + 1]}\n".replace(",", mark)
        )
    assert [len(cells(file)[0]) for file in open_source(tmp_path).files] == [4, 5]


def test_files_and_headings_may_be_named_in_chinese(tmp_path: Path) -> None:
    (tmp_path / "施工许可标段.csv").write_bytes(
        "项目编号,入库时间,开工日期\nP1,2024-01-02,2024-01-01\n".encode("gb18030")
    )
    file = only(tmp_path)
    assert file.table == "projects"
    assert file.columns[:2] == ("project_id", "recorded_at")


@pytest.mark.parametrize("name", list(contracts()))
def test_every_table_is_found_by_its_name_its_chinese_title_and_a_part(name: str) -> None:
    title = contracts()[name].title_zh
    assert {
        table_named(alias) for alias in (name, name.upper(), title, f"{name}_2024", f"{title}（2024）")
    } == {name}


def test_a_table_in_parts_is_read_part_by_part(tmp_path: Path) -> None:
    write_csv(tmp_path, **{"projects_2023": PROJECTS, "projects_2024": PROJECTS})
    write_csv(tmp_path / "inspectors", part1="inspector_ref, agency_code, recorded_at\nI1, CITY, 2024-01-01")
    assert [(file.table, file.name) for file in open_source(tmp_path).files] == [
        ("inspectors", "part1.csv"),
        ("projects", "projects_2023.csv"),
        ("projects", "projects_2024.csv"),
    ]


def test_unknown_files_and_columns_are_named_not_read(store: RecordStore, tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "in", projects=PROJECTS.replace("name", "nickname"), notes="a, b\n1, 2")
    (folder / "readme.txt").write_text("x")
    report = load(folder, store, now=NOW)
    assert report.unknown_files == ["notes.csv", "readme.txt"]
    assert report.tables["projects"].files[0]["unknown_columns"] == ["nickname"]
    assert "nickname" in str(report) and "notes.csv" in str(report)


def test_a_heading_that_stands_twice_refuses_the_file(tmp_path: Path) -> None:
    (tmp_path / "projects.csv").write_text(
        "project_id,recorded_at,start_date,start_date\nP1,2024-01-02,2024-01-01,x\n"
    )
    (refused,) = open_source(tmp_path).refused
    assert refused.error.field == "start_date"


def test_a_personal_column_refuses_a_file_of_any_kind(tmp_path: Path) -> None:
    rows = table(
        "record_id, project_id, points, given_on, recorded_at, phone\nR1, P1, 3, 2024-03-01, 2024-03-02, 139"
    )
    rows.to_csv(tmp_path / "leader_points.csv", index=False)
    rows.to_parquet(tmp_path / "leader_points_b.parquet")
    rows.to_excel(tmp_path / "leader_points_c.xlsx", index=False)
    with sqlite3.connect(tmp_path / "other.db") as database:
        rows.to_sql("leader_points", database, index=False)
    refused = [*open_source(tmp_path).refused, *open_source(f"sqlite:///{tmp_path}/other.db").refused]
    assert len(refused) == 4
    assert all(isinstance(file.error, ForbiddenColumn) for file in refused)


def workbook(path: Path, **sheets: list[list[object]]) -> Path:
    """An Excel file with the rows given for each sheet."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_excel_gives_dates_numbers_and_truths_as_a_contract_reads_them(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "projects.xlsx",
        Sheet1=[
            ["project_id", "recorded_at", "start_date", "floor_area_m2", "is_key_municipal", "region_code"],
            ["P1", dt.datetime(2024, 1, 2, 10, 30), dt.date(2024, 1, 1), 1234.5, True, 310115.0],
            [None, None, None, None, None, None],
            ["P2", dt.date(2024, 1, 2), dt.datetime(2024, 1, 1), 1000, False, "310115"],
        ],
    )
    read = cells(only(path))
    assert read[0] == (2, "P1", "2024-01-02T10:30:00", "2024-01-01", "1234.5", "true", "310115")
    assert read[1][:3] == (4, "P2", "2024-01-02")
    assert read[1][4:] == ("1000", "false", "310115")


def test_a_workbook_may_hold_one_sheet_a_table(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "delivery.xlsx",
        projects=[["project_id", "recorded_at", "start_date"], ["P1", "2024-01-02", "2024-01-01"]],
        监督检查=[["inspection_id"], ["V1"]],
        notes=[["anything"]],
    )
    title = contracts()["inspections"].title_zh
    book = openpyxl.load_workbook(path)
    book["监督检查"].title = title
    book.save(path)
    opened = open_source(path)
    assert [(file.table, file.name) for file in opened.files] == [
        ("projects", "delivery.xlsx[projects]"),
        ("inspections", f"delivery.xlsx[{title}]"),
    ]
    assert opened.unknown == ["delivery.xlsx[notes]"]


def test_a_formula_is_put_aside_with_its_row(store: RecordStore, tmp_path: Path) -> None:
    workbook(
        tmp_path / "projects.xlsx",
        Sheet1=[
            ["project_id", "recorded_at", "start_date", "floor_area_m2"],
            ["P1", "2024-01-02", "2024-01-01", 1000],
            ["P2", "2024-01-02", "2024-01-01", "=SUM(D2:D2)"],
        ],
    )
    report = load(tmp_path, store, now=NOW)
    assert (report.tables["projects"].stored, report.tables["projects"].quarantined) == (1, 1)
    entry = store.quarantine().iloc[0]
    assert (entry["rule"], entry["column_name"], entry["value"], entry["row_number"]) == (
        "formula",
        "floor_area_m2",
        "=SUM(D2:D2)",
        3,
    )


def test_parquet_gives_the_same_records_as_csv(tmp_path: Path) -> None:
    typed = pa.table(
        {
            "project_id": ["P1", "P2"],
            "recorded_at": pa.array([dt.datetime(2024, 1, 2, 2, 30, 0, 5), None], pa.timestamp("us", "UTC")),
            "start_date": pa.array([dt.date(2024, 1, 1), None]),
            "floor_area_m2": pa.array([1234.5, float("nan")]),
            "floors_above": pa.array([3.0, float("inf")]),
            "is_key_municipal": [True, None],
            "region_code": pa.array(["310115", None]).dictionary_encode(),
        }
    )
    pq.write_table(typed, tmp_path / "projects.parquet")
    assert cells(only(tmp_path)) == [
        (1, "P1", "2024-01-02T10:30:00.000005", "2024-01-01", "1234.5", "3", "true", "310115"),
        (2, "P2", None, None, None, "inf", None, None),
    ]


def test_a_broken_file_is_refused_with_its_name_and_the_others_go_on(
    store: RecordStore, tmp_path: Path
) -> None:
    write_csv(tmp_path, projects=PROJECTS)
    (tmp_path / "inspections.xlsx").write_bytes(b"not a workbook")
    (tmp_path / "orders.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "defects.csv").write_bytes(b"")
    report = load(tmp_path, store, now=NOW)
    assert [refused["name"] for refused in report.refused] == [
        "defects.csv",
        "inspections.xlsx",
        "orders.parquet",
    ]
    assert report.tables["projects"].stored == 2


def test_a_file_that_breaks_off_in_the_middle_leaves_its_table_untouched(
    store: RecordStore, tmp_path: Path
) -> None:
    rows = table(
        "project_id, recorded_at, start_date\n"
        + "\n".join(f"P{n:05d}, 2024-01-02, 2024-01-01" for n in range(5000))
    )
    path = tmp_path / "projects.parquet"
    pq.write_table(
        pa.Table.from_pandas(rows), path, row_group_size=500, use_dictionary=False, compression="none"
    )
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = b"\xff" * 4000
    path.write_bytes(content)
    report = load(tmp_path, store, now=NOW, chunk_rows=500)
    assert [refused["code"] for refused in report.refused] == ["SOURCE_UNREADABLE"]
    assert row_counts(store) == {} and store.version() == 0


def test_a_database_with_tables_of_the_contracts_names_is_a_source(
    store: RecordStore, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "station.db") as database:
        table(PROJECTS).to_sql("projects", database, index=False)
        database.execute(
            "CREATE VIEW inspections AS SELECT 'V1' inspection_id, 'P1' project_id, 2.0 hazards_found, "
            "'2024-03-01' inspected_on, '2024-03-02' recorded_at"
        )
        database.execute("CREATE TABLE something_else (a)")
    report = load(f"sqlite:///{tmp_path}/station.db", store, now=NOW)
    assert (report.tables["projects"].stored, report.tables["inspections"].stored) == (2, 1)
    assert report.unknown_files == ["something_else"]
    assert store.read("inspections")["hazards_found"].tolist() == [2]


def test_a_record_store_can_be_moved_into_another_one(
    store: RecordStore, store_url: str, tmp_path: Path
) -> None:
    load({"projects": table(PROJECTS)}, store, now=NOW)
    load({"projects": table(PROJECTS.replace("张江一标", "更正"))}, store, now=NOW)
    with RecordStore.open(f"sqlite:///{tmp_path}/other.db") as other:
        report = load(store_url, other, now=NOW)
        assert report.quarantined == 0
        assert other.records().fingerprint == store.records().fingerprint


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("nowhere", SourceUnreadable),
        ("sqlite:///nowhere.db", SourceUnreadable),
        ("oracle+nothing://x/y", SourceUnreadable),
        ("postgresql://nobody@127.0.0.1:1/none", SourceUnreadable),
        ("://", InvalidInput),
    ],
)
def test_a_source_that_is_not_there_says_so_in_two_languages(source: str, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        open_source(source)
    assert raised.value.zh and raised.value.en  # type: ignore[attr-defined]


def test_an_empty_folder_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match=r"projects\.csv"):
        open_source(tmp_path)


def test_reading_holds_one_chunk_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "projects.csv").write_text(
        "\n".join([HEADER, *(f"P{n},2024-01-02,2024-01-01,x" for n in range(1000))])
    )
    sizes = [len(chunk) for chunk in chunks(only(tmp_path), 64)]
    assert max(sizes) <= 64 and sum(sizes) == 1000
