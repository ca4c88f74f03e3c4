"""What callers of `POST /v1/records/{table}` send and get."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

MOST_ROWS = 5_000
LONGEST_HEADING = 100

Outcome = Literal["STORED", "CORRECTED", "UNCHANGED", "WAITING", "REFUSED"]


def _one_fault(value: Any, read: Any) -> Any:
    """A cell that is none of the kinds is one fault, not one for each kind."""
    try:
        return read(value)
    except ValidationError:
        raise PydanticCustomError("cell_type", "not a text, number, boolean or null") from None


Cell = Annotated[str | int | float | bool | None, WrapValidator(_one_fault)]
Heading = Annotated[str, Field(max_length=LONGEST_HEADING)]


class RecordsRequest(BaseModel):
    """Rows of one contract table, each by the names of its columns."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {
                    "source": "质安监平台",
                    "rows": [
                        {
                            "violation_id": "V2026-00815",
                            "project_id": "P000017",
                            "found_on": "2026-03-02",
                            "recorded_at": "2026-03-02T16:20:00+08:00",
                            "severity": "serious",
                            "disposal": "RECTIFY",
                        }
                    ],
                }
            ]
        },
    )

    rows: list[dict[Heading, Cell]] = Field(
        min_length=1,
        max_length=MOST_ROWS,
        title="数据行 / rows",
        description="每行以列名（英文名或中文名）给出各列的值；未给 recorded_at 的行以收到的时间为入库时间。 "
        "Values by column, under its name or its Chinese title; a row without recorded_at is recorded on arrival.",
    )
    source: Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = Field(
        default=None,
        title="来源 / source",
        description="这批数据的名称，记入库中，便于查对。 A name for the batch, kept with it.",
    )


class Remark(BaseModel):
    """What was found in a row: the rule, where, and what to do about it."""

    rule: str = Field(description="规则代码，见契约文档。 The rule's code.")
    column: str = Field(description="所涉的列。 The column it is about.")
    message_zh: str
    message_en: str


class RowTold(BaseModel):
    """A row that was not simply stored, or of which there is something to say."""

    row_number: int = Field(
        title="行号 / row number",
        description="在 rows 中的序号，从 1 起。 Its place in `rows`, counted from 1.",
    )
    outcome: Outcome = Field(
        title="结果 / outcome",
        description="STORED 入库, CORRECTED 回溯更正并入库, UNCHANGED 与已有内容相同, WAITING 暂存隔离区等待上级记录, "
        "REFUSED 拒绝。 STORED; CORRECTED: stored as a back-dated correction; UNCHANGED: known already; WAITING: in "
        "quarantine until its parent arrives; REFUSED.",
    )
    remarks: list[Remark]


class RecordsAnswer(BaseModel):
    """What became of each row; it is durable. Rows that were stored without remark are not listed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "table": "violations",
                    "store_version": 18,
                    "stored": 1,
                    "corrections": 0,
                    "unchanged": 0,
                    "waiting": 1,
                    "refused": 0,
                    "released": 0,
                    "unknown_columns": [],
                    "rows": [
                        {
                            "row_number": 2,
                            "outcome": "WAITING",
                            "remarks": [
                                {
                                    "rule": "unknown_parent",
                                    "column": "project_id",
                                    "message_zh": "项目编号（project_id）的P9在表projects中不存在；"
                                    "该行暂存隔离区，上级记录到达后自动重试。",
                                    "message_en": "project_id P9 is not in the table projects; the row waits in "
                                    "quarantine and is tried again when its parent arrives.",
                                }
                            ],
                        }
                    ],
                }
            ]
        }
    )

    table: str
    store_version: int = Field(
        description="记录库此时的版本号；此后的评估都见到这些行。 The store's version; grades from now on see the rows."
    )
    stored: int = Field(description="入库的行，含回溯更正。 Rows stored, back-dated corrections among them.")
    corrections: int = Field(description="其中回溯更正的行。 Of these, back-dated corrections.")
    unchanged: int = Field(description="与已有内容相同的行。 Rows that say nothing new.")
    waiting: int = Field(description="等待上级记录的行。 Rows that wait in quarantine for their parent.")
    refused: int = Field(description="拒绝的行。 Rows refused.")
    released: int = Field(
        description="因本批到达而离开隔离区入库的行。 Rows that had waited and were taken in with this batch."
    )
    unknown_columns: list[str] = Field(
        description="该表没有的列，未读取。 Columns that the table does not have; they were not read."
    )
    rows: list[RowTold]
