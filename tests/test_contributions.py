"""Contributions are exact SHAP values: shap, LightGBM itself and the definition are the judges."""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts.errors import InvalidInput
from training.booster_trees import booster_trees
from training.contributions import BLOCK, FEW_ROWS, ROWS_FOR_THREADS, TreeContributions

QUIET = {"verbosity": -1, "num_threads": 1, "objective": "binary", "min_data_in_leaf": 5, "num_leaves": 15}
CODE = 2  # the column that holds codes of categories
# What a column of codes may hold: known and unknown codes, halves, nothing, and what no whole number holds.
STRANGE = (0, 3, 7, 31, 32, 500, -1, -0.5, 2.9, np.nan, 1e12, -1e12, 2.0**31, np.inf, -np.inf)


def drawn_rows(seed: int, count: int = 300, columns: int = 6, missing: float = 0.15) -> np.ndarray:
    """Numbers, small whole numbers with many zeros, codes, a constant, and holes."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(count, columns))
    rows[:, 1] = draw.integers(-2, 3, count)
    rows[:, CODE] = draw.integers(0, 40, count)
    rows[draw.random(rows.shape) < missing] = np.nan
    rows[:, 3] = 4.0
    return rows


def fitted(
    rows: np.ndarray,
    *,
    rounds: int = 8,
    categories: bool = True,
    weights: bool = False,
    **parameters: Any,
) -> lightgbm.Booster:
    """A booster that has learned something from every column, read back from its text."""
    draw = np.random.default_rng(9)
    known = np.nan_to_num(rows)
    signal = (
        known[:, 0] * known[:, 1] + (known[:, CODE] % 3) + np.isnan(rows[:, 0]) + known[:, 4:].sum(axis=1)
    )
    target = (signal + draw.normal(size=len(rows)) > np.median(signal)).astype(float)
    told = lightgbm.Dataset(
        rows,
        target,
        weight=draw.random(len(rows)) + 0.1 if weights else None,
        categorical_feature=[CODE] if categories else [],
    )
    booster = lightgbm.train({**QUIET, **parameters}, told, rounds)
    return lightgbm.Booster(model_str=booster.model_to_string())


def asked_rows(seed: int) -> np.ndarray:
    """Rows like those of the training, and strange ones."""
    rows = drawn_rows(seed, 60)
    rows[: len(STRANGE), CODE] = STRANGE
    rows[20:24, 0] = [0.0, -0.0, 1e-36, -1e-36]
    rows[24:27, 1] = [np.inf, -np.inf, 1e-35]
    return rows


def assert_equal(booster: lightgbm.Booster, rows: np.ndarray, *, is_looked_up: bool = True) -> np.ndarray:
    """As LightGBM says, and adding up to the raw score."""
    contributions = TreeContributions.compiled(booster)
    assert contributions.is_looked_up == is_looked_up
    told = contributions.of(rows)
    np.testing.assert_allclose(told, booster.predict(rows, pred_contrib=True), rtol=0, atol=1e-9)
    np.testing.assert_allclose(told.sum(axis=1), booster.predict(rows, raw_score=True), rtol=0, atol=1e-9)
    assert np.all(told[:, -1] == contributions.base)
    return told


BOOSTERS = st.fixed_dictionaries(
    {
        "num_leaves": st.integers(2, 20),
        "max_depth": st.integers(1, 6),
        "rounds": st.integers(1, 12),
        "use_missing": st.booleans(),
        "zero_as_missing": st.booleans(),
        "categories": st.booleans(),
        "weights": st.booleans(),
        "objective": st.sampled_from(["binary", "regression", "poisson"]),
        "boost_from_average": st.booleans(),
        "bagging_fraction": st.sampled_from([0.6, 1.0]),
        "bagging_freq": st.just(1),
        "feature_fraction": st.sampled_from([0.5, 1.0]),
        "max_bin": st.sampled_from([4, 255]),
        "min_data_in_leaf": st.sampled_from([1, 20, 200]),
        "min_data_per_group": st.just(5),
    }
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.3]), parameters=BOOSTERS)
def test_contributions_are_those_of_lightgbm_whatever_the_booster(
    seed: int, missing: float, parameters: dict[str, Any]
) -> None:
    booster = fitted(drawn_rows(seed, missing=missing), **parameters)
    assert_equal(booster, asked_rows(seed + 1))


@pytest.mark.parametrize(
    "parameters",
    [
        {"boosting": "dart"},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        {"data_sample_strategy": "goss"},
        {"extra_trees": True},
        {"path_smooth": 3.0, "linear_tree": False},
        {"monotone_constraints": [1, 0, 0, 0, -1, 1], "monotone_constraints_method": "intermediate"},
        {"is_unbalance": True},
        {"max_cat_to_onehot": 64},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_contributions_are_those_of_lightgbm_however_it_was_trained(parameters: Mapping[str, Any]) -> None:
    assert_equal(fitted(drawn_rows(1), rounds=20, max_depth=5, **parameters), asked_rows(2))


@pytest.mark.parametrize("categories", [False, True])
def test_contributions_are_those_of_shap(categories: bool) -> None:
    import shap

    booster, rows = fitted(drawn_rows(3), categories=categories, max_depth=6, rounds=30), asked_rows(4)
    explainer = shap.TreeExplainer(booster)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what shap gave in earlier versions
        expected = explainer.shap_values(rows)
    told = TreeContributions.compiled(booster).of(rows)
    np.testing.assert_allclose(told[:, :-1], expected, rtol=0, atol=1e-9)
    assert explainer.expected_value == pytest.approx(told[0, -1], abs=1e-9)


def test_contributions_are_those_of_shap_s_own_walk_through_the_trees() -> None:
    # shap asks LightGBM for its own boosters' values; told that the trees are nobody's, it walks through them.
    import shap

    rows = np.nan_to_num(drawn_rows(5))
    booster = fitted(rows, categories=False, rounds=20, max_depth=6)
    explainer = shap.TreeExplainer(booster)
    explainer.model.model_type = "internal"
    told = TreeContributions.compiled(booster).of(rows[:40])
    expected = explainer.shap_values(rows[:40], check_additivity=False)
    np.testing.assert_allclose(told[:, :-1], expected, rtol=0, atol=1e-9)


def by_definition(booster: lightgbm.Booster, row: np.ndarray) -> list[float]:
    """Shapley values over all coalitions; a feature outside sends on the shares of the training's rows."""
    trees = booster_trees(booster.model_to_string()).trees

    def worth(known: frozenset[int], tree: Any, node: int) -> float:
        if node < 0:
            return float(tree.leaf_values[-node - 1])
        children, feature = (tree.left[node], tree.right[node]), tree.features[node]
        if feature in known:
            return worth(known, tree, children[0 if row[feature] <= tree.thresholds[node] else 1])
        return sum(tree.share(node, child) * worth(known, tree, child) for child in children)

    def value(known: frozenset[int]) -> float:
        return sum(worth(known, tree, 0) for tree in trees)

    count = len(row)
    values = []
    for feature in range(count):
        others = [other for other in range(count) if other != feature]
        coalitions = (set(c) for size in range(count) for c in itertools.combinations(others, size))
        values.append(
            sum(
                (value(frozenset(known | {feature})) - value(frozenset(known)))
                / (count * math.comb(count - 1, len(known)))
                for known in coalitions
            )
        )
    return values


