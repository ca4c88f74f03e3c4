"""Which sites an agency visits in a week, and how many rounds it makes: an integer programme in three stages.

A team-day (two inspectors, one day) makes up to so many visits, all in one area. In this order:

1. what is due or overdue: as many as the team-days allow, the most urgent first among equal numbers;
2. the random draw: `draws` sites drawn by lot from all active ones; each of them gets its visit;
3. what is left: the visits that lower the risk most.

What an earlier stage gave no later one takes away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]
MANDATORY, RANDOM, RISK = "MANDATORY", "RANDOM", "RISK"
_TIE = 1e-7  # of the largest value: lots decide between equals


@dataclass(frozen=True)
class AgencyWeek:
    """The sites of an agency, an element each: `late` days past the due date on Sunday (below 0: not due this week),
    `value` of a visit that no duty asks for (0: not to be made), `lot` between 0 and 1, `area` a number.

    `start` is one more lot between 0 and 1, for the whole agency. `team_days` of the week, each of
    `visits_a_team_day`; `random_share` of the visits there are is drawn.
    """

    late: Floats
    value: Floats
    lot: Floats
    area: NDArray[np.int64]
    start: float
    team_days: int
    visits_a_team_day: int
    random_share: float

    @property
    def is_due(self) -> Marks:
        return self.late >= 0


class Chosen(NamedTuple):
    """Which sites are visited and why (empty: not), who was drawn with which probability, who is due and left out.

    `gap` is the relative distance of the last stage from the best possible; `team_days` those that are used.
    """

    why: NDArray[np.str_]
    drawn: Marks
    probability: float
    left_out: Marks
    gap: float
    team_days: int


Best = Callable[[AgencyWeek, Floats, Marks, Marks], tuple[Marks, float]]


def best_by_programme(week: AgencyWeek, value: Floats, fixed: Marks, allowed: Marks) -> tuple[Marks, float]:
    """The sites of the greatest value that the team-days reach, and the gap: an integer programme.

    `fixed` ones are among them, others only where `allowed` and of a value above 0.
    """
    asked = np.flatnonzero(fixed | (allowed & (value > 0)))
    if not len(asked):
        return fixed.copy(), 0.0
    areas, area = np.unique(week.area[asked], return_inverse=True)
    chosen = fixed.copy()
    if week.team_days >= _team_days(week, fixed | (allowed & (value > 0))):
        chosen[asked] = True
        return chosen, 0.0
    found, gap = _solved(week, value[asked], fixed[asked], area, len(areas))
    chosen[asked] = found
    return chosen, gap


def choose(week: AgencyWeek, best: Best = best_by_programme) -> Chosen:
    """The best choice, each stage by `best`; the same input gives the same choice."""
    sites = len(week.late)
    due = week.is_due
    served, _ = best(week, _urgency(week), np.zeros(sites, bool), due)
    drawn, probability = _drawn(week, served)
    fixed = served | drawn
    chosen, gap = best(week, _values(week, due), fixed, ~due)
    why = np.select([due & chosen, drawn, chosen], [MANDATORY, RANDOM, RISK], "").astype(str)
    return Chosen(why, drawn, probability, due & ~chosen, gap, _team_days(week, chosen))


def _urgency(week: AgencyWeek) -> Floats:
    """1 for a visit that is due, and less than 1 in all for how late: one visit more outweighs every delay."""
    late = np.clip(week.late, 0.0, None)
    most = (late.max(initial=0.0) + 1.0) * (len(late) + 1.0)
    return np.where(week.is_due, 1.0 + (late + week.lot / 2) / most, 0.0)


def _drawn(week: AgencyWeek, served: Marks) -> tuple[Marks, float]:
    """By lot among all active sites, each with the same probability; as many as surely find a team-day.

    The number is the share of all visits, a fraction by one more lot, so that the probability is exact: expected draws
    over sites. A drawn site that is visited anyway costs nothing.
    """
    sites = len(week.late)
    wanted = week.random_share * week.team_days * week.visits_a_team_day
    most = float(week.team_days - _team_days(week, served))
    expected = max(min(wanted, most, float(sites)), 0.0)
    if not sites or expected <= 0:
        return np.zeros(sites, bool), 0.0
    # Systematic sampling along a random order: floor or ceiling of `expected`, each site with expected / sites.
    order = np.argsort(week.lot, kind="stable")
    step = expected / sites
    edges = np.floor(np.arange(sites + 1) * step + week.start)
    drawn = np.zeros(sites, bool)
    drawn[order] = np.diff(edges) > 0
    return drawn, step


def _values(week: AgencyWeek, due: Marks) -> Floats:
    """What the last stage adds up: nothing for what is due, which is settled."""
    value = np.where(due, 0.0, week.value)
    return value + np.where(value > 0, week.lot * _TIE * float(value.max(initial=0.0)), 0.0)


def _solved(
    week: AgencyWeek, value: Floats, fixed: Marks, area: NDArray[np.int64], areas: int
) -> tuple[Marks, float]:
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

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
        options={"time_limit": 20.0, "mip_rel_gap": 1e-6},
    )
    if found.x is None:  # only where the fixed ones alone are too many, which no caller asks for
        return fixed, 0.0
    return found.x[:sites] > 0.5, float(found.mip_gap or 0.0)


def _team_days(week: AgencyWeek, visited: Marks) -> int:
    """The team-days that these visits take: each area's visits in rounds."""
    if not visited.any():
        return 0
    counts = np.unique(week.area[visited], return_counts=True)[1]
    return int(np.ceil(counts / week.visits_a_team_day).sum())
