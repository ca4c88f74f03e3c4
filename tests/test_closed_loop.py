"""What visits avert under the three models of their effect: worked out by hand."""

import numpy as np
import pytest

from serving.backtest.closed_loop import TrueCity, loop, most_possible, ratio_of_sums, regimes
from serving.backtest.orders import Order, by_level
from serving.backtest.visit_effects import VisitEffect
from serving.backtest.visit_weeks import CityWeeks

EFFECT = VisitEffect(reduction=0.1, lasting_days=14)
ONES = np.ones((1, 5))


def visits(*weeks: int) -> np.ndarray:
    made = np.zeros((1, 5), bool)
    made[0, list(weeks)] = True
    return made


def test_ns3_lasts_its_days_and_does_not_stack() -> None:
    assert EFFECT.ns3(visits(0, 1), ONES)[0] == pytest.approx([0.9, 0.9, 0.9, 1, 1])


def test_ns3_that_lasts_longer_than_the_weeks_there_are_lasts_to_the_end() -> None:
    assert VisitEffect(0.1, 91).ns3(visits(1), ONES)[0] == pytest.approx([1, 0.9, 0.9, 0.9, 0.9])


def test_st3_stacks_and_halves() -> None:
    half = 0.5**0.5
    strength = np.array([1, 1 + half, (1 + half) * half])
    assert EFFECT.st3(visits(0, 1), ONES)[0, :3] == pytest.approx(0.9**strength)
    assert EFFECT.st3(visits(0), ONES)[0, 2] == pytest.approx(0.9**0.5)


def test_haz_removes_what_the_visit_finds_and_a_second_visit_only_what_came_back() -> None:
    found = np.full((1, 5), 2.0)
    assert EFFECT.haz(visits(0), found)[0, [0, 2, 4]] == pytest.approx([0.8, 0.9, 0.95])
    assert EFFECT.haz(visits(0, 1), found)[0, :2] == pytest.approx([0.8, 0.8])


def test_haz_takes_away_half_at_most() -> None:
    assert EFFECT.haz(visits(0), np.full((1, 5), 50.0))[0, 0] == pytest.approx(0.5)


def true_city() -> TrueCity:
    weeks = 52
    city = CityWeeks(
        np.ones((4, weeks), bool), np.zeros(4, int), np.full((4, weeks), np.inf), np.full(4, 91.0)
    )
    expected = np.repeat(np.array([[4.0], [3.0], [2.0], [1.0]]), weeks, axis=1)
    return TrueCity(city, expected, np.ones((4, weeks)), VisitEffect(0.094, 91))


def levels(values: list[float], name: str) -> Order:
    return Order(name, name, name, by_level, np.repeat(np.array(values)[:, None], 52, axis=1))


def test_an_order_that_knows_the_hazard_averts_more_with_the_same_visits() -> None:
    regime = next(one for one in regimes(0.0, 13.0, (1.0,), 0.0, 91.0) if one.name == "unconstrained10")
    rows = loop(true_city(), [levels([1, 2, 3, 4], "worst"), levels([4, 3, 2, 1], "oracle")], regime, seed=0)
    ns3 = rows[rows["effect"] == "ns3"].set_index("order")
    assert ns3["visits"].nunique() == 1
    assert ns3.loc["oracle", "averted"] > 2 * ns3.loc["worst", "averted"]
    assert ns3.loc["worst", "worse_off"] == 0
    assert ns3.loc["oracle", "worse_off"] > 0


def test_without_limits_nothing_but_the_number_of_visits_binds() -> None:
    free = [
        one.limits for one in regimes(2.0, 3.7, (1.0,), 0.1, 14.0) if one.name.startswith("unconstrained")
    ]
    assert len(free) == 2
    assert all(
        (one.random_share, one.least_days, one.by_agency, one.floor) == (0, 0, False, False) for one in free
    )


def test_what_the_floor_averts_alone_is_taken_off_where_visits_are_scarce() -> None:
    regime = next(one for one in regimes(0.0, 13.0, (1.0,), 0.0, 14.0) if one.name == "scarce10")
    rows = loop(true_city(), [levels([4, 3, 2, 1], "oracle")], regime, seed=0)
    free = next(one for one in regimes(0.0, 1.0, (1.0,), 0.0, 14.0) if one.name == "constrained")
    alone = loop(true_city(), [levels([4, 3, 2, 1], "oracle")], free, seed=0)
    assert rows["averted"].tolist() == pytest.approx(alone["averted"].tolist())


def test_the_most_that_visits_can_avert_is_their_reduction() -> None:
    assert most_possible(true_city())["ns3"] == pytest.approx(0.094)


def test_a_ratio_has_an_interval_over_cities() -> None:
    ours, theirs = np.array([3.0, 1.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0, 1.0])
    ratio, low, high = ratio_of_sums(ours, theirs)
    assert ratio == 2.0
    assert 1.0 <= low < 2.0 < high <= 3.0
