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
from features.sorting import MISSING, Ints
from features.span_joins import concatenated, joined, meetings, once_each
from features.step_functions import Spans, ranks_by


class PartyLinks:
    """The versions of `project_parties`, by role."""

    def __init__(self, parties: FactTable, sites: Renamings, firms: Renamings) -> None:
        self._parties = parties
        self._valid_from = parties.moments("valid_from")
        self._valid_to = parties.moments("valid_to")
        self._sites = sites
        self._firms = firms

    def holder(self, role: str) -> tuple[Spans, Ints]:
        """The parties in the role as spans of their sites, and their ranks: the one that joined last holds."""
        spans = self._in_role(role)
        leaves = self._parties.closings("valid_to")
        spans = spans.narrowed(starts=self._valid_from[spans.rows], ends=leaves[spans.rows])
        return spans, ranks_by(self._valid_from[spans.rows], self._parties.enterprises[spans.rows])

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
                return facts.is_missing(column) | facts.is_one_of(column, (role,))
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
        return np.flatnonzero(self._parties.is_one_of("role", (role,)))

    def _in_role(self, role: str) -> Spans:
        """The role's party versions, by project, from when to when each was the version on file."""
        rows = self._rows(role)
        parties = self._parties
        spans = Spans(rows, parties.projects[rows], parties.recorded[rows], parties.in_force_until[rows])
        return self._sites.passed_on(spans)
