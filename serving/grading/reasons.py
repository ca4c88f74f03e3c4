"""Which rule, value, reference and date made a grade so, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.policy import Policy
from features.policy_rules import Facts
from serving.grading import steps
from serving.grading.colours import BLUE, COLOURS, NAMES
from serving.grading.overrides import ONE_DAY, Overrides, deciding_fact
from serving.grading.steps import Indicated, Stepped

KEPT = {
    steps.LOWERING_WAITS: (
        "风险已降低，下调一级待人工确认",
        "The risk has fallen; one step down waits for a person",
    ),
    steps.TOO_SOON: (
        "风险已降低，距上次调整或决定时间过短",
        "The risk has fallen; too soon after the last change",
    ),
    steps.WITHIN_MARGIN: (
        "风险略低于界限，未低于下调界限",
        "The risk is below the cut-off, not below the margin",
    ),
    steps.OVERRIDE_HOLDS: (
        "风险已降低，但有规则或其冷却期仍在",
        "The risk has fallen; a rule holds or cools",
    ),
    steps.DATA_LOST: ("数据缺失，维持原等级", "Data are missing now; the colour is kept"),
    steps.RAISE_REFUSED: ("上调近期经人工否定", "A person refused the raise lately"),
}
WORDS = ("rule", "rule_zh", "rule_en", "fact", "value", "threshold", "reference")


@dataclass(frozen=True)
class Deciding:
    """What the colours of a run rest on."""

    policy: Policy
    stepped: Stepped
    overrides: Overrides
    indicated: Indicated
    facts: Facts


def reasons(on: Deciding) -> pd.DataFrame:
    """rule, rule_zh, rule_en, fact, value, threshold and reference of each site."""
    sites = len(on.indicated.head)
    table: dict[str, Any] = {word: np.full(sites, None, object) for word in WORDS}
    table["value"], table["threshold"] = np.full(sites, np.nan), np.full(sites, np.nan)
    table["reference"][:] = _reference(on.policy)
    _by_heads(on, table)
    _by_overrides(on, table)
    _without_data(on, table)
    for why, (zh, en) in KEPT.items():
        rows = on.stepped.why == why
        table["rule"][rows] = why
        table["rule_zh"][rows] = [f"{zh}（{text}）" for text in table["rule_zh"][rows]]
        table["rule_en"][rows] = [f"{en} ({text})" for text in table["rule_en"][rows]]
    return pd.DataFrame(table)


def _by_heads(on: Deciding, table: Mapping[str, Any]) -> None:
    """The risk of the worst head beside the cut-off of the colour in force; for blue beside that of yellow.

    Where the margin alone keeps a colour, the head told is the one nearest to its cut-off of that colour.
    """
    told = np.where(on.stepped.why == steps.WITHIN_MARGIN, _nearest_head(on), on.indicated.head)
    for said in on.policy.content["heads"]:
        if said["head"] not in on.indicated.cutoffs:
            continue
        rows = np.flatnonzero(told == list(on.indicated.cutoffs).index(said["head"]))
        risk, ranks = on.indicated.risks[said["head"]][rows], on.stepped.ranks[rows]
        limits = on.indicated.cutoffs[said["head"]][len(NAMES) - 1 - np.maximum(ranks, BLUE + 1)]
        colours = [COLOURS[len(NAMES) - 1 - max(rank, BLUE + 1)] for rank in ranks.tolist()]
        reached = risk >= limits
        table["rule"][rows] = f"HEAD_{said['head'].upper()}"
        table["fact"][rows], table["value"][rows] = f"risk_{said['head']}", risk
        table["threshold"][rows] = np.where(np.isinf(limits), np.nan, limits)
        table["rule_zh"][rows] = [
            _head_zh(said, *one) for one in zip(risk, limits, colours, reached, strict=True)
        ]
        table["rule_en"][rows] = [
            _head_en(said, *one) for one in zip(risk, limits, colours, reached, strict=True)
        ]


def _nearest_head(on: Deciding) -> NDArray[np.int64]:
    """The place of the head whose risk is the largest part of its cut-off of the colour in force."""
    place = len(NAMES) - 1 - np.maximum(on.stepped.ranks, BLUE + 1)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        parts = [on.indicated.risks[head] / limits[place] for head, limits in on.indicated.cutoffs.items()]
    return np.argmax(np.nan_to_num(parts, nan=-1.0), axis=0)


def _head_zh(said: Mapping[str, str], risk: float, limit: float, colour: str, reached: bool) -> str:
    if np.isnan(risk):
        return f"{said['zh']}目前未知"
    if np.isinf(limit):
        return f"{said['zh']}{risk:.2%}，{ZH[colour]}份额不足一个工地"
    return f"{said['zh']}{risk:.2%}，{'达到' if reached else '低于'}{ZH[colour]}界限{limit:.2%}"


def _head_en(said: Mapping[str, str], risk: float, limit: float, colour: str, reached: bool) -> str:
    if np.isnan(risk):
        return f"{said['en']} not known now"
    if np.isinf(limit):
        return f"{said['en']} {risk:.2%}; the {colour.lower()} share holds no whole site"
    return f"{said['en']} {risk:.2%}, {'at or above' if reached else 'below'} the {colour.lower()} cut-off {limit:.2%}"


ZH = {"RED": "红色", "ORANGE": "橙色", "YELLOW": "黄色", "BLUE": "蓝色"}


def _by_overrides(on: Deciding, table: Mapping[str, Any]) -> None:
    decided = on.stepped.why == steps.OVERRIDE
    for place, rule in enumerate(on.policy.content["overrides"]):
        rows = decided & (on.overrides.rule == place)
        if not rows.any():
            continue
        facts, values = deciding_fact(rule, on.facts, rows)
        table["rule"][rows], table["reference"][rows] = rule["code"], override_reference(on.policy, rule)
        table["fact"][rows], table["value"][rows] = facts[rows], values[rows]
        table["threshold"][rows] = np.nan
        table["rule_zh"][rows], table["rule_en"][rows] = rule["zh"], rule["en"]
        for row in np.flatnonzero(rows & on.overrides.cooling).tolist():
            seen = on.overrides.last_seen[rule["code"]][row]
            until = seen + rule["cooling_days"] * ONE_DAY
            table["rule_zh"][row] += f"：最近见于{seen}，冷却期至{until}"
            table["rule_en"][row] += f": last seen on {seen}, cooling until {until}"


def _without_data(on: Deciding, table: Mapping[str, Any]) -> None:
    rows, minimum = on.stepped.why == steps.NOTHING, on.policy.content["minimum"]
    table["rule"][rows], table["reference"][rows] = (
        steps.NOTHING,
        f"{minimum['reference']} ({_reference(on.policy)})",
    )
    table["rule_zh"][rows], table["rule_en"][rows] = minimum["zh"], minimum["en"]
    table["fact"][rows], table["value"][rows], table["threshold"][rows] = None, np.nan, np.nan


def override_reference(policy: Policy, rule: Mapping[str, Any]) -> str:
    """The text that an override rests on, and the policy that says so."""
    return f"{rule['reference']} ({_reference(policy)})"


def _reference(policy: Policy) -> str:
    return f"{policy.name} {policy.valid_from}: {policy.reference}"
