"""What `siterisk plan` says: visits by agency and by why, what could not be served, what was changed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from serving.command_line.terminal import table
from serving.plan.weekly_plan import WeeklyPlan, as_records

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
    gap = float(agencies["gap"].max()) if len(agencies) else 0.0
    if gap > 0:
        lines.append(f"与最优方案的差距不超过 {gap:.2%}。 At most {gap:.2%} from the best possible.")
    return "\n".join([*lines, *_left_out(plan.left_out)])


def _left_out(rows: pd.DataFrame) -> list[str]:
    if rows.empty:
        return []
    named = "、".join(rows["project_id"].head(NAMED))
    more = f"……（共 {len(rows)} 个）" if len(rows) > NAMED else ""
    return [
        f"人手不足，{len(rows)} 个到期项目未能安排，最紧迫的：{named}{more}。全部见 JSON 与 Excel 文件。",
        f"Too few inspectors: {len(rows)} due sites are left out, the most urgent first: "
        f"{', '.join(rows['project_id'].head(NAMED))}. All of them are in the JSON and Excel files.",
    ]


def _changed(changes: pd.DataFrame) -> list[str]:
    if changes.empty:
        return [
            "所需项目本周均已安排，计划不变。",
            "Every site asked for has a visit to come: nothing is changed.",
        ]
    said = []
    for row in as_records(changes[changes["change"] == "ADDED"]):
        if pd.isna(row["day"]):
            why = "该机构本周已无检查可替换，日期待定 / no visit to come to take the place of; day open"
            said.append(f"+ {row['project_id']}：{why}")
        else:
            said.append(f"+ {row['project_id']} {row['day']:%Y-%m-%d}，代替 / instead of {row['instead_of']}")
    return said
