"""Rules of choosing sites under the same limits: hand-made cities of a few sites and weeks."""

import numpy as np
import pytest

from serving.backtest.orders import ByReduction, Order, Rota, by_level, by_waiting, in_proportion
from serving.backtest.visit_weeks import CHOSEN, MANDATORY, RANDOM, CityWeeks, Limits, visit_weeks

ONE_A_WEEK = 365.25 / 7


def city(
    sites: int, weeks: int, every_days: float = np.inf, waited: float = 0.0, agencies: int = 1
) -> CityWeeks:
    return CityWeeks(
        active=np.ones((sites, weeks), bool),
        agency=np.arange(sites) % agencies,
        every_days=np.full((sites, weeks), every_days),
        waited=np.full(sites, waited),
    )


def order(levels: list[float], weeks: int, rank=by_level) -> Order:
    return Order("order", "次序", "order", rank, np.repeat(np.array(levels)[:, None], weeks, axis=1))


def test_the_highest_level_is_visited_every_week_where_nothing_limits() -> None:
    why = visit_weeks(city(3, 4), order([1, 3, 2], 4), Limits(ONE_A_WEEK / 3, floor=False), seed=0)
    assert why.tolist() == [[0, 0, 0, 0], [CHOSEN] * 4, [0, 0, 0, 0]]


def test_no_chosen_visit_comes_sooner_than_the_least_days() -> None:
    limits = Limits(ONE_A_WEEK / 3, least_days=14, floor=False)
    why = visit_weeks(city(3, 4, waited=100), order([1, 3, 2], 4), limits, seed=0)
    assert (why > 0).argmax(axis=0).tolist() == [1, 2, 1, 2]


def test_a_statutory_visit_comes_before_a_higher_level() -> None:
    made = city(3, 2, waited=0)
    every = made.every_days.copy()
    every[0] = 6
    made = CityWeeks(made.active, made.agency, every, made.waited)
    why = visit_weeks(made, order([1, 3, 2], 2), Limits(ONE_A_WEEK / 3), seed=0)
    assert why[0].tolist() == [MANDATORY, MANDATORY]
    assert why[1:].sum() == 0


def test_the_longest_overdue_come_first_where_there_are_too_few_visits() -> None:
    made = CityWeeks(
        np.ones((3, 1), bool), np.zeros(3, int), np.full((3, 1), 30.0), np.array([40.0, 90.0, 60.0])
    )
    why = visit_weeks(made, order([3, 1, 2], 1), Limits(ONE_A_WEEK / 3), seed=0)
    assert why[:, 0].tolist() == [0, MANDATORY, 0]


def test_an_agency_makes_its_own_visits_and_no_more() -> None:
    limits = Limits(ONE_A_WEEK / 2, floor=False)
    why = visit_weeks(city(4, 3, agencies=2), order([9, 1, 8, 2], 3), limits, seed=0)
    assert (why > 0).sum(axis=1).tolist() == [3, 0, 0, 3]


def test_without_agencies_the_city_is_one() -> None:
    limits = Limits(ONE_A_WEEK / 2, floor=False, by_agency=False)
    why = visit_weeks(city(4, 3, agencies=2), order([9, 1, 8, 2], 3), limits, seed=0)
    assert (why > 0).sum(axis=1).tolist() == [3, 0, 3, 0]


def test_a_finished_site_is_not_visited() -> None:
    made = city(2, 2)
    made.active[1, 1] = False
    why = visit_weeks(made, order([1, 2], 2), Limits(ONE_A_WEEK), seed=0)
    assert why[1].tolist() == [CHOSEN, 0]


@pytest.mark.parametrize("rank", [by_level, by_waiting, in_proportion, ByReduction(91, 2), Rota(91)])
def test_random_draws_are_the_same_under_every_order(rank) -> None:
    limits = Limits(ONE_A_WEEK / 5, random_share=1.0)
    why = visit_weeks(city(20, 30), order(list(range(20)), 30, rank), limits, seed=3)
    alone = visit_weeks(city(20, 30), order([1] * 20, 30), limits, seed=3)
    assert np.array_equal(why == RANDOM, alone == RANDOM)


def test_a_site_that_comes_later_waits_from_its_own_start() -> None:
    made = city(2, 6, every_days=20, waited=0)
    made.active[1, :4] = False
    why = visit_weeks(made, order([1, 1], 6), Limits(ONE_A_WEEK, chosen=False), seed=0)
    # The first is due on the Sunday of the third week (day 20); the other begins on day 28 and is not due before day 48.
    assert (why[0] > 0).argmax() == 2
    assert not why[1].any()


def test_which_sites_are_drawn_does_not_hang_on_how_the_share_is_rounded() -> None:
    # Half a visit a week is drawn in each of two agencies: the first site of each is drawn as often as the others.
    limits = Limits(ONE_A_WEEK / 8, random_share=0.5, floor=False)
    why = visit_weeks(city(16, 4000, agencies=2), order([1] * 16, 4000), limits, seed=1)
    drawn = (why == RANDOM).mean(axis=1)
    assert drawn == pytest.approx(np.full(16, 1 / 16), abs=0.015)


def test_the_random_share_reaches_all_sites_alike() -> None:
    limits = Limits(ONE_A_WEEK / 2, random_share=0.25, floor=False)
    why = visit_weeks(city(8, 4000), order(list(range(8)), 4000), limits, seed=1)
    drawn = (why == RANDOM).mean(axis=1)
    # One of the four visits a week is drawn among all eight: an eighth each.
    assert drawn == pytest.approx(np.full(8, 1 / 8), abs=0.03)


def test_every_order_makes_the_same_number_of_visits() -> None:
    made = city(30, 50, every_days=90, waited=30, agencies=3)
    limits = Limits(3.7, random_share=0.1, least_days=14)
    counts = {
        int((visit_weeks(made, order(list(range(30)), 50, rank), limits, seed=0) > 0).sum())
        for rank in (by_level, by_waiting, in_proportion, ByReduction(91, 2), Rota(91))
    }
    # 3.7 a year of ten sites, over 50 weeks: 35 whole visits of each agency.
    assert counts == {105}


def test_by_reduction_prefers_the_site_whose_last_visit_has_worn_off() -> None:
    values = ByReduction(91, 2)(np.array([2.0, 1.0]), np.array([45.5, 91.0]), np.random.default_rng(0))
    assert values == pytest.approx([0.5, 1.0])
    assert ByReduction(91, 0)(np.array([2.0, 1.0]), np.array([7.0, 91.0]), np.random.default_rng(0)) == (
        pytest.approx([2.0, 1.0])
    )


def test_a_rota_sees_everybody_before_it_begins_again() -> None:
    why = visit_weeks(
        city(13, 26, waited=91), order([1] * 13, 26, Rota(91)), Limits(ONE_A_WEEK / 13, floor=False), seed=5
    )
    assert (why[:, :13] > 0).sum(axis=1).tolist() == [1] * 13
    assert (why[:, 13:] > 0).sum(axis=1).tolist() == [1] * 13


def test_draws_in_proportion_are_in_proportion() -> None:
    levels = np.array([1.0, 3.0])
    chance = np.random.default_rng(0)
    first = np.mean([in_proportion(levels, levels, chance).argmax() for _ in range(4000)])
    assert first == pytest.approx(0.75, abs=0.03)


def test_a_level_that_is_missing_comes_last() -> None:
    limits = Limits(ONE_A_WEEK / 2, floor=False)
    why = visit_weeks(city(2, 1), order([np.nan, 0.0], 1), limits, seed=0)
    assert why[:, 0].tolist() == [0, CHOSEN]
