"""Trainings in MLflow: one experiment a head, one run a training, the auditable folder registered.

The registered model holds the folder itself, read by `training.notebook_model`: text and JSON, no pickle.
"""

from __future__ import annotations

import logging
import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data_contracts.errors import StoreUnavailable
from training.head_training import TrainedHead
from training.model_folder import VerifiedFolder

CHALLENGER, CHAMPION = "challenger", "champion"
REQUIREMENTS = ("lightgbm", "numpy", "pandas", "scipy")
# MLflow keeps at most so many characters of a dataset's digest; the whole fingerprint is a tag.
_DIGEST = 36
_QUIET = ("mlflow", "alembic")
# MLflow asks the internet and reads pickles unless told not to.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


def model_name(head: str) -> str:
    """The name of a head's experiment and registered model.

    >>> model_name("accident")
    'siterisk-accident'
    """
    return f"siterisk-{head}"


def kept_folder(mlruns: Path, version: str) -> Path:
    """Where the folder of a training is kept, wherever the checkout is moved to."""
    return Path(mlruns) / "artifacts" / "model_folders" / version


@contextmanager
def tracking(mlruns: Path) -> Iterator[Any]:
    """MLflow, set to the database under `mlruns` and silent, while the block lasts.

    Raises StoreUnavailable if the folder or database cannot be used.
    """
    os.environ.update(_ENVIRONMENT)
    levels = {name: logging.getLogger(name).level for name in _QUIET}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import mlflow
            from mlflow.utils.logging_utils import MLFLOW_LOGGING_STREAM

            mlruns = Path(mlruns).absolute()
            (mlruns / "artifacts").mkdir(parents=True, exist_ok=True)
            for name in _QUIET:
                logging.getLogger(name).setLevel(logging.ERROR)
            before, spoke = mlflow.get_tracking_uri(), MLFLOW_LOGGING_STREAM.enabled
            mlflow.set_tracking_uri(f"sqlite:///{mlruns / 'mlflow.db'}")
            MLFLOW_LOGGING_STREAM.enabled = False  # some of its lines pass the loggers by
            try:
                yield mlflow
            finally:
                mlflow.set_tracking_uri(before)
                MLFLOW_LOGGING_STREAM.enabled = spoke
    except OSError as error:
        raise StoreUnavailable(
            zh=f"无法使用 MLflow 文件夹 {mlruns}：{error}",
            en=f"Cannot use the MLflow folder {mlruns}: {error}",
            field="mlruns",
        ) from error
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def log_training(
    mlflow: Any, mlruns: Path, trained: TrainedHead, folder: VerifiedFolder, passport: dict[str, Any]
) -> dict[str, str]:
    """Log one head of a training and register it as challenger; gives its run id and version."""
    name = model_name(trained.head.name)
    client = mlflow.MlflowClient()
    with mlflow.start_run(experiment_id=_experiment(client, name, mlruns), run_name=passport["name"]) as run:
        run_id = run.info.run_id
        mlflow.log_params(_parameters(trained, passport))
        _log_metrics(client, run_id, trained)
        mlflow.set_tags(_tags(trained, folder, passport))
        mlflow.log_input(_dataset(mlflow, passport), context="training")
        mlflow.log_dict(trained.head.definition(), "head.json")
        mlflow.log_dict(passport, "passport.json")
        mlflow.log_dict({"features": passport["features"], "importance": trained.importance}, "features.json")
        logged = mlflow.pyfunc.log_model(
            name="model",
            loader_module="training.notebook_model",
            data_path=str(folder.path),
            pip_requirements=[f"{library}=={version(library)}" for library in REQUIREMENTS],
            signature=_signature(passport),
        )
    number = _register(client, name, run_id, logged)
    for tag, value in {"siterisk.folder": folder.version, "siterisk.folder_sha256": folder.sha256}.items():
        client.set_model_version_tag(name, number, tag, value)
    client.set_registered_model_alias(name, CHALLENGER, number)
    return {"run_id": run_id, "version": number}


def git_revision(folder: Path) -> str | None:
    """The commit checked out where the code stands, with `-dirty` if files differ; None without git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def flat_figures(evaluation: dict[str, Any]) -> dict[str, float]:
    """The figures of an evaluation under dotted names; those that could not be had are left out.

    >>> flat_figures({"rows": 3, "model": {"auc": 0.5, "brier": None}})
    {'rows': 3.0, 'model.auc': 0.5}
    """
    flat: dict[str, float] = {}
    for name, value in evaluation.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": figure for inner, figure in flat_figures(value).items()}
        elif isinstance(value, int | float):
            flat[name] = float(value)
    return flat


def _experiment(client: Any, name: str, mlruns: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    address = (Path(mlruns).absolute() / "artifacts").as_uri()
    try:
        return client.create_experiment(name, artifact_location=address)
    except Exception:  # another training has made it in the meantime
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return found.experiment_id


def _register(client: Any, name: str, run_id: str, logged: Any) -> str:
    """A new version of the registered model; the client prints nothing, the fluent call would."""
    try:
        client.create_registered_model(name)
    except Exception:  # it is there already, or another training has made it in the meantime
        client.get_registered_model(name)
    made = client.create_model_version(name, logged.model_uri, run_id, model_id=logged.model_id)
    return str(made.version)


def _parameters(trained: TrainedHead, passport: dict[str, Any]) -> dict[str, Any]:
    parameters = {name: value for name, value in trained.parameters.items() if name != "monotone_constraints"}
    return parameters | {
        "until": passport["until"],
        "horizon_days": trained.head.horizon_days,
        "given_a_visit": trained.head.given_a_visit,
        "reporting_lag_days": trained.head.reporting_lag_days,
        "feature_count": len(passport["features"]),
        **{f"kept.{name}": value for name, value in trained.kept["dates"].items()},
        **{f"tested.{name}": value for name, value in trained.tested["dates"].items()},
    }


def _log_metrics(client: Any, run_id: str, trained: TrainedHead) -> None:
    import time

    from mlflow.entities import Metric

    figures = flat_figures(trained.evaluation)
    figures |= flat_figures({"tested": trained.tested["counts"], "kept": trained.kept["counts"]})
    figures |= flat_figures({"calibration": trained.calibration})
    now = int(time.time() * 1000)
    client.log_batch(run_id, metrics=[Metric(name, value, now, 0) for name, value in figures.items()])


def _tags(trained: TrainedHead, folder: VerifiedFolder, passport: dict[str, Any]) -> dict[str, str]:
    tags = {
        "head": trained.head.name,
        "folder": folder.version,
        "folder_sha256": folder.sha256,
        "snapshot_sha256": passport["snapshot_sha256"],
        "catalogue_sha256": passport["catalogue_sha256"],
        "contract_version": passport["contract_version"],
        "git_revision": passport["git_revision"] or "unknown",
    }
    return {f"siterisk.{name}": str(value) for name, value in tags.items()} | {
        "mlflow.note.content": trained.head.description
    }


def _dataset(mlflow: Any, passport: dict[str, Any]) -> Any:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    source = CodeDatasetSource({"siterisk.snapshot_sha256": passport["snapshot_sha256"]})
    name, digest = f"records until {passport['until']}", passport["snapshot_sha256"][:_DIGEST]
    return MetaDataset(source, name=name, digest=digest)  # type: ignore[abstract]


def _signature(passport: dict[str, Any]) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs: list[Any] = [ColSpec("double", name, required=False) for name in passport["features"]]
    risks: list[Any] = [ColSpec("double", f"risk_{head}") for head in passport["heads"]]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(risks))
