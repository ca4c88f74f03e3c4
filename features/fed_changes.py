"""What has changed since the step functions were built, kept beside them and looked up with them.

Sums are whole numbers, so what new records change is a difference: the spans of the touched facts as they were
are taken away, those as they are now added. Of facts that hold, the touched entities' step functions are
replaced. Nothing is altered in place: every feeding makes a new `FedChanges`, so a request sees one state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.look_tables import Fed
from features.sorting import Floats, Ints

NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class FedChanges:
    """Changes by key (function and entity, sorted): `bounds` says where each key's moments begin and end."""

    sum_keys: Ints
    sum_bounds: Ints
    sum_moments: Ints
    sum_totals: Ints
    held_keys: Ints
    held_bounds: Ints
    held_moments: Ints
    held_numbers: Floats

    @classmethod
    def none(cls) -> FedChanges:
        nothing = np.zeros(1, np.int64)
        return cls(NONE, nothing, NONE, nothing, NONE, nothing, NONE, np.empty(0))

    @property
    def arrays(self) -> Fed:
        """What the compiled look-up reads."""
        return Fed(
            self.sum_keys,
            self.sum_bounds,
            self.sum_moments,
            self.sum_totals,
            self.held_keys,
            self.held_bounds,
            self.held_moments,
            self.held_numbers,
        )

    def __len__(self) -> int:
        return len(self.sum_moments) + len(self.held_moments)

    def with_sums(self, keys: Ints, moments: Ints, weights: Ints) -> FedChanges:
        """Also with these changes of sums, in any order; what cancels out among them is left out."""
        old_keys = np.repeat(self.sum_keys, np.diff(self.sum_bounds))
        order = np.lexsort((moments, keys))
        keys, moments, weights = keys[order], moments[order], weights[order]
        starts = np.flatnonzero(
            np.r_[True, (keys[1:] != keys[:-1]) | (moments[1:] != moments[:-1])][: len(keys)]
        )
        weights = np.add.reduceat(weights, starts) if len(starts) else weights
        kept = starts[weights != 0]
        keys, moments, weights = keys[kept], moments[kept], weights[weights != 0]
        places = _places(old_keys, self.sum_moments, keys, moments)
        all_keys = np.insert(old_keys, places, keys)
        all_moments = np.insert(self.sum_moments, places, moments)
        all_weights = np.insert(np.diff(self.sum_totals), places, weights)
        found, bounds = _bounds(all_keys)
        totals = np.concatenate([[0], np.cumsum(all_weights)])
        return FedChanges(
            found,
            bounds,
            all_moments,
            totals,
            self.held_keys,
            self.held_bounds,
            self.held_moments,
            self.held_numbers,
        )

    def with_held(self, replaced: Ints, keys: Ints, moments: Ints, numbers: Floats) -> FedChanges:
        """With the step functions of the keys `replaced` (sorted) as given: changes sorted by key and moment."""
        old_keys = np.repeat(self.held_keys, np.diff(self.held_bounds))
        kept = ~np.isin(old_keys, replaced)
        silent = np.setdiff1d(
            replaced, keys
        )  # nothing holds any more: a change to nothing, from the beginning
        before = np.iinfo(np.int64).min
        all_keys = np.concatenate([old_keys[kept], keys, silent])
        all_moments = np.concatenate([self.held_moments[kept], moments, np.full(len(silent), before)])
        all_numbers = np.concatenate([self.held_numbers[kept], numbers, np.full(len(silent), np.nan)])
        order = np.argsort(all_keys, kind="stable")
        found, bounds = _bounds(all_keys[order])
        return FedChanges(
            self.sum_keys,
            self.sum_bounds,
            self.sum_moments,
            self.sum_totals,
            found,
            bounds,
            all_moments[order],
            all_numbers[order],
        )


def _bounds(keys: Ints) -> tuple[Ints, Ints]:
    """The different ones of sorted keys, and where each begins, and the last ends."""
    if not len(keys):
        return NONE, np.zeros(1, np.int64)
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    return keys[starts], np.append(starts, len(keys))


def _places(old_keys: Ints, old_moments: Ints, keys: Ints, moments: Ints) -> Ints:
    """Where each change goes among the old ones, after those of the same key and moment."""
    low, high = np.searchsorted(old_keys, keys, "left"), np.searchsorted(old_keys, keys, "right")
    return np.array(
        [
            start + np.searchsorted(old_moments[start:end], moment, "right")
            for start, end, moment in zip(low.tolist(), high.tolist(), moments.tolist(), strict=True)
        ],
        np.int64,
    )
