"""Trees of a head that says so are fitted again on both slices, once they are taken and before they are judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest

from data_contracts.moments import knowledge_moment
from data_contracts.progress import silent
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from tests.outcome_city import outcome_city
from training.contenders import Fitting
from training.head_model import BOOSTER, SCORECARD
from training.head_rows import City
from training.head_training import HeadTraining
from training.heads import BOOSTED, PLAIN, TREES, load_heads
from training.raw_scores import RawScores
from training.splits import TestDates, evaluation_split

(HAZARD,) = load_heads(only=["hazard"])


@pytest.fixture(scope="module")
def city() -> City:
    records = outcome_city()
    index = FactIndex.build(records, load_catalogue())
    return City(records, index, knowledge_moment("2025-12-31"), TestDates(), seed=1, threads=1)


@pytest.fixture(scope="module")
def fitting(city: City) -> Fitting:
    plan, rows = HeadTraining(HAZARD, city), city.rows(HAZARD, silent)
    found = plan.fitting_if_enough(rows, evaluation_split(HAZARD, rows.pairs["as_of"], city.until), "")
    assert found is not None
    return found


def on_both_slices(fitting: Fitting, rounds: int, begins_at: np.ndarray | None = None) -> lightgbm.Booster:
    """LightGBM's own answer."""
    parameters: dict[str, Any] = {**fitting.parameters, "num_threads": 1}
    for name in ("num_boost_round", "early_stopping_rounds"):
        del parameters[name]
    rows = np.concatenate([fitting.older.features, fitting.later.features])
    happened = np.concatenate([fitting.older.happened, fitting.later.happened])
    return lightgbm.train(parameters, lightgbm.Dataset(rows, happened, init_score=begins_at), rounds)


def test_as_many_trees_are_fitted_on_both_slices(fitting: Fitting) -> None:
    files = fitting.files([TREES])[TREES]
    older, refitted = fitting.read(files), fitting.read(fitting.refitted(files))
    assert older.trees is not None and refitted.trees is not None
    expected = on_both_slices(fitting, older.trees.num_trees())
    found, by_lightgbm = (
        RawScores.compiled(trees).of(fitting.later.features) for trees in (refitted.trees, expected)
    )
    np.testing.assert_array_equal(found, by_lightgbm)


def test_the_slope_is_that_of_the_older_fit_and_the_level_that_of_the_later_slice(fitting: Fitting) -> None:
    files = fitting.files([TREES])[TREES]
    older, refitted = fitting.read(files), fitting.read(fitting.refitted(files))
    assert refitted.slope == older.slope
    said, happened = refitted.risk(fitting.later.features).mean(), fitting.later.happened.mean()
    assert said == pytest.approx(happened, rel=0.02)  # the prior of the level draws a little


def test_trees_on_a_scorecard_begin_from_the_same_one_again(fitting: Fitting) -> None:
    files = fitting.files([BOOSTED])[BOOSTED]
    again = fitting.refitted(files)
    assert again[SCORECARD] == files[SCORECARD] and again[BOOSTER] != files[BOOSTER]
    older, refitted = fitting.read(files), fitting.read(again)
    assert older.trees is not None and refitted.trees is not None
    both = np.concatenate([fitting.older.features, fitting.later.features])
    begins_at = replace(older, trees=None).log_odds(both)
    expected = on_both_slices(fitting, older.trees.num_trees(), begins_at)
    scores = [RawScores.compiled(trees).of(both) for trees in (refitted.trees, expected)]
    np.testing.assert_array_equal(*scores)


def test_a_scorecard_which_has_seen_both_slices_stays_as_it_is(fitting: Fitting) -> None:
    files = fitting.files([PLAIN])[PLAIN]
    assert fitting.refitted(files) == files


@pytest.mark.parametrize(("refit", "expected"), [(True, ["试训 / trial", "终训 / final"]), (False, [])])
def test_the_older_origins_choose_without_it_and_only_the_taken_model_is_fitted_again(
    city: City, monkeypatch: pytest.MonkeyPatch, refit: bool, expected: list[str]
) -> None:
    purposes: list[str] = []
    fit_again = Fitting.refitted

    def noting(fitting: Fitting, files: Mapping[str, bytes]) -> dict[str, bytes]:
        purposes.append(fitting.purpose)
        return fit_again(fitting, files)

    monkeypatch.setattr(Fitting, "refitted", noting)
    head = HAZARD.model_copy(update={"refit": refit, "contenders": (TREES,)})
    HeadTraining(head, city).train()
    assert purposes == expected
