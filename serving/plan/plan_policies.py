"""The policies of a plan: which files, in force on which day, with their digests, and what only the catalogue can refuse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from data_contracts.errors import ContractInvalid
from data_contracts.policy import LINE, PolicyFile, policy_file
from features.policy_rules import refuse_unknown_facts
from serving.plan.planning_sites import Choice

VISIT_CHOICE, WEEKLY_PLAN, DYNAMIC_GRADE = "visit_choice", "weekly_plan", "dynamic_grade"


@dataclass(frozen=True)
class PlanPolicies:
    """Which sites are chosen, how visits are put together, and the capacity of `dynamic_grade`."""

    visits: PolicyFile
    weekly: PolicyFile
    grade: PolicyFile

    def on(self, day: dt.date) -> Choice:
        """What is in force on `day`; raises PolicyUndefined."""
        visits, weekly, grade = (one.policy_on(day).content for one in (self.visits, self.weekly, self.grade))
        return Choice(visits, weekly, grade["capacity"])

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file, by name."""
        return {one.name: one.sha256 for one in (self.visits, self.weekly, self.grade)}

    def checked(self, features: Collection[str], heads: Collection[str]) -> PlanPolicies:
        """These, if every fact is a feature and every weight that of a head; ContractInvalid with the line otherwise."""
        refuse_unknown_facts(self.weekly, set(features))
        for policy in self.weekly.policies:
            weights = policy.content["weights"]
            if strangers := sorted(set(weights) - {LINE} - set(heads)):
                named, known = "、".join(strangers), ", ".join(sorted(heads))
                raise ContractInvalid(
                    zh=f"政策文件 {self.weekly.name}.yaml 第 {weights[LINE]} 行：weights 中没有名为 {named} 的目标，有：{known}。",
                    en=f"The policy file {self.weekly.name}.yaml, line {weights[LINE]}: weights of unknown heads: "
                    f"{', '.join(strangers)}. Heads: {known}.",
                )
        return self


def house_plan_policies() -> PlanPolicies:
    """The product's own files."""
    return PlanPolicies(policy_file(VISIT_CHOICE), policy_file(WEEKLY_PLAN), policy_file(DYNAMIC_GRADE))
