"""Facts in the order of entity and moment: whatever numpy's own sort gives."""

import numpy as np
import pytest

from features.sorting import NEVER, by_entity, order_by_entity

SIZES = [0, 1, 31, 33, 700, 60_000]


def facts(size: int, entities: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Half of the facts belong to entity 0, a few to none, and moments repeat."""
    draw = np.random.default_rng(seed)
    who = np.where(draw.random(size) < 0.5, 0, draw.integers(-1, entities, size))
    return who, draw.integers(-1000, 1000, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("entities", [1, 7, 20_000])
def test_facts_are_sorted_by_entity_and_moment_on_any_number_of_cores(size, entities):
    who, when = facts(size, entities)
    order, moments, offsets = order_by_entity(who, when, entities)
    kept = np.flatnonzero(who >= 0)
    expected = kept[np.lexsort((when[kept], who[kept]))]
    assert moments.tolist() == when[expected].tolist() == when[order].tolist()
    assert sorted(order.tolist()) == kept.tolist()
    assert np.repeat(np.arange(entities), np.diff(offsets)).tolist() == who[expected].tolist()
    alone, same_offsets = by_entity(who, when, entities)
    assert alone.tolist() == moments.tolist()
    assert same_offsets.tolist() == offsets.tolist()


@pytest.mark.parametrize("shift", [0, 40, 62])
def test_a_long_run_of_one_entity_is_sorted_whatever_the_range_of_its_moments(shift):
    when = np.random.default_rng(4).integers(-(2**shift), 2**shift, 9000)
    order, moments, _ = order_by_entity(np.zeros(9000, np.int64), when, 1)
    assert (
        moments.tolist() == by_entity(np.zeros(9000, np.int64), when, 1)[0].tolist() == sorted(when.tolist())
    )
    assert when[order].tolist() == moments.tolist()


def test_what_is_never_to_come_is_left_out():
    moments, offsets = by_entity(np.array([0, 0, 1]), np.array([5, NEVER, NEVER]), 2)
    assert moments.tolist() == [5]
    assert offsets.tolist() == [0, 1, 1]


def test_a_few_moments_of_an_entity_may_stay_in_no_order():
    who, when = np.array([0, 0, 0, 1, 1, 1, 1]), np.array([3, 1, 2, 9, 8, 7, 6])
    moments, offsets = by_entity(who, when, 2, few=3)
    assert moments.tolist() == [3, 1, 2, 6, 7, 8, 9]
    assert offsets.tolist() == [0, 3, 7]
