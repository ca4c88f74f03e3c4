"""A training reads nothing recorded after its date, gives the same model twice, and tells MLflow everything."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from data_contracts.errors import InvalidInput, NotEnoughData
from data_contracts.records import Records, open_records
from data_contracts.synthetic_city.city import write_city
from serving.command_line.training_report import training_table
from tests.outcome_city import outcome_city
from tests.registered_models import empty_mlruns
from training.experiment import TrainingResult, train
from training.heads import load_heads
from training.judged_rows import read_judged_rows
from training.model_folder import read_verified
from training.outcome_silence import silence_of
from training.risk_model import RiskModel
from training.run_log import tracking
from training.verification import verify_folder

HEADS = ["accident", "hazard"]
UNTIL = "2025-12-31"


@dataclass(frozen=True)
class Trained:
    records: Records
    mlruns: Path
    result: TrainingResult

    @property
    def passport(self) -> dict:
        return json.loads((self.result.folder / "passport.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def trained(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    mlruns = empty_mlruns(tmp_path_factory.mktemp("training") / "mlruns", untrained)
    records = outcome_city()
    return Trained(
        records, mlruns, train(records, until=UNTIL, mlruns=mlruns, heads=HEADS, name="spring", threads=1)
    )


@pytest.fixture(scope="module")
def searched(trained: Trained, untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Every head of the design with the shortest of searches, its folder exported."""
    mlruns = empty_mlruns(tmp_path_factory.mktemp("searched") / "mlruns", untrained)
    done = train(
        trained.records, mlruns=mlruns, export=mlruns / "model", until=UNTIL, search_minutes=0.001, threads=1
    )
    return Trained(trained.records, mlruns, done)


def models(result: TrainingResult) -> dict[str, bytes]:
    """Every file of the heads' models, kept and judged."""
    paths = [path for part in ("heads", "tested") for path in sorted((result.folder / part).rglob("*.*"))]
    return {str(path.relative_to(result.folder)): path.read_bytes() for path in paths}


def judged(figures: dict) -> dict:
    return figures["contenders"][figures["judged"]]


def test_a_training_finds_what_tells_sites_apart(trained: Trained) -> None:
    for figures in trained.result.figures.values():
        assert judged(figures)["auc"]["mean"] > 0.65
        assert judged(figures)["log_loss_skill"]["mean"] > 0
        assert 0.5 < judged(figures)["observed_over_expected"]["mean"] < 2
    accident = trained.result.figures["accident"]
    assert 0 < accident["shown_apart"]["fatal"] < accident["positives"]


def test_the_same_snapshot_and_seed_give_the_same_models_with_any_number_of_threads(
    trained: Trained, untrained: Path, tmp_path: Path
) -> None:
    mlruns = empty_mlruns(tmp_path / "mlruns", untrained)
    again = train(trained.records, until=UNTIL, mlruns=mlruns, heads=HEADS, threads=2)
    assert models(again) == models(trained.result)


def test_nothing_recorded_after_until_is_read_for_anything(untrained: Path, tmp_path: Path) -> None:
    records, until = outcome_city(), "2025-06-30"
    later = pd.DataFrame(
        [
            {
                "accident_id": f"B{number}",
                "project_id": f"P{number:03d}",
                "occurred_on": "2025-01-20",
                "recorded_at": "2025-07-01",
                "deaths": 9,
            }
            for number in range(100)
        ]
    )
    disturbed = Records.from_tables(
        {
            "projects": records.table("projects"),
            "inspections": records.table("inspections"),
            "accidents": pd.concat(
                [records.table("accidents"), Records.from_tables({"accidents": later}).table("accidents")]
            ),
        }
    )
    # The accident head borrows the hazard head: what reaches either shows.
    plain = train(records, until=until, mlruns=empty_mlruns(tmp_path / "a", untrained), heads=["accident"])
    also = train(disturbed, until=until, mlruns=empty_mlruns(tmp_path / "b", untrained), heads=["accident"])
    assert models(also) == models(plain)
    assert also.figures == plain.figures


def test_labels_are_believed_only_as_far_as_their_outcomes_were_delivered(
    untrained: Path, tmp_path: Path
) -> None:
    records = outcome_city()
    delivered = records.table("accidents")[lambda table: table["recorded_at"] <= pd.Timestamp("2025-06-30")]
    stopped = Records.from_tables(
        {
            "projects": records.table("projects"),
            "inspections": records.table("inspections"),
            "accidents": delivered,
        }
    )
    mlruns = empty_mlruns(tmp_path / "mlruns", untrained)
    done = train(stopped, until=UNTIL, mlruns=mlruns, heads=HEADS, threads=1)
    newest = delivered["recorded_at"].max()
    (silence,) = done.silences.values()
    assert (silence.code, silence.head, silence.table) == ("TRN001", "accident", "accidents")
    assert silence.days == (pd.Timestamp(UNTIL) - newest.normalize()).days > silence.longest_before
    passport = json.loads((done.folder / "passport.json").read_text(encoding="utf-8"))
    assert f"{newest:%Y-%m-%d}" in passport["warnings"]["accident"]["en"]
    dates = {head: passport["heads"][head]["kept"]["dates"]["known_at"][:10] for head in HEADS}
    assert dates == {"accident": f"{newest:%Y-%m-%d}", "hazard": UNTIL}
    assert judged(done.figures["accident"])["observed_over_expected"]["mean"] > 0.5
    assert "TRN001" in training_table(done)


