"""How the entries of city.yaml marked C were obtained: `python -m data_contracts.synthetic_city.calibration`.

A large city is drawn in memory with the declared priors; each number is chosen so that a declared rate
holds in expectation. Nothing here looks at a model.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city import visits
from data_contracts.synthetic_city.block import Inspected, draw_block, inspect_block
from data_contracts.synthetic_city.city_plan import plan_city
from data_contracts.synthetic_city.declaration import Declaration, load_declaration
from data_contracts.synthetic_city.defects import defect_rate
from data_contracts.synthetic_city.enterprises import draw_enterprises
from data_contracts.synthetic_city.findings import finding_factor
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.hazard import MEDIAN_AREA, SiteMonths, site_months
from data_contracts.synthetic_city.sites import CATEGORIES
from data_contracts.synthetic_city.stations import draw_stations

LAST_DAY = dt.date(2025, 12, 31)
PASSES = 3
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


def calibrate(
    variance: float, *, projects: int = 20_000, years: int = 3, seed: int = 20_260_101
) -> dict[str, float]:
    """The calibrated numbers for one variance of the log hazard, and `routine_area_mean`.

    Patrols depend on what visits found, and the visits' effect on the hazard on the patrols, so the
    numbers are computed three times over, each from the city of the ones before.
    """
    declared = load_declaration()
    usual = declared["hazard.total_variance"]
    declared = dataclasses.replace(declared, variance=variance, values=dict(declared.values))
    if variance == usual:
        declared = dataclasses.replace(declared, calibrated={**declared.calibrated, "scale": 1.0})
    else:
        declared = dataclasses.replace(
            declared, calibrated={**declared.calibrated, "scale": _scale(declared, projects, years, seed)}
        )
    numbers: dict[str, float] = {}
    for _ in range(PASSES):
        numbers = _one_pass(declared, projects, years, seed)
        declared.values["visits.routine_area_mean"] = numbers["routine_area_mean"]  # type: ignore[index]
        declared = dataclasses.replace(declared, calibrated={**declared.calibrated, **numbers})
    return {"scale": declared.calibrated["scale"], **numbers}


def _blocks(declared: Declaration, projects: int, years: int, seed: int) -> Iterator[tuple[City, Block]]:
    plan = plan_city(declared, projects=projects, years=years, seed=seed, last_day=LAST_DAY)
    city = City(plan, draw_enterprises(plan), draw_stations(plan))
    for number in range(plan.blocks):
        block = draw_block(city, number)
        if len(block.sites):
            yield city, block


def _in_span(city: City, panel: SiteMonths) -> NDArray:
    return (panel.begin >= city.plan.first_day) & (panel.end <= city.plan.last_day + 1)


def _scale(declared: Declaration, projects: int, years: int, seed: int) -> float:
    """Factor of the visible terms that gives the variance its visible part."""
    plain = dataclasses.replace(declared, calibrated={**declared.calibrated, "scale": 1.0})
    panels = [(city, site_months(city, block)) for city, block in _blocks(plain, projects, years, seed)]
    visible = np.concatenate([panel.visible[_in_span(city, panel)] for city, panel in panels])
    return float(np.sqrt(declared.variance * (1 - declared["hazard.invisible_share"]) / visible.var()))


def _one_pass(declared: Declaration, projects: int, years: int, seed: int) -> dict[str, float]:
    parts = [
        _measured(city, block, inspect_block(city, block))
        for city, block in _blocks(declared, projects, years, seed)
    ]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    span, factor = whole["years"], whole["factor"]
    routine, patrol = span * whole["routine"], span * whole["patrol"]
    strictness = np.exp(
        declared["findings.strictness_sigma"] * _NODES - declared["findings.strictness_sigma"] ** 2 / 2
    )
    hazards = declared["findings.hazards_per_visit"] / np.average(factor, weights=routine)
    size = declared["findings.hazards_dispersion"]

    def share(rate: float, weights: NDArray) -> float:
        happens = sum(w * -np.expm1(-rate * s * factor) for s, w in zip(strictness, _WEIGHTS, strict=True))
        return float(np.average(happens / _WEIGHTS.sum(), weights=weights))

    def noticed(rate: float) -> float:
        none = sum(
            w * (1 + hazards * s * factor * -np.expm1(-rate) / size) ** -size
            for s, w in zip(strictness, _WEIGHTS, strict=True)
        )
        return float(np.average(1 - none / _WEIGHTS.sum(), weights=routine))

    effect = 1 - declared["visit_effect.reduction"] * whole["visited"]
    mean_hazard = np.average(
        np.exp(whole["log_hazard"] - declared.calibrated["intercept"]) * effect, weights=span
    )
    return {
        "intercept": float(np.log(declared["hazard.reportable_per_project_year"] / mean_hazard)),
        "hazards": float(hazards),
        "major": _solved(lambda rate: share(rate, routine), declared["findings.major_share"]),
        "partial_stop": _solved(lambda rate: share(rate, routine), declared["findings.routine_partial_stop"]),
        "stop": _solved(lambda rate: share(rate, routine), declared["findings.routine_stop"]),
        "rectify": _solved(noticed, declared["findings.rectify_share"]),
        "patrol_partial_stop": _solved(
            lambda rate: share(rate, patrol), declared["findings.patrol_partial_stop"]
        ),
        "patrol_stop": _solved(lambda rate: share(rate, patrol), declared["findings.patrol_stop"]),
        "patrol_rate": float(np.average(whole["patrol"], weights=span)),
        "defect_rate": float(
            whole["defects"].sum() / whole["homes"].sum() * declared.calibrated["defect_rate"]
        ),
        "routine_area_mean": float(np.average(whole["routine"], weights=span)),
    }


def _measured(city: City, block: Block, inspected: Inspected) -> dict[str, NDArray]:
    plan, panel, sites = city.plan, inspected.panel, block.sites
    area = (sites.area[panel.site] / MEDIAN_AREA) ** plan.declared["visits.routine_area_exponent"]
    homes = (sites.category == CATEGORIES.index("BLD_RES")) & ~sites.terminated
    expected = defect_rate(city, block, inspected.site_frailty)
    columns = {
        "years": panel.years,
        "factor": finding_factor(plan, panel),
        "routine": area,
        "patrol": visits.patrol_weight(plan, sites, panel, inspected.open_hazards),
        "visited": inspected.visited_share,
        "log_hazard": panel.log_hazard,
    }
    per_site = {
        "defects": expected[homes],
        "homes": plan.declared["defects.verified_per_10000_m2"] * sites.area[homes] / 10_000,
    }
    mine = _in_span(city, panel)
    return {name: column[mine] for name, column in columns.items()} | per_site


def _solved(function: Callable[[float], float], target: float) -> float:
    """The rate for which an increasing function has the target value, by bisection."""
    low, high = 1e-9, 10.0
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if function(middle) < target else (low, middle)
    return (low * high) ** 0.5


def main() -> None:
    """Print the numbers to be written into city.yaml."""
    for variance in load_declaration()["hazard.variants"]:
        found = calibrate(float(variance))
        print(f'"{variance}": {{' + ", ".join(f"{name}: {value:.5g}" for name, value in found.items()) + "}")


if __name__ == "__main__":
    main()
