"""Ends that other facts bring: the next assessment of the same kind, or the finish of the site."""

from __future__ import annotations

import numpy as np

from features.sorting import MISSING, NEVER, Ints
from features.step_functions import LeadingFact, Spans, ranks_by


def until_superseded(spans: Spans, groups: Ints, since: Ints, recorded: Ints) -> Spans:
    """Each fact for as long as no later one of its group is on file and has begun.

    All but the first argument have an element a row of the table. Where the
    spans say that a later one is gone again, the earlier one takes its place.
    """
    dated = spans.kept(since[spans.rows] != MISSING).narrowed(starts=since[spans.rows])
    of_groups = Spans(dated.rows, groups[dated.rows], dated.starts, dated.ends)
    ranks = ranks_by(since[dated.rows], recorded[dated.rows], dated.rows)
    latest = LeadingFact.of(of_groups, ranks, int(groups.max(initial=-1)) + 1)
    entities = np.full(len(groups), -1, np.int64)
    entities[dated.rows] = dated.entities
    ends = np.append(latest.moments[1:], NEVER)
    ends[latest.offsets[1:] - 1] = NEVER
    return Spans(latest.rows, entities[latest.rows], latest.moments, ends).kept(latest.rows >= 0)


def outside(spans: Spans, projects: Ints, over: Spans, project_count: int) -> Spans:
    """The parts of the spans at which their projects (one a span) are in none of the spans `over`.

    The spans `over` of one project do not overlap.
    """
    open_ = _between(over, project_count)
    first = np.searchsorted(open_.entities, projects, "left")
    count = np.searchsorted(open_.entities, projects, "right") - first
    span = np.repeat(np.arange(len(projects)), count)
    gap = np.arange(len(span)) - np.repeat(np.cumsum(count) - count - first, count)
    return spans.taken(span).narrowed(starts=open_.starts[gap], ends=open_.ends[gap])


def _between(over: Spans, entity_count: int) -> Spans:
    """Per entity what lies before, between and after its spans; sorted by entity and time."""
    every = np.arange(entity_count)
    opening = (
        np.concatenate([every, over.entities]),
        np.concatenate([np.full(entity_count, MISSING), over.ends]),
    )
    closing = (
        np.concatenate([over.entities, every]),
        np.concatenate([over.starts, np.full(entity_count, NEVER)]),
    )
    who, starts = (column[np.lexsort(opening[::-1])] for column in opening)
    ends = closing[1][np.lexsort(closing[::-1])]
    return Spans(np.arange(len(who)), who, starts, ends)
