"""What a plan knows of each active site on its day: grades, where it is, who came last, works under way, worth of a visit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.code_list import code_list
from data_contracts.records import Records
from features.fact_index import FactIndex
from serving.grading.working_days import days_known

FROM_GRADES = (
    "project_id", "colour", "inherent_grade", "due_on", "due_rule", "due_zh", "due_en", "last_visit_on", "started_on",
    "rule_zh", "rule_en",
)  # fmt: skip
KM_A_DEGREE = 111.2  # of latitude


@dataclass(frozen=True)
class Choice:
    """The contents of the policies that a plan follows: `visit_choice`, `weekly_plan` and the capacity of `dynamic_grade`."""

    visits: Mapping[str, Any]
    plan: Mapping[str, Any]
    capacity: Mapping[str, Any]

    @property
    def facts(self) -> tuple[str, ...]:
        """The features that checklists, teams, weather and campaigns ask for."""
        listed = [one for word in ("checklist", "team", "campaigns", "weather") for one in self.plan[word]]
        works = [work for one in self.plan["weather"] for work in one["works"]]
        return tuple(dict.fromkeys([*(one["fact"] for one in listed), *works]))


def planning_sites(
    grades: pd.DataFrame,
    index: FactIndex,
    records: Records,
    day: pd.Timestamp,
    choice: Choice,
    *,
    planned: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row a site of a grading run, in its order: what `FROM_GRADES` names, risks, agency, area, facts, and the worth of a visit.

    `value`: expected outcomes, weighed, that a visit averts beside what the last one still does; `value_<head>` its parts.
    `last_inspectors`: who came last, empty where nobody did. Everything as known at 00:00 of `day`; visits `planned` since
    (project_id, inspector_refs), which the grades know as the last ones, tell who came.
    """
    sites = grades[[*FROM_GRADES, *grades.filter(regex="^risk_").columns]].copy()
    ids, moments = sites["project_id"].tolist(), np.full(len(sites), np.datetime64(day, "us"))
    facts = index.values(choice.facts, ids, moments)
    sites = sites.join(_projects(records, day).reindex(ids).reset_index(drop=True))
    sites["agency_code"] = sites["agency_code"].fillna("")
    sites["area"] = _areas(sites["longitude"], sites["latitude"], choice.plan["area_km"])
    last = _last_inspectors(records, day).reindex(ids)
    if planned is not None and len(planned):
        last = planned.set_index("project_id")["inspector_refs"].reindex(ids).fillna(last)
    sites["last_inspectors"] = last.fillna("").to_numpy()
    since = sites[["last_visit_on", "started_on"]].max(axis=1)
    sites["waited"] = (day - since).dt.days.clip(lower=0).fillna(np.inf)
    return with_values(sites, choice).join(facts.set_axis(sites.index))


def with_values(sites: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """The sites (waited, risk_<head>) with `value_<head>` and `value`, in expected outcomes that a visit averts, weighed."""
    visits = choice.visits
    fresh = np.minimum(sites["waited"] / visits["lasting_days"], 1.0) ** visits["sharpness"]
    parts = {
        f"value_{head}": _or_mean(sites[f"risk_{head}"]) * weight * visits["reduction"] * fresh
        for head, weight in choice.plan["weights"].items()
        if f"risk_{head}" in sites
    }
    return sites.assign(**parts, value=sum(parts.values()) if parts else 0.0)


def _or_mean(risks: pd.Series) -> pd.Series:
    """The risks; one that is missing (信息不足) counts as the mean of the others, for unknown is not low.

    >>> _or_mean(pd.Series([0.2, float("nan"), 0.4])).round(6).tolist()
    [0.2, 0.3, 0.4]
    """
    return risks.fillna(risks.mean()).fillna(0.0)


def _projects(records: Records, day: pd.Timestamp) -> pd.DataFrame:
    known = days_known(records.table("projects"), ["project_id"], day).set_index("project_id")
    agency = agency_of(known["agency_code"], known["region_code"])
    return known[["longitude", "latitude"]].assign(agency_code=agency)


def agency_of(agency: pd.Series, region: pd.Series) -> pd.Series:
    """The agency on file; where there is none, the station of the district; missing where neither is known.

    >>> agency_of(pd.Series(["CITY", None, None, None]), pd.Series(["310101", "310104", "310103", None])).fillna("").tolist()
    ['CITY', 'D310104', 'D310101', '']
    """
    stations = code_list("agencies").codes.values()
    by_district = {one.extra["region_code"]: one.code for one in stations if "region_code" in one.extra}
    district = region.map(code_list("districts").current, na_action="ignore").map(by_district)
    return agency.astype(object).fillna(district)


def _last_inspectors(records: Records, day: pd.Timestamp) -> pd.Series:
    """The inspectors of each site's latest visit, as known then."""
    visits = days_known(records.table("inspections"), ["inspection_id"], day)
    visits = visits[visits["inspected_on"] <= day].sort_values("inspected_on", kind="stable")
    return visits.drop_duplicates("project_id", keep="last").set_index("project_id")["inspector_refs"]


def _areas(longitude: pd.Series, latitude: pd.Series, side_km: float) -> NDArray[np.int64]:
    """The number of each site's square; sites without a place are squares of their own."""
    middle = np.radians(float(latitude.mean()) if latitude.notna().any() else 0.0)
    east = np.floor(longitude.to_numpy(float) * KM_A_DEGREE * np.cos(middle) / side_km)
    north = np.floor(latitude.to_numpy(float) * KM_A_DEGREE / side_km)
    named = pd.Series(list(zip(east, north, strict=True)))
    nowhere = np.isnan(east) | np.isnan(north)
    named[nowhere] = [("site", number) for number in np.flatnonzero(nowhere).tolist()]
    return pd.factorize(named)[0].astype(np.int64)
