"""A champion put together from heads of several trainings, as when one head alone is promoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from data_contracts.errors import CheckFailed
from training.model_folder import EXAMPLES, PASSPORT, VerifiedFolder, as_json
from training.passport import examples_of

_OF_THE_TRAINING = (
    "name", "created_at", "until", "snapshot_sha256", "store_version", "contract_version", "git_revision", "seed", "libraries",
)  # fmt: skip


def composed_files(
    promoted: Mapping[str, VerifiedFolder], in_force: VerifiedFolder | None
) -> dict[str, bytes]:
    """The files of the champion: the promoted heads, and those in force that are not replaced.

    A training that is promoted whole, and replaces every head in force, is taken as it is. Raises
    CheckFailed if heads that would have to stand together were fitted on different features.
    """
    sources = _sources(promoted, in_force)
    newest = max(promoted.values(), key=lambda folder: folder.json(PASSPORT)["created_at"])
    whole = {folder.sha256 for folder in sources.values()} == {newest.sha256}
    if whole and set(newest.json(PASSPORT)["heads"]) == set(sources):
        return dict(newest.files)
    _refuse_different_features(sources, newest)
    passport = newest.json(PASSPORT)
    passport["heads"] = {head: _head(folder, head) for head, folder in sources.items()}
    files = {PASSPORT: as_json(passport)}
    for head, folder in sources.items():
        files |= _files_of(folder, head)
    examples = newest.json(EXAMPLES)
    rows = pd.DataFrame(examples["rows"], columns=examples["features"], dtype="float64")
    return files | {EXAMPLES: examples_of(files, rows)}


def trained_on(folder: VerifiedFolder) -> dict[str, dict[str, Any]]:
    """Of each head, what its training said of itself: until when, on which snapshot and store version, and so on."""
    passport = folder.json(PASSPORT)
    own = _of_the_training(passport)
    return {head: entry.get("training", own) for head, entry in passport["heads"].items()}


def _sources(
    promoted: Mapping[str, VerifiedFolder], in_force: VerifiedFolder | None
) -> dict[str, VerifiedFolder]:
    """Which folder each head of the new champion comes from."""
    kept = in_force.json(PASSPORT)["heads"] if in_force is not None else {}
    sources = {head: in_force for head in kept if in_force is not None}
    return dict(sorted({**sources, **promoted}.items()))


def _head(folder: VerifiedFolder, head: str) -> dict[str, Any]:
    """The head's entry of the passport, with what its training said of itself."""
    passport = folder.json(PASSPORT)
    entry = passport["heads"][head]
    return {"training": _of_the_training(passport), **entry}


def _of_the_training(passport: dict[str, Any]) -> dict[str, Any]:
    return {name: passport[name] for name in _OF_THE_TRAINING if name in passport}


def _files_of(folder: VerifiedFolder, head: str) -> dict[str, bytes]:
    """Every file of the head, of the model in use and of the one that was judged, whatever it is made of."""
    parts = (f"heads/{head}/", f"tested/{head}/")
    return {name: content for name, content in folder.files.items() if name.startswith(parts)}


def _refuse_different_features(sources: Mapping[str, VerifiedFolder], newest: VerifiedFolder) -> None:
    features = newest.json(PASSPORT)["catalogue_sha256"]
    others = [
        head for head, folder in sources.items() if folder.json(PASSPORT)["catalogue_sha256"] != features
    ]
    if others:
        raise CheckFailed(
            zh=f"目标 {'、'.join(others)} 是用另一版特征目录训练的，不能与新模型并用。请用同一目录重新训练全部目标后再启用。",
            en=f"Heads {', '.join(others)} were trained with another version of the feature catalogue and cannot "
            "stand beside the new ones. Train all heads with one catalogue, then promote.",
            field="head",
        )
