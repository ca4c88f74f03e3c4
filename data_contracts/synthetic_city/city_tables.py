"""Reading the tables of a generated city back, for comparisons and tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data_contracts.contract import contract
from data_contracts.errors import SourceUnreadable
from data_contracts.typed_tables import DTYPES


@dataclass(frozen=True)
class CityTables:
    """The tables of a city's folder, read when asked for."""

    folder: Path

    def __getitem__(self, name: str) -> pd.DataFrame:
        """All versions of all rows of a table, typed as records are."""
        parquet, table = self.folder / f"{name}.parquet", contract(name)
        if parquet.exists():
            rows = pd.read_parquet(parquet)
        else:
            texts = {column.name: "str" for column in table.columns if column.kind in ("text", "code")}
            rows = pd.read_csv(self.folder / f"{name}.csv", dtype=texts)
        for column in table.columns:
            if column.kind in ("date", "moment"):
                rows[column.name] = pd.to_datetime(rows[column.name], format="mixed")
        return rows.astype({column.name: DTYPES[column.kind] for column in table.columns})

    def newest(self, name: str) -> pd.DataFrame:
        """The newest version of each row that is not withdrawn."""
        rows = self[name].sort_values("recorded_at", kind="stable")
        rows = rows.drop_duplicates(list(contract(name).key), keep="last")
        return rows[rows["withdrawn_at"].isna()]


def read_city(folder: str | Path) -> CityTables:
    """The tables in a folder; raises SourceUnreadable where there is no city."""
    path = Path(folder)
    if not any((path / f"projects.{ending}").exists() for ending in ("parquet", "csv")):
        raise SourceUnreadable(
            zh=f"{folder} 中没有城市数据。", en=f"There are no tables of a city in {folder}."
        )
    return CityTables(path)
