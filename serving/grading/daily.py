"""One day's run over one state of the records: capacity, yesterday, the grades, and their passport."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from data_contracts.records import Records
from serving.grading.capacity import Capacity, roster_capacity, told_capacity
from serving.grading.city_today import CityToday
from serving.grading.grading_run import GradingRun, grade_city
from serving.grading.policies import GradingPolicies
from serving.grading.working_days import WorkingDays
from serving.scorer import Scorer


@dataclass(frozen=True)
class DayToGrade:
    """What a run of one day needs beside the policies; made once, graded under as many policies as one likes.

    `heads` are those that a policy may name: of the model, and declared ones that it may lack.
    """

    scorer: Scorer
    records: Records
    day: pd.Timestamp
    heads: frozenset[str]
    visits_per_year: float | None = None

    def capacity(self, policies: GradingPolicies) -> Capacity:
        """As told, or by the inspector-days on file."""
        if self.visits_per_year is not None:
            return told_capacity(self.visits_per_year)
        policy, _ = policies.on(self.day.date())
        return roster_capacity(self.records, self.day, policy.content["capacity"], self.working_days())

    def working_days(self) -> WorkingDays:
        """The calendar as known on the day."""
        return WorkingDays.of(self.records, self.day)

    def graded(
        self, policies: GradingPolicies, yesterday: pd.DataFrame | None = None, *, scale: float | None = None
    ) -> GradingRun:
        """The run under these policies, its passport saying from what it was made; `scale` instead of the one that fits."""
        capacity = replace(self.capacity(policies), scale=scale)
        city = CityToday.of(self.scorer, self.day, policies, self.working_days())
        run = grade_city(city, policies, capacity, yesterday)
        return replace(run, passport=self._made_from() | run.passport)

    def _made_from(self) -> dict[str, Any]:
        catalogue = self.scorer.index.catalogue
        return {
            "as_of": self.day.isoformat(),
            "model_version": self.scorer.model.version,
            "catalogue_version": catalogue.version,
            "catalogue_hash": catalogue.hash,
            "store_version": self.records.store_version,
            "records_fingerprint": self.records.fingerprint_at_hand,
        }
