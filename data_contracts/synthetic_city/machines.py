"""Lifting machines on the sites: the table `machinery`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import block_stream
from data_contracts.synthetic_city.filing import filed, filed_after
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.rows import (
    NONE,
    Rows,
    constant,
    days_as_dates,
    later_version,
    serial_ids,
    stack,
)
from data_contracts.synthetic_city.stages import ABSENT, window


def machinery_rows(city: City, block: Block) -> Rows:
    """Tower cranes and hoists: installed, inspected every year, and removed in a later version."""
    plan, sites, works = city.plan, block.sites, block.works
    random, declared = block_stream(plan, "machinery", block.number), plan.declared
    cranes = np.nonzero(works["code"] == b"CRANE")[0]
    several = 1 + np.minimum(sites.area[works["_site"][cranes]] / 40_000, 7).astype(int)
    crane = np.repeat(cranes, several)
    begin, end = window(block.starts, sites.finish, "40", "60")
    hoisted = np.nonzero(
        (sites.height > 30) & (begin != ABSENT) & (random.random(len(sites)) < declared["works.hoist_share"])
    )[0]
    site = np.concatenate([works["_site"][crane], hoisted])
    installed = np.concatenate([works["_from"][crane], (begin + (end - begin) // 4)[hoisted]])
    removed = np.concatenate([works["_to"][crane], end[hoisted]])
    count = len(site)
    median, spread = declared["works.machine_age_years"]
    age = np.minimum(median * np.exp(spread * random.standard_normal(count)), 18)
    rows: Rows = {
        "_key": np.arange(count),
        "_recorded": filed(plan, random, installed, "usual"),
        "machine_id": serial_ids("M", block.number, count),
        "project_id": sites.ids[site],
        "kind": np.concatenate([constant("TOWER_CRANE", len(crane)), constant("HOIST", len(hoisted))]),
        "made_on": days_as_dates(installed - (age * 365.25).astype(np.int64) - 30),
        "inspection_due_on": days_as_dates(installed + 365),
        "installed_on": days_as_dates(installed),
        "removed_on": days_as_dates(np.full(count, NONE)),
    }
    versions, recorded, day = [rows], rows["_recorded"].copy(), installed + 365
    while (day < removed).any():  # the yearly inspection, sometimes late
        due = np.nonzero(day < removed)[0]
        done = day[due] + np.where(
            random.random(len(due)) < 0.12,
            random.integers(5, 90, len(due)),
            -random.integers(1, 25, len(due)),
        )
        recorded[due] = filed_after(plan, random, done, "usual", recorded[due])
        versions.append(_inspected(rows, due, recorded[due], day[due] + 365))
        day = day + 365
    final = later_version(rows, np.arange(count), {
        "_recorded": filed_after(plan, random, removed, "slow", recorded),
        "inspection_due_on": days_as_dates(_last_due(installed, removed)),
        "removed_on": days_as_dates(removed),
    })  # fmt: skip
    return stack([*versions, final])


def _inspected(rows: Rows, due: NDArray, recorded: NDArray, next_due: NDArray) -> Rows:
    return later_version(rows, due, {"_recorded": recorded, "inspection_due_on": days_as_dates(next_due)})


def _last_due(installed: NDArray, removed: NDArray) -> NDArray:
    """The due day that stood when the machine was removed."""
    return installed + 365 * np.maximum(-(-(removed - installed) // 365), 1)
