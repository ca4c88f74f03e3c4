"""Who builds: contractors and supervisors of each site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.enterprises import Enterprises
from data_contracts.synthetic_city.rows import NONE
from data_contracts.synthetic_city.sites import Sites


@dataclass(frozen=True)
class Parties:
    """Contractor and supervisor of each site; `contractor_changed` is NONE where the contractor stays."""

    contractor: NDArray
    next_contractor: NDArray
    contractor_changed: NDArray
    supervisor: NDArray

    def contractor_on(self, site: NDArray, days: NDArray) -> NDArray:
        """Position of the contractor of a site on a day."""
        changed = self.contractor_changed[site]
        return np.where(
            (changed != NONE) & (days >= changed), self.next_contractor[site], self.contractor[site]
        )


def draw_parties(plan: CityPlan, sites: Sites, firms: Enterprises, block: int) -> Parties:
    """Contractors and supervisors of a block of sites, in proportion to the enterprises' size."""
    random, count = block_stream(plan, "parties", block), len(sites)
    first, second = firms.draw(random, "CONTRACTOR", count), firms.draw(random, "CONTRACTOR", count)
    changes = (random.random(count) < plan.declared["enterprises.contractor_change_share"]) & (
        first != second
    )
    day = sites.start + (random.uniform(0.2, 0.7, count) * (sites.finish - sites.start)).astype(np.int64)
    return Parties(
        contractor=first,
        next_contractor=second,
        contractor_changed=np.where(changes, day, NONE),
        supervisor=firms.draw(random, "SUPERVISOR", count),
    )
