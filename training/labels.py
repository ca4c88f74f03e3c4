"""Labels: what happened to a site after `as_of`, as it was known at a moment T.

Outcome days are as_of + 1 … as_of + horizon. Only events that name a project label a site. A row whose
window, with the head's reporting lag, is not complete at T has no label; neither has a visit that does
not say what it found. A site that nobody visited has no row for `given_a_visit` heads: it is unknown.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_contracts.code_list import code_list
from data_contracts.contract import contract
from data_contracts.records import Records
from training.heads import Condition, Conditions, Head, Outcome

_DAY = pd.Timedelta(days=1)


def facts_in_force(records: Records, table: str, at: pd.Timestamp) -> pd.DataFrame:
    """The version of each fact that holds at `at`; withdrawn and revoked facts are gone.

    The version with the greatest `recorded_at` not after `at` holds as a whole row.
    """
    rows = records.table(table)
    rows = rows[(rows["recorded_at"] <= at).to_numpy(bool)]
    rows = rows[~rows.duplicated(list(contract(table).key), keep="last").to_numpy(bool)]
    gone = _reached(rows, "withdrawn_at", at) | _reached(rows, "revoked_at", at)
    return rows[~gone]


def met(conditions: Conditions, table: str, rows: pd.DataFrame) -> np.ndarray:
    """Which rows meet all of `all_of` and one of `any_of`; a missing value meets nothing."""
    found = np.ones(len(rows), bool)
    for condition in conditions.all_of:
        found &= _holds(condition, table, rows)
    if conditions.any_of:
        found &= np.any([_holds(condition, table, rows) for condition in conditions.any_of], axis=0)
    return found


def outcomes(
    outcome: Outcome, records: Records, at: pd.Timestamp, *, apart: Conditions | None = None
) -> pd.DataFrame:
    """project_id and day of each outcome known at `at`; with `apart` those that meet it too."""
    rows = facts_in_force(records, outcome.table, at)
    counts = met(outcome, outcome.table, rows) & rows["project_id"].notna().to_numpy(bool)
    if outcome.known_from is not None:
        # A closing date that is missing is not awaited: the row is known since it was recorded.
        counts &= ~(rows[outcome.known_from] > at).to_numpy(bool)
    if apart is not None:
        counts &= met(apart, outcome.table, rows)
    rows = rows[counts]
    days = rows[outcome.date_column].dt.normalize()
    known = pd.DataFrame({"project_id": rows["project_id"], "day": days}).dropna()
    return known.reset_index(drop=True)


def labels(head: Head, pairs: pd.DataFrame, records: Records, at: pd.Timestamp) -> np.ndarray:
    """1, 0 or NaN (not known at `at`) for each row of `pairs` (project_id, as_of), in their order."""
    if head.given_a_visit:
        found = _labels_of_visits(head, pairs, records, at)
    else:
        assert head.horizon_days is not None
        known = outcomes(head.outcome, records, at)
        found = (outcomes_within(pairs, known, head.horizon_days) > 0).astype("float64")
    complete = pairs["as_of"] <= head.last_complete(at)
    return np.where(complete.to_numpy(bool), found, np.nan)


def outcomes_within(pairs: pd.DataFrame, known: pd.DataFrame, horizon_days: int) -> np.ndarray:
    """How many of the known outcomes of its project lie on days as_of + 1 … as_of + horizon."""
    first = pairs["as_of"].dt.normalize() + _DAY
    last = pairs["as_of"].dt.normalize() + pd.Timedelta(days=horizon_days)
    event, start, end = _on_one_axis(known, pairs["project_id"], first, last)
    event.sort()
    return np.searchsorted(event, end, "right") - np.searchsorted(event, start, "left")


def distinct_outcomes(head: Head, pairs: pd.DataFrame, records: Records, at: pd.Timestamp) -> int:
    """How many outcomes known at `at` label at least one of the rows.

    An accident labels a row of each of the months before it: this counts it once.
    """
    if head.given_a_visit:
        return int(np.nansum(labels(head, pairs, records, at)))
    assert head.horizon_days is not None
    known = outcomes(head.outcome, records, at)
    after = pd.DataFrame({"project_id": pairs["project_id"], "day": pairs["as_of"].dt.normalize()})
    before = known["day"] - pd.Timedelta(days=head.horizon_days)
    row, start, end = _on_one_axis(after, known["project_id"], before, known["day"] - _DAY)
    row.sort()
    return int((np.searchsorted(row, end, "right") > np.searchsorted(row, start, "left")).sum())


def visits(records: Records, at: pd.Timestamp) -> pd.DataFrame:
    """The visits known at `at`, with the day of each."""
    rows = facts_in_force(records, "inspections", at)
    return rows[rows["inspected_on"].notna().to_numpy(bool)].assign(
        day=lambda v: v["inspected_on"].dt.normalize()
    )


def _labels_of_visits(head: Head, pairs: pd.DataFrame, records: Records, at: pd.Timestamp) -> np.ndarray:
    """The worst of a site's visits of the day; NaN where none of them says what it found."""
    known = visits(records, at)
    found = met(head.outcome, head.outcome.table, known)
    said = known[[condition.column for condition in head.outcome.all()]].notna().any(axis=1).to_numpy(bool)
    result = pd.Series(np.where(said, found.astype("float64"), np.nan), index=known.index)
    worst = result.groupby([known["project_id"], known["day"]]).max()
    wanted = pd.MultiIndex.from_arrays([pairs["project_id"], pairs["as_of"].dt.normalize()])
    return worst.reindex(wanted).to_numpy("float64")


def _holds(condition: Condition, table: str, rows: pd.DataFrame) -> np.ndarray:
    values = rows[condition.column]
    if condition.equals is not None:
        holds = values == condition.equals
    elif condition.is_one_of is not None:
        holds = values.isin(condition.is_one_of)
    elif isinstance(condition.at_least, str):
        ranks = _ranks(table, condition.column)
        holds = values.map(ranks).astype("float64") >= ranks[condition.at_least]
    else:
        holds = values >= condition.at_least
    return holds.fillna(False).to_numpy(bool)


def _ranks(table: str, column: str) -> dict[str, float]:
    name = contract(table).column(column).code_list
    assert name is not None  # load_heads has checked it
    codes = code_list(name).codes
    return {
        code: float(entry.extra["rank"])
        for code, entry in codes.items()
        if entry.extra.get("rank") is not None
    }


def _reached(rows: pd.DataFrame, column: str, at: pd.Timestamp) -> np.ndarray:
    if column not in rows:
        return np.zeros(len(rows), bool)
    return (rows[column] <= at).to_numpy(bool)


def _on_one_axis(
    events: pd.DataFrame, projects: pd.Series, first: pd.Series, last: pd.Series
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Project and day packed into one number, so that one binary search answers for all projects."""
    codes, _ = pd.factorize(pd.concat([events["project_id"], projects], ignore_index=True))
    stride = 1 << 20  # days from year 0 to far beyond any date of the contracts
    at_event, at_row = np.split(codes.astype("int64") * stride, [len(events)])
    return at_event + _day_number(events["day"]), at_row + _day_number(first), at_row + _day_number(last)


def _day_number(days: pd.Series) -> np.ndarray:
    return days.to_numpy("datetime64[D]").astype("int64") + (1 << 19)
