"""What sites report themselves: the tables `attendance`, `material_tests` and `monitor_alarms`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.filing import filed, filed_after
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.hazard import MEDIAN_AREA, SiteMonths
from data_contracts.synthetic_city.rows import (
    DAY_SECONDS,
    NONE,
    Rows,
    chosen,
    days_as_dates,
    first_day_of,
    later_version,
    seconds_as_moments,
    serial_ids,
    stack,
    take,
    words,
)  # fmt: skip
from data_contracts.synthetic_city.sites import Sites
from data_contracts.synthetic_city.stages import STAGES

POSTS = ("PM", "CHIEF_SUPERVISOR", "SAFETY_OFFICER")
TEST_ITEMS = {
    "20": ("PILE", "SOIL", "CONCRETE"), "30": ("CONCRETE", "REBAR", "WATERPROOF"), "40": ("CONCRETE", "REBAR", "REBAR_JOINT", "PRECAST"),
    "50": ("MORTAR", "WATERPROOF", "COVER"), "60": ("WINDOW", "INSULATION", "OTHER"), "65": ("WINDOW", "STEEL"),
}  # fmt: skip


def manager_presence(plan: CityPlan, sites: Sites, block: int) -> NDArray:
    """Lasting attendance of each site's project manager, as a share of the days required."""
    more, less = plan.declared["site_records.pm_attendance"]
    return block_stream(plan, "presence", block).beta(more, less, len(sites))


def attendance_rows(city: City, block: Block, panel: SiteMonths) -> Rows:
    """Monthly totals of three posts at the sites that have devices."""
    plan, sites, presence = city.plan, block.sites, block.presence
    random, declared = block_stream(plan, "attendance", block.number), plan.declared
    row = np.nonzero(
        sites.has_devices[panel.site] & (panel.begin >= plan.first_day) & (panel.end <= plan.last_day + 1)
    )[0]
    site, begin, end = panel.site[row], panel.begin[row], panel.end[row]
    more, less = declared["site_records.supervisor_attendance"]
    supervisor = random.beta(more, less, len(sites))
    low, high = declared["site_records.safety_officers_from_m2"]
    officers = 1 + (sites.area >= low) + (sites.area >= high)
    short = (random.random(len(sites)) < declared["site_records.safety_officer_short_share"]) & (officers > 1)
    worked = np.concatenate([[0], np.cumsum(plan.working_days)])
    required = worked[end - plan.calendar_start] - worked[begin - plan.calendar_start]
    known = filed(plan, random, first_day_of(panel.month[row] + 1), "usual")
    parts = []
    for position, share in enumerate((presence, supervisor, 0.6 + 0.4 * presence)):
        heads = officers[site] if position == 2 else np.ones(len(row), int)
        there = (officers - short)[site] if position == 2 else heads
        parts.append({
            "_happened": begin,
            "_recorded": known + position,
            "_order": row * len(POSTS) + position,
            "project_id": sites.ids[site],
            "month": days_as_dates(first_day_of(panel.month[row])),
            "post": words(POSTS, np.full(len(row), position)),
            "required_days": (required * heads).astype(float),
            "present_days": random.binomial(required * there, share[site]).astype(float),
            "required_headcount": heads.astype(float),
            "present_headcount": there.astype(float),
        })  # fmt: skip
    rows = stack(parts)
    return take(rows, np.argsort(rows["_order"], kind="stable"))


def material_test_rows(city: City, block: Block, panel: SiteMonths) -> Rows:
    """Material tests of the stages that have any; poorer contractors fail more."""
    plan, sites = city.plan, block.sites
    random, declared = block_stream(plan, "material tests", block.number), plan.declared
    tested = np.array([stage in TEST_ITEMS for stage in STAGES])
    rate = (
        declared["site_records.tests_per_year"]
        * (sites.area / MEDIAN_AREA)[panel.site] ** 0.5
        * tested[panel.stage]
    )
    row = np.repeat(np.arange(len(panel)), random.poisson(rate * panel.years))
    site, count = panel.site[row], len(row)
    day = panel.begin[row] + (random.random(count) * (panel.end - panel.begin)[row]).astype(np.int64)
    poorness = city.firms.poorness[block.parties.contractor_on(site, day)]
    fails = declared["site_records.test_fail_share"] * np.exp(
        declared["site_records.test_credit_exponent"] * poorness
    )
    names = sorted({item for items in TEST_ITEMS.values() for item in items})
    choices = [
        np.array([names.index(item) for item in TEST_ITEMS.get(stage, ("OTHER",))]) for stage in STAGES
    ]
    uniform, item = random.random(count), np.zeros(count, np.int64)
    for position, items in enumerate(choices):
        mine = panel.stage[row] == position
        item[mine] = items[(uniform[mine] * len(items)).astype(int)]
    return {
        "_happened": day,
        "_recorded": filed(plan, random, day, "slow"),
        "test_id": serial_ids("Q", block.number, count),
        "project_id": sites.ids[site],
        "tested_on": days_as_dates(day),
        "passed": (random.random(count) >= fails).astype(float),
        "item": words(names, item),
    }


def alarm_rows(city: City, block: Block, panel: SiteMonths) -> Rows:
    """Monitoring alarms of deep pits while they are dug; cleared in a later version."""
    plan, sites = city.plan, block.sites
    random, declared = block_stream(plan, "alarms", block.number), plan.declared
    dug = (sites.pit_depth[panel.site] >= 12) & np.isin(panel.stage, [STAGES.index("20"), STAGES.index("30")])
    frailty = panel.frailty_site + panel.frailty_contractor
    rate = (
        declared["site_records.alarms_per_year"]
        * np.exp(declared["site_records.alarm_frailty_exponent"] * frailty)
        * dug
    )
    row = np.repeat(np.arange(len(panel)), random.poisson(rate * panel.years))
    site, count = panel.site[row], len(row)
    day = panel.begin[row] + (random.random(count) * (panel.end - panel.begin)[row]).astype(np.int64)
    raised = day * DAY_SECONDS + random.integers(0, DAY_SECONDS, count)
    levels = {"BLUE": 0.35, "YELLOW": 0.4, "ORANGE": 0.2, "RED": 0.05}
    rows: Rows = {
        "_happened": day,
        "_recorded": raised + random.integers(10, 3600, count),
        "alarm_id": serial_ids("N", block.number, count),
        "project_id": sites.ids[site],
        "raised_at": seconds_as_moments(raised),
        "kind": words(("PIT", "SETTLEMENT"), (random.random(count) < 0.3).astype(int)),
        "level": words(list(levels), chosen(random, levels, count)),
        "cleared_at": seconds_as_moments(np.full(count, NONE)),
    }
    cleared = raised + random.integers(3600, 15 * DAY_SECONDS, count)
    recorded = np.maximum(
        filed_after(plan, random, cleared // DAY_SECONDS, "alert", rows["_recorded"]), cleared
    )
    return stack(
        [
            rows,
            later_version(
                rows, np.arange(count), {"_recorded": recorded, "cleared_at": seconds_as_moments(cleared)}
            ),
        ]
    )
