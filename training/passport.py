"""The passport of a model folder: what it was made from, when, how good it was, and its examples."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_contracts.records import Records
from features.computations import computations
from training.head_training import TrainedHead
from training.model_folder import EXAMPLES, HEADS, PASSPORT, TESTED, VerifiedFolder, as_json
from training.outcome_silence import Silence
from training.risk_model import RiskModel
from training.searched_heads import HeadSearch, NoSearch

if TYPE_CHECKING:
    from features.catalogue import Catalogue

LIBRARIES = ("siterisk", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy")
QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
EXAMPLE_ROWS = 20
SCHEME = (
    "Split by time alone, with a rolling origin: the older origins choose the kind of model, the newest one judges it. A "
    "tested model uses labels as known on the first day of its test, on rows that end a horizon and a reporting lag "
    "before; calibration, penalties and the number of trees come from a later slice, a horizon apart. The kept model is "
    "fitted in the same way on all rows complete at `until`; its own quality has not been measured, that of the tested "
    "model has."
)


def passport_of(
    trained: list[TrainedHead],
    *,
    name: str,
    created_at: pd.Timestamp,
    until: pd.Timestamp,
    records: Records,
    catalogue: Catalogue,
    seed: int,
    left_out: dict[str, str],
    silences: dict[str, Silence],
    searches: Mapping[str, HeadSearch | NoSearch],
    judged_rows: dict[str, dict[str, Any]],
    simulated: bool,
    revision: str | None,
) -> dict[str, Any]:
    """Everything about a training that an auditor may ask, as plain JSON."""
    return {
        "name": name,
        "created_at": created_at.isoformat(),
        "until": until.isoformat(),
        "features": list(catalogue.names),
        "catalogue_sha256": catalogue.hash,
        "computations": computations(catalogue),
        "contract_version": records.contract_version,
        "snapshot_sha256": records.fingerprint,
        "store_version": records.store_version,
        "git_revision": revision,
        "libraries": {library: version(library) for library in LIBRARIES},
        "seed": seed,
        "simulated": simulated,
        "scheme": SCHEME,
        "heads": {
            head.head.name: _head(head, judged_rows[head.head.name], searches.get(head.head.name))
            for head in trained
        },
        "heads_left_out": left_out,
        "warnings": {head: silence.as_json() for head, silence in silences.items()},
    }


def folder_files(passport: dict[str, Any], trained: list[TrainedHead], seed: int) -> dict[str, bytes]:
    """The files of the model folder, with a few rows and the risks that they must give."""
    files = {PASSPORT: as_json(passport)}
    for head in trained:
        files |= {f"{HEADS}/{head.head.name}/{name}": content for name, content in head.files.items()}
        files |= {f"{TESTED}/{head.head.name}/{name}": content for name, content in head.tested_files.items()}
    return files | {EXAMPLES: examples_of(files, example_rows(trained[0].reference, seed))}


def example_rows(reference: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A few rows of feature values, without any id, drawn with the seed; one of them is all missing."""
    count = min(EXAMPLE_ROWS - 1, len(reference))
    rows = reference.sample(count, random_state=seed)
    nothing = pd.DataFrame(np.nan, index=[0], columns=rows.columns)
    return pd.concat([rows, nothing], ignore_index=True)


def examples_of(files: dict[str, bytes], rows: pd.DataFrame) -> bytes:
    """The rows and the risks that the model in `files` gives them."""
    model = RiskModel.from_verified(VerifiedFolder(Path(), "", files))
    risks = model.risks(rows)
    values = [[None if np.isnan(value) else value for value in row] for row in rows.to_numpy(float).tolist()]
    return as_json(
        {
            "features": list(rows.columns),
            "rows": values,
            "risks": {name: risks[name].tolist() for name in risks},
        }
    )


def reference_profile(rows: pd.DataFrame) -> dict[str, Any]:
    """Quantiles, mean and missing share of each feature: what drift is measured against."""
    profile = {}
    for name in rows.columns:
        values = rows[name].dropna().to_numpy()
        profile[name] = {
            "missing_share": 1 - len(values) / max(len(rows), 1),
            "mean": float(values.mean()) if len(values) else None,
            "quantiles": [float(value) for value in np.quantile(values, QUANTILES)] if len(values) else None,
        }
    return {"rows": len(rows), "at": list(QUANTILES), "features": profile}


def _head(
    trained: TrainedHead, judged_rows: dict[str, Any], search: HeadSearch | NoSearch | None
) -> dict[str, Any]:
    return {
        "definition": trained.head.definition(),
        "chosen": trained.chosen,
        "parameters": trained.parameters,
        "calibration": trained.calibration,
        "held_at": dict(trained.model.held_at),
        "candidates": trained.candidates,
        "origins": trained.origins,
        "tested": trained.tested,
        "kept": trained.kept,
        "metrics": trained.evaluation,
        "checks": [check.as_json() for check in trained.checks],
        "importance": trained.importance,
        "judged_rows": judged_rows,
        "reference_profile": reference_profile(trained.reference),
        **({} if search is None else {"search": search.as_json()}),
    }
