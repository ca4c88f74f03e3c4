"""Sites as they are: what is built, where, how large, from when to when."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import (
    SITES_A_BLOCK,
    CityPlan,
    block_stream,
    duration_days,
    site_area,
)
from data_contracts.synthetic_city.rows import Rows, chosen, first_day_of, month_of, numbered

NATURES = ("NEW", "REBUILD", "EXTEND", "MAINTAIN", "DEMOLISH")
BUILDINGS = ("BLD_RES", "BLD_PUB", "BLD_IND", "BLD_WH")
MUNICIPAL = ("MUN_ROAD", "MUN_BRG", "MUN_TUN", "MUN_PIPE", "MUN_GAS")
CATEGORIES = (*BUILDINGS, *MUNICIPAL, "LANDSC", "DECO", "REPAIR", "CW", "DEMO")


@dataclass(frozen=True)
class Sites:
    """One block of sites, an array each; days are int64 since 1970.

    A site is at work from `start` up to, not including, `finish`. `planned_start` is what the permit
    said. `terminated` sites end without completion. `pit_depth` 0: no pit. `compression` and
    `delay` are shares of the norm and of the contract duration.
    """

    number: NDArray
    start: NDArray
    finish: NDArray
    permit: NDArray
    planned_start: NDArray
    terminated: NDArray
    nature: NDArray
    category: NDArray
    district: NDArray
    agency: NDArray
    area: NDArray
    price: NDArray
    height: NDArray
    span: NDArray
    pit_depth: NDArray
    has_curtain_wall: NDArray
    prefab_rate: NDArray
    compression: NDArray
    contract_days: NDArray
    renewal: NDArray
    structure: NDArray
    heritage: NDArray
    insured_idi: NDArray
    has_devices: NDArray
    small: NDArray

    def __len__(self) -> int:
        return len(self.number)

    @property
    def ids(self) -> NDArray:
        return numbered("P", self.number, 7)

    def kept(self, mask: NDArray) -> Sites:
        return Sites(**{field.name: getattr(self, field.name)[mask] for field in fields(self)})


def draw_sites(plan: CityPlan, block: int) -> Sites:
    """The sites of one block, in order of their start, without those that ended too long ago."""
    random, declared = block_stream(plan, "sites", block), plan.declared
    begin, end = plan.arrival_span
    number = np.arange(block * SITES_A_BLOCK, min((block + 1) * SITES_A_BLOCK, plan.arrivals)) + 1
    count = len(number)
    low, high = (begin + (end - begin) * edge / plan.arrivals for edge in (number[0] - 1, number[-1]))
    start = np.sort(low + (high - low) * random.random(count)).astype(np.int64)
    nature = chosen(random, {n: plan.arrival_shares[n] for n in NATURES}, count)
    normal, area_normal = random.standard_normal((2, count))
    area, duration = np.empty(count), np.empty(count)
    for position, name in enumerate(NATURES):
        mine = nature == position
        area[mine] = site_area(declared, name, area_normal[mine])
        duration[mine] = duration_days(declared, name, normal[mine], area[mine])
    finish = start + np.maximum(duration.astype(np.int64), 30)
    drawn = {"number": number, "start": start, "finish": finish, "nature": nature, "area": np.round(area, 1)}
    sites = _with_facts(plan, random, drawn)
    horizon = first_day_of(month_of(np.array([plan.first_day])) - declared["sites.delivered_kept_months"])[0]
    return sites.kept((sites.finish > horizon) & (sites.permit <= plan.last_day))


def _with_facts(plan: CityPlan, random: np.random.Generator, drawn: Rows) -> Sites:
    declared, count = plan.declared, len(drawn["number"])
    start, finish, nature, area = drawn["start"], drawn["finish"], drawn["nature"], drawn["area"]
    district, agency = _place(plan, random, count)
    category = _category(plan, random, nature)
    price = np.round(np.clip(0.32 * area * np.exp(0.35 * random.standard_normal(count)), 20, 2_000_000), 1)
    height, span = _shape(random, category, area)
    pit = _pit(plan, random, nature, category)
    compression = np.clip(_normal(random, declared["sites.compression"], count), -0.15, 0.45)
    delay = np.clip(_normal(random, declared["sites.delay"], count), -0.10, 0.8)
    is_home, is_building = category == _code("BLD_RES"), np.isin(category, _codes(BUILDINGS))
    slack = np.where(random.random(count) < 0.25, -random.integers(1, 45, count), 0)
    by_area = is_building & (area >= declared["sites.attendance_from_m2"])
    by_price = ~is_building & (price >= declared["sites.attendance_from_cny10k"])
    renewal = random.random(count) < _by_nature(plan, "urban_renewal_shares")[nature]
    return Sites(
        **drawn, category=category, district=district, agency=agency,
        permit=start + slack - random.integers(3, 60, count), planned_start=start + slack,
        terminated=random.random(count) < declared["sites.terminated_share"],
        price=price, height=height, span=span, pit_depth=pit,
        has_curtain_wall=(category == _code("CW")) | (is_building & (height > 24) & ~is_home & (random.random(count) < 0.6)),
        prefab_rate=np.where(is_building & (nature == 0) & (random.random(count) < 0.6), np.round(random.uniform(35, 60, count)), 0.0),
        compression=compression, contract_days=np.maximum(((finish - start) / (1 + delay)).astype(np.int64), 20),
        renewal=renewal, structure=random.random(count) < _by_nature(plan, "alters_structure_shares")[nature],
        heritage=random.random(count) < np.where(renewal, 0.12, 0.01),
        insured_idi=is_home & (nature == 0) & (random.random(count) < 0.95),
        has_devices=by_area | by_price, small=area < declared["sites.small_site_m2"],
    )  # fmt: skip


def _place(plan: CityPlan, random: np.random.Generator, count: int) -> tuple[NDArray, NDArray]:
    """District and agency as positions in `districts` and `agencies`."""
    declared = plan.declared
    district = chosen(random, declared["sites.district_shares"], count)
    agency = district.copy()
    codes, names = districts(plan), agencies(plan)
    special, which = random.random(count), random.random(count)
    for code, areas in declared["sites.special_areas"].items():
        mine = (district == codes.index(code)) & (special < declared["sites.special_area_share"])
        picked = (which * len(areas)).astype(int)
        agency[mine] = np.array([names.index(area) for area in areas])[picked[mine]]
    agency[random.random(count) < declared["sites.city_station_share"]] = names.index("CITY")
    return district, agency


def districts(plan: CityPlan) -> list[str]:
    """District codes in the order of the declaration."""
    return list(plan.declared["sites.district_shares"])


def agencies(plan: CityPlan) -> list[str]:
    """Agency codes: the district stations in the order of the districts, special areas, the city's."""
    special = [area for areas in plan.declared["sites.special_areas"].values() for area in areas]
    return [f"D{code}" for code in districts(plan)] + special + ["CITY"]


