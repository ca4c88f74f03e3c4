"""What the lists of a rule would have met on history: outcomes on sites that were on a list in the days before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WEEK_DAYS = 7
DRAWS = 500


@dataclass(frozen=True)
class SiteDays:
    """What befell sites or was meant for them: `site` is its row, `day` counts from the first Monday."""

    site: NDArray[np.int64]
    day: NDArray[np.int64]

    @classmethod
    def of(cls, rows: pd.DataFrame, on: str, ids: NDArray, first: pd.Timestamp) -> SiteDays:
        """The rows of a table with `project_id` and the date column `on`; those of other sites are left out."""
        site = pd.Index(ids).get_indexer(rows["project_id"])
        day = (pd.to_datetime(rows[on]) - first).dt.days.to_numpy()
        return cls(site[site >= 0].astype(np.int64), day[site >= 0].astype(np.int64))

    @classmethod
    def of_weeks(cls, listed: NDArray[np.bool_]) -> SiteDays:
        """The Mondays of the weeks (sites, weeks) in which a site is listed."""
        site, week = np.nonzero(listed)
        return cls(site, week * WEEK_DAYS)

    def __len__(self) -> int:
        return len(self.site)

    def where(self, kept: NDArray[np.bool_]) -> SiteDays:
        """Those that are kept."""
        return SiteDays(self.site[kept], self.day[kept])


@dataclass(frozen=True)
class Outcomes:
    """Events of one kind."""

    name: str
    events: SiteDays


def met(listed: SiteDays, events: SiteDays, within_days: int) -> NDArray[np.bool_]:
    """Which events fell on a site that was listed, or visited, in the days before.

    An event of the same day is not met: the list came too late for it, and what a visit finds itself it did not foresee.
    """
    apart = within_days + max(int(each.day.max(initial=0)) for each in (listed, events)) + 1
    listings = np.sort(listed.site * apart + listed.day)
    upto = np.searchsorted(listings, events.site * apart + events.day)
    before = np.searchsorted(listings, events.site * apart + np.maximum(events.day - within_days, 0))
    return upto > before


def judged(outcomes: Outcomes, weeks: int, within_days: int) -> Outcomes:
    """Those of which the whole time before lies within the weeks, so that every rule could have listed the site."""
    day = outcomes.events.day
    return Outcomes(outcomes.name, outcomes.events.where((day >= within_days) & (day < weeks * WEEK_DAYS)))


def recalls(
    lists: Mapping[str, SiteDays], outcomes: Outcomes, within_days: int, beside: str, seed: int = 0
) -> pd.DataFrame:
    """One row a rule: outcomes, recall with its 95 % interval, and its gain over the rule `beside` with its interval.

    `outcomes` are the `judged` ones. Intervals are over draws of whole projects, the same for every rule. NaN where there
    are no outcomes.
    """
    events = outcomes.events
    hits = {name: met(listed, events, within_days) for name, listed in lists.items()}
    weights = _draws_of_projects(events.site, seed)
    total = np.maximum(weights.sum(axis=1), 1)
    of_draw = {name: (weights @ hit.astype(np.float64)) / total for name, hit in hits.items()}
    rows = [
        {
            "rule": name,
            "outcomes": len(events),
            "visits": len(lists[name]),
            **_with_interval("recall", float(hit.mean()) if len(hit) else np.nan, of_draw[name]),
            **_with_interval(
                "gain",
                float(hit.mean() - hits[beside].mean()) if len(hit) else np.nan,
                of_draw[name] - of_draw[beside],
            ),
        }
        for name, hit in hits.items()
    ]
    return pd.DataFrame(rows)


def _draws_of_projects(site: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """How often each outcome's project is drawn, a row a draw."""
    projects, of = np.unique(site, return_inverse=True)
    if not len(projects):
        return np.zeros((DRAWS, 0))
    chance = np.random.default_rng(seed)
    counts = chance.multinomial(len(projects), np.full(len(projects), 1 / len(projects)), DRAWS)
    return counts[:, of].astype(np.float64)


def _with_interval(name: str, value: float, draws: NDArray[np.float64]) -> dict[str, float]:
    low, high = np.quantile(draws, [0.025, 0.975]) if not np.isnan(value) else (np.nan, np.nan)
    return {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}
