"""Made-up trainings in MLflow, as far as a promotion looks at them: no city, no training, real trees."""

from __future__ import annotations

import functools
import hashlib
import io
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from tests.evaluations import good_evaluation
from training.check_list import ASKED_OF_EVERY_HEAD, CHECKS
from training.judged_rows import judged_rows_file
from training.model_folder import EXAMPLES, PASSPORT, VerifiedFolder, as_json, write_model_folder
from training.passport import examples_of
from training.run_log import CHALLENGER, kept_folder, model_name, tracking

HEADS = ("accident", "hazard")
FEATURES = ("area", "violations", "month")
# The tested models of all trainings whose trees are told anything are the same: none does worse by chance.
TESTED_SEED = 51
COMPUTATIONS = {name: f"{name}-1" for name in FEATURES}
Change = Callable[[dict[str, Any]], None]


@functools.cache
def trees(seed: int, told: bool) -> bytes:
    """LightGBM's text of trees that have learned from area and violations or, not `told`, from noise."""
    features, happened = drawn_rows(seed, 800)
    if not told:
        happened = np.random.default_rng(seed).permutation(happened)
    parameters = {
        "objective": "binary",
        "num_leaves": 7,
        "verbose": -1,
        "num_threads": 1,
        "seed": seed,
        "deterministic": True,
    }
    fitted_on = lightgbm.Dataset(features.to_numpy(), happened, feature_name=list(FEATURES))
    text: str = lightgbm.train(parameters, fitted_on, num_boost_round=15).model_to_string()
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith("[num_threads:")
    ).encode()


def drawn_rows(seed: int, count: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Features, and outcomes that follow area and violations."""
    draw = np.random.default_rng(seed)
    rows = pd.DataFrame(draw.normal(size=(count, len(FEATURES))), columns=list(FEATURES))
    risk = 1 / (1 + np.exp(1.5 - 1.5 * rows["area"] - rows["violations"]))
    return rows, (draw.random(count) < risk).astype("float64")


def judged_rows(first: str, months: int = 8, projects: int = 80) -> pd.DataFrame:
    """The rows of a test that begins on `first`: every project at every month."""
    moments = pd.date_range(first, periods=months, freq="MS", unit="us")
    rows, happened = drawn_rows(pd.Timestamp(first).month, months * projects)
    rows.insert(0, "happened", happened)
    rows.insert(0, "as_of", np.repeat(moments.to_numpy(), projects))
    rows.insert(0, "project_id", np.tile([f"P{number:03d}" for number in range(projects)], months))
    return rows


def kept(mlruns: Path, rows: pd.DataFrame) -> dict[str, Any]:
    """Keep the rows as a training does, and what its passport says of them."""
    content = io.BytesIO()
    rows.to_parquet(content, index=False)
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    path = judged_rows_file(mlruns, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.getvalue())
    return {"sha256": sha256, "rows": len(rows)}


def head_entry(mlruns: Path, test_first: str) -> dict[str, Any]:
    """A head's entry of the passport: every check passed, its rows kept."""
    rows = judged_rows(test_first)
    last = rows["as_of"].max().isoformat()
    first = pd.Timestamp(test_first).isoformat()
    verdicts = [check.passed("好。", "Good.") for check in CHECKS if check.code in ASKED_OF_EVERY_HEAD]
    return {
        "definition": {"outcome": {"table": "accidents"}, "horizon_days": 90, "given_a_visit": False},
        "metrics": good_evaluation(),
        "chosen": "trees",
        "tested": {"dates": {"known_at": first, "test": [first, last], "test_known_at": last}},
        "judged_rows": kept(mlruns, rows),
        "checks": [verdict.as_json() for verdict in verdicts],
    }


def training_files(
    mlruns: Path,
    *,
    heads: Sequence[str] = HEADS,
    seed: int = 1,
    test_first: str = "2025-01-01",
    told: bool = True,
    change: Change | None = None,
) -> dict[str, bytes]:
    """The files of a training whose test begins on `test_first`; `told` says whether its trees know anything."""
    passport = {
        "name": f"seed {seed}",
        "created_at": f"2026-01-0{seed}T00:00:00",
        "until": "2025-12-31T23:59:59.999999",
        "features": list(FEATURES),
        "catalogue_sha256": "c" * 64,
        "computations": dict(COMPUTATIONS),
        "contract_version": "1",
        "snapshot_sha256": f"{seed}" * 64,
        "store_version": seed,
        "git_revision": None,
        "libraries": {},
        "seed": seed,
        "heads": {head: head_entry(mlruns, test_first) for head in heads},
    }
    if change is not None:
        change(passport)
    files = {PASSPORT: as_json(passport)}
    for place, head in enumerate(heads):
        for part, drawn in (("heads", seed), ("tested", TESTED_SEED)):
            files[f"{part}/{head}/booster.txt"] = trees(drawn + 10 * place, told)
            files[f"{part}/{head}/calibration.json"] = as_json({"slope": 1.0, "intercept": 0.0})
    return files | {EXAMPLES: examples_of(files, drawn_rows(seed, 5)[0])}


def without_checks(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files as a training of before the checks wrote them: no verdicts, nothing of the tested model."""
    passport = VerifiedFolder(Path(), "", files).json(PASSPORT)
    for entry in passport["heads"].values():
        for name in ("checks", "judged_rows", "chosen"):
            entry.pop(name, None)
    kept = {name: content for name, content in files.items() if not name.startswith("tested/")}
    return kept | {PASSPORT: as_json(passport)}


def empty_mlruns(folder: Path, before: Path | None = None) -> Path:
    """An MLflow folder without a training; a copy of the one made `before` takes no time."""
    if before is not None:
        shutil.copytree(before, folder)
        return folder
    with tracking(folder) as mlflow:
        mlflow.MlflowClient().search_registered_models()
    return folder


def register(mlruns: Path, files: Mapping[str, bytes]) -> VerifiedFolder:
    """Keep the folder as a training does, and make it the challenger of each of its heads."""
    building = write_model_folder(mlruns / "building", files)
    folder = write_model_folder(kept_folder(mlruns, building.version), files)
    with tracking(mlruns) as mlflow:
        client = mlflow.MlflowClient()
        there = {model.name for model in client.search_registered_models()}
        for head in folder.json(PASSPORT)["heads"]:
            name = model_name(head)
            if name not in there:
                client.create_registered_model(name)
            number = client.create_model_version(name, str(folder.path)).version
            client.set_model_version_tag(name, number, "siterisk.folder", folder.version)
            client.set_model_version_tag(name, number, "siterisk.folder_sha256", folder.sha256)
            client.set_registered_model_alias(name, CHALLENGER, number)
    return folder


def champion_alias(mlruns: Path, head: str) -> str | None:
    """The version of a head that MLflow calls champion."""
    with tracking(mlruns) as mlflow:
        aliases = mlflow.MlflowClient().get_registered_model(model_name(head)).aliases
        return None if "champion" not in aliases else str(aliases["champion"])
