"""模型: what the champion predicts, how well beside simple rules, where it fails, what moves it, and what it is not for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import poisson
from starlette.requests import Request
from starlette.responses import Response

from serving.kept_values import KeptValues
from serving.live_state import LiveState
from serving.pages.charts import bars
from serving.pages.city import City
from serving.pages.page import Page, desk_of
from serving.pages.rendering import Words, language_of, page
from serving.reasons.day_reasons import title_of
from training.risk_model import champion_history

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
}
FAIRNESS = {
    "registered_region": ("企业注册地", "Registered region", None),
    "ownership": ("企业所有制", "Ownership", None),
}
"""Columns that no model ever sees, kept to audit it."""
VALUES = {
    "below 10,000 m²": ("1 万平方米以下", "below 10,000 m²"),
    "10,000 m² and above": ("1 万平方米及以上", "10,000 m² and above"),
    "50,000 m² and above": ("5 万平方米及以上", "50,000 m² and above"),
    "same city": ("本市", "same city"),
    "elsewhere": ("外地", "elsewhere"),
    "state-owned": ("国有", "state-owned"),
    "not state-owned": ("非国有", "not state-owned"),
    "(other)": ("其余", "all others"),
}
"""Values of the audit's groups that no code list names."""
FEWEST_OUTCOMES = 20
"""With fewer, expected and observed alike, chance moves observed over expected by more than two fifths either way."""
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
FIGURES_THEN = ("auc", "recall_at_10pct")
VERSIONS_TOLD = 20
STRONGEST = 12
LEAST_TREND = 0.3
ARROWS = {1: "↑", -1: "↓", 0: ""}


class Moves(NamedTuple):
    """How a feature moves the city's sites: mean size of its SHAP value (log-odds), and whether higher values raise the risk.

    `direction` is 1 where they raise it, -1 where they lower it, 0 where they do neither throughout.
    """

    size: float
    direction: int


_SUMMARIES: KeptValues[tuple[str, pd.Timestamp], dict[str, dict[str, Moves]]] = KeptValues(2)


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
        "versions": put_in_force(city.home),
        "titles": {head: title_of(model, head) for head in model.heads},
        "rules": RULES,
        "slice_titles": SLICES | FAIRNESS,
        "values_named": VALUES,
    }


def put_in_force(home: Path) -> list[dict[str, Any]]:
    """The models that were put in force, the newest first, with their figures by head where they were judged."""
    return [
        {word: line.get(word) for word in ("at", "action", "version", "replaced", "why")}
        | {
            "heads": [
                {"head": name, **{word: (head.get("figures") or {}).get(word) for word in FIGURES_THEN}}
                for name, head in (line.get("heads") or {}).items()
            ]
        }
        for line in reversed(champion_history(home)[-VERSIONS_TOLD:])
    ]


def model_drawings(content: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """The plots of the page: by head the features that move the city's sites most."""
    return {
        "strongest_bars": {
            head["name"]: bars(
                [
                    (f"{words.say(one.label_zh, one.label_en)} {ARROWS[moves.direction]}".strip(), moves.size)
                    for one, moves in head["strongest"]
                ],
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
    state: LiveState, name: str, head: Mapping[str, Any], strongest: Mapping[str, Moves]
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
        "slices": _slices(metrics, SLICES),
        "fairness": _slices(metrics, FAIRNESS),
        "strongest": [(catalogue.feature(one), size) for one, size in strongest.items()],
    }


def _slices(metrics: Mapping[str, Any], columns: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """By column its parts: those large enough to be judged first, the worst calibrated of them first."""
    return {
        column: sorted(map(_slice, rows), key=lambda one: (not one["is_large_enough"], -one["off"]))
        for column, rows in (metrics.get("slices") or {}).items()
        if column in columns and rows
    }


def _slice(row: Mapping[str, Any]) -> dict[str, Any]:
    """A part with the outcomes expected, and what observed over expected would be by chance in 95 of 100 cases.

    Rows of a project are taken as independent, so in truth chance reaches somewhat further.
    """
    outcomes = row.get("positives") or 0
    expected = (row.get("rows") or 0) * (row.get("mean_risk") or 0.0)
    chance = [float(each) / expected for each in poisson.interval(0.95, expected)] if expected else None
    ratio = row.get("observed_over_expected")
    is_large_enough = ratio is not None and max(outcomes, expected) >= FEWEST_OUTCOMES
    return {
        **row,
        "outcomes": outcomes,
        "expected": expected,
        "is_large_enough": is_large_enough,
        "chance_low": chance and chance[0],
        "chance_high": chance and chance[1],
        "is_beyond_chance": is_large_enough
        and chance is not None
        and not chance[0] <= float(ratio or 0) <= chance[1],
        "off": abs(float(np.log(ratio))) if ratio else np.inf if ratio == 0 else 0.0,
    }


def city_summary(state: LiveState, day: pd.Timestamp) -> dict[str, dict[str, Moves]]:
    """By head how each feature moves the log-odds (SHAP) over the day's active sites, largest first."""
    return _SUMMARIES.value((state.scorer.model.version, day), lambda: _summary(state, day))


def _summary(state: LiveState, day: pd.Timestamp) -> dict[str, dict[str, Moves]]:
    sites, model = state.scorer.index.sites(day), state.scorer.model
    if not len(sites):
        return {}
    matrix = state.scorer.index.matrix(sites.tolist(), np.full(len(sites), day.to_datetime64()))
    values, found = model.features_of(matrix), {}
    for head in model.heads:
        parts = model.parts(matrix, head)[:, :-1]
        sizes = np.abs(parts).mean(axis=0)
        order = np.argsort(-sizes, kind="stable")[:STRONGEST].tolist()
        found[head] = {
            model.feature_names[place]: Moves(
                float(sizes[place]), _direction(values[:, place], parts[:, place])
            )
            for place in order
            if sizes[place]
        }
    return found


def _direction(values: np.ndarray, parts: np.ndarray) -> int:
    """By the rank correlation of a feature's values with what they add, missing ones left out."""
    known = ~np.isnan(values)
    there, added = pd.Series(values[known]), pd.Series(parts[known])
    if min(there.nunique(), added.nunique()) < 2:
        return 0
    trend = there.corr(added, method="spearman")
    return 0 if abs(trend) < LEAST_TREND else int(np.sign(trend))


PAGES = (Page("/model", _model),)
