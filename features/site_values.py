"""The values of features at the rows asked for, handed to what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.sorting import Floats, Ints


@dataclass(frozen=True)
class SiteValues:
    """A moment a row, and values by the name of the feature; NaN where one is missing."""

    as_of: Ints
    values: Mapping[str, Floats]

    def value(self, name: str) -> Floats:
        return self.values[name]

    def rows(self, names: Sequence[str]) -> Floats:
        """The values of several features, a row each."""
        return np.array([self.values[name] for name in names])