def test_rare_outcomes_may_stay_away_as_long_as_they_have_before() -> None:
    def accidents_on(*days: str) -> Records:
        table = pd.DataFrame({"occurred_on": days, "recorded_at": days}).assign(project_id="P1", deaths=1)
        return Records.from_tables({"accidents": table.assign(accident_id=table["occurred_on"])})

    accident, until = load_heads(only=["accident"])[0], pd.Timestamp("2025-06-30 23:59:59.999999")
    assert silence_of(accident, accidents_on("2025-01-01", "2025-04-01"), until) is None  # 90 days, now 90
    silent = silence_of(accident, accidents_on("2025-01-01", "2025-03-31"), until)  # 89 days, now 91
    assert silent is not None and (silent.days, silent.longest_before) == (91, 89)
    assert silence_of(accident, accidents_on("2025-06-01"), until) is None  # within the reporting lag
    assert silence_of(accident, Records.from_tables({}), until) is None


def test_the_passport_says_what_an_auditor_asks(trained: Trained) -> None:
    passport = trained.passport
    assert passport["until"] == "2025-12-31T23:59:59.999999"
    assert passport["snapshot_sha256"] == trained.records.fingerprint == trained.result.snapshot_sha256
    accident = passport["heads"]["accident"]
    assert accident["definition"]["horizon_days"] == 90
    assert accident["tested"]["counts"]["trees_outcomes"] > 0
    assert accident["kept"]["dates"]["known_at"] == passport["until"]
    profile = accident["reference_profile"]["features"]["floor_area_m2"]
    assert profile["missing_share"] == 0 and len(profile["quantiles"]) == 11
    assert next(iter(accident["importance"])).startswith("floor_area")
    assert passport["seed"] == 1 and passport["libraries"]["lightgbm"]
    assert passport["heads_left_out"] == {}


def test_the_risk_rises_with_a_feature_that_can_only_raise_it(trained: Trained) -> None:
    model = RiskModel.load(trained.result.folder)
    examples = json.loads((trained.result.folder / "examples.json").read_text(encoding="utf-8"))
    row = pd.DataFrame(examples["rows"][:1], columns=examples["features"], dtype="float64")
    grid = row.loc[np.repeat(0, 200)].assign(floor_area_m2=np.geomspace(100, 1_000_000, 200))
    risks = model.risks(grid)
    assert (risks.diff().dropna() >= 0).all().all()
    assert (risks.iloc[-1] > risks.iloc[0]).all()


def test_the_folder_answers_for_its_example_rows(trained: Trained) -> None:
    assert verify_folder(trained.result.folder, trained.result.sha256) == 20


def test_mlflow_is_told_what_the_model_was_made_from_and_how_good_it_is(trained: Trained) -> None:
    with tracking(trained.mlruns) as mlflow:
        run = mlflow.get_run(trained.result.runs["accident"])
        assert run.info.run_name == "spring"
        figures = trained.result.figures["accident"]
        assert run.data.metrics[f"{figures['judged']}.auc"] == judged(figures)["auc"]["mean"]
        assert run.data.params["horizon_days"] == "90"
        assert run.data.tags["siterisk.snapshot_sha256"] == trained.records.fingerprint
        (dataset,) = run.inputs.dataset_inputs
        assert trained.records.fingerprint.startswith(dataset.dataset.digest)
        client = mlflow.MlflowClient()
        files = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"head.json", "passport.json", "report.html", "model_card.md", "checks.json"} <= files
        version = client.get_model_version_by_alias("siterisk-accident", "challenger")
        assert version.tags["siterisk.folder_sha256"] == trained.result.sha256


def test_the_registered_model_gives_the_folders_risks_in_a_notebook(trained: Trained) -> None:
    model = RiskModel.load(trained.result.folder)
    examples = json.loads((trained.result.folder / "examples.json").read_text(encoding="utf-8"))
    rows = pd.DataFrame(examples["rows"], columns=examples["features"], dtype="float64")
    with tracking(trained.mlruns) as mlflow:
        loaded = mlflow.pyfunc.load_model("models:/siterisk-hazard@challenger")
        pd.testing.assert_frame_equal(loaded.predict(rows), model.risks(rows))


