"""The figures of a generated city that are compared: what each is, and how many events it rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_contracts.synthetic_city.city_tables import CityTables
from data_contracts.synthetic_city.truth import Truth, serious_rate


@dataclass(frozen=True)
class Figure:
    """A figure; `events` of a relative spread of about one decide its chance; `reference` if it is the city's own."""

    value: float
    events: float
    reference: float = np.nan


def figures_of(truth: Truth, tables: CityTables) -> dict[str, Figure]:
    """All figures by name, as comparison.yaml names them."""
    return {
        **_of_sites(truth, tables), **_of_hazard(truth), **_of_accidents(truth, tables), **_of_visits(truth, tables),
        **_of_serious_findings(truth, tables), **_of_site_records(tables), **_of_complaints(truth, tables),
    }  # fmt: skip


def active_months(truth: Truth) -> pd.DataFrame:
    """Site-months of the city's span, with their length in years."""
    months = truth.site_months
    months = months[
        (months["begin"] >= truth.city["first_day"]) & (months["month"] <= truth.city["last_day"])
    ]
    return months.assign(years=(months["end"] - months["begin"]).dt.days / 365.25)


def project_years(truth: Truth) -> float:
    """Years at work of all sites between the city's first and last day."""
    return float(active_months(truth)["years"].sum())


def _of_sites(truth: Truth, tables: CityTables) -> dict[str, Figure]:
    projects, months = tables.newest("projects"), active_months(truth)
    new = projects[projects["construction_nature"] == "NEW"]
    span = (pd.Timestamp(truth.city["last_day"]) - pd.Timestamp(truth.city["first_day"])).days + 1
    ended = truth.sites[truth.sites["finish"] >= truth.city["first_day"]]
    works = tables["dangerous_works"]
    overscale = works.loc[works["is_overscale"].fillna(False).astype(bool), "project_id"].unique()
    years = months.groupby("project_id")["years"].sum()
    pits = new["pit_depth_m"].dropna()
    return {
        "active_sites": Figure(
            months["years"].sum() * 365.25 / span, truth.city["projects"], truth.city["projects"]
        ),
        "area_median": Figure(new["floor_area_m2"].median(), len(new) / 2),
        "duration_median": Figure(
            ((ended["finish"] - ended["start"]).dt.days / 30.4375).median(), 2 * len(ended)
        ),
        "share_new": _share(years.index.isin(new["project_id"]), weights=years),
        "pit_5m": _share(pits >= 5),
        "overscale": _share(years.index.isin(overscale)),
    }


def _of_hazard(truth: Truth) -> dict[str, Figure]:
    months = active_months(truth)
    invisible = months["frailty_site"] + months["frailty_contractor"]
    total, of_sites = (months["visible"] + invisible).var(), months["frailty_site"].var()
    rate = float(np.average(months["hazard"], weights=months["years"]))
    sites = months["project_id"].nunique()
    return {
        "log_hazard_variance": Figure(total, sites, truth.city["variance"]),
        "invisible_share": Figure(invisible.var() / total, sites),
        "site_part": Figure(of_sites / (of_sites + months["frailty_contractor"].var()), sites / 4),
        "expected_reportable": Figure(rate, sites / 4),
    }


def _of_accidents(truth: Truth, tables: CityTables) -> dict[str, Figure]:
    accidents = tables.newest("accidents")
    accidents = accidents[accidents["revoked_at"].isna()]
    fatal, years = accidents[accidents["deaths"] > 0], project_years(truth)
    month = accidents["occurred_on"].dt.month
    return {
        "reportable": Figure(len(accidents) / years, len(accidents)),
        "fatal": Figure(len(fatal) / years, len(fatal)),
        "deaths_per_fatal": Figure(fatal["deaths"].mean(), 4 * len(fatal)),
        "larger": Figure((fatal["deaths"] >= 3).mean(), 0.03 * len(fatal)),
        "falls": _share(fatal["accident_type"].isin(["9", "FALL_HEIGHT"])),
        "month_january": Figure(12 * (month == 1).mean(), 0.45 / 12 * len(accidents)),
        "month_july": Figure(12 * (month == 7).mean(), 1.19 / 12 * len(accidents)),
    }


