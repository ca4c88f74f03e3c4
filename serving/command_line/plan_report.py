"""What `siterisk plan` says: visits by agency and by why, what could not be served, what was changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from serving.command_line.terminal import table
from serving.plan.plan_tables import WeeklyPlan, as_records

NAMED = 10


def plan_text(plan: WeeklyPlan, changes: pd.DataFrame | None) -> str:
    """The plan's summary, Chinese and English."""
    passport, agencies = plan.passport, plan.agencies
    totals = {
        name: int(agencies[name].sum()) for name in ("visits", "mandatory", "random", "risk", "left_out")
    }
    lines = [
        f"{passport['week']} 检查计划：{len(plan.visits)} 次检查，种子 {passport['seed']}，按 {passport['as_of'][:10]} 零点的记录编制。",
        f"Plan of {passport['week']}: {len(plan.visits)} visits, seed {passport['seed']}, records as of {passport['as_of'][:10]} 00:00.",
    ]
    lines += _made_from(passport)
    if changes is not None:
        return "\n".join([*lines, *_changed(changes)])
    rows: list[tuple[Any, ...]] = [
        (
            row["agency_code"] or "–",
            *(row[name] for name in ("sites", "team_days", *totals)),
            f"{row['draw_probability']:.2%}",
        )
        for row in as_records(agencies)
    ]
    rows.append(
        ("合计 all", int(agencies["sites"].sum()), int(agencies["team_days"].sum()), *totals.values(), "")
    )
    header = (
        "机构 agency", "项目 sites", "组日 team-days", "检查 visits", "到期 due", "随机 random", "风险 risk", "未排 left out",
        "抽取概率 draw",
    )  # fmt: skip
    lines.append(table(rows, header))
    lines.append(
        "在上述人手与次序下为最优安排（精确）。 Exact: the best there is with these team-days and claims."
    )
    return "\n".join([*lines, *_left_out(plan.left_out), *_lacking(plan.visits), *_alerts(plan.alerts)])


def _made_from(passport: Mapping[str, Any]) -> list[str]:
    """By which grades, model and inspectors, and when the plan was made anew; nothing of plans that do not say."""
    if "model_version" not in passport:
        return []
    run, roster = passport["run_id"], passport["roster"]
    by = ("当日评定", "graded for the plan") if run is None else (f"第 {run} 次评级", f"grading run {run}")
    who = (
        (f"告知 {passport['told_visits']} 次检查", f"{passport['told_visits']} visits told")
        if roster is None
        else (
            f"{roster['inspectors']} 人 {roster['inspector_days']} 人日",
            f"{roster['inspectors']} inspectors, {roster['inspector_days']} inspector-days",
        )
    )
    lines = [
        f"依据：{by[0]}（{passport['frequency']}），模型 {passport['model_version']}，{who[0]}。",
        f"Made from: {by[1]} ({passport['frequency']}), model {passport['model_version']}, {who[1]}.",
    ]
    if on := passport.get("remade_on"):
        lines += [f"{on[:10]} 周中调整。 Made anew on {on[:10]}."]
    return lines


def _lacking(visits: pd.DataFrame) -> list[str]:
    lacking = int(visits["team_lacks"].ne("").sum())
    if not lacking:
        return []
    return [
        f"{lacking} 次检查的组队要求未能全部满足（见 team_lacks 列）。 {lacking} visits lack a discipline or an expert (team_lacks).",
    ]


def _alerts(alerts: pd.DataFrame) -> list[str]:
    """How many sites each signal concerns; it stands beside the grades and changes none."""
    return [
        f"{zh}（72小时内）：{len(rows)} 个项目有相关作业在施。 {en}, 72 hours: works that it concerns on {len(rows)} sites."
        for (zh, en), rows in alerts.groupby(["zh", "en"], sort=False)
    ]


def _left_out(rows: pd.DataFrame) -> list[str]:
    said = []
    for words, part in rows.groupby(["why_zh", "why_en"], sort=False):
        zh, en = map(str, words)
        named, more = part["project_id"].head(NAMED), f"……（共 {len(part)} 个）" if len(part) > NAMED else ""
        said += [
            f"{zh}，{len(part)} 个到期项目未能安排，最紧迫的：{'、'.join(named)}{more}。全部见 JSON 与 Excel 文件。",
            f"{en[0].upper()}{en[1:]}: {len(part)} due sites are left out, the most urgent first: {', '.join(named)}. "
            "All of them are in the JSON and Excel files.",
        ]
    return said


def _changed(changes: pd.DataFrame) -> list[str]:
    if changes.empty:
        return [
            "所需项目本周均已安排，计划不变。",
            "Every site asked for has a visit to come: nothing is changed.",
        ]
    said = []
    for row in as_records(changes):
        sign, day = ("+" if row["change"] == "ADDED" else "−"), row["day"]
        when = "日期待定 day open" if pd.isna(day) else f"{day:%Y-%m-%d}"
        said.append(f"{sign} {row['project_id']} {when}：{row['reason_zh']}。 {row['reason_en']}.")
    return said
