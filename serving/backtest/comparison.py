"""The rules compared on history: the same limits for each, and what their lists would have met within days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from data_contracts.progress import Progress, silent
from serving.backtest.history import Outcomes, SiteDays, judged, recalls
from serving.backtest.orders import Order
from serving.backtest.visit_weeks import YEAR_DAYS, CityWeeks, Limits, visit_weeks

BESIDE = "past_violations"
ACTUAL = "actual"


@dataclass(frozen=True)
class History:
    """What is compared: lists of `share` of the sites within `within_days`, beside what the law asks for.

    `actual`: where inspectors went, on which day; as many visits a year are made in the first comparison.
    """

    city: CityWeeks
    actual: SiteDays
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
        made = Limits(len(self.actual) / years, self.random_share, self.least_days)
        return {
            "as_many": made,
            "floor_and_share": replace(made, visits_a_year=base / (1 - self.random_share) + listed),
            "share_alone": Limits(listed, 0.0, float(self.within_days), by_agency=False, floor=False),
        }

    def lists(
        self, orders: Sequence[Order], seed: int, progress: Progress = silent
    ) -> dict[str, dict[str, SiteDays]]:
        """Which sites each rule lists on which Mondays, by regime and rule; the visits that were made among the first."""
        found, regimes = {}, self.regimes()
        for number, (regime, limits) in enumerate(regimes.items()):
            progress("清单 / lists", number, len(regimes))
            found[regime] = {
                order.name: SiteDays.of_weeks(visit_weeks(self.city, order, limits, seed) > 0)
                for order in orders
            }
        found["as_many"][ACTUAL] = self.actual
        progress("清单 / lists", len(regimes), len(regimes))
        return found

    def workload(self, lists: Mapping[str, SiteDays], agencies: Sequence[str]) -> pd.DataFrame:
        """One row an agency: its code, site-years under way, and visits by rule."""
        years = self.city.active.sum(axis=1) * 7 / YEAR_DAYS
        count = len(agencies)
        rows = {"agency_code": list(agencies), "site_years": np.bincount(self.city.agency, years, count)}
        visits = {
            rule: np.bincount(self.city.agency[listed.site], minlength=count)
            for rule, listed in lists.items()
        }
        return pd.DataFrame({**rows, **visits})

    def compared(self, lists: Mapping[str, Mapping[str, SiteDays]], seed: int) -> pd.DataFrame:
        """One row a regime, kind of outcome and rule of `lists`; columns of `recalls`, and visits a year of an average site."""
        visits = {regime: limits.visits_a_year for regime, limits in self.regimes().items()}
        return pd.concat(
            [
                recalls(
                    listed, judged(outcome, self.city.weeks, self.within_days), self.within_days, BESIDE, seed
                ).assign(regime=regime, outcome=outcome.name, visits_a_year=visits[regime])
                for regime, listed in lists.items()
                for outcome in self.outcomes
            ],
            ignore_index=True,
        )
