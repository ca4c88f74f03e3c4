"""The records of a city as features and training read them: typed tables with every version of every fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import pandas as pd

from data_contracts.contract import TableContract, contract, contract_set_version, contracts
from data_contracts.errors import InvalidInput
from data_contracts.fingerprint import records_fingerprint, table_fingerprint
from data_contracts.progress import Progress, silent
from data_contracts.typed_tables import empty_table, in_order, typed_table

Loader = Callable[[str], pd.DataFrame]


class Records:
    """What a city has on file, read-only. Tables are read when first asked for and kept.

    `load` gives one table by name, typed and in order, with one row for each key and `recorded_at` (the
    newest the store holds). `store_version` is 0 for records that did not come from a store.
    """

    def __init__(
        self,
        load: Loader,
        *,
        store_version: int = 0,
        contract_version: str | None = None,
        fingerprints: Mapping[str, str] | None = None,
        keep: object = None,
    ) -> None:
        self._load = load
        self._tables: dict[str, pd.DataFrame] = {}
        self._fingerprints = fingerprints
        self._keep = keep  # a temporary folder lives as long as the records that are read from it
        self.store_version = store_version
        self.contract_version = contract_version or contract_set_version()

    @classmethod
    def from_tables(cls, tables: Mapping[str, pd.DataFrame]) -> Records:
        """Records made of frames, for adapters and tests: absent columns and tables are filled as missing.

        Nothing is validated but types and keys: raises InvalidInput for a value of the wrong kind and for
        a row without key or `recorded_at`, NotFound for a table that no contract names. Of two rows with
        the same key and `recorded_at` the later one counts.

        >>> visits = pd.DataFrame({"inspection_id": ["V1"], "recorded_at": ["2026-03-01"]})
        >>> Records.from_tables({"inspections": visits}).table("inspections")["recorded_at"][0]
        Timestamp('2026-03-01 23:59:59.999999')
        """
        shaped = {name: _one_row_a_version(contract(name), rows) for name, rows in tables.items()}
        return cls(lambda name: shaped[name] if name in shaped else empty_table(contract(name)))

    def table(self, name: str) -> pd.DataFrame:
        """All versions of all facts of one table, with all columns of its contract, typed.

        One row for each key and `recorded_at`, sorted by them. Without rows, but with its columns, where
        the city has none. Raises NotFound for a name that no contract has.
        """
        if name not in self._tables:
            contract(name)
            self._tables[name] = self._load(name)
        return self._tables[name].copy(deep=False)

    @cached_property
    def table_fingerprints(self) -> dict[str, str]:
        """SHA-256 of each table that has any row."""
        if self._fingerprints is not None:
            return dict(self._fingerprints)
        return {
            name: table_fingerprint(table, self.table(name))
            for name, table in contracts().items()
            if len(self.table(name))
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the whole content: the same content has the same fingerprint wherever it is kept."""
        return records_fingerprint(self.table_fingerprints)

    @property
    def fingerprint_at_hand(self) -> str | None:
        """The fingerprint where no table has to be read for it, as of a snapshot; None elsewhere."""
        return None if self._fingerprints is None else self.fingerprint

    def known_until(self, moment: pd.Timestamp) -> Records:
        """These records without any version recorded after `moment`."""

        def load(name: str) -> pd.DataFrame:
            rows = self.table(name)
            return rows[rows["recorded_at"] <= moment].reset_index(drop=True)

        return Records(load, store_version=self.store_version, contract_version=self.contract_version)


def open_records(
    source: str | Path, *, until: str | pd.Timestamp | None = None, progress: Progress = silent
) -> Records:
    """The records behind `source`: a snapshot folder, the URL of a record store, or a folder of raw files.

    A snapshot is checked against its fingerprint. Raw files go through the intake into a temporary store,
    so rows that fail their contract are left out. With `until` nothing recorded later is read; a bare
    date means the end of that day. Raises SourceUnreadable, StoreUnavailable or InvalidInput.
    """
    from data_contracts.moments import knowledge_moment
    from data_contracts.record_opening import records_behind

    records = records_behind(source, progress=progress)
    return records if until is None else records.known_until(knowledge_moment(until))


def _one_row_a_version(table: TableContract, rows: pd.DataFrame) -> pd.DataFrame:
    typed = typed_table(table, rows)
    for name in (*table.key, "recorded_at"):
        if table.column(name).required and typed[name].isna().any():
            raise InvalidInput(
                zh=f"表 {table.name} 有记录缺少 {name}。",
                en=f"Table {table.name} has a row without {name}.",
                field=name,
            )
    latest = typed.drop_duplicates([*table.key, "recorded_at"], keep="last")
    return in_order(table, latest)
