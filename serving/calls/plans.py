"""`GET /v1/plans`, `/v1/plans/{week}` and `/v1/confirmations`: the plan of a week, and what waits for a person."""

from __future__ import annotations

from typing import Any

from data_contracts.errors import NotFound
from data_contracts.plan_messages import (
    ConfirmationsAnswer,
    ConfirmationsQuery,
    PlanAnswer,
    PlanQuery,
    PlansAnswer,
)
from serving.calls.shown import Wanted, leaf_told, run_told, shown_call, site_told
from serving.pages.city import City
from serving.pages.confirmations import Asked, confirmations_content
from serving.pages.plan import kept_plans, plan_content


def _plans(city: City, _: Wanted) -> dict[str, Any]:
    kept, this_week = kept_plans(city)
    weeks = [{"week": week, "versions": numbers} for week, numbers in kept.items()]
    return {"this_week": this_week, "weeks": weeks}


def _plan(city: City, wanted: Wanted) -> dict[str, Any]:
    week, version = wanted.path["week"], wanted.query.get("version")
    kept = kept_plans(city)[0].get(week, [])
    if not kept or (version and int(version) not in kept):
        raise NotFound(
            zh="没有这份检查计划，已有的见 /v1/plans。",
            en="There is no such plan; /v1/plans lists them.",
            field="week",
        )
    content = plan_content(city, wanted.key, {**wanted.query, "week": week})
    rounds = [each for agency in content["by_agency"] for each in agency["rounds"]]
    passport = content["passport"]
    return {
        **content,
        "version": content["number"],
        "versions": content["numbers"],
        "as_of": passport["as_of"],
        "seed": passport["seed"],
        **{word: passport.get(word) for word in ("run_id", "model_version", "remade_on")},
        "visits": [visit for each in rounds for visit in each["visits"]],
        "alerts": [row for rows in content["alerts"] for row in rows],
    }


def _confirmations(city: City, wanted: Wanted) -> dict[str, Any]:
    city.boards.needed()
    content = confirmations_content(city, wanted.key, Asked.of(wanted.query), wanted.size)
    return {
        "grading_run": run_told(content["board"]),
        "total": content["total"],
        **leaf_told(content["leaf"]),
        "waiting": [_waiting(row) for row in content["rows"]],
        "decided": [_decided(row) for row in content["decided"]],
    }


def _waiting(row: dict[str, Any]) -> dict[str, Any]:
    reasons = row["reasons"]
    return site_told(row) | {
        "if_confirmed": row["confirmed"],
        "if_refused": row["refused"],
        "reasons_zh": reasons.zh if reasons else "",
        "reasons_en": reasons.en if reasons else "",
    }


def _decided(row: dict[str, Any]) -> dict[str, Any]:
    said = row["said"]
    colour, proposed = said.about
    told = {
        word: getattr(said, word) for word in ("decision", "to_colour", "person", "reason", "recorded_at")
    }
    return {**row, **told, "colour": colour, "proposed_colour": proposed}


CALLS = (
    shown_call("/plans", "plans", ("已保存的检查计划", "the plans that are kept"), PlansAnswer, _plans),
    shown_call(
        "/plans/{week}",
        "plan",
        ("一周的检查计划", "the plan of a week"),
        PlanAnswer,
        _plan,
        asks=PlanQuery,
        parameters=(("week", "ISO 周，如 2026-W09 / an ISO week, such as 2026-W09"),),
    ),
    shown_call(
        "/confirmations",
        "confirmations",
        ("待人工确认的事项", "what waits for a person"),
        ConfirmationsAnswer,
        _confirmations,
        asks=ConfirmationsQuery,
    ),
)
