"""All step functions of an index, built once from the facts of the whole city."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from data_contracts.progress import Progress
from features.curve_pool import CurvePool, Term
from features.fact_shelf import FactShelf, with_window
from features.feature import GROUPS
from features.look_tables import Pools
from features.sorting import DAY, Ints
from features.step_functions import LeadingFact, Spans, Tally
from features.step_keys import refuse_too_many
from features.step_requests import Carried, Leading, Request, Summed, key_of

RENAMED_OFTEN = 8  # steps that are followed to the present name


@dataclass(frozen=True)
class StepCurves:
    """The arrays, and where in them each request is answered.

    `own_terms`: of the pairs of site and subject, to be taken away; `pair_ranges`: of each subject, where its
    pairs lie; `successor`: the curve of renamed enterprises or -1, its first value, the steps followed.
    """

    pools: Pools
    terms: dict[Summed, list[Term]]
    own_terms: dict[Summed, list[Term]]
    leads: dict[Leading, int]
    carried: dict[Carried, int]
    numbers: dict[Request, int]
    pair_ranges: dict[str, tuple[int, int]]
    successor: Ints
    recorded: int


@dataclass
class CurveBuilder:
    """Builds the curves of requests from all facts on a shelf."""

    shelf: FactShelf
    _pool: CurvePool = field(default_factory=CurvePool)
    _terms: dict[Summed, list[Term]] = field(default_factory=dict)
    _own_terms: dict[Summed, list[Term]] = field(default_factory=dict)
    _leads: dict[Leading, int] = field(default_factory=dict)
    _carried: dict[Carried, int] = field(default_factory=dict)

    def build(self, requests: Iterable[Request], progress: Progress, step: str) -> StepCurves:
        """The curves of all requests; `progress` is told how many are done."""
        asked = list(dict.fromkeys(requests))
        refuse_too_many(len(asked), len(self.shelf.projects), len(self.shelf.enterprises))
        families: dict[object, list[Summed]] = defaultdict(list)
        leading: dict[Leading, list[Carried]] = defaultdict(list)
        for request in asked:
            if isinstance(request, Summed):
                families[_family(request)].append(request)
            elif isinstance(request, Carried):
                leading[request.leading].append(request)
        pairs, ranges = self._pairs([one for members in families.values() for one in members])
        for done, members in enumerate(families.values()):
            progress(step, done, len(families) + len(leading))
            self._add_family(members, pairs, ranges)
        for done, (led, those) in enumerate(leading.items(), len(families)):
            progress(step, done, len(families) + len(leading))
            self._add_leading(led, those)
        successor, recorded = self._successor(), self._recorded()
        progress(step, len(families) + len(leading), len(families) + len(leading))
        numbers = {request: number for number, request in enumerate(asked)}
        places = self._terms, self._own_terms, self._leads, self._carried
        return StepCurves(self._pool.joined(pairs), *places, numbers, ranges, successor, recorded)

    def entity_count(self, subject: str | None) -> int:
        """How many sites, enterprises or groups there are."""
        if subject is None:
            return len(self.shelf.projects)
        return self.shelf.groups.count(subject) if subject in GROUPS else len(self.shelf.enterprises)

    def _pairs(self, sums: list[Summed]) -> tuple[Ints, dict[str, tuple[int, int]]]:
        """For each subject, every pair of a site and one elsewhere that has a fact in common."""
        by_subject: dict[str, dict[str, Ints]] = defaultdict(dict)
        for request in sums:
            feature = request.feature
            if request.elsewhere and str(feature.table) not in by_subject[str(feature.subject)]:
                by_subject[str(feature.subject)][str(feature.table)] = self.shelf.pairs(feature)
        ranges, parts, size = {}, [np.empty(0, np.int64)], 0
        for subject, tables in by_subject.items():
            found = np.sort(pd.unique(np.concatenate(list(tables.values()))))
            ranges[subject] = (size, size + len(found))
            parts.append(found)
            size += len(found)
        return np.concatenate(parts), ranges

    def _add_family(self, members: list[Summed], pairs: Ints, ranges: dict[str, tuple[int, int]]) -> None:
        """The terms of sums over the same facts in different windows."""
        first = members[0]
        since: Ints | None = None
        if first.shares_windows:
            spans, since, weights = first.open_spans(self.shelf)
        else:
            spans, weights = first.spans(self.shelf)
        facts = spans, since, weights
        self._terms |= self._of_members(members, facts, self.entity_count(first.subject))
        if first.elsewhere:
            own = self.shelf.own(str(first.feature.table), spans)
            known = pairs[slice(*ranges[str(first.subject)])]
            placed = Spans(own.rows, np.searchsorted(known, own.entities), own.starts, own.ends)
            facts = placed, None if since is None else since[own.rows], weights[own.rows]
            self._own_terms |= self._of_members(members, facts, len(known))

    def _of_members(
        self, members: list[Summed], facts: tuple[Spans, Ints | None, Ints], count: int
    ) -> dict[Summed, list[Term]]:
        spans, since, weights = facts
        if since is None:
            return dict.fromkeys(members, self._pool.changes(spans, weights, count))
        windows = {request: int(request.feature.window_days or 0) * DAY for request in members}
        terms = self._pool.windows(spans, since, weights, list(windows.values()), count)
        return {request: terms[window] for request, window in windows.items()}

    def _add_leading(self, leading: Leading, members: list[Carried]) -> None:
        """The curve of what holds, one for all numbers that its facts carry."""
        spans, ranks = leading.spans(self.shelf)
        held = LeadingFact.of(spans, ranks, self.entity_count(leading.subject))
        self._leads[leading] = self._pool.add_leading(held)
        for request in members:
            values = np.append(request.values(self.shelf), np.nan)[held.rows]
            self._carried[request] = self._pool.add_values(values)

    def _successor(self) -> Ints:
        successor = self.shelf.firms.successor
        if not len(successor.rows):
            return np.array([-1, 0, 0])
        curve = self._pool.add_leading(successor)
        numbers = np.append(self.shelf.firms.new_numbers.astype(np.float64), np.nan)[successor.rows]
        return np.array([curve, self._pool.add_values(numbers), RENAMED_OFTEN])

    def _recorded(self) -> int:
        """The curve of the moments at which anything about a site came on file."""
        about = [table for table in self.shelf.all_tables() if "project_id" in table.contract.column_names]
        entities = np.concatenate([table.projects for table in about])
        moments = np.concatenate([table.recorded for table in about])
        one = np.broadcast_to(1, entities.shape)
        return self._pool.add_tally(Tally.of(entities, moments, one, len(self.shelf.projects)))


def _family(request: Summed) -> object:
    if not request.shares_windows:
        return request.key
    return key_of(with_window(request.feature, None))
