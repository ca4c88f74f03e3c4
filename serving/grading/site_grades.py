"""The frame of a grading run, one row a site: its columns, and how yesterday's is read again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data_contracts.grade_tables import DAYS, NUMBERS, TEXTS
from serving.grading.colours import RANK, colour_ranks
from serving.grading.frequency import REACHED
from serving.grading.overrides import Days, from_text
from serving.grading.steps import Yesterday

NOT_NEEDED, PENDING, CONFIRMED, REFUSED = "NOT_NEEDED", "PENDING", "CONFIRMED", "REFUSED"
SITE = ("project_id", "status", "inherent_grade", "inherent_rule", "inherent_zh", "inherent_en")
DECIDED = (
    "colour",
    "indicated_colour",
    "rule",
    "rule_zh",
    "rule_en",
    "fact",
    "value",
    "threshold",
    "reference",
)
STATE = (
    "colour_since", "confirmation", "proposed_colour", "override_colour", "colour_confirmation", "decided_by",
    "decided_on", "refused_colour", "refused_on", "back_to_colour", *REACHED.values(), "overrides_last_seen",
)  # fmt: skip
DUE = ("visits_per_year", "base_visits_per_year", "due_on", "due_rule", "due_zh", "due_en")
BASIS = ("last_visit_on", "started_on", "expected_days", "stage_order", "stage_entered_on")


def columns_of(heads: Sequence[str]) -> list[str]:
    """All columns of the frame in order, with a risk and a percentile for each head."""
    by_head = [f"{word}_{head}" for head in heads for word in ("risk", "percentile")]
    return [*SITE, *DECIDED, *STATE, *by_head, *DUE, *BASIS]


def typed_grades(rows: pd.DataFrame, heads: Sequence[str]) -> pd.DataFrame:
    """The rows as a frame of grades: sorted by site, days as datetime64, texts missing as None."""
    frame = rows[columns_of(heads)].sort_values("project_id", ignore_index=True)
    kinds = (
        dict.fromkeys(DAYS, "datetime64[us]")
        | dict.fromkeys(NUMBERS, "float64")
        | dict.fromkeys(("project_id", *TEXTS), "str")
    )
    by_head = {name: "float64" for name in frame.columns if name not in kinds}
    return frame.astype(kinds | by_head)


def grades_before(grades: pd.DataFrame | None, project_ids: Sequence[str]) -> pd.DataFrame:
    """The rows that an earlier frame left these sites, in their order; all missing for a new one."""
    if grades is None:
        return pd.DataFrame(columns=[*DECIDED, *STATE], index=range(len(project_ids)))
    return grades.set_index("project_id").reindex(list(project_ids)).reset_index(drop=True)


def yesterday_of(before: pd.DataFrame) -> Yesterday:
    """The state that an earlier run left the sites in."""
    return Yesterday(
        colour_ranks(before["colour"].tolist()),
        _days(before, "colour_since"),
        {RANK[code]: _days(before, column) for code, column in REACHED.items()},
        colour_ranks(before["refused_colour"].tolist()),
        _days(before, "refused_on"),
    )


def overrides_seen(before: pd.DataFrame) -> dict[str, Days]:
    """When each override was last seen at each site, by its code."""
    return from_text(before["overrides_last_seen"].tolist())


def values_before(before: pd.DataFrame, column: str) -> np.ndarray:
    """A column of an earlier frame as objects; None where there is none."""
    values = before[column].to_numpy(object)
    return or_missing(np.asarray(pd.notna(values)), values)


def or_missing(kept: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values where they are kept, None elsewhere."""
    found = values.astype(object)
    found[~kept] = None
    return found


def _days(rows: pd.DataFrame, column: str) -> Days:
    return pd.to_datetime(rows[column]).to_numpy("datetime64[D]")
