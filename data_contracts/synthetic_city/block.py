"""One block of sites from beginning to end: drawn, visited, and written down. Blocks know nothing of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city import accidents, defects, inspection_rows, violations
from data_contracts.synthetic_city.city_plan import block_stream
from data_contracts.synthetic_city.filing import filed, on_file, on_register
from data_contracts.synthetic_city.findings import find
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.hazard import SiteMonths, site_months
from data_contracts.synthetic_city.machines import machinery_rows
from data_contracts.synthetic_city.parties import draw_parties
from data_contracts.synthetic_city.party_rows import party_rows
from data_contracts.synthetic_city.progress_rows import progress_rows
from data_contracts.synthetic_city.project_rows import project_rows
from data_contracts.synthetic_city.rows import Rows, stack
from data_contracts.synthetic_city.site_records import (
    alarm_rows,
    attendance_rows,
    manager_presence,
    material_test_rows,
)
from data_contracts.synthetic_city.sites import draw_sites
from data_contracts.synthetic_city.stages import stage_starts
from data_contracts.synthetic_city.visit_effect import effective_hazard, visited_share
from data_contracts.synthetic_city.visits import at_work, first_round, follow_up, patrols
from data_contracts.synthetic_city.work_rows import dangerous_work_rows
from data_contracts.synthetic_city.works import draw_works


@dataclass(frozen=True)
class Inspected:
    """A block's hidden hazard, its visits with their findings in rounds (letter, visits, findings), and
    what the visits did to the hazard."""

    panel: SiteMonths
    rounds: list[tuple[str, Rows, Rows]]
    open_hazards: NDArray
    visited_share: NDArray
    hazard: NDArray
    accidents: Rows
    site_frailty: NDArray


def draw_block(city: City, number: int) -> Block:
    """The sites of a block, their stages, works and parties."""
    sites = draw_sites(city.plan, number)
    starts = stage_starts(city.plan, sites, number)
    return Block(
        number=number,
        sites=sites,
        starts=starts,
        works=draw_works(city.plan, sites, starts, number),
        parties=draw_parties(city.plan, sites, city.firms, number),
        presence=manager_presence(city.plan, sites, number),
    )


def inspect_block(city: City, block: Block) -> Inspected:
    """The hidden hazard; visits, patrols that look for open hazards, rechecks; accidents; visits after fatal ones."""
    plan, sites, panel = city.plan, block.sites, site_months(city, block)
    first = _round(city, block, panel, first_round(city, block, panel), "A")
    still_open = violations.open_hazards(sites, panel, first[2])
    second = _round(city, block, panel, patrols(city, block, panel, still_open), "B")
    third = _round(city, block, panel, _rechecks(city, block, panel, [first[1], second[1]]), "C")
    share = visited_share(
        plan, panel, stack([{name: r[1][name] for name in ("_site", "_day")} for r in (first, second, third)])
    )
    hazard = effective_hazard(plan, panel, share)
    happened = accidents.draw_accidents(plan, panel, hazard, block.number)
    fatal = np.nonzero(happened["_fatal"])[0]
    after = at_work(plan, sites, panel, follow_up(happened, fatal, happened["_day"][fatal] + 1, "EMERGENCY"))
    frailty = np.zeros(len(sites))
    frailty[panel.site] = panel.frailty_site
    rounds = [first, second, third, _round(city, block, panel, after, "D")]
    return Inspected(panel, rounds, still_open, share, hazard, happened, frailty)


def block_tables(city: City, block: Block, inspected: Inspected) -> dict[str, list[Rows]]:
    """Everything of a block that is on file at the end of the last day, by table."""
    panel = inspected.panel
    visits = stack([visits for _, visits, _ in inspected.rounds])
    orders = inspection_rows.order_rows(city, block, visits)
    expected = defects.defect_rate(city, block, inspected.site_frailty)
    registers = {
        "projects": project_rows(city, block, orders),
        "project_parties": party_rows(city, block),
        "dangerous_works": dangerous_work_rows(city, block),
        "progress": progress_rows(city, block),
        "machinery": machinery_rows(city, block),
    }
    events = {
        "inspections": [inspection_rows.inspection_rows(city, block, visits)],
        "orders": [orders],
        "violations": [
            violations.violation_rows(city, block, seen, found, letter)
            for letter, seen, found in inspected.rounds
        ],
        "leader_points": [inspection_rows.point_rows(city, block, visits)],
        "accidents": [accidents.accident_rows(city, block, inspected.accidents)],
        "defects": [defects.defect_rows(city, block, expected)],
        "attendance": [attendance_rows(city, block, panel)],
        "material_tests": [material_test_rows(city, block, panel)],
        "monitor_alarms": [alarm_rows(city, block, panel)],
    }
    return {name: [on_register(city.plan, rows)] for name, rows in registers.items()} | {
        name: [on_file(city.plan, rows) for rows in parts] for name, parts in events.items()
    }


def _round(city: City, block: Block, panel: SiteMonths, visits: Rows, letter: str) -> tuple[str, Rows, Rows]:
    """Visits with what they found, and the findings as groups."""
    seen = find(city, block, panel, visits, letter)
    random = block_stream(city.plan, f"visits filed {letter}", block.number)
    seen["_recorded"] = filed(city.plan, random, seen["_day"], "usual")
    seen["_id"] = inspection_rows.ids_of(seen, block.number, letter)
    return letter, seen, violations.found(city, block, panel, seen, letter)


def _rechecks(city: City, block: Block, panel: SiteMonths, seen: list[Rows]) -> Rows:
    random = block_stream(city.plan, "rechecks", block.number)
    visits = stack([{name: part[name] for name in ("_site", "_day", "_partial", "_stop")} for part in seen])
    share = city.plan.declared["visits.recheck_share"]
    again = np.nonzero((visits["_partial"] | visits["_stop"]) & (random.random(len(visits["_day"])) < share))[
        0
    ]
    days = visits["_day"][again] + 7 + random.integers(0, 14, len(again))
    return at_work(city.plan, block.sites, panel, follow_up(visits, again, days, "RECHECK"))
