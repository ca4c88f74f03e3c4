"""Quality defects and complaints, after delivery above all: the table `defects`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import MONTH_DAYS, block_stream
from data_contracts.synthetic_city.filing import filed, filed_after
from data_contracts.synthetic_city.groundwork import Block, City
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
    serial_ids,
    stack,
    words,
)  # fmt: skip
from data_contracts.synthetic_city.sites import CATEGORIES

AFTER = ("HOTLINE_12345", "PETITION", "INSURANCE", "OTHER")
BEFORE = ("TIS", "UNIT_ACCEPTANCE", "INSPECTION", "TEST")


def defect_rate(city: City, block: Block, frailty: NDArray) -> NDArray:
    """Verified defects that each site will have within the declared months of delivery, expected.

    `frailty` is the site's own; the contractor's is that of the one at completion.
    """
    declared, sites, firms = city.plan.declared, block.sites, city.firms
    contractor = block.parties.contractor_on(np.arange(len(sites)), sites.finish)
    log_quality = (
        declared["defects.credit"] * firms.poorness[contractor]
        + declared["defects.compression"]
        * (sites.compression - declared["sites.compression"][0])
        / declared["sites.compression"][1]
        + declared["defects.frailty_exponent"] * (frailty + firms.frailty[contractor])
    )
    homes = (sites.category == CATEGORIES.index("BLD_RES")) & (sites.nature != 4)
    base = declared["defects.verified_per_10000_m2"] * np.where(
        homes, 1, declared["defects.other_buildings_factor"]
    )
    expected = base * sites.area / 10_000 * np.exp(log_quality) / declared.calibrated["defect_rate"]
    return np.where(sites.category == CATEGORIES.index("DEMO"), 0, expected)


def defect_rows(city: City, block: Block, expected: NDArray) -> Rows:
    """Complaints after delivery and findings before it; verified and closed in later versions."""
    plan, sites = city.plan, block.sites
    random, declared = block_stream(plan, "defects", block.number), plan.declared
    delivered = np.where(sites.terminated, 0.0, expected)
    share = declared["defects.verified_share"]
    after = np.repeat(np.arange(len(sites)), random.poisson(delivered / share))
    span = declared["defects.months"] * MONTH_DAYS
    day_after = sites.finish[after] + 1 + (span * random.random(len(after)) ** 1.3).astype(np.int64)
    ratio = declared["defects.before_delivery_per_10000_m2"] / declared["defects.verified_per_10000_m2"]
    before = np.repeat(np.arange(len(sites)), random.poisson(expected * ratio))
    day_before = sites.finish[before] - 1 - random.integers(0, 120, len(before))
    site, day = np.concatenate([after, before]), np.concatenate([day_after, day_before])
    early = np.repeat([False, True], [len(after), len(before)])
    keep = day > sites.start[site]
    return _versions(city, block, random, {"_site": site[keep], "_day": day[keep], "_early": early[keep]})


def _versions(city: City, block: Block, random: np.random.Generator, drawn: Rows) -> Rows:
    plan, sites, declared = city.plan, block.sites, city.plan.declared
    site, day, early = drawn["_site"], drawn["_day"], drawn["_early"]
    count = len(site)
    true = early | (random.random(count) < declared["defects.verified_share"])
    types = declared["defects.types"]
    channels = random.random((2, count)) * 4
    channel = np.where(
        early, words(BEFORE, channels[0].astype(int)), words(AFTER, (channels[1] ** 1.5 / 2).astype(int))
    )
    rows: Rows = {
        "_happened": day,
        "_recorded": filed(plan, random, day, "usual"),
        "defect_id": serial_ids("D", block.number, count),
        "project_id": sites.ids[site],
        "reported_on": days_as_dates(day),
        "category": words(list(types), chosen(random, types, count)),
        "channel": channel,
        "severity": words(("general", "serious"), (random.random(count) < 0.08).astype(int)),
        "building_ref": numbered(
            "B", 1 + random.integers(0, 12, count) % np.maximum(sites.area[site] // 8000, 1).astype(int), 2
        ),
        "responsible_role": constant("GC", count),
        "is_verified": np.full(count, np.nan),
        "verified_at": seconds_as_moments(np.full(count, NONE)),
        "closed_on": days_as_dates(np.full(count, NONE)),
    }
    checked = day + 2 + np.floor(random.exponential(18, count)).astype(np.int64)
    moment = checked * DAY_SECONDS + 14 * 3600
    verified = later_version(rows, np.arange(count), {
        "_recorded": np.maximum(filed_after(plan, random, checked, "usual", rows["_recorded"]), moment),
        "is_verified": true.astype(float),
        "verified_at": seconds_as_moments(np.where(true, moment, NONE)),
    })  # fmt: skip
    shut = checked + 10 + np.floor(random.exponential(45, count)).astype(np.int64)
    closed = later_version(verified, np.arange(count), {
        "_recorded": filed_after(plan, random, shut, "slow", verified["_recorded"]),
        "closed_on": days_as_dates(shut),
    })  # fmt: skip
    return stack([rows, verified, closed])
