"""A table read whole is what reading it row by row gives: packed or not, in one part or many, on both databases."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from data_contracts import packed_read, whole_tables
from data_contracts.bulk_read import read_rows
from data_contracts.contract import contract
from data_contracts.intake import load
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import connected, reading, writing
from data_contracts.store_tables import store_table
from data_contracts.typed_tables import in_order
from data_contracts.whole_tables import newest_in_order
from tests.deliveries import NOW, table


def lay_down(store: RecordStore, **cells: list[object]) -> None:
    """Projects as they might stand in a store, whatever the intake says to them."""
    count = len(next(iter(cells.values())))
    kept = [
        {
            "store_version": 1,
            "record_key": f"P{n:03d}",
            "content_hash": "",
            "contract_version": "",
            "loaded_at": NOW.to_pydatetime(),
            "project_id": f"P{n:03d}",
            "recorded_at": NOW.to_pydatetime(),
            **{name: values[n] for name, values in cells.items()},
        }
        for n in range(count)
    ]
    with connected(store.engine) as connection, writing(connection):
        connection.execute(store_table("projects").insert(), kept)


def row_by_row(store: RecordStore, version: int) -> pd.DataFrame:
    """The projects by the definition: a row holds unless one of the same key and moment came later."""
    held, newer = store_table("projects"), store_table("projects").alias()
    replaced = sa.exists().where(
        newer.c.record_key == held.c.record_key,
        newer.c.recorded_at == held.c.recorded_at,
        newer.c.store_version.between(held.c.store_version + 1, version),
    )
    chosen = sa.select(*(held.c[name] for name in contract("projects").column_names))
    chosen = chosen.where(held.c.store_version <= version, ~replaced)
    with reading(store.engine) as connection:
        return in_order(contract("projects"), read_rows(connection, contract("projects"), chosen))


@pytest.fixture
def packed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading cell by cell is an error."""
    monkeypatch.delattr(packed_read, "arrow_rows")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of a table is as small as can be: three rows of SQLite, a page of PostgreSQL."""
    monkeypatch.setattr(whole_tables, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(whole_tables, "PAGES_AT_ONCE", 1)


@pytest.mark.usefixtures("packed_only", "small_parts")
def test_a_table_in_many_parts_is_whole_at_every_version(store: RecordStore) -> None:
    for version in range(1, 4):
        names = [
            f"{name}, 2024-01-02, 2024-01-01, 第{version}版{'长' * 200}" for name in range(90, 0, -version)
        ]
        drawn = "\n".join(["project_id, recorded_at, start_date, name", *(f"P{line}" for line in names)])
        load({"projects": table(drawn)}, store, now=NOW)
    with reading(store.engine) as connection:
        assert len(whole_tables._spans(connection, store_table("projects"))) > 2
    for version in range(4):
        read = store.read("projects", version)
        pd.testing.assert_frame_equal(read, row_by_row(store, version), check_exact=True)
        assert len(read) == (90 if version else 0)


TEXTS = ["", "\x1e", "a\x1fb", "\x1f", "\x1e\x1e", "a\nb", "'\"\\", "’；𠮷", "NULL", None, " "]


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_comes_back_as_it_is(store: RecordStore, text: str | None) -> None:
    lay_down(store, name=["first", text, None], address=[text, "last", text])
    read = store.read("projects", 1)
    assert read["name"].astype(object).where(read["name"].notna(), None).tolist() == ["first", text, None]
    pd.testing.assert_frame_equal(read, row_by_row(store, 1), check_exact=True)


NUMBERS = [0.1, 1 / 3, 0.0005, 1e-5, -7.3, 0.0, 42.0, 1234567.891, 2.0**53 + 2, 2.0**62, -1e15 / 7, 121.4737]


@pytest.mark.usefixtures("packed_only")
def test_numbers_are_packed_to_the_last_bit(store: RecordStore) -> None:
    drawn = [*np.random.default_rng(3).lognormal(0, 8, 300).tolist(), *NUMBERS, None]
    lay_down(store, floor_area_m2=drawn)
    read = store.read("projects", 1)["floor_area_m2"]
    assert read[:-1].tolist() == drawn[:-1]
    assert math.isnan(read.iloc[-1])


@pytest.mark.parametrize("number", [math.inf, -math.inf, 5e-324, 1e-300, 1.7e308, -1e25])
def test_numbers_of_any_size_come_back_as_they_are(store: RecordStore, number: float) -> None:
    lay_down(store, floor_area_m2=[0.5, number])
    assert store.read("projects", 1)["floor_area_m2"].tolist() == [0.5, number]


def test_a_missing_part_of_a_key_comes_first_and_equals_a_missing_one() -> None:
    works = contract("dangerous_works")
    drawn = pd.DataFrame(
        {
            "work_id": ["W2", "W1", "W1", "W1", "W1"],
            "parameter_kind": ["DEPTH_M", "DEPTH_M", None, None, None],
            "recorded_at": pd.to_datetime(["2024-01-01"] * 4 + ["2024-02-01"]),
            "store_version": [1, 1, 3, 2, 1],
        }
    )
    assert newest_in_order(works, pa.Table.from_pandas(drawn)).to_pylist() == [2, 4, 1, 0]
