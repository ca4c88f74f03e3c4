"""Where a site stands at `as_of`, and which sites make the cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.fact_table import FactTable
from features.step_functions import DAY, MISSING, NEVER, Ints, LeadingFact, Spans

UNKNOWN, NOT_STARTED, ACTIVE, FINISHED = "UNKNOWN", "NOT_STARTED", "ACTIVE", "FINISHED"
_ENDED = ("COMPLETED", "TERMINATED")


def finished_on(projects: FactTable) -> Ints:
    """The moment each version of `projects` says the site was finished or terminated; NEVER where it does not.

    Where it says so without a day, the moment from which it has been on file like that.
    """
    finish = projects.moments("finish_date")
    undated = (finish == MISSING) & projects.frame["status"].isin(_ENDED).to_numpy(bool)
    first = undated.copy()
    first[1:] &= ~undated[:-1] | (projects.projects[1:] != projects.projects[:-1])
    since = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    return np.where(finish != MISSING, finish, np.where(undated, projects.recorded[since], NEVER))


def finished_spans(projects: FactTable, *, lingers_days: int = 0) -> Spans:
    """When each site was known to have been finished for `lingers_days`; those of one site do not overlap."""
    day = finished_on(projects)
    spans = Spans(np.arange(len(projects)), projects.projects, projects.recorded, projects.in_force_until)
    spans = spans.kept(day < NEVER)
    return spans.narrowed(starts=day[spans.rows] + lingers_days * DAY)


class SiteStatus:
    """The versions of `projects`: started from `start_date`, finished from `finish_date`.

    A version without `finish_date` is finished if its status is COMPLETED or TERMINATED. A status that says
    NOT_STARTED after `start_date` has passed is taken as out of date: a forgotten entry must not take a site
    off the list of those to be watched.
    """

    def __init__(self, projects: FactTable, project_count: int) -> None:
        spans = Spans(np.arange(len(projects)), projects.projects, projects.recorded, projects.in_force_until)
        spans = spans.narrowed()
        self._version = LeadingFact.of(spans, spans.rows, project_count)
        self._start = np.append(projects.moments("start_date"), MISSING)
        finish, status = projects.moments("finish_date"), projects.frame["status"]
        self._finish = np.append(finished_on(projects), NEVER)
        self._delivered_on = np.append(
            np.where((status == "TERMINATED").to_numpy(bool, na_value=False), MISSING, finish), MISSING
        )

    def version(self, projects: Ints, as_of: Ints) -> Ints:
        """The row of `projects` in force, -1 for a project not on file."""
        return self._version.at(projects, as_of)

    def at(self, projects: Ints, as_of: Ints) -> NDArray[np.str_]:
        version = self.version(projects, as_of)
        conditions = [version < 0, self._finish[version] <= as_of, self._start[version] > as_of]
        return np.select(conditions, [UNKNOWN, FINISHED, NOT_STARTED], default=ACTIVE)

    def delivered_since(self, projects: Ints, as_of: Ints, months: int) -> NDArray[np.bool_]:
        """Finished, not terminated, and not longer ago than so many months."""
        moments = pd.DatetimeIndex(as_of.view("datetime64[us]"))
        earliest = (moments - pd.DateOffset(months=months)).to_numpy("datetime64[us]").view(np.int64)
        delivered = self._delivered_on[self.version(projects, as_of)]
        return (self.at(projects, as_of) == FINISHED) & (delivered != MISSING) & (delivered > earliest)
