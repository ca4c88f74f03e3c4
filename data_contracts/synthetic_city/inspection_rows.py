"""The tables `inspections`, `orders` and `leader_points`, from the visits and what they found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.filing import filed, filed_after
from data_contracts.synthetic_city.findings import DISPOSALS
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.rows import (
    DAY_SECONDS,
    NONE,
    Rows,
    chosen,
    days_as_dates,
    later_version,
    numbered,
    seconds_as_moments,
    serial_ids,
    stack,
    words,
)  # fmt: skip
from data_contracts.synthetic_city.sites import agencies
from data_contracts.synthetic_city.visits import TRIGGERED, TYPES


def inspection_rows(city: City, block: Block, visits: Rows) -> Rows:
    """One row a visit."""
    plan, sites, stations = city.plan, block.sites, city.stations
    random, count = block_stream(plan, "inspection rows", block.number), len(visits["_day"])
    triggered = np.isin(visits["_type"], [TYPES.index(kind) for kind in TRIGGERED])
    return {
        "_happened": visits["_day"],
        "_recorded": visits["_recorded"],
        "inspection_id": visits["_id"],
        "project_id": sites.ids[visits["_site"]],
        "inspected_on": days_as_dates(visits["_day"]),
        "inspection_type": words(TYPES, visits["_type"]),
        "plan_type": words(("PLANNED", "TRIGGERED"), triggered.astype(int)),
        "discipline": words(("SAFETY", "QUALITY"), (random.random(count) < 0.25).astype(int)),
        "agency_code": words(agencies(plan), visits["_agency"]),
        "team_ref": stations.team_refs[visits["_team"]],
        "inspector_refs": stations.two_inspectors(random, visits["_team"]),
        "safety_score": visits["_score"],
        "hazards_found": visits["_hazards"].astype(float),
        "major_hazards_found": visits["_major"].astype(float),
        "disposal": words(DISPOSALS, visits["_disposal"]),
        "selection_probability": visits["_probability"],
    }


def order_rows(city: City, block: Block, visits: Rows) -> Rows:
    """A row for each paper: notices, partial stops and stops; lifted in a later version."""
    plan, sites, random = city.plan, block.sites, block_stream(city.plan, "orders", block.number)
    median, spread = plan.declared["findings.lift_days"]
    papers = [
        (visits["_rectify"], "RECTIFY", 10),
        (visits["_partial"], "PARTIAL_STOP", 15),
        (visits["_stop"], "STOP", 20),
    ]
    visit = np.concatenate([np.nonzero(mask)[0] for mask, _, _ in papers])
    kind = np.repeat(np.arange(3), [mask.sum() for mask, _, _ in papers])
    due = np.array([days for _, _, days in papers])[kind]
    issued, count = visits["_day"][visit], len(visit)
    lifted = issued + np.maximum(median * np.exp(spread * random.standard_normal(count)), 1).astype(np.int64)
    lifted = np.maximum(np.minimum(lifted, sites.finish[visits["_site"][visit]]), issued)
    rows: Rows = {
        "_happened": issued,
        "_recorded": visits["_recorded"][visit] + random.integers(0, 3600, count),
        "_site": visits["_site"][visit],
        "_stop": kind == 2,
        "_lifted": lifted,
        "order_id": serial_ids("O", block.number, count),
        "project_id": sites.ids[visits["_site"][visit]],
        "kind": words([name for _, name, _ in papers], kind),
        "issued_on": days_as_dates(issued),
        "inspection_id": visits["_id"][visit],
        "due_on": days_as_dates(issued + due),
        "lifted_on": days_as_dates(np.full(count, NONE)),
    }
    recorded = filed_after(plan, random, lifted, "usual", rows["_recorded"])
    closed = later_version(
        rows, np.arange(count), {"_recorded": recorded, "lifted_on": days_as_dates(lifted)}
    )
    return stack([{**rows, "_final": np.zeros(count, bool)}, {**closed, "_final": np.ones(count, bool)}])


def point_rows(city: City, block: Block, visits: Rows) -> Rows:
    """记分 of project managers and chief supervisors, after patrols above all; a few are revoked."""
    plan, sites, parties = city.plan, block.sites, block.parties
    random, declared = block_stream(plan, "points", block.number), plan.declared
    share = np.where(
        visits["_patrol"], declared["findings.patrol_points_share"], declared["findings.routine_points_share"]
    )
    share = share * np.where(visits["_patrol"], 1, np.minimum(visits["_hazards"] / 6, 3))
    visit = np.nonzero(random.random(len(share)) < share)[0]
    site, day, count = visits["_site"][visit], visits["_day"][visit], len(visit)
    steps = declared["findings.points_values"]
    post = (random.random(count) < 0.3).astype(int)
    contractor = parties.contractor_on(site, day)
    person = np.where(
        post == 0,
        contractor * 20 + sites.number[site] % 20,
        parties.supervisor[site] * 40 + sites.number[site] % 40,
    )
    rows: Rows = {
        "_happened": day,
        "_recorded": filed(plan, random, day, "usual"),
        "record_id": serial_ids("L", block.number, count),
        "project_id": sites.ids[site],
        "points": np.array([float(step) for step in steps])[chosen(random, steps, count)],
        "given_on": days_as_dates(day),
        "person_ref": numbered("L", person * 2 + post, 9),
        "post": words(("PM", "CHIEF_SUPERVISOR"), post),
        "revoked_at": seconds_as_moments(np.full(count, NONE)),
    }
    return stack([rows, revoked(plan, random, rows, declared["findings.revoked_share"])])


def revoked(plan: CityPlan, random: np.random.Generator, rows: Rows, share: float) -> Rows:
    """Later versions of a share of the rows, revoked between 10 days and four months after."""
    which = np.nonzero(random.random(len(rows["_happened"])) < share)[0]
    day = rows["_happened"][which] + random.integers(10, 120, len(which))
    recorded = filed_after(plan, random, day, "usual", rows["_recorded"][which])
    moment = day * DAY_SECONDS + 10 * 3600
    changes: dict[str, NDArray] = {
        "_recorded": np.maximum(recorded, moment),
        "revoked_at": seconds_as_moments(moment),
    }
    return later_version(rows, which, changes)


def penalised(plan: CityPlan, random: np.random.Generator, visits: Rows) -> NDArray:
    """Which visits end in an administrative penalty."""
    declared = plan.declared
    share = np.where(
        visits["_patrol"],
        declared["findings.patrol_penalty_share"],
        declared["findings.routine_penalty_share"],
    )
    share = share * np.where(visits["_patrol"], 1, np.minimum(visits["_hazards"] / 6, 3))
    return (random.random(len(share)) < share) & (visits["_hazards"] > 0)


def ids_of(visits: Rows, block: int, letter: str) -> NDArray:
    """Ids of a round of visits; each round has its own letter."""
    return serial_ids(f"I{letter}", block, len(visits["_day"]))
