"""Which enterprise held a role on a site, and whose record an event belongs to, both as known at `as_of`.

An event of a site belongs to every enterprise that held the role on the day it happened, once each. An event
that names the enterprise answerable belongs to it, in the role it names; tables differ in whether that
excludes the holder of the role (a penalty does, an accident does not), which the catalogue declares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.fact_table import FactTable
from features.renamings import Renamings
from features.span_joins import concatenated, joined, meetings, once_each
from features.step_functions import MISSING, Ints, LeadingFact, Spans, ranks_by


class PartyLinks:
    """The versions of `project_parties`, by role."""

    def __init__(self, parties: FactTable, project_count: int, sites: Renamings, firms: Renamings) -> None:
        self._parties = parties
        self._project_count = project_count
        self._role = parties.frame["role"]
        self._valid_from = parties.moments("valid_from")
        self._valid_to = parties.moments("valid_to")
        self._sites = sites
        self._firms = firms
        self._holders: dict[str, LeadingFact] = {}

    def enterprise(self, role: str, projects: Ints, as_of: Ints) -> Ints:
        """The enterprise in the role by its present name, -1 where none is on file."""
        rows = self.holder(role).at(projects, as_of)
        return self._firms.current(np.append(self._parties.enterprises, -1)[rows], as_of)

    def holder(self, role: str) -> LeadingFact:
        """The row of the party in the role at `as_of`, per project; of several, the one that joined last."""
        if role not in self._holders:
            spans = self._in_role(role)
            leaves = self._parties.closings("valid_to")
            spans = spans.narrowed(starts=self._valid_from[spans.rows], ends=leaves[spans.rows])
            ranks = ranks_by(self._valid_from[spans.rows], self._parties.enterprises[spans.rows])
            self._holders[role] = LeadingFact.of(spans, ranks, self._project_count)
        return self._holders[role]

    def attributed(self, facts: FactTable, known: Spans, days: np.ndarray, role: str, *, named: str) -> Spans:
        """The facts as spans of the enterprises in `role` that they belong to.

        `known`: facts by their rows; `days`: the day the role was held, one a span. `named` says what an
        enterprise named in the row does to the holder of the role: "instead" or "beside" it.
        """
        answerable = self._answerable_in(facts, role)[known.rows]
        enterprise = facts.enterprises[known.rows]
        by_name = known.kept(answerable & (enterprise >= 0))
        by_name = Spans(by_name.rows, facts.enterprises[by_name.rows], by_name.starts, by_name.ends)
        through_role = answerable & (facts.projects[known.rows] >= 0)
        if named == "instead":
            through_role &= enterprise < 0
        held = self._held_on_the_day(facts, known.kept(through_role), days[through_role], role)
        return self._firms.passed_on(once_each(concatenated(by_name, held)))

    def _answerable_in(self, facts: FactTable, role: str) -> NDArray[np.bool_]:
        """Rows whose party answerable, where the table names one, is not in another role."""
        for column in ("role", "responsible_role"):
            if column in facts.contract.column_names:
                answerable = facts.frame[column]
                return (answerable.isna() | (answerable == role)).to_numpy(bool)
        return np.ones(len(facts), bool)

    def _held_on_the_day(self, facts: FactTable, known: Spans, days: np.ndarray, role: str) -> Spans:
        """Each fact of a site joined with every party version of the role that covers its day."""
        parties = self._in_role(role)
        left, right = meetings(facts.projects[known.rows], parties)
        party, day = parties.rows[right], days[left]
        leaves = self._valid_to[party]
        covers = (self._valid_from[party] <= day) & ((leaves == MISSING) | (day < leaves))
        left, right = left[covers], right[covers]
        return joined(known, left, self._parties.enterprises[party[covers]], parties, right).narrowed()

    def _rows(self, role: str) -> np.ndarray:
        return np.flatnonzero((self._role == role).to_numpy(bool))

    def _in_role(self, role: str) -> Spans:
        """The role's party versions, by project, from when to when each was the version on file."""
        rows = self._rows(role)
        parties = self._parties
        spans = Spans(rows, parties.projects[rows], parties.recorded[rows], parties.in_force_until[rows])
        return self._sites.passed_on(spans)
