"""How good a head is, in words: the verdict against simple rules, at the station's capacity, in its level, over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.page_plots import lift_plot, reliability_plot, risk_plot
from training.report_parts import (
    Cell,
    Said,
    Section,
    Table,
    bounds,
    contender,
    count,
    figure,
    of_contender,
    percent,
    with_interval,
)

# EVALUATION, "Against what": the two rules that a model has to beat, with an interval that excludes zero.
RULES_TO_BEAT = ("past_violations", "risk_matrix")
IN_ORDER = (
    "oracle",
    "trees",
    "boosted_scorecard",
    "borrowing_scorecard",
    "scorecard",
    "risk_matrix",
    "past_violations",
    "longest_unvisited",
    "random_order",
    "prior_rate",
)
PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not_applicable"


@dataclass(frozen=True)
class Finding:
    """A sentence and what it comes to: passed, failed or not applicable."""

    state: str
    said: Said


def verdict_against_rules(metrics: Mapping[str, Any]) -> Finding:
    """Whether the judged model beats past violations and the risk matrix, with the gains in words.

    It passes where the 95 % interval of the gain in AUC lies above zero for both, and says that it cannot
    be told where the rows give no gain.
    """
    gains = {rule: _gain(metrics, rule) for rule in RULES_TO_BEAT}
    told = {rule: gain for rule, gain in gains.items() if None not in gain}
    beaten = [rule for rule, (_, low, _) in told.items() if low is not None and low > 0]
    sentences = [_gain_in_words(rule, gains[rule]) for rule in RULES_TO_BEAT]
    zh, en = "；".join(each.zh for each in sentences), "; ".join(each.en for each in sentences)
    if len(beaten) == len(RULES_TO_BEAT):
        return Finding(PASSED, Said(f"胜过简单规则：{zh}。", f"Beats the simple rules: {en}."))
    if len(beaten) == len(told):
        return Finding(
            NOT_APPLICABLE,
            Said(
                f"无法判断是否胜过简单规则：{zh}。", f"Cannot tell whether it beats the simple rules: {en}."
            ),
        )
    return Finding(
        FAILED,
        Said(
            f"未胜过简单规则，不予启用：{zh}。",
            f"Does not beat the simple rules and is not to be promoted: {en}.",
        ),
    )


def _gain(metrics: Mapping[str, Any], rule: str) -> tuple[float | None, float | None, float | None]:
    return bounds(((metrics.get("gains") or {}).get(rule) or {}).get("auc"))


def _gain_in_words(rule: str, gain: tuple[float | None, float | None, float | None]) -> Said:
    """The gain in AUC as what it is: of a hundred pairs, how many more stand in the right order."""
    name, (mean, low, high) = contender(rule), gain
    if mean is None or low is None or high is None:
        return Said(
            f"与{name.zh}相比，样本不足以比较",
            f"the rows are too few for a comparison with the order by {name.en}",
        )
    many, more = abs(100 * mean), mean >= 0
    between = _signed(100 * low), _signed(100 * high)
    return Said(
        f"与{name.zh}相比，每 100 对工地{'多' if more else '少'}排对 {many:.1f} 对（95% 区间 {between[0]} 至 {between[1]}）",
        f"beside the order by {name.en} it puts {many:.1f} {'more' if more else 'fewer'} of 100 pairs of sites in the right order "
        f"(95 % interval {between[0]} to {between[1]})",
    )


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def capacity_section(metrics: Mapping[str, Any], key: str) -> Section:
    """What a list of 5 % and 10 % of the sites meets, beside every rule; `key` keeps the drawing's ids apart."""
    judged = metrics.get("judged", "")
    sentences = [_capacity_sentence(metrics, judged)]
    shown = [name for name in IN_ORDER if name in (metrics.get("contenders") or {})]
    first = [judged] if judged in shown else []
    rows = [_capacity_row(metrics, name, judged) for name in [*first, *(n for n in shown if n != judged)]]
    curve = metrics.get("lift_curve") or []
    return Section(
        Said("检查能力之内能碰上多少", "What visits within capacity would meet"),
        sentences,
        [
            Table(
                Said(
                    "每月名单取 5% 和 10% 的工地；括号内为 95% 区间",
                    "A list a month of 5 % and 10 % of the sites; in brackets the 95 % interval",
                ),
                (
                    Said("排序方法", "order by"),
                    Said("5% 名单覆盖的结果", "outcomes met, 5 % list"),
                    Said("10% 名单覆盖的结果", "outcomes met, 10 % list"),
                    Said("10% 名单中发生结果的工地", "sites with an outcome, 10 % list"),
                    Said("5% 名单为随机的几倍", "times random, 5 % list"),
                    Said("AUC", "AUC"),
                ),
                rows,
            )
        ],
        [lift_plot(curve, judged, key)] if curve else [],
    )


