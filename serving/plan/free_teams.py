"""Teams of a week that a plan in force leaves free: who could still go out on which of the days to come."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from serving.plan.planning_sites import Choice
from serving.plan.roster import Draw, Inspector, Roster
from serving.plan.weekly_plan import lots_of


class FreeTeam(NamedTuple):
    """A day and the inspectors drawn for it."""

    day: pd.Timestamp
    inspectors: list[Inspector]


def free_team(
    rows: Sequence[dict[str, Any]],
    visit: Mapping[str, Any],
    day: pd.Timestamp,
    roster: Roster,
    choice: Choice,
    *,
    avoid: Collection[str] = (),
) -> FreeTeam | None:
    """The first team of the visit's agency from `day` on that no visit of `rows` uses, drawn by lot, not those
    to `avoid` where that can be; None where all are out.

    Days kept for other work count as free: to change as few visits as possible comes first. The same plan gives the same lots.
    """
    agency, needs = str(visit["agency_code"]), str(visit["team_needs"]).split(";")
    there = roster.on_days(agency)
    for one in (each for each in roster.days if each >= day):
        teams = {row["inspector_refs"] for row in rows if row["agency_code"] == agency and row["day"] == one}
        out = {who for refs in teams for who in str(refs).split(";")}
        left = [who for who in there[one] if who.ref not in out]
        size = choice.capacity["inspectors_a_visit"]
        if len(left) >= size:
            return FreeTeam(one, Draw(size, _lots(rows, agency, one)).inspectors(left, needs, avoid))
    return None


def _lots(rows: Sequence[dict[str, Any]], agency: str, day: pd.Timestamp) -> np.random.Generator:
    return lots_of(int(rows[0]["seed"]) if rows else 0, f"{day:%Y-%m-%d} {len(rows)}", agency)
