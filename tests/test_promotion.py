"""There is one champion, it loads, and every switch left its line in the ledger."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data_contracts.errors import CheckFailed, ModelInvalid, NotFound
from tests.outcome_city import outcome_city
from training import promotion
from training.champion_ledger import LEDGER, append_line
from training.experiment import train
from training.model_folder import PASSPORT, as_json, read_verified, write_model_folder
from training.promotion import champion_folder, promote, rollback
from training.risk_model import RiskModel, load_champion
from training.run_log import kept_folder, model_name, tracking
from training.verification import verify_apart

HEADS = ["accident", "hazard"]
Installation = tuple[Path, Path]


@pytest.fixture(scope="module")
def two_trainings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """MLflow's folder after two trainings of two heads, and the versions of their folders."""
    mlruns = tmp_path_factory.mktemp("two") / "mlruns"
    records = outcome_city()
    versions = [
        train(records, mlruns=mlruns, heads=HEADS, until="2025-12-31", seed=seed).version for seed in (1, 2)
    ]
    return mlruns, versions


@pytest.fixture
def installation(tmp_path: Path, two_trainings: tuple[Path, list[str]]) -> Installation:
    """A copy of that folder, moved elsewhere, and an empty home."""
    shutil.copytree(two_trainings[0], tmp_path / "mlruns")
    return tmp_path / "mlruns", tmp_path / "var"


@pytest.fixture
def versions(two_trainings: tuple[Path, list[str]]) -> list[str]:
    return two_trainings[1]


def champion_alias(mlruns: Path, head: str) -> str:
    with tracking(mlruns) as mlflow:
        return str(mlflow.MlflowClient().get_model_version_by_alias(model_name(head), "champion").version)


def register(mlruns: Path, version: str, change: Callable[[dict[str, Any]], None]) -> str:
    """Register a changed copy of a training's folder as challenger of its heads; its version."""
    files = dict(read_verified(kept_folder(mlruns, version)).files)
    passport = json.loads(files[PASSPORT])
    change(passport)
    files[PASSPORT] = as_json(passport)
    folder = write_model_folder(mlruns / "changed", files)
    shutil.copytree(folder.path, kept_folder(mlruns, folder.version))
    with tracking(mlruns) as mlflow:
        client = mlflow.MlflowClient()
        for head in HEADS:
            made = client.create_model_version(model_name(head), str(folder.path))
            client.set_model_version_tag(model_name(head), made.version, "siterisk.folder", folder.version)
            client.set_model_version_tag(
                model_name(head), made.version, "siterisk.folder_sha256", folder.sha256
            )
            client.set_registered_model_alias(model_name(head), "challenger", made.version)
    return folder.version


def ledger_lines(home: Path) -> list[dict[str, Any]]:
    """All promotions and rollbacks, the oldest first; a line that was cut short is left out."""
    ledger = Path(home) / LEDGER
    lines = []
    for text in ledger.read_text(encoding="utf-8").splitlines() if ledger.is_file() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def no_better_than_the_prior(passport: dict[str, Any], head: str) -> None:
    passport["heads"][head]["metrics"]["skill_over_prior"] = {"mean": -0.2, "low": -0.3, "high": -0.1}


def test_the_challenger_becomes_champion_and_the_ledger_says_so(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    done = promote(mlruns=mlruns, home=home, who="wang")
    assert done.version == versions[1] and done.replaced is None and done.changed
    assert RiskModel.load(champion_folder(home)).version == versions[1]
    assert [champion_alias(mlruns, head) for head in HEADS] == ["2", "2"]
    (line,) = ledger_lines(home)
    assert (line["who"], line["action"], line["version"], line["replaced"]) == (
        "wang",
        "promote",
        versions[1],
        None,
    )
    assert line["heads"]["accident"]["registered"] == "2"
    assert line["heads"]["accident"]["auc"] > 0.5


def test_promoting_the_champion_again_changes_nothing(installation: Installation) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home)
    again = promote(mlruns=mlruns, home=home)
    assert not again.changed
    assert len(ledger_lines(home)) == 1


