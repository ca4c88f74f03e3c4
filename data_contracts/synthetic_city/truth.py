"""Reading the hidden truth: the oracle of evaluations on a synthetic city, never an input of a model.

    log hazard = intercept + visible + frailty_site + frailty_contractor      (per project-year)
    hazard     = exp(log hazard) × (1 - reduction × visited_share)

`visible` is the sum of the declared terms that the tables carry. A closed loop that plans other visits
computes `visited_share` again and uses the second line; everything else stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.errors import InvalidInput, SourceUnreadable
from data_contracts.synthetic_city.hazard import YEAR_DAYS

TRUTH_FOLDER = "truth"


@dataclass(frozen=True)
class Truth:
    """The truth of a city. `site_months` is sorted by project and month; `city` is its passport."""

    city: dict[str, Any]
    site_months: pd.DataFrame
    sites: pd.DataFrame
    teams: pd.DataFrame
    enterprises: pd.DataFrame


def read_truth(folder: str | Path) -> Truth:
    """The truth in a city's folder or in its `truth` folder; raises SourceUnreadable if there is none."""
    path = Path(folder)
    path = path if (path / "city.json").exists() else path / TRUTH_FOLDER
    if not (path / "city.json").exists():
        raise SourceUnreadable(
            zh=f"{folder} 中没有模拟城市的真值（truth/city.json）。",
            en=f"There is no truth of a synthetic city (truth/city.json) in {folder}.",
        )
    tables = {
        name: pd.read_parquet(path / f"{name}.parquet")
        for name in ("site_months", "sites", "teams", "enterprises")
    }
    months = tables["site_months"]
    for name in ("month", "begin", "end"):
        months[name] = pd.to_datetime(months[name])
    for name in ("start", "finish"):
        tables["sites"][name] = pd.to_datetime(tables["sites"][name])
    return Truth(city=json.loads((path / "city.json").read_text(encoding="utf-8")), **tables)


def true_hazard(
    truth: Truth,
    project_ids: Sequence[str] | NDArray,
    months: Sequence[Any] | NDArray,
    *,
    with_visits: bool = True,
) -> NDArray[np.float64]:
    """Reportable accidents a project-year of each site in the month of each day; 0 where not at work.

    `with_visits`: with the visits that were made; otherwise as if there were none.
    """
    row = _rows(truth, project_ids, np.asarray(months, "M8[M]"))
    rate = (
        truth.site_months["hazard"].to_numpy()
        if with_visits
        else np.exp(truth.site_months["log_hazard"].to_numpy())
    )
    return np.where(row >= 0, rate[np.maximum(row, 0)], 0.0).astype(float)


def expected_accidents(
    truth: Truth,
    project_ids: Sequence[str] | NDArray,
    as_of: Any,
    days: int = 90,
    *,
    with_visits: bool = True,
) -> NDArray[np.float64]:
    """Expected reportable accidents on the days as_of + 1 … as_of + days, for each pair.

    `as_of` is one day or a day for each project. Raises InvalidInput where the window goes beyond the
    half year for which truth is kept after the last day, and where it begins before the first month.
    """
    ids = np.asarray(project_ids, dtype=object)
    first = np.broadcast_to(np.asarray(as_of, "M8[D]"), ids.shape) + 1
    last = first + days
    _check_window(truth, first, last)
    begin, end = (truth.site_months[name].to_numpy().astype("M8[D]") for name in ("begin", "end"))
    rate = (
        truth.site_months["hazard"].to_numpy(float)
        if with_visits
        else np.exp(truth.site_months["log_hazard"].to_numpy(float))
    )
    project = _project_positions(truth, ids)
    expected = np.zeros(len(ids))
    for later in range(days // 28 + 2):
        row = _find(truth, project, first.astype("M8[M]") + later)
        known = np.maximum(row, 0)
        overlap = (np.minimum(last, end[known]) - np.maximum(first, begin[known])).astype(np.int64)
        expected += np.where(row >= 0, np.maximum(overlap, 0) * rate[known], 0.0)
    return expected / YEAR_DAYS


def serious_probability(
    truth: Truth, project_ids: Sequence[str] | NDArray, days: Sequence[Any] | NDArray
) -> NDArray[np.float64]:
    """Probability that a random visit on each day finds a major hazard or ends in a stop; NaN where not at work."""
    row = _rows(truth, project_ids, np.asarray(days, "M8[M]"))
    return np.where(
        row >= 0, truth.site_months["serious_probability"].to_numpy(float)[np.maximum(row, 0)], np.nan
    )


def serious_rate(truth: Truth, first: Any, last: Any) -> float:
    """City-wide share of serious visits if every site at work from `first` to `last` were as likely to be visited."""
    months = truth.site_months
    begin, end = (months[name].to_numpy().astype("M8[D]") for name in ("begin", "end"))
    low, high = np.datetime64(first, "D"), np.datetime64(last, "D") + 1
    weight = np.maximum((np.minimum(end, high) - np.maximum(begin, low)).astype(np.int64), 0)
    return float(np.average(months["serious_probability"].to_numpy(float), weights=weight))


def _check_window(truth: Truth, first: NDArray, last: NDArray) -> None:
    if not len(first):
        return
    low = truth.site_months["begin"].min().to_datetime64().astype("M8[D]")
    high = truth.site_months["end"].max().to_datetime64().astype("M8[D]")
    if first.min() < low or last.max() > high:
        raise InvalidInput(
            zh=f"真值只保存 {low} 至 {high} 之间的月份，所问时段为 {first.min()} 至 {last.max()}。",
            en=f"The truth covers {low} to {high}; the window asked for is {first.min()} to {last.max()}.",
            field="as_of",
        )


def _rows(truth: Truth, project_ids: Sequence[str] | NDArray, months: NDArray) -> NDArray:
    return _find(truth, _project_positions(truth, np.asarray(project_ids, dtype=object)), months)


def _project_positions(truth: Truth, ids: NDArray) -> NDArray:
    return pd.Index(truth.sites["project_id"]).get_indexer(ids)


def _find(truth: Truth, project: NDArray, months: NDArray) -> NDArray:
    """Row of each project and month, -1 without one; both files hold the projects in the same order."""
    of_row = pd.Index(truth.sites["project_id"]).get_indexer(truth.site_months["project_id"])
    keys = of_row.astype(np.int64) * 10_000 + truth.site_months["month"].to_numpy().astype("M8[M]").astype(
        np.int64
    )
    wanted = project.astype(np.int64) * 10_000 + months.astype(np.int64)
    place = np.searchsorted(keys, wanted).clip(0, len(keys) - 1)
    return np.where((project >= 0) & (keys[place] == wanted), place, -1)
