"""Snapshots and fingerprints: the same content is the same, wherever it is kept and however it came."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.contract import contracts
from data_contracts.errors import InvalidInput, NotFound, SourceUnreadable
from data_contracts.intake import load
from data_contracts.record_store import RecordStore
from data_contracts.records import Records, open_records
from data_contracts.snapshot import snapshot
from tests.deliveries import NOW, PROJECTS, table, write_csv

INSPECTIONS = """
    inspection_id, project_id, inspected_on, recorded_at, safety_score, hazards_found
    V1, P1, 2024-03-01, 2024-03-02, 81.5, 3
    V2, P2, 2024-03-01, 2024-03-02T10:00:00, , 
    V1, P1, 2024-03-01, 2024-04-02, 82, 3
"""
FINGERPRINT = "719a622c0ca0c8e4b22dee7df5e5394fa32dc41d0a5546e56b3d6c6e32970777"


@pytest.fixture
def city(store: RecordStore) -> RecordStore:
    """A store with two tables."""
    load({"projects": table(PROJECTS), "inspections": table(INSPECTIONS)}, store, now=NOW)
    return store


def test_the_same_content_has_the_same_fingerprint_on_every_database(
    city: RecordStore, tmp_path: Path
) -> None:
    written = snapshot(city, tmp_path / "frozen")
    assert written.fingerprint == FINGERPRINT
    assert city.records().fingerprint == FINGERPRINT
    assert written.rows == {"projects": 2, "inspections": 3}


def test_order_and_number_of_deliveries_change_no_fingerprint(store: RecordStore) -> None:
    rows = table(INSPECTIONS)
    load({"projects": table(PROJECTS).iloc[::-1]}, store, now=NOW)
    for place in (2, 0, 1):
        load({"inspections": rows.iloc[[place]]}, store, now=NOW)
    assert store.records().fingerprint == FINGERPRINT


def test_corrected_back_and_forth_the_content_is_the_same_again(city: RecordStore) -> None:
    other = table(PROJECTS.replace("张江一标", "other"))
    load({"projects": other}, city, now=NOW)
    assert city.records().fingerprint != FINGERPRINT
    load({"projects": table(PROJECTS)}, city, now=NOW)
    assert city.records().fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("safety_score", "81.6"),
        ("hazards_found", "4"),
        ("inspected_on", "2024-02-29"),
        ("inspection_id", "V9"),
        ("recorded_at", "2024-03-03"),
    ],
)
def test_one_changed_value_changes_the_fingerprint(store: RecordStore, column: str, value: str) -> None:
    rows = table(INSPECTIONS)
    rows.loc[0, column] = value
    load({"projects": table(PROJECTS), "inspections": rows}, store, now=NOW)
    assert store.records().fingerprint != FINGERPRINT


def test_a_snapshot_reads_as_the_store_it_was_taken_from(city: RecordStore, tmp_path: Path) -> None:
    snapshot(city, tmp_path / "frozen")
    frozen, live = open_records(tmp_path / "frozen"), city.records()
    assert (frozen.fingerprint, frozen.store_version, frozen.contract_version) == (
        live.fingerprint,
        live.store_version,
        live.contract_version,
    )
    for name in contracts():
        pd.testing.assert_frame_equal(frozen.table(name), live.table(name))


def test_a_store_opens_by_its_address_and_raw_files_go_through_the_intake(
    city: RecordStore, store_url: str, tmp_path: Path
) -> None:
    folder = write_csv(
        tmp_path / "raw", projects=PROJECTS, inspections=INSPECTIONS + "V3, P7, 2024-03-01, 2024-03-02, 1, 1"
    )
    assert open_records(store_url).fingerprint == FINGERPRINT
    assert open_records(folder).fingerprint == FINGERPRINT


def test_nothing_recorded_after_until_is_read(city: RecordStore, tmp_path: Path) -> None:
    snapshot(city, tmp_path / "frozen")
    until = open_records(tmp_path / "frozen", until="2024-03-02")
    assert until.table("inspections")["safety_score"].tolist()[:1] == [81.5]
    assert len(until.table("inspections")) == 2
    earlier = open_records(tmp_path / "frozen", until="2024-03-02T09:00")
    assert earlier.table("inspections").empty
    assert earlier.fingerprint != until.fingerprint != FINGERPRINT


def test_a_snapshot_can_be_loaded_like_any_delivery(city: RecordStore, tmp_path: Path) -> None:
    snapshot(city, tmp_path / "frozen")
    with RecordStore.open(f"sqlite:///{tmp_path}/other.db") as other:
        report = load(tmp_path / "frozen", other, now=NOW)
        assert report.quarantined == 0 and not report.unknown_files
        assert other.records().fingerprint == FINGERPRINT


def test_an_altered_snapshot_is_refused(city: RecordStore, tmp_path: Path) -> None:
    folder = snapshot(city, tmp_path / "frozen").folder
    path = folder / "inspections.parquet"
    rows = pq.read_table(path)
    scores = rows.column("safety_score").to_pylist()
    changed = rows.set_column(
        rows.column_names.index("safety_score"), "safety_score", pa.array([scores[0] + 1, *scores[1:]])
    )
    pq.write_table(changed, path)
    records = open_records(folder)
    assert len(records.table("projects")) == 2
    with pytest.raises(SourceUnreadable, match=r"inspections\.parquet"):
        records.table("inspections")


@pytest.mark.parametrize("damage", ["truncate", "delete", "manifest", "no manifest fields"])
def test_a_broken_snapshot_is_refused(city: RecordStore, tmp_path: Path, damage: str) -> None:
    folder = snapshot(city, tmp_path / "frozen").folder
    manifest = json.loads((folder / "snapshot.json").read_text())
    if damage == "truncate":
        (folder / "projects.parquet").write_bytes((folder / "projects.parquet").read_bytes()[:100])
    elif damage == "delete":
        (folder / "projects.parquet").unlink()
    elif damage == "manifest":
        del manifest["tables"]["projects"]
        (folder / "snapshot.json").write_text(json.dumps(manifest))
    else:
        (folder / "snapshot.json").write_text("{}")
    with pytest.raises(SourceUnreadable):
        open_records(folder).table("projects")


def test_a_snapshot_never_overwrites_and_never_appears_half_written(
    city: RecordStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(InvalidInput):
        snapshot(city, tmp_path / "used")

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(pq, "write_table", full_disk)
    with pytest.raises(OSError, match="no space"):
        snapshot(city, tmp_path / "frozen")
    assert not [path for path in tmp_path.iterdir() if "frozen" in path.name]


def test_records_of_frames_are_the_same_records(city: RecordStore) -> None:
    made = Records.from_tables({"projects": table(PROJECTS), "inspections": table(INSPECTIONS)})
    assert made.fingerprint == FINGERPRINT
    for name in ("projects", "inspections", "orders"):
        pd.testing.assert_frame_equal(made.table(name), city.records().table(name))


def test_changing_a_table_that_was_read_changes_no_records() -> None:
    records = Records.from_tables({"projects": table(PROJECTS)})
    rows = records.table("projects")
    rows["name"] = "changed"
    rows.loc[0, "project_id"] = "changed"
    assert records.table("projects")["name"].tolist() == ["张江一标", "张江二标"]
    assert records.table("projects")["project_id"].tolist() == ["P1", "P2"]


def test_records_of_frames_need_a_key_and_a_moment() -> None:
    with pytest.raises(InvalidInput, match="recorded_at"):
        Records.from_tables({"projects": table("project_id, start_date\nP1, 2024-01-01")})
    with pytest.raises(InvalidInput, match="start_date"):
        Records.from_tables(
            {"projects": table("project_id, recorded_at, start_date\nP1, 2024-01-01, 2024-02-30")}
        )
    with pytest.raises(NotFound):
        Records.from_tables({"people": table("a\n1")})


def test_a_table_without_rows_has_its_columns_and_types() -> None:
    records = Records.from_tables({})
    for name, declared in contracts().items():
        assert list(records.table(name).columns) == list(declared.column_names)
    assert (
        records.fingerprint
        == Records.from_tables({"projects": table("project_id, recorded_at, start_date")}).fingerprint
    )
