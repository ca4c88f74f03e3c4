"""Days of exposure within a window: how long sites were under way, or an enterprise was on them.

The days from s to f that lie in the W days before t are min(f, t) - max(s, t - W): a line in t between
corners, so a sum over many sites is the sum of their slopes times t plus the sum of their constants. Both
are step functions of whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.asked_sites import Floats, Sites
from features.fact_shelf import FactShelf
from features.feature import Feature
from features.span_joins import concatenated
from features.step_functions import DAY, MISSING, NEVER, Ints, Spans
from features.subject_sums import SubjectSum


@dataclass(frozen=True)
class Exposure:
    """Days from a fact's day until its end (or `as_of`) within the window, summed over the subject's facts."""

    slopes: SubjectSum
    constants: SubjectSum

    @classmethod
    def build(cls, feature: Feature, shelf: FactShelf) -> Exposure:
        table, since = shelf.table(feature), shelf.since(feature)
        finish, window = table.moments(feature.until[0]), int(feature.window_days or 0)
        facts = shelf.on_file(feature, (since != MISSING) & ((finish == MISSING) | (finish > since)))
        begin, end = since[facts.rows] // DAY, finish[facts.rows] // DAY
        far = NEVER // DAY - window  # later than any moment
        end = np.where(finish[facts.rows] == MISSING, far, end)
        none, one = np.zeros(len(begin), np.int64), np.ones(len(begin), np.int64)
        pieces = [
            _piece(facts, begin, end, one, none),  # min(f, t) is t until the end
            _piece(facts, end, end + window, none, end),  # and f from then
            _piece(facts, begin, begin + window, none, -begin),  # max(s, t - W) is s at first
            _piece(facts, begin + window, end + window, -one, none + window),  # and t - W later
        ]
        spans = concatenated(*(piece for piece, _, _ in pieces))
        slopes, constants = (np.concatenate([piece[part] for piece in pieces]) for part in (1, 2))
        return cls(
            SubjectSum.of(feature, shelf, spans, slopes), SubjectSum.of(feature, shelf, spans, constants)
        )

    def at(self, sites: Sites) -> Floats:
        days = self.slopes.at(sites) * (sites.as_of // DAY) + self.constants.at(sites)
        return np.where(sites.subjects(self.slopes.subject) < 0, np.nan, days)


def _piece(facts: Spans, first: Ints, last: Ints, slope: Ints, constant: Ints) -> tuple[Spans, Ints, Ints]:
    """The part of the facts from 00:00 of the day `first` until 00:00 of `last`, with its line."""
    starts, ends = np.maximum(facts.starts, first * DAY), np.minimum(facts.ends, last * DAY)
    keep = (starts < ends) & (facts.entities >= 0)
    return (
        Spans(facts.rows[keep], facts.entities[keep], starts[keep], ends[keep]),
        slope[keep],
        constant[keep],
    )
