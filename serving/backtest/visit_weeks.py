"""Week by week, which sites a rule sends its visits to, under the limits that hold for every rule.

Limits: an agency makes so many visits a week and no more; a site whose statutory visit is due comes first; a
share is drawn at random among all active sites; no other visit sooner than some days after the last one.
The same limits, statutory dates and random draws for every order: what differs is the order alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from serving.backtest.orders import Floats, Order

WEEK_DAYS, YEAR_DAYS = 7.0, 365.25
MANDATORY, RANDOM, CHOSEN = 1, 2, 3


@dataclass(frozen=True)
class CityWeeks:
    """What happens to be there whatever is visited: rows are sites, columns weeks.

    `active`: started and not finished on that Monday, as known then. `agency`: number of the station in charge.
    `every_days`: the longest time between two visits that the policy allows there (statutory floor; inf: none).
    `waited`: days since the last visit or the start, whichever came later, on the first Monday on which a site is active.
    """

    active: NDArray[np.bool_]
    agency: NDArray[np.int64]
    every_days: NDArray[np.floating]
    waited: Floats

    @property
    def sites(self) -> int:
        return self.active.shape[0]

    @property
    def weeks(self) -> int:
        return self.active.shape[1]

    def waiting(self) -> Floats:
        """Days waited on the very first Monday; below 0 where a site is not yet there, so that it begins from its own start."""
        return self.waited.astype(np.float64) - WEEK_DAYS * self.active.argmax(axis=1)

    def due(self, waited: Floats, week: int) -> Floats:
        """Days past the statutory date on the Sunday of the week; below 0 where it is still to come."""
        late = waited + WEEK_DAYS - 1 - self.every_days[:, week]
        return np.where(self.active[:, week], late, -np.inf)


@dataclass(frozen=True)
class Limits:
    """`visits_a_year` for an average active site, `random_share` of them drawn, `least_days` between two chosen ones.

    `by_agency`: each agency has the share of its active sites; otherwise the city is one. `floor`: statutory
    visits come first. `chosen`: whether what is left goes to the order; without, it is not made at all.
    """

    visits_a_year: float
    random_share: float = 0.0
    least_days: float = 0.0
    by_agency: bool = True
    floor: bool = True
    chosen: bool = True


def visit_weeks(city: CityWeeks, order: Order, limits: Limits, seed: int) -> NDArray[np.int8]:
    """(sites, weeks): 0 not visited, else why: MANDATORY, RANDOM or CHOSEN.

    The same seed gives the same random draws under every order of the same limits.
    """
    groups = city.agency if limits.by_agency else np.zeros(city.sites, np.int64)
    rule = _Rule(city, order, limits, groups, np.random.default_rng([seed, 1]))
    draws, rounding = (np.random.default_rng([seed, number]) for number in (2, 3))
    why = np.zeros((city.sites, city.weeks), np.int8)
    waited, owed = city.waiting(), np.zeros(groups.max() + 1)
    for week in range(city.weeks):
        active = groups[city.active[:, week]]
        owed += np.bincount(active, minlength=len(owed)) * limits.visits_a_year * WEEK_DAYS / YEAR_DAYS
        places = np.floor(owed).astype(np.int64)
        owed -= places
        share = np.floor(limits.random_share * places + rounding.random(len(places))).astype(np.int64)
        taken = rule.week(week, waited, Places(places, share), draws.random((2, city.sites)))
        why[:, week] = taken
        waited += WEEK_DAYS
        waited[taken > 0] = WEEK_DAYS
    return why


class Places(NamedTuple):
    """The visits of each group in a week, and how many of them are drawn."""

    visits: NDArray[np.int64]
    drawn: NDArray[np.int64]


@dataclass(frozen=True)
class _Rule:
    """Chooses the sites of one week after the other, in the order of claims."""

    city: CityWeeks
    order: Order
    limits: Limits
    groups: NDArray[np.int64]
    chance: np.random.Generator

    def week(self, week: int, waited: Floats, places: Places, lots: Floats) -> NDArray[np.int8]:
        """Why each site is visited in the week, 0 for not at all; one lot decides between equals, another is drawn."""
        taken = np.zeros(self.city.sites, np.int8)
        active, left, (tie, lot) = self.city.active[:, week], places.visits, lots
        if self.limits.floor:
            late = self.city.due(waited, week)
            left = self._take(MANDATORY, np.where(late >= 0, late + 1e-6 * tie, -np.inf), left, taken)
        if self.limits.random_share:
            drawn = self._best(np.where(active, lot, -np.inf), np.minimum(places.drawn, left))
            fresh = drawn[taken[drawn] == 0]  # one that is visited anyway is one visit
            taken[fresh] = RANDOM
            left = left - self._count(fresh)
        if self.limits.chosen:
            value = self.order.rank(self.order.level(week, self.city.sites), waited, self.chance)
            free = active & (taken == 0) & (waited >= self.limits.least_days)
            self._take(CHOSEN, np.where(free, value, -np.inf), left, taken)
        return taken

    def _take(
        self, why: int, value: Floats, places: NDArray[np.int64], taken: NDArray[np.int8]
    ) -> NDArray[np.int64]:
        best = self._best(value, places)
        taken[best] = why
        return places - self._count(best)

    def _count(self, sites: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(self.groups[sites], minlength=self.groups.max() + 1)

    def _best(self, value: Floats, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sites of the highest values in each group, as many as it has places; -inf is never taken."""
        asked = np.flatnonzero(value > -np.inf)
        order = asked[np.lexsort((-value[asked], self.groups[asked]))]
        group = self.groups[order]
        first = np.searchsorted(group, np.arange(len(places)))
        return order[np.arange(len(order)) - first[group] < places[group]]
