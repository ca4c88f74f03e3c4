"""A search begins with what is declared, never sees the newest origin, and takes only what is clearly better."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from data_contracts.errors import InvalidInput
from training.search import (
    FEWEST_TRIALS,
    RANGES,
    Parameters,
    Search,
    SearchedOrigin,
    Trial,
    checked_minutes,
    search_parameters,
)

DECLARED = {
    "num_leaves": 15,
    "max_depth": 6,
    "min_data_in_leaf": 200,
    "lambda_l2": 20.0,
    "feature_fraction": 0.3125,
    "learning_rate": 0.05,
}


def time_for(trials: int) -> Callable[[], bool]:
    """Time for so many trials, and then none."""
    left: Iterator[bool] = iter([True] * (trials - FEWEST_TRIALS))
    return lambda: next(left, False)


def loss_by_leaves(parameters: Parameters) -> float:
    """Few leaves are best here, as plainly as can be."""
    return 0.1 + parameters["num_leaves"] / 100


def found(*log_losses: float) -> Search:
    return Search(tuple(Trial({"num_leaves": place}, loss, False) for place, loss in enumerate(log_losses)))


def test_the_declared_parameters_are_tried_first_and_as_declared() -> None:
    search = search_parameters([SearchedOrigin(10, loss_by_leaves)], DECLARED, seed=1, has_time=lambda: False)
    assert search.declared.parameters == DECLARED
    assert len(search.trials) == 2 and not any(trial.is_pruned for trial in search.trials)


def test_what_is_found_lies_within_the_ranges_and_is_better_where_something_is() -> None:
    search = search_parameters([SearchedOrigin(10, loss_by_leaves)], DECLARED, seed=1, has_time=time_for(25))
    assert len(search.trials) == 25
    for trial in search.trials:
        assert all(low <= trial.parameters[name] <= high for name, (low, high) in RANGES.items())
    assert search.is_better and search.best.parameters["num_leaves"] <= 6
    assert search.table()["log_loss"].min() == search.best.log_loss


def test_the_same_seed_proposes_the_same_trials() -> None:
    origins = [SearchedOrigin(10, loss_by_leaves)]
    once, again, other = (
        search_parameters(origins, DECLARED, seed=seed, has_time=time_for(6)) for seed in (1, 1, 2)
    )
    assert once == again != other


def test_origins_count_by_their_rows() -> None:
    origins = [SearchedOrigin(30, lambda _: 0.1), SearchedOrigin(10, lambda _: 0.5)]
    search = search_parameters(origins, DECLARED, seed=1, has_time=lambda: False)
    assert search.declared.log_loss == pytest.approx(0.2)


def test_a_trial_that_is_worse_than_most_at_the_first_origin_is_not_tried_at_the_next() -> None:
    asked = []

    def second(parameters: Parameters) -> float:
        asked.append(parameters)
        return 0.1

    origins = [SearchedOrigin(10, loss_by_leaves), SearchedOrigin(10, second)]
    search = search_parameters(origins, DECLARED, seed=1, has_time=time_for(20))
    pruned = [trial for trial in search.trials if trial.is_pruned]
    assert pruned and len(asked) == len(search.trials) - len(pruned)
    assert search.best not in pruned


def test_a_declared_value_outside_its_range_is_kept_and_not_searched() -> None:
    declared = DECLARED | {"min_data_in_leaf": 10, "max_depth": -1}
    origins = [SearchedOrigin(10, loss_by_leaves)]
    search = search_parameters(origins, declared, seed=1, has_time=time_for(4))
    for trial in search.trials:
        assert set(trial.parameters) == set(RANGES) - {"min_data_in_leaf", "max_depth"}


def test_level_log_losses_keep_what_is_declared() -> None:
    assert not found(0.1002, 0.1001, 0.1).is_better  # two in a thousand are level
    assert found(0.1003, 0.1).is_better
    assert not found(0.1, 0.1, 0.2).is_better


@pytest.mark.parametrize("minutes", [0, -1.5, float("nan"), float("inf")])
def test_minutes_that_are_none_are_refused_in_both_languages(minutes: float) -> None:
    with pytest.raises(InvalidInput, match="above 0") as refused:
        checked_minutes(minutes)
    assert refused.value.field == "search" and "大于 0" in refused.value.zh
