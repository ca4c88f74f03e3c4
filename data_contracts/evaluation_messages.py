"""What is told of the model and of the data, as their pages show it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from data_contracts.site_messages import EXAMPLE_RUN
from data_contracts.told_values import Count, Day, Figure, Moment, RunOfDay, Text, Told, Whole

EXAMPLE_INTERVAL: dict[str, JsonValue] = {"mean": 0.74, "low": 0.7, "high": 0.78}


class Said(Told):
    """A sentence in both languages."""

    zh: str
    en: str


class Interval(Told):
    """A figure with its 95 % interval over draws of projects; null where the rows cannot tell."""

    mean: Figure
    low: Figure
    high: Figure


class Measures(Told):
    """How well an order of sites finds outcomes; a measure that was not taken is null."""

    auc: Interval | None = None
    lift_at_5pct: Interval | None = None
    recall_at_10pct: Interval | None = None
    observed_over_expected: Interval | None = Field(
        default=None, description="实际与预计之比，1 为相符。 Observed over expected; 1 is as expected."
    )


class RuleMeasured(Told):
    """A simple rule on the same rows, and what the model gains over it."""

    rule: str
    zh: str
    en: str
    measures: Measures
    auc_gain: Interval | None


class SliceTold(Told):
    """One part of the rows that the model was judged on."""

    value: Text
    projects: Whole
    outcomes: Whole
    expected: Figure = Field(description="预计的结果数。 The outcomes that the model expects.")
    observed_over_expected: Figure
    chance_low: Figure = Field(
        description="仅凭偶然，百次中九十五次所在范围。 By chance alone it lies between these in 95 of 100 cases."
    )
    chance_high: Figure
    is_large_enough: bool = Field(
        description="结果是否足以判断。 Whether there are enough outcomes to judge."
    )
    is_beyond_chance: bool
    auc: Figure
    selection_rate_at_10pct: Figure = Field(description="进入前 10% 名单的比例。 The share on the 10 % list.")
    recall_at_10pct: Figure = Field(
        description="名单覆盖的结果比例。 The share of outcomes that the list meets."
    )


class CheckTold(Told):
    """A check of the training that has not passed: failed, or not applicable."""

    code: str
    state: str
    title_zh: str
    title_en: str
    reason_zh: str
    reason_en: str


class FeatureMoves(Told):
    """How far a feature moves the city's active sites: mean size of its SHAP value, in log-odds."""

    feature: str
    label_zh: str
    label_en: str
    size: float
    direction: int = Field(
        description="1 值大风险升，-1 值大风险降，0 不一。 1: higher values raise it, -1: lower it, 0: neither."
    )


class HeadEvaluated(Told):
    """One head: what it predicts, how well, where it fails and what moves it."""

    name: str
    title_zh: str
    title_en: str
    given_a_visit: bool
    horizon_days: Whole
    first: Day = Field(description="检验期首日。 The first day it was judged on.")
    last: Day
    projects: Whole
    outcomes: Whole
    model: Measures | None
    rules: list[RuleMeasured]
    checks_passed: int
    checks: list[CheckTold]
    slices: dict[str, list[SliceTold]]
    fairness: dict[str, list[SliceTold]] = Field(
        description="模型从未使用的企业属性。 By what the model never sees of firms."
    )
    strongest: list[FeatureMoves]


class FiguresThen(Told):
    """How well a champion found outcomes of one head where it was judged, before it was put in force."""

    head: str
    auc: Interval | None = None
    recall_at_10pct: Interval | None = None


class InForce(Told):
    """A model that was put in force, by a promotion or by going back to one of before."""

    at: Moment
    action: str = Field(description="promote 启用，rollback 回退。")
    version: str
    replaced: Text = Field(description="此前在用的模型。 What was in force before.")
    why: Text
    heads: list[FiguresThen]


