"""The table `dangerous_works`: each work as planned, begun and finished."""

from __future__ import annotations

import numpy as np

from data_contracts.synthetic_city.city_plan import block_stream
from data_contracts.synthetic_city.filing import filed, filed_after
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.rows import NONE, Rows, days_as_dates, later_version, length, stack, words

PLANS = ("DRAFTED", "REVIEWED", "EXPERT_REVIEWED")


def dangerous_work_rows(city: City, block: Block) -> Rows:
    """Three versions of a work: planned, begun, finished; the plan's status as it was then."""
    plan, sites, works = city.plan, block.sites, block.works
    random, count = block_stream(plan, "work rows", block.number), length(works)
    begin, end, reviewed = works["_from"], works["_to"], works["_reviewed"]
    final = np.where(works["_overscale"], 2, 1)
    planned_day = np.maximum(sites.start[works["_site"]], begin - random.integers(15, 60, count))
    planned_day = np.minimum(planned_day, begin)
    shift = random.integers(-20, 5, count)
    rows: Rows = {
        "_key": np.arange(count),
        "_recorded": filed(plan, random, planned_day, "usual"),
        "work_id": works["_id"],
        "project_id": sites.ids[works["_site"]],
        "code": works["code"],
        "parameter_kind": works["parameter_kind"],
        "parameter_value": works["parameter_value"],
        "quantity": 1.0 + (random.random(count) < 0.3) * random.integers(1, 6, count),
        "is_overscale": works["_overscale"].astype(float),
        "plan_status": words(PLANS, np.where(reviewed <= planned_day, final, 0)),
        "planned_start": days_as_dates(begin + shift),
        "planned_finish": days_as_dates(
            np.maximum(end + shift - random.integers(0, 20, count), begin + shift)
        ),
        "started_on": days_as_dates(np.full(count, NONE)),
        "finished_on": days_as_dates(np.full(count, NONE)),
    }
    every = np.arange(count)
    begun = later_version(rows, every, {
        "_recorded": filed_after(plan, random, begin, "usual", rows["_recorded"]),
        "plan_status": words(PLANS, np.where(reviewed <= begin, final, 1)),
        "started_on": days_as_dates(begin),
    })  # fmt: skip
    late = np.nonzero(reviewed > begin)[0]
    caught_up = later_version(begun, late, {
        "_recorded": filed_after(plan, random, reviewed[late], "usual", begun["_recorded"][late]),
        "plan_status": words(PLANS, final[late]),
    })  # fmt: skip
    last = begun["_recorded"].copy()
    last[late] = caught_up["_recorded"]
    finished = later_version(begun, every, {
        "_recorded": filed_after(plan, random, end, "slow", last),
        "plan_status": words(PLANS, final),
        "finished_on": days_as_dates(end),
    })  # fmt: skip
    return stack([rows, begun, caught_up, finished])
