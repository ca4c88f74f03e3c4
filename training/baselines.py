"""The simplest rules a model has to beat, scored on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_contracts.errors import NotFound

if TYPE_CHECKING:
    from features.fact_index import FactIndex

SITE_VIOLATIONS, CONTRACTOR_VIOLATIONS = "violations_1095d", "gc_violations_1095d"


def prior_rate(happened: np.ndarray) -> float:
    """The share of rows with the outcome: what one says of a site of which nothing is known.

    >>> prior_rate(np.array([0.0, 0.0, 1.0, 0.0]))
    0.25
    """
    return float(happened.mean())


def violation_count(index: FactIndex, pairs: pd.DataFrame) -> np.ndarray:
    """Violations of three years on file at `as_of`: the contractor's everywhere, or the site's if more.

    The contractor's include those of this site. Where no contractor is on file the site's alone count;
    nothing on file counts 0. A catalogue without either feature raises NotFound.
    """
    declared = {feature.name for feature in index.catalogue.features}
    names = [name for name in (SITE_VIOLATIONS, CONTRACTOR_VIOLATIONS) if name in declared]
    if not names:
        raise NotFound(
            zh=f"特征目录中没有 {SITE_VIOLATIONS} 和 {CONTRACTOR_VIOLATIONS}，无法计算过往违规基准。",
            en=f"The catalogue has neither {SITE_VIOLATIONS} nor {CONTRACTOR_VIOLATIONS}: no past-violations baseline.",
            field="catalogue",
        )
    values = index.values(names, pairs["project_id"].to_list(), pairs["as_of"].to_numpy())
    return values.max(axis=1).fillna(0.0).to_numpy("float64")
