"""The plan of one week: every agency's choice of sites, days and inspectors, with the reason of each visit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from data_contracts.progress import Progress, silent
from serving.plan.agency_choice import MANDATORY, AgencyWeek, Chosen, choose
from serving.plan.claims import claims
from serving.plan.plan_tables import Week, WeeklyPlan, as_records, together
from serving.plan.planning_sites import Choice
from serving.plan.roster import NEARLY, Draw, Roster
from serving.plan.team_rounds import with_teams
from serving.plan.visit_words import checklist, reason_of, team_needs, weather_alerts

SAFETY, QUALITY = "SAFETY", "QUALITY"


def weekly_plan(
    sites: pd.DataFrame,
    roster: Roster,
    choice: Choice,
    week: Week,
    seed: int,
    *,
    told_visits: int | None = None,
    progress: Progress = silent,
) -> WeeklyPlan:
    """The plan of `week` for the sites of `planning_sites`; the same input and seed give the same plan.

    `told_visits` are the visits of the whole city where no roster is on file, or instead of it: shared over agencies by
    their sites, one by one, and nobody is named. An agency with fewer team-days than due visits serves the most urgent, and
    `left_out` names the others.
    """
    parts, step = [], "计划 / plan"
    agencies = list(_agencies(sites, roster, choice, week, seed, told_visits=told_visits))
    for number, one in enumerate(agencies):
        progress(step, number, len(agencies))
        chosen = choose(one.week)
        draw = Draw(choice.capacity["inspectors_a_visit"], one.chance)
        asked = _visits(one.sites, chosen, choice, week)
        there = roster.on_days(one.code) if told_visits is None else {}
        visits = with_teams(asked, one.days, there, draw, one.week.visits_a_team_day)
        parts.append((one.code, one.sites, chosen, sum(one.days.values()), visits))
    progress(step, len(agencies), len(agencies))
    return together(parts, weather_alerts(sites, choice.plan), week, seed)


def agency_weeks(
    sites: pd.DataFrame,
    roster: Roster,
    choice: Choice,
    week: Week,
    seed: int,
    *,
    told_visits: int | None = None,
) -> list[AgencyWeek]:
    """What each agency chooses from, by its code: the very weeks that `weekly_plan` chooses in, for another order beside it."""
    return [one.week for one in _agencies(sites, roster, choice, week, seed, told_visits=told_visits)]


class _Agency(NamedTuple):
    code: str
    sites: pd.DataFrame
    days: dict[pd.Timestamp, int]
    chance: np.random.Generator
    week: AgencyWeek


def _agencies(
    sites: pd.DataFrame, roster: Roster, choice: Choice, week: Week, seed: int, *, told_visits: int | None
) -> Iterator[_Agency]:
    told = None if told_visits is None else _shared(told_visits, sites["agency_code"].value_counts())
    sites = sites.assign(claim=claims(sites, choice.plan))
    for agency in sorted(sites["agency_code"].unique()):
        mine = sites[sites["agency_code"] == agency].reset_index(drop=True)
        days, chance = _team_days(agency, roster, choice, told), lots_of(seed, week.name, agency)
        a_day = choice.capacity["visits_a_team_day"] if told is None else 1
        yield _Agency(
            agency,
            mine,
            days,
            chance,
            _agency_week(mine, choice, week, chance, team_days=(sum(days.values()), a_day)),
        )


def lots_of(seed: int, week: str, agency: str) -> np.random.Generator:
    """The lots of an agency in a week: the published seed gives them again, and no other agency changes them.

    >>> bool(lots_of(7, "2026-W48", "D310115").random() == lots_of(7, "2026-W49", "D310115").random())
    False
    """
    return np.random.default_rng([seed, *f"{week} {agency}".encode()])


def _shared(visits: int, sites: pd.Series) -> dict[str, int]:
    """Visits of the city shared over agencies by their sites, not one lost: the largest remainders get what is over.

    >>> _shared(10, pd.Series({"A": 30, "B": 30, "C": 30}))
    {'A': 4, 'B': 3, 'C': 3}
    """
    exact = (visits * sites / sites.sum()).sort_index()
    whole = np.floor(exact + NEARLY).astype(int)
    over = (exact - whole).sort_values(ascending=False, kind="stable").index[: visits - int(whole.sum())]
    return {str(agency): int(whole[agency]) + int(agency in over) for agency in exact.index}


def _team_days(
    agency: str, roster: Roster, choice: Choice, told: dict[str, int] | None
) -> dict[pd.Timestamp, int]:
    if told is None:
        return roster.team_days(agency, choice.capacity)
    visits, count = told[agency], max(len(roster.days), 1)
    return {day: visits // count + (place < visits % count) for place, day in enumerate(roster.days)}


def _agency_week(
    sites: pd.DataFrame,
    choice: Choice,
    week: Week,
    chance: np.random.Generator,
    *,
    team_days: tuple[int, int],
) -> AgencyWeek:
    """What an agency chooses from; `team_days` are their number and the visits of each."""
    late = (week.sunday - sites["due_on"]).dt.days.fillna(-1).to_numpy(float)
    waits = sites["waited"] >= choice.visits["least_days_between"]
    return AgencyWeek(
        late=late,
        claim=sites["claim"].to_numpy(),
        value=np.where(waits, sites["value"], 0.0),
        lot=chance.random(len(sites)),
        area=sites["area"].to_numpy(),
        start=float(chance.random()),
        team_days=team_days[0],
        visits_a_team_day=team_days[1],
        random_share=choice.visits["random_share"],
    )


def _visits(sites: pd.DataFrame, chosen: Chosen, choice: Choice, week: Week) -> pd.DataFrame:
    """The chosen sites with what is said of each; days and inspectors come after."""
    places = np.flatnonzero(chosen.why != "")
    visits = sites.iloc[places].reset_index(drop=True)
    visits["selected_by"] = chosen.why[places]
    visits["claim"] = visits["claim"].where(visits["selected_by"] == MANDATORY, visits["claim"].max() + 1)
    drawn = chosen.drawn[places]
    visits["selection_probability"] = np.where(drawn, chosen.probability, np.nan)
    quality = (
        visits.get("value_defect", pd.Series(0.0, index=visits.index))
        > choice.plan["quality"] * visits["value"]
    )
    visits["discipline"] = np.where(quality, QUALITY, SAFETY)
    rows = as_records(visits)
    visits["team_needs"] = [";".join(team_needs(row, choice.plan)) for row in rows]
    said = [reason_of(row, week.monday) for row in rows]
    looks = [checklist(row, choice.plan) for row in rows]
    return visits.assign(
        reason_zh=[zh for zh, _ in said],
        reason_en=[en for _, en in said],
        checklist_zh=["；".join(zh for zh, _ in items) for items in looks],
        checklist_en=["; ".join(en for _, en in items) for items in looks],
    )
