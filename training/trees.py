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
    "early_stopping_rounds": 30,
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
    "force_col_wise": True,  # a tree sees a part of the columns; by rows all of them are gone through
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
    """Rows of features, and what happened to each (0 or 1)."""

    features: np.ndarray
    happened: np.ndarray


class BinnedRows:
    """Rows to fit on, and later ones that say when to stop, in LightGBM's bins: made once for all trees on them.

    `parameters` are those of `tree_parameters`. Without later rows all rounds are fitted.
    """

    def __init__(
        self, rows: Labelled, later: Labelled | None, names: Sequence[str], parameters: Mapping[str, Any]
    ) -> None:
        import lightgbm

        self.parameters = dict(parameters)
        if len(rows.happened) < ROWS_FOR_THREADS:
            self.parameters["num_threads"] = 1
        self.rounds = int(self.parameters.pop("num_boost_round"))
        self.patience = int(self.parameters.pop("early_stopping_rounds"))
        self.rows = lightgbm.Dataset(
            rows.features,
            rows.happened,
            feature_name=list(names),
            params=self.parameters,
            free_raw_data=True,
        ).construct()
        self.later = None
        if later is not None:
            self.later = self.rows.create_valid(
                later.features, later.happened, params=self.parameters
            ).construct()

    def begin_at(self, log_odds: tuple[np.ndarray, np.ndarray | None] | None) -> None:
        """The log-odds that trees begin from, of the rows and of the later ones; None: the mean of the outcomes."""
        of_rows, of_later = log_odds if log_odds is not None else (None, None)
        self.rows.set_field("init_score", of_rows)
        if self.later is not None:
            self.later.set_field("init_score", of_later)


def fit_trees(
    rows: BinnedRows,
    progress: Progress = silent,
    *,
    step: str = "trees",
    begins_at: tuple[np.ndarray, np.ndarray | None] | None = None,
) -> str:
    """LightGBM's text of trees fitted on the rows, as many as the log loss of the later ones asks for.

    `begins_at` are log-odds of the rows and of the later ones that the trees add to. The same rows, parameters and
    seed give the same text, whatever the number of threads.
    """
    import lightgbm

    progress(step, 0, rows.rounds)
    rows.begin_at(begins_at)
    callbacks = [_telling(progress, step, rows.rounds)]
    if rows.later is not None:
        callbacks.append(lightgbm.early_stopping(rows.patience, verbose=False))
    booster = lightgbm.train(
        rows.parameters,
        rows.rows,
        rows.rounds,
        valid_sets=[rows.later] if rows.later is not None else None,
        callbacks=callbacks,
    )
    progress(step, rows.rounds, rows.rounds)
    kept = booster.current_iteration()
    if rows.later is not None:
        fewest = FEWEST_ROUNDS if begins_at is None else 1
        kept = min(max(booster.best_iteration, fewest), kept)
    return without_threads(booster.model_to_string(num_iteration=kept))


def without_threads(text: str) -> str:
    """The text without the one line that depends on the machine."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("[num_threads:"))


def _telling(progress: Progress, step: str, rounds: int) -> Any:
    def tell(environment: lightgbm.callback.CallbackEnv) -> None:
        progress(step, environment.iteration + 1, rounds)

    tell.order = 99  # type: ignore[attr-defined]
    return tell
