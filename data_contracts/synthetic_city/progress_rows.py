"""The table `progress`: the stages that each site has entered."""

from __future__ import annotations

import numpy as np

from data_contracts.synthetic_city.city_plan import block_stream
from data_contracts.synthetic_city.filing import filed
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.rows import Rows, days_as_dates, words
from data_contracts.synthetic_city.stages import ABSENT, STAGES


def progress_rows(city: City, block: Block) -> Rows:
    """One row for each stage entered, with what the plan had said and the share done."""
    random, sites, starts = block_stream(city.plan, "progress", block.number), block.sites, block.starts
    site, stage = np.nonzero(starts != ABSENT)
    entered = starts[site, stage]
    done = (entered - sites.start[site]) / np.maximum(sites.finish - sites.start, 1)[site]
    planned_share = sites.contract_days[site] / np.maximum(sites.finish - sites.start, 1)[site]
    planned = sites.start[site] + (planned_share * (entered - sites.start[site])).astype(np.int64)
    recorded = filed(city.plan, random, entered, "slow")
    return {
        "_key": site * len(STAGES) + stage,
        "_happened": entered,
        "_recorded": recorded,
        "project_id": sites.ids[site],
        "stage_code": words(STAGES, stage),
        "entered_on": days_as_dates(entered),
        "planned_on": days_as_dates(planned),
        "progress_pct": np.round(100 * done, 0),
    }
