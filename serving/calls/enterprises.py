"""`GET /v1/enterprises` and `/v1/enterprises/{enterprise_id}`: what the pages of firms show."""

from __future__ import annotations

from typing import Any

from data_contracts.enterprise_messages import EnterpriseAnswer, EnterprisesAnswer, EnterprisesQuery
from serving.calls.shown import Wanted, leaf_told, run_told, shown_call, site_told
from serving.calls.sites import records_told
from serving.pages.city import City
from serving.pages.enterprise import firm_content
from serving.pages.enterprises import Asked, firms_content


def _enterprises(city: City, wanted: Wanted) -> dict[str, Any]:
    city.boards.needed()
    content = firms_content(city, wanted.key, Asked.of(wanted.query), wanted.size)
    roles = content["roles_of"]
    return {
        "grading_run": run_told(content["board"]),
        "total": content["total"],
        **leaf_told(content["leaf"]),
        "enterprises": [row | {"roles": roles.get(row["enterprise_id"], [])} for row in content["rows"]],
    }


def _enterprise(city: City, wanted: Wanted) -> dict[str, Any]:
    content = firm_content(city, wanted.key, wanted.path["enterprise_id"])
    roles = content["roles"]
    return {
        **content,
        "grading_run": run_told(content["board"]),
        "enterprise": content["firm"],
        "active_sites": content["found"],
        "colours": content["counts"],
        "record": {
            table: {**found, "newest": records_told(table, found["rows"])}
            for table, found in content["record"].items()
        },
        "through": {
            head: {**one, "features": [_odds(each) for each in one["features"]]}
            for head, one in content["through"].items()
        },
        "sites": [site_told(row) | {"roles": roles.get(row["project_id"], [])} for row in content["sites"]],
    }


def _odds(feature: dict[str, Any]) -> dict[str, Any]:
    label = feature["label"]
    return {"label_zh": label.zh, "label_en": label.en, "odds": feature["odds"]}


CALLS = (
    shown_call(
        "/enterprises",
        "enterprises",
        ("企业清单（不是排名）", "the firms (no ranking)"),
        EnterprisesAnswer,
        _enterprises,
        asks=EnterprisesQuery,
    ),
    shown_call(
        "/enterprises/{enterprise_id}",
        "enterprise",
        ("企业：项目、记录与信用", "one firm with sites, record and credit"),
        EnterpriseAnswer,
        _enterprise,
        parameters=(("enterprise_id", "统一社会信用代码 / the firm's id"),),
    ),
)
