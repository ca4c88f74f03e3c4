"""The features that dated policies compute from others: inherent grade, risk matrix, the state of the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from data_contracts.policy import POLICY_NAMES, PolicyFile, policy_file
from features.feature import BY_POLICY, INPUT_STATE, Feature
from features.input_quality import ABSENT, LATE, InputState, StatesCounted, facts_about_records
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


class PolicyFeature(Protocol):
    """A rule over other features."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The features it is computed from."""
        ...

    def at(self, sites: SiteValues) -> Floats:
        """The value of each row, NaN where it is missing."""
        ...


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
        self.rules: dict[str, PolicyFeature] = {
            feature.name: InputState(feature, policies["input_requirements"]) for feature in states
        }
        of_states = tuple(self.rules)
        makers: dict[str, PolicyFeature] = {
            "inherent_grade": InherentGrade(policies["inherent_grade"]),
            "credit_class": CreditClass(policies["risk_matrix"]),
            "risk_matrix": RiskMatrix(policies["risk_matrix"]),
            "inputs_late": StatesCounted(of_states, LATE),
            "inputs_missing": StatesCounted(of_states, ABSENT),
        }
        for measure in BY_POLICY:
            for feature in features:
                if feature.measure == measure:
                    self.rules[feature.name] = makers[measure]

    def wanted(self, names: Sequence[str]) -> list[str]:
        """Those of the names that are by policy and the rules they are made of, in the order to compute them."""
        wanted = {name for name in names if name in self.rules}
        for name in reversed(self.rules):
            if name in wanted:
                wanted |= {need for need in self.rules[name].needs if need in self.rules}
        return [name for name in self.rules if name in wanted]

    def looked_up(self, names: Sequence[str]) -> list[str]:
        """The features to be looked up for the names: themselves, or what their rules need."""
        plain = [name for name in names if name not in self.rules]
        needed = [need for name in self.wanted(names) for need in self.rules[name].needs]
        return list(dict.fromkeys([*plain, *(need for need in needed if need not in self.rules)]))
