"""What `siterisk backtest` says: a table for the terminal, and a page of plots that opens without a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

import training
from serving.backtest.comparison import ACTUAL, BESIDE
from serving.command_line.terminal import table as as_table
from serving.result_files import as_rows
from training.page_plots import LEFT, RIGHT, WIDTH, drawing, words
from training.report_parts import (
    CANNOT_TELL,
    CONTENDERS,
    Cell,
    Said,
    Section,
    Table,
    count,
    percent,
    with_interval,
)

PLAN = "plan"
RULES: Mapping[str, Said] = {
    **CONTENDERS,
    ACTUAL: Said("实际检查", "inspections made"),
    "uniform": Said("每季度一遍", "uniform, each quarter"),
    "random": Said("随机", "random"),
    "model_level": Said("模型：按风险高低", "model by level"),
    PLAN: Said("模型：按可降低的风险", "model by reduction"),
}
REGIMES: Mapping[str, Said] = {
    "as_many": Said("与实际同样多的检查，全部约束", "As many visits as were made, all limits"),
    "floor_and_share": Said("法定检查加清单，全部约束", "Statutory visits and the list, all limits"),
    "share_alone": Said("仅清单，无约束", "The list alone, without limits"),
}
OUTCOMES: Mapping[str, Said] = {
    "accident": Said("应报告事故", "reportable accidents"),
    "hazard": Said("重大隐患或停工指令", "major hazards and stop orders"),
}
COUNTED: Mapping[str, Said] = {
    "hazards_found": Said("每次检查发现的隐患", "Hazards found a visit"),
    "stopped": Said("被停工或局部暂缓的检查比例", "Share of visits that end in a stop or partial stop"),
}
HEADLINE = "as_many"
REACHED = Said("可能被抽到的项目", "sites that could be drawn")
ROW, TOP = 22, 22
NOTES = (
    Said(
        "“覆盖”指结果发生前 30 日内，该项目曾列入清单。区间来自对整个项目的重复抽取。",
        "“Met”: the site had been listed within the 30 days before. Intervals come from drawing whole projects again and again.",
    ),
    Said(
        "全部约束：法定检查先排，十分之一左右随机抽取，各监督机构只用自己的检查次数；各规则检查次数相同。",
        "All limits: statutory visits come first, about a tenth is drawn at random, each agency makes its own visits; "
        "every rule makes as many.",
    ),
    Said(
        "隐患和停工指令只在有人检查处才会发现，因此偏向当时的实际检查；事故不论是否检查都会上报。",
        "Hazards and orders are found only where somebody looked, which favours the inspections that were made; "
        "accidents are reported anyway.",
    ),
)


class Verdict(NamedTuple):
    """A sentence and whether what was asked for is shown: passed, failed, or not_applicable where it cannot be told."""

    state: str
    said: Said


class Told(NamedTuple):
    """What a back-test found: the tables of `History.compared` and `workload`, the random share by what is counted, and of what."""

    table: pd.DataFrame
    workload: pd.DataFrame
    chance: Mapping[str, pd.DataFrame]
    about: Mapping[str, Any]
    simulated: bool

    def as_json(self) -> dict[str, Any]:
        """All figures, for a machine."""
        chance = {name: as_rows(rows) for name, rows in self.chance.items()}
        told = {"rows": as_rows(self.table), "workload": as_rows(self.workload), "random_share": chance}
        return {"simulated": self.simulated, "about": dict(self.about), **told}


def backtest_text(told: Told) -> str:
    """The table as text, Chinese and English."""
    table, about, simulated = told.table, told.about, told.simulated
    lines = [_title(simulated).zh + " / " + _title(simulated).en, *_both(_about(about))]
    lines += [text for verdict in verdicts(table) for text in _both(verdict.said)]
    for (regime, outcome), part in table.groupby(["regime", "outcome"], sort=False):
        head = REGIMES[str(regime)]
        lines.append(f"\n{head.zh} / {head.en}: {_outcome(str(outcome)).zh} / {_outcome(str(outcome)).en}")
        ordered = part.sort_values("recall", ascending=False)
        rows = [
            (f"{rule_name(str(row['rule'])).zh} {rule_name(str(row['rule'])).en}", *_figures(row))
            for _, row in ordered.iterrows()
        ]
        lines.append(
            as_table(rows, ("规则 rule", "检查 visits", "覆盖 met", "超过往违规 over past violations"))
        )
    return "\n".join([*lines, *_chance_lines(told.chance)])


def _chance_lines(chance: Mapping[str, pd.DataFrame]) -> list[str]:
    """What the visits drawn at random say of all sites that could be drawn, and how many of the sites these are."""
    lines = []
    for name, rows in chance.items():
        if len(rows):
            made = _chance_table(COUNTED[name], rows)
            header = tuple(f"{each.zh} {each.en}" for each in made.header)
            lines += [f"\n{COUNTED[name].zh} / {COUNTED[name].en}", as_table(made.rows, header)]
    return lines


def backtest_page(told: Told) -> str:
    """The page as one HTML text."""
    import jinja2

    folders = [Path(__file__).parent, Path(str(training.__file__)).parent]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("backtest_page.html.jinja").render(
        simulated=told.simulated,
        title=_title(told.simulated),
        about=_about(told.about),
        verdicts=verdicts(told.table),
        notes=NOTES,
        sections=[
            *(_section(str(regime), part) for regime, part in told.table.groupby("regime", sort=False)),
            workload_section(told.workload),
            chance_section(told.chance),
        ],
        style=(folders[1] / "training_page.css").read_text(encoding="utf-8"),
    )


def verdicts(table: pd.DataFrame) -> list[Verdict]:
    """Whether the plan meets more than the count of past violations, for each kind of outcome; the headline first."""
    told = table[(table["regime"] == HEADLINE) & (table["rule"] == PLAN)]
    return [_verdict(row) for _, row in told.iterrows()]


def workload_section(workload: pd.DataFrame) -> Section:
    """Visits of each agency, as made and under the plan; and for a site and year."""
    rows: list[tuple[Cell, ...]] = [
        (
            str(row["agency_code"]) or CANNOT_TELL,
            f"{row['site_years']:.0f}",
            *(
                cell
                for rule in (ACTUAL, PLAN)
                for cell in (count(row[rule]), f"{row[rule] / max(row['site_years'], 1e-9):.1f}")
            ),
        )
        for _, row in workload.iterrows()
    ]
    header = (
        Said("监督机构", "agency"),
        Said("项目年", "site-years"),
        Said("实际检查", "visits made"),
        Said("每项目年", "a site-year"),
        Said("计划检查", "visits of the plan"),
        Said("每项目年", "a site-year"),
    )
    return Section(
        Said("各机构的检查量", "The visits of each agency"),
        [
            Said(
                "计划按在建项目分配各机构的检查次数；不因风险高低而增减。",
                "The plan gives each agency visits by its active sites, not by their risks.",
            )
        ],
        [Table(Said("与实际同样多的检查", "As many visits as were made"), header, rows, folded=True)],
    )


def chance_section(chance: Mapping[str, pd.DataFrame]) -> Section:
    """What visits drawn at random say of all sites: per quarter by hazards found, per year by stop orders."""
    tables = [_chance_table(COUNTED[name], rows) for name, rows in chance.items() if len(rows)]
    sentences = [
        Said(
            "随机抽查按已记录的抽取概率加权，代表全部在建项目；按风险选出的检查只反映被选中的项目。",
            "Visits drawn at random, weighted by their logged probabilities, stand for all active sites; "
            "visits chosen for their risk do not.",
        ),
        Said(
            "到期检查占满人手的机构不抽取，其项目的抽中概率为零，估计不包括它们：见“可能被抽到的项目”。",
            "An agency whose due visits take all its days draws nobody: its sites have the probability 0 and the estimates do not "
            "speak of them. See the share of sites that could be drawn.",
        ),
    ]
    if not tables:
        sentences.append(
            Said(
                "没有记录抽取概率的随机抽查，无法推断全部在建项目。",
                "No visit was drawn at random with a logged probability: nothing can be said of all sites.",
            )
        )
    return Section(Said("随机抽查说明什么", "What the random share says"), sentences, tables)


def _chance_table(counted: Said, rows: pd.DataFrame) -> Table:
    said: list[tuple[Cell, ...]] = [
        (
            str(row["period"]),
            count(row["visits"]),
            with_interval({name: _number(row[name]) for name in ("mean", "low", "high")}),
            percent(_number(row["tells_fall"]), 0),
            count(_number(row["needs"])),
            percent(_number(row["reached"]), 0),
        )
        for _, row in rows.iterrows()
    ]
    header = (
        Said("时期", "period"),
        Said("随机检查", "random visits"),
        Said("每次检查（95% 区间）", "a visit (95 % interval)"),
        Said("能看出的最小降幅", "smallest fall it tells"),
        Said("看出下降20%所需检查", "visits that tell a fall of 20 %"),
        REACHED,
    )
    return Table(counted, header, said)


def rule_name(name: str) -> Said:
    """A rule in words."""
    return RULES.get(name, Said(name, name))


def _verdict(row: pd.Series) -> Verdict:
    outcome, met = _outcome(str(row["outcome"])), percent(_number(row["recall"]), 0)
    gain = with_interval(_interval(row, "gain"), scale=100, digits=0)
    if pd.isna(row["gain_low"]):
        return Verdict(
            "not_applicable",
            Said(
                f"{outcome.zh}：这些周内结果太少，无法判断。",
                f"{outcome.en}: too few of them in these weeks to tell.",
            ),
        )
    if row["gain_low"] <= 0:
        return Verdict(
            "failed",
            Said(
                f"{outcome.zh}：计划覆盖 {met}，不能证明好于过往违规次数（相差 {gain} 个百分点）。",
                f"{outcome.en}: the plan meets {met}; it is not shown to be better than past violations ({gain} points).",
            ),
        )
    return Verdict(
        "passed",
        Said(
            f"{outcome.zh}：计划覆盖 {met}，比按过往违规次数多 {gain} 个百分点。",
            f"{outcome.en}: the plan meets {met}, {gain} points more than past violations.",
        ),
    )


def _section(regime: str, part: pd.DataFrame) -> Section:
    drawings, tables = [], []
    for outcome, rows in part.groupby("outcome", sort=False):
        ordered = rows.sort_values("recall", ascending=False)
        if ordered["recall"].notna().all():
            drawings.append(_bars(ordered, _outcome(str(outcome)), f"{regime}-{outcome}"))
        tables.append(
            Table(
                Said(
                    f"{_outcome(str(outcome)).zh}（{count(rows['outcomes'].iloc[0])}）",
                    f"{_outcome(str(outcome)).en} ({count(rows['outcomes'].iloc[0])})",
                ),
                (
                    Said("规则", "rule"),
                    Said("检查次数", "visits"),
                    Said("覆盖（95% 区间）", "met (95 % interval)"),
                    Said("超过往违规（百分点）", "over past violations (points)"),
                ),
                [(rule_name(str(row["rule"])), *_figures(row)) for _, row in ordered.iterrows()],
                folded=True,
            )
        )
    visits = part["visits_a_year"].iloc[0]
    said = Said(f"每个项目每年 {visits:.1f} 次检查。", f"{visits:.1f} visits a year of an average site.")
    return Section(REGIMES[regime], [said], tables, drawings)


def _figures(row: pd.Series) -> tuple[str, str, str]:
    recall = with_interval(_interval(row, "recall"), scale=100, digits=0, unit="%")
    gain = "–" if row["rule"] == BESIDE else with_interval(_interval(row, "gain"), scale=100, digits=0)
    return count(row["visits"]), recall, gain


def _bars(rows: pd.DataFrame, outcome: Said, key: str) -> str:
    """A bar a rule with its interval, the best on top."""
    left, most = LEFT + 96, max(float(rows["recall_high"].max()), 1e-6)
    scale = (WIDTH - left - RIGHT - 34) / most
    parts = []
    for place, (_, row) in enumerate(rows.iterrows()):
        y, name = TOP + place * ROW, rule_name(str(row["rule"]))
        colour = "#0b5394" if row["rule"] == PLAN else "#9aa5b1"
        value, low, high = (_number(row[each]) or 0.0 for each in ("recall", "recall_low", "recall_high"))
        parts.append(
            words(name, left - 6, y + 13, "end")
            + f'<rect x="{left}" y="{y + 3}" width="{value * scale:.1f}" height="{ROW - 8}" fill="{colour}"/>'
            + f'<line x1="{left + low * scale:.1f}" x2="{left + high * scale:.1f}" y1="{y + 10}" y2="{y + 10}" stroke="#222"/>'
            + f'<text x="{left + high * scale + 4:.1f}" y="{y + 13}">{percent(value, 0)}</text>'
        )
    told = [(rule_name(str(row["rule"])), percent(_number(row["recall"]), 0)) for _, row in rows.iterrows()]
    return drawing(
        key,
        Said(f"覆盖的{outcome.zh}", f"Share of {outcome.en} met"),
        Said(
            "；".join(f"{name.zh} {met}" for name, met in told),
            "; ".join(f"{name.en} {met}" for name, met in told),
        ),
        words(Said(f"覆盖的{outcome.zh}", f"{outcome.en} met"), 4, 12) + "".join(parts),
        TOP + ROW * len(rows) + 6,
    )


def _title(simulated: bool) -> Said:
    mark = Said("【模拟】", "[Simulated] ") if simulated else Said("", "")
    return Said(f"{mark.zh}检查安排回溯检验", f"{mark.en}Back-test of inspection rules")


def _about(about: Mapping[str, Any]) -> Said:
    share = percent(about["share"], 0)
    return Said(
        f"模型 {about['model']}，自 {about['first']} 起 {about['weeks']} 周，清单为 30 日内 {share} 的项目；模型在此之前训练。",
        f"Model {about['model']}, {about['weeks']} weeks from {about['first']}, lists of {share} of the sites within 30 days; "
        "the model was fitted before.",
    )


def _outcome(name: str) -> Said:
    return OUTCOMES.get(name, Said(name, name))


def _interval(row: pd.Series, name: str) -> dict[str, float | None]:
    return {
        "mean": _number(row[name]),
        "low": _number(row[f"{name}_low"]),
        "high": _number(row[f"{name}_high"]),
    }


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _both(said: Said) -> tuple[str, str]:
    return said.zh, said.en
