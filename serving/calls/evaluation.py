"""`GET /v1/evaluation` and `/v1/data`: how good the model is and how good the data are, as their pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.contract import contract
from data_contracts.evaluation_messages import DataAnswer, DataQuery, EvaluationAnswer
from serving.calls.shown import Wanted, leaf_told, run_told, shown_call
from serving.pages.city import City
from serving.pages.data import Asked, data_content
from serving.pages.model import model_content


def _evaluation(city: City, _: Wanted) -> dict[str, Any]:
    content = model_content(city)
    passport, catalogue, board = content["passport"], content["catalogue"], content["board"]
    return {
        "model_version": content["model"].version,
        "simulated": bool(passport.get("simulated")),
        "champion_refused": content["refused"],
        "training": passport.get("name"),
        **{word: passport.get(word) for word in ("created_at", "until")},
        "catalogue_version": catalogue.version,
        "catalogue_hash": catalogue.hash,
        "grading_run": None if board is None else run_told(board),
        "not_for": [{"zh": zh, "en": en} for zh, en in content["not_for"]],
        "heads": [_head(one, content["rules"]) for one in content["heads"]],
        "versions": content["versions"],
    }


def _head(head: Mapping[str, Any], rules: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    metrics, definition = head["metrics"], head["definition"]
    return {
        "name": head["name"],
        "title_zh": head["title"].zh,
        "title_en": head["title"].en,
        "given_a_visit": bool(definition.get("given_a_visit")),
        "horizon_days": definition.get("horizon_days"),
        **{word: metrics.get(word) for word in ("first", "last", "projects", "outcomes")},
        "model": head["own"],
        "rules": [
            {
                "rule": rule, "zh": rules[rule][0], "en": rules[rule][1], "measures": found,
                "auc_gain": head["gains"].get(rule, {}).get("auc"),
            }
            for rule, found in head["others"].items()
        ],
        "checks_passed": head["passed"],
        "checks": head["checks"],
        **{word: head[word] for word in ("slices", "fairness")},
        "strongest": [
            {"feature": one.name, "label_zh": one.label_zh, "label_en": one.label_en, **moves._asdict()}
            for one, moves in head["strongest"]
        ],
    }  # fmt: skip


def _data(city: City, wanted: Wanted) -> dict[str, Any]:
    if table := wanted.query.get("table"):
        contract(table)  # NotFound for a name that is no table
    content = data_content(city, wanted.key, Asked.of(wanted.query), wanted.size)
    return {
        "store_version": content["store_version"],
        "tables": [_table(row) for row in content["tables"]],
        **leaf_told(content["leaf"]),
        "quarantine": content["rows"],
    }


def _table(row: Mapping[str, Any]) -> dict[str, Any]:
    median, most = row["late"] or (None, None)
    told = {"table": row["table_name"], "title_zh": row["title"]}
    return {**row, **told, "late_median_days": median, "late_p90_days": most}


CALLS = (
    shown_call(
        "/evaluation",
        "evaluation",
        (
            "模型评估：准不准、在哪里不准、不得用于什么",
            "how good the model is, where it fails, and what it is not for",
        ),
        EvaluationAnswer,
        _evaluation,
    ),
    shown_call(
        "/data",
        "data",
        ("数据：来源、时效、完整性与隔离区", "sources, lateness, completeness and quarantine"),
        DataAnswer,
        _data,
        asks=DataQuery,
    ),
)
