"""The quick order of the closed loop beside the integer programme, on a few weeks of one city."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.choice_programme import best_by_programme
from serving.backtest.closed_loop import Regime
from serving.backtest.orders import Order
from serving.backtest.visit_weeks import CHOSEN, RANDOM, WEEK_DAYS, CityWeeks, visit_weeks
from serving.plan.agency_choice import RISK, AgencyWeek, choose


def loop_beside_programme(
    city: CityWeeks, order: Order, regime: Regime, seed: int, weeks: list[int]
) -> float:
    """The worth of the visits that the quick order chose, as a share of what the programme chooses in the same places.

    Same sites, due dates, visits of each agency and sites drawn; the lowest of the weeks. A team-day makes one visit.
    """
    why = visit_weeks(city, order, regime.limits, seed)
    return min(_of_week(city, order, regime, why, week) for week in weeks)


def _of_week(city: CityWeeks, order: Order, regime: Regime, why: NDArray[np.int8], week: int) -> float:
    waited = _waited(city, why, week)
    value = order.rank(order.level(week, city.sites), waited, np.random.default_rng(0))
    late = city.due(waited, week)
    drawn = why[:, week] == RANDOM
    free = city.active[:, week] & ~drawn
    ours = theirs = 0.0
    for agency in range(city.agency.max() + 1):
        mine = np.flatnonzero(free & (city.agency == agency))
        asked = AgencyWeek(
            late=np.where(late[mine] >= 0, late[mine], -1.0),
            claim=np.zeros(len(mine), np.int64),
            value=np.where(waited[mine] >= regime.limits.least_days, np.maximum(value[mine], 0.0), 0.0),
            lot=np.linspace(0, 1, len(mine)),
            area=np.zeros(len(mine), np.int64),
            start=0.0,
            team_days=int((why[mine, week] > 0).sum()),
            visits_a_team_day=1,
            random_share=0.0,
        )
        theirs += float(asked.value[choose(asked, best_by_programme).why == RISK].sum())
        ours += float(asked.value[why[mine, week] == CHOSEN].sum())
    return ours / theirs if theirs else 1.0


def _waited(city: CityWeeks, why: NDArray[np.int8], week: int) -> NDArray[np.float64]:
    """Days since the last visit on the Monday of the week."""
    waited = city.waiting()
    for before in range(week):
        waited = np.where(why[:, before] > 0, WEEK_DAYS, waited + WEEK_DAYS)
    return waited
