"""What callers of `POST /v1/what-if` and `POST /v1/assess` send and get."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from data_contracts.api_messages import LONGEST_ID, AnswerBasis, ProjectId, SiteRisk
from data_contracts.grade_messages import EXAMPLE_BASIS, EXAMPLE_GRADES
from data_contracts.record_messages import Cell, Heading, Remark

MOST_CHANGES = 50
MOST_IDS = 1_000
MOST_ROWS = 500

Rows = list[dict[Heading, Cell]]


class Change(BaseModel):
    """One change that is supposed, of those that the policy `changeable_facts` lists."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    change: Annotated[str, Field(min_length=1, max_length=LONGEST_ID)] = Field(
        title="变更 / change",
        description="RECTIFY_HAZARDS 整改隐患, LIFT_ORDERS 解除指令, ATTENDANCE 到岗率, FILL_POSTS 配齐人员, PLAN_REVIEWED "
        "方案审核, PLAN_EXPERT_REVIEWED 专家论证, CLEAR_ALARMS 解除报警, INSPECT_MACHINES 机械检验, CLOSE_DEFECTS 缺陷销项. "
        "Anything else is refused with the reason.",
    )
    ids: list[ProjectId] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_IDS,
        title="记录编号 / ids",
        description="所涉记录的编号；空值表示全部可作此变更的记录。 Which records by their ids; null is all it can be done to.",
    )
    post: Annotated[str, Field(min_length=1, max_length=LONGEST_ID)] | None = Field(
        default=None,
        title="岗位 / post",
        description="岗位代码（ATTENDANCE、FILL_POSTS）；空值表示全部在案岗位。 A post's code; null is all on file.",
    )
    percent: float | None = Field(
        default=None,
        title="比例 / percent",
        description="到岗率（ATTENDANCE），百分数。 Attendance, per cent of the days required.",
    )


class WhatIfRequest(BaseModel):
    """A project on record, and what is supposed to be otherwise."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "project_id": "P000017",
                    "changes": [
                        {"change": "RECTIFY_HAZARDS"},
                        {"change": "ATTENDANCE", "post": "PM", "percent": 85},
                    ],
                },
            ]
        },
    )

    project_id: ProjectId
    as_of: str | None = Field(
        default=None,
        max_length=40,
        title="认知时点 / knowledge time",
        description="假设的变更在此时点入库；仅写日期表示上海时间当日零点；空值表示现在。 "
        "The changes are supposed to be recorded then; a bare date is 00:00 of that day in Shanghai; null is now.",
    )
    changes: list[Change] = Field(max_length=MOST_CHANGES, title="变更 / changes")


class SupposedRow(BaseModel):
    """A row that the changes would record: what `POST /v1/records/{table}` takes as it is."""

    table: str
    row: dict[str, JsonValue]


class FeatureChange(BaseModel):
    """A feature that is otherwise after the changes; null is missing."""

    name: str
    label_zh: str
    label_en: str
    unit: str
    before: float | None
    after: float | None


class InherentGrades(BaseModel):
    """固有风险等级, 1 to 5; null where key facts are not on file."""

    before: int | None
    after: int | None


class Differences(BaseModel):
    """After less before; null where either is missing."""

    risks: dict[str, float | None]
    percentile: dict[str, float | None]


_EXAMPLE_RISK: dict[str, JsonValue] = {
    "project_id": "P000017",
    "status": "ACTIVE",
    "risks": {"accident": 0.0061, "defect": 0.0243, "hazard": 0.1184},
    "percentile": {"accident": 71.2, "defect": 40.5, "hazard": 88.0},
    **EXAMPLE_GRADES,
    "reasons": None,
    "model_version": "3f9c0a1b2d4e",
    "as_of": "2026-03-01T09:30:00+08:00",
    "facts_latest_recorded_at": "2026-02-27T16:20:00+08:00",
    "decision_id": "019c0a5e7b30a1b2c3d4e5f6a70000",
}


class WhatIfAnswer(AnswerBasis):
    """The grade as it is, the grade as it would be, and what makes the difference."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_BASIS
                | {
                    "before": _EXAMPLE_RISK,
                    "after": _EXAMPLE_RISK
                    | {
                        "risks": {"accident": 0.0048, "defect": 0.0243, "hazard": 0.0905},
                        "percentile": {"accident": 58.0, "defect": 40.5, "hazard": 79.4},
                        "decision_id": "019c0a5e7b30a1b2c3d4e5f6a70001",
                    },
                    "difference": {
                        "risks": {"accident": -0.0013, "defect": 0.0, "hazard": -0.0279},
                        "percentile": {"accident": -13.2, "defect": 0.0, "hazard": -8.6},
                    },
                    "inherent_grade": {"before": 3, "after": 3},
                    "rows": [
                        {
                            "table": "violations",
                            "row": {
                                "violation_id": "V2026-00815",
                                "found_on": "2026-02-20",
                                "recorded_at": "2026-03-01T09:30:00+08:00",
                                "project_id": "P000017",
                                "severity": "serious",
                                "rectified_on": "2026-03-01",
                            },
                        }
                    ],
                    "features": [
                        {
                            "name": "hazards_open",
                            "label_zh": "未整改隐患",
                            "label_en": "Open hazards",
                            "unit": "条",
                            "before": 1.0,
                            "after": 0.0,
                        }
                    ],
                }
            ]
        }
    )

    before: SiteRisk = Field(description="按现有记录的结果。 What the record gives as it is.")
    after: SiteRisk = Field(
        description="假设变更入库后的结果；百分位仍与现有记录下的全市比较。 What it would give with the rows recorded; "
        "percentiles are still against the city as it is on record."
    )
    difference: Differences
    inherent_grade: InherentGrades
    rows: list[SupposedRow] = Field(
        description="变更实际完成后应入库的数据行。 The rows to be recorded once the changes are really made."
    )
    features: list[FeatureChange] = Field(
        description="随之改变的特征。 The features that are otherwise with them."
    )


