"""Stages of the works: when each site enters which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.sites import CATEGORIES, Sites

STAGES = ("10", "20", "30", "40", "50", "60", "65", "70", "80")
ABSENT = np.iinfo(np.int64).max // 4  # a stage that a site does not have is never reached


def stage_starts(plan: CityPlan, sites: Sites, block: int) -> NDArray:
    """First day of each stage (columns as STAGES) of each site; ABSENT where the site lacks it."""
    random = block_stream(plan, "stages", block)
    profiles = plan.declared["stages.shares"]
    kinds = list(profiles)
    weights = np.array([[profiles[kind].get(stage, 0.0) for stage in STAGES] for kind in kinds])[
        _kind(sites, kinds)
    ]
    weights[:, STAGES.index("30")] *= sites.pit_depth > 0
    building = np.isin(
        sites.category, [CATEGORIES.index(c) for c in ("BLD_RES", "BLD_PUB", "BLD_IND", "BLD_WH")]
    )
    weights[:, STAGES.index("65")] *= ~building | sites.has_curtain_wall
    weights = weights * np.exp(plan.declared["stages.jitter"] * random.standard_normal(weights.shape))
    reached = np.cumsum(weights, axis=1) - weights
    offset = reached / weights.sum(axis=1, keepdims=True) * (sites.finish - sites.start)[:, None]
    starts = sites.start[:, None] + offset.astype(np.int64)
    starts[weights == 0] = ABSENT
    return starts


def stage_on(starts: NDArray, site: NDArray, days: NDArray) -> NDArray:
    """Position in STAGES of the stage that each site is in on a day."""
    entered = starts[site]
    late = np.where(entered <= days[:, None], np.arange(len(STAGES)), 0)
    return late.max(axis=1)


def window(starts: NDArray, finish: NDArray, first: str, last: str) -> tuple[NDArray, NDArray]:
    """From the start of stage `first` to the end of stage `last`, or of what the site has of them."""
    low, high = STAGES.index(first), STAGES.index(last)
    begin = starts[:, low : high + 1].min(axis=1)
    after = np.concatenate([starts[:, high + 1 :], finish[:, None]], axis=1).min(axis=1)
    return begin, np.where(begin == ABSENT, ABSENT, after)


def _kind(sites: Sites, kinds: list[str]) -> NDArray:
    by_category = {
        "MUN_ROAD": "municipal", "MUN_BRG": "municipal", "MUN_TUN": "municipal", "MUN_PIPE": "municipal",
        "MUN_GAS": "municipal", "LANDSC": "landscape", "DECO": "fitting_out", "REPAIR": "fitting_out", "CW": "facade",
        "DEMO": "demolition",
    }  # fmt: skip
    table = np.array([kinds.index(by_category.get(category, "building")) for category in CATEGORIES])
    kind = table[sites.category]
    rebuilt = (sites.nature == 1) & (kind == kinds.index("building"))
    kind[rebuilt] = kinds.index("fitting_out")
    kind[sites.structure & (kind == kinds.index("fitting_out"))] = kinds.index("structural_fitting_out")
    return kind
