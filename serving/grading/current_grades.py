"""The colour that counts at a moment: of the last run, with what persons and facts have decided since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from data_contracts.policy import PolicyFile, policy_file
from features.fact_index import FactIndex
from features.policy_rules import facts_of
from features.site_status import ACTIVE
from serving.grading.colours import NA, Ranks, colour_names, colour_ranks
from serving.grading.grade_store import GradeStore
from serving.grading.overrides import overrides
from serving.grading.policies import DYNAMIC_GRADE


@dataclass(frozen=True)
class CurrentGrades:
    """The grades of one store's runs, as known at any moment; the runs read are kept."""

    store: GradeStore
    index: FactIndex
    policies: PolicyFile = field(default_factory=lambda: policy_file(DYNAMIC_GRADE))
    _days: dict[dt.date, dict[str, str] | None] = field(default_factory=dict)

    def at(self, project_ids: Sequence[str], moments: np.ndarray) -> list[str | None]:
        """RED, ORANGE, YELLOW, BLUE or NA of each pair, in the order given.

        None for a site that is not active at the moment, before the first run, and for a site that the run did not
        know and no override speaks of.
        """
        found: list[str | None] = [None] * len(project_ids)
        active = self.index.status(project_ids, moments) == ACTIVE
        days = moments.astype("datetime64[D]")
        for day in np.unique(days):
            rows = np.flatnonzero((days == day) & active)
            colours = self._colours(day.astype(object))
            if colours is None or len(rows) == 0:
                continue
            ids = [project_ids[row] for row in rows.tolist()]
            ranks = self._asked_by_facts(ids, moments[rows], day)
            known = [colours.get(site) for site in ids]
            worst = colour_names(np.maximum(ranks, colour_ranks(known)))
            for row, colour, stored in zip(rows.tolist(), worst.tolist(), known, strict=True):
                found[row] = colour if colour != NA else stored
        return found

    def _colours(self, day: dt.date) -> dict[str, str] | None:
        if day not in self._days:
            grades = self.store.grades_on(day)
            self._days[day] = (
                None if grades is None else dict(zip(grades["project_id"], grades["colour"], strict=True))
            )
        return self._days[day]

    def _asked_by_facts(self, ids: list[str], moments: np.ndarray, day: np.datetime64) -> Ranks:
        """The colours that overrides ask for at the moments themselves."""
        rules = self.policies.policy_on(day.astype(object)).content["overrides"]
        names = list(facts_of(self.policies))
        values = self.index.values(names, ids, moments)
        return overrides(rules, lambda name: values[name].to_numpy(), day, {}, len(ids)).ranks
