"""The grade of one project from one state, and what the ledger keeps of such grades.

It is the answer of /v1/grades, from the same code, whatever the state knows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.api_messages import GradesRequest
from serving.access.keys import AccessKey
from serving.calls.grades import answered_from
from serving.ledger.basis import basis_of
from serving.ledger.entries import CallEntry, blocks_of, decision_ids, new_call_id
from serving.live_state import LiveState
from serving.scorer import UNKNOWN


@dataclass(frozen=True)
class SupposedGrade:
    """A project's result as /v1/grades tells it at `as_of`, and its features.

    `content` is the answer that the result stood in. `features` is a frame of one row; None for an unknown project.
    """

    as_of: pd.Timestamp
    content: dict[str, Any]
    result: dict[str, Any]
    features: pd.DataFrame | None

    @property
    def is_known(self) -> bool:
        return bool(self.result["status"] != UNKNOWN)

    @property
    def inherent_grade(self) -> int | None:
        """固有风险等级; None where key facts are not on file."""
        grade: int | None = self.result["inherent_grade"]
        return grade

    @property
    def values(self) -> dict[str, float | None]:
        """The features by name; a missing one is None."""
        if self.features is None:
            return {}
        cells = self.features.iloc[0]
        return {str(name): None if math.isnan(value) else value for name, value in cells.items()}


def supposed_grade(state: LiveState, key: AccessKey, project_id: str, as_of: pd.Timestamp) -> SupposedGrade:
    """The grade of a project to a key; UNKNOWN beyond its scope."""
    content, scores = answered_from(state, key, GradesRequest(project_ids=[project_id]), as_of)
    told = {name: value for name, value in content.items() if name != "results"}
    return SupposedGrade(as_of, told, content["results"][0], scores.features)


def entry_of(
    state: LiveState,
    key: AccessKey,
    call: dict[str, Any],
    grades: Sequence[SupposedGrade],
) -> CallEntry:
    """What the ledger keeps of grades as of one moment from one call; their results get the numbers of their decisions.

    `call` has the kind, what was asked, and when.
    """
    call_id, as_of = new_call_id(), grades[0].as_of
    for grade, decision_id in zip(grades, decision_ids(call_id, len(grades)), strict=True):
        grade.result["decision_id"] = decision_id
    told = {"call_id": call_id, "key_id": key.key_id, "as_of": as_of.to_pydatetime()}
    features = pd.concat([grade.features for grade in grades if grade.features is not None])
    blocks = blocks_of(call_id, [grade.result for grade in grades], np.ones(len(grades), bool), features)
    catalogue = state.scorer.index.catalogue
    return CallEntry(call | told | basis_of(state, as_of), blocks, catalogue.hash, catalogue.names)
