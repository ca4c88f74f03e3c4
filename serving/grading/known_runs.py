"""The grading runs and the decisions of persons that a store held at one mark: read once, and looked up by site."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from serving.grading.decisions import Decision, after_decisions
from serving.grading.grade_store import NOTHING_KNOWN, GradesMark, GradeStore, RunNote
from serving.grading.site_grades import DECIDED, DUE, STATE
from serving.kept_values import KeptValues
from serving.scorer import CityRisks

RUNS_KEPT = 4
"""Of a city of thirty thousand sites one takes some tens of megabytes."""

COLUMNS = (*DECIDED, *STATE, *DUE)


class RunGrades:
    """The grades of one run by site, as the run left them."""

    def __init__(self, note: RunNote, passport: Mapping[str, Any], grades: pd.DataFrame) -> None:
        self.note, self.passport = note, passport
        self._rows = {site: row for row, site in enumerate(grades["project_id"].tolist())}
        self._columns = {name: _plain(grades[name]) for name in COLUMNS}
        self._risks = {
            name.removeprefix("risk_"): grades[name].to_numpy()
            for name in map(str, grades.columns)
            if name.startswith("risk_")
        }

    def site(self, project_id: str) -> dict[str, Any] | None:
        """What the run says of a site, by the names of its columns, None being missing; None if it does not know it."""
        row = self._rows.get(project_id)
        return None if row is None else {name: column[row] for name, column in self._columns.items()}

    @cached_property
    def risks(self) -> CityRisks:
        """The risks of the run's sites: what a percentile is taken against."""
        return CityRisks({head: np.sort(values[~np.isnan(values)]) for head, values in self._risks.items()})

    def is_of_model(self, version: str) -> bool:
        """Whether the risks are those of that model."""
        return bool(self.passport.get("model_version") == version)


@dataclass(frozen=True)
class CountedRun:
    """The run that counts at a moment, with what persons decided about it, by site in the order recorded."""

    grades: RunGrades
    moment: pd.Timestamp
    decisions: Mapping[str, Sequence[Decision]]

    def site(self, project_id: str) -> dict[str, Any] | None:
        """What holds for a site after the decisions on file at the moment; None if the run does not know it."""
        site = self.grades.site(project_id)
        known = [one for one in self.decisions.get(project_id, ()) if one.is_known_at(self.moment)]
        return site if site is None or not known else after_decisions(site, known)


class KnownRuns:
    """What a store held at `mark`; later runs and decisions are not seen, so that an answer can be given again."""

    def __init__(
        self, store: GradeStore | None = None, mark: GradesMark | None = None, before: KnownRuns | None = None
    ) -> None:
        """`before` lends the grades that it has read; without a store there are no runs."""
        self.mark = NOTHING_KNOWN if store is None else mark or store.mark()
        self._store = store
        self._notes = [] if store is None else store.notes(self.mark)
        self.newest_moment = None if store is None else store.newest_moment(self.mark)
        self._grades: KeptValues[RunNote, RunGrades] = before._grades if before else KeptValues(RUNS_KEPT)
        self._decisions: KeptValues[dt.date, dict[str, list[Decision]]] = KeptValues(RUNS_KEPT)
        self._last: CountedRun | None = None

    def at(self, moment: pd.Timestamp) -> CountedRun | None:
        """The run that counts at a moment: of the latest day up to it the one made last of those made by then.

        None before the first run.
        """
        last = self._last
        if last is not None and last.moment == moment:
            return last
        note = self._note_at(moment)
        if note is None:
            return None
        store = self._store
        assert store is not None
        grades = self._grades.value(note, lambda: RunGrades(note, *store.run_and_grades(note.run_id)))
        decided = self._decisions.value(note.day, lambda: _by_site(store.decisions_on(note.day, self.mark)))
        found = self._last = CountedRun(grades, moment, decided)  # one call asks several times
        return found

    def is_read(self, moment: pd.Timestamp) -> bool:
        """Whether `at` has nothing to read from the store."""
        note = self._note_at(moment)
        return note is None or (note in self._grades and note.day in self._decisions)

    def _note_at(self, moment: pd.Timestamp) -> RunNote | None:
        day = moment.date()
        return next((one for one in self._notes if one.day <= day and one.made_at <= moment), None)


def _plain(column: pd.Series) -> list[Any]:
    """The values, days as dates and what is missing as None."""
    values = column.dt.date if column.dtype.kind == "M" else column
    plain = values.astype(object)
    return plain.where(plain.notna(), None).tolist()


def _by_site(decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
    found = defaultdict(list)
    for one in decisions:
        found[one.project_id].append(one)
    return dict(found)
