"""What a plan starts from: the week that is asked for, the policies, the grades of its day and the roster."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from data_contracts.errors import InvalidInput
from data_contracts.policy import Policy
from data_contracts.progress import Progress
from serving.asked_moments import moment_asked
from serving.command_line.given_records import grade_store_of
from serving.grading.daily import DayToGrade
from serving.grading.policies import GradingPolicies, house_grading_policies
from serving.plan.kept_plans import as_if_made, still_planned
from serving.plan.plan_files import read_plan
from serving.plan.plan_policies import house_plan_policies
from serving.plan.plan_tables import Week, WeeklyPlan
from serving.plan.planning_sites import Choice, planning_sites
from serving.plan.remade_plan import remade
from serving.plan.roster import Roster
from serving.plan.weekly_plan import weekly_plan

WEEK = re.compile(r"^(\d{4})-W(\d{2})$")
OF_GRADES = (
    "model_version",
    "catalogue_version",
    "catalogue_hash",
    "store_version",
    "records_fingerprint",
)


def week_asked(name: str, on: str | None, *, remake: bool) -> Week:
    """The ISO week and its day of planning: as told, else Monday or today, to make a plan anew today, but not after Sunday.

    Raises InvalidInput for what is no week, and for a day after it.
    """
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
    today, sunday = moment_asked(None).normalize(), Week(name, monday, monday).sunday
    day = moment_asked(on).normalize() if on is not None else min(sunday if remake else monday, today)
    if day > sunday:
        raise InvalidInput(
            zh=f"{day:%Y-%m-%d} 在 {name} 之后（该周至 {sunday:%Y-%m-%d}），请给出不晚于该周的编制日。",
            en=f"{day:%Y-%m-%d} lies after {name}, which ends on {sunday:%Y-%m-%d}. Plan on a day up to then.",
            field="on",
        )
    return Week(name, monday, day)


def is_made_by(passport: Mapping[str, Any], policies: GradingPolicies, model_version: str) -> bool:
    """Whether a kept grading run was made by this model and these very policies."""
    made_by = (passport.get("policies"), passport.get("model_version"))
    return made_by == (policies.digests(), model_version)


@dataclass(frozen=True)
class Planning:
    """What plans of one day are made from; `plans` is the folder of those that are kept."""

    to_grade: DayToGrade
    frequency: str
    records: str | None
    plans: Path

    @cached_property
    def choice(self) -> Choice:
        """The policies in force on the day; ContractInvalid where they name what there is not."""
        features = {feature.name for feature in self.to_grade.scorer.index.catalogue.features}
        return house_plan_policies().checked(features, self.to_grade.heads).on(self.to_grade.day.date())

    def sites(self, week: Week) -> tuple[pd.DataFrame, dict[str, Any]]:
        """The sites with the day's grades, as if the visits still planned before the week were made; and from what."""
        grades, passport = self._grades()
        planned, plans = still_planned(self.plans, week)
        calendar = self.to_grade.working_days()
        grades = as_if_made(grades, planned, self._frequency().content, calendar)
        index, records = self.to_grade.scorer.index, self.to_grade.records
        sites = planning_sites(grades, index, records, self.to_grade.day, self.choice, planned=planned)
        return sites, passport | {"after_plans": plans}

    def made(self, week: Week, seed: int | None, visits: int | None, progress: Progress) -> WeeklyPlan:
        """A new plan; raises InvalidInput where neither a roster nor a number of visits is there."""
        roster = self._roster(week)
        if visits is None and roster.available.empty:
            raise InvalidInput(
                zh=f"{week.name} 自 {week.as_of:%Y-%m-%d} 起没有人员排班记录（inspectors、inspector_days），"
                "请用 --visits 给出本周检查次数。",
                en=f"No inspector-days of {week.name} from {week.as_of:%Y-%m-%d} on are on file (inspectors, inspector_days); "
                "tell the visits of the week with --visits.",
                field="visits",
            )
        seed = int(week.name.replace("-W", "")) if seed is None else seed
        sites, made_from = self.sites(week)
        plan = weekly_plan(sites, roster, self.choice, week, seed, told_visits=visits, progress=progress)
        made_from |= {"told_visits": visits, "roster": None if visits else roster.size}
        plan.passport.update(made_from)
        return plan

    def remade(self, week: Week, path: Path, add: list[str]) -> tuple[WeeklyPlan, pd.DataFrame]:
        """The plan in a file with these sites added, and what that changes; InvalidInput for a plan of another week."""
        plan = read_plan(path)
        if plan.passport["week"] != week.name:
            raise InvalidInput(
                zh=f"{path} 是 {plan.passport['week']} 的计划，不是 {week.name} 的。",
                en=f"{path} is the plan of {plan.passport['week']}, not of {week.name}.",
                field="remake",
            )
        roster = None if plan.passport.get("told_visits") else self._roster(week)
        sites, made_from = self.sites(week)
        again, changes = remade(plan, sites, self.choice, self.to_grade.day, add, roster=roster)
        again.passport["remade_from"] = {"plan": path.name, **made_from}
        return again, changes

    def _roster(self, week: Week) -> Roster:
        calendar = self.to_grade.working_days()
        return Roster.of(self.to_grade.records, week.monday, week.as_of, calendar)

    def _frequency(self) -> Policy:
        return house_grading_policies(self.frequency).on(self.to_grade.day.date())[1]

    def _grades(self) -> tuple[pd.DataFrame, dict[str, Any]]:
        """The day's run in the store if it was made by this model and these policies, else graded now."""
        day, model = self.to_grade.day.date(), self.to_grade.scorer.model.version
        catalogue = self.to_grade.scorer.index.catalogue
        policies = house_grading_policies(self.frequency).checked(catalogue, self.to_grade.heads)
        store = grade_store_of(self.records)
        run = store.newest_run(day) if store else None
        said: Mapping[str, Any]
        if store and run and str(run.day) == str(day) and is_made_by(run.passport, policies, model):
            grades, said, run_id = store.grades(run, decided_until=day), run.passport, run.run_id
        else:
            earlier = store.run_before(day) if store else None
            before = store.grades(earlier, decided_until=day) if store and earlier else None
            graded = self.to_grade.graded(policies, before)
            grades, said, run_id = graded.grades, graded.passport, None
        digests = policies.digests() | house_plan_policies().digests()
        made_from = {name: said.get(name) for name in OF_GRADES}
        return grades, made_from | {"run_id": run_id, "frequency": self.frequency, "policies": digests}
