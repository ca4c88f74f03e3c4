"""The hidden hazard of each site and month: what the tables show of it, and what they do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.enterprises import site_frailty_sd
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.rows import Rows, first_day_of, month_of
from data_contracts.synthetic_city.sites import CATEGORIES
from data_contracts.synthetic_city.stages import STAGES, stage_on

YEAR_DAYS = 365.25
MEDIAN_AREA = 28_000.0


@dataclass(frozen=True)
class SiteMonths:
    """One row a site and month in which it is at work, sorted by site and month.

    At work from day `begin` up to, not including, `end`. `visible` is the sum of the terms that the
    tables carry, `frailty_site` and `frailty_contractor` are shown by no table; the log of the hazard
    of a reportable accident, per project-year and without visits, is their sum and the intercept.
    `month` counts since January 1970. `first_row[s]` is the row of the first month of site s and
    `first_month[s]` that month; a site without rows has a first month after its last.
    """

    site: NDArray
    month: NDArray
    begin: NDArray
    end: NDArray
    stage: NDArray
    overscale: NDArray
    visible: NDArray
    frailty_site: NDArray
    frailty_contractor: NDArray
    log_hazard: NDArray
    first_row: NDArray
    first_month: NDArray
    months: NDArray

    @property
    def years(self) -> NDArray:
        """Length of each row in years."""
        return (self.end - self.begin) / YEAR_DAYS

    def __len__(self) -> int:
        return len(self.site)


def site_months(city: City, block: Block) -> SiteMonths:
    """The hazard of a block of sites in all months of the panel."""
    plan, sites, firms, parties = city.plan, block.sites, city.firms, block.parties
    declared = plan.declared
    low, high = plan.panel_days
    begin, end = np.maximum(sites.start, low), np.minimum(sites.finish, high)
    first_month = month_of(begin)
    months = np.where(end > begin, month_of(end - 1) - first_month + 1, 0)
    site = np.repeat(np.arange(len(sites)), months)
    first_row = np.cumsum(months) - months
    month = first_month[site] + np.arange(len(site)) - first_row[site]
    row_begin = np.maximum(begin[site], first_day_of(month))
    row_end = np.minimum(end[site], first_day_of(month + 1))
    middle = (row_begin + row_end) // 2
    stage = stage_on(block.starts, site, middle)
    contractor = parties.contractor_on(site, middle)
    overscale, unreviewed = _works_under_way(block.works, (first_row, first_month, months, len(site)))
    normal = block_stream(plan, "frailty", block.number).standard_normal(len(sites))
    visible = _site_terms(city, block)[site]
    visible = visible + _month_terms(plan, month, stage, overscale, unreviewed)
    visible = visible + declared["hazard.deep_pit"] * (
        (sites.pit_depth[site] >= 12) & (stage == STAGES.index("30"))
    )
    visible = visible + declared["hazard.contractor_credit"] * firms.poorness[contractor]
    visible = declared.calibrated["scale"] * visible
    frailty_site, frailty_contractor = site_frailty_sd(plan) * normal[site], firms.frailty[contractor]
    return SiteMonths(
        site=site, month=month, begin=row_begin, end=row_end, stage=stage, overscale=overscale, visible=visible,
        frailty_site=frailty_site, frailty_contractor=frailty_contractor,
        log_hazard=declared.calibrated["intercept"] + visible + frailty_site + frailty_contractor,
        first_row=first_row, first_month=first_month, months=months,
    )  # fmt: skip


def _site_terms(city: City, block: Block) -> NDArray:
    """The terms that stay the same as long as the site lives."""
    declared, sites, firms, parties = city.plan.declared, block.sites, city.firms, block.parties
    multipliers = declared["hazard.category_multipliers"]
    category = np.log([multipliers.get(name, 1.0) for name in CATEGORIES])[sites.category]
    missed = np.where(sites.has_devices, 0.83 - block.presence, 0.0)
    return (
        category
        + declared["hazard.area_exponent"] * np.log(sites.area / MEDIAN_AREA)
        + np.log(declared["hazard.renewal_multiplier"]) * sites.renewal
        + np.log(declared["hazard.structure_multiplier"]) * sites.structure
        + declared["hazard.supervisor_credit"] * firms.poorness[parties.supervisor]
        + declared["hazard.attendance"] * missed / 0.14
        + declared["hazard.compression"]
        * (sites.compression - declared["sites.compression"][0])
        / declared["sites.compression"][1]
        + declared["hazard.small_site"] * ~sites.has_devices
    )


def _month_terms(
    plan: CityPlan, month: NDArray, stage: NDArray, overscale: NDArray, unreviewed: NDArray
) -> NDArray:
    declared = plan.declared
    by_stage = np.log([declared["hazard.stage_multipliers"][name] for name in STAGES])
    by_month = np.log(np.array(declared["hazard.month_index"]))
    return (
        by_stage[stage]
        + by_month[month % 12]
        + declared["hazard.overscale_each"] * np.minimum(overscale, 3)
        + declared["hazard.unreviewed_plan"] * (unreviewed > 0)
    )


def _works_under_way(works: Rows, rows_of: tuple[NDArray, NDArray, NDArray, int]) -> tuple[NDArray, NDArray]:
    """Over-scale works under way in each row, and those of them without an expert-reviewed plan."""
    mine = works["_overscale"]
    under_way = _count_months(works["_site"][mine], works["_from"][mine], works["_to"][mine], rows_of)
    open_plan = mine & (works["_reviewed"] > works["_from"])
    unreviewed = _count_months(
        works["_site"][open_plan], works["_from"][open_plan], works["_reviewed"][open_plan], rows_of
    )
    return under_way, unreviewed


def _count_months(
    site: NDArray, begin: NDArray, end: NDArray, rows_of: tuple[NDArray, NDArray, NDArray, int]
) -> NDArray:
    """How many of the spells touch each row of the panel."""
    first_row, first_month, months, count = rows_of
    low = np.clip(month_of(begin) - first_month[site], 0, months[site])
    high = np.clip(month_of(end - 1) - first_month[site] + 1, 0, months[site])
    inside = high > low
    edges = np.zeros(count + 1, np.int64)
    np.add.at(edges, (first_row[site] + low)[inside], 1)
    np.add.at(edges, (first_row[site] + high)[inside], -1)
    return np.cumsum(edges)[:count]


def rows_of_days(panel: SiteMonths, site: NDArray, days: NDArray) -> NDArray:
    """The panel's row of each site and day; -1 where the site is not followed in that month."""
    position = month_of(days) - panel.first_month[site]
    inside = (position >= 0) & (position < panel.months[site])
    return np.where(inside, panel.first_row[site] + np.clip(position, 0, None), -1)
