"""Findings as rows: the table `violations`, and how many are open in each site and month."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.filing import filed_after
from data_contracts.synthetic_city.findings import DISPOSALS
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.hazard import SiteMonths
from data_contracts.synthetic_city.inspection_rows import penalised, revoked
from data_contracts.synthetic_city.rows import (
    NONE,
    Rows,
    chosen,
    days_as_dates,
    first_day_of,
    later_version,
    month_of,
    seconds_as_moments,
    serial_ids,
    stack,
    words,
)  # fmt: skip
from data_contracts.synthetic_city.sites import Sites, agencies
from data_contracts.synthetic_city.stages import STAGES

SEVERITIES = ("general", "serious", "major")


def found(city: City, block: Block, panel: SiteMonths, visits: Rows, letter: str) -> Rows:
    """One to three groups of findings a visit, with the day on which they are put right (NONE: never)."""
    plan, sites = city.plan, block.sites
    random, declared = block_stream(plan, f"violations {letter}", block.number), plan.declared
    hazards = visits["_hazards"]
    groups = np.where(hazards > 0, 1 + (hazards >= 5).astype(int) + (hazards >= 12), 0)
    visit = np.repeat(np.arange(len(hazards)), groups)
    place = np.arange(len(visit)) - np.repeat(np.cumsum(groups) - groups, groups)
    items = hazards[visit] // groups[visit] + (place < hazards[visit] % groups[visit])
    top = np.where(visits["_major"] > 0, 2, np.where(visits["_partial"] | visits["_stop"], 1, 0))
    severity = np.where(place == 0, top[visit], 0)
    row = visits["_row"][visit]
    frailty = np.exp(
        declared["findings.rectify_frailty_exponent"] * (panel.frailty_site + panel.frailty_contractor)
    )[row]
    median, spread = declared["findings.rectify_days"]
    wait = np.maximum(median * frailty * np.exp(spread * random.standard_normal(len(visit))), 1).astype(
        np.int64
    )
    never = random.random(len(visit)) < declared["findings.never_rectified_share"]
    day, site = visits["_day"][visit], visits["_site"][visit]
    due_days = np.array([*declared["findings.rectify_due_days"], 3])[[0, 1, 2]][severity]
    return {
        "_visit": visit,
        "_place": place,
        "_site": site,
        "_row": row,
        "_happened": day,
        "_items": items,
        "_severity": severity,
        "_due": day + due_days,
        "_rectified": np.where(never, NONE, np.maximum(np.minimum(day + wait, sites.finish[site]), day)),
        "_category": _category(plan, random, panel.stage[row]),
    }


def open_hazards(sites: Sites, panel: SiteMonths, findings: Rows) -> NDArray:
    """Items found and not yet put right at the first of each month (or the first day at work)."""
    begin = findings["_happened"] + 1
    end = np.where(findings["_rectified"] == NONE, sites.finish[findings["_site"]], findings["_rectified"])
    low, high = (
        _first_row_from(panel, findings["_site"], begin),
        _first_row_from(panel, findings["_site"], end),
    )
    edges = np.zeros(len(panel) + 1, np.int64)
    inside = high > low
    np.add.at(edges, low[inside], findings["_items"][inside])
    np.add.at(edges, high[inside], -findings["_items"][inside])
    return np.cumsum(edges)[: len(panel)]


def violation_rows(city: City, block: Block, visits: Rows, findings: Rows, letter: str) -> Rows:
    """The findings as filed: put right, revoked or withdrawn in later versions."""
    plan, sites = city.plan, block.sites
    random, declared = block_stream(plan, f"violation rows {letter}", block.number), plan.declared
    visit, day, count = findings["_visit"], findings["_happened"], len(findings["_visit"])
    fined = penalised(plan, random, visits)[visit] & (findings["_place"] == 0)
    roles = declared["findings.roles"]
    role = np.where(fined, 0, chosen(random, roles, count))
    median, spread = declared["findings.penalty_cny10k"]
    contractor = block.parties.contractor_on(findings["_site"], day)
    rows: Rows = {
        "_happened": day,
        "_recorded": visits["_recorded"][visit] + random.integers(0, 3600, count),
        "violation_id": serial_ids(f"V{letter}", block.number, count),
        "found_on": days_as_dates(day),
        "project_id": sites.ids[findings["_site"]],
        "enterprise_id": np.where(fined, city.firms.code_on(contractor, day), b""),
        "inspection_id": visits["_id"][visit],
        "agency_code": words(agencies(plan), visits["_agency"][visit]),
        "role": words(list(roles), role),
        "category": words(_categories(plan), findings["_category"]),
        "severity": words(SEVERITIES, findings["_severity"]),
        "item_count": findings["_items"].astype(float),
        "disposal": np.where(fined, b"PENALTY", words(DISPOSALS, visits["_disposal"][visit])),
        "penalty_cny10k": np.where(
            fined, np.round(median * np.exp(spread * random.standard_normal(count)), 1), np.nan
        ),
        "rectify_due_on": days_as_dates(findings["_due"]),
        "rectified_on": days_as_dates(np.full(count, NONE)),
        "revoked_at": seconds_as_moments(np.full(count, NONE)),
        "withdrawn_at": seconds_as_moments(np.full(count, NONE)),
    }
    gone = revoked(plan, random, {**rows, "_number": np.arange(count)}, declared["findings.revoked_share"])
    stays = np.ones(count, bool)
    stays[gone.pop("_number")] = False
    right = np.nonzero(stays & (findings["_rectified"] != NONE))[0]
    recorded = filed_after(plan, random, findings["_rectified"][right], "usual", rows["_recorded"][right])
    put_right = later_version(
        rows, right, {"_recorded": recorded, "rectified_on": days_as_dates(findings["_rectified"][right])}
    )
    mistaken = np.nonzero(random.random(len(right)) < declared["findings.withdrawn_share"])[0]
    recorded = recorded[mistaken] + random.integers(86_400, 20 * 86_400, len(mistaken))
    tombstones = later_version(
        put_right, mistaken, {"_recorded": recorded, "withdrawn_at": seconds_as_moments(recorded)}
    )
    return stack([rows, gone, put_right, tombstones])


def _first_row_from(panel: SiteMonths, site: NDArray, day: NDArray) -> NDArray:
    """The first row of the site whose month begins on or after a day; the row after its last if none."""
    month = month_of(day)
    month = month + (first_day_of(month) < day)
    return panel.first_row[site] + np.clip(month - panel.first_month[site], 0, panel.months[site])


def _categories(plan: CityPlan) -> list[str]:
    extra = [name for weights in plan.declared["findings.stage_categories"].values() for name in weights]
    return list(dict.fromkeys([*plan.declared["findings.categories"], *extra]))


def _category(plan: CityPlan, random: np.random.Generator, stage: NDArray) -> NDArray:
    names, usual = _categories(plan), plan.declared["findings.categories"]
    weights = np.array([
        [usual.get(name, 0) + plan.declared["findings.stage_categories"].get(code, {}).get(name, 0) for name in names]
        for code in STAGES
    ], float)  # fmt: skip
    edges = np.cumsum(weights, axis=1)
    uniform = random.random(len(stage)) * edges[stage, -1]
    category = np.empty(len(stage), np.int64)
    for position in range(len(STAGES)):
        mine = stage == position
        category[mine] = np.searchsorted(edges[position], uniform[mine], side="right").clip(0, len(names) - 1)
    return category
