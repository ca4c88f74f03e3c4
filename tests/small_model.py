"""A small model folder made by hand: real trees and calibration, without a training."""

from collections.abc import Callable, Mapping
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

from features.catalogue import load_catalogue
from features.computations import computations as today
from training.model_folder import (
    EXAMPLES,
    PASSPORT,
    VERSION_DIGITS,
    as_json,
    read_verified,
    write_model_folder,
)
from training.passport import examples_of
from training.risk_model import RiskModel

HEADS = ("accident", "defect", "hazard")


def write_small_model(
    folder: Path,
    feature_names: tuple[str, ...],
    seed: int = 1,
    computations: Mapping[str, str] | None = None,
) -> str:
    """A folder whose risks vary with the features and with missing ones; gives its version.

    It was trained on the features as they are computed today, unless `computations` says otherwise.
    """
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(600, len(feature_names))) * 10
    features[draw.random(features.shape) < 0.2] = np.nan
    passport = {
        "heads": {head: {} for head in HEADS},
        "features": list(feature_names),
        "computations": today(load_catalogue()) if computations is None else dict(computations),
    }
    files = {PASSPORT: as_json(passport)}
    for head in HEADS:
        happened = draw.random(600) < 0.1 + 0.2 * (np.nan_to_num(features[:, 0]) > 0)
        trees = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1, "seed": seed}
        booster = lightgbm.train(
            trees, lightgbm.Dataset(features, happened, feature_name=list(feature_names)), num_boost_round=20
        )
        files[f"heads/{head}/booster.txt"] = booster.model_to_string().encode()
        files[f"heads/{head}/calibration.json"] = as_json({"slope": 0.9, "intercept": -1.0})
    rows = pd.DataFrame(features[:5], columns=list(feature_names))
    return write_model_folder(folder, files | {EXAMPLES: examples_of(files, rows)}).version


def put_in_force(
    home: Path,
    feature_names: tuple[str, ...],
    seed: int = 1,
    *,
    computations: Mapping[str, str] | None = None,
    damage: Callable[[Path], None] | None = None,
) -> str:
    """Make a small model the champion of `home`; gives its version. `damage` comes over its folder before that."""
    building = home / "champion" / f"building-{seed}"
    write_small_model(building, feature_names, seed, computations)
    model = RiskModel.load(building)
    if damage is not None:
        damage(building)
    return _switched_to(home, building, model.sha256)


def sealed_after_the_cut(home: Path) -> str:
    """Make a champion of `home` whose trees were cut short before its manifest was written; gives its version."""
    building = home / "champion" / "building-cut"
    write_small_model(building, load_catalogue().names, seed=9)
    files = dict(read_verified(building).files)
    trees = files["heads/accident/booster.txt"]
    files["heads/accident/booster.txt"] = trees[: len(trees) // 2]
    return _switched_to(home, building, write_model_folder(building, files).sha256)


def _switched_to(home: Path, building: Path, sha256: str) -> str:
    version = sha256[:VERSION_DIGITS]
    building.replace(home / "champion" / version)
    pointer = {"version": version, "sha256": sha256, "heads": list(HEADS), "history": []}
    (home / "champion" / "current.json").write_bytes(as_json(pointer))
    return version