class EvaluationAnswer(Told):
    """模型: how well the model in force predicts, where it fails, and what it must not be used for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model_version": "3f9c0a1b2d4e", "simulated": True, "champion_refused": False, "training": "autumn",
                    "created_at": "2026-01-05T09:30:00+08:00", "until": "2025-12-31T23:59:59.999999+08:00",
                    "catalogue_version": "2.1.0", "catalogue_hash": "9d41…", "grading_run": EXAMPLE_RUN,
                    "not_for": [{"zh": "结果是检查建议，不是违法违规行为的认定。", "en": "The output is advice, never a finding."}],
                    "heads": [{
                        "name": "accident", "title_zh": "事故", "title_en": "Accident", "given_a_visit": False, "horizon_days": 90,
                        "first": "2024-10-01", "last": "2025-09-01", "projects": 4600, "outcomes": 41,
                        "model": {"auc": EXAMPLE_INTERVAL}, "checks_passed": 9, "checks": [], "slices": {}, "fairness": {},
                        "rules": [{
                            "rule": "past_violations", "zh": "过往违规次数", "en": "past violations",
                            "measures": {"auc": EXAMPLE_INTERVAL}, "auc_gain": {"mean": 0.08, "low": 0.05, "high": 0.12},
                        }],
                        "strongest": [{
                            "feature": "floor_area_m2", "label_zh": "建筑面积", "label_en": "Floor area", "size": 0.41, "direction": 1,
                        }],
                    }],
                    "versions": [{
                        "at": "2026-01-05T10:00:00+08:00", "action": "promote", "version": "3f9c0a1b2d4e", "replaced": None,
                        "why": None, "heads": [{"head": "accident", "auc": EXAMPLE_INTERVAL, "recall_at_10pct": None}],
                    }],
                }
            ]
        }
    )  # fmt: skip

    model_version: str
    simulated: bool
    champion_refused: bool
    training: Text
    created_at: Moment
    until: Moment = Field(description="训练所用记录的截止时点。 Nothing recorded later was learned from.")
    catalogue_version: str
    catalogue_hash: str
    grading_run: RunOfDay | None
    not_for: list[Said]
    heads: list[HeadEvaluated]
    versions: list[InForce] = Field(
        description="先后启用的模型，新的在前。 The models that were put in force, the newest first."
    )


class DataQuery(BaseModel):
    """Which table's quarantine, and which leaf of it."""

    model_config = ConfigDict(extra="forbid")

    table: str = Field(
        default="", max_length=64, description="数据表；省略为全部。 One table; all unless told."
    )
    page: int = Field(default=1, ge=1, le=99_999, description="页码。 Which leaf.")
    size: int = Field(default=25, ge=1, le=1000, description="每页数量。 How many on a leaf.")


class TableLook(Told):
    """One table: where its rows come from, how late the newest came and how complete they are."""

    table: str
    title_zh: str
    rows: Count
    deliveries: Count
    loaded_at: Moment
    sources: list[str]
    late_median_days: Figure = Field(
        description="迟报天数的中位；为负即事先报送。 Median days from happening to being on file; below 0: filed ahead."
    )
    late_p90_days: Figure
    complete: Figure = Field(description="有值单元格的比例。 The share of cells with a value.")
    absent: list[str] = Field(description="没有值的列。 Columns without any value.")


class FaultTold(Told):
    """One rule that a row breaks."""

    column: Text
    rule: str
    zh: str
    en: str


class RowInQuarantine(Told):
    """A row that waits, with everything that is wrong with it; POST /v1/records/{table} takes the row corrected."""

    id: str
    table: str
    source: Text
    row_number: Whole
    key: Text
    last_seen: Moment
    faults: list[FaultTold]
    cells: dict[str, str | None]


class DataAnswer(Told):
    """数据: sources, lateness, completeness, and the rows in quarantine that the key may see, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "store_version": 17, "found": 1, "page": 1, "pages": 1,
                    "tables": [{
                        "table": "inspections", "title_zh": "监督检查", "rows": 81230, "deliveries": 4,
                        "loaded_at": "2026-03-01T04:10:00+08:00", "sources": ["质安监平台"], "late_median_days": 1.4,
                        "late_p90_days": 9.0, "complete": 0.93, "absent": [],
                    }],
                    "quarantine": [{
                        "id": "inspections.1a2b", "table": "inspections", "source": "inspections.csv", "row_number": 31,
                        "key": "V2026-00815", "last_seen": "2026-03-01T04:10:00+08:00",
                        "faults": [{"column": "inspected_on", "rule": "date", "zh": "不是有效日期。", "en": "no valid day."}],
                        "cells": {"inspection_id": "V2026-00815", "inspected_on": "2026-02-30"},
                    }],
                }
            ]
        }
    )  # fmt: skip

    store_version: int
    tables: list[TableLook]
    found: int = Field(description="隔离待改的行数。 Rows in quarantine.")
    page: int
    pages: int
    quarantine: list[RowInQuarantine]
