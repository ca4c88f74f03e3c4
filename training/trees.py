"""Fitting the trees: plain log loss, monotone where the catalogue expects a direction, reproducible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from data_contracts.progress import Progress, silent

if TYPE_CHECKING:
    import lightgbm

# Trees no deeper than 6: the contributions of a leaf then fit into a table.
DEFAULTS: Mapping[str, Any] = {
    "num_leaves": 15,
    "max_depth": 6,
    "learning_rate": 0.05,
    "min_data_in_leaf": 200,
    "lambda_l2": 20.0,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 127,
    "num_boost_round": 800,
    "early_stopping_rounds": 60,
}
# A slice with a handful of outcomes may want to stop at once; fewer rounds than this rank nobody.
FEWEST_ROUNDS = 30
# Below this many rows threads wait for one another longer than they work.
ROWS_FOR_THREADS = 50_000
# No class weights and no resampling: risks are to be probabilities.
FIXED: Mapping[str, Any] = {
    "objective": "binary",
    "metric": "binary_logloss",
    "monotone_constraints_method": "intermediate",
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def tree_parameters(
    own: Mapping[str, float], directions: list[int], *, seed: int, threads: int
) -> dict[str, Any]:
    """LightGBM's parameters for a head: the defaults, its own, and what no head may change."""
    return {
        **DEFAULTS,
        **own,
        **FIXED,
        "monotone_constraints": directions,
        "seed": seed,
        "num_threads": threads,
    }


class Labelled(NamedTuple):
    """Rows of features, what happened to each (0 or 1), and the log-odds that trees begin from, if any."""

    features: np.ndarray
    happened: np.ndarray
    begins_at: np.ndarray | None = None


def fit_trees(
    rows: Labelled,
    later: Labelled,
    names: Sequence[str],
    parameters: Mapping[str, Any],
    progress: Progress = silent,
    *,
    step: str = "trees",
) -> str:
    """LightGBM's text of trees fitted on `rows`, as many as the log loss of the later rows asks for.

    The same rows, parameters and seed give the same text, whatever the number of threads.
    """
    import lightgbm

    parameters = dict(parameters)
    if len(rows.happened) < ROWS_FOR_THREADS:
        parameters["num_threads"] = 1
    rounds = int(parameters.pop("num_boost_round"))
    patience = int(parameters.pop("early_stopping_rounds"))
    progress(step, 0, rounds)
    fitted_on = lightgbm.Dataset(
        rows.features,
        rows.happened,
        init_score=rows.begins_at,
        feature_name=list(names),
        params=parameters,
        free_raw_data=True,
    )
    watched = fitted_on.create_valid(later.features, later.happened, init_score=later.begins_at)
    booster = lightgbm.train(
        parameters,
        fitted_on,
        rounds,
        valid_sets=[watched],
        callbacks=[lightgbm.early_stopping(patience, verbose=False), _telling(progress, step, rounds)],
    )
    progress(step, rounds, rounds)
    fewest = FEWEST_ROUNDS if rows.begins_at is None else 1
    kept = min(max(booster.best_iteration, fewest), booster.current_iteration())
    return without_threads(booster.model_to_string(num_iteration=kept))


def without_threads(text: str) -> str:
    """The text without the one line that depends on the machine."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("[num_threads:"))


def _telling(progress: Progress, step: str, rounds: int) -> Any:
    def tell(environment: lightgbm.callback.CallbackEnv) -> None:
        progress(step, environment.iteration + 1, rounds)

    tell.order = 99  # type: ignore[attr-defined]
    return tell
