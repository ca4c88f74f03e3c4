"""What is told of the city as a whole, as its page shows it."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from data_contracts.grade_messages import Colour
from data_contracts.site_messages import EXAMPLE_RUN
from data_contracts.told_values import Count, Day, Figure, Moment, RunOfDay, Text, Told


class ColourCount(Told):
    """The sites of one colour."""

    colour: Colour
    count: int
    change: int | None = Field(
        description="较一周前；当时无评级为空。 Since a week before; null where there was no run."
    )


class DistrictCount(Told):
    """The sites of one district."""

    district: Text = Field(description="区代码；未登记为空。 Its code; null for sites without one.")
    sites: int
    colours: dict[str, int]
    overdue: Count
    visited_in_90_days: Figure = Field(
        description="近 90 天检查过的比例。 The share visited in the last 90 days."
    )


class RiskGroup(Told):
    """One of ten groups of sites, from the lowest to the highest risk of an accident."""

    group: int
    risk: Figure
    visited: Figure = Field(description="近 90 天检查过的比例。 The share visited in the last 90 days.")


class StateTold(Told):
    """Which model answers and how fresh the records are."""

    model_version: str
    champion_refused: bool = Field(
        description="新模型被拒绝，原模型仍在用。 A new champion was refused; the one before answers."
    )
    store_version: int
    loaded_at: Moment
    quarantined: int = Field(description="隔离待改的行数。 Rows that wait in quarantine.")


class OverviewAnswer(Told):
    """总览: sites by colour and district, what has changed in a week, visits beside risk, the model's and the data's state."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "grading_run": EXAMPLE_RUN,
                    "compared_with": "2026-02-22",
                    "sites": 4919,
                    "colours": [{"colour": "RED", "count": 49, "change": 3}],
                    "worse": 61,
                    "better": 40,
                    "waiting": 118,
                    "overdue": 203,
                    "last_visit_on": "2026-02-28",
                    "districts": [
                        {
                            "district": "310115",
                            "sites": 902,
                            "colours": {"RED": 11, "ORANGE": 40, "YELLOW": 130, "BLUE": 715, "NA": 6},
                            "overdue": 31,
                            "visited_in_90_days": 0.62,
                        }
                    ],
                    "visits_by_risk": [{"group": 1, "risk": 0.0003, "visited": 0.4}],
                    "state": {
                        "model_version": "3f9c0a1b2d4e",
                        "champion_refused": False,
                        "store_version": 17,
                        "loaded_at": "2026-03-01T04:10:00+08:00",
                        "quarantined": 12,
                    },
                }
            ]
        }
    )

    grading_run: RunOfDay
    compared_with: Day = Field(
        description="比较所用的一周前评级；没有则为空。 The run of a week before; null if none."
    )
    sites: int
    colours: list[ColourCount]
    worse: int = Field(description="升级的工地数。 Sites of a worse colour than a week before.")
    better: int
    waiting: int = Field(description="待人工确认。 Sites that wait for a person.")
    overdue: int
    last_visit_on: Day = Field(description="在案最近一次检查。 The newest visit on file.")
    districts: list[DistrictCount]
    visits_by_risk: list[RiskGroup] | None
    state: StateTold
