"""`siterisk plan`: the inspection plan of a week, made, kept, and made anew in mid-week."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_contracts.errors import InvalidInput
from serving.command_line.asked_pairs import JsonOption
from serving.command_line.given_records import RecordsOption
from serving.command_line.grade_command import FrequencyOption, ModelOption, day_to_grade
from serving.command_line.terminal import result, result_json, say, shown_progress
from serving.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd

    from serving.command_line.plan_inputs import Planning
    from serving.plan.plan_tables import Week


def plan(
    *,
    week: Annotated[str, typer.Option(metavar="2026-W48", help="计划周（ISO 周）。 The ISO week to plan.")],
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="DATE",
            help="编制日；省略为当周周一与今天中较早者，--remake 为今天。 The day of planning; Monday or today; today with --remake.",
        ),
    ] = None,
    records: RecordsOption = None,
    model: ModelOption = None,
    frequency: FrequencyOption = "visit_frequency",
    visits: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="全站本周检查次数；省略则按人员排班。 Visits of the week; from inspector_days unless told.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="随机种子，随计划公布；省略则由周次得出。 Published with the plan; from the week unless told."
        ),
    ] = None,
    remake: Annotated[
        Path | None,
        typer.Option(
            metavar="PLAN.json", help="周中调整这份计划。 Make this plan anew in mid-week, from --on."
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROJECT", help="与 --remake 同用：必须新增的项目。 With --remake: sites to add."
        ),
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option(
            metavar="KIND", help="改为列出专项检查名单：PIT、SCAF……。 Instead, the list of a campaign."
        ),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            help="FILE.csv、.xlsx、.json 或 .ics，可重复；--campaign 为 .csv 或 .parquet。 "
            "May be repeated; .csv or .parquet of a campaign.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """检查计划。 The inspection plan of a week.

    \b
    先安排法定和已到期的检查，再随机抽取（公布种子与概率），其余按预计可降低的风险安排；
    两人一组、按片区组合、随机派单，尽量不与上次同一人。人手少于到期检查时，先排最紧迫的，
    并列出未能安排的项目。结果是检查建议，不是执法决定。

    Due and overdue visits first, then a random draw whose seed and probabilities are published, then the visits
    expected to lower the risk most. Two inspectors by lot, areas visited in one round, nobody twice running at a
    site where that can be avoided. With too few inspectors the most urgent are served and the others are named.
    Every plan is kept under plans/ of the home, beside earlier ones of the week.

    \b
    Examples:
      siterisk plan --week 2026-W48 --out plan.xlsx --out plan.ics
      siterisk plan --week 2026-W48 --visits 300 --seed 7 --out plan.csv
      siterisk plan --week 2026-W48 --remake var/plans/2026-W48-1.json --on 2026-11-25 --add P0000001
      siterisk plan --week 2026-W48 --campaign PIT
    """
    from serving.command_line.plan_inputs import Planning, week_asked
    from serving.command_line.plan_report import plan_text
    from serving.plan.kept_plans import keep
    from serving.plan.plan_files import ENDINGS, plan_json, write_plan
    from serving.result_files import SUFFIXES, writable_result

    asked = week_asked(week, on, remake=remake is not None)
    _refuse_idle({"--remake": remake, "--add": add, "--visits": visits, "--seed": seed}, campaign)
    for path in out or ():
        writable_result(path, ENDINGS if campaign is None else SUFFIXES)
    if campaign is not None:
        _known_campaign(campaign, asked.as_of)
    folder = load_settings(os.environ, Path.cwd()).home / "plans"
    with shown_progress() as progress:
        planning = Planning(
            day_to_grade(records, asked.as_of, model, None, progress), frequency, records, folder
        )
        if campaign is not None:
            _tell_campaign(planning, asked, campaign, out or [], as_json)
            return
        if remake is not None:
            made, changes = planning.remade(asked, remake, add or [])
        else:
            made, changes = planning.made(asked, seed, visits, progress), None
    kept = keep(made, folder)
    for path in out or ():
        write_plan(made, path)
        say(f"→ {path}")
    if as_json:
        told = plan_json(made)
        result_json(
            told
            if changes is None
            else told | {"changes": json.loads(changes.to_json(orient="records", date_format="iso"))}
        )
    else:
        result(plan_text(made, changes))
        say(f"→ {kept}")


def _refuse_idle(options: dict[str, object], campaign: str | None) -> None:
    """Raises InvalidInput for options that would do nothing beside the others."""
    told = [name for name, value in options.items() if value is not None]
    if campaign is not None and told:
        raise InvalidInput(
            zh=f"--campaign 只列名单，与 {'、'.join(told)} 不能同用。",
            en=f"--campaign lists sites alone: leave out {', '.join(told)}.",
            field="campaign",
        )
    if ("--remake" in told) != ("--add" in told):
        raise InvalidInput(
            zh="--remake 与 --add 须一起使用。", en="--remake and --add go together.", field="remake"
        )
    idle = [name for name in told if name in {"--visits", "--seed"}]
    if "--remake" in told and idle:
        raise InvalidInput(
            zh=f"--remake 沿用原计划的次数与种子，与 {'、'.join(idle)} 不能同用。",
            en=f"--remake keeps the visits and the seed of its plan: leave out {', '.join(idle)}.",
            field="remake",
        )


def _known_campaign(code: str, day: pd.Timestamp) -> None:
    from data_contracts.policy import policy_on

    known = [one["code"] for one in policy_on("weekly_plan", day.date()).content["campaigns"]]
    if code not in known:
        raise InvalidInput(
            zh=f"没有专项 {code}，有：{'、'.join(known)}。",
            en=f"There is no campaign {code}. Campaigns: {', '.join(known)}.",
            field="campaign",
        )


def _tell_campaign(planning: Planning, week: Week, code: str, out: list[Path], as_json: bool) -> None:
    from serving.plan.visit_words import campaign_list
    from serving.result_files import as_csv, as_rows, write_result

    listed = campaign_list(planning.sites(week)[0], planning.choice.plan, code)
    for path in out:
        write_result(listed, path)
        say(f"→ {path}")
    if as_json:
        result_json(as_rows(listed))
    elif not out:
        result(as_csv(listed).rstrip("\n"))
