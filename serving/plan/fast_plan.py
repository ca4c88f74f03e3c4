"""The choice of an agency's week without an integer programme: a few hundred microseconds, for loops over many weeks.

A team-day is one round in one area. Within an area rounds are filled with the best sites first, so each further round is
worth no more than the one before, and taking the best rounds of all areas until the team-days are used up is the
optimum. The integer programme is kept beside it as the judge: `worth_beside_programme`.
"""

from __future__ import annotations

import numpy as np

from serving.plan.agency_programme import AgencyWeek, Chosen, Floats, Marks, choose


def fast_choice(week: AgencyWeek) -> Chosen:
    """As `choose`: same claims, same lots, same draw.

    Two team-days of two visits; the area with 5 and 4 beats the one with 6 and 1, the fourth site waits alone.

    >>> week = AgencyWeek(
    ...     late=np.full(5, -1.0), value=np.array([5.0, 4, 6, 1, 0.5]), lot=np.zeros(5), start=0.0,
    ...     area=np.array([0, 0, 1, 1, 2]), team_days=1, visits_a_team_day=2, random_share=0.0)
    >>> fast_choice(week).why.tolist()
    ['RISK', 'RISK', '', '', '']
    """
    return choose(week, best_by_rounds)


def best_by_rounds(week: AgencyWeek, value: Floats, fixed: Marks, allowed: Marks) -> tuple[Marks, float]:
    """As `best_by_programme`, by sorting; the gap is 0."""
    asked = np.flatnonzero(fixed | (allowed & (value > 0)))
    chosen = fixed.copy()
    if not len(asked):
        return chosen, 0.0
    asked = asked[np.lexsort((-value[asked], ~fixed[asked], week.area[asked]))]
    area = week.area[asked]
    begins = np.flatnonzero(np.append(True, area[1:] != area[:-1]))
    place = np.arange(len(asked)) - np.repeat(begins, np.diff(np.append(begins, len(asked))))
    number = np.cumsum(place % week.visits_a_team_day == 0) - 1  # of the round each site would be visited in
    needed = np.bincount(number, fixed[asked]) > 0
    worth = np.bincount(number, np.where(fixed[asked], 0.0, value[asked]))
    order = np.lexsort((-worth, ~needed))
    made = np.zeros(len(worth), bool)
    made[order[: max(week.team_days, int(needed.sum()))]] = True
    chosen[asked[made[number]]] = True
    return chosen, 0.0


def worth_beside_programme(fast: Chosen, programme: Chosen, week: AgencyWeek) -> float:
    """What the visits chosen without duty are worth under the fast order, as a share of the programme's; 1 for nothing each."""
    by_programme = _worth(programme, week)
    return _worth(fast, week) / by_programme if by_programme > 0 else 1.0


def _worth(chosen: Chosen, week: AgencyWeek) -> float:
    return float(week.value[(chosen.why != "") & ~week.is_due].sum())
