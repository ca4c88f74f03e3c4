"""`siterisk policy show` and `policy preview`: the rules in force, and what a new file would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.command_line.asked_pairs import JsonOption
from serving.command_line.given_records import RecordsOption
from serving.command_line.grade_command import (
    DayOption,
    FrequencyOption,
    ModelOption,
    VisitsOption,
    day_to_grade,
)
from serving.command_line.terminal import result, result_json, shown_progress, table

if TYPE_CHECKING:
    from serving.grading.policy_effect import PolicyEffect

ABOUT = """政策文件。 The policies in force, and what a new file would change.

\b
Examples:
  siterisk policy show
  siterisk policy show dynamic_grade --on 2026-03-02
  siterisk policy preview my_policy.yaml
"""


def policy_application() -> typer.Typer:
    """`siterisk policy` with its commands."""
    policy = typer.Typer(help=ABOUT, no_args_is_help=True, rich_markup_mode=None)
    policy.command()(show)
    policy.command()(preview)
    return policy


def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="政策名称；省略则列出全部。 A policy; all of them listed unless told."
        ),
    ] = None,
    *,
    on: DayOption = None,
    as_json: JsonOption = False,
) -> None:
    """显示生效的政策。 The policy in force on a day.

    \b
    Examples:
      siterisk policy show
      siterisk policy show visit_frequency
      siterisk policy show dynamic_grade --on 2026-03-02 --json
    """
    import yaml

    from data_contracts.moments import as_of_moment, now
    from data_contracts.policy import POLICY_NAMES, policy_file

    day = (now() if on is None else as_of_moment(on)).date()  # a policy of a day to come may be shown
    if name is None:
        listed = [{"name": one} | policy_file(one).told_on(day) for one in POLICY_NAMES]
        if as_json:
            result_json(listed)
        else:
            words = ("name", "title_zh", "valid_from", "trust", "sha256")
            header = ("名称 name", "标题 title", "自 from", "可信 trust", "sha256")
            rows = [
                tuple(str(one[word])[:12] if word == "sha256" else one[word] for word in words)
                for one in listed
            ]
            result(table(rows, header))
        return
    policies = policy_file(name)
    said = {"name": name} | policies.told_on(day) | {"content": policies.policy_on(day).plain_content()}
    if as_json:
        result_json(said)
    else:
        result(yaml.safe_dump(said, allow_unicode=True, sort_keys=False, width=110).rstrip("\n"))


def preview(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="新的政策文件。 The new policy file.")],
    *,
    records: RecordsOption = None,
    on: DayOption = None,
    model: ModelOption = None,
    visits_per_year: VisitsOption = None,
    frequency: FrequencyOption = "visit_frequency",
    as_json: JsonOption = False,
) -> None:
    """预演新的政策文件。 What a new file would change before it is in force.

    \b
    比较现行政策与新文件最后一段：多少工地改变等级（由、至），每年检查次数增减，分区列出。
    两者都从头评级，不计过渡期（逐级下调、冷却期、人工确认）。有误的文件逐条指出行号。

    The policies in force beside the last entry of the new file (dynamic_grade, visit_frequency or
    inherent_grade): how many sites change grade, from which to which, and how many visits a year that costs or
    saves, by district too. Both are graded from the beginning: where the sites end up, not how fast they get
    there by steps, cooling and confirmations. A file with faults is refused, each with its line. Nothing is kept.

    \b
    Examples:
      siterisk policy preview my_dynamic_grade.yaml
      siterisk policy preview my_frequency.yaml --on 2026-03-02 --visits-per-year 17000
    """
    from data_contracts.policy import load_policy_file
    from serving.asked_moments import moment_asked
    from serving.grading.policy_effect import policy_effect, refuse_other_kinds

    new = load_policy_file(file.absolute())
    refuse_other_kinds(new)
    day = moment_asked(on).normalize()
    with shown_progress() as progress:
        to_grade = day_to_grade(records, day, model, visits_per_year, progress)
        effect = policy_effect(to_grade, new, frequency, progress)
    _tell(effect, as_json)


def _tell(effect: PolicyEffect, as_json: bool) -> None:
    if as_json:
        result_json(effect.as_json())
        return
    what = "固有等级 inherent grade" if effect.kind == "inherent_grade" else "颜色 colour"
    if effect.moved:
        result(table([(f"{a} → {b}", count) for (a, b), count in effect.moved.items()], (what, "工地 sites")))
    result(
        f"{effect.changed} / {effect.sites} 个工地改变等级 sites change; "
        f"每年检查 visits a year {effect.visits_before:,.0f} → {effect.visits_after:,.0f} "
        f"({effect.visits_after - effect.visits_before:+,.0f}); 系数 scale {effect.scale_before:.3f} → {effect.scale_after:.3f}"
    )
    result(
        f"若颜色不按检查能力重新调整 at the present scale: {effect.visits_at_present_scale:,.0f} "
        f"({effect.visits_at_present_scale - effect.visits_before:+,.0f})"
    )
    rows = [
        (
            one["district"],
            one["sites"],
            one["changed"],
            round(one["before"]),
            round(one["after"]),
            round(one["after"] - one["before"]),
        )
        for one in effect.districts
    ]
    header = ("区 district", "工地 sites", "改变 change", "现行 now", "新 new", "增减 difference")
    result(table(rows, header))
