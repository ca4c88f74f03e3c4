"""What is told of sites, as their pages show it: the list, and one site with reasons, history and records behind."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from data_contracts.grade_messages import Colour, Confirmation
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

EXAMPLE_RUN: dict[str, JsonValue] = {
    "run_id": 61, "day": "2026-03-01", "made_at": "2026-03-01T05:00:12+08:00", "model_version": "3f9c0a1b2d4e",
}  # fmt: skip
EXAMPLE_LEAF: dict[str, JsonValue] = {"found": 1, "total": 4919, "page": 1, "pages": 1}
EXAMPLE_SITE: dict[str, JsonValue] = {
    "project_id": "P000017", "name": "某小区三期 2 标", "permit_no": "310115202506010101", "district": "310115",
    "agency_code": "D310115", "category": "BLD_RES", "use_type": "RESIDENTIAL", "floor_area_m2": 86000.0, "colour": "ORANGE",
    "colour_since": "2026-02-25", "colour_before": "YELLOW", "confirmation": "PENDING", "proposed_colour": None,
    "decided_by": None, "decided_on": None, "rule_zh": "停工类指令尚未解除", "rule_en": "A stop order in force",
    "inherent_grade": 3, "risks": {"accident": 0.0061}, "percentile": {"accident": 71.2}, "visits_per_year": 12.2,
    "last_visit_on": "2026-02-20", "due_on": "2026-03-27", "due_zh": "橙色：30日内检查", "due_en": "Orange: within 30 days",
}  # fmt: skip


class SitesQuery(ListQuery):
    """Filters and order of the list; the names are those of the page's address."""

    q: str = Field(
        default="", max_length=100, description="名称、编号或许可证号中的文字。 In name, id or permit."
    )
    colour: Colour | None = Field(default=None, description="动态风险。 The dynamic colour.")
    district: str = Field(default="", max_length=20, description="区代码。 Code of a district.")
    inherent: Literal["1", "2", "3", "4", "5"] | None = Field(
        default=None, description="固有等级。 Inherent grade."
    )
    category: str = Field(
        default="", max_length=40, description="工程类别代码。 Code of a category of works."
    )
    overdue: Literal["1"] | None = Field(
        default=None, description="1：只要逾期未检的。 1: those past the due day."
    )
    pending: Literal["1"] | None = Field(
        default=None, description="1：只要待确认的。 1: those that wait for a person."
    )
    sort: Literal["colour", "accident", "defect", "inherent", "due", "last", "name"] = Field(
        default="colour",
        description="次序；due、last、name 小者在前，其余大者在前。 Order; due, last and name the smallest first, others the largest.",
    )


class SiteGrade(Told):
    """One site as the last grading run left it, with what persons have decided since."""

    project_id: str
    name: Text
    permit_no: Text
    district: Text
    agency_code: Text
    category: Text
    use_type: Text
    floor_area_m2: Figure
    colour: Colour
    colour_since: Day
    colour_before: Text = Field(
        description="一周前的颜色；当时无评级为空。 A week before; null where no run knew it."
    )
    confirmation: Confirmation
    proposed_colour: Text = Field(
        description="待确认的下调。 A lowering that waits for a person; null if none."
    )
    decided_by: Text
    decided_on: Day
    rule_zh: Text = Field(description="决定颜色的规则。 The rule that decided the colour.")
    rule_en: Text
    inherent_grade: Whole = Field(
        description="1 至 5；信息不足为空。 1 to 5; null where key facts are not on file."
    )
    risks: dict[str, Figure]
    percentile: dict[str, Figure]
    visits_per_year: Figure
    last_visit_on: Day
    due_on: Day
    due_zh: Text
    due_en: Text


class SitesAnswer(Listed):
    """项目清单: the active sites within the key's scope that fit, in the order asked for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"grading_run": EXAMPLE_RUN, **EXAMPLE_LEAF, "sites": [EXAMPLE_SITE]}]
        }
    )

    grading_run: RunOfDay
    sites: list[SiteGrade]


class WholeSite(SiteGrade):
    """One site with everything that its page says of it."""

    reference: Text = Field(description="颜色的政策依据。 The policy and the text behind the colour.")
    inherent_zh: Text
    inherent_en: Text
    started_on: Day
    planned_finish_date: Day


class ReasonTold(Told):
    """What one feature adds to a risk beside similar sites."""

    feature: str
    family: str
    value: Figure
    shown_zh: str = Field(description="值的说法。 The value as people say it.")
    shown_en: str
    typical: Figure = Field(description="同类项目的中位值。 The median of similar sites.")
    log_odds: float
    points: float = Field(description="使风险升降多少（0 至 1）。 What it adds to the risk, 0 to 1.")
    zh: str
    en: str


class OthersTold(Told):
    """The features that are not told one by one: how many there are, and the points of all of them together."""

    number: Count
    points: float


class DistanceTold(Told):
    """Where a risk stands among the limits of the day's run."""

    colour: str = Field(description="风险本身达到的颜色。 The colour that the risk reaches by itself.")
    cutoff: Figure = Field(description="该颜色的界限，蓝色为空。 Where that colour begins; null for blue.")
    worse: Text = Field(
        description="更高一级颜色，没有则为空。 The next worse colour; null where there is none."
    )
    worse_cutoff: Figure
    zh: str
    en: str


