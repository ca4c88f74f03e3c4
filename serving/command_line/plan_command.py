"""`siterisk plan`: the inspection plan of a week, made, kept, and made anew in mid-week."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_contracts.errors import InvalidInput
from serving.command_line.asked_pairs import JsonOption
from serving.command_line.given_records import RecordsOption, grade_store_of
from serving.command_line.grade_command import FrequencyOption, ModelOption, day_to_grade
from serving.command_line.terminal import result, result_json, say, shown_progress
from serving.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd

    from data_contracts.progress import Progress
    from serving.grading.daily import DayToGrade
    from serving.plan.planning_sites import Choice
    from serving.plan.weekly_plan import Week, WeeklyPlan

WEEK = re.compile(r"^(\d{4})-W(\d{2})$")


def plan(
    *,
    week: Annotated[str, typer.Option(metavar="2026-W48", help="计划周（ISO 周）。 The ISO week to plan.")],
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="DATE",
            help="编制日；省略为当周周一与今天中较早者。 The day of planning; Monday or today.",
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
        typer.Option("--out", help="FILE.csv、.xlsx、.json 或 .ics，可重复。 May be repeated."),
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
    from serving.command_line.plan_report import plan_text
    from serving.plan.plan_files import plan_json, write_plan

    asked = _week(week, on)
    if (remake is None) != (not add):
        raise InvalidInput(
            zh="--remake 与 --add 须一起使用。", en="--remake and --add go together.", field="remake"
        )
    if campaign is not None:
        _known_campaign(campaign, asked.as_of)
    with shown_progress() as progress:
        to_grade = day_to_grade(records, asked.as_of, model, None, progress)
        if campaign is not None:
            _tell_campaign(_Planning(to_grade, frequency, records), campaign, as_json)
            return
        planning = _Planning(to_grade, frequency, records)
        if remake is not None:
            made, changes = planning.remade(asked, remake, add or [])
        else:
            made, changes = planning.made(asked, seed, visits, progress), None
    kept = _keep(made)
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


def _week(name: str, on: str | None) -> Week:
    import datetime as dt

    import pandas as pd

    from serving.asked_moments import moment_asked
    from serving.plan.weekly_plan import Week

    found = WEEK.match(name)
    try:
        monday = pd.Timestamp(dt.date.fromisocalendar(int(found[1]), int(found[2]), 1)) if found else None
    except ValueError:
        monday = None
    if monday is None:
        raise InvalidInput(
            zh=f"{name!r} 不是 ISO 周，应如 2026-W48。",
            en=f"{name!r} is no ISO week; write it like 2026-W48.",
            field="week",
        )
    today = moment_asked(None).normalize()
    day = moment_asked(on).normalize() if on is not None else min(monday, today)
    return Week(name, monday, day)


@dataclass(frozen=True)
class _Planning:
    """What plans of one day are made from."""

    to_grade: DayToGrade
    frequency: str
    records: str | None

    @property
    def choice(self) -> Choice:
        """The policies in force on the day."""
        from data_contracts.policy import policy_on
        from serving.plan.planning_sites import Choice

        day = self.to_grade.day.date()
        visits, weekly, grade = (
            policy_on(name, day).content for name in ("visit_choice", "weekly_plan", "dynamic_grade")
        )
        return Choice(visits, weekly, grade["capacity"])

    def sites(self) -> pd.DataFrame:
        """The sites of the day's grades: those kept in the store, else graded now."""
        from serving.grading.policies import house_grading_policies
        from serving.plan.planning_sites import planning_sites

        store, day = grade_store_of(self.records), self.to_grade.day
        run = store.newest_run(day.date()) if store else None
        if store and run is not None and str(run.day) == str(day.date()):
            grades = store.grades(run, decided_until=day.date())
        else:
            earlier = store.run_before(day.date()) if store else None
            before = store.grades(earlier, decided_until=day.date()) if store and earlier else None
            policies = house_grading_policies(self.frequency).checked(self.to_grade.scorer.index.catalogue)
            grades = self.to_grade.graded(policies, before).grades
        return planning_sites(grades, self.to_grade.scorer.index, self.to_grade.records, day, self.choice)

    def made(self, week: Week, seed: int | None, visits: int | None, progress: Progress) -> WeeklyPlan:
        """A new plan; raises InvalidInput where neither a roster nor a number of visits is there."""
        from serving.plan.roster import Roster
        from serving.plan.weekly_plan import weekly_plan

        to_grade = self.to_grade
        roster = Roster.of(to_grade.records, week.monday, week.as_of, to_grade.working_days())
        if visits is None and roster.available.empty:
            raise InvalidInput(
                zh=f"{week.name} 没有人员排班记录（inspectors、inspector_days），请用 --visits 给出本周检查次数。",
                en=f"No inspector-days of {week.name} are on file (inspectors, inspector_days); tell the visits of the "
                "week with --visits.",
                field="visits",
            )
        seed = int(week.name.replace("-W", "")) if seed is None else seed
        return weekly_plan(
            self.sites(), roster, self.choice, week, seed, told_visits=visits, progress=progress
        )

    def remade(self, week: Week, path: Path, add: list[str]) -> tuple[WeeklyPlan, pd.DataFrame]:
        """The plan in a file with these sites added, and what that changes; InvalidInput for a plan of another week."""
        from serving.plan.plan_files import read_plan
        from serving.plan.remade_plan import remade
        from serving.plan.roster import Roster

        plan, to_grade = read_plan(path), self.to_grade
        if plan.passport["week"] != week.name:
            raise InvalidInput(
                zh=f"{path} 是 {plan.passport['week']} 的计划，不是 {week.name} 的。",
                en=f"{path} is the plan of {plan.passport['week']}, not of {week.name}.",
                field="remake",
            )
        roster = Roster.of(to_grade.records, week.monday, week.as_of, to_grade.working_days())
        named = plan.visits["inspector_refs"].ne("").any()
        return remade(plan, self.sites(), self.choice, to_grade.day, add, roster=roster if named else None)


def _keep(made: WeeklyPlan) -> Path:
    """Every plan stays: the next number of the week in the home."""
    from serving.plan.plan_files import write_plan

    folder = load_settings(os.environ, Path.cwd()).home / "plans"
    folder.mkdir(parents=True, exist_ok=True)
    week = made.passport["week"]
    number = 1 + max((int(path.stem.rsplit("-", 1)[1]) for path in folder.glob(f"{week}-*.json")), default=0)
    path = folder / f"{week}-{number}.json"
    write_plan(made, path)
    return path


def _known_campaign(code: str, day: pd.Timestamp) -> None:
    from data_contracts.policy import policy_on

    known = [one["code"] for one in policy_on("weekly_plan", day.date()).content["campaigns"]]
    if code not in known:
        raise InvalidInput(
            zh=f"没有专项 {code}，有：{'、'.join(known)}。",
            en=f"There is no campaign {code}. Campaigns: {', '.join(known)}.",
            field="campaign",
        )


def _tell_campaign(planning: _Planning, code: str, as_json: bool) -> None:
    from serving.plan.visit_words import campaign_list
    from serving.result_files import as_csv, as_rows

    choice = planning.choice
    listed = campaign_list(planning.sites(), choice.plan, code)
    if as_json:
        result_json(as_rows(listed))
    else:
        result(as_csv(listed).rstrip("\n"))
