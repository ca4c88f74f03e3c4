"""How often a site is to be visited, when next, and by which duty: base, colour and nodes of the works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.frequency_policy_checks import (
    EVERY,
    GRADES,
    PER_PROJECT,
    PER_YEAR,
    UNKNOWN_GRADE,
    WITHIN_DAYS,
    WITHIN_WORKING_DAYS,
)
from data_contracts.grade_policy_checks import COLOURS
from serving.grading.capacity import DAYS_A_YEAR
from serving.grading.colours import NA, RANK, Floats, Ranks, colour_ranks
from serving.grading.overrides import NEVER, ONE_DAY, Days
from serving.grading.working_days import WorkingDays

REACHED = {"RED": "red_since", "ORANGE": "orange_since", "YELLOW": "yellow_since"}
DUE_COLUMNS = ("visits_per_year", "due_on", "due_rule", "due_zh", "due_en")


def visit_frequency(
    sites: pd.DataFrame,
    content: Mapping[str, Any],
    working_days: WorkingDays,
    entered: Mapping[str, Days] = MappingProxyType({}),
) -> pd.DataFrame:
    """visits_per_year, due_on, due_rule, due_zh and due_en of each site, in its order.

    `sites` has inherent_grade (missing: unknown), colour, red_since, orange_since and yellow_since (the day since
    when a site has had that colour or a worse one), started_on, expected_days and last_visit_on, each missing where
    it is not known; `entered` when each entered the stage of a node, by the node's feature (NaT: not yet), and may lack
    those that no site has entered since its last visit. The frequency is the larger of base and addition; the visit
    is due on the earliest day of any duty, past days included: that is how late it is.
    """
    base = base_visits(sites["inherent_grade"].to_numpy(), sites["expected_days"].to_numpy(), content)
    visits = np.maximum(base, added_visits(content)[colour_ranks(sites["colour"].tolist())])
    duties = [
        *_of_base(sites, base, content),
        *_of_colours(sites, content, working_days),
        *_of_nodes(sites, content, entered),
    ]
    by_duty = np.array([duty.due_on for duty in duties])
    asked = ~np.isnat(by_duty).all(axis=0)
    latest = np.datetime64("9999-12-31", "D")
    first = np.where(np.isnat(by_duty), latest, by_duty).argmin(axis=0)
    said = {
        word: np.array([getattr(duty, word) for duty in duties], object)[first]
        for word in ("rule", "zh", "en")
    }
    due = np.where(asked, by_duty[first, np.arange(len(sites))], NEVER)
    columns = [
        visits,
        due.astype("datetime64[us]"),
        *(np.where(asked, words, None) for words in said.values()),
    ]
    return pd.DataFrame(dict(zip(DUE_COLUMNS, columns, strict=True)), index=sites.index)


@dataclass(frozen=True)
class Duty:
    """A visit that is asked for: by which day of each site (NaT: not of this one), and by which rule."""

    due_on: Days
    rule: str
    zh: str
    en: str


def base_visits(inherent: Floats, expected_days: Floats, content: Mapping[str, Any]) -> Floats:
    """Visits a year by the inherent grade; a visit a project is spread over the expected days of its works.

    >>> rows = {grade: {"visits_per_year": grade} for grade in (1, 2, 3, 4, 5)}
    >>> base = {**rows, 1: {"visits_per_project": 2}, "unknown": {"visits_per_year": 3}}
    >>> base_visits(np.array([1, 4, np.nan]), np.array([365.0, 365, 365]), {"base": base}).tolist()
    [2.0, 4.0, 3.0]
    """
    visits = np.full(len(inherent), np.nan)
    for grade in (*GRADES, UNKNOWN_GRADE):
        row = content["base"][grade]
        of_grade = np.isnan(inherent) if grade == UNKNOWN_GRADE else inherent == grade
        a_year = (
            row[PER_YEAR] if PER_YEAR in row else row[PER_PROJECT] * DAYS_A_YEAR / expected_days[of_grade]
        )
        visits[of_grade] = a_year
    return visits


def added_visits(content: Mapping[str, Any]) -> Floats:
    """Visits a year that each colour asks for, by its rank; 0 for NA and for a colour that adds none."""
    every = {RANK[code]: row[EVERY] for code, row in content["additions"].items() if code in COLOURS}
    asked = [DAYS_A_YEAR / every[rank] if rank in every else 0.0 for rank in range(len((NA, *COLOURS)))]
    return np.maximum.accumulate(asked)


def expected_days(facts: Mapping[str, Floats], duration: Mapping[str, Any]) -> Floats:
    """How long the works take: the first of the facts named that is known, else start to planned finish, else as told."""
    known = [facts[name] for name in duration["facts"]]
    known += [facts["days_since_start"] + facts["days_to_planned_finish"]]
    found = np.full(len(known[0]), np.nan)
    for values in known:
        found = np.where(np.isnan(found) & (values > 0), values, found)
    return np.maximum(np.where(np.isnan(found), duration["otherwise_days"], found), duration["at_least_days"])


def _of_base(sites: pd.DataFrame, base: Floats, content: Mapping[str, Any]) -> list[Duty]:
    """From the last visit, or from the start of works, by the interval of the base."""
    since = np.fmax(_days(sites["last_visit_on"]), _days(sites["started_on"]))
    due = since + np.floor(DAYS_A_YEAR / base).astype("timedelta64[D]")
    inherent = sites["inherent_grade"].to_numpy()
    found = []
    for grade in (*GRADES, UNKNOWN_GRADE):
        of_grade = np.isnan(inherent) if grade == UNKNOWN_GRADE else inherent == grade
        row = content["base"][grade]
        found.append(Duty(np.where(of_grade, due, NEVER), f"BASE_{str(grade).upper()}", row["zh"], row["en"]))
    return found


def _of_colours(sites: pd.DataFrame, content: Mapping[str, Any], working_days: WorkingDays) -> list[Duty]:
    """First within so many days since the colour was reached, then from visit to visit; a worse colour includes it."""
    last, ranks = _days(sites["last_visit_on"]), colour_ranks(sites["colour"].tolist())
    found = []
    for code, column in REACHED.items():
        row, since = content["additions"][code], _days(sites[column])
        has = (ranks >= RANK[code]) & ~np.isnat(since)
        since = np.where(has, since, NEVER)
        in_working_days = WITHIN_WORKING_DAYS in row
        first = (
            working_days.after(since, row[WITHIN_WORKING_DAYS])
            if in_working_days
            else since + (row[WITHIN_DAYS] * ONE_DAY)
        )
        due = np.where(last >= since, last + row[EVERY] * ONE_DAY, first)
        found.append(Duty(np.where(has, due, NEVER), code, row["zh"], row["en"]))
    return found


def _of_nodes(sites: pd.DataFrame, content: Mapping[str, Any], entered: Mapping[str, Days]) -> list[Duty]:
    """Within so many days after a stage was entered and owed, whatever stages follow, until a visit since then."""
    last, inherent = _days(sites["last_visit_on"]), sites["inherent_grade"].to_numpy()
    found = []
    for node in content["nodes"] or ():
        of_grade = np.isin(inherent, [grade for grade in node["grades"] if grade != UNKNOWN_GRADE])
        of_grade |= np.isnan(inherent) & (UNKNOWN_GRADE in node["grades"])
        since = entered.get(node["entered"], np.full(len(sites), NEVER))
        due = np.where(of_grade & ~(last >= since), since + node["within_days"] * ONE_DAY, NEVER)
        found.append(Duty(due, node["code"], node["zh"], node["en"]))
    return found


def _days(column: pd.Series) -> Days:
    return column.to_numpy("datetime64[D]")


def visits_by_colour(base: Floats, floors: Ranks, content: Mapping[str, Any]) -> Floats:
    """Visits a year of all sites if every one had the same colour, or that of its override if worse; worst first."""
    added = added_visits(content)
    ranks: Sequence[int] = [RANK[code] for code in COLOURS]
    return np.array([np.maximum(base, added[np.maximum(floors, rank)]).sum() for rank in ranks])
