"""What visits find: hazards, major hazards, and the papers that follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.hazard import SiteMonths
from data_contracts.synthetic_city.rows import Rows
from data_contracts.synthetic_city.visits import TYPES

DISPOSALS = ("NONE", "ON_SPOT", "RECTIFY", "PARTIAL_STOP", "STOP")


def finding_factor(plan: CityPlan, panel: SiteMonths) -> NDArray:
    """Factor of all findings in each row of the panel, before the team's strictness."""
    declared = plan.declared
    frailty = panel.frailty_site + panel.frailty_contractor
    return np.exp(
        declared["findings.visible_exponent"] * panel.visible
        + declared["findings.frailty_exponent"] * frailty
    )


def serious_probability(city: City, block: Block, panel: SiteMonths) -> NDArray:
    """Probability in each row that a random visit finds a major hazard or ends in a partial stop or stop.

    It is the mean over the teams of the site's agency.
    """
    plan, numbers = city.plan, city.plan.declared.calibrated
    rate = (numbers["major"] + numbers["partial_stop"] + numbers["stop"]) * finding_factor(plan, panel)
    strictness = city.stations.representative_strictness()[block.sites.agency]
    total = np.zeros(len(panel))
    for column in range(strictness.shape[1]):
        total += -np.expm1(-rate * strictness[panel.site, column])
    return total / strictness.shape[1]


def find(city: City, block: Block, panel: SiteMonths, visits: Rows, letter: str) -> Rows:
    """The visits with their team, hazards found, major ones among them, papers and score."""
    plan, sites, stations = city.plan, block.sites, city.stations
    numbers, declared = plan.declared.calibrated, plan.declared
    random = block_stream(plan, f"findings {letter}", block.number)
    agency = np.where(
        visits["_type"] == TYPES.index("CITY_PATROL"),
        len(stations.first_team) - 2,
        sites.agency[visits["_site"]],
    )
    team = stations.draw_team(random, agency)
    quieter = np.array([declared["findings.quieter"].get(kind, 1.0) for kind in TYPES])[visits["_type"]]
    factor = finding_factor(plan, panel)[visits["_row"]] * stations.strictness[team] * quieter
    size = declared["findings.hazards_dispersion"]
    hazards = random.poisson(numbers["hazards"] * factor * random.gamma(size, 1 / size, len(factor)))
    patrol = np.isin(visits["_type"], [TYPES.index(kind) for kind in ("DISTRICT_PATROL", "CITY_PATROL")])
    major = random.poisson(numbers["major"] * factor)
    stop = _happens(random, np.where(patrol, numbers["patrol_stop"], numbers["stop"]) * factor)
    stop |= visits["_type"] == TYPES.index("EMERGENCY")
    partial = _happens(
        random, np.where(patrol, numbers["patrol_partial_stop"], numbers["partial_stop"]) * factor
    )
    hazards = np.maximum(hazards, np.maximum(np.minimum(major, 9), partial | stop))
    on_patrol = random.random(len(hazards)) < declared["findings.patrol_rectify_share"]
    rectify = np.where(patrol, on_patrol, _happens(random, numbers["rectify"] * hazards)) & (hazards > 0)
    disposal = np.select([stop, partial, rectify, hazards > 0], [4, 3, 2, 1], 0)
    return {
        **visits,
        "_agency": agency,
        "_team": team,
        "_hazards": np.minimum(hazards, 300),
        "_major": np.minimum(major, 9),
        "_partial": partial,
        "_stop": stop,
        "_rectify": rectify,
        "_disposal": disposal,
        "_patrol": patrol,
        "_score": _score(random, hazards, np.minimum(major, 9)),
    }


def _happens(random: np.random.Generator, rate: NDArray) -> NDArray:
    return random.random(len(rate)) < -np.expm1(-rate)


def _score(random: np.random.Generator, hazards: NDArray, major: NDArray) -> NDArray:
    """Marks in the manner of JGJ 59: fewer for more hazards, never below 35."""
    score = 94 - 7.5 * np.log1p(hazards) / np.log(7) - 8 * major + 3 * random.standard_normal(len(hazards))
    return np.round(np.clip(score, 35, 99), 1)
