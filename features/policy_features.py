"""The features that dated policies compute from others: inherent grade, risk matrix, the state of the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from data_contracts.policy import POLICY_NAMES, PolicyFile, policy_file
from features.feature import BY_POLICY, INPUT_STATE, Feature
from features.input_quality import ABSENT, LATE, InputStates, StatesCounted, facts_about_records
from features.policy_rules import refuse_unknown_facts
from features.risk_grades import CreditClass, InherentGrade, RiskMatrix
from features.site_values import SiteValues
from features.sorting import Floats

Policies = Mapping[str, PolicyFile]

_POLICY_OF = {
    INPUT_STATE: "input_requirements",
    "inherent_grade": "inherent_grade",
    "credit_class": "risk_matrix",
    "risk_matrix": "risk_matrix",
}


class PolicyRule(Protocol):
    """What makes one feature, or several, of others."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The features it is computed from."""
        ...

    def at(self, sites: SiteValues) -> Floats:
        """The values, a row a feature and a column a site; NaN where one is missing."""
        ...


Named = tuple[tuple[str, ...], PolicyRule]
"""A rule, and the features that it makes in their order."""


def house_policies() -> dict[str, PolicyFile]:
    """The product's own policy files."""
    return {name: policy_file(name) for name in POLICY_NAMES}


class PolicyFeatures:
    """Every feature by policy, each computed from those before it.

    Raises ContractInvalid for a policy that asks for a fact that is no feature.
    """

    def __init__(self, features: Sequence[Feature], policies: Policies) -> None:
        names, measures = ({getattr(one, word) for one in features} for word in ("name", "measure"))
        for name in {_POLICY_OF[measure] for measure in measures if measure in _POLICY_OF}:
            refuse_unknown_facts(policies[name], names)
        states = [feature for feature in features if feature.measure == INPUT_STATE]
        self.helpers = [fact for feature in states for fact in facts_about_records(feature)]
        of_states = tuple(feature.name for feature in states)
        self._named: list[Named] = []
        if states:
            self._named = [(of_states, InputStates(states, policies["input_requirements"]))]
        makers: dict[str, PolicyRule] = {
            "inherent_grade": InherentGrade(policies["inherent_grade"]),
            "credit_class": CreditClass(policies["risk_matrix"]),
            "risk_matrix": RiskMatrix(policies["risk_matrix"]),
            "inputs_late": StatesCounted(of_states, LATE),
            "inputs_missing": StatesCounted(of_states, ABSENT),
        }
        for measure in BY_POLICY:
            for feature in features:
                if feature.measure == measure:
                    self._named.append(((feature.name,), makers[measure]))
        self.rules = {name: rule for names, rule in self._named for name in names}

    def wanted(self, names: Sequence[str]) -> list[Named]:
        """The rules that make those of the names that are by policy, and what these are made of, in the order to compute them."""
        wanted, found = set(names), []
        for made, rule in reversed(self._named):
            if wanted.intersection(made):
                wanted.update(rule.needs)
                found.append((made, rule))
        return found[::-1]

    def looked_up(self, names: Sequence[str]) -> list[str]:
        """The features to be looked up for the names: themselves, or what their rules need."""
        plain = [name for name in names if name not in self.rules]
        needed = [need for _, rule in self.wanted(names) for need in rule.needs]
        return list(dict.fromkeys([*plain, *(need for need in needed if need not in self.rules)]))
