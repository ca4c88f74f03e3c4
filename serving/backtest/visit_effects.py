"""How a visit lowers the hazard of a site: three models, because how long it lasts and whether visits add up is not known.

The size is from a randomised trial: injuries -9.4 % (interval -17.7 to -2.1) after an inspection (Levine, Toffel and
Johnson, Science 2012). A factor of 1 is no effect. The days of a visit's own week count in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WEEK_DAYS = 7.0
Effect = Callable[[NDArray[np.bool_], NDArray[np.floating]], NDArray[np.float32]]


@dataclass(frozen=True)
class VisitEffect:
    """`reduction` of the hazard by one visit, and `lasting_days`: its length, or its half-life."""

    reduction: float
    lasting_days: float

    def ns3(self, visited: NDArray[np.bool_], findings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Does not stack, lasts three months: (sites, weeks) factors of the hazard."""
        lasting = round(self.lasting_days / WEEK_DAYS)
        counts = np.cumsum(visited, axis=1, dtype=np.int32)
        before = np.zeros_like(counts)
        before[:, lasting:] = counts[:, :-lasting] if lasting < counts.shape[1] else 0
        return np.where(counts > before, 1.0 - self.reduction, 1.0).astype(np.float32)

    def st3(self, visited: NDArray[np.bool_], findings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Stacks, with a half-life of three months: factors multiply."""
        kept = 0.5 ** (WEEK_DAYS / self.lasting_days)
        strength = np.zeros(len(visited), np.float32)
        factor = np.empty(visited.shape, np.float32)
        for week in range(visited.shape[1]):
            strength = strength * kept + visited[:, week]
            factor[:, week] = (1.0 - self.reduction) ** strength
        return factor

    def haz(self, visited: NDArray[np.bool_], findings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Removes the open hazards that the visit finds, which come back with a half-life of three months.

        `findings` (sites, weeks) are what a visit is expected to find, over the city's average: a visit of average findings
        takes away `reduction`, one that finds three times as much three times that, at most half; a visit soon after
        finds only what has come back.
        """
        kept = 0.5 ** (WEEK_DAYS / self.lasting_days)
        removed = np.zeros(len(visited), np.float32)
        factor = np.empty(visited.shape, np.float32)
        for week in range(visited.shape[1]):
            found = np.minimum(self.reduction * findings[:, week], 0.5)
            removed = np.where(visited[:, week], np.maximum(found, removed * kept), removed * kept)
            factor[:, week] = 1.0 - removed
        return factor

    def models(self) -> Mapping[str, Effect]:
        """The three by name."""
        return {"ns3": self.ns3, "st3": self.st3, "haz": self.haz}
