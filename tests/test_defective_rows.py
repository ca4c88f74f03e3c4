"""A thousand defective rows among good ones: each ends in quarantine under its rule, every good one is stored."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.intake import load
from data_contracts.record_store import RecordStore
from tests.deliveries import NOW

COLUMNS = (
    "violation_id",
    "found_on",
    "recorded_at",
    "project_id",
    "role",
    "category",
    "severity",
    "item_count",
    "points",
    "penalty_cny10k",
    "rectified_on",
)
GOOD_ROWS = 3_000
Row = dict[str, str]
Damage = Callable[[Row, random.Random], object]


def good(number: int) -> Row:
    """A row without fault."""
    day = 1 + number % 27
    return {
        "violation_id": f"X{number:06d}",
        "found_on": f"2024-03-{day:02d}",
        "recorded_at": f"2024-04-{day:02d}T09:30:00",
        "project_id": f"P{number % 40:03d}",
        "role": "GC",
        "category": "脚手架、“临边”" if number % 7 == 0 else "SCAF",
        "severity": "general",
        "item_count": str(1 + number % 5),
        "points": "1.5" if number % 3 == 0 else "",
        "penalty_cny10k": "",
        "rectified_on": f"2024-03-{day + 1:02d}",
    }


def sets(column: str, *values: str) -> Damage:
    """Damage that puts one of `values` into a column."""

    def damage(row: Row, draw: random.Random) -> None:
        row[column] = draw.choice(values)

    return damage


DAMAGE: dict[str, tuple[str, int, Damage]] = {
    "not a whole number": ("not_an_integer", 50, sets("item_count", "three", "2.5", "1e", "两")),
    "not a number": ("not_a_number", 50, sets("points", "many", "1.2.3", "0x10", "3分")),
    "no such day": ("not_a_date", 60, sets("found_on", "2024-02-30", "2024-13-01", "31/12/2024", "soon")),
    "no such moment": (
        "not_a_moment",
        60,
        sets("recorded_at", "2024-02-30", "2024-04-01T25:00", "yesterday"),
    ),
    "unknown role": ("unknown_code", 50, sets("role", "BOSS", "gc", "总包方")),
    "unknown severity": ("unknown_code", 50, sets("severity", "terrible", "4", "重大隐患")),
    "no id": ("required", 40, sets("violation_id", "", "  ", "NULL")),
    "no day": ("required", 30, sets("found_on", "", "N/A")),
    "out of range": ("out_of_range", 40, sets("points", "-1", "100000")),
    "not a number at all": ("not_finite", 60, sets("points", "NaN", "nan", "NAN")),
    "infinite": ("not_finite", 60, sets("penalty_cny10k", "inf", "-Infinity", "1e999", "∞")),
    "formula": ("formula", 60, sets("category", "=1+1", "=HYPERLINK(A1)", "@SUM(A1:A2)")),
    "formula for a number": ("formula", 40, sets("item_count", "=A1", "=SUM(H2:H9)")),
    "recorded before it happened": (
        "recorded_before_it_happened",
        40,
        sets("recorded_at", "2024-01-01", "2020-02-29T10:00"),
    ),
    "recorded in the future": ("in_the_future", 30, sets("recorded_at", "2026-06-01T09:06", "2099-01-01")),
    "no such project": ("unknown_parent", 60, sets("project_id", "P999", "p001", "Ｐ００１")),
    "NUL": ("encoding", 20, sets("category", "SC\x00AF")),
    "too long": ("too_long", 40, sets("category", "很长" * 200)),
}
DAMAGE_OF_LINES = {"GB18030 in UTF-8": ("encoding", 60), "ragged": ("wrong_number_of_cells", 60)}
TEN_MEGABYTES, DOUBLES, EXCEL_FORMULAS, PARQUET_INFINITIES = 2, 18, 10, 10


class Delivery:
    """A folder of files in which the fault of each row is known by its place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.draw = random.Random(20260601)
        self.expected: dict[tuple[str, int], str] = {}
        self.good: set[str] = set()
        self._number = iter(range(10**6))
        folder.mkdir()
        projects = "".join(f"P{n:03d},2024-01-02,2024-01-01\n" for n in range(40))
        (folder / "projects.csv").write_text(f"project_id,recorded_at,start_date\n{projects}")
        self._write_csv()
        self._write_excel()
        self._write_parquet()

    def _next(self) -> Row:
        return good(next(self._number))

    def _good(self) -> Row:
        row = self._next()
        self.good.add(row["violation_id"])
        return row

    def _lines(self) -> Iterator[tuple[bytes, str | None]]:
        """Each line of the CSV file with the rule that it breaks, None for a good one."""
        for _ in range(GOOD_ROWS):
            yield line(self._good()), None
        for rule, count, damage in DAMAGE.values():
            for _ in range(count):
                row = self._next()
                damage(row, self.draw)
                yield line(row), rule
        for _ in range(DAMAGE_OF_LINES["GB18030 in UTF-8"][1]):
            yield (
                line(self._next() | {"category": "外脚手架搭设不规范"}).decode().encode("gb18030"),
                "encoding",
            )
        for number in range(DAMAGE_OF_LINES["ragged"][1]):
            whole = line(self._next())
            yield (
                (whole.replace(b"\n", b",x\n") if number % 2 else whole.replace(b"GC,", b"")),
                "wrong_number_of_cells",
            )
        for _ in range(TEN_MEGABYTES):
            yield line(self._next() | {"category": "x" * 10_000_000}), "too_long"
        for _ in range(DOUBLES // 2):
            row = self._next()
            yield line(row), "ambiguous_version"
            yield line(row | {"item_count": "99"}), "ambiguous_version"

    def _write_csv(self) -> None:
        lines = list(self._lines())
        self.draw.shuffle(lines)
        content = ",".join(COLUMNS).encode() + b"\n" + b"".join(text for text, _ in lines)
        (self.folder / "violations.csv").write_bytes(content)
        places = enumerate((rule for _, rule in lines), start=2)
        self.expected |= {("violations.csv", place): rule for place, rule in places if rule}

    def _write_excel(self) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.append(COLUMNS)
        for number in range(2 * EXCEL_FORMULAS):
            row: dict[str, object] = {**(self._next() if number % 2 else self._good())}
            if number % 2:
                row["points"] = "=SUM(H2:H9)"
                self.expected["violations_b.xlsx", number + 2] = "formula"
            sheet.append([row[name] for name in COLUMNS])
        book.save(self.folder / "violations_b.xlsx")

    def _write_parquet(self) -> None:
        rows = []
        for number in range(2 * PARQUET_INFINITIES):
            row: dict[str, object] = {**(self._next() if number % 2 else self._good()), "points": None}
            if number % 2:
                row["points"] = float("-inf") if number % 4 == 1 else float("inf")
                self.expected["violations_c.parquet", number + 1] = "not_finite"
            rows.append(row)
        pq.write_table(pa.Table.from_pylist(rows), self.folder / "violations_c.parquet")


def line(row: Row) -> bytes:
    """A row as a line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([row[name] for name in COLUMNS])
    return text.getvalue().encode()


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    """The files, written once."""
    return Delivery(tmp_path_factory.mktemp("defective") / "in")


def test_a_thousand_defective_rows_end_in_quarantine_and_every_good_row_is_stored(
    store: RecordStore, delivery: Delivery
) -> None:
    assert len(delivery.expected) == 1_000
    report = load(delivery.folder, store, now=NOW, chunk_rows=700)
    taken = report.tables["violations"]
    assert report.refused == []
    assert set(store.read("violations")["violation_id"]) == delivery.good
    assert (taken.stored, taken.unchanged, taken.quarantined) == (len(delivery.good), 0, 1_000)
    assert taken.rows_in == len(delivery.good) + 1_000
    entries = store.quarantine("violations")
    found: dict[tuple[str, int], set[str]] = {}
    for entry in entries.itertuples():
        found.setdefault((entry.source, entry.row_number), set()).add(entry.rule)
    missed = {place: rule for place, rule in delivery.expected.items() if rule not in found.get(place, set())}
    assert Counter(missed.values()) == {}
    assert set(found) == set(delivery.expected)
    others = Counter(rule for place, rules in found.items() for rule in rules - {delivery.expected[place]})
    assert set(others) <= {"recorded_before_it_happened"}
    assert entries[["zh", "en", "raw"]].notna().all(axis=None)
    assert entries["raw"].str.len().max() < 100_000
    assert entries["value"].str.len().max() <= 80


def test_loading_the_defective_rows_again_adds_no_entry_and_no_version(
    store: RecordStore, delivery: Delivery
) -> None:
    load(delivery.folder, store, now=NOW)
    version, entries = store.version(), len(store.quarantine())
    report = load(delivery.folder, store, now=NOW)
    assert (store.version(), len(store.quarantine())) == (version, entries)
    assert report.tables["violations"].unchanged == len(delivery.good)
