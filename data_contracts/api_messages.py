"""What callers of the scoring API send and get, version 1.

These models are the one declaration: requests are checked by them, answers are written by them, and
the OpenAPI description and its page are made from them. A missing number is `null`, never 0.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from data_contracts.grade_messages import (
    EXAMPLE_BASIS,
    EXAMPLE_GRADES,
    DataQuality,
    DynamicGrade,
    Frequency,
    GradingRunTold,
    ShortReason,
)
from data_contracts.response_messages import DecisionResponse

MOST_PROJECTS = 10_000
LONGEST_ID = 64

ProjectId = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
SiteStatus = Literal["UNKNOWN", "NOT_STARTED", "ACTIVE", "FINISHED"]


class GradesRequest(BaseModel):
    """Which projects to score, and as of when."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"project_ids": ["P000017", "P000042"], "as_of": None},
                {"project_ids": ["P000017"], "as_of": "2026-03-01"},
                {"project_ids": ["P000017"], "as_of": "2026-03-01T08:00:00+08:00", "reasons": True},
            ]
        },
    )

    project_ids: list[ProjectId] = Field(
        min_length=1,
        max_length=MOST_PROJECTS,
        title="项目编号 / project ids",
        description="要评估的施工许可标段编号，按此顺序返回，可重复。 "
        "Permit lots to score; answered in this order, repeats kept.",
    )
    as_of: str | None = Field(
        default=None,
        max_length=40,
        title="认知时点 / knowledge time",
        description="只使用此刻已入库的信息；仅写日期表示上海时间当日零点；空值表示现在。 "
        "Only what was on file then is used; a bare date is 00:00 of that day in Shanghai; null is now.",
    )
    reasons: bool = Field(
        default=False,
        title="主要依据 / reasons",
        description="是否附各目标最主要的依据。 Whether each result brings the strongest reasons of each head.",
    )


class SiteRisk(BaseModel):
    """The risks and grades of one project at `as_of`. Fields with a default are missing in answers of earlier versions."""

    project_id: str
    status: SiteStatus = Field(
        title="项目状态 / status",
        description="UNKNOWN 当时无此项目, NOT_STARTED 未开工, ACTIVE 在建, FINISHED 已竣工或终止. "
        "UNKNOWN: not on record at `as_of`; its risks are null, which is not low risk.",
    )
    risks: dict[str, float | None] = Field(
        title="风险概率 / risks",
        description="各预测目标的校准概率（0 至 1）。 Calibrated probability of each head, 0 to 1.",
    )
    percentile: dict[str, float | None] = Field(
        title="百分位 / percentile",
        description="评级中风险不高于本项目的在建项目百分比（见 grading_run）。 "
        "Per cent of the sites of the grading run whose risk is not higher; see `grading_run` for where there is none.",
    )
    data_quality: DataQuality | None = Field(
        default=None,
        title="数据质量 / quality of data",
        description="未知项目为空。 Null for an unknown project.",
    )
    inherent_grade: int | None = Field(
        default=None,
        title="固有风险等级 / inherent grade",
        description="1 至 5；关键信息不足时为空。 1 to 5; null where key facts are not on file.",
    )
    dynamic_grade: DynamicGrade | None = Field(
        default=None,
        title="动态风险等级 / dynamic grade",
        description="非在建、首次评级以前、或评级后新开工的项目为空。 Null for a site that is not active, before the first run, and "
        "for one that no run knows yet.",
    )
    frequency: Frequency | None = Field(
        default=None,
        title="检查频次 / frequency",
        description="无评级时为空。 Null where no run has set it.",
    )
    reasons: dict[str, list[ShortReason]] | None = Field(
        default=None,
        title="主要依据 / reasons",
        description="各目标最强的至多三项；未要求时为空。 Up to three of each head, the strongest first; null unless asked for.",
    )
    model_version: str
    as_of: str
    decision_id: str = Field(
        title="评估记录编号 / decision",
        description="台账中的编号，可用 GET /v1/decisions/{decision_id} 查回。 "
        "Its number in the ledger; GET /v1/decisions/{decision_id} gives it back.",
    )
    facts_latest_recorded_at: str | None = Field(
        title="最新信息入库时间 / latest knowledge",
        description="本项目可见信息中最晚的入库时间；没有则为空。 "
        "When the newest fact about the project that could be seen was put on file; null if none.",
    )


class PolicyInForce(BaseModel):
    """Which policy of a kind was in force on the day of `as_of`."""

    valid_from: str
    sha256: str


