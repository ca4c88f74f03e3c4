"""One scorer for the command line and the service: its rows, its order, its numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import ModelInvalid
from data_contracts.records import Records
from features.catalogue import Catalogue, load_catalogue
from features.computations import computations
from features.fact_index import FactIndex
from serving.result_files import as_csv, as_rows, write_result
from serving.scorer import CityRisks, Scorer, refuse_other_features
from tests.small_model import HEADS, write_small_model
from training.risk_model import RiskModel

PROJECTS = pd.DataFrame(
    {
        "project_id": ["P1", "P2", "P3"],
        "recorded_at": ["2025-01-05", "2025-02-01", "2025-03-01"],
        "start_date": ["2025-01-01", "2025-02-15", "2025-03-10"],
        "finish_date": [None, None, "2025-09-01"],
        "floor_area_m2": ["12000", "90000", None],
    }
)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder: Path = tmp_path_factory.mktemp("model") / "model"
    write_small_model(folder, load_catalogue().names)
    index = FactIndex.build(Records.from_tables({"projects": PROJECTS}), load_catalogue())
    return Scorer(index, RiskModel.load(folder))


def moments(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[us]")


def test_every_pair_keeps_its_row_in_the_order_given(scorer: Scorer) -> None:
    scored = scorer.score(["P2", "nobody", "P1", "P2"], moments(*["2025-06-01"] * 4))
    assert scored["project_id"].tolist() == ["P2", "nobody", "P1", "P2"]
    assert scored["status"].tolist() == ["ACTIVE", "UNKNOWN", "ACTIVE", "ACTIVE"]
    assert scored.columns.tolist() == [
        "project_id", "as_of", "status", "risk_accident", "risk_defect", "risk_hazard",
        "inherent_grade", "dynamic_grade", "reasons_zh", "reasons_en",
    ]  # fmt: skip


def test_a_project_not_on_record_has_no_risk_and_its_status_says_why(scorer: Scorer) -> None:
    # P1 was put on file on 5 January; a bare date is the end of that day.
    scored = scorer.score(["P1", "P1"], moments("2025-01-05", "2025-01-06"))
    assert scored["status"].tolist() == ["UNKNOWN", "ACTIVE"]
    risks = scored[[f"risk_{head}" for head in HEADS]]
    assert risks.iloc[0].isna().all()
    assert risks.iloc[1].between(0, 1).all()


def test_the_status_follows_what_was_known(scorer: Scorer) -> None:
    days = moments("2025-02-10", "2025-02-20", "2025-08-31", "2025-09-02")
    scored = scorer.score(["P2", "P2", "P3", "P3"], days)
    assert scored["status"].tolist() == ["NOT_STARTED", "ACTIVE", "ACTIVE", "FINISHED"]


def test_one_at_a_time_and_all_at_once_give_the_same_numbers(scorer: Scorer) -> None:
    ids = ["P1", "P2", "P3", "nobody"] * 40
    days = np.datetime64("2025-01-01", "us") + np.arange(160) * np.timedelta64(3, "D")
    together = scorer.score(ids, days)
    apart = pd.concat(
        [scorer.score([one], np.array([day])) for one, day in zip(ids, days, strict=True)], ignore_index=True
    )
    pd.testing.assert_frame_equal(together, apart, check_exact=True)


def test_csv_json_and_parquet_carry_a_risk_to_the_last_digit(scorer: Scorer, tmp_path: Path) -> None:
    scored = scorer.score(["P1", "P2", "nobody"], moments("2025-06-01", "2025-06-01T08:30:00", "2025-06-01"))
    write_result(scored, tmp_path / "scored.csv")
    write_result(scored, tmp_path / "scored.parquet")
    risks = scored["risk_accident"].to_numpy()
    from_csv = pd.read_csv(tmp_path / "scored.csv", float_precision="round_trip")
    np.testing.assert_array_equal(from_csv["risk_accident"].to_numpy(), risks)
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "scored.parquet")["risk_accident"], risks)
    assert [row["risk_accident"] for row in as_rows(scored)][:2] == risks[:2].tolist()
    assert as_rows(scored)[2]["risk_accident"] is None
    assert from_csv["as_of"].tolist() == ["2025-06-01T00:00:00", "2025-06-01T08:30:00", "2025-06-01T00:00:00"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scored.csv", "scored.parquet"]
    assert "2025-06-01T08:30:00" in as_csv(scored)


def test_no_pair_gives_no_row(scorer: Scorer) -> None:
    scored = scorer.score([], moments())
    assert len(scored) == 0
    assert "risk_accident" in scored.columns


def test_a_percentile_is_the_share_of_active_sites_with_a_risk_not_higher(scorer: Scorer) -> None:
    # On 1 April P1, P2 and P3 are active; on 1 October P3 has finished.
    spring = CityRisks.at(scorer, pd.Timestamp("2025-04-01"))
    autumn = CityRisks.at(scorer, pd.Timestamp("2025-10-01"))
    assert (len(spring.risks["accident"]), len(autumn.risks["accident"])) == (3, 2)
    highest = spring.risks["accident"].max()
    assert spring.percentile("accident", np.array([highest, -1.0, np.nan])).tolist()[:2] == [100.0, 0.0]
    assert np.isnan(spring.percentile("accident", np.array([np.nan]))[0])


def test_before_the_first_record_there_is_no_percentile(scorer: Scorer) -> None:
    empty = CityRisks.at(scorer, pd.Timestamp("2020-01-01"))
    assert np.isnan(empty.percentile("accident", np.array([0.5]))[0])


def test_a_model_is_refused_where_a_feature_is_computed_otherwise_and_kept_where_it_is_reworded(
    scorer: Scorer,
) -> None:
    catalogue, name = scorer.index.catalogue, "violations_90d"
    refuse_other_features(scorer.model, with_feature(catalogue, name, label_en="Violations", direction=0))
    wider = with_feature(catalogue, name, window_days=91)
    with pytest.raises(ModelInvalid, match=rf"1 of its own are computed otherwise.*{name}.*siterisk train"):
        refuse_other_features(scorer.model, wider)


def test_a_rule_of_a_table_changes_the_features_that_read_it_and_no_others(scorer: Scorer) -> None:
    catalogue = scorer.index.catalogue
    rules = {**catalogue.rules, "accidents": replace(catalogue.rules["accidents"], named="instead")}
    before, after = computations(catalogue), computations(replace(catalogue, rules=rules))
    changed = {name for name in before if before[name] != after[name]}
    reads = {feature.name for feature in catalogue.features if feature.table == "accidents"}
    reads |= {feature.name for feature in catalogue.features if reads & set(feature.parts)}
    assert changed == reads & set(before)


def with_feature(catalogue: Catalogue, name: str, **changed: Any) -> Catalogue:
    features = [replace(each, **changed) if each.name == name else each for each in catalogue.features]
    return replace(catalogue, features=tuple(features))
