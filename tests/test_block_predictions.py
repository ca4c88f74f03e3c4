"""LightGBM: the same bits whatever the blocks of a prediction, beside other calls, and on bins used before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import lightgbm
import numpy as np
import pytest

from training.block_predictions import FEWEST_ROWS_OF_A_BLOCK, in_blocks
from training.trees import BinnedRows, Labelled, fit_trees, tree_parameters

NAMES = ["area", "score", "visits"]


def labelled(count: int, seed: int) -> Labelled:
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(count, len(NAMES)))
    return Labelled(features, (draw.random(count) < 1 / (1 + np.exp(2 - features[:, 0]))).astype(float))


def grown(seed: int) -> str:
    parameters = tree_parameters({"num_boost_round": 60}, [1, 0, 0], seed=seed, threads=1)
    return fit_trees(BinnedRows(labelled(3000, 1), labelled(1000, 2), NAMES, parameters))


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    return lightgbm.Booster(model_str=grown(1))


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("rows", [1, FEWEST_ROWS_OF_A_BLOCK, 3 * FEWEST_ROWS_OF_A_BLOCK + 1])
def test_rows_have_the_same_score_in_any_number_of_blocks(
    booster: lightgbm.Booster, rows: int, threads: int
) -> None:
    features = labelled(rows, 3).features
    alone = booster.predict(features, raw_score=True, num_threads=1)
    np.testing.assert_array_equal(in_blocks(booster, features, threads=threads, raw_score=True), alone)


def test_trees_that_grow_while_others_answer_are_the_same_trees(booster: lightgbm.Booster) -> None:
    expected = [grown(seed) for seed in range(4)]
    many, few = labelled(20_000, 4).features, labelled(3, 5).features
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(in_blocks, booster, rows, raw_score=True) for rows in (many, few) * 20]
        assert list(pool.map(grown, range(4))) == expected
        for answer, rows in zip(answers, (many, few) * 20, strict=True):
            np.testing.assert_array_equal(
                answer.result(), booster.predict(rows, raw_score=True, num_threads=1)
            )


def test_trees_on_bins_that_others_were_grown_on_are_those_of_bins_of_their_own() -> None:
    parameters = tree_parameters({"num_boost_round": 60}, [1, 0, 0], seed=1, threads=1)
    older, later = labelled(3000, 1), labelled(1000, 2)
    begins_at = older.features[:, 1].copy(), later.features[:, 1].copy()
    shared = BinnedRows(older, later, NAMES, parameters)
    alone = [fit_trees(BinnedRows(older, later, NAMES, parameters), begins_at=at) for at in (None, begins_at)]
    assert alone[0] != alone[1]
    assert [fit_trees(shared, begins_at=at) for at in (None, begins_at, None)] == [*alone, alone[0]]
