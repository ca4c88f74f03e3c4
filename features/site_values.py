"""The values of features at the rows asked for, handed to what is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from features.sorting import Floats, Ints


@dataclass(frozen=True)
class SiteValues:
    """A moment a row, and values by the name of the feature; NaN where one is missing."""

    as_of: Ints
    values: Mapping[str, Floats]

    def value(self, name: str) -> Floats:
        return self.values[name]
