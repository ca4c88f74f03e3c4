"""Projects and enterprises that were renamed, merged or split: the history of the old id counts for the new one.

An alias is in force from the later of `effective_on` and when it was on file. While it is, facts of the old id
are facts of the new one as well, over as many steps as there are; the old id keeps them, too.
"""

from __future__ import annotations

import numpy as np

from features.fact_table import FactTable, Register
from features.sorting import MISSING
from features.span_joins import concatenated, joined, meetings, once_each
from features.step_functions import LeadingFact, Spans, ranks_by


class Renamings:
    """The aliases of one kind, PROJECT or ENTERPRISE, from old numbers to new ones.

    `successor` is the row that holds for an old id: of several new ids, the latest to take effect;
    `new_numbers` has what each row names.
    """

    def __init__(self, aliases: FactTable, kind: str, register: Register) -> None:
        self._old = aliases.numbers_in(register, "old_id")
        self.new_numbers = aliases.numbers_in(register, "new_id")
        effective = aliases.moments("effective_on")
        rows = np.flatnonzero(
            aliases.is_one_of("kind", (kind,))
            & (self._old >= 0)
            & (self.new_numbers >= 0)
            & (self._old != self.new_numbers)
            & (effective != MISSING)
        )
        spans = Spans(rows, self._old[rows], aliases.recorded[rows], aliases.in_force_until[rows])
        self._direct = spans.narrowed(starts=effective[rows])
        ranks = ranks_by(effective[self._direct.rows], self.new_numbers[self._direct.rows], self._direct.rows)
        self.successor = LeadingFact.of(self._direct, ranks, len(register))
        self._links = self._closed(len(register))

    def __len__(self) -> int:
        return len(self._direct.rows)

    def passed_on(self, spans: Spans) -> Spans:
        """The spans, and those of the new ids for as long as their aliases are in force."""
        if not len(self):
            return spans
        left, right = meetings(spans.entities, self._links)
        passed = joined(spans, left, self._links.rows[right], self._links, right).narrowed()
        return once_each(concatenated(spans.kept(spans.entities >= 0), passed))

    def _closed(self, count: int) -> Spans:
        """Spans by old number, with the new number as their row, over any number of steps."""
        direct = Spans(
            self.new_numbers[self._direct.rows], self._direct.entities, self._direct.starts, self._direct.ends
        )
        links = once_each(direct)
        while len(direct.rows):
            left, right = meetings(links.rows, direct)
            starts = np.maximum(links.starts[left], direct.starts[right])
            ends = np.minimum(links.ends[left], direct.ends[right])
            further = Spans(direct.rows[right], links.entities[left], starts, ends).narrowed()
            further = further.kept(further.rows != further.entities)
            grown = concatenated(links, further)
            grown = grown.united(grown.entities * count + grown.rows)
            if _same(grown, links):
                break
            links = grown
        return links


def _same(some: Spans, others: Spans) -> bool:
    pairs = ((some.rows, others.rows), (some.starts, others.starts), (some.ends, others.ends))
    return all(np.array_equal(one, other) for one, other in pairs)
