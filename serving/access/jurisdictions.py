"""Which district and which agency each project belongs to today: what a key's scope is held against.

The newest row on file counts, whatever `as_of` is asked about: a project handed over to another district is
that district's from then on, its past included. Retired district codes stand for their successors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from data_contracts.code_list import code_list
from serving.access.keys import AccessKey

NOT_ON_FILE = ""
"""An id that no project has: keys may not be empty."""

_Held = tuple[pd.Timestamp, str | None, str | None]


@dataclass(frozen=True)
class Jurisdictions:
    """District and agency by project id, with the `recorded_at` of the row that says so."""

    _held: dict[str, _Held]

    @classmethod
    def none(cls) -> Jurisdictions:
        """Of no project."""
        return cls({})

    def with_rows(self, projects: pd.DataFrame) -> Jurisdictions:
        """These, and what rows of the table `projects` say; of two rows of a project the newer counts."""
        held, current = dict(self._held), code_list("districts").current
        columns = (
            projects[name].tolist() for name in ("project_id", "recorded_at", "region_code", "agency_code")
        )
        for project_id, recorded_at, district, agency in zip(*columns, strict=True):
            if project_id not in held or held[project_id][0] <= recorded_at:
                codes = (
                    None if pd.isna(district) else current(district),
                    None if pd.isna(agency) else agency,
                )
                held[project_id] = (recorded_at, *codes)
        return Jurisdictions(held)

    def reached(self, key: AccessKey, project_id: str) -> bool:
        """Whether the project is on file and within the key's scope."""
        held = self._held.get(project_id)
        return held is not None and key.reaches(held[1], held[2])

    def as_seen_by(self, key: AccessKey, project_ids: Sequence[str]) -> list[str]:
        """The ids, those beyond the key's scope replaced by NOT_ON_FILE, so that nothing can be told of them."""
        if key.reaches_whole_city:
            return list(project_ids)
        return [one if self.reached(key, one) else NOT_ON_FILE for one in project_ids]
