"""There is one champion, it loads, and every switch left its line in the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from data_contracts.errors import CheckFailed, ModelInvalid, NotFound
from tests.registered_models import (
    HEADS,
    champion_alias,
    drawn_rows,
    empty_mlruns,
    register,
    training_files,
    without_checks,
)
from training import promotion
from training.champion_comparison import compare, gains
from training.champion_ledger import append_line, champion_on, history, ledger_lines
from training.check_list import CHECKS
from training.judged_rows import judged_rows_file
from training.model_folder import PASSPORT, as_json, read_verified, write_model_folder
from training.promotion import champion_folder, promote, rollback
from training.risk_model import RiskModel, load_champion
from training.run_log import kept_folder, model_name, tracking
from training.verification import verify_apart

Installation = tuple[Path, Path]


@pytest.fixture(scope="module")
def two_trainings(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """MLflow's folder after two trainings of two heads, half a year apart, and the versions of their folders."""
    mlruns = empty_mlruns(tmp_path_factory.mktemp("two") / "mlruns", untrained)
    tests = {1: "2025-01-01", 2: "2025-07-01"}
    return mlruns, [
        register(mlruns, training_files(mlruns, seed=seed, test_first=first)).version
        for seed, first in tests.items()
    ]


@pytest.fixture
def installation(tmp_path: Path, two_trainings: tuple[Path, list[str]]) -> Installation:
    """A copy of that folder, moved elsewhere, and an empty home."""
    shutil.copytree(two_trainings[0], tmp_path / "mlruns")
    return tmp_path / "mlruns", tmp_path / "var"


