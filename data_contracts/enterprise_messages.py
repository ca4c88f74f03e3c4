"""What is told of firms, as their pages show it; neither a ranking nor an appraisal."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from data_contracts.site_messages import EXAMPLE_LEAF, EXAMPLE_RUN, EXAMPLE_SITE, RecordTold, SiteGrade
from data_contracts.told_values import Count, Day, Figure, Listed, ListQuery, Moment, RunOfDay, Text, Told


class EnterprisesQuery(ListQuery):
    """Filters and order of the list; the names are those of the page's address."""

    q: str = Field(default="", max_length=100, description="名称或统一社会信用代码中的文字。 In name or id.")
    kind: str = Field(default="", max_length=40, description="企业类型代码。 Code of a kind of firm.")
    role: str = Field(default="", max_length=40, description="参建角色代码。 Code of a role on a site.")
    sort: Literal["colour", "sites", "credit", "name"] = Field(
        default="colour",
        description="colour 红橙多者在前，sites 项目多者在前，credit 信用分低者在前。 Most reds and oranges, most sites, lowest credit.",
    )


class FirmListed(Told):
    """One firm with an active site in the scope, and the credit that counts today; null: none in force, which is not bad credit."""

    enterprise_id: str
    name: Text
    kind: Text
    roles: list[str]
    sites: Count
    red: Count
    orange: Count
    scheme_id: Text
    score: Figure
    grade: Text
    valid_until: Day


EXAMPLE_FIRM: dict[str, JsonValue] = {
    "enterprise_id": "E00017", "name": "某建设有限公司", "kind": "GC", "roles": ["GC"], "sites": 12, "red": 0, "orange": 1,
    "scheme_id": "SH_GC_2017", "score": 86.5, "grade": None, "valid_until": "2026-06-30",
}  # fmt: skip


class EnterprisesAnswer(Listed):
    """企业: the firms with an active site within the key's scope."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"grading_run": EXAMPLE_RUN, **EXAMPLE_LEAF, "enterprises": [EXAMPLE_FIRM]}]
        }
    )

    grading_run: RunOfDay
    enterprises: list[FirmListed]


class FirmTold(Told):
    """What is on file of the firm itself."""

    enterprise_id: str
    name: Text
    kind: Text
    qualification_grade: Text
    safety_licence_until: Day


class CreditTold(Told):
    """One credit record and whether it counts."""

    scheme_id: str
    score: Figure
    grade: Text
    effective_from: Day
    valid_until: Day
    repaired_at: Moment
    state: Literal["VALID", "EXPIRED", "REPAIRED", "TO_COME"]


class RecordOfFirm(Told):
    """The facts of one table that are the firm's: how many, how many of the last year, and the newest."""

    count: int
    recent: int
    newest: list[RecordTold]


class FeatureOdds(Told):
    """A feature that speaks of the firm, and by what it multiplies the odds on average."""

    label_zh: str
    label_en: str
    odds: float


class ThroughFirm(Told):
    """What the firm's features add to one risk of its sites beside similar ones: an association, no appraisal."""

    mean: float = Field(description="平均使风险升降多少（0 至 1）。 On average, 0 to 1.")
    points: dict[str, float] = Field(description="各项目。 By project.")
    features: list[FeatureOdds]


class SiteOfFirm(SiteGrade):
    """One active site of the firm within the scope."""

    roles: list[str]


class EnterpriseAnswer(Told):
    """企业: one firm, its sites, record and credit, and what it adds to the risks of its sites."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "grading_run": EXAMPLE_RUN,
                    "enterprise": EXAMPLE_FIRM | {"qualification_grade": "GRADE_1", "safety_licence_until": "2027-03-31"},
                    "active_sites": 1,
                    "colours": {"ORANGE": 1},
                    "credit": [],
                    "record": {"violations": {"count": 3, "recent": 1, "newest": []}},
                    "through": {"accident": {"mean": 0.0004, "points": {"P000017": 0.0004}, "features": []}},
                    "sites": [EXAMPLE_SITE | {"roles": ["GC"]}],
                }
            ]
        }
    )  # fmt: skip

    grading_run: RunOfDay
    enterprise: FirmTold
    active_sites: int
    colours: dict[str, Count]
    credit: list[CreditTold]
    record: dict[str, RecordOfFirm]
    through: dict[str, ThroughFirm] = Field(
        description="按预测目标；没有经由该企业的特征时为空。 By head; empty where none speaks of it."
    )
    sites: list[SiteOfFirm] = Field(
        description="颜色最重、风险最高的至多一百处。 At most a hundred, the worst first."
    )
