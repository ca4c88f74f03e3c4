"""Sums of facts within windows, against counting one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.curve_pool import CurvePool, look_up
from features.sorting import NEVER
from features.step_functions import Spans

WINDOWS = (30, 90, 365)


def one_by_one(spans: Spans, since: np.ndarray, weights: np.ndarray, window: int, asked) -> list[int]:
    """A fact counts from its start until a window after it happened, or until it ends if sooner."""
    sums = []
    for entity, moment in zip(*asked, strict=True):
        counts = (spans.entities == entity) & (spans.starts <= moment) & (moment < spans.ends)
        counts &= moment < since + window
        sums.append(int(weights[counts & (entity >= 0)].sum()))
    return sums


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([0, 1, 5, 80, 400]),
    entities=st.sampled_from([1, 3, 40]),
    late=st.sampled_from([0, 20, 300]),
    closing=st.sampled_from([0.0, 0.3, 1.0]),
    weighted=st.booleans(),
)
def test_a_sum_in_a_window_is_that_of_counting_one_by_one(*, seed, size, entities, late, closing, weighted):
    draw = np.random.default_rng(seed)
    since = draw.integers(0, 400, size)
    starts = since + draw.integers(0, late + 1, size)
    ends = np.where(draw.random(size) < closing, starts + draw.integers(1, 200, size), NEVER)
    weights = draw.integers(-3, 9, size) if weighted else np.full(size, 4)
    spans = Spans(np.arange(size), draw.integers(-1, entities, size), starts, ends)
    pool = CurvePool()
    terms = pool.windows(spans, since, weights, WINDOWS, entities)
    pools = pool.joined()
    near = np.concatenate(
        [since, starts, since + 30, since + 90, [5]]
    )  # where something changes, and just before
    as_of = draw.choice(near, 200) - draw.integers(0, 2, 200)
    asked = draw.integers(-1, entities + 1, 200), as_of
    found = look_up([terms[window] for window in WINDOWS], pools, *asked)
    assert found.T.tolist() == [one_by_one(spans, since, weights, window, asked) for window in WINDOWS]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("facts", [10, 64, 65, 60_000])
def test_many_facts_of_one_entity_are_summed_like_few(facts, weighted):
    draw = np.random.default_rng(facts)
    since = draw.integers(0, 10_000, facts)
    weights = draw.integers(1, 5, facts) if weighted else np.ones(facts, int)
    spans = Spans(np.arange(facts), np.zeros(facts, int), since, np.full(facts, NEVER))
    pool = CurvePool()
    terms = pool.windows(spans, since, weights, [365], 1)[365]
    as_of = np.sort(draw.integers(-5, 11_000, 3000))
    order = np.argsort(since, kind="stable")
    running = np.concatenate([[0], np.cumsum(weights[order])])
    until = [running[np.searchsorted(since[order], moments, "right")] for moments in (as_of, as_of - 365)]
    (found,) = look_up([terms], pool.joined(), np.zeros(3000, int), as_of).T
    assert found.tolist() == (until[0] - until[1]).tolist()


def test_spans_that_come_and_go_are_added_and_taken_away():
    spans = Spans(np.arange(3), np.array([0, 0, 1]), np.array([10, 20, 5]), np.array([20, 30, NEVER]))
    for weights in (np.array([1, 1, 1]), np.array([2, 3, 4])):
        pool = CurvePool()
        terms = pool.changes(spans, weights, 2)
        moments = np.array([9, 10, 19, 20, 29, 30])
        at = np.where(
            moments < 10, 0, np.where(moments < 20, weights[0], np.where(moments < 30, weights[1], 0))
        )
        assert look_up([terms], pool.joined(), np.zeros(6, int), moments).T.tolist() == [at.tolist()]
