"""The quarantine: rows that are not taken in, one entry a failure, and how they leave it again.

A row that fails again adds no entry. An entry is closed, never deleted, when the row comes corrected or,
for a row that only waited for its parent, when the parent has arrived.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from data_contracts.cell_texts import texts_of
from data_contracts.contract import Column, TableContract
from data_contracts.fingerprint import row_hashes
from data_contracts.row_chunks import DamagedRow
from data_contracts.rule_book import sentences, shown
from data_contracts.staging import AMBIGUOUS, MISSING_PARENT, Staging
from data_contracts.store_connection import take_statistics
from data_contracts.store_tables import quarantine_columns, store_table
from data_contracts.typed_tables import arrow_columns, record_keys
from data_contracts.validation import check_rows

LONGEST_RAW_CELL = 65_536
FAILURE_COLUMNS = ("row", "column", "rule", "value", "zh", "en")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclasses.dataclass(frozen=True)
class QuarantinedRows:
    """Rows that failed, as texts by column, and where each came from; all three have the same index.

    `failing` names the columns of a row that failed, joined by commas. `whole` keeps long cells uncut.
    """

    cells: pd.DataFrame
    sources: Sequence[str]
    numbers: Sequence[int]
    failing: pd.Series
    whole: bool = False


def failed_rows(cells: pd.DataFrame, failures: pd.DataFrame, source: str) -> QuarantinedRows:
    """The rows of `cells` that have `failures`."""
    failing = failures.groupby("row", sort=False)["column"].agg(lambda names: ",".join(sorted(set(names))))
    bad = cells.loc[failing.index]
    return QuarantinedRows(bad, [source] * len(bad), list(bad.index), failing)


def damaged_rows(damaged: Sequence[DamagedRow], source: str) -> tuple[QuarantinedRows, pd.DataFrame]:
    """Rows that could not be read as cells, with their failures; what stands left of the fault names the key."""
    numbers = [row.row_number for row in damaged]
    cells = pd.DataFrame([row.cells for row in damaged], index=numbers, dtype=object)
    said = [(row.row_number, "", row.rule, row.value, row.zh, row.en) for row in damaged]
    failing = pd.Series("recorded_at", index=numbers)  # where it stands in a damaged row is a guess
    rows = QuarantinedRows(cells, [source] * len(damaged), numbers, failing)
    return rows, pd.DataFrame(said, columns=list(FAILURE_COLUMNS))


def rows_set_aside(
    table: TableContract, rows: pd.DataFrame, reasons: pd.DataFrame, sources: Sequence[str]
) -> tuple[QuarantinedRows, pd.DataFrame]:
    """Typed rows that passed their contract but are ambiguous or wait for a parent, with their failures.

    Their cells are kept in full, as the contract reads them, so that they can be taken in later.
    """
    cells = contract_texts(table, rows)
    keys = record_keys(table, rows)
    said: list[tuple[object, ...]] = []
    for (reason, column), group in reasons.groupby(["reason", "column_name"], sort=False):
        numbers = group["stage_row"]
        if reason == AMBIGUOUS:
            said += _ambiguous(numbers, keys[numbers], cells.loc[numbers, "recorded_at"])
        else:
            said += _waiting(table.column(str(column)), numbers, cells.loc[numbers, str(column)])
    named = [sources[number] for number in rows["source_no"]]
    aside = QuarantinedRows(
        cells, named, rows["row_number"].tolist(), pd.Series("", index=rows.index), whole=True
    )
    return aside, pd.DataFrame(said, columns=list(FAILURE_COLUMNS))


def entries(
    table: TableContract, rows: QuarantinedRows, failures: pd.DataFrame, now: pd.Timestamp
) -> dict[str, pa.Array]:
    """One entry for each of `failures`, ready to be written."""
    cells = _storable(rows.cells)
    own_hashes = text_hashes(cells)
    of_row = pd.DataFrame(
        {
            "source": list(rows.sources),
            "row_number": list(rows.numbers),
            "record_key": _readable_keys(table, cells, rows.failing, now),
            "recorded_at": _readable_recorded_at(table, cells, rows.failing, now),
            "recorded_at_text": cells["recorded_at"].map(shown, na_action="ignore")
            if "recorded_at" in cells
            else None,
            "raw": _raw(cells, rows.whole),
            "row_hash": own_hashes,
            "rest_hash": _rest_hashes(cells, own_hashes, rows.failing),
            "failing": rows.failing,
        },
        index=cells.index,
    )
    placed, failures = of_row.loc[failures["row"]], _storable(failures)
    count = len(failures)
    columns = {
        str(name): _texts(placed[name]) for name in of_row if name not in ("row_number", "recorded_at")
    }
    columns |= {name: _texts(failures[name]) for name in ("rule", "value", "zh", "en")}
    moment = pa.array([now.to_pydatetime()] * count, pa.timestamp("us"))
    return columns | {
        "table_name": pa.array([table.name] * count, pa.large_string()),
        "column_name": _texts(failures["column"]),
        "row_number": pa.array(placed["row_number"].to_numpy(dtype="int64")),
        "recorded_at": pa.Array.from_pandas(placed["recorded_at"].astype("datetime64[us]")),
        "first_seen": moment,
        "last_seen": moment,
    }


def text_hashes(cells: pd.DataFrame) -> list[str]:
    """One hash a row of texts, by which a row is recognised when it comes again."""
    return row_hashes({str(name): _texts(cells[name]) for name in cells}, len(cells))


def contract_texts(table: TableContract, rows: pd.DataFrame) -> pd.DataFrame:
    """Typed rows as the texts from which the contract reads the same values again."""
    columns = {name: texts_of(values) for name, values in arrow_columns(table, rows).items()}
    return pd.DataFrame(
        {name: pd.Series(texts.to_pandas(), dtype="str") for name, texts in columns.items()}
    ).set_axis(rows.index)


def _ambiguous(numbers: pd.Series, keys: pd.Series, moments: pd.Series) -> Iterator[tuple[object, ...]]:
    for number, key, moment in zip(numbers, keys, moments, strict=True):
        yield number, "recorded_at", AMBIGUOUS, moment, *sentences(AMBIGUOUS, key=key, recorded_at=moment)


def _waiting(column: Column, numbers: pd.Series, values: pd.Series) -> Iterator[tuple[object, ...]]:
    parent = column.reference.table if column.reference else ""
    words = {"title_zh": column.title_zh, "column": column.name, "parent": parent}
    said = {value: sentences(MISSING_PARENT, value=shown(value), **words) for value in values.unique()}
    for number, value in zip(numbers, values, strict=True):
        yield number, column.name, MISSING_PARENT, shown(value), *said[value]


def _readable_keys(
    table: TableContract, cells: pd.DataFrame, failing: pd.Series, now: pd.Timestamp
) -> pd.Series:
    """The key of each row, missing where a part of it cannot be read."""
    typed = _readable(table, cells, failing, table.key, now)
    return record_keys(table, typed).reindex(cells.index)


def _readable_recorded_at(
    table: TableContract, cells: pd.DataFrame, failing: pd.Series, now: pd.Timestamp
) -> pd.Series:
    return _readable(table, cells, failing, ("recorded_at",), now)["recorded_at"].reindex(cells.index)


def _readable(
    table: TableContract, cells: pd.DataFrame, failing: pd.Series, names: Sequence[str], now: pd.Timestamp
) -> pd.DataFrame:
    """The rows of which all of the columns `names` can be read, and these columns typed."""
    wanted = set(names)
    sound = [not wanted & set(columns.split(",")) for columns in failing]
    part = dataclasses.replace(table, columns=tuple(table.column(name) for name in names), rules=())
    return check_rows(part, cells[np.array(sound, dtype=bool)], now=now).typed


def _raw(cells: pd.DataFrame, whole: bool) -> list[str]:
    names = [str(name) for name in cells]
    present = cells.notna().to_numpy()
    return [
        json.dumps(
            {
                name: cell if whole else _cut(cell)
                for name, cell, there in zip(names, row, kept, strict=True)
                if there
            },
            ensure_ascii=False,
        )
        for row, kept in zip(cells.to_numpy(dtype=object), present, strict=True)
    ]


def _cut(cell: str) -> str:
    if len(cell) <= LONGEST_RAW_CELL // 4 or len(cell.encode()) <= LONGEST_RAW_CELL:
        return cell
    kept = cell.encode()[:LONGEST_RAW_CELL].decode(errors="ignore")
    return f"{kept}… ({len(cell)} characters)"


def _rest_hashes(cells: pd.DataFrame, row_hashes: list[str], failing: pd.Series) -> list[str]:
    """Hash of each row's cells without the failing ones; the row's own hash where no cell fails."""
    hashes = np.array(row_hashes, dtype=object)
    columns = failing.to_numpy()
    for names in set(columns) - {""}:
        places = np.flatnonzero(columns == names)
        hashes[places] = text_hashes(cells.iloc[places].drop(columns=names.split(","), errors="ignore"))
    return list(hashes)


def _storable(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells without what no database takes: lone surrogates and NUL, written out as `\\udcd5` and `\\u0000`."""
    plain = cells.copy(deep=False)
    for name in plain:
        if plain[name].dtype == object or plain[name].dtype == "str":
            plain[name] = plain[name].map(_storable_cell, na_action="ignore")
    return plain