def _capacity_row(metrics: Mapping[str, Any], name: str, judged: str) -> tuple[Cell, ...]:
    in_words = contender(name)
    mark = Said("（受评）", " (judged)") if name == judged else Said("", "")
    return (
        Said(in_words.zh + mark.zh, in_words.en + mark.en),
        with_interval(of_contender(metrics, name, "recall_at_5pct"), scale=100, digits=0, unit="%"),
        with_interval(of_contender(metrics, name, "recall_at_10pct"), scale=100, digits=0, unit="%"),
        with_interval(of_contender(metrics, name, "precision_at_10pct"), scale=100, digits=1, unit="%"),
        with_interval(of_contender(metrics, name, "lift_at_5pct"), digits=1),
        with_interval(of_contender(metrics, name, "auc"), digits=3),
    )


def _capacity_sentence(metrics: Mapping[str, Any], judged: str) -> Said:
    mean, low, high = bounds(of_contender(metrics, judged, "recall_at_10pct"))
    if mean is None or low is None or high is None:
        return Said(
            "测试样本不足，无法说明名单能覆盖多少结果。",
            "The test rows are too few to say how many outcomes a list meets.",
        )
    beside = {
        name: bounds(of_contender(metrics, name, "recall_at_10pct"))[0]
        for name in (*RULES_TO_BEAT, "random_order")
    }
    zh = "、".join(f"{contender(name).zh} {percent(value, 0)}" for name, value in beside.items())
    en = ", ".join(f"{contender(name).en} {percent(value, 0)}" for name, value in beside.items())
    return Said(
        f"每月检查 10% 的工地，模型的名单能覆盖 {mean:.0%} 的结果（95% 区间 {low:.0%} 至 {high:.0%}）；{zh}。",
        f"With one site in ten visited each month, the model's list meets {mean:.0%} of the outcomes "
        f"(95 % interval {low:.0%} to {high:.0%}); {en}.",
    )


def calibration_section(metrics: Mapping[str, Any], key: str) -> Section:
    """Whether as much happens as is expected: of 100 expected, how many were observed."""
    judged = metrics.get("judged", "")
    beside = [
        name
        for name in dict.fromkeys((judged, "scorecard", "prior_rate"))
        if of_contender(metrics, name, "log_loss")
    ]
    bins = metrics.get("reliability") or []
    months = metrics.get("risk_over_time") or []
    drawings = [reliability_plot(bins, key)] if bins else []
    return Section(
        Said("预计与实际是否相符（校准）", "Does as much happen as is expected (calibration)"),
        [_expected_sentence(metrics, judged), _skill_sentence(metrics, judged)],
        [
            Table(
                Said(
                    "作为概率的质量；括号内为 95% 区间",
                    "Quality as probabilities; in brackets the 95 % interval",
                ),
                (
                    Said("模型", "model"),
                    Said("实际 / 预计", "observed / expected"),
                    Said("最高一成：实际 / 预计", "top tenth: observed / expected"),
                    Said("校准斜率（1 为准）", "calibration slope (1 is right)"),
                    Said("Brier 技巧", "Brier skill"),
                    Said("对数损失技巧", "log-loss skill"),
                ),
                [_calibration_row(metrics, name) for name in beside],
            )
        ],
        drawings + ([risk_plot(months, key)] if months else []),
    )