def four_numbers() -> np.ndarray:
    return np.random.default_rng(11).normal(size=(200, 4))


def test_a_contribution_is_the_shapley_value_by_definition() -> None:
    rows = four_numbers()
    booster = fitted(rows, categories=False, rounds=3, num_leaves=9)
    told = TreeContributions.compiled(booster).of(rows[:6])
    np.testing.assert_allclose(told[:, :-1], [by_definition(booster, row) for row in rows[:6]], atol=1e-12)


def test_a_leaf_that_no_row_of_the_training_reached_still_explains_its_rows() -> None:
    # LightGBM divides by its count, and says NaN.
    rows = four_numbers()
    text = fitted(rows, categories=False, rounds=1, num_leaves=6, max_depth=4).model_to_string()
    emptied = re.sub(r"(?m)^leaf_count=\d+", "leaf_count=0", text)
    booster = lightgbm.Booster(model_str=emptied)
    leaves = booster.predict(rows, pred_leaf=True).reshape(-1)
    chosen = np.concatenate([rows[leaves == 0][:3], rows[leaves != 0][:3]])
    assert np.isnan(booster.predict(chosen, pred_contrib=True)).any()
    told = TreeContributions.compiled(booster).of(chosen)
    np.testing.assert_allclose(told[:, :-1], [by_definition(booster, row) for row in chosen], atol=1e-12)


def test_a_category_is_what_stands_before_the_point_and_goes_right_where_nobody_knows_it() -> None:
    rows = np.repeat([[0.0], [1.0], [33.0]], 50, axis=0)
    told = lightgbm.Dataset(rows, rows[:, 0] == 0, categorical_feature=[0])
    booster = lightgbm.train({**QUIET, "min_data_per_group": 1, "max_cat_to_onehot": 1}, told, 2)
    asked = np.array([0, -0.0, -0.9, 0.9, 1, 33, -1, 2, 64, 1e12, -1e12, np.nan, np.inf, -np.inf])
    contributions = assert_equal(booster, asked[:, None])[:, 0]
    np.testing.assert_array_equal(contributions > 0, [True] * 4 + [False] * 10)


