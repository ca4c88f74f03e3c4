"""The values of features at the rows asked for, handed to what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from features.sorting import Floats, Ints


@dataclass(frozen=True)
class SiteValues:
    """A moment a site, and the values of features: those looked up are `rows` of a table by name, others are `made` of
    them. NaN where one is missing."""

    as_of: Ints
    rows: Mapping[str, int]
    table: Floats
    made: dict[str, Floats] = field(default_factory=dict)

    def value(self, name: str) -> Floats:
        """The values of one feature, one a site."""
        return self.made[name] if name in self.made else self.table[self.rows[name]]

    def values(self, names: Sequence[str]) -> Floats:
        """The values of several features, a row each."""
        if self.made:
            return np.array([self.value(name) for name in names])
        return self.table[[self.rows[name] for name in names]]
