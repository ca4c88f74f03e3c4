"""What a training leaves in MLflow, also when others train at the same time, the disk is full, or it is killed."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import StoreBusy, StoreUnavailable
from tests.logged_training import FEATURES, example_rows, log_made_up, made_up_folder, made_up_material
from tests.made_up_passport import made_up_passport
from training import run_log
from training.heads import load_heads
from training.notebook_model import NotebookModel
from training.patient_client import patiently, storage_error
from training.risk_model import RiskModel
from training.run_contents import origins_of, run_files
from training.run_log import log_training, tracking
from training.run_plots import contribution_summary, precision_recall

ROOT = Path(__file__).resolve().parent.parent
ACCIDENT = "siterisk-accident"


@dataclass(frozen=True)
class Logged:
    mlruns: Path
    home: Path
    versions: list[str]
    complaints: str


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Logged:
    """Three trainings of the same head, each in a process of its own, into a folder that is not there yet."""
    home = tmp_path_factory.mktemp("logged")
    program = [sys.executable, str(ROOT / "tests/logged_training.py"), str(home / "mlruns"), str(home)]
    done = subprocess.run(
        [*program, "1", "2", "3"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return Logged(home / "mlruns", home, sorted(done.stdout.split()), done.stderr)


def runs_of(mlflow: Any, version: str) -> tuple[Any, list[Any]]:
    """The run of a registered version and the runs below it."""
    client = mlflow.MlflowClient()
    run = client.get_run(client.get_model_version(ACCIDENT, version).run_id)
    every = client.search_runs([run.info.experiment_id])
    return run, [each for each in every if each.data.tags.get("mlflow.parentRunId") == run.info.run_id]


@pytest.mark.slow
def test_three_trainings_at_once_share_one_database(logged: Logged) -> None:
    assert logged.complaints == ""
    assert logged.versions == ["1", "2", "3"]
    with tracking(logged.mlruns) as mlflow:
        for version in logged.versions:
            run, below = runs_of(mlflow, version)
            assert (run.info.status, len(below)) == ("FINISHED", 3)
            assert {each.info.status for each in below} == {"FINISHED"}
        challenger = mlflow.MlflowClient().get_model_version_by_alias(ACCIDENT, "challenger")
    assert str(challenger.version) in logged.versions


def test_a_run_holds_every_measure_with_its_interval(logged: Logged) -> None:
    with tracking(logged.mlruns) as mlflow:
        run, _ = runs_of(mlflow, "1")
    measures, figures = run.data.metrics, made_up_passport()["heads"]["accident"]["metrics"]
    auc = figures["contenders"]["trees"]["auc"]
    assert measures["trees.auc"] == auc["mean"]
    assert (measures["trees.auc.low"], measures["trees.auc.high"]) == (auc["low"], auc["high"])
    assert measures["gain.risk_matrix.auc"] == 0.102
    assert measures["prior_rate.log_loss"] == 0.0158
    assert measures["stability.overlap_at_10pct"] == 0.7
    assert not [name for name in measures if "slices" in name]
    assert run.data.params["num_leaves"] == "7" and run.data.params["chosen"] == "trees"


def test_each_origin_is_a_run_below_the_training(logged: Logged) -> None:
    with tracking(logged.mlruns) as mlflow:
        _, below = runs_of(mlflow, "2")
    kinds = {each.info.run_name: each.data.tags["siterisk.origin"] for each in below}
    assert kinds == {
        "test from 2022-10-01": "older",
        "test from 2023-10-01": "older",
        "test from 2024-10-01": "newest",
    }
    assert all(each.data.metrics["counts.trees_rows"] == 90000 for each in below)
    assert all("trees.auc" in each.data.metrics and "2" in each.data.params["known_at"] for each in below)


def test_a_run_says_from_what_it_was_made_and_what_was_checked(logged: Logged) -> None:
    with tracking(logged.mlruns) as mlflow:
        run, _ = runs_of(mlflow, "1")
        version = mlflow.MlflowClient().get_model_version(ACCIDENT, "1")
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.digest == "5" * 36
    assert {tag.key: tag.value for tag in dataset.tags}["siterisk.as_of"] == "2025-12-31T23:59:59.999999"
    tags = run.data.tags
    assert tags["siterisk.snapshot_sha256"] == "5" * 64 and tags["siterisk.contract_version"] == "1.4.0"
    assert tags["siterisk.check.TRN009"] == "not_applicable"
    assert tags["mlflow.source.git.commit"] == "0" * 40
    assert version.tags["siterisk.checks"] == "no refusal"


def test_a_version_whose_checks_refuse_it_says_which(tmp_path: Path) -> None:
    folder, passport = made_up_folder(tmp_path)
    assert run_log.version_tags("defect", folder, passport)["siterisk.checks"] == "failed: TRN007"


def test_a_run_holds_the_page_the_card_and_the_verdicts(logged: Logged) -> None:
    with tracking(logged.mlruns) as mlflow:
        run, _ = runs_of(mlflow, "1")
        client = mlflow.MlflowClient()
        files = {each.path for each in client.list_artifacts(run.info.run_id)}
        checks = json.loads(
            Path(client.download_artifacts(run.info.run_id, "checks.json")).read_text("utf-8")
        )
    assert {
        "report.html",
        "model_card.md",
        "checks.json",
        "evaluation.json",
        "passport.json",
        "head.json",
    } <= files
    assert [each["code"] for each in checks] == ["TRN003", "TRN007", "TRN009"]


def test_with_scores_and_contributions_a_run_also_has_plots() -> None:
    files = run_files("accident", made_up_passport(), made_up_material())
    plots = {name: content for name, content in files.items() if name.startswith("plots/")}
    assert set(plots) == {
        "plots/precision_recall.png",
        "plots/reliability.png",
        "plots/lift.png",
        "plots/importance.png",
        "plots/shap_summary.png",
        "plots/risk_over_time.png",
    }
    assert all(content.startswith(b"\x89PNG") for content in plots.values())


def test_the_registered_model_gives_risks_and_declares_its_parameter(logged: Logged) -> None:
    with tracking(logged.mlruns) as mlflow:
        model = mlflow.pyfunc.load_model(f"models:/{ACCIDENT}/2")
        # Which of the trainings came second is chance; its tag tells its folder.
        tags = mlflow.MlflowClient().get_model_version(ACCIDENT, "2").tags
        every = [RiskModel.load(path) for path in logged.home.glob("folder-*")]
        (folder,) = [each for each in every if each.sha256 == tags["siterisk.folder_sha256"]]
        pd.testing.assert_frame_equal(model.predict(example_rows(9)), folder.risks(example_rows(9)))
        assert [each.name for each in model.metadata.signature.params] == ["contributions"]
        assert list(model.input_example.columns) == list(FEATURES)


def test_contributions_come_on_request_under_the_name_of_head_and_feature() -> None:
    rows = pd.DataFrame({"a": [1.0, 2.0]}, index=[7, 8])
    model = SimpleNamespace(
        heads=("accident", "defect"),
        risks=lambda rows: pd.DataFrame({"risk_accident": 0.1, "risk_defect": 0.2}, index=rows.index),
        contributions=lambda rows, head: pd.DataFrame({"a": rows["a"], "expected": -3.0}, index=rows.index),
    )
    notebook = NotebookModel(model)  # type: ignore[arg-type]
    assert list(notebook.predict(rows)) == ["risk_accident", "risk_defect"]
    told = notebook.predict(rows, {"contributions": True})
    assert told.loc[8, "contribution_defect_a"] == 2.0
    assert told.loc[7, "contribution_accident_expected"] == -3.0
    assert len(told.columns) == 6


@pytest.mark.parametrize("broken", ["create_model_version", "set_registered_model_alias"])
def test_a_registration_that_fails_leaves_the_challenger_and_a_failed_run(
    logged: Logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    with tracking(logged.mlruns) as mlflow:
        client = mlflow.MlflowClient()
        before = client.get_model_version_by_alias(ACCIDENT, "challenger").version
        monkeypatch.setattr(type(client), broken, _raising(RuntimeError("broken")))
        with pytest.raises(RuntimeError, match="broken"):
            log_made_up(logged.mlruns, tmp_path, seed=11)
        monkeypatch.undo()
        experiment = client.get_experiment_by_name(ACCIDENT).experiment_id
        (failed,) = client.search_runs(
            [experiment], "tags.siterisk.head = 'accident' and run_name = 'seed 11'", max_results=1
        )
        assert failed.info.status == "FAILED"
        assert client.get_model_version_by_alias(ACCIDENT, "challenger").version == before


def test_a_full_disk_is_told_in_both_languages_and_moves_no_alias(
    logged: Logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, passport = made_up_folder(tmp_path, seed=12)
    trained: Any = SimpleNamespace(head=load_heads(only=["accident"])[0])
    with tracking(logged.mlruns) as mlflow:
        client = mlflow.MlflowClient()
        before = client.get_model_version_by_alias(ACCIDENT, "challenger").version
    monkeypatch.setattr("mlflow.models.Model.log", _raising(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(StoreUnavailable) as told, tracking(logged.mlruns) as mlflow:
        log_training(mlflow, logged.mlruns, trained, folder, passport)
    assert "磁盘已满" in told.value.zh and "disk is full" in told.value.en
    with tracking(logged.mlruns) as mlflow:
        assert mlflow.MlflowClient().get_model_version_by_alias(ACCIDENT, "challenger").version == before


def _raising(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_what_is_wrong_with_the_database_is_told_apart(tmp_path: Path) -> None:
    full = storage_error(RuntimeError("(sqlite3.OperationalError) database or disk is full"), tmp_path)
    locked = storage_error(RuntimeError("(sqlite3.OperationalError) database is locked"), tmp_path)
    denied = storage_error(PermissionError("no"), tmp_path)
    assert full is not None and "full" in full.en
    assert isinstance(locked, StoreBusy) and not isinstance(full, StoreBusy)
    assert denied is not None and "no" in denied.en
    assert storage_error(ValueError("something else"), tmp_path) is None


def test_a_locked_database_is_asked_again_and_nothing_else_is() -> None:
    answers = iter([RuntimeError("database is locked"), RuntimeError("database is locked"), "done"])

    def call() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(call, waits=(0, 0)) == "done"
    with pytest.raises(ValueError, match="other"):
        patiently(_raising(ValueError("other")), waits=(0, 0))
    with pytest.raises(RuntimeError, match="locked"):
        patiently(_raising(RuntimeError("database is locked")), waits=(0,))


def test_a_thousand_measures_are_more_than_mlflow_takes_at_once() -> None:
    taken: list[int] = []
    client = SimpleNamespace(
        log_batch=lambda _, metrics=(), params=(): taken.append(len(metrics) or -len(params))
    )
    run_log._log_batches(
        client, "run", {f"p{n}": "" for n in range(150)}, {f"m{n}": 0.0 for n in range(2300)}
    )
    assert taken == [1000, 1000, 300, -100, -50]


def test_figures_that_the_rows_cannot_give_are_left_out() -> None:
    passport = made_up_passport()
    metrics = passport["heads"]["hazard"]["metrics"]
    metrics["contenders"]["trees"] = {}
    metrics |= {"reliability": [], "lift_curve": [], "risk_over_time": []}
    figures = run_log.run_figures(passport["heads"]["hazard"])
    assert "gain.risk_matrix.auc" not in figures and "trees.auc" not in figures and figures["rows"] == 52000
    assert "report.html" in run_files("hazard", passport, None)
    assert origins_of({"metrics": metrics}) == []


def test_plots_that_rows_cannot_give_are_not_drawn() -> None:
    nothing_happened = np.zeros(9)
    assert precision_recall(nothing_happened, np.full(9, 0.1)) is None
    assert contribution_summary(pd.DataFrame({"a": []}), pd.DataFrame({"a": [], "expected": []})) is None
    drawn = contribution_summary(
        pd.DataFrame({"a": [1.0, np.nan]}), pd.DataFrame({"a": [0.1, 0.2], "expected": [0, 0]})
    )
    assert drawn is not None and drawn.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "train|--seed|1"),
        (
            {
                "records": "my records",
                "until": "2026-06-30",
                "name": "it's",
                "head": "accident defect",
                "seed": "2",
            },
            "train|--records|my records|--until|2026-06-30|--head|accident|--head|defect|--name|it's|--seed|2",
        ),
        (
            {"heads": "my_heads.yaml", "export": "$(date)"},
            "train|--heads|my_heads.yaml|--export|$(date)|--seed|1",
        ),
    ],
)
def test_mlproject_runs_the_command_with_the_parameters_that_are_given(
    given: dict[str, str], expected: str
) -> None:
    from mlflow.projects._project_spec import load_project

    command = load_project(str(ROOT)).get_entry_point("train").compute_command(given, None)
    show = "siterisk() { printf '%s\\n' \"$@\"; }; "
    shown = subprocess.run(["bash", "-c", show + command], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == expected.split("|")
