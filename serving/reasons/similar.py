"""What is usual among similar sites: those of the same kind of works that are active on the same day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.risk_model import RiskModel

Floats = NDArray[np.float64]
# Sites of one kind: the first of these that a site is; all others are one kind.
KINDS = (
    "is_residential",
    "is_public_building",
    "is_industrial",
    "is_municipal",
    "is_decoration",
    "is_repair",
    "is_demolition",
)
FEWEST_SIMILAR = 30


@dataclass(frozen=True)
class Similar:
    """What is usual among similar sites, by kind (rows): median of each feature, and mean of what it adds by head."""

    kinds: tuple[int, ...]
    medians: Floats
    added: Mapping[str, Floats]

    @classmethod
    def of(
        cls, model: RiskModel, matrix: pd.DataFrame, contributions: Mapping[str, Floats] | None = None
    ) -> Similar:
        """From the features of many sites of one day; kinds of fewer than thirty sites are compared with all.

        `contributions` are those of the model by head, if at hand.
        """
        kind, values = kinds_of(matrix), model.features_of(matrix)
        numbers = [number for number in range(len(KINDS) + 1) if (kind == number).sum() >= FEWEST_SIMILAR]
        groups = [kind == number for number in numbers] + [np.ones(len(kind), bool)]
        medians = np.stack([pd.DataFrame(values[group]).median().to_numpy() for group in groups])
        added = {}
        for head in model.heads:
            parts = (model.parts(matrix, head) if contributions is None else contributions[head])[:, :-1]
            added[head] = np.stack([parts[group].mean(axis=0) for group in groups])
        return cls(tuple(numbers), medians, added)

    @classmethod
    def of_training(cls, model: RiskModel) -> Similar:
        """The training's average row, which SHAP values stand beside: parts stay as they are, medians are missing."""
        row = (1, len(model.feature_names))
        return cls((), np.full(row, np.nan), {head: np.zeros(row) for head in model.heads})

    def rows(self, matrix: pd.DataFrame) -> NDArray[np.int64]:
        """The row of each site's kind; the last one, of all sites, where its kind is rare."""
        place = np.full(len(KINDS) + 1, len(self.kinds), np.int64)
        place[list(self.kinds)] = np.arange(len(self.kinds))
        found: NDArray[np.int64] = place[kinds_of(matrix)]
        return found


def kinds_of(matrix: pd.DataFrame) -> NDArray[np.int64]:
    """The kind of each site: the place in KINDS of the first that holds, or one beyond."""
    values = matrix.to_numpy("float64")
    is_kind = np.column_stack([values[:, matrix.columns.get_loc(name)] == 1 for name in KINDS])
    return np.where(is_kind.any(axis=1), is_kind.argmax(axis=1), len(KINDS))
