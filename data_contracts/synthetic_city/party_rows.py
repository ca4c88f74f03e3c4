"""The table `project_parties`: all parties of each site, and when they left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import block_stream
from data_contracts.synthetic_city.filing import filed, filed_after
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.rows import NONE, Rows, constant, days_as_dates, later_version, stack
from data_contracts.synthetic_city.stages import ABSENT, window

LASTING = (
    ("OWNER", "OWNER", 1.0), ("SURVEY", "SURVEY", 0.7), ("DESIGN", "DESIGN", 0.95), ("SUB_LAB", "LABOUR", 0.8),
    ("TEST", "TEST_HOUSE", 0.9),
)  # fmt: skip


def party_rows(city: City, block: Block) -> Rows:
    """All parties of a block of sites; the day somebody left stands in a later version."""
    random = block_stream(city.plan, "party rows", block.number)
    spells = stack([*_leading(block), *_lasting(city, block, random), *_passing(city, block, random)])
    return _versions(city, block, random, spells)


def _leading(block: Block) -> list[Rows]:
    sites, parties, count = block.sites, block.parties, len(block.sites)
    everyone = np.arange(count)
    moved = np.nonzero(parties.contractor_changed != NONE)[0]
    return [
        _spell(everyone, parties.contractor, "GC", sites.start, parties.contractor_changed),
        _spell(
            moved,
            parties.next_contractor[moved],
            "GC",
            parties.contractor_changed[moved],
            np.full(len(moved), NONE),
        ),
        _spell(everyone, parties.supervisor, "SUPV", sites.start, np.full(count, NONE)),
    ]


def _lasting(city: City, block: Block, random: np.random.Generator) -> list[Rows]:
    """Those who stay as long as the site lives."""
    sites, firms, spells = block.sites, city.firms, []
    for role, kind, share in LASTING:
        mine = np.nonzero(random.random(len(sites)) < share)[0]
        spells.append(
            _spell(
                mine, firms.draw(random, kind, len(mine)), role, sites.start[mine], np.full(len(mine), NONE)
            )
        )
    insured = np.nonzero(sites.insured_idi)[0]
    spells.append(
        _spell(
            insured,
            firms.draw(random, "TIS", len(insured)),
            "TIS",
            sites.start[insured],
            np.full(len(insured), NONE),
        )
    )
    return spells


def _passing(city: City, block: Block, random: np.random.Generator) -> list[Rows]:
    """Those who are there for some stages."""
    sites, spells = block.sites, []
    for role, kind, first, last, wanted in (
        ("MONI", "TEST_HOUSE", "20", "30", sites.pit_depth >= 5), ("CRANE", "CRANE", "40", "50", sites.height > 20),
        ("SUB_PRO", "SPECIALIST", "20", "30", sites.pit_depth >= 5), ("SUB_PRO", "SPECIALIST", "60", "60", sites.area > 5000),
        ("SUB_PRO", "SPECIALIST", "65", "65", sites.has_curtain_wall),
    ):  # fmt: skip
        begin, end = window(block.starts, sites.finish, first, last)
        mine = np.nonzero(wanted & (begin != ABSENT))[0]
        spells.append(_spell(mine, city.firms.draw(random, kind, len(mine)), role, begin[mine], end[mine]))
    return spells


def _spell(site: NDArray, enterprise: NDArray, role: str, begin: NDArray, end: NDArray) -> Rows:
    return {
        "_site": site,
        "_enterprise": enterprise,
        "role": constant(role, len(site)),
        "_from": begin,
        "_to": end,
    }


def _versions(city: City, block: Block, random: np.random.Generator, spells: Rows) -> Rows:
    plan, begin, end = city.plan, spells["_from"], spells["_to"]
    rows: Rows = {
        "_key": np.arange(len(begin)),
        "_recorded": filed(plan, random, begin, "slow"),
        "project_id": block.sites.ids[spells["_site"]],
        "enterprise_id": city.firms.code_on(spells["_enterprise"], begin),
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
