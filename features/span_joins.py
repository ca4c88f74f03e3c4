"""Facts met with the intervals during which something else was so: the party on site, the project's version."""

from __future__ import annotations

import numpy as np

from features.sorting import Ints
from features.step_functions import Spans


def meetings(keys: Ints, others: Spans) -> tuple[Ints, Ints]:
    """Every pair (place in `keys`, place in `others`) of the same entity; a key below 0 meets nobody."""
    order = np.argsort(others.entities, kind="stable")
    sorted_entities = others.entities[order]
    first = np.searchsorted(sorted_entities, keys, "left")
    count = np.where(keys < 0, 0, np.searchsorted(sorted_entities, keys, "right") - first)
    left = np.repeat(np.arange(len(keys)), count)
    within = np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count)
    return left, order[within + np.repeat(first, count)]


def joined(spans: Spans, left: Ints, entities: Ints, others: Spans, right: Ints) -> Spans:
    """The facts `left` of `spans` given to `entities` while the spans `right` of `others` last; empty ones kept."""
    starts = np.maximum(spans.starts[left], others.starts[right])
    ends = np.minimum(spans.ends[left], others.ends[right])
    return Spans(spans.rows[left], entities, starts, ends)


def concatenated(*parts: Spans) -> Spans:
    return Spans(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.entities for part in parts]),
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.ends for part in parts]),
    )


def once_each(spans: Spans) -> Spans:
    """Spans of the same fact and entity as one where they overlap."""
    return spans.united(spans.rows * (spans.entities.max(initial=0) + 1) + spans.entities)
