"""`GET /v1/overview`, `/v1/sites`, `/v1/sites/{project_id}` and the records behind a value: what the pages of sites show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from data_contracts.city_messages import OverviewAnswer
from data_contracts.contract import contract
from data_contracts.site_messages import FactsAnswer, SiteAnswer, SitesAnswer, SitesQuery
from features.facts_behind import Fact
from serving.calls.shown import Wanted, leaf_told, run_told, shown_call, site_told
from serving.pages.charts import COLOUR_ORDER
from serving.pages.city import City
from serving.pages.overview import overview_content
from serving.pages.site import facts_content, site_content
from serving.pages.sites import Asked, sites_content

PROJECT_ID = ("project_id", "施工许可标段编号 / the permit lot")
_KIND = {
    "inspections": "inspection_type", "violations": "category", "orders": "kind", "accidents": "accident_type",
    "defects": "category", "leader_points": "post",
}  # fmt: skip
_CLOSED = {"violations": "rectified_on", "orders": "lifted_on", "defects": "closed_on"}


def _overview(city: City, wanted: Wanted) -> dict[str, Any]:
    city.boards.needed()
    content = overview_content(city, wanted.key)
    before = content["board"].run_before
    districts = [
        row
        | {
            "district": row["code"],
            "sites": row["total"],
            "colours": dict(zip(COLOUR_ORDER, row["counts"], strict=True)),
            "visited_in_90_days": row["visited"],
        }
        for row in content["districts"]
    ]
    return {
        **content,
        "grading_run": run_told(content["board"]),
        "compared_with": None if before is None else before.day,
        "sites": content["total"],
        "colours": content["tiles"],
        "waiting": content["pending"],
        "districts": districts,
    }


def _sites(city: City, wanted: Wanted) -> dict[str, Any]:
    city.boards.needed()
    content = sites_content(city, wanted.key, Asked.of(wanted.query), wanted.size)
    return {
        "grading_run": run_told(content["board"]),
        "total": content["total"],
        **leaf_told(content["leaf"]),
        "sites": [site_told(row) for row in content["rows"]],
    }


def _site(city: City, wanted: Wanted) -> dict[str, Any]:
    content = site_content(city, wanted.key, wanted.path["project_id"])
    return {
        "grading_run": run_told(content["board"]),
        "model_version": content["model_version"],
        "is_model_of_run": not content["other_model"],
        "site": site_told(content["site"]._asdict()),
        "heads": [_head(one) for one in content["heads"]],
        "history": _history(content["history"]),
        "records": {table: records_told(table, rows) for table, rows in content["records"].items()},
        "similar_sites": [site_told(one._asdict()) for one in content["alike"]],
        "parties": content["parties"],
        "changes": [
            {"change": one["fact"].code, "zh": one["fact"].zh, "en": one["fact"].en, "records": one["rows"]}
            for one in content["changes"]
        ],
        "rule_facts": _facts_told(content["rule_facts"]["facts"]) if content["rule_facts"] else [],
        "way_down_zh": content["way_down"] and content["way_down"].zh,
        "way_down_en": content["way_down"] and content["way_down"].en,
    }


def _head(head: Mapping[str, Any]) -> dict[str, Any]:
    title, beside, distance = head["title"], head["beside"], head["distance"]
    return {
        **head,
        "title_zh": title.zh,
        "title_en": title.en,
        "similar": beside.similar,
        "families": beside.points,
        "others_raising": beside.raising._asdict(),
        "others_lowering": beside.lowering._asdict(),
        "distance": distance and {**vars(distance), **distance.words._asdict()},
        **{word: [one.as_json() for one in head[word]] for word in ("raising", "lowering")},
    }


def _history(history: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if history is None:
        return None
    risks = [{"on": moment, "risk": risk} for moment, risk in history["rows"]]
    return {"head": history["head"], "risks": risks, "happened": history["marks"]}


def records_told(table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records of one table, what each table calls otherwise under one name."""
    told = contract(table)
    return [
        row
        | {
            "id": str(row[told.key[0]]),
            "on": row[str(told.happened)],
            "kind": row[_KIND[table]],
            "closed_on": row[_CLOSED[table]] if table in _CLOSED else None,
        }
        for row in rows
    ]


def _facts(city: City, wanted: Wanted) -> dict[str, Any]:
    content = facts_content(city, wanted.key, wanted.path["project_id"], wanted.path["feature"])
    feature = content["feature"]
    return {
        **content,
        "feature": feature.name,
        **{word: getattr(feature, word) for word in ("label_zh", "label_en", "unit")},
        "as_of": content["day"],
        "facts": _facts_told(content["facts"]),
    }


def _facts_told(facts: Sequence[tuple[Fact, str]]) -> list[dict[str, Any]]:
    return [
        {
            "of": fact.of, "table": fact.table, "key": key, "happened": fact.happened, "recorded_at": fact.recorded_at,
            "amount": fact.amount,
        }
        for fact, key in facts
    ]  # fmt: skip


CALLS = (
    shown_call("/overview", "overview", ("总览", "the city as a whole"), OverviewAnswer, _overview),
    shown_call("/sites", "sites", ("项目清单", "the list of sites"), SitesAnswer, _sites, asks=SitesQuery),
    shown_call(
        "/sites/{project_id}",
        "site",
        ("项目：等级、依据、历史与记录", "one site with grades, reasons, history and records"),
        SiteAnswer,
        _site,
        parameters=(PROJECT_ID,),
    ),
    shown_call(
        "/sites/{project_id}/facts/{feature}",
        "facts",
        ("特征值所依据的记录", "the records behind the value of a feature"),
        FactsAnswer,
        _facts,
        parameters=(
            PROJECT_ID,
            ("feature", "特征名称，见 /v1/catalogue / name of a feature, as in /v1/catalogue"),
        ),
    ),
)
