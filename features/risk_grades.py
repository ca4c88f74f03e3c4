"""固有风险等级 and the 风险矩阵: computed by dated policies over features, with the rule that decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.policy import Policy, PolicyFile
from data_contracts.policy_conditions import conditions_of
from features.policy_rules import condition_holds, facts_of, rows_of
from features.rule_sets import RuleSet
from features.site_values import SiteValues
from features.sorting import Floats


class InherentGrade:
    """Levels 1 to 5: of the rules in force on the day, the first that holds decides.

    Missing where no policy was in force, or where none of the facts it needs is on file (信息不足).
    """

    def __init__(self, policies: PolicyFile) -> None:
        self.policies = policies
        self.needs = tuple(facts_of(policies))
        self._rules = [rule for policy in policies.policies for rule in _rules(policy)]
        self._asked = {policy: RuleSet.of(_rules(policy)) for policy in policies.policies}
        self._grades = np.array([*(float(rule["grade"]) for rule in self._rules), np.nan])

    def at(self, sites: SiteValues) -> Floats:
        return self._grades[self.deciding(sites)][None]

    def deciding(self, sites: SiteValues) -> NDArray[np.int64]:
        """The place of the rule that decides each row, -1 where none does."""
        rows, first = len(sites.as_of), 0
        chosen = np.full(rows, -1, np.int64)
        for policy, in_force in rows_of(self.policies, sites):
            known = ~np.isnan(sites.values(policy.content["needs_any"])).all(axis=0)
            held = self._asked[policy].held(sites.value, rows)
            chosen = np.where(in_force & known & held.any(axis=0), first + held.argmax(axis=0), chosen)
            first += len(held)
        return chosen

    def decided(self, sites: SiteValues) -> pd.DataFrame:
        """Grade and deciding rule of each row: grade, rule, zh, en, fact, value, reference.

        `fact` and `value` are the first condition of the rule that holds; missing for the rule that takes
        what no other does. Without a grade everything is missing.
        """
        chosen = self.deciding(sites)
        said = {word: [str(rule[word]) for rule in self._rules] for word in ("code", "zh", "en", "reference")}
        facts, values = np.full(len(chosen), None, object), np.full(len(chosen), np.nan)
        for place, rule in enumerate(self._rules):
            rows = chosen == place
            for condition in reversed(conditions_of(rule)):
                found = sites.value(condition["fact"])
                by_this = rows & condition_holds(condition, found)
                facts[by_this], values[by_this] = condition["fact"], found[by_this]
        words = {word: np.array([*texts, None], object)[chosen] for word, texts in said.items()}
        return pd.DataFrame(
            {"grade": self._grades[chosen], "rule": words["code"], "zh": words["zh"], "en": words["en"]}
            | {"fact": facts, "value": values, "reference": words["reference"]}
        )


def _rules(policy: Policy) -> list[Mapping[str, Any]]:
    return [*policy.content["rules"], policy.content["otherwise"]]


@dataclass(frozen=True)
class CreditClass:
    """The class of the lowest valid credit score among the parties: 1 is best; missing without any score."""

    policies: PolicyFile

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(facts_of(self.policies))

    def at(self, sites: SiteValues) -> Floats:
        ranks = np.full(len(sites.as_of), np.nan)
        for policy, in_force in rows_of(self.policies, sites):
            credit = policy.content["credit"]
            lowest = np.fmin.reduce([sites.value(fact) for fact in credit["facts"]])
            for one in reversed(credit["classes"]):
                start = -np.inf if one["at_least"] is None else one["at_least"]
                ranks[in_force & (lowest >= start)] = one["rank"]
        return ranks[None]


@dataclass(frozen=True)
class RiskMatrix:
    """The cell of inherent grade and class of credit; missing where the inherent grade is."""

    policies: PolicyFile
    needs: tuple[str, str] = ("inherent_grade", "credit_class")

    def at(self, sites: SiteValues) -> Floats:
        levels = np.full(len(sites.as_of), np.nan)
        grade, rank = (sites.value(fact) for fact in self.needs)
        for policy, in_force in rows_of(self.policies, sites):
            credit, cells = policy.content["credit"], policy.content["cells"]
            columns = {one["rank"]: one["code"] for one in credit["classes"]}
            for row in range(1, 6):
                of_grade = in_force & (grade == row)
                levels[of_grade] = cells[row][credit["unknown"]["code"]]
                for number, code in columns.items():
                    levels[of_grade & (rank == number)] = cells[row][code]
        return levels[None]
