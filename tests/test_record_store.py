"""The store: versions without gaps or overwriting, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from data_contracts.contract import contract, contract_set_version, contracts
from data_contracts.errors import InvalidInput, NotFound, StoreBusy, StoreUnavailable
from data_contracts.intake import load
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import connected, reading, writing
from data_contracts.store_tables import META_TABLE, store_table
from data_contracts.typed_tables import DTYPES
from tests.deliveries import NOW, PROJECTS, table


def take(store: RecordStore, **tables: str) -> None:
    """Load frames of texts."""
    load({name: table(drawn) for name, drawn in tables.items()}, store, now=NOW)


def versions(store: RecordStore) -> list[tuple[int, str, int]]:
    """Number, table and rows of every committed batch."""
    kept = store_table("store_versions").c
    chosen = sa.select(kept.store_version, kept.table_name, kept.rows_stored).order_by(kept.store_version)
    with reading(store.engine) as connection:
        return [tuple(row) for row in connection.execute(chosen)]  # type: ignore[misc]


def test_a_new_store_is_empty_and_has_every_table(store: RecordStore) -> None:
    assert store.version() == 0
    for name, declared in contracts().items():
        rows = store.read(name)
        assert list(rows.columns) == list(declared.column_names)
        assert rows.empty
        assert {str(rows[c.name].dtype) for c in declared.columns} <= set(DTYPES.values())


def test_each_committed_table_gets_the_next_number(store: RecordStore) -> None:
    take(store, projects=PROJECTS, calendar_days="date, is_working_day\n2026-10-08, true")
    take(store, projects=PROJECTS)
    take(store, projects="project_id, recorded_at, start_date\nP3, 2024-01-02, 2024-01-01")
    assert versions(store) == [(1, "projects", 2), (2, "calendar_days", 1), (3, "projects", 1)]


def test_writers_at_the_same_time_leave_no_gap_and_lose_no_row(store: RecordStore, store_url: str) -> None:
    def write(writer: int) -> None:
        with RecordStore.open(store_url) as own:
            for number in range(4):
                take(
                    own,
                    projects=f"project_id, recorded_at, start_date\nP{writer}-{number}, 2024-01-02, 2024-01-01",
                )

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    assert [number for number, _, _ in versions(store)] == list(range(1, 17))
    assert len(store.read("projects")) == 16


def test_the_store_can_be_read_as_it_was_at_any_version(store: RecordStore) -> None:
    for name in ("a", "b", "c"):
        take(store, projects=f"project_id, recorded_at, start_date, name\nP1, 2024-01-02, 2024-01-01, {name}")
    assert [store.read("projects", version)["name"].tolist() for version in range(4)] == [
        [],
        ["a"],
        ["b"],
        ["c"],
    ]
    assert store.records(2).table("projects")["name"].tolist() == ["b"]
    assert store.records(2).store_version == 2
    with pytest.raises(InvalidInput, match="version 4"):
        store.records(4)


def test_records_read_once_do_not_move_with_the_store(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    records = store.records()
    take(store, projects="project_id, recorded_at, start_date\nP3, 2024-01-02, 2024-01-01")
    assert len(records.table("projects")) == 2
    assert len(store.records().table("projects")) == 3


def test_changes_since_a_version_are_the_rows_stored_after_it(store: RecordStore) -> None:
    take(store, projects=PROJECTS, calendar_days="date, is_working_day\n2026-10-08, true")
    take(store, projects=PROJECTS.replace("张江一标", "更正"))
    changed = store.changes_since(2)
    assert list(changed) == ["projects"]
    assert changed["projects"][["name", "store_version"]].values.tolist() == [["更正", 3]]
    assert store.changes_since(3) == {}
    assert list(store.changes_since(0, until=1)) == ["projects"]


def test_every_row_knows_its_contract_version_and_the_hash_of_its_content(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    kept = store_table("projects").c
    with reading(store.engine) as connection:
        rows = connection.execute(sa.select(kept.contract_version, kept.content_hash, kept.loaded_at)).all()
    assert {row.contract_version for row in rows} == {contract_set_version()}
    assert {row.loaded_at for row in rows} == {NOW.to_pydatetime()}
    assert all(len(row.content_hash) == 32 for row in rows)


def test_the_hash_of_a_content_is_a_promise_kept_between_processes_and_databases(store: RecordStore) -> None:
    take(
        store,
        projects="""
            project_id, recorded_at, start_date, name, floor_area_m2, floors_above, is_key_municipal, region_code
            P1, 2024-01-02, 2024-01-01, 张江一标, 1234.5, 18, true, 310115
        """,
    )
    with reading(store.engine) as connection:
        assert (
            connection.scalar(sa.select(store_table("projects").c.content_hash))
            == "e7694e2ca99f1ef37386503c7197a461"
        )


def test_values_come_back_as_they_went_in(store: RecordStore) -> None:
    take(
        store,
        projects="""
            project_id, recorded_at, start_date, name, floor_area_m2, floors_above, is_key_municipal, longitude
            P1, 2024-01-02T10:30:00.000001+08:00, 2024-01-01, "NULL"的’引号’；, 0.1, -0, true, 121.47
            P2, 2024-01-02, 2024-01-01, , 1e5, , false, 121.1
        """.replace("-0,", "0,"),
    )
    rows = store.read("projects")
    assert rows["recorded_at"].tolist() == [
        pd.Timestamp("2024-01-02 10:30:00.000001"),
        pd.Timestamp("2024-01-02 23:59:59.999999"),
    ]
    assert rows["name"].tolist()[0] == '"NULL"的’引号’；' and pd.isna(rows["name"][1])
    assert rows["floor_area_m2"].tolist() == [0.1, 100000.0]
    assert rows["floors_above"].tolist() == [0, pd.NA]
    assert rows["is_key_municipal"].tolist() == [True, False]
    assert rows["longitude"].tolist() == [121.47, 121.1]


def test_a_sql_table_has_the_contracts_columns_and_an_index_on_the_key(store: RecordStore) -> None:
    inspector = sa.inspect(store.engine)
    for name, declared in contracts().items():
        columns = [column["name"] for column in inspector.get_columns(name)]
        assert set(declared.column_names) <= set(columns)
        indexes = [index["column_names"] for index in inspector.get_indexes(name)]
        assert ["record_key", "recorded_at", "store_version"] in indexes


def test_a_store_of_a_newer_layout_is_refused(store: RecordStore, store_url: str) -> None:
    with connected(store.engine) as connection, writing(connection):
        connection.execute(sa.text(f"UPDATE {META_TABLE} SET value = '99' WHERE name = 'layout'"))
    with pytest.raises(StoreUnavailable, match="layout 99"):
        RecordStore.open(store_url)


def test_a_column_that_a_contract_gained_is_added_to_an_older_store(
    store: RecordStore, store_url: str
) -> None:
    take(store, projects=PROJECTS)
    with connected(store.engine) as connection, writing(connection):
        connection.execute(sa.text("ALTER TABLE projects DROP COLUMN rail_protection_zone"))
    with RecordStore.open(store_url) as again:
        assert again.read("projects")["rail_protection_zone"].isna().all()
        assert len(again.read("projects")) == 2


def test_opening_a_store_twice_at_once_makes_it_once(store_url: str) -> None:
    opened: list[RecordStore] = []
    openers = [threading.Thread(target=lambda: opened.append(RecordStore.open(store_url))) for _ in range(4)]
    for thread in openers:
        thread.start()
    for thread in openers:
        thread.join()
    assert [store.version() for store in opened] == [0] * 4
    for store in opened:
        store.close()


def test_a_writer_that_waits_too_long_is_told_that_the_store_is_busy(
    store: RecordStore, store_url: str
) -> None:
    with (
        RecordStore.open(store_url, busy_s=0.2) as other,
        connected(store.engine) as connection,
        writing(connection),
        pytest.raises(StoreBusy, match=r"over 0\.2 s"),
    ):
        take(other, projects=PROJECTS)
    assert store.version() == 0


def test_readers_are_not_held_up_by_a_writer(store: RecordStore, store_url: str) -> None:
    take(store, projects=PROJECTS)
    with RecordStore.open(store_url) as other, connected(store.engine) as connection, writing(connection):
        connection.execute(store_table(META_TABLE).insert().values(name="x", value="y"))
        assert len(other.read("projects")) == 2


def test_a_store_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        RecordStore.open(f"sqlite:///{tmp_path}/none.db", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("mysql://x/y", InvalidInput),
        ("not a url", InvalidInput),
        ("sqlite://", InvalidInput),
        ("postgresql://nobody@127.0.0.1:1/none", StoreUnavailable),
    ],
)
def test_an_address_that_is_no_store_says_so(url: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        RecordStore.open(url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database" * 1000)
    with pytest.raises(StoreUnavailable):
        RecordStore.open(f"sqlite:///{tmp_path}/x.db")


def test_an_unknown_table_is_named(store: RecordStore) -> None:
    with pytest.raises(NotFound, match="no table people"):
        store.read("people")
    assert contract("projects").name == "projects"


def test_a_password_never_appears_in_what_is_said() -> None:
    with pytest.raises(StoreUnavailable) as raised:
        RecordStore.open("postgresql://user:geheim@127.0.0.1:1/none")
    assert "geheim" not in str(raised.value)


def test_what_is_committed_is_durable_whatever_the_servers_default(postgresql_url: str) -> None:
    def setting(engine: sa.Engine) -> str:
        with engine.connect() as connection:
            return str(connection.scalar(sa.text("SHOW synchronous_commit")))

    plain = sa.create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    assert setting(plain) == "off"
    with RecordStore.open(postgresql_url) as store:
        assert setting(store.engine) == "on"
    plain.dispose()