class AnswerBasis(BaseModel):
    """What an answer rests on: moment, model, catalogue, policies, grading run, records."""

    as_of: str = Field(description="认知时点，含时区。 The knowledge time used, with offset.")
    model_version: str = Field(description="模型版本。 Which model answered.")
    catalogue_version: str = Field(description="特征目录版本。 Version of the feature catalogue.")
    catalogue_hash: str = Field(description="特征目录摘要。 Digest of the feature catalogue.")
    policies: dict[str, PolicyInForce | None] = Field(
        description="as_of 当日有效的政策文件；空值表示当时尚无。 The policies in force then; null before the first one."
    )
    grading_run: GradingRunTold | None = Field(
        description="as_of 时有效的每日评级；尚无则为空。 The grading run that counts then; null before the first one."
    )
    store_version: int = Field(
        description="本次计算所见的记录库版本号。 The record store's version that the answer has seen."
    )


class GradesAnswer(AnswerBasis):
    """One result for each id asked for, in the order asked."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_BASIS
                | {
                    "results": [
                        {
                            "project_id": "P000017",
                            "status": "ACTIVE",
                            "risks": {"accident": 0.0061, "defect": 0.0243, "hazard": 0.1184},
                            "percentile": {"accident": 71.2, "defect": 40.5, "hazard": 88.0},
                            **EXAMPLE_GRADES,
                            "model_version": "3f9c0a1b2d4e",
                            "as_of": "2026-03-01T09:30:00+08:00",
                            "facts_latest_recorded_at": "2026-02-27T16:20:00+08:00",
                            "decision_id": "019c0a5e7b30a1b2c3d4e5f6a70000",
                        },
                        {
                            "project_id": "no-such-lot",
                            "status": "UNKNOWN",
                            "risks": {"accident": None, "defect": None, "hazard": None},
                            "percentile": {"accident": None, "defect": None, "hazard": None},
                            **dict.fromkeys(EXAMPLE_GRADES),
                            "model_version": "3f9c0a1b2d4e",
                            "as_of": "2026-03-01T09:30:00+08:00",
                            "facts_latest_recorded_at": None,
                            "decision_id": "019c0a5e7b30a1b2c3d4e5f6a70001",
                        },
                    ],
                }
            ]
        }
    )

    results: list[SiteRisk]


class DecisionAnswer(BaseModel):
    """One answer as the ledger holds it: what was said about a project, to whom, and from what."""

    decision_id: str
    asked_at: str = Field(description="询问时间。 When it was asked.")
    key_id: str = Field(description="询问所用密钥的编号。 The id of the key that asked.")
    as_of: str
    model_sha256: str
    policies: dict[str, PolicyInForce | None] = Field(
        description="as_of 当日有效的政策文件；空值表示当时尚无。 The policies in force then; null before the first one."
    )
    catalogue_hash: str = Field(description="特征目录摘要。 Digest of the feature catalogue.")
    store_version: int
    siterisk_version: str = Field(description="答复时的程序版本。 The program that answered.")
    result: SiteRisk
    features: dict[str, float | None] | None = Field(
        description="当时的特征值；项目未知时为空。 The feature values it rests on; null for an unknown project."
    )
    responses: list[DecisionResponse] = Field(
        description="此后的确认、调整与异议。 Confirmations, overrides and objections since."
    )


class Difference(BaseModel):
    """One field that was not computed again as it was answered; null also where it is no longer there."""

    field: str
    answered: JsonValue
    replayed: JsonValue


class ReplayAnswer(BaseModel):
    """An answer of then beside the same computed again, from the records and the model of then."""

    decision_id: str
    equal: bool = Field(
        description="逐项相同，包括特征值。 Every field is the same, feature values included."
    )
    differences: list[Difference] = Field(
        description="不相同之处；后来新增的字段不比较。 Where not; fields that answers gained since are not compared."
    )
    otherwise: list[str] = Field(
        description="与当时不同的依据：政策文件、特征目录摘要、程序版本。 "
        "What else is not as it was then: policies, the catalogue's digest, the program's version."
    )
    model_sha256: str
    store_version: int = Field(
        description="重算所用的记录库版本，即当时所见的版本。 The store version of then, which both rest on."
    )
    answered: SiteRisk
    replayed: SiteRisk


class ErrorDetail(BaseModel):
    """What was wrong, and the way out."""

    code: str = Field(description="机器可读的错误代码。 A code for machines; it does not change.")
    message_zh: str
    message_en: str
    field: str | None = Field(
        default=None, description="出错的字段；没有则为空。 The field at fault, null if none."
    )


class ErrorAnswer(BaseModel):
    """The one shape of every refusal."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "code": "INVALID_INPUT",
                        "message_zh": "project_ids：至少需要 1 个。",
                        "message_en": "project_ids: at least 1 item is needed.",
                        "field": "project_ids",
                    }
                }
            ]
        }
    )

    error: ErrorDetail