def _calibration_row(metrics: Mapping[str, Any], name: str) -> tuple[Cell, ...]:
    measures = (
        ("observed_over_expected", 2),
        ("observed_over_expected_top_decile", 2),
        ("calibration_slope", 2),
        ("brier_skill", 4),
        ("log_loss_skill", 4),
    )
    return (
        contender(name),
        *(with_interval(of_contender(metrics, name, measure), digits=digits) for measure, digits in measures),
    )


def _expected_sentence(metrics: Mapping[str, Any], judged: str) -> Said:
    mean, low, high = bounds(of_contender(metrics, judged, "observed_over_expected"))
    if mean is None or low is None or high is None:
        return Said(
            "测试样本不足，无法核对预计与实际。", "The test rows are too few to check the level of risk."
        )
    return Said(
        f"模型每预计 100 起，实际发生 {100 * mean:.0f} 起（95% 区间 {100 * low:.0f} 至 {100 * high:.0f}）。",
        f"For every 100 that the model expected, {100 * mean:.0f} happened "
        f"(95 % interval {100 * low:.0f} to {100 * high:.0f}).",
    )


def _skill_sentence(metrics: Mapping[str, Any], judged: str) -> Said:
    mean, low, _ = bounds(of_contender(metrics, judged, "log_loss_skill"))
    prior = percent(metrics.get("prior"), 2)
    if mean is None or low is None:
        told = Said("是否优于先验比率，无法判断。", "whether it is better than that cannot be told.")
    elif low > 0:
        told = Said(
            "模型的概率优于对所有工地都报这一比率。", "the model's probabilities are better than that."
        )
    else:
        told = Said(
            "尚不能证明模型的概率优于对所有工地都报这一比率。",
            "that the model's probabilities are better than that is not shown.",
        )
    return Said(
        f"训练期的先验比率为 {prior}；{told.zh}",
        f"The prior rate of the training rows, told of every site, is {prior}; {told.en}",
    )


def stability_section(metrics: Mapping[str, Any]) -> Section:
    """How much of one month's list stands in the next one's."""
    stability = metrics.get("stability") or {}
    overlap = stability.get("overlap_at_10pct")
    if overlap is None:
        said = Said("月度名单不足两份，无法比较。", "There are fewer than two monthly lists to compare.")
    else:
        said = Said(
            f"相邻两个月都在建的工地中，10% 名单平均有 {percent(overlap, 0)} 留在下月名单上，"
            f"5% 名单为 {percent(stability.get('overlap_at_5pct'), 0)}（共 {count(stability.get('lists'))} 份名单）。",
            f"Among sites present in both months, {percent(overlap, 0)} of a 10 % list stand in the next month's list, of a "
            f"5 % list {percent(stability.get('overlap_at_5pct'), 0)} ({count(stability.get('lists'))} lists).",
        )
    return Section(Said("名单是否稳定", "Is the list stable"), [said])


def counts_sentence(metrics: Mapping[str, Any]) -> Said:
    """What the figures rest on: rows, projects, outcomes and dates of the test."""
    rows, projects = count(metrics.get("rows")), count(metrics.get("projects"))
    positives, outcomes = count(metrics.get("positives")), count(metrics.get("outcomes"))
    first, last = metrics.get("first") or "–", metrics.get("last") or "–"
    judged = contender(metrics.get("judged", "–"))
    return Said(
        f"受评模型：{judged.zh}。依据 {first} 至 {last} 的 {rows} 行（{projects} 个项目），其中 {positives} 行在预测期内发生结果，"
        f"涉及 {outcomes} 起不同的结果；先验比率 {percent(metrics.get('prior'), 2)}。",
        f"Judged: {judged.en}. Based on {rows} rows of {first} to {last} ({projects} projects); in {positives} rows an outcome "
        f"happened within the horizon, {outcomes} distinct outcomes in all; prior rate {percent(metrics.get('prior'), 2)}.",
    )


def mean_auc(metrics: Mapping[str, Any], name: str) -> str:
    """The AUC of a contender without its interval."""
    return figure(bounds(of_contender(metrics, name, "auc"))[0])
