"""The rules compared on history: the same limits for each, and what their lists would have met within days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.progress import Progress, silent
from serving.backtest.history import Outcomes, recalls
from serving.backtest.orders import Order
from serving.backtest.visit_weeks import YEAR_DAYS, CityWeeks, Limits, visit_weeks

BESIDE = "past_violations"
ACTUAL = "actual"


@dataclass(frozen=True)
class History:
    """What is compared: lists of `share` of the sites within `within_days`, beside what the law asks for.

    `actual` (sites, weeks): where inspectors went; its visits a year are those of the first comparison.
    """

    city: CityWeeks
    actual: NDArray[np.bool_]
    outcomes: Sequence[Outcomes]
    share: float
    within_days: int
    random_share: float
    least_days: float

    def regimes(self) -> dict[str, Limits]:
        """As many visits as were made; the floor and the share; the share alone, without limits."""
        years = self.city.active.sum() * 7 / YEAR_DAYS
        listed = self.share * YEAR_DAYS / self.within_days
        with np.errstate(divide="ignore"):
            base = float((YEAR_DAYS / self.city.every_days)[self.city.active].mean())
        made = Limits(float(self.actual.sum() / years), self.random_share, self.least_days)
        return {
            "as_many": made,
            "floor_and_share": replace(made, visits_a_year=base / (1 - self.random_share) + listed),
            "share_alone": Limits(listed, 0.0, float(self.within_days), by_agency=False, floor=False),
        }

    def lists(
        self, orders: Sequence[Order], seed: int, progress: Progress = silent
    ) -> dict[str, dict[str, NDArray[np.bool_]]]:
        """Which sites each rule lists in each week, by regime and rule; the visits that were made among the first."""
        found, regimes = {}, self.regimes()
        for number, (regime, limits) in enumerate(regimes.items()):
            progress("清单 / lists", number, len(regimes))
            found[regime] = {order.name: visit_weeks(self.city, order, limits, seed) > 0 for order in orders}
        found["as_many"][ACTUAL] = self.actual
        progress("清单 / lists", len(regimes), len(regimes))
        return found

    def workload(self, lists: Mapping[str, NDArray[np.bool_]], agencies: Sequence[str]) -> pd.DataFrame:
        """One row an agency: its code, site-years under way, and visits by rule."""
        years = self.city.active.sum(axis=1) * 7 / YEAR_DAYS
        count = len(agencies)
        rows = {"agency_code": list(agencies), "site_years": np.bincount(self.city.agency, years, count)}
        visits = {
            rule: np.bincount(self.city.agency, listed.sum(axis=1), count).astype(np.int64)
            for rule, listed in lists.items()
        }
        return pd.DataFrame({**rows, **visits})

    def compared(self, lists: Mapping[str, Mapping[str, NDArray[np.bool_]]], seed: int) -> pd.DataFrame:
        """One row a regime, kind of outcome and rule of `lists`; columns of `recalls`, and visits a year of an average site."""
        visits = {regime: limits.visits_a_year for regime, limits in self.regimes().items()}
        return pd.concat(
            [
                recalls(listed, outcome, self.within_days, BESIDE, seed).assign(
                    regime=regime, outcome=outcome.name, visits_a_year=visits[regime]
                )
                for regime, listed in lists.items()
                for outcome in self.outcomes
            ],
            ignore_index=True,
        )


def visited_weeks(visits: pd.DataFrame, ids: NDArray, mondays: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """(sites, weeks): whether a site had one of these visits (project_id, inspected_on) in the week."""
    weeks = np.zeros((len(ids), len(mondays)), bool)
    site = pd.Index(ids).get_indexer(visits["project_id"])
    week = ((pd.to_datetime(visits["inspected_on"]) - mondays[0]).dt.days // 7).to_numpy()
    inside = (site >= 0) & (week >= 0) & (week < len(mondays))
    weeks[site[inside], week[inside].astype(int)] = True
    return weeks