def _storable_cell(cell: object) -> object:
    return _UNSTORABLE.sub(_escape, cell) if isinstance(cell, str) and not cell.isprintable() else cell


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _texts(values: pd.Series) -> pa.Array:
    return pa.array(values, pa.large_string(), from_pandas=True)


def store_entries(connection: sa.Connection, staging: Staging, now: pd.Timestamp) -> None:
    """Put the staged entries into the quarantine; one that is there and open is only seen again."""
    held, staged = store_table("quarantine"), staging.failures
    name = staging.contract.name
    take_statistics(connection, held, staged)
    is_open = sa.and_(held.c.table_name == name, held.c.resolved_at.is_(None))
    again = held.c.row_hash.in_(sa.select(staged.c.row_hash))
    connection.execute(held.update().where(is_open, again).values(last_seen=now.to_pydatetime()))
    known = sa.exists(
        sa.select(1).where(
            is_open,
            held.c.row_hash == staged.c.row_hash,
            held.c.column_name == staged.c.column_name,
            held.c.rule == staged.c.rule,
        )
    )
    connection.execute(staged.update().where(known).values(is_known=True))
    place = sa.func.row_number().over(
        partition_by=(staged.c.row_hash, staged.c.column_name, staged.c.rule), order_by=staged.c.row_number
    )
    unknown = sa.select(staged, place.label("place")).where(staged.c.is_known.is_(None)).subquery()
    names = [column.name for column in quarantine_columns()]
    fresh = sa.select(*(unknown.c[name] for name in names)).where(unknown.c.place == 1)
    connection.execute(held.insert().from_select(names, fresh))
    take_statistics(connection, held)


def has_open_entries(connection: sa.Connection, table: str) -> bool:
    """Whether any row of a table is in quarantine."""
    held = store_table("quarantine")
    open_entry = sa.select(1).where(held.c.table_name == table, held.c.resolved_at.is_(None))
    return bool(connection.scalar(sa.select(sa.exists(open_entry))))


def read_raw(raw: str) -> Mapping[str, str]:
    """The cells of a quarantined row."""
    return dict(json.loads(raw))
