"""The stations: teams and how strict they are, inspectors, and the days on which they are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.filing import on_register
from data_contracts.synthetic_city.rows import DAY_SECONDS, Rows, days_as_dates, joined, numbered, words
from data_contracts.synthetic_city.sites import agencies, districts

REPRESENTATIVES = 16
INSPECTORS_A_PIECE = 300


@dataclass(frozen=True)
class Stations:
    """Teams sorted by agency; `first_team[a]` to `first_team[a + 1]` are those of agency a."""

    team_agency: NDArray
    strictness: NDArray
    first_team: NDArray
    inspectors_per_team: int

    @property
    def team_refs(self) -> NDArray:
        return numbered("T", np.arange(1, len(self.team_agency) + 1), 4)

    def draw_team(self, random: np.random.Generator, agency: NDArray) -> NDArray:
        """A team of each agency, all teams alike."""
        low, high = self.first_team[agency], self.first_team[agency + 1]
        return low + (random.random(len(agency)) * (high - low)).astype(np.int64)

    def representative_strictness(self) -> NDArray:
        """Strictness of sixteen equally likely teams of each agency (rows), for expectations over teams."""
        share = (np.arange(REPRESENTATIVES) + 0.5) / REPRESENTATIVES
        sorted_teams = [
            np.sort(self.strictness[a:b])
            for a, b in zip(self.first_team[:-1], self.first_team[1:], strict=True)
        ]
        return np.array([teams[(share * len(teams)).astype(int)] for teams in sorted_teams])

    def two_inspectors(self, random: np.random.Generator, team: NDArray) -> NDArray:
        """References of two inspectors of each team."""
        first = random.integers(0, self.inspectors_per_team, len(team))
        second = (
            first + 1 + random.integers(0, self.inspectors_per_team - 1, len(team))
        ) % self.inspectors_per_team
        base = team * self.inspectors_per_team + 1
        return joined(numbered("G", base + first, 5), numbered(";G", base + second, 5))


def draw_stations(plan: CityPlan) -> Stations:
    """As many teams as the visits ask for, at least two at every agency; strictness has mean 1."""
    random, declared = block_stream(plan, "stations"), plan.declared
    share = np.zeros(len(agencies(plan)))
    share[: len(districts(plan))] = list(declared["sites.district_shares"].values())
    share[len(districts(plan)) :] = 0.04
    visits_a_year = plan.projects * (
        declared["visits.routine_per_year"] + declared["visits.random_per_year"] + 1.2
    )
    teams = np.maximum(np.round(share * visits_a_year / declared["visits.visits_per_team_year"]), 2).astype(
        int
    )
    sigma = declared["findings.strictness_sigma"]
    count = int(teams.sum())
    return Stations(
        team_agency=np.repeat(np.arange(len(teams)), teams),
        strictness=np.exp(sigma * random.standard_normal(count) - sigma**2 / 2),
        first_team=np.concatenate([[0], np.cumsum(teams)]),
        inspectors_per_team=declared["visits.inspectors_per_team"],
    )


def inspector_rows(plan: CityPlan, stations: Stations) -> Rows:
    """The table `inspectors`."""
    random = block_stream(plan, "inspectors")
    count = len(stations.team_agency) * stations.inspectors_per_team
    rows: Rows = {
        "_key": np.arange(count),
        "_recorded": np.full(count, plan.first_day * DAY_SECONDS),
        "inspector_ref": numbered("G", np.arange(1, count + 1), 5),
        "agency_code": words(agencies(plan), np.repeat(stations.team_agency, stations.inspectors_per_team)),
        "disciplines": words(
            ("SAFETY", "SAFETY;QUALITY", "QUALITY;FIRE"), (random.random(count) * 3).astype(int)
        ),
        "is_expert": (random.random(count) < 0.1).astype(float),
    }
    return on_register(plan, rows)


def roster_rows(plan: CityPlan, stations: Stations) -> Iterator[Rows]:
    """The table `inspector_days` in pieces: the declared days and eight weeks ahead, working days only."""
    declared = plan.declared
    count = len(stations.team_agency) * stations.inspectors_per_team
    days = np.arange(max(plan.first_day, plan.last_day - declared["visits.roster_days"]), plan.last_day + 57)
    days = days[plan.working_days[days - plan.calendar_start]]
    for first in range(0, count, INSPECTORS_A_PIECE):
        random = block_stream(plan, "roster", first)
        inspectors = np.arange(first, min(first + INSPECTORS_A_PIECE, count))
        inspector, day = np.repeat(inspectors, len(days)), np.tile(days, len(inspectors))
        planned = np.minimum(day - 14, plan.last_day)
        rows: Rows = {
            "_key": np.arange(len(day)),
            "_recorded": np.maximum(planned, plan.first_day) * DAY_SECONDS + 9 * 3600,
            "inspector_ref": numbered("G", inspector + 1, 5),
            "date": days_as_dates(day),
            "available": (random.random(len(day)) < declared["visits.availability"]).astype(float),
        }
        yield on_register(plan, rows)
