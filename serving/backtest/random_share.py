"""What the visits drawn at random say of the whole city, period by period, and how large a change they can tell.

Visits chosen for their risk measure the chooser. A visit drawn with probability π stands for 1/π sites of its time, so that
weighted means are those a visit to any site would have met. Hazards found per visit tell a change with about a tenth of
the visits that stop orders take, because most visits find some hazard and few end in a stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Z_INTERVAL, Z_POWER = (
    1.959964,
    0.841621,
)  # standard normal: 95 % interval; a change is told in 80 of 100 cases
LATER_FALL = 0.2  # the change that the plan sets as its aim: 事故起数、死亡人数下降20%以上


@dataclass(frozen=True)
class Estimate:
    """A mean per visit to any site, its 95 % interval, how many visits it rests on, and their spread over the mean.

    All but `visits` missing (NaN) where fewer than two sites were drawn, or no visit found anything; interval and spread where
    all visits found the same, which tells nothing of how much they differ.
    """

    mean: float
    low: float
    high: float
    visits: int
    spread: float


def per_visit(found: NDArray, probability: NDArray, site: NDArray) -> Estimate:
    """The mean of what a visit finds, over all sites, from visits drawn with a logged probability.

    Hájek's mean; its variance linearised with sites as the units drawn (Särndal, Swensson and Wretman, Model Assisted
    Survey Sampling, 1992, section 5.7); the interval is symmetric on the log scale, because counts are skewed.
    """
    drawn = np.nan_to_num(probability, nan=0.0) > 0
    value, weight = found[drawn].astype(np.float64), 1.0 / probability[drawn]
    nothing = Estimate(np.nan, np.nan, np.nan, int(drawn.sum()), np.nan)
    unit = pd.factorize(site[drawn])[0]
    units = len(np.unique(unit))
    if units < 2 or value.sum() <= 0:
        return nothing
    mean = float(weight @ value / weight.sum())
    by_unit = np.bincount(unit, weight * (value - mean)) / weight.sum()
    error = float(np.sqrt((by_unit**2).sum() * units / max(units - 1, 1)))
    factor = np.exp(Z_INTERVAL * error / mean)
    if error <= 0:  # all alike by chance: that tells nothing of how they differ
        return Estimate(mean, np.nan, np.nan, len(value), np.nan)
    spread = error * np.sqrt(len(value)) / mean
    return Estimate(mean, mean / factor, mean * factor, len(value), float(spread))


def by_period(visits: pd.DataFrame, found: str, period: str, site_weeks: pd.DataFrame) -> pd.DataFrame:
    """One row a quarter ("Q") or year ("Y") with a drawn visit: period, mean, low, high, visits, spread, tells_fall, needs, reached.

    `visits` has inspected_on, project_id, agency_code, selection_probability and the column `found`; a visit that does not say what
    it found is left out. `tells_fall`: the smallest fall beside a like period that is told; `needs`: visits a period to
    tell a fall of a fifth; `reached`: the share of the active sites that the estimate speaks of (see `reached`).
    """
    known = visits[visits[found].notna() & visits["selection_probability"].notna()]
    rows, share = [], reached(visits, site_weeks, period)
    for name, part in known.groupby(pd.PeriodIndex(known["inspected_on"], freq=period)):
        told = per_visit(
            part[found].to_numpy(),
            part["selection_probability"].to_numpy(float),
            part["project_id"].to_numpy(),
        )
        change, needs = smallest_fall(told.visits, told.spread), visits_needed(LATER_FALL, told.spread)
        rows.append(
            {
                "period": str(name),
                **vars(told),
                "tells_fall": change,
                "needs": needs,
                "reached": share.get(name, np.nan),
            }
        )
    return pd.DataFrame(rows)


def reached(visits: pd.DataFrame, site_weeks: pd.DataFrame, period: str) -> pd.Series:
    """By period: the share of the active sites whose agency drew any visit in it, so that they could be drawn.

    `site_weeks` (day, agency_code, sites) are the active sites of each agency and week. An agency whose due visits
    fill its weeks draws nobody: its sites have the probability 0, and no weight can make up for them.
    """
    drawn = visits[visits["selection_probability"] > 0]
    drew = pd.MultiIndex.from_arrays(
        [pd.PeriodIndex(drawn["inspected_on"], freq=period), drawn["agency_code"]]
    )
    periods = pd.PeriodIndex(site_weeks["day"], freq=period)
    could = pd.MultiIndex.from_arrays([periods, site_weeks["agency_code"]]).isin(drew)
    sites = site_weeks["sites"].groupby(periods).sum()
    return (site_weeks["sites"] * could).groupby(periods).sum() / sites


def smallest_fall(visits: int, spread: float) -> float:
    """The smallest fall, 0 to 1, between two periods of so many visits each that is told in 80 of 100 cases at 5 %.

    On the log scale the difference of two means has the standard error spread × √(2 / visits).

    >>> round(smallest_fall(500, 1.05), 3)
    0.17
    """
    if not visits or np.isnan(spread):
        return float("nan")
    return float(1.0 - np.exp(-(Z_INTERVAL + Z_POWER) * spread * np.sqrt(2.0 / visits)))


def visits_needed(fall: float, spread: float) -> float:
    """Visits in each of two periods that tell such a fall in 80 of 100 cases at 5 %; missing where the spread is.

    >>> visits_needed(0.2, 1.05), visits_needed(0.2, 3.6)
    (348.0, 4086.0)
    """
    return float(np.ceil(2.0 * ((Z_INTERVAL + Z_POWER) * spread / np.log(1.0 - fall)) ** 2))
