"""What persons and firms say of an answer: a confirmation, an inspector's override, a firm's objection."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from data_contracts.grade_messages import Colour, Confirmation

LONGEST_REASON = 500
LONGEST_NAME = 64
SOMETHING = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
"""Not nothing but blanks, and no character that a database cannot hold."""

Person = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=SOMETHING)]
Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, pattern=SOMETHING)]
ResponseKind = Literal["CONFIRM", "REFUSE", "OVERRIDE", "OBJECTION"]


class ConfirmRequest(BaseModel):
    """A person's word on the red, orange or lowering that the answer told as waiting."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"decision": "CONFIRM", "person": "监督员 0117"},
                {"decision": "REFUSE", "person": "监督员 0117", "reason": "现场复查，隐患已整改"},
            ]
        },
    )

    decision: Literal["CONFIRM", "REFUSE"] = Field(
        title="决定 / decision", description="CONFIRM 确认, REFUSE 否定（须有理由，a reason is needed）."
    )
    person: Person = Field(title="决定人 / person", description="工号或姓名。 Who decides.")
    reason: Reason | None = Field(default=None, title="理由 / reason")


class OverrideRequest(BaseModel):
    """A colour that an inspector sets, with the reason."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"colour": "ORANGE", "person": "监督员 0117", "reason": "深基坑渗漏，现场已责令整改"}
            ]
        },
    )

    colour: Literal["RED", "ORANGE", "YELLOW", "BLUE"] = Field(
        title="颜色 / colour",
        description="上调不限级数，下调每次一级，且不得低于事实所要求的颜色。 Up as far as need be, down one step at a time, never "
        "below what a fact asks for.",
    )
    person: Person = Field(title="监督人员 / inspector")
    reason: Reason = Field(title="理由 / reason")


class ObjectionRequest(BaseModel):
    """A firm's objection to an answer; it changes no grade."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"enterprise_id": "E00017", "reason": "隐患 V2026-00815 已于 2 月 20 日整改"}]
        },
    )

    enterprise_id: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=SOMETHING)] = Field(
        title="企业编号 / enterprise"
    )
    reason: Reason = Field(title="异议内容 / objection")


class GradeState(BaseModel):
    """The grade of the site that counts."""

    colour: Colour
    since: str | None
    confirmation: Confirmation
    proposed_colour: Colour | None
    decided_by: str | None
    decided_on: str | None


class DecisionResponse(BaseModel):
    """One thing that was said of an answer, as the ledger keeps it."""

    response_id: int
    kind: ResponseKind
    key_id: str
    person: str | None
    enterprise_id: str | None
    reason: str
    colour: Colour | None = Field(description="监督人员所定的颜色。 The colour that an inspector set.")
    recorded_at: str


class ResponseAnswer(BaseModel):
    """What was kept, and what it changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "decision_id": "019c0a5e7b30a1b2c3d4e5f6a70000",
                    "project_id": "P000017",
                    "repeated": False,
                    "response": {
                        "response_id": 12,
                        "kind": "CONFIRM",
                        "key_id": "0a1b2c3d",
                        "person": "监督员 0117",
                        "enterprise_id": None,
                        "reason": "",
                        "colour": None,
                        "recorded_at": "2026-03-01T10:12:00.000000+08:00",
                    },
                    "changed": ["confirmation", "decided_by", "decided_on"],
                    "before": {
                        "colour": "RED",
                        "since": "2026-03-01",
                        "confirmation": "PENDING",
                        "proposed_colour": None,
                        "decided_by": None,
                        "decided_on": None,
                    },
                    "after": {
                        "colour": "RED",
                        "since": "2026-03-01",
                        "confirmation": "CONFIRMED",
                        "proposed_colour": None,
                        "decided_by": "监督员 0117",
                        "decided_on": "2026-03-01",
                    },
                }
            ]
        }
    )

    decision_id: str
    project_id: str
    repeated: bool = Field(
        description="是否为重复提交，未再次记入。 The same was said before: nothing was kept again."
    )
    response: DecisionResponse
    changed: list[str] = Field(
        description="等级中改变的字段；没有则为空。 Fields of the grade that are otherwise now."
    )
    before: GradeState | None = Field(
        description="此前的等级；没有评级时为空。 Null where no run knows the site."
    )
    after: GradeState | None
