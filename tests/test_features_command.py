"""`siterisk features`: the matrix that documents itself, the facts behind its values, the state of the records."""

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from data_contracts.records import Records
from data_contracts.snapshot import read_snapshot, snapshot
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from features.input_quality import STATES
from features.reference_page import computed_as
from serving.command_line.application import run

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = load_catalogue()
STORE_VERSION = 7
TABLES: dict[str, list[dict[str, Any]]] = {
    "projects": [
        {"project_id": "P1", "recorded_at": "2025-06-01", "start_date": "2025-06-01", "pit_depth_m": 5},
        {"project_id": "P2", "recorded_at": "2025-06-01", "start_date": "2025-06-01"},
    ],
    "project_parties": [
        {
            "project_id": project,
            "enterprise_id": "E1",
            "role": "GC",
            "valid_from": "2025-06-01",
            "recorded_at": "2025-06-01",
        }
        for project in ("P1", "P2")
    ],
    "inspections": [
        {
            "inspection_id": "I1",
            "project_id": "P1",
            "inspected_on": "2026-02-01",
            "recorded_at": "2026-02-01T17:00:00",
        }
    ],
    "violations": [
        {
            "violation_id": "V1",
            "project_id": "P1",
            "found_on": "2026-02-01",
            "recorded_at": "2026-02-03T09:00:00",
        },
        {
            "violation_id": "V2",
            "project_id": "P1",
            "found_on": "2026-02-05",
            "recorded_at": "2026-03-20T09:00:00",
        },
    ],
}
PAIRS = "project_id,as_of\nP2,2026-03-01\nP1,2026-03-01\nP9,2026-03-01\n"

Asked = Callable[..., int]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records as a snapshot of the store's version 7."""
    folder = tmp_path_factory.mktemp("hand_made") / "snapshot"
    made = Records.from_tables({name: pd.DataFrame(rows) for name, rows in TABLES.items()})
    return snapshot(Records(made.table, store_version=STORE_VERSION), folder).folder


