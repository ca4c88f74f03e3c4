"""How visits lower the hidden hazard: mechanism ns3, which does not stack and lasts three months."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan
from data_contracts.synthetic_city.hazard import SiteMonths, rows_of_days
from data_contracts.synthetic_city.rows import Rows, first_day_of, month_of


def visited_share(plan: CityPlan, panel: SiteMonths, visits: Rows) -> NDArray:
    """Share of each row's days on which a visit of the declared number of days before still works."""
    lasting = plan.declared["visit_effect.days"]
    order = np.lexsort((visits["_day"], visits["_site"]))
    site, day = visits["_site"][order], visits["_day"][order]
    begin, end = day + 1, day + 1 + lasting
    same = np.append(site[1:] == site[:-1], False)
    end = np.where(same, np.minimum(end, np.append(begin[1:], 0)), end)
    covered = np.zeros(len(panel))
    for months_later in range(lasting // 28 + 2):
        month_begin = first_day_of(month_of(begin) + months_later)
        low = np.maximum(begin, month_begin)
        high = np.minimum(end, first_day_of(month_of(begin) + months_later + 1))
        row = rows_of_days(panel, site, low)
        mine = (high > low) & (row >= 0)
        overlap = np.minimum(high[mine], panel.end[row[mine]]) - np.maximum(low[mine], panel.begin[row[mine]])
        covered += np.bincount(row[mine], np.maximum(overlap, 0), minlength=len(panel))
    return covered / (panel.end - panel.begin)


def effective_hazard(plan: CityPlan, panel: SiteMonths, share: NDArray) -> NDArray:
    """Hazard of each row, reportable accidents a project-year, with the visits that were made."""
    return np.exp(panel.log_hazard) * (1 - plan.declared["visit_effect.reduction"] * share)
