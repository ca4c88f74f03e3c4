"""Small deliveries of records, drawn as tables in the tests that load them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pandas as pd
import sqlalchemy as sa

from data_contracts.contract import contracts
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import reading
from data_contracts.store_tables import store_table

NOW = pd.Timestamp("2026-06-01 09:00")

PROJECTS = """
    project_id, recorded_at, start_date, name
    P1, 2024-01-02, 2024-01-01, 张江一标
    P2, 2024-01-02, 2024-01-01, 张江二标
"""


def table(drawn: str) -> pd.DataFrame:
    """A table drawn with commas as a frame of texts; an empty cell is missing."""
    header, *lines = [
        [cell.strip() for cell in line.split(",")]
        for line in dedent(drawn).strip().splitlines()
        if line.strip()
    ]
    return pd.DataFrame(lines, columns=header).replace("", None).astype("str")


def write_csv(folder: Path, *, encoding: str = "utf-8", **tables: str) -> Path:
    """A folder with one CSV file for each table; files that are there and not named stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in tables.items():
        text = table(drawn).to_csv(index=False)
        (folder / f"{name}.csv").write_bytes(text.encode(encoding))
    return folder


def row_counts(store: RecordStore) -> dict[str, int]:
    """Rows of each table of a store, all versions counted, for tables that have any."""
    with reading(store.engine) as connection:
        tables = {name: sa.select(sa.func.count()).select_from(store_table(name)) for name in contracts()}
        counts = {name: int(connection.scalar(count) or 0) for name, count in tables.items()}
    return {name: count for name, count in counts.items() if count}