def _category(plan: CityPlan, random: np.random.Generator, nature: NDArray) -> NDArray:
    uniform, category = random.random(len(nature)), np.zeros(len(nature), np.int64)
    for position, name in enumerate(NATURES):
        shares = plan.declared["sites.category_shares"][name]
        edges = np.cumsum(list(shares.values()))
        drawn = np.searchsorted(edges / edges[-1], uniform, side="right").clip(0, len(edges) - 1)
        mine = nature == position
        category[mine] = _codes(tuple(shares))[drawn[mine]]
    return category


def _shape(random: np.random.Generator, category: NDArray, area: NDArray) -> tuple[NDArray, NDArray]:
    """Height in m and largest span in m; 0 where there is no building."""
    normal, uniform = random.standard_normal((2, len(category)))
    height, span = np.zeros(len(category)), np.zeros(len(category))
    for name, median, sigma, high, usual_span in (
        ("BLD_RES", 42.0, 0.5, 180.0, 8.0), ("BLD_PUB", 30.0, 0.65, 320.0, 14.0), ("BLD_IND", 15.0, 0.35, 60.0, 20.0),
        ("BLD_WH", 14.0, 0.3, 40.0, 22.0), ("REPAIR", 18.0, 0.4, 90.0, 7.0), ("CW", 45.0, 0.5, 250.0, 8.0),
        ("DECO", 24.0, 0.6, 200.0, 9.0), ("DEMO", 12.0, 0.5, 90.0, 9.0), ("MUN_BRG", 12.0, 0.5, 60.0, 40.0),
    ):  # fmt: skip
        mine = category == _code(name)
        taller = (area[mine] / 28_000) ** 0.12
        height[mine] = np.clip(median * taller * np.exp(sigma * normal[mine]), 3.5, high)
        span[mine] = np.clip(usual_span * np.exp(0.35 * uniform[mine]), 3, 120)
    return np.round(height, 1), np.round(span, 1)


def _pit(plan: CityPlan, random: np.random.Generator, nature: NDArray, category: NDArray) -> NDArray:
    """Depth of the pit in m, 0 without one; at least 3, 5 and 12 m in the declared shares of new works."""
    any_pit, five, twelve = plan.declared["sites.pit_shares"]
    factor = np.where(nature == 0, 1.0, np.where(nature == 2, 0.5, 0.0))
    uniform = np.divide(random.random(len(nature)), factor, out=np.full(len(nature), 2.0), where=factor > 0)
    depth = np.zeros(len(nature))
    within = random.random(len(nature))
    shallow, middle, deep = uniform < any_pit, uniform < five, uniform < twelve
    depth[shallow] = 3 + 2 * within[shallow]
    depth[middle] = 5 + 7 * within[middle] ** 1.6
    depth[deep] = 12 + 16 * within[deep] ** 2.5
    depth[category == _code("LANDSC")] = 0
    return np.minimum(np.floor(depth * 10) / 10, 75)


def _normal(random: np.random.Generator, mean_and_sd: list[float], count: int) -> NDArray:
    return mean_and_sd[0] + mean_and_sd[1] * random.standard_normal(count)


def _by_nature(plan: CityPlan, name: str) -> NDArray:
    return np.array([plan.declared[f"sites.{name}"][nature] for nature in NATURES])


def _code(name: str) -> int:
    return CATEGORIES.index(name)


def _codes(names: tuple[str, ...]) -> NDArray:
    return np.array([CATEGORIES.index(name) for name in names])
