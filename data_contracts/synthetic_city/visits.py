"""Who is visited when: routine and patrol visits biased to large sites, random ones, and the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.hazard import MEDIAN_AREA, SiteMonths
from data_contracts.synthetic_city.rows import Rows, first_day_of, stack
from data_contracts.synthetic_city.sites import Sites

TYPES = (
    "ROUTINE",
    "RANDOM",
    "FIRST",
    "COMPLETION",
    "SPECIAL",
    "COMPLAINT",
    "DISTRICT_PATROL",
    "CITY_PATROL",
    "RECHECK",
    "EMERGENCY",
)
TRIGGERED = ("COMPLAINT", "RECHECK", "EMERGENCY")


def first_round(city: City, block: Block, panel: SiteMonths) -> Rows:
    """All visits that do not depend on what other visits found: `_site`, `_row`, `_day`, `_type`, probability."""
    plan, sites = city.plan, block.sites
    random, declared = block_stream(plan, "visits", block.number), plan.declared
    relative = (sites.area[panel.site] / MEDIAN_AREA) ** declared["visits.routine_area_exponent"]
    routine = declared["visits.routine_per_year"] * relative / declared["visits.routine_area_mean"]
    parts = [
        _poisson(random, panel, routine, "ROUTINE"),
        _random_share(plan, random, panel),
        _poisson(random, panel, declared["visits.special_per_year"] * (panel.overscale > 0), "SPECIAL"),
        _poisson(random, panel, np.full(len(panel), declared["visits.complaint_per_year"]), "COMPLAINT"),
        _once(plan, random, sites, "FIRST", sites.start + 5 + random.integers(0, 35, len(sites))),
        _once(plan, random, sites, "COMPLETION", sites.finish - 1 - random.integers(0, 20, len(sites))),
    ]
    return at_work(plan, sites, panel, stack(parts))


def patrols(city: City, block: Block, panel: SiteMonths, open_hazards: NDArray) -> Rows:
    """Patrols, drawn in proportion to area^exponent × (open hazards at the start of the month + offset)."""
    plan, sites = city.plan, block.sites
    random, declared = block_stream(plan, "patrols", block.number), plan.declared
    weight = patrol_weight(plan, sites, panel, open_hazards)
    rate = declared["visits.patrols_per_year"] * weight / declared.calibrated["patrol_rate"]
    visits = _poisson(random, panel, rate, "DISTRICT_PATROL")
    by_city = declared["visits.city_patrol_share"] * sites.area[visits["_site"]] / 100_000
    visits["_type"] = np.where(
        random.random(len(by_city)) < by_city, TYPES.index("CITY_PATROL"), visits["_type"]
    )
    return at_work(plan, sites, panel, visits)


def patrol_weight(plan: CityPlan, sites: Sites, panel: SiteMonths, open_hazards: NDArray) -> NDArray:
    """What a patrol looks for in each row; its mean over active time is a calibrated number."""
    declared = plan.declared
    size = (sites.area[panel.site] / MEDIAN_AREA) ** declared["visits.patrol_area_exponent"]
    return size * (open_hazards + declared["visits.patrol_open_offset"])


def follow_up(visits: Rows, chosen: NDArray, days: NDArray, kind: str) -> Rows:
    """Visits of another type to the sites of some visits, on other days."""
    count = int(chosen.sum()) if chosen.dtype == bool else len(chosen)
    return {
        "_site": visits["_site"][chosen],
        "_day": days,
        "_type": np.full(count, TYPES.index(kind)),
        "_probability": np.full(count, np.nan),
    }


def at_work(plan: CityPlan, sites: Sites, panel: SiteMonths, visits: Rows) -> Rows:
    """The visits on working days, without those to sites that are not at work then; with the panel's row."""
    day = plan.next_working_day(np.clip(visits["_day"], plan.calendar_start, plan.horizon))
    day = np.where(day < sites.finish[visits["_site"]], day, visits["_day"])
    low, high = plan.panel_days
    inside = (day >= np.maximum(sites.start[visits["_site"]], low)) & (
        day < np.minimum(sites.finish[visits["_site"]], high)
    )
    visits = {name: column[inside] for name, column in {**visits, "_day": day}.items()}
    month = visits["_day"].view("M8[D]").astype("M8[M]").astype(np.int64)
    visits["_row"] = panel.first_row[visits["_site"]] + month - panel.first_month[visits["_site"]]
    return visits


def _poisson(random: np.random.Generator, panel: SiteMonths, per_year: NDArray, kind: str) -> Rows:
    row = np.repeat(np.arange(len(panel)), random.poisson(per_year * panel.years))
    day = panel.begin[row] + (random.random(len(row)) * (panel.end - panel.begin)[row]).astype(np.int64)
    return _visits(panel.site[row], day, kind)


def _random_share(plan: CityPlan, random: np.random.Generator, panel: SiteMonths) -> Rows:
    """双随机: every site at work on the 1st has the same chance in that month, and it is logged."""
    probability = round(plan.declared["visits.random_per_year"] / 12, 6)
    on_the_first = panel.begin == first_day_of(panel.month)
    row = np.nonzero(on_the_first & (random.random(len(panel)) < probability))[0]
    day = panel.begin[row] + (random.random(len(row)) * (panel.end - panel.begin)[row]).astype(np.int64)
    visits = _visits(panel.site[row], day, "RANDOM")
    visits["_probability"][:] = probability
    return visits


def _once(plan: CityPlan, random: np.random.Generator, sites: Sites, kind: str, day: NDArray) -> Rows:
    mine = np.nonzero(random.random(len(sites)) < plan.declared[f"visits.{kind.lower()}_share"])[0]
    return _visits(mine, day[mine], kind)


def _visits(site: NDArray, day: NDArray, kind: str) -> Rows:
    return {
        "_site": site,
        "_day": day,
        "_type": np.full(len(site), TYPES.index(kind)),
        "_probability": np.full(len(site), np.nan),
    }
