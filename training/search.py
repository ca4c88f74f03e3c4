"""Searching the parameters of trees: the declared ones first, then as many others as time allows.

Optuna proposes what to try next (TPE) and gives up a trial that is worse than the median at the origins so far.
Nothing here knows rows or heads: an origin is asked what log loss it finds under some parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_contracts.errors import InvalidInput
from training.judging import LEVEL

if TYPE_CHECKING:
    import optuna

Parameters = Mapping[str, float]

# Around the defaults of `training.trees`, on a log scale; whole numbers where both ends are. No deeper than 6: see there.
RANGES: Mapping[str, tuple[float, float]] = {
    "num_leaves": (4, 31),
    "max_depth": (3, 6),
    "min_data_in_leaf": (50, 1000),
    "lambda_l2": (1.0, 200.0),
    "feature_fraction": (0.1, 0.8),
    "learning_rate": (0.02, 0.15),
}
# The declared parameters and one trial beside them, however short the time.
FEWEST_TRIALS = 2
TRIALS_BEFORE_PRUNING = 5
# What is proposed is rounded before it is tried, so that it can be written into a heads file.
DIGITS = 3


@dataclass(frozen=True)
class SearchedOrigin:
    """An older origin as a search sees it: how many rows it tests on, and their log loss under some parameters."""

    rows: int
    log_loss: Callable[[Parameters], float]


@dataclass(frozen=True)
class Trial:
    """Parameters that were tried, and the log loss averaged over the origins' rows, as far as it came."""

    parameters: dict[str, float]
    log_loss: float
    is_pruned: bool


@dataclass(frozen=True)
class Search:
    """The trials of a search in their order; the first is what was declared."""

    trials: tuple[Trial, ...]

    @property
    def declared(self) -> Trial:
        return self.trials[0]

    @cached_property
    def best(self) -> Trial:
        """The trial with the least log loss among those that saw every origin; the earliest of equals."""
        return min((each for each in self.trials if not each.is_pruned), key=lambda each: each.log_loss)

    @property
    def is_better(self) -> bool:
        """Whether the best is better than the declared by more than what is called level."""
        return self.best.log_loss * LEVEL < self.declared.log_loss

    def table(self) -> pd.DataFrame:
        """A row a trial: its parameters, its log loss, and whether it was pruned."""
        rows = [
            {"trial": place, **each.parameters, "log_loss": each.log_loss, "is_pruned": each.is_pruned}
            for place, each in enumerate(self.trials)
        ]
        return pd.DataFrame(rows)


def search_parameters(
    origins: Sequence[SearchedOrigin], declared: Parameters, *, seed: int, has_time: Callable[[], bool]
) -> Search:
    """Try `declared` and then, while there is time, other parameters; a trial that has begun is finished.

    Of `declared` those that `searchable` names are searched; there is at least one. The same origins and seed propose the
    same trials in the same order; how many there are depends on the time.
    """
    searched = {name: declared[name] for name in searchable(declared)}
    study = _study(seed)
    study.enqueue_trial(searched)
    trials: list[Trial] = []
    while len(trials) < FEWEST_TRIALS or has_time():
        asked = study.ask()
        proposed = {name: _proposed(asked, name) for name in searched}
        trials.append(_tried(study, asked, proposed if trials else searched, origins))
    return Search(tuple(trials))


def searchable(declared: Parameters) -> list[str]:
    """The parameters that can be searched: a declared value outside its range is the declarer's choice, and stays.

    >>> searchable({name: 5 for name in RANGES} | {"num_leaves": 7.5})
    ['max_depth', 'lambda_l2']
    """
    return [
        name
        for name, (low, high) in RANGES.items()
        if low <= declared[name] <= high and (isinstance(low, float) or float(declared[name]).is_integer())
    ]


def checked_minutes(minutes: float) -> float:
    """The minutes of a search; raises InvalidInput unless they are a number above 0.

    >>> checked_minutes(0.5)
    0.5
    """
    if not (math.isfinite(minutes) and minutes > 0):
        raise InvalidInput(
            zh=f"--search 应为大于 0 的分钟数，而不是 {minutes:g}。例如：--search 10；不需要搜索时请去掉此项。",
            en=f"--search takes a number of minutes above 0, not {minutes:g}. For instance --search 10; leave it out to "
            "search nothing.",
            field="search",
        )
    return minutes


def _study(seed: int) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING),
    )


def _proposed(asked: optuna.Trial, name: str) -> float:
    low, high = RANGES[name]
    if isinstance(low, int) and isinstance(high, int):
        return asked.suggest_int(name, low, high, log=True)
    return float(f"{asked.suggest_float(name, low, high, log=True):.{DIGITS}g}")


def _tried(
    study: optuna.Study, asked: optuna.Trial, parameters: Parameters, origins: Sequence[SearchedOrigin]
) -> Trial:
    from optuna.trial import TrialState

    found: list[float] = []
    for place, origin in enumerate(origins, start=1):
        found.append(origin.log_loss(parameters))
        mean = float(np.average(found, weights=[each.rows for each in origins[:place]]))
        asked.report(mean, place)
        if place < len(origins) and asked.should_prune():
            study.tell(asked, state=TrialState.PRUNED)
            return Trial(dict(parameters), mean, is_pruned=True)
    study.tell(asked, mean)
    return Trial(dict(parameters), mean, is_pruned=False)
