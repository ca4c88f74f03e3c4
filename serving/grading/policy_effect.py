"""What a new policy file would change: sites that change grade, and visits a year, in all and by district."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.code_list import code_list
from data_contracts.errors import InvalidInput
from data_contracts.policy import PolicyFile
from data_contracts.progress import Progress, silent
from features.fact_index import FactIndex
from features.policy_features import house_policies
from serving.grading.daily import DayToGrade
from serving.grading.grading_run import GradingRun
from serving.grading.policies import (
    DYNAMIC_GRADE,
    VISIT_FREQUENCY,
    GradingPolicies,
    house_grading_policies,
)
from serving.grading.working_days import days_known
from serving.scorer import Scorer

INHERENT_GRADE = "inherent_grade"
KINDS = (DYNAMIC_GRADE, VISIT_FREQUENCY, INHERENT_GRADE)
NOT_KNOWN = "-"


@dataclass(frozen=True)
class PolicyEffect:
    """Two runs of one day beside each other; `moved` counts sites by (grade now, grade under the new file).

    `visits_at_present_scale` is what the new file would ask for if the colours were not fitted to the capacity anew.
    """

    kind: str
    day: str
    sites: int
    moved: Mapping[tuple[str, str], int]
    visits_before: float
    visits_after: float
    visits_at_present_scale: float
    scale_before: float
    scale_after: float
    districts: list[dict[str, Any]]

    @property
    def changed(self) -> int:
        return sum(self.moved.values())

    def as_json(self) -> dict[str, Any]:
        moved = [{"from": a, "to": b, "sites": count} for (a, b), count in self.moved.items()]
        return asdict(replace(self, moved={})) | {"moved": moved, "changed": self.changed}


def refuse_other_kinds(new: PolicyFile) -> None:
    """InvalidInput for a policy that no grade follows from."""
    if new.name not in KINDS:
        raise InvalidInput(
            zh=f"{new.name} 不影响等级与频次，可预演的有：{'、'.join(KINDS)}。",
            en=f"No grade follows from a policy {new.name}; those that can be previewed: {', '.join(KINDS)}.",
            field="file",
        )


def policy_effect(
    to_grade: DayToGrade, new: PolicyFile, frequency: str, progress: Progress = silent
) -> PolicyEffect:
    """The run of a day under the policies in force and under the last entry of the new file, both without yesterday.

    Raises ContractInvalid where the new file asks for a fact that is no feature or a head there is not, with its line.
    """
    catalogue = to_grade.scorer.index.catalogue
    present = house_grading_policies(frequency).checked(catalogue, to_grade.heads)
    before = to_grade.graded(present)
    file = as_if_always(new)
    if new.name == INHERENT_GRADE:
        index = FactIndex.build(
            to_grade.records, catalogue, progress, policies=house_policies() | {INHERENT_GRADE: file}
        )
        anew, policies = replace(to_grade, scorer=Scorer(index, to_grade.scorer.model)), present
    else:
        anew, policies = to_grade, _with(present, file).checked(catalogue, to_grade.heads)
    unfitted = anew.graded(policies, scale=before.passport["scale"])
    return _compared(new.name, to_grade, before, anew.graded(policies), unfitted)


def as_if_always(policies: PolicyFile) -> PolicyFile:
    """The last entry of a file as if it had always been in force: what it does can be seen before its first day."""
    last = replace(policies.policies[-1], valid_from=date.min, valid_until=None)
    return replace(policies, policies=(last,))


def _with(present: GradingPolicies, new: PolicyFile) -> GradingPolicies:
    return replace(present, grade=new) if new.name == DYNAMIC_GRADE else replace(present, frequency=new)


def _compared(
    kind: str, to_grade: DayToGrade, before: GradingRun, after: GradingRun, unfitted: GradingRun
) -> PolicyEffect:
    column = INHERENT_GRADE if kind == INHERENT_GRADE else "colour"
    both = pd.DataFrame(
        {
            "from": _words(before.grades[column]),
            "to": _words(after.grades[column]),
            "before": before.grades["visits_per_year"],
            "after": after.grades["visits_per_year"],
            "district": districts_of(to_grade, before.grades["project_id"].tolist()),
        }
    )
    both["changed"] = both["from"] != both["to"]
    changed = both[both["changed"]]
    moved = Counter(zip(changed["from"].tolist(), changed["to"].tolist(), strict=True))
    return PolicyEffect(
        kind,
        str(to_grade.day.date()),
        len(both),
        dict(moved.most_common()),
        float(both["before"].sum()),
        float(both["after"].sum()),
        unfitted.passport["visits_per_year"],
        before.passport["scale"],
        after.passport["scale"],
        _by_district(both),
    )


def _by_district(both: pd.DataFrame) -> list[dict[str, Any]]:
    grouped = both.groupby("district")
    table = grouped[["changed", "before", "after"]].sum().assign(sites=grouped.size())
    return [
        {
            "district": str(district),
            "sites": int(row["sites"]),
            "changed": int(row["changed"]),
            "before": float(row["before"]),
            "after": float(row["after"]),
        }
        for district, row in table.iterrows()
    ]


def _words(grades: pd.Series) -> pd.Series:
    if grades.dtype.kind == "f":
        return grades.map(lambda grade: NOT_KNOWN if np.isnan(grade) else f"{grade:.0f}")
    return grades.astype(object).fillna(NOT_KNOWN)


def districts_of(to_grade: DayToGrade, project_ids: list[str]) -> list[str]:
    """Code and name of each site's district, as known on the day."""
    known = days_known(to_grade.records.table("projects"), ["project_id"], to_grade.day)
    codes = known.set_index("project_id")["region_code"].reindex(project_ids)
    listed = code_list("districts")
    named = {code: f"{code} {said.zh}" for code, said in listed.codes.items()}
    return [
        NOT_KNOWN if pd.isna(code) else named.get(listed.current(str(code)), str(code))
        for code in codes.tolist()
    ]
