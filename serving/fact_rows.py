"""The records that feature values rest on, a row each: for objections, and for checking a value by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from features.fact_index import FactIndex

COLUMNS = {
    "project_id": "str",
    "as_of": "datetime64[us]",
    "feature": "str",
    "of": "str",
    "table": "str",
    "key": "str",
    "happened": "datetime64[us]",
    "recorded_at": "datetime64[us]",
    "amount": "float64",
}


def fact_rows(index: FactIndex, names: Sequence[str], pairs: pd.DataFrame) -> pd.DataFrame:
    """The facts behind the features named, pair by pair in the order given; see `features.facts_behind`.

    A value that is missing, 0 or of the calendar alone rests on no fact and has no row.
    """
    asked = zip(pairs["project_id"].tolist(), pairs["as_of"].tolist(), strict=True)
    rows = [
        (
            *(project_id, as_of, name, fact.of, fact.table, key_in_words(fact.key)),
            *(fact.happened, fact.recorded_at, fact.amount),
        )
        for project_id, as_of in asked
        for name in names
        for fact in index.facts_behind(name, project_id, as_of)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def key_in_words(key: Mapping[str, Any]) -> str:
    """The key of a record as one text.

    >>> key_in_words({"project_id": "P1", "valid_from": pd.Timestamp("2026-03-01")})
    'project_id=P1; valid_from=2026-03-01'
    """
    return "; ".join(f"{column}={_as_text(value)}" for column, value in key.items())


def _as_text(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return value.isoformat().removesuffix("T00:00:00")
    return str(value)
