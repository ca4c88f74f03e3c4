"""A model folder is verified before it is trusted, and answers the same wherever a row stands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import InvalidInput, ModelInvalid, NotFound
from training.model_folder import (
    PASSPORT,
    VerifiedFolder,
    as_json,
    champion_folder,
    read_verified,
    sha256_of,
    write_model_folder,
)
from training.risk_model import RiskModel, load_champion

FEATURES = ["floor_area_m2", "violations_90d", "days_since_last_visit"]


def feature_rows(count: int) -> pd.DataFrame:
    draws = np.random.default_rng(5).normal(size=(count, len(FEATURES)))
    draws[np.random.default_rng(6).random(draws.shape) < 0.1] = np.nan
    return pd.DataFrame(draws, columns=FEATURES)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    rows = feature_rows(800)
    happened = (rows["violations_90d"].fillna(0) + np.random.default_rng(7).normal(size=800)) > 1
    dataset = lightgbm.Dataset(rows, label=happened.astype(float), feature_name=FEATURES)
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, dataset, 20)
    return {
        PASSPORT: as_json({"features": FEATURES, "heads": {"accident": {}}}),
        "heads/accident/booster.txt": booster.model_to_string().encode(),
        "heads/accident/calibration.json": as_json({"slope": 0.9, "intercept": -0.2}),
    }


@pytest.fixture
def folder(tmp_path: Path, files: dict[str, bytes]) -> Path:
    return write_model_folder(tmp_path / "model", files).path


def test_a_risk_is_the_sigmoid_of_the_calibrated_log_odds(folder: Path, files: dict[str, bytes]) -> None:
    rows = feature_rows(50)
    booster = lightgbm.Booster(model_str=files["heads/accident/booster.txt"].decode())
    expected = 1 / (1 + np.exp(-(0.9 * booster.predict(rows.to_numpy(), raw_score=True) - 0.2)))
    risks = RiskModel.load(folder).risks(rows)
    assert list(risks.columns) == ["risk_accident"]
    np.testing.assert_allclose(risks["risk_accident"], expected, rtol=1e-12)


def test_a_site_gets_the_same_risk_to_the_last_bit_whoever_stands_beside_it(folder: Path) -> None:
    model, rows = RiskModel.load(folder), feature_rows(2500)
    together = model.risks(rows)["risk_accident"].to_numpy()
    alone = np.concatenate(
        [model.risks(rows.iloc[[place]])["risk_accident"].to_numpy() for place in range(300)]
    )
    shuffled = rows.sample(frac=1, random_state=1)
    np.testing.assert_array_equal(together[:300], alone)
    np.testing.assert_array_equal(model.risks(shuffled)["risk_accident"].sort_index().to_numpy(), together)


def test_columns_are_found_by_name_and_a_missing_one_is_named(folder: Path) -> None:
    model, rows = RiskModel.load(folder), feature_rows(20)
    turned = rows[FEATURES[::-1]].assign(unrelated=1.0)
    pd.testing.assert_frame_equal(model.risks(turned), model.risks(rows))
    with pytest.raises(InvalidInput, match="violations_90d"):
        model.risks(rows.drop(columns="violations_90d"))


def test_no_rows_give_no_risks(folder: Path) -> None:
    assert RiskModel.load(folder).risks(feature_rows(0)).shape == (0, 1)


@pytest.mark.parametrize("name", [PASSPORT, "heads/accident/booster.txt", "heads/accident/calibration.json"])
def test_a_file_that_was_changed_is_refused_before_any_tree_is_built(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelInvalid, match="sha256"):
        RiskModel.load(folder)


def test_trees_cut_short_are_refused_even_when_the_manifest_agrees(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    trees = files["heads/accident/booster.txt"]
    cut = {**files, "heads/accident/booster.txt": trees[: len(trees) // 2]}
    with pytest.raises(ModelInvalid, match="cut short"):
        RiskModel.load(write_model_folder(tmp_path / "cut", cut).path)


def test_a_missing_file_an_unknown_protocol_and_a_path_outside_are_refused(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    for changed in (
        {**manifest, "protocol": 99},
        {**manifest, "files": {**manifest["files"], "../secret.txt": "0" * 64}},
        {**manifest, "files": {**manifest["files"], "heads/lost.txt": "0" * 64}},
        {"files": {}},
    ):
        (folder / "manifest.json").write_text(json.dumps(changed))
        with pytest.raises(ModelInvalid):
            RiskModel.load(folder)


def test_trees_fitted_on_other_features_than_the_passport_names_are_refused(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    other = {**files, PASSPORT: as_json({"features": FEATURES[::-1], "heads": {"accident": {}}})}
    with pytest.raises(ModelInvalid, match="features of its trees"):
        RiskModel.load(write_model_folder(tmp_path / "other", other).path)


def test_the_version_is_the_start_of_the_folders_sha256_and_follows_its_content(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    first = RiskModel.load(write_model_folder(tmp_path / "a", files).path)
    same = RiskModel.load(write_model_folder(tmp_path / "b", files).path)
    changed = {**files, "heads/accident/calibration.json": as_json({"slope": 0.9, "intercept": -0.3})}
    other = RiskModel.load(write_model_folder(tmp_path / "c", changed).path)
    assert first.version == first.sha256[:12] == same.version != other.version


def test_a_folder_that_is_not_the_one_expected_is_refused(folder: Path) -> None:
    with pytest.raises(ModelInvalid, match="should be"):
        read_verified(folder, sha256="0" * 64)


def test_writing_over_a_model_replaces_it_whole_and_over_anything_else_is_refused(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    write_model_folder(tmp_path / "model", {**files, "heads/defect/booster.txt": b"old"})
    write_model_folder(tmp_path / "model", files)
    assert not (tmp_path / "model" / "heads" / "defect").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("keep me")
    with pytest.raises(ModelInvalid, match="neither empty"):
        write_model_folder(tmp_path / "mine", files)


def test_without_a_model_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="siterisk train"):
        RiskModel.load(tmp_path / "nowhere")
    with pytest.raises(NotFound, match="siterisk promote"):
        champion_folder(tmp_path)


def test_a_champion_altered_together_with_its_manifest_is_refused(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    good = in_force(tmp_path, files)
    assert load_champion(tmp_path).sha256 == good.sha256
    altered = {**files, "heads/accident/calibration.json": as_json({"slope": 0.9, "intercept": -5.0})}
    write_model_folder(good.path, altered)
    assert RiskModel.load(good.path).version != good.version
    with pytest.raises(ModelInvalid, match="its sha256 should be"):
        load_champion(tmp_path)


def test_the_champion_that_is_held_is_not_read_again(tmp_path: Path, files: dict[str, bytes]) -> None:
    folder = in_force(tmp_path, files)
    held = load_champion(tmp_path)
    shutil.rmtree(folder.path)
    assert load_champion(tmp_path, held) is held


def test_a_model_folder_that_is_whole_is_kept_and_a_damaged_one_mended(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    folder = write_model_folder(tmp_path / "model", files).path
    before = folder.stat().st_ino
    write_model_folder(folder, files)
    assert folder.stat().st_ino == before
    (folder / "heads/accident/booster.txt").write_bytes(b"tree")
    write_model_folder(folder, files)
    assert RiskModel.load(folder).heads == ("accident",)


def test_a_model_folder_stays_when_the_one_to_replace_it_cannot_be_put_there(
    tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_model_folder(tmp_path / "model", files)
    replace = Path.replace

    def refused(path: Path, target: Path) -> Path:
        if target == folder.path and path.name != "old":
            raise OSError("the disk is gone")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OSError, match="the disk is gone"):
        write_model_folder(folder.path, {**files, "heads/defect/booster.txt": b"new"})
    assert read_verified(folder.path).sha256 == folder.sha256
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def in_force(home: Path, files: dict[str, bytes]) -> VerifiedFolder:
    folder = write_model_folder(home / "champion" / sha256_of(files)[:12], files)
    pointer = {"version": folder.version, "sha256": folder.sha256, "heads": {}, "history": []}
    (home / "champion" / "current.json").write_bytes(as_json(pointer))
    return folder
