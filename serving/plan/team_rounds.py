"""Who goes when: visits of one area are put together in rounds, each with a day and inspectors drawn by lot."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serving.plan.roster import Draw, Inspector


def with_teams(
    visits: pd.DataFrame,
    teams: Mapping[pd.Timestamp, int],
    inspectors: Mapping[pd.Timestamp, list[Inspector]],
    draw: Draw,
    visits_a_round: int,
) -> pd.DataFrame:
    """The visits of an agency with `day`, `inspector_refs` and `team_lacks`: what is asked of a team and none of it meets.

    The rounds of the first claim (see `claims`), the most overdue among them, go on the first days. `teams` go out on each
    day; without inspectors on file a visit has a day and nobody is named.
    """
    there = {day: list(inspectors.get(day, [])) for day in teams}
    slots = (day for day, count in teams.items() for _ in range(count))
    days = np.full(len(visits), np.datetime64("NaT", "us"))
    refs, lacks = np.full(len(visits), "", object), np.full(len(visits), "", object)
    needs_of, last_of = visits["team_needs"].tolist(), visits["last_inspectors"].tolist()
    for rows, day in zip(_rounds(visits, visits_a_round), slots, strict=False):
        needs = list(dict.fromkeys(need for row in rows for need in needs_of[row].split(";")))
        last = {who for row in rows for who in last_of[row].split(";")}
        team = draw.inspectors(there[day], needs, last)
        there[day] = [who for who in there[day] if who not in team]
        days[rows] = np.datetime64(day, "us")
        refs[rows] = ";".join(who.ref for who in team)
        met = {part for who in team for part in who.can}
        lacks[rows] = ";".join(need for need in needs if team and need not in met)
    return visits.assign(day=days, inspector_refs=refs, team_lacks=lacks)


def _rounds(visits: pd.DataFrame, most: int) -> list[NDArray[np.intp]]:
    """Places of the visits of each round, all of one area, the round with the most urgent visit first."""
    ordered = visits.sort_values(["claim", "due_on", "project_id"], kind="stable", na_position="last")
    places = ordered.index.to_numpy()
    rounds = [
        members[start : start + most]
        for members in ordered.groupby("area").indices.values()
        for start in range(0, len(members), most)
    ]
    return [places[members] for members in sorted(rounds, key=lambda members: int(members[0]))]
