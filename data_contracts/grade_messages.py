"""What an answer of the scoring API says of a project's grades, frequency, data and reasons; `null` is missing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, JsonValue

Colour = Literal["RED", "ORANGE", "YELLOW", "BLUE", "NA"]
Confirmation = Literal["NOT_NEEDED", "PENDING", "CONFIRMED", "REFUSED"]


class DataQuality(BaseModel):
    """Whether the records to be expected of the project were on file."""

    flag: Literal["COMPLETE", "LATE", "INCOMPLETE"] = Field(
        description="COMPLETE 齐全, LATE 有逾期未更新, INCOMPLETE 有应报未报. INCOMPLETE: a table is missing that is required; "
        "LATE: the latest of one is older than the policy allows."
    )
    missing: list[str] = Field(description="应报未报的数据表。 Tables that are required and have no record.")
    late: list[str] = Field(description="逾期未更新的数据表。 Tables that are late.")


class DecidingRule(BaseModel):
    """The rule that decided a colour, the value it met, its reference and its day."""

    code: str
    zh: str
    en: str
    fact: str | None = Field(description="所依据的特征或风险。 The feature or risk it looked at.")
    value: float | None
    threshold: float | None = Field(description="风险的界限。 The cut-off, where a risk decided.")
    reference: str = Field(description="政策依据。 The policy and the text behind it.")
    on: str = Field(
        description="据以判定的日期：评级日，或事实出现后询问之日。 The day on which it was looked at: that of the run, or of the "
        "question where a fact has decided since."
    )


class DynamicGrade(BaseModel):
    """动态风险等级: of the last grading run, with what persons and facts have decided since, as known at `as_of`."""

    colour: Colour = Field(
        description="RED 红, ORANGE 橙, YELLOW 黄, BLUE 蓝, NA 信息不足. NA is not low risk."
    )
    since: str | None = Field(
        description="何日起为此颜色；评级之后由事实上调的为空。 Since when; null where a fact has raised it since the run."
    )
    confirmation: Confirmation = Field(
        description="NOT_NEEDED 无需确认, PENDING 待确认, CONFIRMED 已确认, REFUSED 已否定. Whether a person has confirmed it."
    )
    proposed_colour: Colour | None = Field(
        description="待确认的下调；没有则为空。 A lowering that waits for a person; null if none."
    )
    decided_by: str | None = Field(description="作出决定的人。 The person who decided last.")
    decided_on: str | None
    rule: DecidingRule


class DueReason(BaseModel):
    """By which duty a visit is due."""

    code: str
    zh: str
    en: str


class Frequency(BaseModel):
    """How often the site is to be visited, as the grading run set it."""

    visits_per_year: float
    due_on: str | None = Field(
        description="下次应检日期，可能已过。 When the next visit is due; may have passed."
    )
    reason: DueReason


class ShortReason(BaseModel):
    """What one feature adds to a risk beside similar sites."""

    feature: str
    label_zh: str
    label_en: str
    value: float | None = Field(
        description="特征值；空值为无记录。 The feature's value; null is none on file."
    )
    direction: Literal["RAISES", "LOWERS"]
    share: float = Field(
        description="占该风险全部影响（对数几率，取绝对值）的比例。 Its share of all that moves this risk, in log-odds without sign."
    )


class GradingRunTold(BaseModel):
    """The daily grading run that counts at `as_of`."""

    run_id: int
    day: str
    made_at: str
    model_version: str | None
    percentiles_against_it: bool = Field(
        description="百分位是否与此评级比较；模型不同时为否，改与当日零点的在建项目比较。 Whether percentiles are taken against it: "
        "not where its model was another; then against the sites active at 00:00 of the day."
    )


EXAMPLE_GRADES: dict[str, JsonValue] = {
    "data_quality": {"flag": "LATE", "missing": [], "late": ["attendance"]},
    "inherent_grade": 3,
    "dynamic_grade": {
        "colour": "ORANGE",
        "since": "2026-02-25",
        "confirmation": "PENDING",
        "proposed_colour": None,
        "decided_by": None,
        "decided_on": None,
        "rule": {
            "code": "STOP_ORDER",
            "zh": "停工类指令尚未解除",
            "en": "A stop order in force",
            "fact": "stop_orders_in_force",
            "value": 1.0,
            "threshold": None,
            "reference": "illustrative (dynamic_grade 2018-06-01: …)",
            "on": "2026-03-01",
        },
    },
    "frequency": {
        "visits_per_year": 12.2,
        "due_on": "2026-03-27",
        "reason": {
            "code": "ORANGE",
            "zh": "橙色：30日内检查，其后每30日一次",
            "en": "Orange: within 30 days, then every 30",
        },
    },
    "reasons": {
        "accident": [
            {
                "feature": "hazards_open",
                "label_zh": "未整改隐患",
                "label_en": "Open hazards",
                "value": 4.0,
                "direction": "RAISES",
                "share": 0.21,
            }
        ]
    },
}
EXAMPLE_BASIS: dict[str, JsonValue] = {
    "as_of": "2026-03-01T09:30:00+08:00",
    "model_version": "3f9c0a1b2d4e",
    "catalogue_version": "2.1.0",
    "catalogue_hash": "9d41…",
    "policies": {"dynamic_grade": {"valid_from": "2018-06-01", "sha256": "c1f0…"}},
    "grading_run": {
        "run_id": 61,
        "day": "2026-03-01",
        "made_at": "2026-03-01T05:00:12.000000+08:00",
        "model_version": "3f9c0a1b2d4e",
        "percentiles_against_it": True,
    },
    "store_version": 17,
}
