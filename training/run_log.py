"""Trainings in MLflow: one experiment a head, one run a training with a run below it for each origin, the
auditable folder registered.

The registered model holds the folder itself, read by `training.notebook_model`: text and JSON, no pickle.
The alias `challenger` is moved last: whatever breaks before leaves it on the version before.
"""

from __future__ import annotations

import getpass
import logging
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.model_folder import VerifiedFolder
from training.patient_client import PatientClient, first_to_open, patiently, storage_error
from training.run_contents import (
    RunMaterial,
    dataset_input,
    input_example,
    origins_of,
    run_figures,
    run_files,
    run_parameters,
    run_tags,
    signature_of,
    version_tags,
)

if TYPE_CHECKING:
    from training.head_training import TrainedHead

__all__ = ["RunMaterial", "git_revision", "kept_folder", "log_training", "model_name", "tracking"]

CHALLENGER, CHAMPION = "challenger", "champion"
REQUIREMENTS = ("lightgbm", "numpy", "pandas", "scipy")
# How much MLflow takes at once.
_METRICS_AT_ONCE, _OTHERS_AT_ONCE = 1000, 100
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

    Raises StoreUnavailable if the folder or database cannot be used or the disk is full, StoreBusy if
    other processes hold the database for too long.
    """
    os.environ.update(_ENVIRONMENT)
    mlruns = Path(mlruns).absolute()
    levels = {name: logging.getLogger(name).level for name in _QUIET}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import mlflow
            from mlflow.utils.logging_utils import MLFLOW_LOGGING_STREAM

            (mlruns / "artifacts").mkdir(parents=True, exist_ok=True)
            for name in _QUIET:  # a lock that is waited for is logged as an error
                logging.getLogger(name).setLevel(logging.CRITICAL)
            before, spoke = mlflow.get_tracking_uri(), MLFLOW_LOGGING_STREAM.enabled
            mlflow.set_tracking_uri(f"sqlite:///{mlruns / 'mlflow.db'}")
            MLFLOW_LOGGING_STREAM.enabled = False  # some of its lines pass the loggers by
            try:
                _open_database(mlflow, mlruns)
                yield mlflow
            finally:
                mlflow.set_tracking_uri(before)
                MLFLOW_LOGGING_STREAM.enabled = spoke
    except Exception as error:
        told = storage_error(error, mlruns)
        if told is None:
            raise
        raise told from error
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def log_training(
    mlflow: Any,
    mlruns: Path,
    trained: TrainedHead,
    folder: VerifiedFolder,
    passport: dict[str, Any],
    *,
    material: RunMaterial | None = None,
) -> dict[str, str]:
    """Log one head of a training and register it as challenger; gives its run id and version.

    All figures are those of the passport; `material` is for the plots, which are left out without it. A run
    that fails stands in MLflow as FAILED.
    """
    name, head = model_name(trained.head.name), passport["heads"][trained.head.name]
    client, definition = PatientClient(mlflow.MlflowClient()), trained.head.definition()
    experiment = _experiment(client, name, mlruns)
    tags = run_tags(trained.head.name, folder, passport) | _own_tags(trained, passport)
    with _run(client, experiment, passport["name"], tags) as run_id:
        # The model comes before its measures: logged after them, it would ask for each one's history.
        logged = _log_model(run_id, folder, passport)
        _log_batches(
            client, run_id, run_parameters(definition, head, passport), run_figures(head), logged.model_id
        )
        client.log_inputs(run_id, [dataset_input(passport)])
        _log_files(client, run_id, run_files(trained.head.name, passport, material))
        for origin in origins_of(head):
            below = {"mlflow.parentRunId": run_id, "siterisk.origin": origin["kind"]}
            with _run(client, experiment, origin["name"], tags | below) as origin_id:
                _log_batches(client, origin_id, origin["parameters"], origin["figures"])
        number = _register(client, name, run_id, logged, version_tags(trained.head.name, folder, passport))
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


def _open_database(mlflow: Any, mlruns: Path) -> None:
    """Have the tables made, if they are not, by one process at a time."""
    with first_to_open(mlruns):
        client = PatientClient(mlflow.MlflowClient())
        client.search_experiments(max_results=1)
        client.search_registered_models(max_results=1)


@contextmanager
def _run(client: Any, experiment: str, name: str, tags: Mapping[str, str]) -> Iterator[str]:
    """A run while the block lasts: FINISHED after it, FAILED if it raises."""
    run_id = client.create_run(experiment, tags=dict(tags), run_name=name).info.run_id
    try:
        yield run_id
    except BaseException:
        with suppress(Exception):  # the database may be what failed
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _own_tags(trained: TrainedHead, passport: Mapping[str, Any]) -> dict[str, str]:
    """MLflow's own tags: who, by which command, from which commit, and the note that its page shows."""
    commit = (passport.get("git_revision") or "").removesuffix("-dirty")
    return {
        "mlflow.user": getpass.getuser(),
        "mlflow.source.name": "siterisk train",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": trained.head.description,
        **({"mlflow.source.git.commit": commit} if commit else {}),
    }


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


def _register(client: Any, name: str, run_id: str, logged: Any, tags: dict[str, str]) -> str:
    """A new version of the registered model; the client prints nothing, the fluent call would."""
    try:
        client.create_registered_model(name)
    except Exception:  # it is there already, or another training has made it in the meantime
        client.get_registered_model(name)
    made = client.create_model_version(name, logged.model_uri, run_id, tags=tags, model_id=logged.model_id)
    return str(made.version)


def _log_batches(
    client: Any,
    run_id: str,
    parameters: Mapping[str, str],
    figures: Mapping[str, float],
    model_id: str | None = None,
) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0, model_id=model_id) for name, value in figures.items()]
    params = [Param(name, value) for name, value in parameters.items()]
    for start in range(0, len(metrics), _METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])
    for start in range(0, len(params), _OTHERS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + _OTHERS_AT_ONCE])


def _log_files(client: Any, run_id: str, files: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="siterisk-run-") as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        client.log_artifacts(run_id, folder)


def _log_model(run_id: str, folder: VerifiedFolder, passport: Mapping[str, Any]) -> Any:
    """The folder as an MLflow model of the run. An attempt that met a lock leaves a model without version, no more."""
    import mlflow
    from mlflow.models import Model

    return patiently(
        lambda: Model.log(
            artifact_path=None,
            name="model",
            flavor=mlflow.pyfunc,
            run_id=run_id,
            loader_module="training.notebook_model",
            data_path=str(folder.path),
            pip_requirements=[f"{library}=={version(library)}" for library in REQUIREMENTS],
            signature=signature_of(passport),
            input_example=input_example(folder),
        )
    )
