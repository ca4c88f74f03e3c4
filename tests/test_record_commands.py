"""`synth`, `check`, `load` and `snapshot` from the command line: what they print and how they end."""

import json
from pathlib import Path

import pytest

from data_contracts.records import open_records
from serving.command_line.application import run

GOOD = "project_id,recorded_at,start_date\nP1,2026-01-05,2026-01-01\nP2,2026-01-05,2026-01-02\n"
BAD = GOOD + "P3,2026-01-05,someday\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SITERISK_HOME", str(tmp_path / "home"))
    return tmp_path


def delivery(folder: Path, projects: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "projects.csv").write_text(projects, encoding="utf-8")
    return str(folder)


def printed(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def test_check_ends_well_only_if_every_row_passes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", delivery(home / "good", GOOD)]) == 0
    capsys.readouterr()
    assert run(["check", delivery(home / "bad", BAD), "--json"]) == 9
    assert printed(capsys)["totals"]["quarantined"] == 1
    assert not (home / "home" / "siterisk.db").exists()


VISITS = "inspection_id,project_id,inspected_on,recorded_at\nV1,P1,2026-02-01,2026-02-02\n"


def visits(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "inspections.csv").write_text(VISITS, encoding="utf-8")
    return str(folder)


def test_check_finds_the_parents_of_a_delivery_in_the_store_and_says_which_store(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", visits(home / "changes"), "--json"]) == 9
    assert printed(capsys)["store"] is None
    assert run(["load", delivery(home / "good", GOOD)]) == 0
    capsys.readouterr()
    assert run(["check", str(home / "changes")]) == 0
    assert str(home / "home" / "siterisk.db") in capsys.readouterr().out
    assert run(["check", str(home / "changes"), "--alone"]) == 9
    assert "by itself" in capsys.readouterr().out


def test_check_against_another_store_needs_that_store(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{home}/other.db"
    assert run(["check", visits(home / "changes"), "--db", url]) == 6
    assert run(["load", delivery(home / "good", GOOD), "--db", url]) == 0
    assert run(["check", str(home / "changes"), "--db", url]) == 0
    assert run(["check", str(home / "changes"), "--db", url, "--alone"]) == 2
    assert run(["load", str(home / "changes"), "--db", url, "--json"]) == 0
    capsys.readouterr()


def test_load_stores_good_rows_and_tells_the_others(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["load", delivery(home / "bad", BAD), "--json"]) == 0
    totals = printed(capsys)["totals"]
    assert (totals["stored"], totals["quarantined"]) == (2, 1)
    assert run(["load", delivery(home / "good", GOOD), "--json"]) == 0
    assert printed(capsys)["totals"]["unchanged"] == 2


def test_load_into_another_store_leaves_our_own_alone(home: Path) -> None:
    assert run(["load", delivery(home / "good", GOOD), "--db", f"sqlite:///{home}/other.db"]) == 0
    assert (home / "other.db").exists()
    assert not (home / "home" / "siterisk.db").exists()


@pytest.mark.parametrize("command", ["check", "load"])
def test_a_file_with_personal_data_is_refused_and_said(
    home: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    personal = "project_id,recorded_at,start_date,身份证号\nP1,2026-01-05,2026-01-01,x\n"
    assert run([command, delivery(home / "personal", personal)]) == 4
    said = capsys.readouterr()
    assert "身份证号" in said.out
    assert "FORBIDDEN_COLUMN" in said.err


def test_a_snapshot_holds_the_store_and_stands_for_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["load", delivery(home / "good", GOOD)]) == 0
    capsys.readouterr()
    assert run(["snapshot", "--out", str(home / "frozen"), "--json"]) == 0
    told = printed(capsys)
    assert told["rows"] == {"projects": 2}
    assert open_records(home / "frozen").fingerprint == told["fingerprint"]
    assert run(["snapshot", "--out", str(home / "again"), "--records", str(home / "frozen"), "--json"]) == 0
    assert printed(capsys)["fingerprint"] == told["fingerprint"]
    assert run(["snapshot", "--out", str(home / "frozen")]) == 2


def test_a_synthetic_city_passes_its_contracts_and_is_compared(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["synth", "--out", "city", "--projects", "40", "--years", "1", "--format", "csv", "--json"]) == 0
    )
    compared = printed(capsys)
    assert compared["simulated"] is True
    assert compared["lines"]
    assert run(["check", "city", "--json"]) == 0
    assert printed(capsys)["totals"]["quarantined"] == 0
