"""One block of sites from beginning to end: drawn, visited, and written down. Blocks know nothing of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city import accidents, defects, inspection_rows, violations
from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.enterprises import Enterprises
from data_contracts.synthetic_city.filing import filed, on_file, on_register
from data_contracts.synthetic_city.findings import find, serious_probability
from data_contracts.synthetic_city.hazard import SiteMonths, site_months
from data_contracts.synthetic_city.machines import machinery_rows
from data_contracts.synthetic_city.parties import Parties, draw_parties, party_rows
from data_contracts.synthetic_city.project_rows import project_rows
from data_contracts.synthetic_city.rows import Rows, stack
from data_contracts.synthetic_city.site_records import alarm_rows, attendance_rows, manager_presence, material_test_rows
from data_contracts.synthetic_city.sites import Sites, draw_sites
from data_contracts.synthetic_city.stages import progress_rows, stage_starts
from data_contracts.synthetic_city.stations import Stations
from data_contracts.synthetic_city.visit_effect import effective_hazard, visited_share
from data_contracts.synthetic_city.visits import at_work, first_round, follow_up, patrols
from data_contracts.synthetic_city.works import dangerous_work_rows, draw_works


@dataclass(frozen=True)
class City:
    """What all blocks share."""

    plan: CityPlan
    firms: Enterprises
    stations: Stations


@dataclass(frozen=True)
class Block:
    """A block of sites as drawn, before anything is written down."""

    number: int
    sites: Sites
    starts: NDArray
    works: Rows
    parties: Parties
    panel: SiteMonths
    presence: NDArray


@dataclass(frozen=True)
class Inspected:
    """The visits of a block with their findings, in rounds, and what they did to the hazard."""

    rounds: list[tuple[str, Rows, Rows]]
    open_hazards: NDArray
    visited_share: NDArray
    hazard: NDArray
    accidents: Rows


def draw_block(city: City, number: int) -> Block:
    """The sites of a block, their parties, stages, works and hidden hazard."""
    plan = city.plan
    sites = draw_sites(plan, number)
    starts = stage_starts(plan, sites, number)
    works = draw_works(plan, sites, starts, number)
    parties = draw_parties(plan, sites, city.firms, number)
    presence = manager_presence(plan, sites, number)
    panel = site_months(plan, sites, city.firms, parties, starts, works, presence, number)
    return Block(number, sites, starts, works, parties, panel, presence)


def inspect_block(city: City, block: Block) -> Inspected:
    """Visits, patrols that look for open hazards, rechecks; accidents; visits after fatal ones."""
    plan, sites, panel = city.plan, block.sites, block.panel
    first = _round(city, block, first_round(plan, sites, panel, block.number), "A")
    still_open = violations.open_hazards(sites, panel, first[2])
    second = _round(city, block, patrols(plan, sites, panel, still_open, block.number), "B")
    third = _round(city, block, _rechecks(city, block, [first[1], second[1]]), "C")
    everyone = stack([{n: r[1][n] for n in ("_site", "_day")} for r in (first, second, third)])
    share = visited_share(plan, panel, everyone)
    hazard = effective_hazard(plan, panel, share)
    happened = accidents.draw_accidents(plan, panel, hazard, block.number)
    fatal = np.nonzero(happened["_fatal"])[0]
    after = at_work(plan, sites, panel, follow_up(happened, fatal, happened["_day"][fatal] + 1, "EMERGENCY"))
    rounds = [first, second, third, _round(city, block, after, "D")]
    return Inspected(rounds, still_open, share, hazard, happened)


def block_tables(city: City, block: Block, inspected: Inspected) -> dict[str, list[Rows]]:
    """Everything of a block that is on file at the end of the last day, by table."""
    plan, sites, number = city.plan, block.sites, block.number
    firms, parties = city.firms, block.parties
    visits = stack([visits for _, visits, _ in inspected.rounds])
    orders = inspection_rows.order_rows(plan, sites, visits, number)
    expected = defects.defect_rate(plan, sites, firms, parties, site_frailty(block))
    registers = {
        "projects": project_rows(plan, sites, block.starts, orders, number),
        "project_parties": party_rows(plan, sites, firms, parties, block.starts, number),
        "dangerous_works": dangerous_work_rows(plan, sites, block.works, number),
        "progress": progress_rows(plan, sites, block.starts, number),
        "machinery": machinery_rows(plan, sites, block.starts, block.works, number),
    }
    events = {
        "inspections": [inspection_rows.inspection_rows(plan, sites, city.stations, visits, number)],
        "orders": [orders],
        "violations": [
            violations.violation_rows(plan, sites, firms, parties, seen, found, letter, number)
            for letter, seen, found in inspected.rounds
        ],
        "leader_points": [inspection_rows.point_rows(plan, sites, parties, visits, number)],
        "accidents": [accidents.accident_rows(plan, sites, firms, parties, inspected.accidents, number)],
        "defects": [defects.defect_rows(plan, sites, expected, number)],
        "attendance": [attendance_rows(plan, sites, block.panel, block.presence, number)],
        "material_tests": [material_test_rows(plan, sites, firms, parties, block.panel, number)],
        "monitor_alarms": [alarm_rows(plan, sites, block.panel, number)],
    }
    return {name: [on_register(plan, rows)] for name, rows in registers.items()} | {
        name: [on_file(plan, rows) for rows in parts] for name, parts in events.items()
    }


def site_frailty(block: Block) -> NDArray:
    """Each site's own frailty; 0 for a site that was never followed."""
    frailty = np.zeros(len(block.sites))
    frailty[block.panel.site] = block.panel.frailty_site
    return frailty


def serious(city: City, block: Block) -> NDArray:
    """Probability that a random visit is serious, for each row of the panel."""
    return serious_probability(city.plan, block.sites, block.panel, city.stations)


def _round(city: City, block: Block, visits: Rows, letter: str) -> tuple[str, Rows, Rows]:
    """Visits with what they found, and the findings as groups."""
    random = block_stream(city.plan, f"findings {letter}", block.number)
    seen = find(city.plan, random, block.sites, block.panel, city.stations, visits)
    seen["_recorded"] = filed(city.plan, random, seen["_day"], "usual")
    seen["_id"] = inspection_rows.ids_of(seen, block.number, letter)
    return letter, seen, violations.found(city.plan, block.sites, block.panel, seen, letter, block.number)


def _rechecks(city: City, block: Block, seen: list[Rows]) -> Rows:
    random = block_stream(city.plan, "rechecks", block.number)
    names = ("_site", "_day", "_partial", "_stop", "_type", "_probability")
    visits = stack([{name: part[name] for name in names} for part in seen])
    share = city.plan.declared["visits.recheck_share"]
    again = np.nonzero((visits["_partial"] | visits["_stop"]) & (random.random(len(visits["_day"])) < share))[0]
    days = visits["_day"][again] + 7 + random.integers(0, 14, len(again))
    return at_work(city.plan, block.sites, block.panel, follow_up(visits, again, days, "RECHECK"))
