"""A city's contract tables of any size, drawn column by column from the contracts: right in kind, not in life.

For measuring only. The synthetic city is the one whose numbers mean something.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_contracts.code_list import code_list
from data_contracts.contract import Column, TableContract, contracts

FIRST_DAY = np.datetime64("2020-01-01", "us")
DAYS = 6 * 365
DAY = np.timedelta64(86_400_000_000, "us")
SITES_A_FIRM = 10
UNDONE = {"revoked_at": 0.97, "repaired_at": 0.97}  # missing: few violations or scores are taken back
ROWS_A_SITE = {
    "projects": 1.0,
    "project_parties": 5.0,
    "enterprises": 1 / SITES_A_FIRM,
    "credit_records": 8 / SITES_A_FIRM,
    "dangerous_works": 3.0,
    "progress": 6.0,
    "inspections": 12.0,
    "orders": 3.0,
    "violations": 24.0,
    "accidents": 0.05,
    "defects": 1.0,
    "attendance": 20.0,
    "leader_points": 2.0,
    "material_tests": 10.0,
    "machinery": 2.0,
    "monitor_alarms": 5.0,
}


def city_tables(sites: int, seed: int = 1) -> dict[str, pd.DataFrame]:
    """About 95 rows a site in sixteen tables; facts are on file up to twenty days after they happened."""
    draw = np.random.default_rng(seed)
    firms = max(1, sites // SITES_A_FIRM)
    ids = {"project_id": _ids("P", sites), "enterprise_id": _ids("E", firms)}
    return {
        name: _table(draw, contracts()[name], round(share * sites), ids)
        for name, share in ROWS_A_SITE.items()
    }


def _ids(letter: str, count: int) -> pd.Series:
    return letter + pd.Series(np.arange(count)).astype("str").str.zfill(6)


def _table(
    draw: np.random.Generator, table: TableContract, rows: int, ids: dict[str, pd.Series]
) -> pd.DataFrame:
    happened = FIRST_DAY + draw.integers(0, DAYS, rows) * DAY
    columns: dict[str, object] = {}
    for column in table.columns:
        if column.name in ids:
            columns[column.name] = _named(draw, table, column, rows, ids[column.name])
        elif column.name == "recorded_at":
            columns[column.name] = happened + draw.integers(0, 20 * 86_400_000_000, rows)
        elif column.name == "withdrawn_at":
            columns[column.name] = np.full(rows, np.datetime64("NaT", "us"))
        elif column.name in table.key and column.kind == "text":
            columns[column.name] = _ids(table.name, rows)
        else:
            columns[column.name] = _drawn(draw, column, happened)
    return pd.DataFrame(columns)


def _named(
    draw: np.random.Generator, table: TableContract, column: Column, rows: int, names: pd.Series
) -> pd.Series:
    if rows <= len(names) and table.key == (column.name,):
        return names[:rows]
    return names.take(draw.integers(0, len(names), rows)).reset_index(drop=True)


def _drawn(draw: np.random.Generator, column: Column, happened: np.ndarray) -> object:
    """A third of what may be missing is, and nearly all of what undoes a fact; closings follow within ninety days."""
    rows = len(happened)
    share = 0.0 if column.required else UNDONE.get(column.name, 1 / 3)
    missing = draw.random(rows) < share
    if column.kind in ("date", "moment"):
        days = draw.integers(0, 90, rows) if column.is_closing else draw.integers(0, 2, rows)
        return pd.Series(happened + days * DAY).mask(missing)
    if column.kind == "boolean":
        return pd.Series(draw.random(rows) < 0.8, dtype="boolean").mask(missing)
    if column.kind in ("integer", "number"):
        numbers = draw.integers(int(np.ceil(column.minimum or 0)), int(column.maximum or 100) + 1, rows)
        kind = "Int64" if column.kind == "integer" else "float64"
        return pd.Series(numbers, dtype=kind).mask(missing)
    words = (
        list(code_list(str(column.code_list)).codes) if column.code_list else [f"text {n}" for n in range(9)]
    )
    return (
        pd.Series(words, dtype="str")
        .take(draw.integers(0, len(words), rows))
        .reset_index(drop=True)
        .mask(missing)
    )
