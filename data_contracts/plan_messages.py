"""What is told of the plan of a week and of what waits for a person, as their pages show it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from data_contracts.site_messages import EXAMPLE_LEAF, EXAMPLE_RUN, EXAMPLE_SITE, SiteGrade
from data_contracts.told_values import (
    Count,
    Day,
    Figure,
    Listed,
    ListQuery,
    Moment,
    RunOfDay,
    Text,
    Told,
    Whole,
)


class WeekKept(Told):
    """A week that has plans."""

    week: str
    versions: list[int] = Field(description="编制次序，最新在前。 The plans kept of it, the newest first.")


class PlansAnswer(Told):
    """Which plans are kept, the latest week first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"this_week": "2026-W09", "weeks": [{"week": "2026-W09", "versions": [2, 1]}]}]
        }
    )

    this_week: str
    weeks: list[WeekKept]


class PlanQuery(BaseModel):
    """Which plan of the week, and which part of it; the names are those of the page's address."""

    model_config = ConfigDict(extra="forbid")

    version: int | None = Field(
        default=None, ge=1, le=999_999, description="第几次编制；省略为最新。 The newest unless told."
    )
    agency: str = Field(default="", max_length=64, description="监督机构代码。 Code of a station.")
    district: str = Field(default="", max_length=20, description="区代码。 Code of a district.")
    q: str = Field(
        default="", max_length=100, description="项目或检查人员中的文字。 In id, name or inspectors."
    )


class VisitTold(Told):
    """One visit, what it is for and how it was chosen."""

    visit_id: str
    day: Day = Field(description="日期待定为空。 Null where the day is open.")
    agency_code: Text
    project_id: str
    discipline: Text
    team_needs: Text
    inspector_refs: Text
    team_lacks: Text
    selected_by: Text = Field(
        description="MANDATORY 到期应检, RANDOM 双随机抽取, RISK 按风险选取. How it was chosen."
    )
    selection_probability: Figure
    colour: Text
    due_on: Day
    reason_zh: Text
    reason_en: Text
    checklist_zh: Text
    checklist_en: Text


class AgencyWeek(Told):
    """A station's week in numbers; of a key's own sites alone where it does not reach all."""

    agency_code: Text
    sites: Count
    team_days: Whole
    visits: Count
    mandatory: Count
    random: Count
    risk: Count
    left_out: Count
    draw_probability: Figure


class LeftOut(Told):
    """A visit that is due and has no place."""

    agency_code: Text
    project_id: str
    due_on: Day
    due_zh: Text
    due_en: Text
    why_zh: Text
    why_en: Text


class WeatherAlert(Told):
    """A site under a weather signal of the last 72 hours, with the works under way that it concerns."""

    project_id: str
    agency_code: Text
    code: str
    zh: str
    en: str
    works: Text


class PlanAnswer(Told):
    """检查计划: one plan of a week within the key's scope, in the order of stations, days and teams."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "week": "2026-W09", "version": 2, "versions": [2, 1], "as_of": "2026-02-23", "seed": 202609, "run_id": 55,
                    "model_version": "3f9c0a1b2d4e", "remade_on": None, "count": 1,
                    "counts": {"MANDATORY": 1},
                    "agencies": [], "left_out": [], "all_left_out": 0, "alerts": [],
                    "visits": [{
                        "visit_id": "2026-W09-0001", "day": "2026-02-24", "agency_code": "D310115", "project_id": "P000017",
                        "discipline": "SAFETY", "team_needs": "SAFETY", "inspector_refs": "I0031;I0042", "team_lacks": None,
                        "selected_by": "MANDATORY", "selection_probability": None, "colour": "ORANGE",
                        "due_on": "2026-02-27", "reason_zh": "橙色：30日内检查", "reason_en": "Orange: within 30 days",
                        "checklist_zh": "深基坑支护", "checklist_en": "pit support",
                    }],
                }
            ]
        }
    )  # fmt: skip

    week: str
    version: int
    versions: list[int]
    as_of: Day
    seed: int
    run_id: Whole
    model_version: Text
    remade_on: Day
    count: int = Field(description="符合条件的检查次数。 Visits that fit what was asked.")
    counts: dict[str, Count] = Field(description="按选取方式。 By how they were chosen.")
    agencies: list[AgencyWeek]
    visits: list[VisitTold]
    left_out: list[LeftOut] = Field(
        description="未能安排，至多二百条，最紧迫的在前。 At most 200, the most urgent first."
    )
    all_left_out: int
    alerts: list[WeatherAlert]


class ConfirmationsQuery(ListQuery):
    """Filters of the list; the names are those of the page's address."""

    what: Literal["RED", "ORANGE", "LOWERING"] | None = Field(
        default=None, description="红、橙或下调。 Reds, oranges or steps down; all unless told."
    )
    district: str = Field(default="", max_length=20, description="区代码。 Code of a district.")
    q: str = Field(default="", max_length=100, description="名称或编号中的文字。 In name or id.")


class SiteWaiting(SiteGrade):
    """A site that waits for a person, and what either word would make of it."""

    if_confirmed: Text = Field(description="确认后的颜色。 The colour once it is confirmed.")
    if_refused: Text = Field(
        description="否定后的颜色；不能否定为空。 Once refused; null where it cannot be."
    )
    reasons_zh: str
    reasons_en: str


class DecisionTold(Told):
    """What a person decided about the run."""

    project_id: str
    name: Text
    decision: str
    colour: str = Field(description="决定时所见颜色。 The colour that was seen.")
    proposed_colour: Text
    to_colour: Text
    person: str
    reason: Text
    recorded_at: Moment


class ConfirmationsAnswer(Listed):
    """待人工确认: what waits, reds first, and the newest decisions; POST /v1/decisions/{decision_id}/confirm decides."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "grading_run": EXAMPLE_RUN, **EXAMPLE_LEAF, "decided": [],
                    "waiting": [EXAMPLE_SITE | {
                        "if_confirmed": "ORANGE", "if_refused": None, "reasons_zh": "未整改隐患4条", "reasons_en": "4 open hazards",
                    }],
                }
            ]
        }
    )  # fmt: skip

    grading_run: RunOfDay
    waiting: list[SiteWaiting]
    decided: list[DecisionTold]