def test_the_judged_model_on_the_rows_kept_has_the_figures_of_the_passport(trained: Trained) -> None:
    judge = RiskModel.from_verified(read_verified(trained.result.folder), part="tested")
    for head, entry in trained.passport["heads"].items():
        rows = read_judged_rows(trained.mlruns, entry["judged_rows"]["sha256"])
        risk = judge.risks(rows)[f"risk_{head}"]
        assert roc_auc_score(rows["happened"], risk) == pytest.approx(judged(entry["metrics"])["auc"]["mean"])


def test_contributions_of_every_head_add_up_to_its_log_odds(trained: Trained) -> None:
    model = RiskModel.load(trained.result.folder)
    examples = json.loads((trained.result.folder / "examples.json").read_text(encoding="utf-8"))
    rows = pd.DataFrame(examples["rows"], columns=examples["features"], dtype="float64")
    for head in model.heads:
        log_odds = model.fitted[head].log_odds(rows.to_numpy())
        assert model.contributions(rows, head).sum(axis=1).to_numpy() == pytest.approx(log_odds, abs=1e-9)


def test_every_origin_is_older_than_the_next_and_none_sees_its_test(trained: Trained) -> None:
    for entry in trained.passport["heads"].values():
        splits = [origin["dates"] for origin in entry["origins"]] + [entry["tested"]["dates"]]
        starts = [split["test"][0] for split in splits]
        assert starts == sorted(set(starts))
        assert all(split["calibration"][1] < split["known_at"] == split["test"][0] for split in splits)


def test_nothing_in_mlflows_folder_is_a_pickle(trained: Trained) -> None:
    suffixes = {path.suffix for path in trained.mlruns.rglob("*") if path.is_file()}
    assert not suffixes & {".pkl", ".pickle", ".joblib"}


def test_a_head_without_enough_outcomes_is_left_out_with_its_reason(searched: Trained) -> None:
    done = searched.result
    assert set(done.figures) == {"accident", "hazard"} == set(done.registered)
    assert "Head defect: the trees' period holds 0 outcomes and needs 5" in done.left_out["defect"].en
    assert RiskModel.load(done.folder).heads == ("accident", "hazard")
    assert RiskModel.load(done.folder).version == done.version


def test_a_search_that_finds_nothing_better_gives_the_models_of_a_training_without_one(
    trained: Trained, searched: Trained
) -> None:
    assert not searched.passport["heads"]["hazard"]["search"]["is_taken"]
    assert models(searched.result) == models(trained.result)
    assert not any("search" in head for head in trained.passport["heads"].values())


def test_the_passport_and_mlflow_say_what_was_searched(searched: Trained) -> None:
    accident, hazard = (searched.passport["heads"][head]["search"] for head in HEADS)
    assert "No older origin can be tried" in accident["not_searched"]["en"]
    assert (hazard["minutes"], hazard["kind"], hazard["trials"], hazard["pruned"]) == (0.001, "trees", 2, 0)
    assert hazard["declared"] == hazard["found"] and hazard["declared"]["parameters"]["num_leaves"] == 15
    assert set(searched.result.searches) == set(HEADS)
    with tracking(searched.mlruns) as mlflow:
        run = mlflow.get_run(searched.result.runs["hazard"])
        assert float(run.data.params["search.found.log_loss"]) == hazard["found"]["log_loss"]
        table = mlflow.artifacts.download_artifacts(
            run_id=run.info.run_id, artifact_path="search_trials.csv", dst_path=str(searched.mlruns)
        )
    trials = pd.read_csv(table)
    assert trials["trial"].tolist() == [0, 1] and trials["log_loss"].min() == hazard["found"]["log_loss"]


def test_a_search_of_no_minutes_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="above 0"):
        train(Records.from_tables({}), mlruns=tmp_path, search_minutes=0)


def test_when_no_head_can_be_trained_every_reason_is_given(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match=r"No head could be trained\. Head defect"):
        train(trained.records, mlruns=tmp_path, heads=["defect"])
    with pytest.raises(NotEnoughData, match="no records"):
        train(Records.from_tables({}), mlruns=tmp_path)


def test_a_synthetic_city_of_three_years_gives_a_defect_head_that_beats_the_past_count(
    untrained: Path,
    tmp_path: Path,
) -> None:
    write_city(tmp_path / "city", projects=200, years=3, seed=3, last_day=dt.date(2025, 12, 31))
    mlruns = empty_mlruns(tmp_path / "mlruns", untrained)
    done = train(open_records(tmp_path / "city"), mlruns=mlruns, heads=["defect"])
    assert done.figures["defect"]["gains"]["past_violations"]["auc"]["low"] > 0
