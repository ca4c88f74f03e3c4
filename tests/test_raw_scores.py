"""Compiled trees give LightGBM's raw scores, to the last bit, whatever the booster and the rows."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.test_contributions import BOOSTERS, asked_rows, drawn_rows, fitted
from training.raw_scores import BLOCK, FEW_ROWS, ROWS_FOR_THREADS, RawScores


def by_lightgbm(booster: lightgbm.Booster, rows: np.ndarray) -> np.ndarray:
    return np.asarray(booster.predict(rows, raw_score=True, num_threads=1))


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.3]), parameters=BOOSTERS)
def test_scores_are_those_of_lightgbm_whatever_the_booster(
    seed: int, missing: float, parameters: dict[str, Any]
) -> None:
    booster, rows = fitted(drawn_rows(seed, missing=missing), **parameters), asked_rows(seed + 1)
    scores = RawScores.compiled(booster)
    assert scores.is_looked_up
    expected = by_lightgbm(booster, rows)
    np.testing.assert_array_equal(scores.of(rows), expected)
    np.testing.assert_array_equal(np.concatenate([scores.of(rows[i : i + 1]) for i in range(60)]), expected)


@pytest.mark.parametrize("count", [0, 1, FEW_ROWS, FEW_ROWS + 1, BLOCK, BLOCK + 1, ROWS_FOR_THREADS + 7])
def test_any_number_of_rows_threads_and_any_layout_give_the_same(count: int) -> None:
    booster, rows = fitted(drawn_rows(3)), drawn_rows(4, max(count, 1))[:count]
    scores = RawScores.compiled(booster)
    expected = by_lightgbm(booster, rows) if count else np.empty(0)
    for threads in (1, 3):
        np.testing.assert_array_equal(scores.of(rows, threads=threads), expected)
    np.testing.assert_array_equal(scores.of(np.asfortranarray(rows)), expected)


@pytest.mark.parametrize(
    "parameters",
    [
        {"num_leaves": 100, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        {"linear_tree": True, "categories": False},
    ],
)
def test_what_is_not_compiled_lightgbm_answers(parameters: dict[str, Any]) -> None:
    booster, rows = fitted(drawn_rows(5, 2000), **parameters), drawn_rows(6, 40)
    scores = RawScores.compiled(booster)
    assert not scores.is_looked_up
    np.testing.assert_array_equal(scores.of(rows), by_lightgbm(booster, rows))


def test_a_tree_of_sixty_four_leaves_and_a_single_leaf_are_compiled() -> None:
    rows = drawn_rows(7, 3000, missing=0.0)
    widest = fitted(rows, num_leaves=64, min_data_in_leaf=1, min_sum_hessian_in_leaf=0, rounds=3)
    assert "num_leaves=64\n" in widest.model_to_string()
    constant = lightgbm.train(
        {"objective": "binary", "verbosity": -1}, lightgbm.Dataset(rows, rows[:, 0] > 9), 1
    )
    for booster in (widest, constant):
        scores = RawScores.compiled(booster)
        assert scores.is_looked_up
        np.testing.assert_array_equal(scores.of(rows), by_lightgbm(booster, rows))
