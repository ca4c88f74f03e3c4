"""Reasons of a day: beside the sites active then, and beside the training's average row where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_contracts.record_store import StoreMark
from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from serving.access.jurisdictions import Jurisdictions
from serving.calls.site_results import results_of
from serving.live_state import LiveState
from serving.reasons.day_reasons import reasons_at
from serving.scorer import Scorer
from tests.small_model import put_in_force
from training.risk_model import EXPECTED, load_champion

AFTER_ALL = pd.Timestamp("2026-03-01")
IDS = ["P1", "P2", "P3"]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> LiveState:
    """Three sites that have all been finished, and differ in what they build."""
    home = tmp_path_factory.mktemp("home")
    put_in_force(Path(home), load_catalogue().names)
    projects = pd.DataFrame(
        {
            "project_id": IDS,
            "recorded_at": "2026-01-05",
            "start_date": "2024-01-01",
            "finish_date": "2026-01-04",
            "floor_area_m2": [800.0, 30_000.0, 250_000.0],
            "contract_price_cny10k": [90.0, 4_000.0, 90_000.0],
            "floors_above": [2, 18, 54],
        }
    )
    index = FactIndex.build(Records.from_tables({"projects": projects}), load_catalogue())
    return LiveState(Scorer(index, load_champion(home)), StoreMark(1, None), Jurisdictions.none())


def test_without_an_active_site_reasons_do_not_depend_on_who_else_is_asked_for(state: LiveState) -> None:
    assert len(state.scorer.index.sites(AFTER_ALL)) == 0
    together, _ = results_of(state, IDS, AFTER_ALL, with_reasons=True)
    alone = [results_of(state, [one], AFTER_ALL, with_reasons=True)[0][0] for one in IDS]
    assert [one["reasons"] for one in together] == [one["reasons"] for one in alone]
    assert all(any(one["reasons"].values()) for one in together)


def test_without_an_active_site_parts_are_shap_values_and_nothing_is_usual(state: LiveState) -> None:
    index, model = state.scorer.index, state.scorer.model
    moments = np.full(len(IDS), AFTER_ALL.to_datetime64()).astype("M8[us]")
    told = 0
    for head in model.heads:
        shap = model.contributions(index.matrix(IDS, moments), head).drop(columns=EXPECTED)
        for row, by_head in enumerate(reasons_at(index, model, IDS, moments)):
            for reason in by_head[head]:
                assert reason.log_odds == pytest.approx(shap[reason.feature].iloc[row])
                assert np.isnan(reason.typical)
                told += 1
    assert told > 0
