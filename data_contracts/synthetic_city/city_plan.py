"""The span of a synthetic city: its days, its working days, how many sites begin, and the blocks."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import InvalidInput
from data_contracts.synthetic_city.declaration import Declaration
from data_contracts.synthetic_city.rows import first_day_of, month_of, stream

MONTH_DAYS = 365.25 / 12
HORIZON_DAYS = 185  # truth goes on for half a year, so that a window of 180 days can be judged at the end
PERMIT_LEAD_DAYS = 90
BURN_IN_MONTHS = 12
SITES_A_BLOCK = 2000


@dataclass(frozen=True)
class CityPlan:
    """Size, span and seed of a city; days are int64 since 1970."""

    declared: Declaration
    projects: int
    first_day: int
    last_day: int
    seed: int

    @cached_property
    def horizon(self) -> int:
        """The day before which truth is known."""
        return self.last_day + 1 + HORIZON_DAYS

    @cached_property
    def panel_months(self) -> tuple[int, int]:
        """First and last month (since 1970) in which sites are followed, burn-in and horizon included."""
        ends = month_of(np.array([self.first_day, self.horizon - 1]))
        return int(ends[0]) - BURN_IN_MONTHS, int(ends[1])

    @cached_property
    def panel_days(self) -> tuple[int, int]:
        """First day of the panel and the day after its last."""
        return int(first_day_of(np.array([self.panel_months[0]]))[0]), self.horizon

    @cached_property
    def working_days(self) -> NDArray:
        """Whether each day from `calendar_start` on is worked: no week-ends, no public holidays."""
        days = np.arange(self.calendar_start, self.last_day + 800)
        dates = days.view("M8[D]")
        month, day = (
            dates.astype("M8[M]").astype(int) % 12 + 1,
            (dates - dates.astype("M8[M]")).astype(int) + 1,
        )
        worked = (days + 3) % 7 < 5  # 1970-01-01 was a Thursday
        for begin, first, last in ((1, 1, 1), (4, 4, 5), (5, 1, 5), (10, 1, 7)):
            worked &= ~((month == begin) & (day >= first) & (day <= last))
        for text in self.declared["weather.spring_festival"]:
            eve = int(np.datetime64(text).astype(np.int64)) - 1
            worked &= ~((days >= eve) & (days < eve + 8))
        return worked

    @cached_property
    def calendar_start(self) -> int:
        return self.first_day - 800

    def next_working_day(self, days: NDArray) -> NDArray:
        """The day itself if it is worked, else the next one that is."""
        positions = np.arange(len(self.working_days))
        nearest = np.minimum.accumulate(np.where(self.working_days, positions, len(positions) - 1)[::-1])[
            ::-1
        ]
        return nearest[days - self.calendar_start] + self.calendar_start

    @cached_property
    def mean_duration_days(self) -> dict[str, float]:
        """Mean duration of a site by nature, from the declared medians and spreads."""
        random = np.random.Generator(np.random.PCG64(20260101))
        normal, area_normal = random.standard_normal(100_000), random.standard_normal(100_000)
        return {
            nature: float(
                duration_days(
                    self.declared, nature, normal, site_area(self.declared, nature, area_normal)
                ).mean()
            )
            for nature in self.declared["sites.nature_shares"]
        }

    @cached_property
    def arrival_shares(self) -> dict[str, float]:
        """Share of each nature among the sites that begin, so that the active ones have the declared mix."""
        raw = {n: s / self.mean_duration_days[n] for n, s in self.declared["sites.nature_shares"].items()}
        return {nature: share / sum(raw.values()) for nature, share in raw.items()}

    @cached_property
    def arrivals_per_day(self) -> float:
        mean = sum(self.arrival_shares[n] * days for n, days in self.mean_duration_days.items())
        return self.projects / mean

    @cached_property
    def arrival_span(self) -> tuple[int, int]:
        """Days on which a site may begin that is written: long before the first day, a little after the last."""
        longest = (
            self.declared["sites.duration_limits_months"][1] + self.declared["sites.delivered_kept_months"]
        ) * MONTH_DAYS
        return self.first_day - int(longest), self.last_day + PERMIT_LEAD_DAYS

    @cached_property
    def arrivals(self) -> int:
        begin, end = self.arrival_span
        return round(self.arrivals_per_day * (end - begin))

    @cached_property
    def blocks(self) -> int:
        return -(-self.arrivals // SITES_A_BLOCK)


def site_area(declared: Declaration, nature: str, normal: NDArray) -> NDArray:
    """Floor area in m² from a standard normal."""
    low, high = declared["sites.area_limits_m2"]
    median = declared["sites.area_median_m2"][nature]
    return np.clip(median * np.exp(declared["sites.area_sigma"] * normal), low, high)


def duration_days(declared: Declaration, nature: str, normal: NDArray, area: NDArray) -> NDArray:
    """Duration of a site in days from a standard normal and its floor area."""
    low, high = declared["sites.duration_limits_months"]
    median = declared["sites.duration_months"][nature]
    growth = (area / declared["sites.area_median_m2"][nature]) ** declared["sites.duration_area_exponent"]
    months = median * growth * np.exp(declared["sites.duration_sigma"] * normal)
    return np.clip(months, low, high) * MONTH_DAYS


def plan_city(declared: Declaration, *, projects: int, years: int, seed: int, last_day: dt.date) -> CityPlan:
    """The plan of a city of `projects` active sites over the `years` that end on `last_day`.

    Raises InvalidInput for fewer than 10 or more than 500,000 sites, for 0 or more than 12 years,
    for a negative seed, and for a last day outside 2016 to 2029 (the holidays known here).
    """
    for name, value, low, high in (
        ("projects", projects, 10, 500_000),
        ("years", years, 1, 12),
        ("seed", seed, 0, 2**63),
    ):
        if not low <= value <= high:
            raise InvalidInput(
                zh=f"{name} 应在 {low} 到 {high} 之间，收到 {value}。",
                en=f"{name} must be between {low} and {high}, got {value}.",
                field=name,
            )
    if not 2016 <= last_day.year <= 2029:
        raise InvalidInput(
            zh=f"模拟城市的最后一天应在 2016 年至 2029 年之间，收到 {last_day}。",
            en=f"The last day of a synthetic city lies in 2016 to 2029, got {last_day}.",
            field="last_day",
        )
    last = int(np.datetime64(last_day).astype(np.int64))
    first = last + 1 - round(365.25 * years)
    whole = first_day_of(month_of(np.array([first + 15])))[0]
    return CityPlan(declared, projects, int(whole), last, seed)


def block_stream(plan: CityPlan, purpose: str, block: int = 0) -> np.random.Generator:
    """Random numbers of this city for one purpose and block."""
    return stream(plan.seed, purpose, block)
