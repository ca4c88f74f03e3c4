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
class Outcomes:
    """Events of one kind: `site` is a row of the lists, `day` counts from the first Monday."""

    name: str
    site: NDArray[np.int64]
    day: NDArray[np.int64]

    @classmethod
    def of(cls, name: str, rows: pd.DataFrame, on: str, ids: NDArray, first: pd.Timestamp) -> Outcomes:
        """The rows of a table with `project_id` and the date column `on`; events of other sites are left out."""
        site = pd.Index(ids).get_indexer(rows["project_id"])
        day = (pd.to_datetime(rows[on]) - first).dt.days.to_numpy()
        return cls(name, site[site >= 0], day[site >= 0].astype(np.int64))


def met(listed: NDArray[np.bool_], outcomes: Outcomes, within_days: int) -> NDArray[np.bool_]:
    """Which outcomes fell on a site that was listed on a Monday in the days before; `listed` is (sites, weeks).

    An outcome on the Monday itself is not met: the list came too late for it.
    """
    last = (outcomes.day - 1) // WEEK_DAYS
    first = -(-(outcomes.day - within_days) // WEEK_DAYS)
    counts = np.concatenate(
        [np.zeros((len(listed), 1), np.int32), np.cumsum(listed, axis=1, dtype=np.int32)], axis=1
    )
    weeks = listed.shape[1]
    upto = counts[outcomes.site, np.clip(last + 1, 0, weeks)]
    before = counts[outcomes.site, np.clip(first, 0, weeks)]
    return upto > before


def judged(outcomes: Outcomes, weeks: int, within_days: int) -> Outcomes:
    """Those of which the whole time before lies within the weeks, so that every rule could have listed the site."""
    inside = (outcomes.day >= within_days) & (outcomes.day < weeks * WEEK_DAYS)
    return Outcomes(outcomes.name, outcomes.site[inside], outcomes.day[inside])


def recalls(
    lists: Mapping[str, NDArray[np.bool_]], outcomes: Outcomes, within_days: int, beside: str, seed: int = 0
) -> pd.DataFrame:
    """One row a rule: outcomes, recall with its 95 % interval, and its gain over the rule `beside` with its interval.

    Intervals are over draws of whole projects, the same for every rule. NaN where there are no outcomes.
    """
    weeks = next(iter(lists.values())).shape[1]
    whole = judged(outcomes, weeks, within_days)
    hits = {name: met(listed, whole, within_days) for name, listed in lists.items()}
    weights = _draws_of_projects(whole.site, seed)
    total = np.maximum(weights.sum(axis=1), 1)
    of_draw = {name: (weights @ hit.astype(np.float64)) / total for name, hit in hits.items()}
    rows = [
        {
            "rule": name,
            "outcomes": len(whole.day),
            "visits": int(lists[name].sum()),
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
