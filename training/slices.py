"""The judged contender by district, category, grade, size, and for the audit by origin and ownership."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from training.measures import RankedRows
from training.project_draws import ProjectDraws

MOST_VALUES = 30
OTHERS = "(other)"


def slices(
    groups: Mapping[str, np.ndarray],
    happened: np.ndarray,
    risk: np.ndarray,
    project: np.ndarray,
    on_list: np.ndarray,
    *,
    is_probability: bool = True,
) -> dict[str, list[dict[str, Any]]]:
    """By column, figures of each value's rows, the largest first; beyond thirty values as "(other)", last.

    A `value` of None is of the rows for which nothing is on file. `on_list` is the chance of each row to stand on its
    month's list: `selection_rate_at_10pct` is its mean, `recall_at_10pct` the share of the slice's outcomes
    that the city's list meets. A district that is selected more often than its outcomes explain shows here.
    What a slice cannot tell is None: recall and AUC without outcomes, AUC with nothing but outcomes.
    """
    table = pd.DataFrame({"happened": happened, "risk": risk, "project": project, "on_list": on_list})
    return {
        column: [
            _figures(value, table[rows], is_probability=is_probability) for value, rows in _values(values)
        ]
        for column, values in groups.items()
    }


def _values(values: np.ndarray) -> list[tuple[str | None, np.ndarray]]:
    """Each value and which rows have it."""
    code, found = pd.factorize(np.asarray(values, object), use_na_sentinel=True)
    code = np.where(code < 0, len(found), code)
    names: list[str | None] = [*(str(value) for value in found), None]
    size = np.bincount(code, minlength=len(names))
    order = sorted(np.flatnonzero(size), key=lambda k: (-size[k], names[k] is None, names[k] or ""))
    shown: list[tuple[str | None, np.ndarray]] = [(names[k], code == k) for k in order[:MOST_VALUES]]
    if len(order) > MOST_VALUES:
        shown.append((OTHERS, np.isin(code, order[MOST_VALUES:])))
    return shown


def _figures(value: str | None, rows: pd.DataFrame, *, is_probability: bool) -> dict[str, Any]:
    happened, risk, on_list = (rows[name].to_numpy("float64") for name in ("happened", "risk", "on_list"))
    project = pd.factorize(rows["project"])[0]
    auc = float(RankedRows(happened, risk, project).order_sums(ProjectDraws.once(project))[0, 0])
    positives, expected = happened.sum(), risk.sum()
    return {
        "value": value,
        "rows": len(rows),
        "positives": int(positives),
        "projects": int(project.max()) + 1,
        "mean_risk": float(risk.mean()) if is_probability else None,
        "observed": float(happened.mean()),
        "observed_over_expected": float(positives / expected) if is_probability and expected > 0 else None,
        "auc": auc if np.isfinite(auc) else None,
        "selection_rate_at_10pct": float(on_list.mean()),
        "recall_at_10pct": float(on_list @ happened / positives) if positives else None,
    }
