"""Who builds: the parties of each site, and the table `project_parties`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.enterprises import Enterprises
from data_contracts.synthetic_city.filing import filed, filed_after
from data_contracts.synthetic_city.rows import NONE, Rows, constant, days_as_dates, later_version, stack
from data_contracts.synthetic_city.sites import Sites
from data_contracts.synthetic_city.stages import ABSENT, window

LASTING = (
    ("OWNER", "OWNER", 1.0), ("SURVEY", "SURVEY", 0.7), ("DESIGN", "DESIGN", 0.95), ("SUB_LAB", "LABOUR", 0.8),
    ("TEST", "TEST_HOUSE", 0.9),
)  # fmt: skip


@dataclass(frozen=True)
class Parties:
    """Contractor and supervisor of each site; `contractor_changed` is NONE where the contractor stays."""

    contractor: NDArray
    next_contractor: NDArray
    contractor_changed: NDArray
    supervisor: NDArray

    def contractor_on(self, site: NDArray, days: NDArray) -> NDArray:
        """Position of the contractor of a site on a day."""
        changed = self.contractor_changed[site]
        return np.where((changed != NONE) & (days >= changed), self.next_contractor[site], self.contractor[site])


def draw_parties(plan: CityPlan, sites: Sites, firms: Enterprises, block: int) -> Parties:
    """Contractors and supervisors of a block of sites, in proportion to the enterprises' size."""
    random, count = block_stream(plan, "parties", block), len(sites)
    first, second = firms.draw(random, "CONTRACTOR", count), firms.draw(random, "CONTRACTOR", count)
    changes = (random.random(count) < plan.declared["enterprises.contractor_change_share"]) & (first != second)
    day = sites.start + (random.uniform(0.2, 0.7, count) * (sites.finish - sites.start)).astype(np.int64)
    return Parties(
        contractor=first,
        next_contractor=second,
        contractor_changed=np.where(changes, day, NONE),
        supervisor=firms.draw(random, "SUPERVISOR", count),
    )


def party_rows(
    plan: CityPlan, sites: Sites, firms: Enterprises, parties: Parties, starts: NDArray, block: int
) -> Rows:
    """All parties of a block of sites; the day somebody left stands in a later version."""
    random, count = block_stream(plan, "party rows", block), len(sites)
    everyone = np.arange(count)
    spells = [
        _spell(everyone, parties.contractor, "GC", sites.start, parties.contractor_changed),
        _spell(everyone, parties.supervisor, "SUPV", sites.start, np.full(count, NONE)),
    ]
    moved = np.nonzero(parties.contractor_changed != NONE)[0]
    spells.append(_spell(moved, parties.next_contractor[moved], "GC", parties.contractor_changed[moved], np.full(len(moved), NONE)))
    for role, kind, share in LASTING:
        mine = np.nonzero(random.random(count) < share)[0]
        spells.append(_spell(mine, firms.draw(random, kind, len(mine)), role, sites.start[mine], np.full(len(mine), NONE)))
    insured = np.nonzero(sites.insured_idi)[0]
    spells.append(_spell(insured, firms.draw(random, "TIS", len(insured)), "TIS", sites.start[insured], np.full(len(insured), NONE)))
    for role, kind, first, last, wanted in (
        ("MONI", "TEST_HOUSE", "20", "30", sites.pit_depth >= 5), ("CRANE", "CRANE", "40", "50", sites.height > 20),
        ("SUB_PRO", "SPECIALIST", "20", "30", sites.pit_depth >= 5), ("SUB_PRO", "SPECIALIST", "60", "60", sites.area > 5000),
        ("SUB_PRO", "SPECIALIST", "65", "65", sites.has_curtain_wall),
    ):  # fmt: skip
        begin, end = window(starts, sites.finish, first, last)
        mine = np.nonzero(wanted & (begin != ABSENT))[0]
        spells.append(_spell(mine, firms.draw(random, kind, len(mine)), role, begin[mine], end[mine]))
    return _versions(plan, random, sites, firms, stack(spells))


def _spell(site: NDArray, enterprise: NDArray, role: str, begin: NDArray, end: NDArray) -> Rows:
    return {"_site": site, "_enterprise": enterprise, "role": constant(role, len(site)), "_from": begin, "_to": end}


def _versions(plan: CityPlan, random: np.random.Generator, sites: Sites, firms: Enterprises, spells: Rows) -> Rows:
    begin, end = spells["_from"], spells["_to"]
    rows: Rows = {
        "_key": np.arange(len(begin)),
        "_recorded": filed(plan, random, begin, "slow"),
        "project_id": sites.ids[spells["_site"]],
        "enterprise_id": firms.code_on(spells["_enterprise"], begin),
        "role": spells["role"],
        "valid_from": days_as_dates(begin),
        "valid_to": days_as_dates(np.full(len(begin), NONE)),
    }
    rows = _without_doubles(rows)
    left = np.nonzero(end[rows["_key"]] != NONE)[0]
    day = end[rows["_key"]][left]
    recorded = filed_after(plan, random, day, "slow", rows["_recorded"][left])
    return stack([rows, later_version(rows, left, {"_recorded": recorded, "valid_to": days_as_dates(day)})])


def _without_doubles(rows: Rows) -> Rows:
    """The same enterprise in the same role from the same day counts once."""
    keys = np.char.add(np.char.add(rows["project_id"], rows["enterprise_id"]), rows["role"])
    keys = np.char.add(keys, rows["valid_from"].astype("S10"))
    first = np.sort(np.unique(keys, return_index=True)[1])
    return {name: column[first] for name, column in rows.items()}
