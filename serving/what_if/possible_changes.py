"""What a site can lawfully change now, and which of these changes bring its risks below given limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nextafter

import numpy as np
import pandas as pd

from features.fact_index import FactIndex
from serving.scorer import Scorer
from serving.what_if.changeable_facts import ChangeableFact, ChangeableFacts
from serving.what_if.drafted_rows import Draft, Tables

Risks = Mapping[str, float]
LEAST_EFFECT = 1e-9  # of a limit; what changes a risk by less changes nothing


@dataclass(frozen=True)
class PossibleChanges:
    """The changes of the policy that have rows of a project to be made to, with how many rows each would record by itself.

    A change that takes a percentage is made to the highest. `held` are the rows on file by table.
    """

    project_id: str
    as_of: pd.Timestamp
    held: Tables
    changes: Mapping[str, tuple[ChangeableFact, int]]
    _alone: Mapping[str, Tables]
    _waiting: frozenset[str]

    @classmethod
    def of(cls, index: FactIndex, project_id: str, as_of: pd.Timestamp) -> PossibleChanges:
        """Those of the policy in force; raises PolicyUndefined before the first one."""
        facts = ChangeableFacts.on(as_of.date()).changes
        tables = sorted(set[str]().union(*(fact.tables for fact in facts.values())))
        held, alone, waiting = index.on_file(tables, project_id, as_of), {}, set()
        for code, fact in facts.items():
            if held[fact.table].empty:
                continue
            draft = Draft(project_id, as_of, {name: held[name].copy() for name in fact.tables})
            if draft.made([("", fact, _highest(fact))]):
                waiting.add(code)
            if rows := draft.rows():
                alone[code] = rows
        changes = {code: (facts[code], sum(map(len, rows.values()))) for code, rows in alone.items()}
        return cls(project_id, as_of, held, changes, alone, frozenset(waiting))

    def with_those_before(self, code: str) -> frozenset[str]:
        """A change with those that it has to wait for."""
        after = self.changes[code][0].after if code in self._waiting else None
        first = {one for one, (other, _) in self.changes.items() if after and other.table == after.table}
        return frozenset({code} | first)

    def rows(self, codes: frozenset[str]) -> Tables:
        """The rows that the changes would record together, made in the order of the policy; none where one has to wait."""
        tables = [name for code in codes for name in self._alone[code]]
        if len(set(tables)) == len(tables) and not codes & self._waiting:
            return {name: rows for code in codes for name, rows in self._alone[code].items()}
        asked = [("", fact, _highest(fact)) for code, (fact, _) in self.changes.items() if code in codes]
        read = set[str]().union(*(fact.tables for _, fact, _ in asked))
        draft = Draft(self.project_id, self.as_of, {name: self.held[name].copy() for name in read})
        return {} if draft.made(asked) else draft.rows()

    def risks(self, scorer: Scorer, codes: frozenset[str]) -> dict[str, float]:
        """The risk of each head with the changes made."""
        index = scorer.index.supposing(self.rows(codes)) if codes else scorer.index
        matrix = index.matrix([self.project_id], np.array([self.as_of.to_datetime64()]))
        return {head: float(risk[0]) for head, risk in scorer.model.risks_by_head(matrix).items()}


@dataclass(frozen=True)
class NeededChanges:
    """The changes, the strongest first with how many rows each records, that bring every risk below its limit.

    Where all that help do not suffice, `is_enough` is false and they are all of them. `before` and `after` are the risks
    by head, of the heads in `limits`.
    """

    changes: Sequence[tuple[ChangeableFact, int]]
    is_enough: bool
    before: Risks
    after: Risks
    limits: Risks


def needed_changes(scorer: Scorer, possible: PossibleChanges, limits: Risks) -> NeededChanges:
    """By taking the strongest change first until every head's risk is below its limit, and then leaving out what is not needed.

    No smaller part of what is told suffices; another set of as few changes may. A change that has to wait for another
    comes with it.
    """
    before = possible.risks(scorer, frozenset())
    known = {frozenset[str](): before}

    def above(codes: frozenset[str]) -> float:
        """How far the risks are above their limits together, in parts of these; 0 where each is less than its own."""
        if codes not in known:
            known[codes] = possible.risks(scorer, codes)
        return sum(
            max(0.0, known[codes][head] - nextafter(limit, 0.0)) / limit for head, limit in limits.items()
        )

    alone = {possible.with_those_before(code) for code in possible.changes} if above(frozenset()) else set()
    taken, steps = frozenset[str](), list[frozenset[str]]()
    for one in sorted(alone, key=lambda codes: (above(codes), len(codes), sorted(codes))):
        if above(taken | one) < above(taken):
            taken, steps = taken | one, [*steps, one]
    for one in reversed(steps):
        fewer = frozenset[str]().union(*(step for step in steps if step != one))
        if above(fewer) <= (above(taken) + LEAST_EFFECT if above(taken) else 0):
            taken, steps = fewer, [step for step in steps if step != one]
    order = dict.fromkeys(code for step in steps for code in possible.changes if code in step)
    return NeededChanges(
        [possible.changes[code] for code in order],
        not above(taken),
        {head: before[head] for head in limits},
        {head: known[taken][head] for head in limits},
        limits,
    )


def _highest(fact: ChangeableFact) -> dict[str, float]:
    return {"percent": fact.percent[1]} if fact.percent else {}
