"""What a grading run says at the terminal: sites by colour, changes since the run before, capacity, what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.command_line.terminal import result, result_json, table

if TYPE_CHECKING:
    import pandas as pd

    from serving.grading.grading_run import GradingRun

ZH = {"RED": "红", "ORANGE": "橙", "YELLOW": "黄", "BLUE": "蓝", "NA": "信息不足"}
WAITING = (
    "project_id", "colour", "proposed_colour", "colour_since", "rule", "rule_zh", "rule_en", "due_on", "override_colour"
)  # fmt: skip


def dated(grades: pd.DataFrame) -> pd.DataFrame:
    """The frame with its days as dates, as files show them."""
    days = grades.select_dtypes("datetime").columns
    return grades.assign(**{name: grades[name].dt.strftime("%Y-%m-%d") for name in days})


def waiting_rows(grades: pd.DataFrame) -> pd.DataFrame:
    """The sites at which something waits for a person: reds first, then orange, then lowerings."""
    waits = grades[grades["confirmation"] == "PENDING"]
    worst_first = waits["colour"].map(list(ZH).index).astype("int64")
    order = worst_first + waits["proposed_colour"].notna() * len(ZH)
    return dated(waits.loc[order.sort_values(kind="stable").index, list(WAITING)]).reset_index(drop=True)


def changes(grades: pd.DataFrame, before: pd.DataFrame | None) -> dict[str, int]:
    """How many sites changed colour since the run before, as `RED → ORANGE`; new and gone ones too."""
    if before is None:
        return {}
    both = grades.set_index("project_id")[["colour"]].join(
        before.set_index("project_id")["colour"], rsuffix="_before", how="outer"
    )
    moved = both[both["colour"] != both["colour_before"]].astype(object)
    moved = moved.fillna({"colour": "-", "colour_before": "-"})
    pairs = (moved["colour_before"] + " → " + moved["colour"]).value_counts()
    return {str(pair): int(count) for pair, count in pairs.items()}


def tell_run(
    run: GradingRun, before: pd.DataFrame | None, run_id: int | None, *, as_json: bool, with_sites: bool
) -> None:
    """The run in a page, or as JSON for a machine, `with_sites` with the row of each."""
    from serving.result_files import as_rows

    changed = changes(run.grades, before)
    if as_json:
        sites = {"grades": as_rows(dated(run.grades))} if with_sites else {}
        result_json({"run_id": run_id, **run.passport, "changes": changed, **sites})
        return
    grades, passport = run.grades, run.passport
    rows: list[tuple[Any, ...]] = []
    for colour, zh in ZH.items():
        of_colour = grades[grades["colour"] == colour]
        waits = int((of_colour["confirmation"] == "PENDING").sum())
        overdue = int((of_colour["due_on"] < passport["as_of"]).sum())
        rows.append(
            (
                f"{zh} {colour}",
                len(of_colour),
                waits,
                round(float(of_colour["visits_per_year"].sum())),
                overdue,
            )
        )
    header = ("颜色 colour", "工地 sites", "待确认 waiting", "次/年 visits a year", "逾期 overdue")
    result(table(rows, header))
    result(_capacity_in_words(passport))
    if before is None:
        result("没有前次评级可比较。 There is no earlier run to compare with.")
    elif changed:
        result(table(list(changed.items()), ("变化 changes since the run before", "工地 sites")))
    else:
        result("与前次评级相比没有变化。 Nothing changed since the run before.")
    if passport.get("said_since"):
        result(_said_in_words(passport["said_since"]))
    kept = "未存入记录库 / not kept" if run_id is None else f"评级编号 run {run_id}"
    result(f"{passport['as_of'][:10]} · {kept} · 模型 model {passport['model_version']}")


SAID = {
    "CONFIRM": "确认 confirmed",
    "REFUSE": "否定 refused",
    "OVERRIDE": "监督人员调整 set",
    "OBJECTION": "企业异议 objections",
}


def _said_in_words(said: dict[str, int]) -> str:
    """What persons decided and firms objected to since the run before."""
    counts = " · ".join(f"{words} {said.get(kind, 0)}" for kind, words in SAID.items())
    return f"前次评级以来 since the run before: {counts}"


def _capacity_in_words(passport: dict[str, Any]) -> str:
    capacity, asked = passport["capacity"], f"{passport['visits_per_year']:,.0f}"
    base = f"{passport['base_visits_per_year']:,.0f}"
    scale = f"{passport['scale']:.3f}"
    if capacity["visits_per_year"] is None:
        return (
            f"检查能力未知（无人员排班，未给 --visits-per-year），份额按政策原值；频次合计 {asked} 次/年（基准 {base}）。\n"
            f"Capacity not known (no roster, no --visits-per-year): shares as they stand; "
            f"{asked} visits a year asked for (base {base})."
        )
    can = f"{capacity['visits_per_year']:,.0f}"
    short = passport["visits_per_year"] - capacity["visits_per_year"]
    lacks = f"；缺 {short:,.0f} 次/年 / short by {short:,.0f}" if short > 0 else ""
    source = "人员排班 roster" if capacity["source"] == "INSPECTOR_DAYS" else "给定 told"
    return (
        f"检查能力 {can} 次/年（{source}），份额系数 {scale}；频次合计 {asked} 次/年（基准 {base}）{lacks}\n"
        f"Capacity {can} visits a year, scale {scale}; {asked} asked for (base {base})."
    )
