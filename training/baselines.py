"""The simple rules a model has to beat, as orders of the same rows, and the columns that figures are cut by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_contracts.errors import NotFound
from data_contracts.records import Records

if TYPE_CHECKING:
    from features.fact_index import FactIndex

SITE_VIOLATIONS, CONTRACTOR_VIOLATIONS = "violations_1095d", "gc_violations_1095d"
_SIZES = {0.0: "below 10,000 m²", 1.0: "10,000 m² and above", 2.0: "50,000 m² and above"}
_REGISTERED = {0.0: "same city", 1.0: "elsewhere"}
_OWNED = {0.0: "not state-owned", 1.0: "state-owned"}


def prior_rate(happened: np.ndarray) -> float:
    """The share of rows with the outcome: what one says of a site of which nothing is known.

    >>> prior_rate(np.array([0.0, 0.0, 1.0, 0.0]))
    0.25
    """
    return float(happened.mean())


def rule_scores(index: FactIndex, pairs: pd.DataFrame, *, seed: int) -> dict[str, np.ndarray]:
    """An order of the rows for each rule, higher for what is visited first, never missing.

    `random_order` with the seed; `longest_unvisited` by days since the latest visit, a site never visited
    before all others; `past_violations`; `risk_matrix` by its cell, a site without a grade in the middle.
    """
    unvisited = _told(index, ["days_since_visit"], pairs)[:, 0]
    matrix = _told(index, ["risk_matrix"], pairs)[:, 0]
    middle = np.nanmedian(matrix) if not np.isnan(matrix).all() else 0.0
    return {
        "random_order": np.random.default_rng(seed).random(len(pairs)),
        "longest_unvisited": np.nan_to_num(unvisited, nan=np.nanmax(unvisited, initial=0.0) + 1),
        "past_violations": violation_count(index, pairs),
        "risk_matrix": np.nan_to_num(matrix, nan=middle),
    }


def violation_count(index: FactIndex, pairs: pd.DataFrame) -> np.ndarray:
    """Violations of three years on file at `as_of`: the contractor's everywhere, or the site's if more.

    The contractor's include those of this site. Where no contractor is on file the site's alone count;
    nothing on file counts 0. A catalogue without either feature raises NotFound.
    """
    if not _declared(index, [SITE_VIOLATIONS, CONTRACTOR_VIOLATIONS]):
        raise NotFound(
            zh=f"特征目录中没有 {SITE_VIOLATIONS} 和 {CONTRACTOR_VIOLATIONS}，无法计算过往违规基准。",
            en=f"The catalogue has neither {SITE_VIOLATIONS} nor {CONTRACTOR_VIOLATIONS}: no past-violations baseline.",
            field="catalogue",
        )
    values = _told(index, [SITE_VIOLATIONS, CONTRACTOR_VIOLATIONS], pairs)
    return np.nan_to_num(values, nan=0.0).max(axis=1)


def groups_of(index: FactIndex, records: Records, pairs: pd.DataFrame) -> dict[str, np.ndarray]:
    """The columns by which figures are cut, as texts known at `as_of`; None where it is not stated.

    `registered_region` and `ownership` of the contractor are for audits alone: they show whether a proxy for an
    outside firm has found its way into the lists.
    """
    wanted = ["inherent_grade", "floor_area_class", "gc_registered_elsewhere", "gc_state_owned"]
    grade, size, elsewhere, owned = _told(index, wanted, pairs).T
    district, category = _projects_as_known(records, pairs, ["region_code", "category"])
    return {
        "district": district,
        "category": category,
        "inherent_grade": _texts(grade, {float(level): f"{level:.0f}" for level in range(1, 6)}),
        "size_class": _texts(size, _SIZES),
        "registered_region": _texts(elsewhere, _REGISTERED),
        "ownership": _texts(owned, _OWNED),
    }


def _declared(index: FactIndex, names: Sequence[str]) -> list[str]:
    declared = {feature.name for feature in index.catalogue.features}
    return [name for name in names if name in declared]


def _told(index: FactIndex, names: Sequence[str], pairs: pd.DataFrame) -> np.ndarray:
    """The features' values (rows, names); one that the catalogue does not have is missing throughout."""
    found = np.full((len(pairs), len(names)), np.nan)
    there = _declared(index, names)
    if there:
        cells = index.cells(there, pairs["project_id"].to_list(), pairs["as_of"].to_numpy())
        found[:, [names.index(name) for name in there]] = cells
    return found


def _projects_as_known(records: Records, pairs: pd.DataFrame, columns: list[str]) -> list[np.ndarray]:
    """Columns of the version of each row's project that held at `as_of`."""
    versions = records.table("projects").sort_values("recorded_at", kind="stable")
    asked = pairs[["project_id", "as_of"]].reset_index(names="place").sort_values("as_of", kind="stable")
    found = pd.merge_asof(
        asked,
        versions[["project_id", "recorded_at", *columns]],
        left_on="as_of",
        right_on="recorded_at",
        by="project_id",
    ).sort_values("place")
    return [_or_none(found[column]) for column in columns]


def _or_none(texts: pd.Series) -> np.ndarray:
    return texts.astype(object).where(texts.notna(), None).to_numpy(object)


def _texts(values: np.ndarray, words: dict[float, str]) -> np.ndarray:
    return np.array([words.get(value) for value in values.tolist()], dtype=object)
