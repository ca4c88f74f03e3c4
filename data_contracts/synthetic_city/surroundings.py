"""What happens to the whole city: weather warnings and the calendar of working days."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.filing import on_file
from data_contracts.synthetic_city.rows import (
    DAY_SECONDS,
    NONE,
    Rows,
    chosen,
    constant,
    days_as_dates,
    later_version,
    numbered,
    seconds_as_moments,
    stack,
    words,
)  # fmt: skip
from data_contracts.synthetic_city.sites import districts

SIGNALS = ("TYPHOON", "RAINSTORM", "HEAT", "GALE")
VALUES = {"TYPHOON": 20.0, "RAINSTORM": 50.0, "HEAT": 35.0, "GALE": 17.0}
HOURS = {"TYPHOON": 40, "RAINSTORM": 6, "HEAT": 9, "GALE": 20}


def surroundings_tables(plan: CityPlan) -> dict[str, Rows]:
    """`weather_warnings` and `calendar_days`; the calendar goes on for a year after the last day."""
    days = np.arange(plan.first_day, plan.last_day + 366)
    calendar: Rows = {
        "date": days_as_dates(days),
        "is_working_day": plan.working_days[days - plan.calendar_start].astype(float),
    }
    return {"weather_warnings": on_file(plan, _warnings(plan)), "calendar_days": calendar}


def _warnings(plan: CityPlan) -> Rows:
    random = block_stream(plan, "weather")
    parts = [_of_signal(plan, random, signal) for signal in SIGNALS]
    rows = stack(parts)
    order = np.argsort(rows["_issued"], kind="stable")
    rows = {name: column[order] for name, column in rows.items()}
    rows["warning_id"] = numbered("Y", np.arange(1, len(order) + 1), 6)
    lifted = rows["_lifted"]
    recorded = lifted + random.integers(60, 900, len(lifted))
    return stack(
        [
            rows,
            later_version(
                rows, np.arange(len(lifted)), {"_recorded": recorded, "lifted_at": seconds_as_moments(lifted)}
            ),
        ]
    )


def _of_signal(plan: CityPlan, random: np.random.Generator, signal: str) -> Rows:
    prior = plan.declared[f"weather.{signal.lower()}"]
    days = np.arange(plan.first_day, plan.last_day + 1)
    month = days.view("M8[D]").astype("M8[M]").astype(np.int64) % 12 + 1
    season = days[np.isin(month, prior["months"])]
    count = random.poisson(prior["per_year"] * len(days) / 365.25)
    issued = np.sort(random.choice(season, count)) * DAY_SECONDS + random.integers(0, DAY_SECONDS, count)
    level = chosen(random, prior["levels"], count)
    places = ["310000", *districts(plan)]
    local = random.random(count) < (0.0 if signal == "TYPHOON" else 0.4)
    lifted = issued + (HOURS[signal] * 3600 * random.uniform(0.4, 1.6, count)).astype(np.int64)
    return {
        "_happened": issued // DAY_SECONDS,
        "_recorded": issued + random.integers(60, 900, count),
        "_issued": issued,
        "_lifted": lifted,
        "region_code": words(places, np.where(local, random.integers(1, len(places), count), 0)),
        "signal": constant(signal, count),
        "level": words(list(prior["levels"]), level),
        "issued_at": seconds_as_moments(issued),
        "lifted_at": seconds_as_moments(np.full(count, NONE)),
        "value": _values(random, signal, level),
    }


def _values(random: np.random.Generator, signal: str, level: NDArray) -> NDArray:
    """The measured value behind a warning: m/s, mm or °C."""
    step = 2.5 if signal == "HEAT" else 0.3 * VALUES[signal]
    return np.round(VALUES[signal] + step * level + random.uniform(0, step * 0.8, len(level)), 1)
