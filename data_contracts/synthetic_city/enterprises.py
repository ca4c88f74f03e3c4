"""Enterprises: how well they work, how much of the work they have, their codes, credit and renamings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_contracts.synthetic_city.city_plan import CityPlan, block_stream
from data_contracts.synthetic_city.made_up_codes import synthetic_codes
from data_contracts.synthetic_city.rows import NONE

KINDS = (
    "CONTRACTOR", "OWNER", "SUPERVISOR", "DESIGN", "SURVEY", "SPECIALIST", "LABOUR", "TEST_HOUSE", "CRANE", "TIS"
)  # fmt: skip


@dataclass(frozen=True)
class Enterprises:
    """All enterprises of a city. `poorness` is lasting quality in standard deviations, more is worse,
    as the credit score shows it (0 where there is no record); `frailty` is what no table shows.

    `renamed_on` is the day from which `new_codes` stands for `codes`; NONE where it never does.
    """

    kind: NDArray
    poorness: NDArray
    frailty: NDArray
    has_record: NDArray
    size: NDArray
    codes: NDArray
    new_codes: NDArray
    renamed_on: NDArray

    def __len__(self) -> int:
        return len(self.kind)

    def of_kind(self, kind: str) -> NDArray:
        """Positions of the enterprises of one kind."""
        return np.nonzero(self.kind == KINDS.index(kind))[0]

    def draw(self, random: np.random.Generator, kind: str, count: int) -> NDArray:
        """Positions of `count` enterprises of one kind, in proportion to their size."""
        mine = self.of_kind(kind)
        share = np.cumsum(self.size[mine])
        return mine[
            np.searchsorted(share / share[-1], random.random(count), side="right").clip(0, len(mine) - 1)
        ]

    def code_on(self, enterprise: NDArray, days: NDArray) -> NDArray:
        """The code that each enterprise had on a day; empty where `enterprise` is negative."""
        renamed = self.renamed_on[enterprise]
        code = np.where(
            (renamed != NONE) & (renamed <= days), self.new_codes[enterprise], self.codes[enterprise]
        )
        return np.where(enterprise < 0, b"", code)


def draw_enterprises(plan: CityPlan) -> Enterprises:
    """The enterprises of a city; quality and frailty are standardised over the work that each kind does."""
    random, declared = block_stream(plan, "enterprises"), plan.declared
    per_site = declared["enterprises.per_active_site"]
    kind = np.repeat(np.arange(len(KINDS)), [max(round(per_site[k] * plan.projects), 5) for k in KINDS])
    count = len(kind)
    size = np.exp(declared["enterprises.size_sigma"] * random.standard_normal(count))
    poorness, frailty = random.standard_normal((2, count))
    has_record = random.random(count) >= declared["enterprises.no_record_share"]
    for position in range(len(KINDS)):
        mine = kind == position
        poorness[mine] = _standard(np.where(has_record[mine], poorness[mine], 0), size[mine])
        frailty[mine] = _standard(frailty[mine], size[mine])
    poorness[~has_record] = 0
    spread = contractor_frailty_sd(plan)
    days = plan.last_day - plan.first_day
    renamed = random.random(count) < declared["enterprises.renamed_per_year"] * days / 365.25
    renamed_on = np.where(renamed, plan.first_day + random.integers(30, max(days, 60), count), NONE)
    return Enterprises(
        kind=kind,
        poorness=poorness,
        frailty=np.where(kind == KINDS.index("CONTRACTOR"), spread * frailty, 0),
        has_record=has_record,
        size=size,
        codes=synthetic_codes(np.arange(1, count + 1)),
        new_codes=synthetic_codes(500_000 + np.arange(1, count + 1)),
        renamed_on=renamed_on,
    )


def contractor_frailty_sd(plan: CityPlan) -> float:
    """Standard deviation of a contractor's frailty in the log hazard, from the declared shares."""
    declared = plan.declared
    invisible = plan.declared.variance * declared["hazard.invisible_share"]
    return float(np.sqrt(invisible * (1 - declared["hazard.site_part_of_invisible"])))


def site_frailty_sd(plan: CityPlan) -> float:
    """Standard deviation of a site's frailty in the log hazard, from the declared shares."""
    invisible = plan.declared.variance * plan.declared["hazard.invisible_share"]
    return float(np.sqrt(invisible * plan.declared["hazard.site_part_of_invisible"]))


def _standard(values: NDArray, weights: NDArray) -> NDArray:
    share = weights / weights.sum()
    centred = values - share @ values
    return centred / max(float(np.sqrt(share @ centred**2)), 1e-9)
