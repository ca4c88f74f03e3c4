"""A plan as somebody may see it who reaches some of its sites alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from serving.plan.agency_choice import MANDATORY, RANDOM, RISK
from serving.plan.plan_tables import AGENCIES, WeeklyPlan


def plan_within(plan: WeeklyPlan, reached: Callable[[str], bool]) -> WeeklyPlan:
    """The plan with the rows of the projects that are reached; nothing else of the others is told.

    Numbers of an agency are those of its sites that are reached; its team-days are missing unless all are.
    """

    def within(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[_mask(rows)].reset_index(drop=True)

    def _mask(rows: pd.DataFrame) -> pd.Series:
        return pd.Series([reached(one) for one in rows["project_id"].tolist()], index=rows.index, dtype=bool)

    visits, draw, left_out, alerts = map(within, (plan.visits, plan.draw, plan.left_out, plan.alerts))
    whole = set(draw["agency_code"]) - set(plan.draw.loc[~_mask(plan.draw), "agency_code"])
    by_code = plan.agencies.set_index("agency_code")
    rows = [
        {
            "agency_code": code,
            "sites": int((draw["agency_code"] == code).sum()),
            "team_days": by_code.at[code, "team_days"] if code in whole else np.nan,
            **_counts(visits[visits["agency_code"] == code]),
            "left_out": int((left_out["agency_code"] == code).sum()),
            "draw_probability": by_code.at[code, "draw_probability"],
        }
        for code in by_code.index
        if (draw["agency_code"] == code).any()
    ]
    agencies = pd.DataFrame(rows, columns=list(AGENCIES))
    added = [one for one in plan.passport.get("added", ()) if reached(one)]
    passport = plan.passport | ({"added": added} if "added" in plan.passport else {})
    return replace(
        plan, visits=visits, draw=draw, agencies=agencies, left_out=left_out, alerts=alerts, passport=passport
    )


def _counts(visits: pd.DataFrame) -> dict[str, int]:
    by_why = {why.lower(): int((visits["selected_by"] == why).sum()) for why in (MANDATORY, RANDOM, RISK)}
    return {"visits": len(visits), **by_why}
