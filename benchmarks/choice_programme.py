"""The judge of the choice by sorting: the same stage as an integer programme, solved by HiGHS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from serving.plan.agency_choice import AgencyWeek, Chosen, Floats, Marks

SECONDS, GAP = 20.0, 1e-6


def best_by_programme(week: AgencyWeek, value: Floats, fixed: Marks, allowed: Marks) -> Marks:
    """As `best_by_rounds`: a variable a site (visited or not) and one an area (its rounds)."""
    asked = np.flatnonzero(fixed | (allowed & (value > 0)))
    chosen = fixed.copy()
    if len(asked):
        areas, area = np.unique(week.area[asked], return_inverse=True)
        chosen[asked] = _solved(week, value[asked], fixed[asked], area, len(areas))
    return chosen


def worth_beside_programme(chosen: Chosen, programme: Chosen, week: AgencyWeek) -> float:
    """What the visits without a duty are worth, as a share of the programme's; 1 for nothing each."""
    worth = [float(week.value[(each.why != "") & ~week.is_due].sum()) for each in (chosen, programme)]
    return worth[0] / worth[1] if worth[1] > 0 else 1.0


def _solved(week: AgencyWeek, value: Floats, fixed: Marks, area: NDArray[np.int64], areas: int) -> Marks:
    sites = len(value)
    rows = np.concatenate([area, np.arange(areas), np.full(areas, areas)])
    columns = np.concatenate([np.arange(sites), sites + np.arange(areas), sites + np.arange(areas)])
    factors = np.concatenate([np.ones(sites), np.full(areas, -float(week.visits_a_team_day)), np.ones(areas)])
    matrix = coo_array((factors, (rows, columns)), shape=(areas + 1, sites + areas))
    limits = LinearConstraint(matrix.tocsc(), ub=np.append(np.zeros(areas), float(week.team_days)))
    scale = float(value.max(initial=0.0)) or 1.0
    found = milp(
        -np.append(value / scale, np.zeros(areas)),
        constraints=limits,
        integrality=np.ones(sites + areas),
        bounds=Bounds(
            np.append(fixed.astype(float), np.zeros(areas)), np.append(np.ones(sites), np.full(areas, np.inf))
        ),
        options={"time_limit": SECONDS, "mip_rel_gap": GAP},
    )
    return np.asarray(found.x[:sites] > 1 / 2)
