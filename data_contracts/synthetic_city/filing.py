"""When a fact gets on file, and which versions an export at the end of the last day holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan
from data_contracts.synthetic_city.rows import (
    DAY_SECONDS,
    NONE,
    Rows,
    days_as_dates,
    length,
    seconds_as_moments,
    take,
)

OFFICE_OPENS, OFFICE_HOURS = 8 * 3600, 10 * 3600


def filed(plan: CityPlan, random: np.random.Generator, happened: NDArray, lateness: str) -> NDArray:
    """Moments (seconds) at which facts of the days `happened` are recorded, never before those days."""
    prior = plan.declared[f"filing.{lateness}"]
    count = len(happened)
    usual = 1 + np.floor(random.exponential(prior["mean_days"] - 0.5, count))
    tail = np.floor(prior["latest_days"] * random.random(count) ** 2) + 1
    uniform = random.random(count)
    lag = np.where(uniform < prior["same_day"], 0, np.minimum(usual, prior["latest_days"]))
    lag = np.where(uniform > 1 - prior["late_share"], tail, lag).astype(np.int64)
    return (happened + lag) * DAY_SECONDS + OFFICE_OPENS + random.integers(0, OFFICE_HOURS, count)


def filed_after(
    plan: CityPlan, random: np.random.Generator, happened: NDArray, lateness: str, earlier: NDArray
) -> NDArray:
    """As `filed`, and later than the version recorded at `earlier`."""
    return np.maximum(
        filed(plan, random, happened, lateness), earlier + random.integers(600, 7200, len(happened))
    )


def on_file(plan: CityPlan, rows: Rows) -> Rows:
    """What an export made at the end of the last day holds of a table of events.

    Events before the city's first day are left out; so is every version recorded after the last day.
    Needs the columns `_happened` (days) and `_recorded` (seconds); adds `recorded_at`.
    """
    if not length(rows):
        return rows
    seen = (rows["_happened"] >= plan.first_day) & (rows["_recorded"] < (plan.last_day + 1) * DAY_SECONDS)
    return _stamped(take(rows, seen))


def on_register(plan: CityPlan, rows: Rows) -> Rows:
    """What an export made at the end of the last day holds of a register (sites, parties, works …).

    The register was opened on the city's first day at 00:00: of the versions before it only the last
    of each `_key` is there, recorded at that moment.
    """
    if not length(rows):
        return rows
    opened = plan.first_day * DAY_SECONDS
    order = np.lexsort((rows["_recorded"], rows["_key"]))
    rows = take(rows, order)
    old = rows["_recorded"] < opened
    same_next = np.append(rows["_key"][1:] == rows["_key"][:-1], False)
    next_old = np.append(old[1:], False)
    superseded = old & same_next & next_old
    rows = {**rows, "_recorded": np.maximum(rows["_recorded"], opened)}
    return _stamped(take(rows, ~superseded & (rows["_recorded"] < (plan.last_day + 1) * DAY_SECONDS)))


def dates(days: NDArray) -> NDArray:
    """Days as dates, missing ones kept."""
    return days_as_dates(np.where(days == NONE, NONE, days))


def _stamped(rows: Rows) -> Rows:
    return {**rows, "recorded_at": seconds_as_moments(rows["_recorded"])}
