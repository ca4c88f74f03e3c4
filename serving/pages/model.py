"""模型: what the champion predicts, how well beside simple rules, where it fails, what moves it, and what it is not for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.moments import now
from serving.kept_values import KeptValues
from serving.live_state import LiveState
from serving.pages.charts import bars
from serving.pages.page import Desk, Page, desk_of
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
    content = await desk.parts.in_thread(lambda: _content(desk, words))
    return page(request, "model.html.jinja", **content)


def _content(desk: Desk, words: Words) -> dict[str, Any]:
    state, board = desk.parts.live.state(), desk.boards.board()
    model, passport = state.scorer.model, state.scorer.model.passport
    strongest = city_summary(state)
    return {
        "model": model,
        "passport": passport,
        "catalogue": state.scorer.index.catalogue,
        "run": None if board is None else board.run,
        "refused": desk.parts.live.champion.refusal is not None,
        "heads": [
            _head(state, head, passport["heads"][head], strongest.get(head, {}), words)
            for head in model.heads
        ],
        "not_for": NOT_FOR,
        "rules": RULES,
    }


def _head(
    state: LiveState, name: str, head: Mapping[str, Any], strongest: Mapping[str, float], words: Words
) -> dict[str, Any]:
    metrics, definition = head.get("metrics") or {}, head.get("definition") or {}
    contenders, judged = metrics.get("contenders", {}), metrics.get("judged")
    catalogue = state.scorer.index.catalogue
    labels = [(catalogue.feature(one), size) for one, size in list(strongest.items())[:STRONGEST]]
    title = title_of(state.scorer.model, name)
    return {
        "name": name,
        "title": title,
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
        "strongest": bars(
            [(words.say(feature.label_zh, feature.label_en), size) for feature, size in labels],
            words.say(
                f"{title.zh}：全市在建工地上影响最大的特征",
                f"{title.en}: features that move the city's sites most",
            ),
        )
        if labels
        else None,
        "strongest_rows": labels,
    }


def _slice(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts with any outcome, the worst calibrated first."""
    counted = [row for row in rows if row.get("positives")]

    def off(row: Mapping[str, Any]) -> float:
        ratio = row.get("observed_over_expected")
        return 0.0 if not ratio else abs(float(np.log(ratio)))

    return sorted(counted, key=off, reverse=True)[:12]


def city_summary(state: LiveState) -> dict[str, dict[str, float]]:
    """By head the mean size of what each feature adds to the log-odds (SHAP) over today's active sites, largest first."""
    day, model = now().normalize(), state.scorer.model
    return _SUMMARIES.value((model.version, day), lambda: _summary(state, day))


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