def test_rollback_brings_the_last_champion_back_and_ends_at_the_first(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    promote(mlruns=mlruns, home=home)
    done = rollback(mlruns=mlruns, home=home)
    assert (done.version, done.replaced) == (versions[0], versions[1])
    assert RiskModel.load(champion_folder(home)).version == versions[0]
    assert champion_alias(mlruns, "hazard") == "1"
    assert [line["action"] for line in ledger_lines(home)] == ["promote", "promote", "rollback"]
    with pytest.raises(NotFound, match="nothing to roll back to"):
        rollback(mlruns=mlruns, home=home)


def test_a_version_can_be_named_by_its_folder(installation: Installation, versions: list[str]) -> None:
    mlruns, home = installation
    assert promote(mlruns=mlruns, home=home, version=versions[0]).version == versions[0]
    with pytest.raises(NotFound, match="siterisk train"):
        promote(mlruns=mlruns, home=home, version="99")


def test_one_head_can_be_promoted_beside_the_others_in_force(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    done = promote(mlruns=mlruns, home=home, head="hazard")
    assert done.heads == {"accident": "1", "hazard": "2"}
    both, first, second = (
        RiskModel.load(folder) for folder in (done.folder, *(kept_folder(mlruns, each) for each in versions))
    )
    examples = json.loads((done.folder / "examples.json").read_text(encoding="utf-8"))
    rows = pd.DataFrame(examples["rows"], columns=examples["features"], dtype="float64")
    given = both.risks(rows)
    pd.testing.assert_series_equal(given["risk_accident"], first.risks(rows)["risk_accident"])
    pd.testing.assert_series_equal(given["risk_hazard"], second.risks(rows)["risk_hazard"])


def test_a_head_no_better_than_the_prior_rate_is_refused_and_the_one_in_force_stays(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    register(mlruns, versions[1], lambda passport: no_better_than_the_prior(passport, "accident"))
    done = promote(mlruns=mlruns, home=home)
    assert "not better than the prior rate" in done.refused["accident"].en
    assert done.heads == {"accident": "1", "hazard": "3"}


def test_when_every_head_is_refused_the_champion_stays(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")

    def spoil(passport: dict[str, Any]) -> None:
        for head in HEADS:
            no_better_than_the_prior(passport, head)

    register(mlruns, versions[1], spoil)
    with pytest.raises(CheckFailed, match="Nothing was promoted"):
        promote(mlruns=mlruns, home=home)
    assert RiskModel.load(champion_folder(home)).version == versions[0]


def test_heads_of_two_catalogues_cannot_stand_in_one_champion(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    register(mlruns, versions[1], lambda passport: passport.update(catalogue_sha256="0" * 64))
    with pytest.raises(CheckFailed, match="another version of the feature catalogue"):
        promote(mlruns=mlruns, home=home, head="hazard")


def test_a_folder_that_was_tampered_with_is_never_promoted(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    trees = kept_folder(mlruns, versions[1]) / "heads" / "accident" / "booster.txt"
    trees.write_bytes(trees.read_bytes()[:-100])
    with pytest.raises(ModelInvalid, match="sha256"):
        promote(mlruns=mlruns, home=home)
    assert RiskModel.load(champion_folder(home)).version == versions[0]


def test_a_folder_that_answers_differently_fails_in_a_process_of_its_own(
    installation: Installation, versions: list[str], tmp_path: Path
) -> None:
    files = dict(read_verified(kept_folder(installation[0], versions[0])).files)
    files["heads/accident/calibration.json"] = as_json({"slope": 1.0, "intercept": 3.0})
    folder = write_model_folder(tmp_path / "odd", files)
    with pytest.raises(ModelInvalid, match="risk_accident of the example rows"):
        verify_apart(folder.path, folder.sha256)


def test_trees_that_abort_the_process_take_no_champion_with_them(
    installation: Installation, versions: list[str], tmp_path: Path
) -> None:
    files = dict(read_verified(kept_folder(installation[0], versions[0])).files)
    trees = files["heads/accident/booster.txt"]
    files["heads/accident/booster.txt"] = trees[: len(trees) // 2] + b"\nend of trees\n"
    folder = write_model_folder(tmp_path / "cut", files)
    with pytest.raises(ModelInvalid, match="process of its own"):
        verify_apart(folder.path, folder.sha256)


def test_a_promotion_killed_before_the_switch_leaves_the_old_champion(
    installation: Installation, versions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(promotion, "switch_pointer", killed)
        with pytest.raises(KeyboardInterrupt):
            promote(mlruns=mlruns, home=home)
    assert RiskModel.load(champion_folder(home)).version == versions[0]
    assert promote(mlruns=mlruns, home=home).version == versions[1]


def test_a_champion_whose_folder_is_damaged_can_be_replaced_whole(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    damaged = promote(mlruns=mlruns, home=home, version="1")
    (damaged.folder / "heads" / "accident" / "booster.txt").write_bytes(b"")
    with pytest.raises(ModelInvalid, match="Heads accident would be kept from it"):
        promote(mlruns=mlruns, home=home, head="hazard")
    assert promote(mlruns=mlruns, home=home).version == versions[1]
    assert load_champion(home).version == versions[1]


def test_promoting_the_champion_again_mends_its_damaged_folder(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    damaged = promote(mlruns=mlruns, home=home)
    (damaged.folder / "heads" / "accident" / "booster.txt").write_bytes(b"")
    assert not promote(mlruns=mlruns, home=home).changed
    assert load_champion(home).version == versions[1]


def test_a_ledger_line_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    append_line(tmp_path, {"version": "a"})
    with (tmp_path / "promotions.jsonl").open("a", encoding="utf-8") as ledger:
        ledger.write('{"version": "b", "wh')
    append_line(tmp_path, {"version": "c"})
    assert [line["version"] for line in ledger_lines(tmp_path)] == ["a", "c"]


def test_without_a_training_there_is_nothing_to_promote(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Run siterisk train first"):
        promote(mlruns=tmp_path / "mlruns", home=tmp_path / "var")


def test_mlflow_says_nothing_of_its_own_while_it_is_used(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with tracking(tmp_path / "mlruns") as mlflow:
        mlflow.register_model(tmp_path.as_uri(), "siterisk-accident", await_registration_for=0)
    assert capfd.readouterr().err == ""
