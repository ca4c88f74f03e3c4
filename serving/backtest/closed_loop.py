"""Accidents averted by the visits of a rule: expected ones under a true hazard that is handed in. Simulated.

The true hazard is known of a synthetic city alone, and comes in as a column; nothing here reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serving.backtest.orders import Order
from serving.backtest.visit_effects import VisitEffect
from serving.backtest.visit_weeks import CityWeeks, Limits, visit_weeks

FLOOR_ALONE = "floor_alone"


@dataclass(frozen=True)
class TrueCity:
    """A city with its truth: `expected` accidents of each site and week (sites, weeks) without any visit.

    `findings`: what a visit would find over the city's average, for the effect model `haz`.
    """

    city: CityWeeks
    expected: NDArray[np.floating]
    findings: NDArray[np.floating]
    effect: VisitEffect

    def averted(self, why: NDArray[np.int8]) -> dict[str, NDArray[np.float64]]:
        """Expected accidents that these visits avert at each site, by effect model."""
        visited = why > 0
        return {
            name: ((1.0 - effect(visited, self.findings)) * self.expected).sum(axis=1, dtype=np.float64)
            for name, effect in self.effect.models().items()
        }


@dataclass(frozen=True)
class Regime:
    """How many visits there are and what limits them. `over_floor`: what is compared is averted beyond the floor's visits."""

    name: str
    zh: str
    en: str
    limits: Limits
    over_floor: bool = False


def regimes(
    base: float, plenty: float, scarce: Sequence[float], random_share: float, least_days: float
) -> list[Regime]:
    """Those of EVALUATION: the visits there are, and the statutory base with few besides; with and without limits.

    `base`: statutory visits a year of an average site, `plenty` the visits of today, `scarce` discretionary ones beside the base.
    """
    limits = Limits(plenty, random_share, least_days)
    few = [
        Regime(
            f"scarce{extra * 10:02.0f}",
            f"法定基准加每年{extra:g}次",
            f"the floor and {extra:g} more a year",
            replace(limits, visits_a_year=base / (1 - random_share) + extra),
            over_floor=True,
        )
        for extra in scarce
    ]
    free = replace(limits, random_share=0.0, least_days=0.0, by_agency=False, floor=False)
    return [
        Regime("constrained", f"每年{plenty:g}次，全部约束", f"{plenty:g} a year, all limits", limits),
        *few,
        Regime("unconstrained", f"每年{plenty:g}次，无约束", f"{plenty:g} a year, no limits", free),
        Regime("unconstrained10", "每年1次，无约束", "1 a year, no limits", replace(free, visits_a_year=1.0)),
    ]


def loop(true: TrueCity, orders: Sequence[Order], regime: Regime, seed: int) -> pd.DataFrame:
    """One row an order and effect model: averted, visits, worse_off; all orders of equal visits and equal draws.

    `averted`: expected accidents, beyond those of the floor and the random share where the regime says so.
    `worse_off` of an order is the share of active sites with more expected accidents than under the first order.
    """
    why = {order.name: visit_weeks(true.city, order, regime.limits, seed) for order in orders}
    averted = {name: true.averted(visits) for name, visits in why.items()}
    apart = dict.fromkeys(true.effect.models(), 0.0)
    if regime.over_floor:
        alone = visit_weeks(true.city, orders[0], replace(regime.limits, chosen=False), seed)
        apart = {name: float(sites.sum()) for name, sites in true.averted(alone).items()}
    ever = true.city.active.any(axis=1)
    first = averted[orders[0].name]
    rows = [
        {
            "regime": regime.name,
            "order": name,
            "effect": effect,
            "averted": float(sites.sum()) - apart[effect],
            "expected": float(true.expected.sum()),
            "visits": int((why[name] > 0).sum()),
            "worse_off": float((sites < first[effect] - 1e-12)[ever].mean()),
        }
        for name, of_order in averted.items()
        for effect, sites in of_order.items()
    ]
    return pd.DataFrame(rows)


def most_possible(true: TrueCity) -> dict[str, float]:
    """The share of all accidents that would be averted if every active site were visited every week."""
    everywhere = true.averted(true.city.active.astype(np.int8))
    return {name: float(sites.sum() / true.expected.sum()) for name, sites in everywhere.items()}


def ratio_of_sums(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """What ours averts over what theirs does, with a 95 % interval over draws of whole cities.

    >>> ratio_of_sums(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    (2.0, 2.0, 2.0)
    """
    chance = np.random.default_rng(seed)
    drawn = chance.integers(0, len(ours), (draws, len(ours)))
    ratios = ours[drawn].sum(axis=1) / theirs[drawn].sum(axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(ours.sum() / theirs.sum()), float(low), float(high)
