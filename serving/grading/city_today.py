"""What a grading run reads of the city: active sites, their facts, risks and inherent grades on one day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.fact_index import FactIndex
from features.policy_rules import facts_of
from serving.grading.colours import Floats
from serving.grading.policies import GradingPolicies
from serving.grading.working_days import WorkingDays
from serving.scorer import Scorer

OF_EVERY_SITE = ("stage_order", "days_in_stage", "days_since_start", "days_to_planned_finish")


@dataclass(frozen=True)
class CityToday:
    """What a run reads of the city at 00:00 of its day: active sites sorted by id, their facts, risks and grades."""

    day: pd.Timestamp
    project_ids: list[str]
    facts: Mapping[str, Floats]
    risks: Mapping[str, Floats]
    inherent: pd.DataFrame
    working_days: WorkingDays

    @classmethod
    def of(
        cls, scorer: Scorer, day: pd.Timestamp, policies: GradingPolicies, working_days: WorkingDays
    ) -> CityToday:
        """As the index and the model of `scorer` know it."""
        index, ids = scorer.index, scorer.index.sites(day).tolist()
        moments = np.full(len(ids), np.datetime64(day, "us"))
        risks = scorer.scores(ids, moments).risks
        return cls(
            day,
            ids,
            facts_for(index, ids, moments, policies),
            risks,
            _inherent(index, ids, moments),
            working_days,
        )


def facts_for(
    index: FactIndex, ids: list[str], moments: np.ndarray, policies: GradingPolicies
) -> dict[str, Floats]:
    """The features that the policies ask for, and those that every run needs."""
    names = list(dict.fromkeys([*facts_of(policies.grade), *facts_of(policies.frequency), *OF_EVERY_SITE]))
    cells = index.cells(names, ids, moments)
    return {name: np.ascontiguousarray(cells[:, place]) for place, name in enumerate(names)}


def _inherent(index: FactIndex, ids: list[str], moments: np.ndarray) -> pd.DataFrame:
    return index.inherent_grade(ids, moments).rename(
        columns={"grade": "inherent_grade", "rule": "inherent_rule", "zh": "inherent_zh", "en": "inherent_en"}
    )
