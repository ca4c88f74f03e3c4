"""The policies of a grading run: which files, in force on which day, with their digests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from data_contracts.errors import ContractInvalid, InvalidInput
from data_contracts.policy import LINE, Policy, PolicyFile, policy_file
from features.catalogue import Catalogue
from features.policy_rules import refuse_unknown_facts

DYNAMIC_GRADE, VISIT_FREQUENCY = "dynamic_grade", "visit_frequency"


@dataclass(frozen=True)
class GradingPolicies:
    """How colours are set and how often each is visited; `frequency_name` is that of the file."""

    grade: PolicyFile
    frequency: PolicyFile
    frequency_name: str = VISIT_FREQUENCY

    def on(self, day: dt.date) -> tuple[Policy, Policy]:
        """Both policies in force on `day`; raises PolicyUndefined."""
        return self.grade.policy_on(day), self.frequency.policy_on(day)

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file, by name."""
        return {DYNAMIC_GRADE: self.grade.sha256, self.frequency_name: self.frequency.sha256}

    def checked(self, catalogue: Catalogue, heads: Collection[str]) -> GradingPolicies:
        """These, if every fact is a feature and every head one of `heads`; ContractInvalid with the line otherwise."""
        known = {feature.name for feature in catalogue.features}
        for policies in (self.grade, self.frequency):
            refuse_unknown_facts(policies, known)
        for one in (one for policy in self.grade.policies for one in policy.content["heads"]):
            if one["head"] not in heads:
                raise ContractInvalid(
                    zh=f"政策文件 {self.grade.name}.yaml 第 {one[LINE]} 行：没有名为 {one['head']} 的目标，"
                    f"有：{'、'.join(sorted(heads))}。",
                    en=f"The policy file {self.grade.name}.yaml, line {one[LINE]}: there is no head {one['head']}. "
                    f"Heads: {', '.join(sorted(heads))}.",
                )
        return self


def house_grading_policies(frequency: str = VISIT_FREQUENCY) -> GradingPolicies:
    """The product's own files; `frequency` is the name of one that says how often sites are visited.

    Raises NotFound for a name there is not, InvalidInput for a policy of another kind.
    """
    return GradingPolicies(
        policy_file(DYNAMIC_GRADE), _of_kind(policy_file(frequency), VISIT_FREQUENCY), frequency
    )


def _of_kind(policies: PolicyFile, kind: str) -> PolicyFile:
    if policies.name != kind:
        raise InvalidInput(
            zh=f"政策文件的种类为 {policies.name}，这里需要 {kind}。",
            en=f"The policy file is of the kind {policies.name}; here it must be {kind}.",
            field="policy",
        )
    return policies
