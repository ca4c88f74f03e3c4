"""Builds every declared feature: first those of facts, then those that are made of others."""

from __future__ import annotations

from collections.abc import Mapping

from data_contracts.policy import POLICY_NAMES, PolicyFile, policy_file
from data_contracts.progress import Progress
from features.asked_sites import Measure
from features.fact_shelf import FactShelf
from features.feature import BY_POLICY, RATIO, Feature
from features.input_quality import ABSENT, LATE, InputState, StatesCounted
from features.kernels import is_compiled
from features.measures import BUILDERS
from features.rates import Rate
from features.risk_grades import CreditClass, InherentGrade, RiskMatrix

Policies = Mapping[str, PolicyFile]
MADE_OF_OTHERS = (RATIO, "input_state", *BY_POLICY)  # in the order in which they need each other


def house_policies() -> dict[str, PolicyFile]:
    """The product's own policy files."""
    return {name: policy_file(name) for name in POLICY_NAMES}


def build_measures(
    features: tuple[Feature, ...], shelf: FactShelf, policies: Policies, progress: Progress
) -> dict[str, Measure]:
    """Every feature's measure by name."""
    built: dict[str, Measure] = {}
    order = ("", *MADE_OF_OTHERS)
    place = {feature.name: order.index(_made_of(feature)) for feature in features}
    step = "特征索引 / feature index"
    if not is_compiled():
        step = "特征索引（首次运行，编译代码一次） / feature index (first run: code is compiled once)"
    for done, feature in enumerate(sorted(features, key=lambda feature: place[feature.name])):
        progress(step, done, len(features))
        if feature.measure in MADE_OF_OTHERS:
            built[feature.name] = _from_others(feature, shelf, policies, built)
        else:
            built[feature.name] = BUILDERS[feature.measure](feature, shelf)
    progress(step, len(features), len(features))
    return built


def _made_of(feature: Feature) -> str:
    return feature.measure if feature.measure in MADE_OF_OTHERS else ""


def _from_others(
    feature: Feature, shelf: FactShelf, policies: Policies, built: Mapping[str, Measure]
) -> Measure:
    if feature.measure == RATIO:
        return Rate.build(feature, built)
    if feature.measure == "input_state":
        return InputState(feature, shelf, policies["input_requirements"], built)
    if feature.measure == "inherent_grade":
        return InherentGrade(policies["inherent_grade"], built)
    if feature.measure == "credit_class":
        return CreditClass.build(policies["risk_matrix"], built)
    if feature.measure == "risk_matrix":
        return RiskMatrix(
            policies["risk_matrix"], *(_of(built, kind) for kind in (InherentGrade, CreditClass))
        )
    states = [measure for measure in built.values() if isinstance(measure, InputState)]
    return StatesCounted(list(states), LATE if feature.measure == "inputs_late" else ABSENT)


def _of(built: Mapping[str, Measure], kind: type) -> Measure:
    return next(measure for measure in built.values() if isinstance(measure, kind))