@pytest.fixture
def versions(two_trainings: tuple[Path, list[str]]) -> list[str]:
    return two_trainings[1]


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are believed without a process of their own: it takes seconds, and has its own tests."""
    monkeypatch.setattr(promotion, "verify_apart", lambda *_: None)


def with_verdict(head: str, code: str, state: str = "failed") -> Callable[[dict[str, Any]], None]:
    """A passport in which the verdict of one code of one head is another."""

    def change(passport: dict[str, Any]) -> None:
        (check,) = (check for check in CHECKS if check.code == code)
        verdicts = [each for each in passport["heads"][head]["checks"] if each["code"] != code]
        verdict = check._verdict(state, "测。", "As made up.")  # type: ignore[arg-type]
        passport["heads"][head]["checks"] = [*verdicts, verdict.as_json()]

    return change


# The switch


def test_the_challenger_becomes_champion_and_the_ledger_says_so(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    done = promote(mlruns=mlruns, home=home, who="wang", why="first of the year")
    assert done.version == versions[1] and done.replaced is None and done.changed
    assert RiskModel.load(champion_folder(home)).version == versions[1]
    assert [champion_alias(mlruns, head) for head in HEADS] == ["2", "2"]
    (line,) = ledger_lines(home)
    assert (line["who"], line["why"], line["action"]) == ("wang", "first of the year", "promote")
    assert (line["version"], line["replaced"], line["in_force"]) == (
        versions[1],
        None,
        {"accident": "2", "hazard": "2"},
    )
    accident = line["heads"]["accident"]
    assert accident["registered"] == "2"
    assert accident["data"]["snapshot_sha256"] == "2" * 64 and accident["data"]["store_version"] == 2
    assert accident["figures"]["auc"]["mean"] == 0.75
    assert accident["checks"]["TRN007"] == "passed"
    assert accident["against_champion"]["verdict"]["state"] == "not_applicable"


@pytest.mark.usefixtures("trusting")
def test_promoting_the_champion_again_changes_nothing(installation: Installation) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home)
    assert not promote(mlruns=mlruns, home=home).changed
    assert len(ledger_lines(home)) == 1


@pytest.mark.usefixtures("trusting")
def test_rollback_brings_the_last_champion_back_and_ends_at_the_first(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    promote(mlruns=mlruns, home=home)
    done = rollback(mlruns=mlruns, home=home, why="complaints")
    assert (done.version, done.replaced) == (versions[0], versions[1])
    assert load_champion(home).version == versions[0]
    assert champion_alias(mlruns, "hazard") == "1"
    assert [line["action"] for line in ledger_lines(home)] == ["promote", "promote", "rollback"]
    assert ledger_lines(home)[-1]["why"] == "complaints"
    with pytest.raises(NotFound, match="nothing to roll back to"):
        rollback(mlruns=mlruns, home=home)


@pytest.mark.usefixtures("trusting")
def test_a_version_can_be_named_by_its_folder(installation: Installation, versions: list[str]) -> None:
    mlruns, home = installation
    assert promote(mlruns=mlruns, home=home, version=versions[0]).version == versions[0]
    with pytest.raises(NotFound, match="siterisk train"):
        promote(mlruns=mlruns, home=home, version="99")


@pytest.mark.usefixtures("trusting")
def test_one_head_can_be_promoted_beside_the_others_in_force(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    done = promote(mlruns=mlruns, home=home, head="hazard")
    assert done.heads == {"accident": "1", "hazard": "2"}
    rows = drawn_rows(9, 6)[0]
    both, first, second = (
        RiskModel.load(folder).risks(rows)
        for folder in (done.folder, *(kept_folder(mlruns, each) for each in versions))
    )
    pd.testing.assert_series_equal(both["risk_accident"], first["risk_accident"])
    pd.testing.assert_series_equal(both["risk_hazard"], second["risk_hazard"])


@pytest.mark.usefixtures("trusting")
def test_a_champion_of_two_trainings_carries_every_file_of_its_heads(installation: Installation) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    files = training_files(mlruns, seed=3, heads=["hazard"], test_first="2025-08-01")
    extra = {"heads/hazard/points.json": b"{}", "tested/hazard/lent/1.txt": b"tree"}
    register(mlruns, files | extra)
    made = read_verified(promote(mlruns=mlruns, home=home, head="hazard").folder)
    assert {name for name in made.files if "/hazard/" in name} == {
        name for name in files | extra if "/hazard/" in name
    }
    assert "tested/accident/booster.txt" in made.files
    assert made.json(PASSPORT)["heads"]["accident"]["training"]["store_version"] == 1


# The gate


@pytest.mark.usefixtures("trusting")
def test_a_head_whose_check_fails_is_refused_with_its_cure_and_the_others_go_on(
    installation: Installation,
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    spoilt = training_files(
        mlruns, seed=3, test_first="2025-08-01", change=with_verdict("accident", "TRN007")
    )
    register(mlruns, spoilt)
    done = promote(mlruns=mlruns, home=home)
    assert done.heads == {"accident": "1", "hazard": "3"}
    refusal = done.refused["accident"]
    assert "[TRN007] Against the simple rules, failed: As made up. Keep the champion" in refusal.en
    assert "[TRN007] 对比简单规则（未通过）：测。请沿用" in refusal.zh
    assert "TRN007" in ledger_lines(home)[-1]["refused"]["accident"]


@pytest.mark.usefixtures("trusting")
def test_when_every_head_is_refused_the_champion_stays(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")

    def spoil(passport: dict[str, Any]) -> None:
        with_verdict("accident", "TRN009")(passport)
        with_verdict("hazard", "TRN011")(passport)

    register(mlruns, training_files(mlruns, seed=3, change=spoil))
    with pytest.raises(CheckFailed, match=r"^Nothing was promoted.*TRN009.*TRN011"):
        promote(mlruns=mlruns, home=home)
    assert load_champion(home).version == versions[0]
    assert len(ledger_lines(home)) == 1


@pytest.mark.usefixtures("trusting")
def test_what_only_warns_or_cannot_be_told_is_promoted_with_a_doubt(installation: Installation) -> None:
    mlruns, home = installation

    def doubtful(passport: dict[str, Any]) -> None:
        with_verdict("accident", "TRN010")(passport)
        with_verdict("accident", "TRN012", "not_applicable")(passport)

    register(mlruns, training_files(mlruns, seed=3, change=doubtful))
    done = promote(mlruns=mlruns, home=home)
    assert done.heads == {"accident": "3", "hazard": "3"}
    assert [doubt.split("]")[0] for doubt in done.doubts] == ["accident: [TRN010", "accident: [TRN012"]


@pytest.mark.usefixtures("trusting")
def test_a_check_that_was_never_asked_was_not_passed(installation: Installation) -> None:
    mlruns, home = installation

    def forget(passport: dict[str, Any]) -> None:
        entry = passport["heads"]["accident"]
        entry["checks"] = [each for each in entry["checks"] if each["code"] != "TRN002"]

    register(mlruns, training_files(mlruns, seed=3, change=forget))
    refusal = promote(mlruns=mlruns, home=home).refused["accident"]
    assert "without the checks TRN002" in refusal.en and "siterisk train" in refusal.en


@pytest.mark.usefixtures("trusting")
def test_heads_of_two_catalogues_cannot_stand_in_one_champion(installation: Installation) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    other = training_files(mlruns, seed=3, change=lambda passport: passport.update(catalogue_sha256="0" * 64))
    register(mlruns, other)
    with pytest.raises(CheckFailed, match="another version of the feature catalogue"):
        promote(mlruns=mlruns, home=home, head="hazard")


# Models of before the checks


def put_old_model_in_force(mlruns: Path, home: Path) -> str:
    """A champion of before the checks, with the ledger as it was written then."""
    folder = register(mlruns, without_checks(training_files(mlruns, seed=4)))
    shutil.copytree(folder.path, home / "champion" / folder.version)
    line = {"promotion": "old", "at": "2024-01-01T08:00:00", "action": "promote", "version": folder.version}
    append_line(home, {**line, "sha256": folder.sha256, "who": "li", "replaced": None})
    pointer = {"version": folder.version, "sha256": folder.sha256, "promotion": "old"}
    pointer |= {"heads": dict.fromkeys(HEADS, "3"), "history": []}
    (home / "champion" / "current.json").write_bytes(as_json(pointer))
    return folder.version


@pytest.mark.usefixtures("trusting")
def test_an_old_champion_serves_is_replaced_and_can_be_rolled_back_to(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    old = put_old_model_in_force(mlruns, home)
    assert load_champion(home).version == old
    with pytest.raises(CheckFailed, match=r"trained without the checks.*siterisk train"):
        promote(mlruns=mlruns, home=home, version="3")
    done = promote(mlruns=mlruns, home=home, version="2")
    assert done.version == versions[1] and done.replaced == old
    reason = done.comparisons["accident"].verdict
    assert reason.state == "not_applicable" and f"not kept by {old}" in reason.reason_en
    rollback(mlruns=mlruns, home=home)
    assert load_champion(home).version == old and champion_alias(mlruns, "accident") == "3"
    assert [line["version"] for line in history(home)] == [old, versions[1], old]


# Beside the champion


@pytest.mark.usefixtures("trusting")
def test_a_challenger_that_does_worse_on_the_same_newest_rows_is_refused(
    installation: Installation,
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    register(mlruns, training_files(mlruns, seed=3, test_first="2025-08-01", told=False))
    with pytest.raises(
        CheckFailed, match=r"\[TRN013\] Against the champion, failed: .*gain in AUC -0\.[1-9]"
    ):
        promote(mlruns=mlruns, home=home)


@pytest.mark.usefixtures("trusting")
def test_a_challenger_that_does_better_is_promoted_with_the_gain_in_the_ledger(
    installation: Installation,
) -> None:
    mlruns, home = installation
    register(mlruns, training_files(mlruns, seed=3, test_first="2025-02-01", told=False))
    promote(mlruns=mlruns, home=home)
    done = promote(mlruns=mlruns, home=home, version="2")
    figures = ledger_lines(home)[-1]["heads"]["accident"]["against_champion"]["figures"]
    assert done.comparisons["accident"].verdict.state == "passed"
    assert figures["auc"]["low"] > 0.1 and figures["log_loss"]["low"] > 0
    assert (figures["first"], figures["rows"]) == ("2025-07-01", 640)


def folders(mlruns: Path, **newer: Any) -> list[Any]:
    """An older training and a newer one, as promotions compare them."""
    older = training_files(mlruns, seed=1, test_first="2025-01-01")
    newest = training_files(mlruns, seed=2, **{"test_first": "2025-03-01", **newer})
    return [write_model_folder(mlruns / name, files) for name, files in (("old", older), ("new", newest))]


def test_rows_that_one_of_them_has_seen_are_left_out(tmp_path: Path) -> None:
    old, new = folders(tmp_path, told=False)
    # Whichever is the challenger, the newest rows of both are taken, from the later test's first day on.
    for one, other in ((new, old), (old, new)):
        figures = compare("hazard", one, other, mlruns=tmp_path).figures
        assert figures is not None and (figures["first"], figures["last"]) == ("2025-03-01", "2025-10-01")
    gain, loss = (compare("hazard", *pair, mlruns=tmp_path).figures for pair in ((new, old), (old, new)))
    assert gain is not None and loss is not None
    assert gain["auc"]["mean"] == pytest.approx(-loss["auc"]["mean"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda passport: passport["computations"].update(area="area-2"), "1 features of the champion are computed otherwise"),
        (lambda passport: passport["heads"]["hazard"]["definition"].update(horizon_days=180), "not answer the same question"),
        (lambda passport: passport["heads"]["hazard"].pop("judged_rows"), "was not kept by"),
        (lambda passport: passport["heads"]["hazard"]["judged_rows"].update(sha256="0"), "are gone"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said_with_the_reason(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    old, new = folders(tmp_path, change=change)
    verdict = compare("hazard", new, old, mlruns=tmp_path).verdict
    assert verdict.state == "not_applicable" and reason in verdict.reason_en
    assert compare("hazard", old, old, mlruns=tmp_path).verdict.reason_en == "It is the champion."


def test_judged_rows_that_were_altered_are_not_compared_on(tmp_path: Path) -> None:
    old, new = folders(tmp_path)
    path = judged_rows_file(tmp_path, new.json(PASSPORT)["heads"]["hazard"]["judged_rows"]["sha256"])
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    verdict = compare("hazard", new, old, mlruns=tmp_path).verdict
    assert verdict.state == "not_applicable" and "are not those that were noted" in verdict.reason_en


def test_the_gain_is_that_of_scikit_learn_and_of_whole_projects() -> None:
    draw = np.random.default_rng(2)
    happened = (draw.random(500) < 0.2).astype("float64")
    new, old = (
        np.clip(0.2 + 0.3 * happened + draw.normal(0, sd, 500), 0.01, 0.99).round(2) for sd in (0.2, 0.4)
    )
    project = pd.Series(np.repeat([f"P{number}" for number in range(100)], 5))
    gain = gains(project, happened, new, old)
    auc = roc_auc_score(happened, new) - roc_auc_score(happened, old)
    assert gain["auc"]["mean"] == pytest.approx(auc)
    assert gain["log_loss"]["mean"] == pytest.approx(log_loss(happened, old) - log_loss(happened, new))
    assert gain["auc"]["low"] < auc < gain["auc"]["high"]  # type: ignore[operator]
    every_row_twice = [np.repeat(each, 2) for each in (project.to_numpy(), happened, new, old)]
    assert gains(pd.Series(every_row_twice[0]), *every_row_twice[1:])["auc"] == pytest.approx(gain["auc"])


# Broken artefacts


@pytest.mark.parametrize("name", ["heads/accident/booster.txt", "tested/hazard/booster.txt", PASSPORT])
def test_a_folder_of_which_one_byte_was_changed_is_never_promoted(
    installation: Installation, versions: list[str], name: str
) -> None:
    mlruns, home = installation
    file = kept_folder(mlruns, versions[1]) / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelInvalid, match="sha256"):
        promote(mlruns=mlruns, home=home)
    assert not (home / "champion" / "current.json").exists()


def test_a_folder_that_answers_differently_fails_in_a_process_of_its_own(tmp_path: Path) -> None:
    files = training_files(tmp_path) | {
        "heads/accident/calibration.json": as_json({"slope": 1.0, "intercept": 3.0})
    }
    folder = write_model_folder(tmp_path / "odd", files)
    with pytest.raises(ModelInvalid, match="risk_accident of the example rows"):
        verify_apart(folder.path, folder.sha256)


def cut_short(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    """The files with trees that stop in the middle, in bytes that are no text, and a manifest that agrees with it."""
    return files | {name: files[name][: len(files[name]) // 2] + b"\x8f\nend of trees\n"}


def test_trees_that_abort_the_process_are_told_not_suffered(tmp_path: Path) -> None:
    folder = write_model_folder(
        tmp_path / "cut", cut_short(training_files(tmp_path), "heads/accident/booster.txt")
    )
    with pytest.raises(ModelInvalid, match="process of its own"):
        verify_apart(folder.path, folder.sha256)


def test_tested_trees_that_abort_the_process_take_no_champion_with_them(
    installation: Installation, versions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mlruns, home = installation
    with monkeypatch.context() as trusting:
        trusting.setattr(promotion, "verify_apart", lambda *_: None)
        promote(mlruns=mlruns, home=home, version="1")
    register(mlruns, cut_short(training_files(mlruns, seed=3), "tested/accident/booster.txt"))
    with pytest.raises(ModelInvalid, match="process of its own"):
        promote(mlruns=mlruns, home=home)
    assert load_champion(home).version == versions[0]


@pytest.mark.usefixtures("trusting")
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


@pytest.mark.usefixtures("trusting")
def test_promoting_the_champion_again_mends_its_damaged_folder(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    damaged = promote(mlruns=mlruns, home=home)
    (damaged.folder / "heads" / "accident" / "booster.txt").write_bytes(b"")
    assert not promote(mlruns=mlruns, home=home).changed
    assert load_champion(home).version == versions[1]


# The alias and the ledger


@pytest.mark.usefixtures("trusting")
def test_the_alias_of_mlflow_is_set_right_by_whatever_comes_next(installation: Installation) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    for mend, refused in (
        (lambda: promotion.repair(mlruns=mlruns, home=home), False),
        (lambda: promote(mlruns=mlruns, home=home, version="99"), True),
        (lambda: rollback(mlruns=mlruns, home=home), True),
    ):
        with tracking(mlruns) as mlflow:
            mlflow.MlflowClient().set_registered_model_alias(model_name("hazard"), "champion", "2")
        with pytest.raises(NotFound) if refused else nullcontext():
            mend()
        assert champion_alias(mlruns, "hazard") == "1"


@pytest.mark.usefixtures("trusting")
def test_an_alias_that_cannot_be_set_does_not_undo_the_switch(
    installation: Installation, versions: list[str]
) -> None:
    mlruns, home = installation
    promote(mlruns=mlruns, home=home, version="1")
    promote(mlruns=mlruns, home=home)
    with tracking(mlruns) as mlflow:
        mlflow.MlflowClient().delete_model_version(model_name("hazard"), "1")
    done = rollback(mlruns=mlruns, home=home)
    assert done.version == versions[0] and load_champion(home).version == versions[0]
    assert len(done.doubts) == 1 and "siterisk-hazard 1 could not be set" in done.doubts[0]


def test_what_was_in_force_on_a_day_can_be_told_afterwards(tmp_path: Path) -> None:
    (tmp_path / "champion").mkdir()
    chain = [("a", None, None), ("b", "a", "A"), ("c", "b", "B"), ("d", "b", "B"), ("e", "d", "D")]
    for day, (name, after, replaced) in enumerate(chain, 1):
        line = {"promotion": name, "after": after, "version": name.upper(), "replaced": replaced}
        if name == "b":  # lines once named the version before alone
            del line["after"]
        append_line(tmp_path, {**line, "at": f"2026-01-0{day}T12:00:00"})
    pointer = {"version": "E", "sha256": "", "promotion": "e", "heads": {}, "history": []}
    (tmp_path / "champion" / "current.json").write_bytes(as_json(pointer))
    # c was cut short: d followed b.
    assert [line["version"] for line in history(tmp_path)] == ["A", "B", "D", "E"]
    assert champion_on(tmp_path, pd.Timestamp("2026-01-03 18:00"))["version"] == "B"
    assert champion_on(tmp_path, pd.Timestamp("2026-01-05 12:00"))["version"] == "E"
    with pytest.raises(NotFound, match="No champion was in force"):
        champion_on(tmp_path, pd.Timestamp("2026-01-01 11:59"))


def test_a_ledger_line_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    append_line(tmp_path, {"version": "a"})
    with (tmp_path / "promotions.jsonl").open("a", encoding="utf-8") as ledger:
        ledger.write('{"version": "b", "wh')
    append_line(tmp_path, {"version": "c"})
    assert [line["version"] for line in ledger_lines(tmp_path)] == ["a", "c"]


def test_without_a_training_there_is_nothing_to_promote(tmp_path: Path, untrained: Path) -> None:
    with pytest.raises(NotFound, match="Run siterisk train first"):
        promote(mlruns=empty_mlruns(tmp_path / "mlruns", untrained), home=tmp_path / "var")


def test_mlflow_says_nothing_of_its_own_while_it_is_used(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with tracking(tmp_path / "mlruns") as mlflow:
        mlflow.register_model(tmp_path.as_uri(), "siterisk-accident", await_registration_for=0)
    assert capfd.readouterr().err == ""
