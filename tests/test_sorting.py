"""Facts in the order of entity and moment: whatever numpy's own sort gives."""

import numpy as np
import pytest

from features.sorting import NEVER, by_entity, order_by_entity
from features.step_functions import NEVER as NOT_YET
from features.step_functions import Asked, RunningSum, Spans, WindowedFacts

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


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ending", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_window_of_facts_in_order_sums_what_each_window_alone_does(size, ending, weighted):
    who, since = facts(size, 50)
    draw = np.random.default_rng(2)
    starts = since + draw.integers(0, 300, size)
    ends = np.where(draw.random(size) < 0.3, starts + 40, NOT_YET) if ending else np.full(size, NOT_YET)
    weights = draw.integers(-3, 9, size) if weighted else np.full(size, 4)
    spans = Spans(np.arange(size), who, starts, ends)
    in_order = WindowedFacts.of(spans, since, weights, 50)
    entities, as_of = draw.integers(-1, 50, 2000), draw.integers(-1000, 1500, 2000)
    for window in (30, 90, 365):
        alone = spans.narrowed(ends=since + window)
        expected = RunningSum.of(alone, weights[alone.rows], 50).at(entities, as_of)
        sums = in_order.within(window)
        assert sums.at(entities, as_of).tolist() == expected.tolist()
        known = in_order.starts.at(entities, as_of)
        assert sums.at(entities, as_of, known).tolist() == expected.tolist()


def test_rows_asked_for_in_order_remember_their_places():
    entities, as_of = facts(5000, 30)
    asked = Asked.of(entities, as_of, 30)
    assert entities[asked.places].tolist() == asked.entities.tolist()
    assert as_of[asked.places].tolist() == asked.as_of.tolist()
    assert (entities >= 0).sum() == len(asked.places)


def test_a_sum_by_brute_force_at_moments_around_every_change():
    who, starts = facts(400, 6)
    ends = starts + np.random.default_rng(3).integers(-5, 60, 400)
    weights = np.arange(400) % 5 - 2
    total = RunningSum.of(Spans(np.arange(400), who, starts, np.maximum(starts, ends)), weights, 6)
    as_of = np.concatenate([starts - 1, starts, ends, ends + 1])
    entities = np.arange(len(as_of)) % 6
    counts = (
        (starts <= as_of[:, None]) & (np.maximum(starts, ends) > as_of[:, None]) & (who == entities[:, None])
    )
    assert total.at(entities, as_of).tolist() == (counts * weights).sum(axis=1).tolist()
