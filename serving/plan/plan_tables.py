"""The tables of a plan and their columns, put together from what each agency chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from serving.plan.agency_choice import MANDATORY, RANDOM, RISK, Chosen

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


def as_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as mappings by column."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def together(parts: list[Any], alerts: pd.DataFrame, week: Week, seed: int) -> WeeklyPlan:
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
