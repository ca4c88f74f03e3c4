"""One feature over another, drawn toward the rate of a group where exposure is small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.asked_sites import Floats, Measure, Sites
from features.feature import Feature


@dataclass(frozen=True)
class Rate:
    """`per` times numerator over denominator; missing where the denominator is zero or missing.

    With a group: (numerator + strength × the group's rate) / (denominator + strength), so that a single
    visit does not make a rate of its own. Where the group has no exposure either, the plain rate.
    """

    numerator: Measure
    denominator: Measure
    per: float
    group: tuple[Measure, Measure, float] | None

    @classmethod
    def build(cls, feature: Feature, built: Mapping[str, Measure]) -> Rate:
        drawn, group = feature.shrunk, None
        if drawn is not None:
            group = built[drawn.numerator], built[drawn.denominator], drawn.strength
        return cls(built[str(feature.numerator)], built[str(feature.denominator)], feature.per, group)

    def at(self, sites: Sites) -> Floats:
        above, below = sites.value(self.numerator), sites.value(self.denominator)
        if self.group is not None:
            group_above, group_below, strength = self.group
            expected = _over(sites.value(group_above), sites.value(group_below))
            known = ~np.isnan(expected)
            above = np.where(known, above + strength * expected, above)
            below = np.where(known, below + strength, below)
        return self.per * _over(above, below)


def _over(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
