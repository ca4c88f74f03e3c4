"""Reportable accidents, fatal ones among them: the table `accidents`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.filing import filed
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.hazard import SiteMonths
from data_contracts.synthetic_city.inspection_rows import revoked
from data_contracts.synthetic_city.rows import (
    NONE,
    Rows,
    chosen,
    days_as_dates,
    seconds_as_moments,
    serial_ids,
    stack,
    words,
)

NEW_CODES_FROM = int(np.datetime64("2026-07-01").astype(np.int64))


def draw_accidents(plan: CityPlan, panel: SiteMonths, hazard: NDArray, block: int) -> Rows:
    """Accidents of a block: site, row, day, and whether somebody died."""
    random, declared = block_stream(plan, "accidents", block), plan.declared
    row = np.repeat(np.arange(len(panel)), random.poisson(hazard * panel.years))
    day = panel.begin[row] + (random.random(len(row)) * (panel.end - panel.begin)[row]).astype(np.int64)
    fatal_share = declared["hazard.fatal_per_project_year"] / declared["hazard.reportable_per_project_year"]
    return {
        "_site": panel.site[row],
        "_row": row,
        "_day": day,
        "_fatal": random.random(len(row)) < fatal_share,
    }


def accident_rows(city: City, block: Block, drawn: Rows) -> Rows:
    """The accidents as filed; a few are revoked in a later version."""
    plan, sites = city.plan, block.sites
    random, declared = block_stream(plan, "accident rows", block.number), plan.declared
    day, site, fatal, count = drawn["_day"], drawn["_site"], drawn["_fatal"], len(drawn["_day"])
    larger = fatal & (random.random(count) < declared["accidents.larger_share"])
    two = fatal & (random.random(count) < declared["accidents.two_deaths_share"])
    deaths = fatal.astype(np.int64) + two
    deaths = np.where(larger, 3 + np.minimum(random.geometric(0.5, count) - 1, 5), deaths)
    injured = np.where(fatal, random.random(count) < 0.15, np.minimum(random.geometric(0.85, count), 8))
    rows: Rows = {
        "_happened": day,
        "_recorded": filed(plan, random, day, "alert"),
        "accident_id": serial_ids("A", block.number, count),
        "occurred_on": days_as_dates(day),
        "project_id": sites.ids[site],
        "enterprise_id": city.firms.code_on(block.parties.contractor_on(site, day), day),
        "accident_type": _types(plan, random, day, larger),
        "code_version": words(("1986", "2025"), (day >= NEW_CODES_FROM).astype(int)),
        "deaths": deaths.astype(float),
        "serious_injuries": injured.astype(float),
        "direct_loss_cny10k": np.round((40 + 110 * deaths) * np.exp(0.5 * random.standard_normal(count)), 1),
        "revoked_at": seconds_as_moments(np.full(count, NONE)),
    }
    return stack([rows, revoked(plan, random, rows, declared["accidents.revoked_share"])])


def _types(plan: CityPlan, random: np.random.Generator, day: NDArray, larger: NDArray) -> NDArray:
    declared = plan.declared
    usual, grave = declared["accidents.types"], declared["accidents.larger_types"]
    old = np.where(
        larger,
        words(list(grave), chosen(random, grave, len(day))).astype("S2"),
        words(list(usual), chosen(random, usual, len(day))),
    )
    codes = list(declared["accidents.types_2025"])
    position = np.array([codes.index(code.decode()) for code in old], np.int64)
    return np.where(
        day >= NEW_CODES_FROM,
        words([declared["accidents.types_2025"][code] for code in codes], position),
        old,
    )
