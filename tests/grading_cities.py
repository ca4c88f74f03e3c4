"""A city of a grading run, made by hand: risks, facts and inherent grades of a few sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from features.policy_rules import facts_of
from serving.grading.capacity import NOT_KNOWN, Capacity
from serving.grading.city_today import OF_EVERY_SITE, CityToday
from serving.grading.policies import house_grading_policies
from serving.grading.working_days import WorkingDays

POLICIES = house_grading_policies()
UNKNOWN = Capacity(None, NOT_KNOWN)
NONE_ON_FILE = {
    "days_since_fatal_accident",
    "highest_open_alarm",
    "days_since_counted_visit",
    "stage_order",
    "days_in_stage",
    "days_since_excavation_entered",
    "days_since_main_structure_entered",
    "days_since_infill_entered",
    "days_since_completion_entered",
}
DAY = "2026-03-02"  # a Monday


def city_today(
    accident: Sequence[float],
    *,
    defect: Sequence[float] | None = None,
    facts: Mapping[str, Sequence[float]] | None = None,
    inherent: Sequence[float] | None = None,
    day: str = DAY,
    ids: Sequence[str] | None = None,
) -> CityToday:
    """A site for each risk of an accident; every fact is 0 or none on file unless given; inherent grade 2."""
    sites = len(accident)
    names = {*facts_of(POLICIES.grade), *facts_of(POLICIES.frequency), *OF_EVERY_SITE}
    values = {name: np.full(sites, np.nan if name in NONE_ON_FILE else 0.0) for name in names}
    values |= {"days_since_start": np.full(sites, 100.0), "contract_days": np.full(sites, 730.0)}
    values |= {name: np.array(given, float) for name, given in (facts or {}).items()}
    grades = np.array(inherent if inherent is not None else [2] * sites, float)
    risks = {
        "accident": np.array(accident, float),
        "defect": np.zeros(sites) if defect is None else np.array(defect, float),
    }
    said = pd.DataFrame(
        {"inherent_grade": grades, "inherent_rule": "INH", "inherent_zh": "规则", "inherent_en": "rule"}
    )
    named = [f"P{number:03d}" for number in range(sites)] if ids is None else list(ids)
    return CityToday(pd.Timestamp(day), named, values, risks, said, WorkingDays.plain())
