"""Where a head fails, in words: slices of the test, columns kept for audits, and what selection does to the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.code_list import code_list
from training.report_parts import Cell, Said, Section, Table, count, figure, percent

# With fewer outcomes, expected and observed alike, chance alone moves observed over expected by more than
# two fifths either way; nothing is said about such a slice but that it is too small.
FEWEST_OUTCOMES_IN_A_SLICE = 20
WORST = 6
COLUMNS: Mapping[str, Said] = {
    "district": Said("区", "district"),
    "category": Said("工程类别", "category"),
    "inherent_grade": Said("固有风险等级", "inherent grade"),
    "size_class": Said("规模", "size class"),
    "registered_region": Said("企业注册地", "registered region"),
    "ownership": Said("企业所有制", "ownership"),
}
AUDITED = ("registered_region", "ownership")
_CODE_LISTS = {"district": "districts", "category": "project_categories"}
# What `training.baselines.groups_of` calls values that no code list names.
VALUES = {
    "below 10,000 m²": Said("1 万平方米以下", "below 10,000 m²"),
    "10,000 m² and above": Said("1 万平方米及以上", "10,000 m² and above"),
    "50,000 m² and above": Said("5 万平方米及以上", "50,000 m² and above"),
    "same city": Said("本市", "same city"),
    "elsewhere": Said("外地", "elsewhere"),
    "state-owned": Said("国有", "state-owned"),
    "not state-owned": Said("非国有", "not state-owned"),
}
_SLICE_HEADER = (
    Said("范围", "slice"),
    Said("行", "rows"),
    Said("发生", "outcomes"),
    Said("预计", "expected"),
    Said("实际 / 预计", "observed / expected"),
    Said("仅凭偶然", "by chance alone"),
    Said("10% 名单覆盖", "met by the 10 % list"),
    Said("AUC", "AUC"),
)


@dataclass(frozen=True)
class Slice:
    """A part of the test rows: those with one value of a column."""

    column: str
    figures: Mapping[str, Any]

    @property
    def positives(self) -> float:
        return float(self.figures.get("positives") or 0)

    @property
    def expected(self) -> float:
        return float(self.figures.get("rows") or 0) * float(self.figures.get("mean_risk") or 0)

    @property
    def is_large_enough(self) -> bool:
        """Whether observed over expected says more than chance."""
        return max(self.positives, self.expected) >= FEWEST_OUTCOMES_IN_A_SLICE

    def off_by(self) -> float:
        """How far the level is off, as a factor of 1 or more, whichever way."""
        ratio = self.figures.get("observed_over_expected")
        if ratio is None:
            return 1.0
        return max(ratio, 1 / ratio) if ratio > 0 else float("inf")

    def by_chance(self) -> tuple[float, float] | None:
        """Between what observed over expected lies by chance in 95 of 100 cases, if the risks were right.

        The rows of a project are taken as independent, so in truth chance reaches somewhat further.
        """
        from scipy.stats import poisson

        if self.expected <= 0:
            return None
        low, high = poisson.interval(0.95, self.expected)
        return float(low / self.expected), float(high / self.expected)

    def name(self) -> Said:
        """The column and the value in words."""
        column, value = COLUMNS.get(self.column, Said(self.column, self.column)), self.value()
        return Said(f"{column.zh}：{value.zh}", f"{column.en}: {value.en}")

    def value(self) -> Said:
        """The value in words, as the code lists name it."""
        value = self.figures.get("value")
        if value is None:
            return Said("未填", "not stated")
        if value == "(other)":
            return Said("其余", "all others")
        known = code_list(_CODE_LISTS[self.column]).codes if self.column in _CODE_LISTS else {}
        code = known.get(str(value))
        return Said(code.zh, code.en) if code else VALUES.get(str(value), Said(str(value), str(value)))


def slices_of(metrics: Mapping[str, Any]) -> Iterator[Slice]:
    """Every slice of every column."""
    for column, slices in (metrics.get("slices") or {}).items():
        yield from (Slice(column, figures) for figures in slices)


def failing_section(metrics: Mapping[str, Any]) -> Section:
    """The slices whose level is furthest off and those whose outcomes the list misses most, with their counts."""
    every = list(slices_of(metrics))
    judged = [each for each in every if each.is_large_enough]
    off = sorted(judged, key=Slice.off_by, reverse=True)[:WORST]
    listed = [s for s in judged if s.figures.get("recall_at_10pct") is not None]
    missed = sorted(listed, key=lambda each: each.figures["recall_at_10pct"])[:WORST]
    tables = [
        _slice_table(Said("预计与实际相差最大的范围", "Slices whose level of risk is furthest off"), off),
        _slice_table(Said("名单漏掉最多的范围", "Slices whose outcomes the list misses most"), missed),
        *_whole_tables(every),
    ]
    small = len(every) - len(judged)
    return Section(
        Said("在哪里不准", "Where it fails"),
        [_failing_sentence(off), _small_sentence(small)] if every else [_NO_SLICES],
        [table for table in tables if table.rows],
    )


_NO_SLICES = Said("没有按范围分列的结果。", "There are no figures by slice.")


def _failing_sentence(off: list[Slice]) -> Said:
    beyond = [each for each in off if _is_beyond_chance(each)]
    if not off:
        return Said(
            "各范围的结果都太少，无法单独判断。", "Every slice has too few outcomes to be judged alone."
        )
    if not beyond:
        return Said(
            "足够大的范围中，没有一个的实际与预计之差超出偶然。",
            "Among the slices that are large enough, none is off by more than chance.",
        )
    zh = "；".join(f"{each.name().zh}（{_ratio(each)}）" for each in beyond)
    en = "; ".join(f"{each.name().en} ({_ratio(each)})" for each in beyond)
    return Said(
        f"实际与预计之比超出偶然范围的有：{zh}。大于 1 为低估，小于 1 为高估。",
        f"Observed over expected is off by more than chance in: {en}. Above 1 the risk is told too low, below 1 too high.",
    )


def _small_sentence(small: int) -> Said:
    return Said(
        f"另有 {small} 个范围的结果不足 {FEWEST_OUTCOMES_IN_A_SLICE} 起，太小，不作判断；“仅凭偶然”一栏按各行独立估算，实际还会更宽。",
        f"{small} more slices hold fewer than {FEWEST_OUTCOMES_IN_A_SLICE} outcomes and are too small to be judged. "
        "The column “by chance alone” takes rows as independent; in truth it is wider.",
    )


def _whole_tables(every: list[Slice]) -> list[Table]:
    tables = []
    for column in dict.fromkeys(each.column for each in every):
        named = COLUMNS.get(column, Said(column, column))
        caption = Said(f"全部：按{named.zh}", f"All: by {named.en}")
        tables.append(_slice_table(caption, [each for each in every if each.column == column], folded=True))
    return tables


def _slice_table(caption: Said, slices: list[Slice], *, folded: bool = False) -> Table:
    return Table(caption, _SLICE_HEADER, [_slice_row(each) for each in slices], folded=folded)


def _slice_row(each: Slice) -> tuple[Cell, ...]:
    small, chance = not each.is_large_enough, each.by_chance()
    too_small = Said("太小", "too small")
    between = "–" if chance is None else f"{chance[0]:.2f}–{chance[1]:.2f}"
    return (
        each.name(),
        count(each.figures.get("rows")),
        count(each.positives),
        figure(each.expected, 1),
        too_small if small else _ratio(each),
        too_small if small else between,
        too_small if small else percent(each.figures.get("recall_at_10pct"), 0),
        too_small if small else figure(each.figures.get("auc"), 3),
    )


def _ratio(each: Slice) -> str:
    return figure(each.figures.get("observed_over_expected"), 2)


def _is_beyond_chance(each: Slice) -> bool:
    ratio, chance = each.figures.get("observed_over_expected"), each.by_chance()
    return ratio is not None and chance is not None and not chance[0] <= ratio <= chance[1]


def audit_section(metrics: Mapping[str, Any]) -> Section:
    """How often sites stand on the list, and how many of their outcomes it meets, by columns the model never sees."""
    audited = [each for each in slices_of(metrics) if each.column in AUDITED]
    rows: list[tuple[Cell, ...]] = [
        (
            each.name(),
            count(each.figures.get("rows")),
            count(each.positives),
            percent(each.figures.get("observed"), 2),
            percent(each.figures.get("selection_rate_at_10pct"), 1),
            percent(each.figures.get("recall_at_10pct"), 0) if each.positives else "–",
        )
        for each in audited
    ]
    header = (
        Said("范围", "slice"),
        Said("行", "rows"),
        Said("发生", "outcomes"),
        Said("发生比例", "observed share"),
        Said("列入 10% 名单", "on the 10 % list"),
        Said("名单覆盖的结果", "outcomes met"),
    )
    caption = Said("入选比例与覆盖比例", "Selection rate and recall")
    said = Said(
        "企业注册地与所有制不是模型的输入，只用于核查：发生比例相近而入选比例明显不同，说明可能有其他特征在代替它们。",
        "Where an enterprise is registered and who owns it are no inputs and serve audits alone: where the observed shares are "
        "alike and the selection rates are not, another feature may stand in for them.",
    )
    nothing = Said(
        "测试样本没有注册地或所有制，无法核查。", "The test rows state neither; there is nothing to audit."
    )
    return Section(
        Said("公平性核查：注册地与所有制", "Audit: registered region and ownership"),
        [said] if rows else [nothing],
        [Table(caption, header, rows)] if rows else [],
    )


def selection_section(metrics: Mapping[str, Any], definition: Mapping[str, Any]) -> Section:
    """What it does to the figures that outcomes are seen only where somebody looked."""
    title = Said("选择效应：只在去过的地方看得见", "Selection: seen only where somebody looked")
    visits = metrics.get("random_visits")
    if visits:
        return Section(title, [_random_visits_sentence(visits)], [_random_visits_table(visits)])
    if definition.get("given_a_visit"):
        said = Said(
            "检查多选在风险高的工地，所见比例不代表全市；测试期内没有可用的双随机检查，无法校正。",
            "Visits go where risk is thought to be, so what they find is not the city's rate. The test holds no random visits that "
            "could correct it.",
        )
    elif (definition.get("outcome") or {}).get("table") == "accidents":
        said = Said(
            "事故无论是否有人检查都会上报，因此无需此项校正。",
            "Accidents are reported whether or not anyone visited, so no such correction is needed.",
        )
    else:
        said = Said(
            "这类结果部分来自检查，部分来自投诉；去得多的地方可能看见得多，此处未作校正。",
            "Some of these outcomes are found by visits and some reported by others; more may be seen where more visits went, "
            "and the figures are not corrected for it.",
        )
    return Section(title, [said])


def _random_visits_sentence(visits: Mapping[str, Any]) -> Said:
    naive, weighted = percent(visits.get("naive_rate"), 2), percent(visits.get("weighted_rate"), 2)
    zh, en = f"{count(visits.get('random_visits'))} 次", f"{count(visits.get('random_visits'))} random visits"
    note = f" {visits['note']}" if visits.get("note") else ""
    return Said(
        f"全部检查中的发生比例为 {naive}；只用双随机检查（{zh}）并按抽中概率加权，估计全市为 {weighted}。",
        f"Of all visits {naive} met the outcome; from {en} alone, weighted by the probability of their draw, the city's rate "
        f"is estimated at {weighted}.{note}",
    )


def _random_visits_table(visits: Mapping[str, Any]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            count(visits.get(counted)),
            percent(visits.get(f"{way}_rate"), 2),
            f"{percent(visits.get(f'{way}_low'), 2)}–{percent(visits.get(f'{way}_high'), 2)}",
            figure(visits.get(f"{way}_auc"), 3),
        )
        for way, counted, name in (
            ("naive", "visits", Said("全部检查，不校正", "all visits, not corrected")),
            ("weighted", "random_visits", Said("双随机检查，加权", "random visits, weighted")),
        )
    ]
    header = (
        Said("依据", "from"),
        Said("检查次数", "visits"),
        Said("发生比例", "rate"),
        Said("95% 区间", "95 % interval"),
        Said("AUC", "AUC"),
    )
    return Table(Said("校正前后", "Before and after correction"), header, rows)