@pytest.fixture
def features(records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """`siterisk features` about the three pairs, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    Path("pairs.csv").write_text(PAIRS, encoding="utf-8")
    return lambda *more: run(["features", "--records", str(records), "--at", "pairs.csv", *more])


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def words_of(path: str, column: str) -> dict[str, str]:
    metadata = pq.read_schema(path).field(column).metadata
    return {key.decode(): word.decode() for key, word in metadata.items()}


def test_every_column_of_a_parquet_matrix_says_what_its_values_mean(features: Asked) -> None:
    assert features("--out", "m.parquet") == 0
    for name in CATALOGUE.names:
        feature = CATALOGUE.feature(name)
        assert words_of("m.parquet", name) == {
            "label_zh": feature.label_zh,
            "label_en": feature.label_en,
            "unit": feature.unit,
            "missing": feature.missing,
            "computed_as": computed_as(feature),
        }
    assert words_of("m.parquet", "violations_90d")["computed_as"] == "count in violations; 90 days"


@pytest.mark.parametrize("mode", [(), ("--inputs",), ("--facts", "violations_90d")])
def test_a_parquet_file_names_its_catalogue_and_its_records(
    features: Asked, records: Path, mode: tuple[str, ...]
) -> None:
    assert features(*mode, "--out", "m.parquet") == 0
    said = pq.read_schema("m.parquet").metadata
    assert said[b"catalogue_version"].decode() == CATALOGUE.version
    assert said[b"catalogue_hash"].decode() == CATALOGUE.hash
    assert said[b"store_version"] == b"7"
    assert said[b"records_fingerprint"].decode() == read_snapshot(records).fingerprint


def test_a_file_about_records_of_no_store_names_no_version_of_one(features: Asked, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for name, rows in TABLES.items():
        pd.DataFrame(rows).to_csv(tmp_path / "raw" / f"{name}.csv", index=False)
    assert features("--records", "raw", "--inputs", "--out", "i.parquet") == 0
    assert {b"store_version", b"records_fingerprint"}.isdisjoint(pq.read_schema("i.parquet").metadata)


def test_pandas_reads_a_documented_matrix_as_any_other(features: Asked, records: Path) -> None:
    assert features("--out", "m.parquet") == 0
    ids, moments = ["P2", "P1", "P9"], pd.Series(["2026-03-01"] * 3).astype("datetime64[us]")
    matrix = FactIndex.build(read_snapshot(records), CATALOGUE).matrix(ids, moments.to_numpy())
    expected = pd.DataFrame({"project_id": ids, "as_of": moments}).join(matrix)
    pd.testing.assert_frame_equal(pd.read_parquet("m.parquet"), expected)


def test_the_facts_behind_a_value_are_a_row_each_in_the_order_of_pairs_and_features(
    features: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ("--facts", "violations_per_visit_365d", "--facts", "gc_violations_elsewhere_365d")
    assert features(*wanted) == 0
    moment = {"as_of": "2026-03-01T00:00:00", "happened": "2026-02-01T00:00:00", "amount": "1.0"}
    violation = {
        **moment,
        "table": "violations",
        "key": "violation_id=V1",
        "recorded_at": "2026-02-03T09:00:00",
    }
    visit = {
        **moment,
        "table": "inspections",
        "key": "inspection_id=I1",
        "recorded_at": "2026-02-01T17:00:00",
    }
    elsewhere = "gc_violations_elsewhere_365d"
    rate = {"project_id": "P1", "feature": "violations_per_visit_365d"}
    assert printed(capsys) == [
        {"project_id": "P2", "feature": elsewhere, "of": elsewhere, **violation},
        {**rate, "of": "visits_365d", **visit},
        {**rate, "of": "violations_365d", **violation},
    ]


def test_a_fact_not_yet_on_file_is_behind_no_value(
    features: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pairs.csv").write_text("project_id,as_of\nP1,2026-03-01\nP1,2026-03-21\n", encoding="utf-8")
    assert features("--facts", "violations_90d") == 0
    assert [(row["as_of"][:10], row["key"]) for row in printed(capsys)] == [
        ("2026-03-01", "violation_id=V1"),
        ("2026-03-21", "violation_id=V2"),
        ("2026-03-21", "violation_id=V1"),
    ]


def test_the_key_of_a_party_is_told_column_by_column(
    features: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert features("--facts", "contractors_so_far", "--json") == 0
    keys = {row["key"] for row in json.loads(capsys.readouterr().out)}
    assert "project_id=P1; enterprise_id=E1; role=GC; valid_from=2025-06-01" in keys


def test_values_without_facts_are_counted_so_that_an_absent_row_is_no_riddle(
    features: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert features("--facts", "violations_90d", "--facts", "violations_90d") == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    assert "3 个特征值中有 2 个没有依据记录" in said.err
    assert "2 of 3 values rest on no record" in said.err


def test_facts_of_nothing_are_an_empty_table_with_the_same_columns(features: Asked) -> None:
    assert features("--facts", "site_accidents_365d", "--out", "none.parquet") == 0
    assert features("--facts", "violations_90d", "--out", "some.parquet") == 0
    none, some = pd.read_parquet("none.parquet"), pd.read_parquet("some.parquet")
    assert (len(none), len(some)) == (0, 1)
    assert none.dtypes.to_dict() == some.dtypes.to_dict()


def test_every_unknown_feature_is_told_with_the_nearest_before_any_record_is_read(
    features: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = ("--facts", "violation_90d", "--facts", "visits_365d", "--facts", "近90日违规量")
    assert features("--records", "absent", *unknown) == 11
    said = capsys.readouterr().err
    assert "The catalogue has no feature violation_90d (near: violations_90d, " in said
    assert "特征目录中没有 violation_90d（相近：violations_90d、" in said
    assert "近90日违规量（相近：violations_90d、" in said
    assert "visits_365d" not in said


def test_facts_and_inputs_exclude_each_other(features: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert features("--facts", "violations_90d", "--inputs") == 2
    said = capsys.readouterr().err
    assert "--facts 与 --inputs" in said
    assert "--facts and --inputs" in said


def test_inputs_are_the_state_of_each_table(features: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert features("--inputs", "--json") == 0
    second, first, nobody = json.loads(capsys.readouterr().out)
    assert first["project_id"] == "P1"
    assert (first["inspections"], second["inspections"]) == ("PRESENT", "MISSING")
    assert (first["violations"], second["violations"]) == ("PRESENT", "NOT_REQUIRED")
    assert first["attendance"] == "NOT_DELIVERED"
    assert {nobody[table] for table in nobody if table not in ("project_id", "as_of")} == {None}


def test_a_parquet_of_inputs_says_what_its_words_mean(features: Asked) -> None:
    assert features("--inputs", "--out", "i.parquet") == 0
    said = words_of("i.parquet", "inspections")
    assert said["label_zh"] == CATALOGUE.feature("input_inspections").label_zh
    assert said["values"].startswith("PRESENT 已报送; LATE 逾期未更新; MISSING 应报未报")
    assert pd.read_parquet("i.parquet")["inspections"].isna().tolist() == [False, False, True]


def test_the_help_and_the_page_give_the_chinese_word_of_every_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["features", "--help"]) == 0
    told = capsys.readouterr().out.split()
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    for state, chinese in STATES.items():
        assert told[told.index(state) + 1] == chinese
        assert f"| `{state}` | {chinese} |" in page


@pytest.mark.parametrize(
    ("mode", "step"),
    [
        ((), "特征 / features"),
        (("--inputs",), "报送状态 / inputs"),
        (("--facts", "violations_90d"), "依据记录 / facts"),
    ],
)
def test_progress_is_told_to_the_last_pair_whatever_is_asked(
    features: Asked, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...], step: str
) -> None:
    told: list[tuple[str, int, int | None]] = []

    @contextlib.contextmanager
    def kept() -> Iterator[Callable[[str, int, int | None], None]]:
        yield lambda *one: told.append(one)

    monkeypatch.setattr("serving.command_line.feature_commands.shown_progress", kept)
    assert features(*mode) == 0
    assert [one for one in told if one[0] == step] == [(step, 0, 3), (step, 3, 3)]
    assert any("feature index" in one[0] for one in told)
