"""Checks of a judged head's figures: TRN006 to TRN010 and TRN012, and the order of its risks, TRN011.

They read the evaluation that stands in the passport, so that they can be asked again of an old one. A figure
is {"mean", "low", "high"}: that of all rows, and its 95 % interval over projects; None where the rows cannot
tell. The thresholds are ours, no rule of the authority, each with where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from training.check_list import (
    BEATS_RULES,
    BETTER_THAN_PRIOR,
    CALIBRATED,
    ENOUGH_OUTCOMES,
    HOLDS_AGAINST_SCORECARD,
    MONOTONE,
    STABLE_LIST,
)
from training.heads import BORROWING, PLAIN
from training.project_draws import Figure, figure_in_words
from training.verdict import Verdict

# Percentile intervals of fewer draws of an outcome are far too narrow, a difference of two ranks counting as a gain.
FEWEST_OUTCOMES = 10
RULES = {
    "past_violations": ("过往违规计数", "past violations"),
    "risk_matrix": ("风险矩阵", "the risk matrix"),
}
LOWEST_GAIN_OVER_SCORECARD = -0.01  # EVALUATION, "Against what"
# One that borrows is a scorecard with one more row: what is asked is whether trees are worth what they hide.
SCORECARDS = (PLAIN, BORROWING)
# Observed over expected of n outcomes has a standard error of about 1/sqrt(n): fewer than 50 cannot tell 1 from
# the edges of the band, which are a quarter and a fifth off.
FEWEST_OUTCOMES_FOR_CALIBRATION = 50
OBSERVED_OVER_EXPECTED, SLOPE = (0.8, 1.25), (0.8, 1.2)
# Illustrative: a list of which less than half is left a month later cannot be planned with.
LEAST_OVERLAP, FEWEST_LISTS = 0.5, 3
GRID = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
ROWS_MOVED = 50
# Sums of leaves in another order differ by no more.
ROUNDING = 1e-9

Evaluation = Mapping[str, Any]


def result_verdicts(evaluation: Evaluation) -> list[Verdict]:
    """Every check that the evaluation alone answers."""
    return [
        enough_outcomes(evaluation),
        beats_rules(evaluation),
        holds_against_scorecard(evaluation),
        calibrated(evaluation),
        stable_list(evaluation),
        better_than_prior(evaluation),
    ]


def enough_outcomes(evaluation: Evaluation) -> Verdict:
    """TRN006."""
    count = evaluation["outcomes"]
    zh, en = f"测试期有 {count} 起结果", f"The test holds {count} outcomes"
    if count < FEWEST_OUTCOMES:
        return ENOUGH_OUTCOMES.failed(
            f"{zh}，至少需要 {FEWEST_OUTCOMES} 起。", f"{en} and needs {FEWEST_OUTCOMES}."
        )
    return ENOUGH_OUTCOMES.passed(f"{zh}。", f"{en}.")


def beats_rules(evaluation: Evaluation) -> Verdict:
    """TRN007: both simple rules are beaten by an interval that excludes zero; what cannot be told is not beaten."""
    gains = {rule: _gain(evaluation, rule) for rule in RULES}
    zh = "；".join(f"对{RULES[rule][0]} {figure_in_words(gain)}" for rule, gain in gains.items())
    en = "; ".join(f"over {RULES[rule][1]} {figure_in_words(gain)}" for rule, gain in gains.items())
    said = (f"AUC 增益：{zh}。", f"Gain in AUC {en}.")
    beaten = all(gain["low"] is not None and gain["low"] > 0 for gain in gains.values())
    return BEATS_RULES.passed(*said) if beaten else BEATS_RULES.failed(*said)


def holds_against_scorecard(evaluation: Evaluation) -> Verdict:
    """TRN008."""
    if evaluation["judged"] in SCORECARDS:
        return HOLDS_AGAINST_SCORECARD.cannot_tell("选定的就是评分卡。", "A scorecard is the one chosen.")
    gain = _gain(evaluation, PLAIN)
    said = (f"AUC 增益 {figure_in_words(gain)}。", f"Gain in AUC {figure_in_words(gain)}.")
    if gain["low"] is None:
        return HOLDS_AGAINST_SCORECARD.cannot_tell(*said)
    if gain["low"] < LOWEST_GAIN_OVER_SCORECARD:
        return HOLDS_AGAINST_SCORECARD.failed(*said)
    return HOLDS_AGAINST_SCORECARD.passed(*said)


def calibrated(evaluation: Evaluation) -> Verdict:
    """TRN009: fails where a figure lies outside its band and its interval excludes 1, which it ought to be.

    Outside the band, but with 1 in the interval, the outcomes are too few to tell.
    """
    outcomes, judged = evaluation["outcomes"], _judged(evaluation)
    ratio, slope = judged["observed_over_expected"], judged["calibration_slope"]
    zh = f"实际/预期 {figure_in_words(ratio, '.2f')}，斜率 {figure_in_words(slope, '.2f')}"
    en = f"Observed over expected {figure_in_words(ratio, '.2f')}, slope {figure_in_words(slope, '.2f')}"
    if outcomes < FEWEST_OUTCOMES_FOR_CALIBRATION:
        fewest = FEWEST_OUTCOMES_FOR_CALIBRATION
        return CALIBRATED.cannot_tell(
            f"{zh}；只有 {outcomes} 起结果，少于 {fewest} 起无法判断。",
            f"{en}; with {outcomes} outcomes, fewer than {fewest}, this cannot be judged.",
        )
    found = {_against(ratio, OBSERVED_OVER_EXPECTED), _against(slope, SLOPE)}
    if "off" in found:
        return CALIBRATED.failed(f"{zh}。", f"{en}.")
    if "unsure" in found:
        return CALIBRATED.cannot_tell(f"{zh}；区间含 1。", f"{en}; the interval holds 1.")
    return CALIBRATED.passed(f"{zh}。", f"{en}.")


def stable_list(evaluation: Evaluation) -> Verdict:
    """TRN010."""
    stability = evaluation["stability"]
    overlap, lists = stability["overlap_at_10pct"], stability["lists"]
    if overlap is None or lists < FEWEST_LISTS:
        return STABLE_LIST.cannot_tell(
            f"只有 {lists} 张可比的清单。", f"Only {lists} lists that can be compared."
        )
    said = (f"平均重合 {overlap:.0%}（{lists} 张清单）。", f"Mean overlap {overlap:.0%} ({lists} lists).")
    return STABLE_LIST.passed(*said) if overlap >= LEAST_OVERLAP else STABLE_LIST.failed(*said)


def better_than_prior(evaluation: Evaluation) -> Verdict:
    """TRN012: fails where the interval of the skill ends below zero, or chance orders as well."""
    judged = _judged(evaluation)
    skill, auc = judged["log_loss_skill"], judged["auc"]["mean"]
    shown = "–" if auc is None else f"{auc:.3f}"
    said = (
        f"对数损失技巧 {figure_in_words(skill)}，AUC {shown}。",
        f"Skill of the log loss {figure_in_words(skill)}, AUC {shown}.",
    )
    if auc is None or auc <= 0.5 or skill["high"] is None or skill["high"] <= 0:
        return BETTER_THAN_PRIOR.failed(*said)
    if skill["low"] is None or skill["low"] <= 0:
        return BETTER_THAN_PRIOR.cannot_tell(
            f"{said[0]}结果太少，无法判断风险水平是否优于先验比率。",
            f"{said[1]} Too few outcomes to tell whether the level of risk is better.",
        )
    return BETTER_THAN_PRIOR.passed(*said)


def monotone(
    log_odds: Callable[[pd.DataFrame], np.ndarray],
    directions: Mapping[str, int],
    rows: pd.DataFrame,
    *,
    seed: int,
) -> Verdict:
    """TRN011: each feature with a direction is moved over its quantiles on some of the rows, the others staying.

    `log_odds` gives the head's score of rows of features; `directions` are +1, -1 or 0 by feature.
    """
    declared = {name: sign for name, sign in directions.items() if sign and name in rows}
    if not declared:
        return MONOTONE.cannot_tell("没有声明方向的特征。", "No feature has a declared direction.")
    some = rows.sample(min(ROWS_MOVED, len(rows)), random_state=seed)
    against = [
        name
        for name, sign in declared.items()
        if _moves_against(log_odds, some, name, sign, rows[name].dropna().to_numpy("float64"))
    ]
    if against:
        return MONOTONE.failed(
            f"反向变化的特征：{'、'.join(against)}。", f"Against it: {', '.join(against)}."
        )
    return MONOTONE.passed(
        f"{len(declared)} 个特征在 {len(some)} 行上均未反向。",
        f"{len(declared)} features on {len(some)} rows, none against it.",
    )


def _moves_against(
    log_odds: Callable[[pd.DataFrame], np.ndarray],
    rows: pd.DataFrame,
    name: str,
    sign: int,
    values: np.ndarray,
) -> bool:
    grid = np.unique(np.quantile(values, GRID)) if len(values) else values
    if len(grid) < 2:
        return False
    moved = rows.iloc[np.repeat(np.arange(len(rows)), len(grid))].assign(**{name: np.tile(grid, len(rows))})
    steps = np.diff(log_odds(moved).reshape(len(rows), len(grid)), axis=1)
    return bool((steps * sign < -ROUNDING).any())


def _judged(evaluation: Evaluation) -> Mapping[str, Figure]:
    figures: Mapping[str, Figure] = evaluation["contenders"][evaluation["judged"]]
    return figures


def _gain(evaluation: Evaluation, over: str) -> Figure:
    nothing = {"mean": None, "low": None, "high": None}
    gain: Figure = evaluation["gains"].get(over, {}).get("auc", nothing)
    return gain


def _against(figure: Figure, band: tuple[float, float]) -> str:
    mean, low, high = figure["mean"], figure["low"], figure["high"]
    if mean is not None and band[0] <= mean <= band[1]:
        return "within"
    if mean is None or low is None or high is None or low <= 1 <= high:
        return "unsure"
    return "off"
