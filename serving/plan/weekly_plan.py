"""The plan of one week: every agency's choice of sites, days and inspectors, with the reason of each visit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from data_contracts.progress import Progress, silent
from serving.plan.agency_choice import MANDATORY, RANDOM, RISK, AgencyWeek, Chosen, choose
from serving.plan.claims import claims
from serving.plan.planning_sites import Choice
from serving.plan.roster import NEARLY, Draw, Roster
from serving.plan.team_rounds import with_teams
from serving.plan.visit_words import checklist, reason_of, team_needs, weather_alerts

SAFETY, QUALITY = "SAFETY", "QUALITY"
COLUMNS = (
    "visit_id", "week", "day", "agency_code", "project_id", "discipline", "team_needs", "inspector_refs", "team_lacks", "selected_by",
    "selection_probability", "seed", "colour", "due_on", "value", "reason_zh", "reason_en", "checklist_zh", "checklist_en",
)  # fmt: skip
DRAW = ("project_id", "agency_code", "probability", "drawn", "taken_out")
AGENCIES = (
    "agency_code", "sites", "team_days", "visits", "mandatory", "random", "risk", "left_out", "draw_probability",
)  # fmt: skip
LEFT_OUT = ("agency_code", "project_id", "due_on", "due_zh", "due_en", "why_zh", "why_en")
TOO_FEW, NO_AGENCY = ("人手不足", "too few inspectors"), ("没有监督机构的记录", "no agency on file")


@dataclass(frozen=True)
class Week:
    """An ISO week and when it is planned: what was on file at `as_of` is known."""

    name: str
    monday: pd.Timestamp
    as_of: pd.Timestamp

    @property
    def sunday(self) -> pd.Timestamp:
        return self.monday + pd.Timedelta(weeks=1) - pd.Timedelta(days=1)


def week_named(day: pd.Timestamp) -> str:
    """The ISO week of a day.

    >>> week_named(pd.Timestamp("2027-01-01"))
    '2026-W53'
    """
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


@dataclass(frozen=True)
class WeeklyPlan:
    """The tables of a plan, by the columns named above, and its passport: from what it was made, and the `gap` to the best.

    `visits`: a row a visit. `draw`: every active site with its probability, whether it was drawn, and whether its visit was taken
    out when the plan was made anew. `agencies`: sites, team-days and visits by why. `left_out`: due visits that are not made,
    with their duty and why. `alerts`: sites under a weather signal of the last 72 hours with the works under way that
    it concerns.
    """

    visits: pd.DataFrame
    draw: pd.DataFrame
    agencies: pd.DataFrame
    left_out: pd.DataFrame
    alerts: pd.DataFrame
    passport: dict[str, Any] = field(default_factory=dict)


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
    return _together(parts, weather_alerts(sites, choice.plan), week, seed)


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


def as_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as mappings by column."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _together(parts: list[Any], alerts: pd.DataFrame, week: Week, seed: int) -> WeeklyPlan:
    visits = _all([part[4] for part in parts], [*COLUMNS, "area"])
    visits = visits.assign(**{name: pd.to_datetime(visits[name]) for name in ("day", "due_on")})
    visits = visits.sort_values(
        ["agency_code", "day", "area", "project_id"], kind="stable", ignore_index=True
    )
    visits = visits.assign(
        visit_id=[f"{week.name}-{number + 1:04d}" for number in range(len(visits))], week=week.name, seed=seed
    )
    draw = [
        pd.DataFrame({
            "project_id": mine["project_id"], "agency_code": agency, "probability": chosen.probability, "drawn": chosen.drawn,
            "taken_out": False,
        })
        for agency, mine, chosen, _, _ in parts
    ]  # fmt: skip
    left = [
        mine.loc[chosen.left_out, ["claim", "agency_code", "project_id", "due_on", "due_zh", "due_en"]]
        for _, mine, chosen, _, _ in parts
    ]
    return WeeklyPlan(
        visits[list(COLUMNS)],
        _all(draw, DRAW),
        pd.DataFrame([_agency_row(*part) for part in parts], columns=list(AGENCIES)),
        _left_out(left),
        alerts,
        {"week": week.name, "as_of": week.as_of.isoformat(), "seed": seed, "gap": 0.0},
    )


def _left_out(parts: list[pd.DataFrame]) -> pd.DataFrame:
    rows = _all(parts, ["claim", *LEFT_OUT]).sort_values(
        ["claim", "due_on"], kind="stable", ignore_index=True
    )
    why = [TOO_FEW if agency else NO_AGENCY for agency in rows["agency_code"]]
    return rows.assign(why_zh=[zh for zh, _ in why], why_en=[en for _, en in why])[list(LEFT_OUT)]


def _all(parts: list[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))


def _agency_row(
    agency: str, sites: pd.DataFrame, chosen: Chosen, team_days: int, visits: pd.DataFrame
) -> dict[str, Any]:
    return {
        "agency_code": agency,
        "sites": len(sites),
        "team_days": team_days,
        "visits": len(visits),
        "mandatory": int((chosen.why == MANDATORY).sum()),
        "random": int((chosen.why == RANDOM).sum()),
        "risk": int((chosen.why == RISK).sum()),
        "left_out": int(chosen.left_out.sum()),
        "draw_probability": chosen.probability,
    }