def test_a_feature_that_never_splits_contributes_nothing() -> None:
    told = assert_equal(fitted(drawn_rows(6), max_depth=4), asked_rows(7))
    assert np.all(told[:, 3] == 0)


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_booster_that_found_no_split_gives_its_constant_as_the_expected_value(rounds: int) -> None:
    told = assert_equal(fitted(drawn_rows(6), rounds=rounds, min_data_in_leaf=400), asked_rows(7))
    assert np.all(told[:, :-1] == 0)


def test_the_trees_after_the_best_iteration_explain_nothing() -> None:
    booster = fitted(drawn_rows(8), rounds=10, max_depth=4)
    whole = TreeContributions.compiled(booster).of(asked_rows(9))
    booster.best_iteration = 4  # as early stopping sets it
    assert not np.allclose(assert_equal(booster, asked_rows(9)), whole)


def wide_rows() -> np.ndarray:
    rows = drawn_rows(12, 2000, columns=14, missing=0.05)
    rows[:, 3] = rows[:, 5] - rows[:, 6]
    return rows


def test_a_path_of_more_features_than_a_table_holds_is_explained_by_lightgbm() -> None:
    booster = fitted(wide_rows(), num_leaves=60, min_data_in_leaf=2, rounds=3)
    told = assert_equal(booster, wide_rows()[:30], is_looked_up=False)
    assert told.shape == (30, 15)


def test_a_tree_of_more_nodes_than_a_group_holds_is_looked_up_group_by_group() -> None:
    assert_equal(fitted(wide_rows(), num_leaves=100, min_data_in_leaf=2, max_depth=8, rounds=3), wide_rows())


def test_one_feature_may_split_as_often_as_it_likes() -> None:
    rows = wide_rows()
    booster = fitted(rows, num_leaves=80, min_data_in_leaf=2, feature_fraction=0.08, rounds=10, max_depth=12)
    assert_equal(booster, rows[:200])


def test_several_scores_have_their_columns_side_by_side() -> None:
    rows = drawn_rows(13)
    told = lightgbm.Dataset(rows, np.random.default_rng(1).integers(0, 3, len(rows)))
    booster = lightgbm.train({**QUIET, "objective": "multiclass", "num_class": 3}, told, 2)
    contributions = TreeContributions.compiled(booster)
    assert math.isnan(contributions.base)
    np.testing.assert_array_equal(contributions.of(rows), booster.predict(rows, pred_contrib=True))


def test_the_same_row_gives_the_same_bits_whatever_stands_beside_it() -> None:
    rows = np.resize(drawn_rows(14), (2 * BLOCK + 3, 6))
    contributions = TreeContributions.compiled(fitted(rows, max_depth=6, rounds=30))
    together = contributions.of(rows, threads=1)
    for threads in (0, 2, 3):
        np.testing.assert_array_equal(contributions.of(rows, threads=threads), together)
    for size in (1, FEW_ROWS, FEW_ROWS + 1, ROWS_FOR_THREADS):
        np.testing.assert_array_equal(contributions.of(rows[7 : 7 + size]), together[7 : 7 + size])
    np.testing.assert_array_equal(contributions.of(rows[::-1]), together[::-1])
    np.testing.assert_array_equal(contributions.of(np.asfortranarray(rows)), together)


def test_no_rows_have_no_contributions() -> None:
    nothing = np.empty((0, 6))
    assert TreeContributions.compiled(fitted(drawn_rows(15), max_depth=4)).of(nothing).shape == (0, 7)
    deep = TreeContributions.compiled(fitted(wide_rows(), num_leaves=60, min_data_in_leaf=2, rounds=3))
    assert deep.of(np.empty((0, 14))).shape == (0, 15)


@pytest.mark.parametrize(
    ("rows", "en", "zh"),
    [
        (np.zeros((2, 5)), "2 × 5; this model needs 6 columns", "每行 6 列"),
        (np.zeros(6), "are 6; this model needs 6 columns", "每行 6 列"),
        (np.array([["x"] * 6]), "no number", "非数值"),
    ],
)
def test_rows_that_are_not_the_model_s_are_refused_in_both_languages(
    rows: np.ndarray, en: str, zh: str
) -> None:
    contributions = TreeContributions.compiled(fitted(drawn_rows(15), max_depth=4))
    with pytest.raises(InvalidInput) as refused:
        contributions.of(rows)
    assert en in refused.value.en
    assert zh in refused.value.zh
    assert refused.value.field == "rows"


def test_linear_leaves_are_refused() -> None:
    booster = fitted(drawn_rows(16), linear_tree=True, objective="regression", categories=False)
    with pytest.raises(InvalidInput, match="linear models"):
        TreeContributions.compiled(booster)
