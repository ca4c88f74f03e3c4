"""What a site's row says that does not change: names and numbers made up, columns missing for small sites."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan
from data_contracts.synthetic_city.rows import Rows, days_as_dates, joined, numbered, words
from data_contracts.synthetic_city.sites import CATEGORIES, NATURES, Sites, agencies, districts

CATEGORY_NAMES = (
    "住宅楼", "公共建筑", "厂房", "仓库", "道路", "桥梁", "隧道", "管线", "燃气管道", "绿化", "装修", "修缮", "幕墙改造", "拆除"
)  # fmt: skip
PERMIT_CLASSES = ("01", "01", "01", "01", "19", "18", "19", "17", "16", "19", "19", "19", "19", "19")
USES = {
    "BLD_RES": ("RESIDENTIAL",), "BLD_PUB": ("OFFICE", "COMMERCIAL", "EDUCATION", "MEDICAL", "CULTURE_SPORT", "PUBLIC"),
    "BLD_IND": ("INDUSTRIAL",), "BLD_WH": ("STORAGE",), "DECO": ("OFFICE", "COMMERCIAL", "PUBLIC"),
    "REPAIR": ("RESIDENTIAL", "OFFICE"), "CW": ("OFFICE", "COMMERCIAL"), "DEMO": ("INDUSTRIAL", "RESIDENTIAL", "OTHER"),
}  # fmt: skip
STRUCTURES = {
    "BLD_RES": ("005", "004", "003"), "BLD_PUB": ("003", "004", "009"), "BLD_IND": ("014", "003", "015"), "BLD_WH": ("014", "015"),
    "REPAIR": ("001", "003"), "DECO": ("003", "004"), "CW": ("004", "009"), "DEMO": ("001", "003"),
}  # fmt: skip
OFTEN_EMPTY = (
    "building_height_m",
    "floors_above",
    "floors_below",
    "max_span_m",
    "pit_depth_m",
    "norm_days",
    "contract_days",
)


def lasting_facts(plan: CityPlan, random: np.random.Generator, sites: Sites) -> Rows:
    """The columns that are the same in every version of a site."""
    facts = {**_names(plan, random, sites), **_works(random, sites), **_surroundings(plan, random, sites)}
    sparse = sites.small & (random.random(len(sites)) < plan.declared["sites.small_site_missing_share"])
    for name in OFTEN_EMPTY:
        facts[name] = np.where(sparse, np.nan, facts[name])
    facts["insured_awl"] = np.where(sparse, np.nan, facts["insured_awl"])
    return facts


def _names(plan: CityPlan, random: np.random.Generator, sites: Sites) -> Rows:
    region = words(districts(plan), sites.district)
    lot, day = sites.number, _digits(sites.permit)
    return {
        "project_id": sites.ids,
        "name": np.char.add(numbered("模拟工程", lot, 6), words([f" · {name}" for name in CATEGORY_NAMES], sites.category)),
        "permit_no": joined(region, day, numbered("", lot % 99 + 1, 2), words(PERMIT_CLASSES, sites.category)),
        "investment_project_code": _investment_codes(sites, region, day),
        "region_code": region,
        "agency_code": words(agencies(plan), sites.agency),
        "category": words(CATEGORIES, sites.category),
        "construction_nature": words(NATURES, sites.nature),
        "use_type": _one_of(random, sites.category, USES, "MUNICIPAL"),
        "structure_type": _one_of(random, sites.category, STRUCTURES, "099"),
        "permit_date": days_as_dates(sites.permit),
    }  # fmt: skip


def _investment_codes(sites: Sites, region: NDArray, day: NDArray) -> NDArray:
    """Codes in the form of GB/T 40058-2021; every second lot in the district of the lot before shares its code."""
    count = len(sites)
    codes = joined(
        np.array([text[2:6] for text in day] or [b"0000"])[:count], words(["-"], np.zeros(count, int)), region,
        words(["-47-01-", "-70-01-", "-82-01-"], sites.category % 3), numbered("", sites.number % 1_000_000, 6),
    )  # fmt: skip
    before = np.maximum(np.arange(count) - 1, 0)
    shared = (sites.district == sites.district[before]) & (sites.number % 2 == 0)
    return np.where(shared, codes[before], codes)


def _works(random: np.random.Generator, sites: Sites) -> Rows:
    built = sites.height > 0
    storey = np.where(
        sites.category == CATEGORIES.index("BLD_RES"),
        3.0,
        np.where(np.isin(sites.category, [2, 3]), 7.0, 4.0),
    )
    norm = sites.contract_days / (1 - sites.compression)
    no_building = np.where(built, 0.0, np.nan)
    return {
        "contract_price_cny10k": sites.price,
        "building_height_m": sites.height + no_building,
        "floors_above": np.clip(np.floor(sites.height / storey), 1, 130) + no_building,
        "floors_below": np.clip(np.ceil((sites.pit_depth - 2.5) / 4), 0, 6) + no_building,
        "max_span_m": sites.span + no_building,
        "pit_depth_m": sites.pit_depth,
        "pit_env_class": words(
            ("1", "2", "3", ""),
            np.where(sites.pit_depth >= 3, (3 * random.random(len(sites)) ** 0.6).astype(int), 3),
        ),
        "prefab_rate": np.where(built & (sites.nature == 0), sites.prefab_rate, np.nan),
        "assembly_rate": np.where(sites.prefab_rate > 0, np.minimum(sites.prefab_rate + 18, 95), np.nan),
        "contract_days": np.clip(sites.contract_days, 1, 7300).astype(float),
        "norm_days": np.clip(np.round(norm), 1, 7300),
    }


def _surroundings(plan: CityPlan, random: np.random.Generator, sites: Sites) -> Rows:
    count = len(sites)
    centres = np.array([plan.declared["sites.district_centres"][code] for code in districts(plan)])
    place = centres[sites.district] + 0.045 * random.standard_normal((count, 2))
    crowds = ("NONE", "RESIDENCE", "SCHOOL", "HOSPITAL", "MARKET", "TRANSIT_HUB", "CHILDREN", "ELDERLY")
    year = np.int64(sites.start.view("M8[D]").astype("M8[Y]")) + 1970 - random.integers(12, 70, count)
    return {
        "is_key_municipal": ((sites.area > 50_000) & (random.random(count) < 0.06)).astype(float),
        "is_urban_renewal": sites.renewal.astype(float),
        "alters_structure": sites.structure.astype(float),
        "existing_building_year": np.where(np.isin(sites.nature, [1, 2, 3]), year, np.nan),
        "crowded_surroundings": words(crowds, np.where(random.random(count) < 0.7, 0, random.integers(1, len(crowds), count))),
        "rail_protection_zone": (random.random(count) < 0.06).astype(float),
        "heritage_zone": sites.heritage.astype(float),
        "insured_idi": sites.insured_idi.astype(float),
        "insured_awl": (random.random(count) < 0.8).astype(float),
        "longitude": np.round(place[:, 0], 5),
        "latitude": np.round(place[:, 1], 5),
    }  # fmt: skip


def _one_of(
    random: np.random.Generator, category: NDArray, choices: dict[str, tuple[str, ...]], otherwise: str
) -> NDArray:
    lists = [choices.get(name, (otherwise,)) for name in CATEGORIES]
    table = np.array([[options[k % len(options)].encode() for k in range(6)] for options in lists])
    sizes = np.array([len(options) for options in lists])
    return table[category, (random.random(len(category)) ** 1.3 * sizes[category]).astype(int)]


def _digits(days: NDArray) -> NDArray:
    """Days as YYYYMMDD."""
    dates = days.view("M8[D]")
    year, month = (
        dates.astype("M8[Y]").astype(np.int64) + 1970,
        dates.astype("M8[M]").astype(np.int64) % 12 + 1,
    )
    return numbered("", year * 10_000 + month * 100 + (dates - dates.astype("M8[M]")).astype(np.int64) + 1, 8)
