"""Orders in which sites could be visited: how each rule ranks the sites of a week.

An order gives each site a value; the highest are visited first. What it may look at was known on the Monday
of the week: the site's level (a risk, a count, a size), the days since its last visit, and chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_MISSING = -1.0  # below every level: risks, counts and sizes are never negative
Rank = Callable[[Floats, Floats, np.random.Generator], Floats]


def by_level(level: Floats, waited: Floats, chance: np.random.Generator) -> Floats:
    """Whoever has the highest level, however lately it was visited; ties by lot."""
    return level + _lot(level, chance)


def by_waiting(level: Floats, waited: Floats, chance: np.random.Generator) -> Floats:
    """Whoever has waited longest; a site never visited has waited since it started."""
    return waited + _lot(waited, chance)


def in_proportion(level: Floats, waited: Floats, chance: np.random.Generator) -> Floats:
    """By lot, each draw in proportion to the level; a level of nothing is never drawn.

    The keys log(u) / level give the same lists as drawing one site after the other without replacement
    (Efraimidis and Spirakis, Information Processing Letters 2006).
    """
    lots = np.log(1.0 - chance.random(len(level)))
    return np.divide(lots, level, out=np.full(len(level), -np.inf), where=level > 0)


@dataclass(frozen=True)
class ByReduction:
    """Whoever's expected number of accidents a visit lowers most: level × (share of its effect that is new) ^ `sharpness`.

    A visit lowers the hazard for `lasting_days`; what an earlier visit still covers of them is not new. With a sharpness
    of 0 it is the level alone, best if visits add up; with a high one nobody is visited again before the last visit has
    worn off, best if they do not. Which holds is not known, so it lies between.
    """

    lasting_days: float
    sharpness: float

    @classmethod
    def by(cls, choice: Mapping[str, Any]) -> ByReduction:
        """As the content of a policy on the choice of visits says."""
        return cls(choice["lasting_days"], choice["sharpness"])

    def __call__(self, level: Floats, waited: Floats, chance: np.random.Generator) -> Floats:
        value = level * np.clip(waited / self.lasting_days, 0.0, 1.0) ** self.sharpness
        return value + _lot(value, chance)


@dataclass(frozen=True)
class Rota:
    """Uniform: everyone once in each `days`, in a sequence drawn anew each time; who was seen waits for the next."""

    days: float

    def __call__(self, level: Floats, waited: Floats, chance: np.random.Generator) -> Floats:
        return np.where(waited >= self.days, 1.0, 0.0) + chance.random(len(waited))


@dataclass(frozen=True)
class Order:
    """A rule with its name: `levels` (sites, weeks) are what it looks at, 1 where it looks at nothing."""

    name: str
    zh: str
    en: str
    rank: Rank
    levels: NDArray[np.floating] | None = None

    def level(self, week: int, sites: int) -> Floats:
        """The levels of one week, a missing one below all others."""
        if self.levels is None:
            return np.ones(sites)
        level = self.levels[:, week].astype(np.float64)
        return np.where(np.isnan(level), _MISSING, level)


def _lot(values: Floats, chance: np.random.Generator) -> Floats:
    """Less than any difference between two values that differ by more than rounding."""
    return chance.random(len(values)) * (float(values.max(initial=0.0)) * 1e-9 or 1e-300)
