"""Days of exposure within a window: how long sites were under way, or an enterprise was on them.

The days from s to f that lie in the W days before t are min(f, t) - max(s, t - W): a line in t between
corners, so a sum over many sites is the sum of their slopes times t plus the sum of their constants. Both
are step functions of whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.fact_endings import outside
from features.fact_shelf import FactShelf
from features.feature import Feature
from features.site_status import finished_on
from features.sorting import DAY, MISSING, NEVER, Ints
from features.span_joins import concatenated, joined, meetings
from features.step_functions import Spans


@dataclass(frozen=True)
class Lines:
    """Spans during which a fact's days are slope * t + constant, t in whole days."""

    spans: Spans
    slopes: Ints
    constants: Ints


def exposure_lines(feature: Feature, shelf: FactShelf) -> Lines:
    """Days from a fact's day until its end (or `as_of`) within the feature's window, as lines.

    Where the table's facts end with their site, the end is the site's finish as then known, if sooner.
    """
    since, window = shelf.since(feature), int(feature.window_days or 0)
    facts, finish = _with_ends(feature, shelf)
    lasting = finish > since[facts.rows]
    facts, finish = facts.kept(lasting), finish[lasting]
    far = NEVER // DAY - window  # later than any moment
    begin, end = since[facts.rows] // DAY, np.minimum(finish // DAY, far)
    none, one = np.zeros(len(begin), np.int64), np.ones(len(begin), np.int64)
    pieces = [
        _piece(facts, begin, end, one, none),  # min(f, t) is t until the end
        _piece(facts, end, end + window, none, end),  # and f from then
        _piece(facts, begin, begin + window, none, -begin),  # max(s, t - W) is s at first
        _piece(facts, begin + window, end + window, -one, none + window),  # and t - W later
    ]
    slopes, constants = (np.concatenate([piece[part] for piece in pieces]) for part in (1, 2))
    return Lines(concatenated(*(piece for piece, _, _ in pieces)), slopes, constants)


def _with_ends(feature: Feature, shelf: FactShelf) -> tuple[Spans, Ints]:
    """The facts on file and the moment each ends (one a span), NEVER where none is known."""
    table = shelf.table(feature)
    facts = shelf.on_file(feature, shelf.since(feature) != MISSING)
    own = table.moments(feature.until[0])
    own = np.where(own == MISSING, NEVER, own)
    if not shelf.ends_with_project(feature):
        return facts, own[facts.rows]
    sites = shelf.named("projects")
    finish = finished_on(sites)
    finished = Spans(np.arange(len(sites)), sites.projects, sites.recorded, sites.in_force_until)
    finished = finished.kept(finish < NEVER).narrowed()
    going_on = outside(facts, table.projects[facts.rows], finished, len(shelf.projects))
    left, right = meetings(table.projects[facts.rows], finished)
    over = joined(facts, left, facts.entities[left], finished, right)
    ends = np.minimum(own[over.rows], finish[finished.rows[right]])
    return concatenated(going_on, over), np.concatenate([own[going_on.rows], ends])


def _piece(facts: Spans, first: Ints, last: Ints, slope: Ints, constant: Ints) -> tuple[Spans, Ints, Ints]:
    """The part of the facts from 00:00 of the day `first` until 00:00 of `last`, with its line."""
    starts, ends = np.maximum(facts.starts, first * DAY), np.minimum(facts.ends, last * DAY)
    keep = (starts < ends) & (facts.entities >= 0)
    return (
        Spans(facts.rows[keep], facts.entities[keep], starts[keep], ends[keep]),
        slope[keep],
        constant[keep],
    )
