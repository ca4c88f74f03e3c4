"""Dangerous works (危大工程) of each site."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.code_list import code_list
from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.rows import Rows, constant, length, serial_ids, stack
from data_contracts.synthetic_city.sites import CATEGORIES, Sites
from data_contracts.synthetic_city.stages import ABSENT, window


def draw_works(plan: CityPlan, sites: Sites, starts: NDArray, block: int) -> Rows:
    """The dangerous works of a block: site, code, days, parameter, and since when their plan is reviewed."""
    random = block_stream(plan, "works", block)
    candidates = _candidates(plan, random, sites, starts)
    works = stack([part for part in candidates if length(part)] or candidates)
    count = length(works)
    works["_id"] = serial_ids("W", block, count)
    late = works["_overscale"] & (random.random(count) < plan.declared["works.unreviewed_share"])
    wait = (0.3 + 0.6 * random.random(count)) * (works["_to"] - works["_from"])
    works["_reviewed"] = works["_from"] + np.where(late, wait, -random.integers(2, 30, count)).astype(
        np.int64
    )
    return works


def _candidates(plan: CityPlan, random: np.random.Generator, sites: Sites, starts: NDArray) -> list[Rows]:
    share, count = plan.declared["works.shares"], len(sites)
    category = np.array(CATEGORIES)[sites.category]
    building = np.char.startswith(category, "BLD_") & (sites.nature != 4)
    framed = building & (sites.nature != 1)
    tall, unit = sites.height, random.random((count, 2))
    high_form = random.random(count) < share["FORM_OVERSCALE"]
    scaffold = random.random(count)
    draw = {name: random.random(count) < value for name, value in share.items()}
    old_building = sites.renewal & sites.structure
    spec = (
        ("PIT", "30", "30", sites.pit_depth >= 3, "depth_m", sites.pit_depth),
        ("FORM", "40", "40", framed & draw["FORM"], "height_m", np.where(high_form, 8 + 8 * unit[:, 0], 5 + 2.9 * unit[:, 0])),
        ("SCAF_LAND", "40", "60", building & (tall >= 24) & (tall < 60) & draw["SCAF_LAND"], "height_m", np.minimum(tall, 49)),
        ("SCAF_CANT", "40", "50", building & (tall >= 40) & draw["SCAF_CANT"], "section_height_m", 12 + 9 * scaffold),
        ("SCAF_CLIMB", "40", "50", building & (tall >= 60) & draw["SCAF_CLIMB"], "lift_height_m", tall),
        ("CRANE", "40", "50", framed & (tall > 20) & draw["CRANE"], "erection_height_m", tall + 15),
        ("BASKET", "60", "65", (tall > 20) & draw["BASKET"], "", np.full(count, np.nan)),
        ("CWALL", "65", "65", sites.has_curtain_wall, "height_m", tall),
        ("STEEL", "40", "40", (category == "BLD_IND") & draw["STEEL"], "span_m", sites.span),
        ("PC", "40", "40", (sites.prefab_rate > 0) & draw["PC"], "", np.full(count, np.nan)),
        ("TUNNEL", "30", "40", np.isin(category, ("MUN_TUN", "MUN_PIPE")) & draw["TUNNEL"], "", np.full(count, np.nan)),
        ("DEMO", "40", "60", (category == "DEMO") | old_building | (sites.renewal & draw["DEMO_RENEWAL"]), "height_m", tall),
    )  # fmt: skip
    special = draw["DEMO_OVERSCALE"] | sites.heritage
    return [
        _works(code, wanted, window(starts, sites.finish, first, last), (parameter, value), special)
        for code, first, last, wanted, parameter, value in spec
    ]


def _works(
    code: str, wanted: NDArray, days: tuple[NDArray, NDArray], measured: tuple[str, NDArray], special: NDArray
) -> Rows:
    (begin, end), (parameter, value) = days, measured
    site = np.nonzero(wanted & (begin != ABSENT) & (end - begin >= 10))[0]
    rounded = np.floor(10 * value[site]) / 10
    return {
        "_site": site,
        "_from": begin[site],
        "_to": end[site],
        "code": constant(code, len(site)),
        "parameter_kind": constant(parameter, len(site)),
        "parameter_value": rounded,
        "_overscale": _is_overscale(code, parameter, rounded, special[site]),
    }


def _is_overscale(code: str, parameter: str, value: NDArray, special: NDArray) -> NDArray:
    """Over-scale by the thresholds of the code list (inclusive); demolition by what stands around it."""
    known = code_list("dangerous_works").codes[code].extra
    if known.get("all_overscale"):
        return np.ones(len(value), bool)
    for threshold in known.get("thresholds", ()):
        if threshold["parameter"] == parameter:
            return value >= threshold["overscale_from"]
    return special if code == "DEMO" else np.zeros(len(value), bool)
