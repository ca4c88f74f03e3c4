"""Cohorts: which sites are rows of a head, at which dates, by what was known then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_contracts.contract import contract
from data_contracts.progress import Progress, silent
from data_contracts.records import Records
from training.heads import MONTHS_OF_STEP, Cohort, Head
from training.labels import facts_in_force

if TYPE_CHECKING:
    from features.fact_index import FactIndex

_NO_PAIRS = {"project_id": pd.Series(dtype="str"), "as_of": pd.Series(dtype="datetime64[us]")}


def as_of_dates(first: pd.Timestamp, last: pd.Timestamp, step: str) -> list[pd.Timestamp]:
    """The first of each month, or quarter, from `first` to `last`, both included.

    >>> [str(day.date()) for day in as_of_dates(pd.Timestamp("2024-11-02"), pd.Timestamp("2025-04-01"), "quarterly")]
    ['2025-01-01', '2025-04-01']
    """
    frequency = "MS" if MONTHS_OF_STEP[step] == 1 else "QS-JAN"
    return list(pd.date_range(first.ceil("D"), last.floor("D"), freq=frequency, unit="us"))


def cohort_pairs(
    head: Head, index: FactIndex, records: Records, until: pd.Timestamp, progress: Progress = silent
) -> pd.DataFrame:
    """The head's rows (project_id, as_of) whose label window is complete at `until`, by date and site.

    For `given_a_visit` a row is a site and a day it was visited, if the site was on record that morning. Every
    day that any version of a visit named by `until` is a row; `labels` knows at which moment which held.
    """
    last = head.last_complete(until)
    if head.given_a_visit:
        return _visited(index, records, until, last)
    dates = as_of_dates(_beginning(records), last, head.cohort.step)
    chunks = []
    for place, as_of in enumerate(dates, 1):
        sites = _members(head.cohort, index, records, as_of)
        chunks.append(pd.DataFrame({"project_id": pd.Series(np.sort(sites), dtype="str"), "as_of": as_of}))
        progress(f"样本 / rows {head.name}", place, len(dates))
    filled = [chunk for chunk in chunks if len(chunk)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(_NO_PAIRS)


def _members(cohort: Cohort, index: FactIndex, records: Records, as_of: pd.Timestamp) -> np.ndarray:
    if cohort.table is None:
        return index.sites(as_of, delivered_within_months=cohort.delivered_within_months)
    rows = facts_in_force(records, cohort.table, as_of)
    days = rows[cohort.date_column or contract(cohort.table).happened or "recorded_at"]
    recent = (days >= as_of - pd.Timedelta(days=cohort.within_days or 0)) & (days <= as_of)
    return rows.loc[recent.to_numpy(bool), "project_id"].dropna().unique().astype(object)


def _visited(index: FactIndex, records: Records, until: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    versions = records.known_until(until).table("inspections")
    pairs = pd.DataFrame(
        {"project_id": versions["project_id"], "as_of": versions["inspected_on"].dt.normalize()}
    )
    pairs = pairs.dropna().drop_duplicates()
    pairs = pairs[(pairs["as_of"] <= last).to_numpy(bool)].sort_values(
        ["as_of", "project_id"], ignore_index=True
    )
    if pairs.empty:
        return pd.DataFrame(_NO_PAIRS)
    on_record = index.status(pairs["project_id"].to_list(), pairs["as_of"].to_numpy()) != "UNKNOWN"
    return pairs[on_record].reset_index(drop=True)


def _beginning(records: Records) -> pd.Timestamp:
    """The moment the first project was on record; nothing is known about any site before."""
    first = records.table("projects")["recorded_at"].min()
    return pd.Timestamp("2200-01-01") if pd.isna(first) else first