class AssessRequest(BaseModel):
    """A project that is not on record: rows of contract tables, by the names of their columns.

    Enterprises are named by id; those on record bring their record and credit.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {
                    "projects": [
                        {
                            "project_id": "SQ2026-0042",
                            "start_date": "2026-04-01",
                            "region_code": "310115",
                            "category": "BUILDING",
                            "floor_area_m2": 86000,
                            "building_height_m": 99.5,
                            "pit_depth_m": 9.8,
                        }
                    ],
                    "project_parties": [
                        {
                            "project_id": "SQ2026-0042",
                            "enterprise_id": "E00017",
                            "role": "GC",
                            "valid_from": "2026-03-01",
                        }
                    ],
                    "dangerous_works": [
                        {
                            "work_id": "SQ2026-0042-1",
                            "project_id": "SQ2026-0042",
                            "code": "PIT",
                            "is_overscale": True,
                            "plan_status": "DRAFTED",
                        }
                    ],
                }
            ]
        },
    )

    projects: Rows = Field(
        min_length=1, max_length=1, title="项目 / project", description="恰好一行。 Exactly one row."
    )
    project_parties: Rows = Field(default_factory=list, max_length=MOST_ROWS, title="参建单位 / parties")
    dangerous_works: Rows = Field(
        default_factory=list, max_length=MOST_ROWS, title="危大工程 / dangerous works"
    )
    progress: Rows = Field(default_factory=list, max_length=MOST_ROWS, title="施工进度 / progress")


class AssessedRow(BaseModel):
    """A row that did not count, or of which there is something to say."""

    table: str
    row_number: int = Field(
        description="在该表各行中的序号，从 1 起。 Its place in the table's rows, counted from 1."
    )
    outcome: Literal["TAKEN", "WAITING", "REFUSED"] = Field(
        description="TAKEN 计入, WAITING 上级记录（如企业）不在案，未计入, REFUSED 不符合契约，未计入. TAKEN: it counts; WAITING: "
        "what it names, such as an enterprise, is not on record; REFUSED: it breaks a rule. The last two do not count."
    )
    remarks: list[Remark]


class AssessAnswer(AnswerBasis):
    """A grade for a project that is not on record; nothing of it was stored but the answer itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_BASIS
                | {
                    "result": _EXAMPLE_RISK
                    | {
                        "project_id": "SQ2026-0042",
                        "status": "NOT_STARTED",
                        "inherent_grade": 4,
                        "dynamic_grade": None,
                        "frequency": None,
                    },
                    "inherent_grade": 4,
                    "rows": [],
                    "unknown_columns": [],
                }
            ]
        }
    )

    result: SiteRisk
    inherent_grade: int | None = Field(
        description="固有风险等级；关键信息不足时为空。 The inherent grade, 1 to 5; null where key facts are missing."
    )
    rows: list[AssessedRow]
    unknown_columns: list[str] = Field(
        description="这些表没有的列，未读取。 Columns, as table.column, that the tables do not have; not read."
    )
