"""How many visits a year the station can make, and how wide the colours may be for that.

The scale depends on the capacity, the inherent grades and the overrides, never on who has which risk: with it a
site whose risk rises could otherwise narrow the colours and lose its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.records import Records
from serving.grading.colours import Floats
from serving.grading.working_days import WorkingDays, days_known

DAYS_A_YEAR = 365
TOLD, BY_ROSTER, NOT_KNOWN = "TOLD", "INSPECTOR_DAYS", "NOT_KNOWN"
HALVINGS = 50  # of an interval of numbers between 0 and 10: to the last bit


@dataclass(frozen=True)
class Capacity:
    """Visits a year, where it is known from, and the inspector-days it rests on.

    `visits_per_year` is None where nothing is known: then the shares of the policy stand as they are. A `scale` that
    is told holds instead of the one that fits.
    """

    visits_per_year: float | None
    source: str
    inspector_days: float | None = None
    working_days_seen: int | None = None
    scale: float | None = None


def told_capacity(visits_per_year: float) -> Capacity:
    """What the station says it can make."""
    return Capacity(float(visits_per_year), TOLD)


def roster_capacity(
    records: Records, day: pd.Timestamp, policy: Mapping[str, Any], working_days: WorkingDays
) -> Capacity:
    """From the inspector-days of the coming weeks that were on file at 00:00 of `day`.

    Counted for each working day of those weeks and taken for all working days of a year, so that a holiday in
    them makes no smaller station; other days, which no plan uses, do not count. A roster that ends sooner counts
    for the days it covers; a row that does not say whether the inspector is available does not count.
    """
    known = days_known(records.table("inspector_days"), ["inspector_ref", "date"], day)
    if known.empty:
        return Capacity(None, NOT_KNOWN)
    last = min(day + pd.Timedelta(weeks=policy["weeks_ahead"]), known["date"].max() + pd.Timedelta(days=1))
    ahead = known[(known["date"] >= day) & (known["date"] < last) & working_days.among(known["date"])]
    days = working_days.between(day, last)
    if not days or ahead.empty:
        return Capacity(None, NOT_KNOWN)
    available = float(ahead["available"].fillna(False).astype(bool).sum())
    teams = available / policy["inspectors_a_visit"] / days
    a_day = teams * policy["visits_a_team_day"] * policy["share_of_days_for_planned_visits"]
    a_year = a_day * working_days.between(day, day + pd.Timedelta(days=DAYS_A_YEAR))
    return Capacity(a_year, BY_ROSTER, available, days)


def fitted_scale(
    shares: Floats, heads: int, visits: Floats, capacity: float | None, bounds: Mapping[str, float]
) -> float:
    """What the shares are multiplied by, so that the visits asked for fit the capacity.

    `visits` are those a year that the frequencies would ask for if every site had the same colour, the worst first
    and BLUE last. Heads are taken as independent: a site that two heads agree on asks for fewer. The widest scale
    that fits, within the bounds of the policy; 1 where no capacity is known.

    Forty sites asking for 40 visits when blue and 400 when yellow, one head with half of them yellow: a capacity
    of 130 lets a quarter of them be yellow.

    >>> asked, bounds = np.array([400, 400, 400, 40]), {"at_least": 0.1, "at_most": 2}
    >>> round(fitted_scale(np.array([0, 0, 0.5]), 1, asked, 130, bounds), 9)
    0.5
    """
    if capacity is None:
        return 1.0
    low, high = float(bounds["at_least"]), float(bounds["at_most"])
    if visits_asked(shares * high, heads, visits) <= capacity:
        return high
    if visits_asked(shares * low, heads, visits) > capacity:
        return low
    for _ in range(HALVINGS):
        middle = float(np.mean([low, high]))
        if visits_asked(shares * middle, heads, visits) <= capacity:
            low = middle
        else:
            high = middle
    return low


def visits_asked(shares: Floats, heads: int, visits: Floats) -> float:
    """Visits a year with so many sites at or above each colour."""
    at_or_above = np.concatenate([1 - (1 - np.minimum(shares, 1.0)) ** heads, [1.0]])
    return float(np.diff(at_or_above, prepend=0.0) @ visits)
