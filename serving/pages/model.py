"""模型: what the champion predicts, how well beside simple rules, where it fails, what moves it, and what it is not for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from serving.kept_values import KeptValues
from serving.live_state import LiveState
from serving.pages.charts import bars
from serving.pages.city import City
from serving.pages.page import Page, desk_of
from serving.pages.rendering import Words, language_of, page
from serving.reasons.day_reasons import title_of

RULES = {
    "past_violations": ("过往违规次数", "past violations"),
    "risk_matrix": ("风险矩阵", "risk matrix"),
    "longest_unvisited": ("最久未检", "longest unvisited"),
}
SLICES = {
    "district": ("区", "District", "districts"),
    "category": ("工程类别", "Category", "project_categories"),
    "inherent_grade": ("固有等级", "Inherent grade", None),
    "size_class": ("规模", "Size", None),
    "registered_region": ("企业注册地（仅审计）", "Registered region (audit only)", None),
    "ownership": ("企业所有制（仅审计）", "Ownership (audit only)", None),
}
NOT_FOR = (
    (
        "结果是检查建议，不是违法违规行为的认定。",
        "The output is advice for the inspection plan, never a finding.",
    ),
    (
        "不得据此处罚，也不得单凭它开展专项整治。",
        "It is no ground for a penalty and triggers no campaign by itself.",
    ),
    ("不得用于给企业或个人排名、评价。", "It must not be used to rank or to appraise firms or persons."),
    (
        "没有记录是“信息不足”，不是低风险。",
        "A site without records has too little information; it is not one of low risk.",
    ),
    (
        "各项数字只对所列测试日期成立；结果罕见，因此不给出“准确率”。",
        "The figures hold for the dates of the test alone; outcomes are rare, so no accuracy is given.",
    ),
)
STRONGEST = 12
_SUMMARIES: KeptValues[tuple[str, pd.Timestamp], dict[str, dict[str, float]]] = KeptValues(2)


async def _model(request: Request) -> Response:
    desk, words = desk_of(request.app), Words(language_of(request))
    content = await desk.parts.in_thread(lambda: model_content(desk.city))
    return page(request, "model.html.jinja", **content, **model_drawings(content, words))


def model_content(city: City) -> dict[str, Any]:
    """What the page shows of the model in force; it is of the whole city, whatever the key."""
    state, board = city.state(), city.boards.board()
    model, passport = state.scorer.model, state.scorer.model.passport
    strongest = city_summary(state, city.clock().normalize())
    return {
        "model": model,
        "passport": passport,
        "catalogue": state.scorer.index.catalogue,
        "board": board,
        "refused": city.is_champion_refused(),
        "heads": [
            _head(state, head, passport["heads"][head], strongest.get(head, {})) for head in model.heads
        ],
        "not_for": NOT_FOR,
        "rules": RULES,
    }


def model_drawings(content: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """The plots of the page: by head the features that move the city's sites most."""
    return {
        "strongest_bars": {
            head["name"]: bars(
                [(words.say(one.label_zh, one.label_en), size) for one, size in head["strongest"]],
                words.say(
                    f"{head['title'].zh}：全市在建工地上影响最大的特征",
                    f"{head['title'].en}: features that move the city's sites most",
                ),
            )
            for head in content["heads"]
            if head["strongest"]
        }
    }


def _head(
    state: LiveState, name: str, head: Mapping[str, Any], strongest: Mapping[str, float]
) -> dict[str, Any]:
    metrics, definition = head.get("metrics") or {}, head.get("definition") or {}
    contenders, judged = metrics.get("contenders", {}), metrics.get("judged")
    catalogue = state.scorer.index.catalogue
    return {
        "name": name,
        "title": title_of(state.scorer.model, name),
        "definition": definition,
        "metrics": metrics,
        "own": contenders.get(judged),
        "others": {rule: contenders[rule] for rule in RULES if rule in contenders},
        "gains": metrics.get("gains", {}),
        "checks": [one for one in head.get("checks", []) if one["state"] != "passed"],
        "passed": sum(one["state"] == "passed" for one in head.get("checks", [])),
        "slices": {
            key: _slice(rows) for key, rows in (metrics.get("slices") or {}).items() if key in SLICES and rows
        },
        "slice_titles": SLICES,
        "strongest": [(catalogue.feature(one), size) for one, size in strongest.items()],
    }


def _slice(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts with any outcome, the worst calibrated first."""
    counted = [row for row in rows if row.get("positives")]

    def off(row: Mapping[str, Any]) -> float:
        ratio = row.get("observed_over_expected")
        return 0.0 if not ratio else abs(float(np.log(ratio)))

    return sorted(counted, key=off, reverse=True)[:12]


def city_summary(state: LiveState, day: pd.Timestamp) -> dict[str, dict[str, float]]:
    """By head the mean size of what each feature adds to the log-odds (SHAP) over the day's active sites, largest first."""
    return _SUMMARIES.value((state.scorer.model.version, day), lambda: _summary(state, day))


def _summary(state: LiveState, day: pd.Timestamp) -> dict[str, dict[str, float]]:
    sites, model = state.scorer.index.sites(day), state.scorer.model
    if not len(sites):
        return {}
    matrix = state.scorer.index.matrix(sites.tolist(), np.full(len(sites), day.to_datetime64()))
    found = {}
    for head in model.heads:
        sizes = np.abs(model.parts(matrix, head)[:, :-1]).mean(axis=0)
        order = np.argsort(-sizes, kind="stable")
        found[head] = {
            model.feature_names[place]: float(sizes[place]) for place in order[:STRONGEST] if sizes[place]
        }
    return found


PAGES = (Page("/model", _model),)
