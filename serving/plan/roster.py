"""Inspectors and their days: how many visits an agency can make in a week, and by lot who makes which."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from data_contracts.records import Records
from serving.grading.working_days import WorkingDays, days_known

EXPERT = "EXPERT"
NEARLY = 1e-9  # of one: sums of shares that miss a whole number by rounding alone


@dataclass(frozen=True)
class Roster:
    """`available`: inspector_ref, agency_code, disciplines, date of every inspector-day of the week that is on file."""

    available: pd.DataFrame
    days: tuple[pd.Timestamp, ...]

    @classmethod
    def of(cls, records: Records, monday: pd.Timestamp, as_of: pd.Timestamp, calendar: WorkingDays) -> Roster:
        """The working days of the week from Monday, and who is available on them, as known at `as_of`; none before that day."""
        days = tuple(
            day
            for day in pd.date_range(monday, monday + pd.Timedelta(weeks=1), inclusive="left")
            if day >= as_of.normalize() and calendar.between(day, day + pd.Timedelta(days=1))
        )
        known = days_known(records.table("inspector_days"), ["inspector_ref", "date"], as_of)
        known = known[known["date"].isin(days) & known["available"].fillna(False).astype(bool)]
        who = days_known(records.table("inspectors"), ["inspector_ref"], as_of)
        return cls(known[["inspector_ref", "date"]].merge(who, on="inspector_ref"), days)

    @property
    def size(self) -> dict[str, int]:
        """How many inspectors are available on any of the days, and their days."""
        return {
            "inspectors": int(self.available["inspector_ref"].nunique()),
            "inspector_days": len(self.available),
        }

    def team_days(self, agency: str, capacity: Mapping[str, Any]) -> dict[pd.Timestamp, int]:
        """How many teams the agency sends out on each day: the policy's share of its inspectors, by twos.

        What a day leaves over of a team is carried to the next, so that a small agency makes its share of the week.
        Five days with 9 inspectors each, 0.4 of them by twos: 1.8 a day, 9 in the week.

        >>> day = pd.date_range("2026-11-23", periods=5)
        >>> there = pd.DataFrame({"agency_code": "A", "date": day.repeat(9), "inspector_ref": [f"G{n % 9}" for n in range(45)]})
        >>> capacity = {"share_of_days_for_planned_visits": 0.4, "inspectors_a_visit": 2}
        >>> list(Roster(there, tuple(day)).team_days("A", capacity).values())
        [1, 2, 2, 2, 2]
        """
        counts = self.available[self.available["agency_code"] == agency].groupby("date").size()
        share, size = capacity["share_of_days_for_planned_visits"], capacity["inspectors_a_visit"]
        teams, carried = {}, 0.0
        for day in self.days:
            there = int(counts.get(day, 0))
            carried += there * share / size
            teams[day] = min(int(carried + NEARLY), there // size)
            carried -= teams[day]
        return teams

    def on_days(self, agency: str) -> dict[pd.Timestamp, list[Inspector]]:
        """Who of the agency is available on each day."""
        mine = self.available[self.available["agency_code"] == agency].sort_values("inspector_ref")
        mine = mine.assign(is_expert=mine["is_expert"].fillna(False).astype(bool))
        there: dict[pd.Timestamp, list[Inspector]] = {day: [] for day in self.days}
        columns = (mine[name].tolist() for name in ("date", "inspector_ref", "disciplines", "is_expert"))
        for day, who, disciplines, is_expert in zip(*columns, strict=True):
            can = {part for part in str(disciplines).split(";") if part}
            there[pd.Timestamp(day)].append(
                Inspector(who, frozenset(can | ({EXPERT} if is_expert is True else set())))
            )
        return there


class Inspector(NamedTuple):
    """A reference and what that person stands for: disciplines, and EXPERT (专家库)."""

    ref: str
    can: frozenset[str]


@dataclass(frozen=True)
class Draw:
    """随机派单: inspectors by lot. `busy`: team-days of each this week, which the draws add to."""

    size: int
    chance: np.random.Generator
    busy: dict[str, int] = field(default_factory=dict)

    def inspectors(
        self, there: Sequence[Inspector], needs: Sequence[str], avoid: Collection[str]
    ) -> list[Inspector]:
        """So many of those there: for each need in turn one who meets it, where there is one, then whoever comes.

        Of those who meet a need whoever meets the most that are still open comes first, then those with fewer team-days
        this week; lots decide between the others. Those who came last come only where a team without them is too small
        or lacks what one with them has.
        """
        lots = dict(zip((one.ref for one in there), self.chance.random(len(there)), strict=True))
        order = sorted(there, key=lambda one: (one.ref in avoid, self.busy.get(one.ref, 0), lots[one.ref]))
        others = [one for one in order if one.ref not in avoid]
        drawn = min(
            self._team(others, order, needs),
            self._team(order, order, needs),
            key=lambda team: _lacks(team, needs),
        )
        for one in drawn:
            self.busy[one.ref] = self.busy.get(one.ref, 0) + 1
        return sorted(drawn)

    def _team(
        self, first: Sequence[Inspector], then: Sequence[Inspector], needs: Sequence[str]
    ) -> list[Inspector]:
        """Whoever of `first` meets the needs, filled up from `then`; each in its order."""
        drawn: list[Inspector] = []
        for need in needs:
            missing = {one for one in needs if _lacks(drawn, [one])}
            meet = [one for one in first if need in one.can]
            if need in missing and meet and len(drawn) < self.size:
                drawn.append(max(meet, key=lambda one: len(missing & one.can)))
        return [*drawn, *(one for one in then if one not in drawn)][: self.size]


def _lacks(team: Sequence[Inspector], needs: Sequence[str]) -> int:
    """How many of the needs nobody of the team meets."""
    return sum(not any(need in one.can for one in team) for need in needs)
