"""What is said of a planned visit: why, and what to look at; and lists beside the plan by weather and kind of work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.policy_rules import condition_holds
from serving.plan.agency_choice import MANDATORY, RANDOM

Words = tuple[str, str]
ALERTS = ("project_id", "agency_code", "code", "zh", "en", "works")


def reason_of(visit: Mapping[str, Any], monday: pd.Timestamp) -> Words:
    """Why a visit is in the plan, in Chinese and English."""
    if visit["selected_by"] == MANDATORY:
        due, zh, en = visit["due_on"], visit["due_zh"], visit["due_en"]
        late = (monday - due).days
        if late > 0:
            return (
                f"{zh}；应于{due:%Y-%m-%d}前检查，已逾期{late}天",
                f"{en}; was due on {due:%Y-%m-%d}, {late} days late",
            )
        return f"{zh}；应于{due:%Y-%m-%d}前检查", f"{en}; due on {due:%Y-%m-%d}"
    if visit["selected_by"] == RANDOM:
        share = visit["selection_probability"]
        return f"双随机抽取，抽中概率{share:.2%}", f"Drawn at random with probability {share:.2%}"
    zh, en = visit.get("rule_zh"), visit.get("rule_en")
    waited = visit["waited"]
    since = f"，距上次检查{waited:.0f}天" if np.isfinite(waited) else ""
    since_en = f", {waited:.0f} days since the last visit" if np.isfinite(waited) else ""
    return (
        f"预计可降低的风险居前：{zh or '模型评估'}{since}",
        f"Among the largest expected reductions: {en or 'by the model'}{since_en}",
    )


def checklist(visit: Mapping[str, Any], plan: Mapping[str, Any]) -> list[Words]:
    """What to look at: the first items of the policy whose fact holds at the site."""
    found = [(one["zh"], one["en"]) for one in plan["checklist"] if _holds(one, visit)]
    return found[: plan["checklist_items"]]


def team_needs(visit: Mapping[str, Any], plan: Mapping[str, Any]) -> list[str]:
    """Who has to be in the team, the first first: the visit's discipline, both for a joint visit (联合检查), then the policy's."""
    needs = [
        visit["discipline"],
        *(plan["joint"]["disciplines"] if visit["colour"] in plan["joint"]["colours"] else ()),
    ]
    return list(dict.fromkeys([*needs, *(one["needs"] for one in plan["team"] if _holds(one, visit))]))


def weather_alerts(sites: pd.DataFrame, plan: Mapping[str, Any]) -> pd.DataFrame:
    """project_id, agency_code, code, zh, en, works: sites under a signal in force with the works it concerns."""
    rows = []
    for alert in plan["weather"]:
        concerned = sites[(sites[alert["fact"]] > 0) & (sites[alert["works"]] > 0).any(axis=1)]
        for site in concerned.to_dict("records"):
            works = ";".join(work for work in alert["works"] if site[work] > 0)
            rows.append({
                "project_id": site["project_id"], "agency_code": site["agency_code"], "code": alert["code"],
                "zh": alert["zh"], "en": alert["en"], "works": works,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=list(ALERTS))


def campaign_list(sites: pd.DataFrame, plan: Mapping[str, Any], code: str) -> pd.DataFrame:
    """专项检查: the sites of one campaign, the largest worth of a visit first: project_id, agency_code, colour, value, fact."""
    one = next(each for each in plan["campaigns"] if each["code"] == code)
    held = sites[condition_holds(one, sites[one["fact"]].to_numpy(float))]
    listed = held.sort_values(["value", "project_id"], ascending=[False, True])
    return listed[["project_id", "agency_code", "colour", "value", one["fact"]]].reset_index(drop=True)


def _holds(condition: Mapping[str, Any], visit: Mapping[str, Any]) -> bool:
    return bool(condition_holds(condition, np.array([float(visit[condition["fact"]])]))[0])
