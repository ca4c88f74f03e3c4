"""A training that is only logged: a small model folder with a made-up passport, without any fitting."""

from __future__ import annotations

import importlib
import multiprocessing
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from tests.made_up_passport import made_up_passport
from tests.small_model import write_small_model
from training.heads import load_heads
from training.model_folder import (
    EXAMPLES,
    PASSPORT,
    VerifiedFolder,
    as_json,
    read_verified,
    write_model_folder,
)
from training.risk_model import RiskModel
from training.run_log import RunMaterial, log_training, tracking

FEATURES = ("floor_area_m2", "violations_90d", "pit_depth_m")


def made_up_folder(home: Path, seed: int = 1, **changes: Any) -> tuple[VerifiedFolder, dict[str, Any]]:
    """A model folder under `home` that answers, with its passport; every seed has trees of its own."""
    passport = made_up_passport(name=f"seed {seed}", seed=seed, **changes)
    small = home / f"small-{seed}"
    write_small_model(small, FEATURES, seed)
    rows = example_rows(20)
    risks = RiskModel.load(small).risks(rows)
    values = [[None if np.isnan(value) else value for value in row] for row in rows.to_numpy().tolist()]
    files = dict(read_verified(small).files) | {
        PASSPORT: as_json(passport),
        EXAMPLES: as_json(
            {
                "features": list(FEATURES),
                "rows": values,
                "risks": {name: risks[name].tolist() for name in risks},
            }
        ),
    }
    return write_model_folder(home / f"folder-{seed}", files), passport


def example_rows(count: int) -> pd.DataFrame:
    """Rows of features, the last one all missing."""
    rows = pd.DataFrame(np.random.default_rng(5).normal(size=(count, len(FEATURES))) * 10, columns=FEATURES)
    rows.iloc[-1] = np.nan
    return rows


def made_up_material() -> RunMaterial:
    """Scores that tell rows apart, and contributions of a few rows."""
    draw = np.random.default_rng(7)
    risk = draw.random(400) ** 2
    features = example_rows(60)
    contributions = features.fillna(0) / 10
    return RunMaterial(
        happened=(draw.random(400) < risk).astype(float),
        risk=risk,
        features=features,
        contributions=contributions.assign(expected=-3.0),
    )


def log_made_up(mlruns: Path, home: Path, seed: int = 1) -> dict[str, str]:
    """Log the accident head of a made-up training, without plots; gives its run and version."""
    folder, passport = made_up_folder(home, seed)
    trained: Any = SimpleNamespace(head=load_heads(only=["accident"])[0])
    with tracking(mlruns) as mlflow:
        return log_training(mlflow, mlruns, trained, folder, passport)


def _tell_version(mlruns: Path, home: Path, seed: int) -> None:
    print(log_made_up(mlruns, home, seed)["version"], flush=True)


if (
    __name__ == "__main__"
):  # tests/test_run_log.py: a process for each seed, all at once, forked when all is imported
    importlib.import_module("mlflow.store.tracking.sqlalchemy_store")
    forked = multiprocessing.get_context("fork")
    folders = Path(sys.argv[1]), Path(sys.argv[2])
    processes = [forked.Process(target=_tell_version, args=(*folders, int(seed))) for seed in sys.argv[3:]]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
