"""What a run in MLflow is told: parameters, measures with their intervals, tags, data set, signature, files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from training.model_card import model_card
from training.model_folder import EXAMPLES, VerifiedFolder, as_json
from training.notebook_model import CONTRIBUTIONS
from training.run_plots import run_plots
from training.training_page import training_page

EXAMPLE_ROWS = 5
# MLflow keeps at most so many characters of a dataset's digest and of a parameter; the whole fingerprint is a tag.
_DIGEST, _PARAMETER = 36, 6000
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_\-. /]")
_SHORTER = {"contenders": "", "gains": "gain."}


@dataclass(frozen=True)
class RunMaterial:
    """What the plots of a run need and the passport does not hold.

    `happened` and `risk`: the newest test rows and their risk by the judged model. `features` and
    `contributions`: the same sample of rows, as `RiskModel.contributions` gives them; some hundreds are enough.
    `points`: the points table of the kept model's scorecard, where it has one. `trials`: a row a trial of the search of
    its parameters, where there was one.
    """

    happened: np.ndarray
    risk: np.ndarray
    features: pd.DataFrame
    contributions: pd.DataFrame
    points: pd.DataFrame | None = None
    trials: pd.DataFrame | None = None


def flat_figures(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The figures of an evaluation under dotted names; those that could not be had, lists and words are left out.

    A figure with an interval gives three: its own name, `.low` and `.high`. Contenders stand under their names.

    >>> flat_figures({"rows": 3, "contenders": {"trees": {"auc": {"mean": 0.7, "low": 0.6, "high": None}}}})
    {'rows': 3.0, 'trees.auc': 0.7, 'trees.auc.low': 0.6}
    >>> flat_figures({"gains": {"risk_matrix": {"auc": {"mean": 0.1}}}, "judged": "trees"})
    {'gain.risk_matrix.auc': 0.1}
    """
    return {_NOT_IN_A_NAME.sub("_", name): value for name, value in _flat(evaluation, "")}


