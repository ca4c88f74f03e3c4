"""Where a site stands at `as_of`, and which sites make the cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.fact_table import FactTable
from features.sorting import DAY, MISSING, NEVER, Floats, Ints
from features.step_functions import Spans

UNKNOWN, NOT_STARTED, ACTIVE, FINISHED = "UNKNOWN", "NOT_STARTED", "ACTIVE", "FINISHED"
_ENDED = ("COMPLETED", "TERMINATED")


def finished_on(projects: FactTable) -> Ints:
    """The moment each version of `projects` says the site was finished or terminated; NEVER where it does not.

    Where it says so without a day, the moment from which it has been on file like that.
    """
    finish = projects.moments("finish_date")
    undated = (finish == MISSING) & projects.is_one_of("status", _ENDED)
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


def status_moments(projects: FactTable) -> dict[str, Floats]:
    """Of each version: that it is on file (1), when the site starts, finishes and was delivered; NaN for never.

    Started from `start_date`, finished from `finish_date`. A version without `finish_date` is finished if its
    status is COMPLETED or TERMINATED; a terminated site is not delivered. A status that says NOT_STARTED after
    `start_date` has passed is taken as out of date: a forgotten entry must not take a site off the list of
    those to be watched.
    """
    start, finish = projects.moments("start_date"), finished_on(projects)
    day = projects.moments("finish_date")
    terminated = projects.is_one_of("status", ("TERMINATED",))
    return {
        "on_file": np.ones(len(projects)),
        "starts": np.where(start == MISSING, np.nan, start),
        "finishes": np.where(finish == NEVER, np.nan, finish),
        "delivered": np.where((day == MISSING) | terminated, np.nan, day),
    }


def status_of(as_of: Ints, on_file: Floats, starts: Floats, finishes: Floats) -> NDArray[np.str_]:
    """Where a site stands, by its version on file at each moment."""
    conditions = [np.isnan(on_file), finishes <= as_of, starts > as_of]
    return np.select(conditions, [UNKNOWN, FINISHED, NOT_STARTED], default=ACTIVE)


def delivered_since(as_of: Ints, delivered: Floats, months: int) -> NDArray[np.bool_]:
    """Not longer ago than so many months; a site not delivered is not."""
    moments = pd.DatetimeIndex(as_of.view("datetime64[us]"))
    earliest = (moments - pd.DateOffset(months=months)).to_numpy("datetime64[us]").view(np.int64)
    return delivered > earliest
