"""Features computed by dated policies, the slow and obvious way: the policy of the day, rule by rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from data_contracts.policy import policy_on

Facts = Callable[[str], float]


def inherent_grade(facts: Facts, as_of: pd.Timestamp) -> float:
    """The grade of the first rule that holds; missing without any of the facts needed."""
    content = policy_on("inherent_grade", as_of.date()).content
    if all(math.isnan(facts(fact)) for fact in content["needs_any"]):
        return math.nan
    for rule in content["rules"]:
        if _holds(rule, facts):
            return rule["grade"]
    return content["otherwise"]["grade"]


def credit_class(facts: Facts, as_of: pd.Timestamp) -> float:
    credit = policy_on("risk_matrix", as_of.date()).content["credit"]
    scores = [score for score in map(facts, credit["facts"]) if not math.isnan(score)]
    for one in credit["classes"]:
        if scores and (one["at_least"] is None or min(scores) >= one["at_least"]):
            return one["rank"]
    return math.nan


def risk_matrix(facts: Facts, as_of: pd.Timestamp) -> float:
    content = policy_on("risk_matrix", as_of.date()).content
    grade, rank = inherent_grade(facts, as_of), credit_class(facts, as_of)
    if math.isnan(grade):
        return math.nan
    codes = {one["rank"]: one["code"] for one in content["credit"]["classes"]}
    return content["cells"][grade][codes.get(rank, content["credit"]["unknown"]["code"])]


def input_state(
    table: str, facts: Facts, as_of: pd.Timestamp, *, on_file: bool, in_city: bool, age_days: float
) -> int:
    """0 present, 1 late, 2 missing, 3 not required, 4 not delivered by the city."""
    tables = policy_on("input_requirements", as_of.date()).content["tables"]
    said: Mapping[str, Any] = next((one for one in tables if one["table"] == table), {})
    required = "required" in said and _holds(said["required"], facts)
    if on_file:
        return 1 if required and age_days > said.get("late_after_days", math.inf) else 0
    if not in_city:
        return 4
    return 2 if required else 3


def _holds(rule: Mapping[str, Any], facts: Facts) -> bool:
    every = all(_met(condition, facts(condition["fact"])) for condition in rule.get("all", []))
    some = any(_met(condition, facts(condition["fact"])) for condition in rule.get("any", []))
    return every and (some or "any" not in rule)


def _met(condition: Mapping[str, Any], value: float) -> bool:
    if math.isnan(value):
        return False
    return (
        value >= condition.get("at_least", -math.inf)
        and value <= condition.get("at_most", math.inf)
        and value < condition.get("below", math.inf)
        and ("is" not in condition or bool(value) == condition["is"])
    )
