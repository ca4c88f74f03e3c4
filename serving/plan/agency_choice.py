"""Which sites an agency visits in a week: three stages, each of them the best there is under the limits of the week.

A team-day (two inspectors, one day) makes up to so many visits, all in one area. In this order:

1. what is due or overdue, claim by claim (a red site's first): as many as the team-days allow, the latest first among equal
   numbers;
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
TIE = 1e-7  # of the largest value: lots decide between equals


@dataclass(frozen=True)
class AgencyWeek:
    """The sites of an agency, an element each: `late` days past the due date on Sunday (below 0: not due this week),
    `claim` of what is due (0 before 1 before 2 …), `value` of a visit that no duty asks for (0: not to be made), `lot`
    between 0 and 1, `area` a number.

    `start` is one more lot between 0 and 1, for the whole agency. `team_days` of the week, each of
    `visits_a_team_day`; `random_share` of the visits there are is drawn.
    """

    late: Floats
    claim: NDArray[np.int64]
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
    """Which sites are visited and why (empty: not), who was drawn with which probability, who is due and left out."""

    why: NDArray[np.str_]
    drawn: Marks
    probability: float
    left_out: Marks


Best = Callable[[AgencyWeek, Floats, Marks, Marks], Marks]


def best_by_rounds(week: AgencyWeek, value: Floats, fixed: Marks, allowed: Marks) -> Marks:
    """The sites of the greatest value that the team-days reach: `fixed` ones, others only where `allowed` and above 0.

    A team-day is one round in one area. Within an area rounds are filled with the best sites first, so each further round
    is worth no more than the one before, and taking the best rounds of all areas until the team-days are used up is the
    optimum. The `fixed` ones must fit.
    """
    asked = np.flatnonzero(fixed | (allowed & (value > 0)))
    chosen = fixed.copy()
    if not len(asked):
        return chosen
    asked = asked[np.lexsort((-value[asked], ~fixed[asked], week.area[asked]))]
    area = week.area[asked]
    begins = np.flatnonzero(np.append(True, area[1:] != area[:-1]))
    place = np.arange(len(asked)) - np.repeat(begins, np.diff(np.append(begins, len(asked))))
    number = np.cumsum(place % week.visits_a_team_day == 0) - 1  # of the round each site would be visited in
    needed = np.bincount(number, fixed[asked]) > 0
    worth = np.bincount(number, np.where(fixed[asked], 0.0, value[asked]))
    made = np.zeros(len(worth), bool)
    made[np.lexsort((-worth, ~needed))[: week.team_days]] = True
    chosen[asked[made[number]]] = True
    return chosen


def choose(week: AgencyWeek, best: Best = best_by_rounds) -> Chosen:
    """The best choice, each stage by `best`; the same input gives the same choice.

    One team-day of two visits; the area with 5 and 4 beats the one with 6 and 1, whose sites wait.

    >>> week = AgencyWeek(
    ...     late=np.full(5, -1.0), claim=np.zeros(5, int), value=np.array([5.0, 4, 6, 1, 0.5]), lot=np.zeros(5), start=0.0,
    ...     area=np.array([0, 0, 1, 1, 2]), team_days=1, visits_a_team_day=2, random_share=0.0)
    >>> choose(week).why.tolist()
    ['RISK', 'RISK', '', '', '']
    """
    due = week.is_due
    served = np.zeros(len(due), bool)
    for claim in np.unique(week.claim[due]):
        served = best(week, _urgency(week), served, due & (week.claim == claim))
    drawn, probability = _drawn(week, served)
    chosen = best(week, _values(week, due), served | drawn, ~due)
    why = np.select([due & chosen, drawn, chosen], [MANDATORY, RANDOM, RISK], "").astype(str)
    return Chosen(why, drawn, probability, due & ~chosen)


def _urgency(week: AgencyWeek) -> Floats:
    """1 for a visit that is due, and less than 1 in all for how late: one visit more outweighs every delay."""
    late = np.clip(week.late, 0.0, None)
    most = (late.max(initial=0.0) + 1.0) * (len(late) + 1.0)
    return np.where(week.is_due, 1.0 + (late + week.lot) / most, 0.0)


def _drawn(week: AgencyWeek, served: Marks) -> tuple[Marks, float]:
    """By lot among all active sites, each with the same probability; as many as surely find a team-day.

    The number is the share of all visits, a fraction by one more lot, so that the probability is exact: expected draws
    over sites. A drawn site that is visited anyway costs nothing.
    """
    sites = len(week.late)
    wanted = week.random_share * week.team_days * week.visits_a_team_day
    most = float(week.team_days - team_days(week, served))
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
    return value + np.where(value > 0, week.lot * TIE * float(value.max(initial=0.0)), 0.0)


def team_days(week: AgencyWeek, visited: Marks) -> int:
    """The team-days that these visits take: each area's visits in rounds."""
    if not visited.any():
        return 0
    counts = np.unique(week.area[visited], return_counts=True)[1]
    return int(np.ceil(counts / week.visits_a_team_day).sum())
