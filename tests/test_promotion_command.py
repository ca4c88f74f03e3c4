"""What `siterisk promote` and `siterisk rollback` say, and what was in force on a day."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_contracts.errors import CheckFailed
from serving.command_line.application import run
from serving.command_line.promotion_report import tell_promotion
from tests.registered_models import training_files
from training.champion_comparison import Comparison
from training.champion_ledger import append_line, version_folder
from training.check_list import HOLDS_AGAINST_CHAMPION
from training.model_folder import as_json, write_model_folder
from training.promotion import Promotion


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with two champions after one another, the second rolled back at noon of 3 March."""
    home = tmp_path / "var"
    monkeypatch.setenv("SITERISK_HOME", str(home))
    monkeypatch.setenv("SITERISK_MLRUNS", str(tmp_path / "mlruns"))
    folders = [
        write_model_folder(tmp_path / "building", training_files(tmp_path, heads=["accident"], seed=seed))
        for seed in (1, 2)
    ]
    for folder, files in zip(folders, [each.files for each in folders], strict=True):
        write_model_folder(version_folder(home, folder.version), files)
    first, second = folders
    switches = [
        ("2026-03-01T09:00:00", "promote", first, None, None),
        ("2026-03-03T09:00:00", "promote", second, first.version, "p0"),
        ("2026-03-03T12:00:00", "rollback", first, second.version, "p1"),
    ]
    for place, (at, action, folder, replaced, after) in enumerate(switches):
        line = {"promotion": f"p{place}", "after": after, "at": at, "action": action, "who": "wang"}
        line |= {"version": folder.version, "sha256": folder.sha256, "replaced": replaced}
        append_line(home, line | {"why": "tried out", "in_force": {"accident": str(place + 1)}})
    pointer = {
        "version": first.version,
        "sha256": first.sha256,
        "promotion": "p2",
        "heads": {},
        "history": [],
    }
    (home / "champion" / "current.json").write_bytes(as_json(pointer))
    return home


def test_every_switch_is_listed_with_who_and_why(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["promote", "--history"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["promote", "promote", "rollback"]
    assert all("wang" in line and "tried out" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("at", "seeds"),
    [("2026-03-02", [1]), ("2026-03-03", [1, 2, 1]), ("2026-03-03T10:00", [2]), ("2026-04-01", [1])],
)
def test_the_model_and_data_of_a_day_can_be_told_afterwards(
    home: Path, at: str, seeds: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["promote", "--history", "--at", at, "--json"]) == 0
    champions = json.loads(capsys.readouterr().out)["champions"]
    assert [each["trained_on"]["accident"]["store_version"] for each in champions] == seeds
    assert all(Path(each["folder"]).name == each["version"] for each in champions)


def test_before_the_first_promotion_there_was_no_champion(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["promote", "--history", "--at", "2026-02-28"]) == 11
    assert "No champion was in force" in capsys.readouterr().err


def test_a_day_without_history_promotes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["promote", "--at", "2026-03-02"]) == 2
    assert "--at goes with --history only" in capsys.readouterr().err


def test_a_promotion_tells_what_it_refused_how_it_compares_and_what_it_doubts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    compared = Comparison(HOLDS_AGAINST_CHAMPION.passed("增益。", "Gain in AUC +0.010."))
    done = Promotion(
        version="abc",
        sha256="abcdef",
        folder=Path("var"),
        heads={"accident": "1", "hazard": "2"},
        replaced="old",
        refused={"accident": CheckFailed(zh="不行。", en="[TRN007] no.")},
        comparisons={"hazard": compared},
        doubts=("hazard: [TRN010] doubt",),
    )
    tell_promotion(done, as_json=False)
    said = capsys.readouterr().out
    assert "champion abc: accident v1, hazard v2" in said and "before: old" in said
    assert "不行。\n[TRN007] no." in said and "[TRN010] doubt" in said
    assert "hazard: [TRN013] Against the champion, passed: Gain in AUC +0.010." in said
    tell_promotion(done, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["against_champion"]["hazard"]["verdict"]["state"] == "passed"
    assert told["refused"]["accident"]["en"] == "[TRN007] no."