def _flat(figures: Mapping[str, Any], before: str) -> Iterator[tuple[str, float]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _flat(value, before + _SHORTER.get(name, f"{name}."))
        elif isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            yield (before.removesuffix(".") if name == "mean" else before + name), float(value)


def run_figures(head: Mapping[str, Any]) -> dict[str, float]:
    """Every measure of a head: the evaluation, the counts of its slices, the calibration."""
    figures = flat_figures({k: v for k, v in (head.get("metrics") or {}).items() if k != "slices"})
    for name in ("tested", "kept"):
        figures |= flat_figures({name: (head.get(name) or {}).get("counts") or {}})
    return figures | flat_figures({"calibration": head.get("calibration") or {}})


def run_parameters(
    definition: Mapping[str, Any], head: Mapping[str, Any], passport: Mapping[str, Any]
) -> dict[str, str]:
    """What the training was asked for, and the dates that came of it."""
    own = {
        name: value
        for name, value in (head.get("parameters") or {}).items()
        if name != "monotone_constraints"
    }
    parameters = own | {
        "until": passport["until"],
        "seed": passport.get("seed"),
        "chosen": head.get("chosen"),
        "horizon_days": definition.get("horizon_days"),
        "given_a_visit": definition.get("given_a_visit"),
        "reporting_lag_days": definition.get("reporting_lag_days"),
        "feature_count": len(passport["features"]),
        **_dates("kept", head.get("kept")),
        **_dates("tested", head.get("tested")),
        **_search(head.get("search") or {}),
    }
    return {name: _text(value) for name, value in parameters.items()}


def _search(search: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked of the search of parameters and what came of it; nothing where none was asked for."""
    told = {name: search[name] for name in ("minutes", "trials", "pruned", "is_taken") if name in search}
    told |= {f"{name}.log_loss": search[name]["log_loss"] for name in ("declared", "found") if name in search}
    return {f"search.{name}": value for name, value in told.items()}


def origins_of(head: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The origins of a head, older ones first and the newest, by which it is judged, last.

    Each with its name (the first day of its test), kind, dates as parameters, and figures with counts.
    """
    tested = head.get("tested") or {}
    newest = {"dates": tested.get("dates"), "counts": tested.get("counts"), "figures": head.get("metrics")}
    every = [("older", origin) for origin in head.get("origins") or []] + [("newest", newest)]
    return [
        {
            "name": f"test from {_test_start(origin)}",
            "kind": kind,
            "parameters": {"judged": _text((origin.get("figures") or {}).get("judged"))}
            | {name: _text(value) for name, value in _dates("", origin).items()},
            "figures": flat_figures({k: v for k, v in (origin.get("figures") or {}).items() if k != "slices"})
            | flat_figures({"counts": origin.get("counts") or {}}),
        }
        for kind, origin in every
        if origin.get("dates")
    ]


def _test_start(origin: Mapping[str, Any]) -> str:
    return str((origin["dates"].get("test") or ["?"])[0])[:10]


def _dates(name: str, origin: Mapping[str, Any] | None) -> dict[str, Any]:
    dates = (origin or {}).get("dates") or {}
    return {f"{name}.{each}".removeprefix("."): value for each, value in dates.items()}


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    return text[:_PARAMETER]


def run_tags(head: str, folder: VerifiedFolder, passport: Mapping[str, Any]) -> dict[str, str]:
    """Versions and fingerprints, and the verdict of each check, so that runs can be searched by them."""
    tags = {
        "head": head,
        "folder": folder.version,
        "folder_sha256": folder.sha256,
        "snapshot_sha256": passport["snapshot_sha256"],
        "catalogue_sha256": passport["catalogue_sha256"],
        "contract_version": passport["contract_version"],
        "git_revision": passport.get("git_revision") or "unknown",
        "simulated": bool(passport.get("simulated")),
        **{f"check.{check['code']}": check["state"] for check in checks_of(passport, head)},
    }
    return {f"siterisk.{name}": str(value) for name, value in tags.items()}


def version_tags(head: str, folder: VerifiedFolder, passport: Mapping[str, Any]) -> dict[str, str]:
    """What a registered version says of itself: its folder, and whether its checks let it pass."""
    refusing = [c for c in checks_of(passport, head) if c["state"] == "failed" and c["severity"] == "refuses"]
    return {
        "siterisk.folder": folder.version,
        "siterisk.folder_sha256": folder.sha256,
        "siterisk.checks": "failed: " + " ".join(c["code"] for c in refusing) if refusing else "no refusal",
    }


def checks_of(passport: Mapping[str, Any], head: str) -> Sequence[Mapping[str, Any]]:
    """The verdicts of a head."""
    return passport["heads"][head].get("checks") or []


def dataset_input(passport: Mapping[str, Any]) -> Any:
    """The snapshot of records as MLflow's dataset, with its digest, tagged with the knowledge time it was read at."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag

    fingerprint = passport["snapshot_sha256"]
    source = CodeDatasetSource({"siterisk.snapshot_sha256": fingerprint, "as_of": passport["until"]})
    records = MetaDataset(source, name=f"records until {passport['until']}", digest=fingerprint[:_DIGEST])  # type: ignore[abstract]
    tags = {"mlflow.data.context": "training", "siterisk.as_of": passport["until"]}
    return DatasetInput(records._to_mlflow_entity(), [InputTag(name, value) for name, value in tags.items()])


def signature_of(passport: Mapping[str, Any]) -> Any:
    """Features in, a risk for each head out; contributions beside them where the parameter asks for them."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    inputs: list[Any] = [ColSpec("double", name, required=False) for name in passport["features"]]
    risks: list[Any] = [ColSpec("double", f"risk_{head}") for head in passport["heads"]]
    asked = ParamSchema([ParamSpec(CONTRIBUTIONS, DataType.boolean, False)])
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(risks), params=asked)


def input_example(folder: VerifiedFolder) -> pd.DataFrame | None:
    """A few of the folder's example rows; None where it has none."""
    if EXAMPLES not in folder.files:
        return None
    examples = folder.json(EXAMPLES)
    return pd.DataFrame(examples["rows"][:EXAMPLE_ROWS], columns=examples["features"], dtype="float64")


def run_files(head: str, passport: Mapping[str, Any], material: RunMaterial | None) -> dict[str, bytes]:
    """The files of a run: page and card for people, JSON for machines, plots."""
    about = passport["heads"][head]
    files = {
        "report.html": training_page(passport).encode("utf-8"),
        "model_card.md": model_card(passport, head).encode("utf-8"),
        "passport.json": as_json(passport),
        "head.json": as_json(about.get("definition") or {}),
        "checks.json": as_json(list(checks_of(passport, head))),
        "evaluation.json": as_json(about.get("metrics") or {}),
        "features.json": as_json(
            {"features": passport["features"], "importance": about.get("importance") or {}}
        ),
    }
    if material is None:
        return files
    if material.points is not None:
        files["scorecard_points.csv"] = material.points.to_csv(index=False).encode("utf-8")
    if material.trials is not None:
        files["search_trials.csv"] = material.trials.to_csv(index=False).encode("utf-8")
    plots = run_plots(
        about.get("metrics") or {},
        happened=material.happened,
        risk=material.risk,
        importance=about.get("importance") or {},
        features=material.features,
        contributions=material.contributions,
    )
    return files | {f"plots/{name}": plot for name, plot in plots.items()}