class HeadOfSite(Told):
    """One risk of the site, how far it is from the colours' limits, and why."""

    name: str
    title_zh: str
    title_en: str
    risk: Figure
    percentile: Figure
    decides: bool = Field(description="颜色是否由它决定。 Whether it decided the colour.")
    limits: dict[str, Figure] = Field(description="各颜色的界限。 The risk from which on a colour begins.")
    distance: DistanceTold | None = Field(
        description="与各颜色界限的距离。 How far it is from the colours' limits."
    )
    similar: Figure = Field(description="同类项目的风险。 The risk of a similar site.")
    families: dict[str, float] = Field(
        description="各类因素相对同类项目的升降，合计为两者之差。 Points by family of features; they add up to the difference to it."
    )
    raising: list[ReasonTold]
    lowering: list[ReasonTold]
    others_raising: OthersTold
    others_lowering: OthersTold


class RiskThen(Told):
    """The risk at a moment, from what was known then."""

    on: Day
    risk: Figure


class SiteHistory(Told):
    """One risk on the first of each month, and what happened on the site."""

    head: str
    risks: list[RiskThen]
    happened: dict[str, list[Day]] = Field(
        description="各表事件日期。 Days of visits, violations, orders and accidents."
    )


class RecordTold(Told):
    """One record on file; `id` is its number in its table, and what its table does not have is null."""

    id: str
    on: Day
    project_id: Text = None
    kind: Text = Field(default=None, description="类别代码。 Its kind, category or type: a code.")
    severity: Text = None
    disposal: Text = None
    points: Figure = None
    deaths: Figure = None
    serious_injuries: Figure = None
    closed_on: Day = Field(
        default=None, description="整改、解除或销项之日。 When it was rectified, lifted or closed."
    )


class PartyTold(Told):
    """A firm that is on the site now."""

    enterprise_id: str
    role: str
    valid_from: Day
    valid_to: Day


class ChangeOffered(Told):
    """A lawful change that the site can make now; POST /v1/what-if says what it would do."""

    change: str
    zh: str
    en: str
    records: int


class FactTold(Told):
    """A record that a value rests on, and what it adds."""

    of: str
    table: str
    key: str
    happened: Moment
    recorded_at: Moment
    amount: Figure


class SiteAnswer(Told):
    """项目: one site, both grades and why, as its page shows it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "grading_run": EXAMPLE_RUN,
                    "model_version": "3f9c0a1b2d4e",
                    "is_model_of_run": True,
                    "site": EXAMPLE_SITE
                    | {
                        "reference": "illustrative (dynamic_grade 2018-06-01: …)", "inherent_zh": "面积大于 5 万平方米",
                        "inherent_en": "Floor area above 50,000 m²", "started_on": "2025-06-10",
                        "planned_finish_date": "2027-08-31",
                    },
                    "heads": [],
                    "history": {"head": "accident", "risks": [{"on": "2026-03-01", "risk": 0.0061}], "happened": {}},
                    "records": {"orders": [{"id": "O2026-0031", "on": "2026-02-20", "kind": "PARTIAL_STOP"}]},
                    "similar_sites": [],
                    "parties": [],
                    "changes": [{"change": "LIFT_ORDERS", "zh": "整改复查合格，解除指令", "en": "Orders lifted", "records": 1}],
                    "rule_facts": [],
                    "way_down_zh": "风险需降至2.70%以下；全部整改后为2.10%，足以下调",
                    "way_down_en": "It has to fall below 2.70 %; with all of it 2.10 %: enough",
                }
            ]
        }
    )  # fmt: skip

    grading_run: RunOfDay
    model_version: str = Field(description="给出风险依据的模型。 The model that the reasons are of.")
    is_model_of_run: bool = Field(description="是否即评级所用模型。 Whether the run is of the same model.")
    site: WholeSite
    heads: list[HeadOfSite]
    history: SiteHistory | None
    records: dict[str, list[RecordTold]] = Field(description="各表最近的记录。 The newest records by table.")
    similar_sites: list[SiteGrade]
    parties: list[PartyTold]
    changes: list[ChangeOffered]
    rule_facts: list[FactTold] = Field(
        description="直接判定所依据的记录；由风险判定时为空。 The records behind the rule that decided; none where a risk did."
    )
    way_down_zh: Text = Field(
        description="依法可改变的事项能否降低颜色。 Whether lawful changes would lower the colour."
    )
    way_down_en: Text


class FactsAnswer(Told):
    """The records behind the value of one feature, as known on the day of the grading run."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project_id": "P000017", "feature": "hazards_open", "label_zh": "未整改隐患", "label_en": "Open hazards",
                    "unit": "count", "value": 1.0, "as_of": "2026-03-01", "more": 0,
                    "facts": [{
                        "of": "hazards_open", "table": "violations", "key": "violation_id=V2026-00815",
                        "happened": "2026-02-20T00:00:00+08:00", "recorded_at": "2026-02-20T16:20:00+08:00", "amount": 1.0,
                    }],
                }
            ]
        }
    )  # fmt: skip

    project_id: str
    feature: str
    label_zh: str
    label_en: str
    unit: str
    value: Figure
    as_of: Day
    facts: list[FactTold]
    more: Count = Field(description="未列出的记录数。 How many more there are.")
