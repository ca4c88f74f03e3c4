"""Sums of facts in force per subject, with or without those of the site asked about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.asked_sites import Sites
from features.fact_shelf import FactShelf
from features.feature import ELSEWHERE, Feature
from features.step_functions import Ints, RunningSum, Spans


@dataclass(frozen=True)
class SubjectSum:
    """Whole numbers in force per subject; with `own`, without those of the project asked about."""

    subject: str | None
    total: RunningSum
    own: RunningSum | None
    pairs: Ints
    entity_count: int

    @classmethod
    def of(cls, feature: Feature, shelf: FactShelf, spans: Spans, weights: Ints) -> SubjectSum:
        pairs, own = np.empty(0, np.int64), None
        if feature.scope == ELSEWHERE:
            pairs, own = shelf.own_part(feature, spans, weights)
        entities = shelf.entity_count(feature)
        return cls(feature.subject, RunningSum.of(spans, weights, entities), own, pairs, entities)

    def at(self, sites: Sites) -> Ints:
        """The sum per row; 0 where there is no subject."""
        subjects = sites.subjects(self.subject)
        totals = self.total.at(subjects, sites.as_of)
        if self.own is not None and len(self.pairs):
            pair = sites.projects * self.entity_count + subjects
            place = np.minimum(np.searchsorted(self.pairs, pair), len(self.pairs) - 1)
            known = (self.pairs[place] == pair) & (subjects >= 0) & (sites.projects >= 0)
            totals = totals - self.own.at(np.where(known, place, -1), sites.as_of)
        return totals