def _of_visits(truth: Truth, tables: CityTables) -> dict[str, Figure]:
    visits, years = tables.newest("inspections"), project_years(truth)
    routine = visits[visits["inspection_type"] == "ROUTINE"]
    patrols = visits[visits["inspection_type"].isin(["DISTRICT_PATROL", "CITY_PATROL"])]
    area = tables.newest("projects").set_index("project_id")["floor_area_m2"]
    orders = tables.newest("orders")
    ordered = {
        kind: orders.loc[orders["kind"] == kind, "inspection_id"]
        for kind in ("RECTIFY", "PARTIAL_STOP", "STOP")
    }
    return {
        "routine_visits": Figure(len(routine) / years, len(routine) / 4),
        "patrols": Figure(len(patrols) / years, len(patrols) / 3),
        "patrol_area": Figure(patrols["project_id"].map(area).mean(), len(patrols)),
        "hazards_per_visit": Figure(routine["hazards_found"].mean(), len(routine) / 8),
        "major": _share(routine["major_hazards_found"] > 0),
        "partial_stop": _share(routine["inspection_id"].isin(ordered["PARTIAL_STOP"])),
        "stop": _share(routine["inspection_id"].isin(ordered["STOP"])),
        "patrol_partial_stop": _share(patrols["inspection_id"].isin(ordered["PARTIAL_STOP"])),
        "patrol_stop": _share(patrols["inspection_id"].isin(ordered["STOP"])),
        "rectify": _share(routine["inspection_id"].isin(ordered["RECTIFY"])),
    }


def _of_serious_findings(truth: Truth, tables: CityTables) -> dict[str, Figure]:
    visits = tables.newest("inspections")
    serious = (visits["major_hazards_found"] > 0) | visits["disposal"].isin(["PARTIAL_STOP", "STOP"])
    real = serious_rate(truth, truth.city["first_day"], truth.city["last_day"])
    chance = visits["selection_probability"]
    drawn = chance.notna()
    weighted = _share(serious[drawn], weights=1 / chance[drawn])
    return {
        "serious_naive": Figure(float(serious.mean()), serious.sum(), real),
        "serious_weighted": Figure(weighted.value, weighted.events, real),
    }


def _of_site_records(tables: CityTables) -> dict[str, Figure]:
    attendance = tables["attendance"]
    managers = attendance[attendance["post"] == "PM"]
    by_site = managers.groupby("project_id")[["present_days", "required_days"]].sum()
    presence = by_site["present_days"] / by_site["required_days"].clip(lower=1)
    return {
        "attendance": Figure(presence.mean(), 12 * len(presence)),
        "attendance_low": _share(presence < 0.6),
        "failed_tests": _share(~tables["material_tests"]["passed"].astype(bool)),
    }


def _of_complaints(truth: Truth, tables: CityTables) -> dict[str, Figure]:
    projects = tables.newest("projects").set_index("project_id")
    until = pd.Timestamp(truth.city["last_day"]) - pd.Timedelta(days=760)
    delivered = projects["finish_date"].between(pd.Timestamp(truth.city["first_day"]), until)
    homes = projects[delivered & (projects["category"] == "BLD_RES")]
    defects = tables.newest("defects")
    true = defects["is_verified"].fillna(False).astype(bool) & defects["project_id"].isin(homes.index)
    after = defects["reported_on"] > defects["project_id"].map(projects["finish_date"])
    area = homes["floor_area_m2"].sum() / 10_000
    return {"complaints": Figure((true & after).sum() / area if area else np.nan, len(homes) / 6)}


def _share(happened: pd.Series | np.ndarray, weights: pd.Series | None = None) -> Figure:
    happened = np.asarray(happened, float)
    if not len(happened):
        return Figure(np.nan, 0)
    share = float(np.average(happened, weights=None if weights is None else np.asarray(weights, float)))
    return Figure(share, happened.sum() / max(1 - share, 0.05))
