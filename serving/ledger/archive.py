"""Old calls of the ledger in a file of their own: exported whole, compared row by row, and only then taken out.

The file is a SQLite database with the ledger's tables. What persons said of its decisions is copied into it and stays
in the store, too, and so do keys and the names of features. A move is noted in `ledger_moves`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from data_contracts.errors import CheckFailed, InvalidInput, NotEnoughData, NotFound, SourceUnreadable
from data_contracts.policy import policy_on
from data_contracts.progress import Progress, silent
from data_contracts.store_connection import connected, reading, writing
from data_contracts.store_tables import store_table
from serving.grading.grade_store import next_number

POLICY = "ledger_retention"
ARCHIVED, IMPORTED = "ARCHIVED", "IMPORTED"
CALLS, BLOCKS, CATALOGUES, RESPONSES, MOVES = (
    *("ledger_calls", "ledger_blocks", "ledger_catalogues"),
    *("decision_responses", "ledger_moves"),
)
HELD = (CATALOGUES, CALLS, BLOCKS, RESPONSES)
CALLS_KEY, CATALOGUES_KEY = "call_id", "catalogue_hash"
ROWS_A_READ = 200
DIGITS_OF_A_CALL = 26


@dataclass(frozen=True)
class Moved:
    """What a move has taken along, as `ledger_moves` notes it."""

    kind: str
    file: str
    sha256: str
    calls: int
    decisions: int
    first_asked_at: dt.datetime
    last_asked_at: dt.datetime
    keep_years: int
    moved_at: dt.datetime


def archive_ledger(
    engine: sa.Engine, before: dt.date, target: Path, at: pd.Timestamp, progress: Progress = silent
) -> Moved:
    """Move the calls asked before 00:00 of a day to a new file, and note it.

    Raises InvalidInput if the policy in force keeps any of them for longer, or if the file is there; NotEnoughData if
    there is no such call; CheckFailed, with nothing taken out, if the file does not hold what the store does.
    """
    years = int(policy_on(POLICY, at.date()).content["keep_years"])
    _refuse_younger(before, years, at)
    _refuse_taken(target)
    moment = dt.datetime.combine(before, dt.time())
    folder = target.absolute().parent
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=folder) as building:
        whole = Path(building) / "ledger"
        with reading(engine) as store, _new_file(whole) as file:
            _copy(store, file, moment, progress)
        sha256 = _seen_to_the_disk(whole)
        with _file_of(whole) as file, connected(engine) as store, writing(store):
            progress("核对并移出 / comparing and moving", 0, None)
            _refuse_other_rows(store, file, moment)
            calls, decisions, *asked = _taken_along(file)
            told = ARCHIVED, target.name, sha256, calls, decisions
            moved = _noted(store, Moved(*told, asked[0], asked[1], years, at.to_pydatetime()))
            _refuse_taken(target)
            whole.rename(target.absolute())  # the file is there before the rows go
            _sync_folder(folder)
            for name in (BLOCKS, CALLS):
                store.execute(sa.delete(store_table(name)).where(_is_old(name, moment)))
    return moved


def import_ledger(engine: sa.Engine, source: Path, at: pd.Timestamp) -> Moved:
    """Take the calls of a file that this store has archived back into it; such as are there already stay as they are.

    Raises NotFound without the file, SourceUnreadable if it is not one that this store wrote, byte by byte.
    """
    if not source.is_file():
        raise NotFound(zh=f"没有文件 {source}。", en=f"There is no file {source}.", field="FROM")
    sha256 = _sha256(source)
    with _file_of(source) as file, connected(engine) as store, writing(store):
        moves = store_table(MOVES)
        noted = sa.select(moves.c.keep_years).where(moves.c.sha256 == sha256, moves.c.kind == ARCHIVED)
        years = store.scalar(noted.limit(1))
        if years is None:
            raise SourceUnreadable(
                zh=f"{source} 不是由此记录库归档的台账文件，或内容已变。",
                en=f"{source} is no file of the ledger that this store archived, or is not as it was written.",
                field="FROM",
            )
        for name in (CALLS, BLOCKS):
            _add_missing(store, file, store_table(name))
        calls, decisions, *asked = _taken_along(file)
        told = IMPORTED, source.name, sha256, calls, decisions
        return _noted(store, Moved(*told, asked[0], asked[1], years, at.to_pydatetime()))


def moves_of(engine: sa.Engine) -> list[dict[str, Any]]:
    """What was moved to files and back, the oldest first."""
    moves = store_table(MOVES)
    with reading(engine) as store:
        return [dict(row) for row in store.execute(sa.select(moves).order_by(moves.c.move_id)).mappings()]


def _refuse_younger(before: dt.date, years: int, at: pd.Timestamp) -> None:
    latest = (at.normalize() - pd.DateOffset(years=years)).date()
    if before > latest:
        raise InvalidInput(
            zh=f"按现行{years}年的保存期限（政策 {POLICY}），只能归档 {latest} 以前的评估，而不是 {before} 以前的。",
            en=f"The policy {POLICY} keeps answers for {years} years: those before {latest} may be archived, not those "
            f"before {before}.",
            field="before",
        )


def _refuse_taken(target: Path) -> None:
    if target.exists() or not target.absolute().parent.is_dir():
        raise InvalidInput(
            zh=f"{target} 已存在，或其文件夹不存在。",
            en=f"{target} is there already, or its folder is not.",
            field="TO",
        )


def _is_old(table: str, moment: dt.datetime) -> sa.ColumnElement[bool]:
    """Whether a row of a table belongs to a call asked before a moment."""
    held, calls = store_table(table).c, store_table(CALLS)
    if table == CALLS:
        return held.asked_at < moment
    name = CATALOGUES_KEY if table == CATALOGUES else CALLS_KEY
    old = sa.select(calls.c[name]).where(calls.c.asked_at < moment)
    if table == RESPONSES:
        return sa.func.substr(held.decision_id, 1, DIGITS_OF_A_CALL).in_(old)
    return held[name].in_(old)


def _chosen(table: str, moment: dt.datetime) -> sa.Select[Any]:
    """The rows of a table that belong to calls asked before a moment, in the order of their keys."""
    held = store_table(table)
    return sa.select(held).where(_is_old(table, moment)).order_by(*held.primary_key.columns)


def _read(connection: sa.Connection, asked: sa.Select[Any]) -> Iterator[Sequence[dict[str, Any]]]:
    """The rows some hundred at a time."""
    found = connection.execute(asked.execution_options(yield_per=ROWS_A_READ)).mappings()
    yield from ([dict(row) for row in rows] for rows in found.partitions(ROWS_A_READ))


def _copy(store: sa.Connection, file: sa.Connection, moment: dt.datetime, progress: Progress) -> None:
    done = 0
    for name in HELD:
        for rows in _read(store, _chosen(name, moment)):
            file.execute(store_table(name).insert(), rows)
            done += len(rows)
            progress("导出台账 / exporting the ledger", done, None)


def _refuse_other_rows(store: sa.Connection, file: sa.Connection, moment: dt.datetime) -> None:
    """Raise CheckFailed unless the file has every row that is about to be taken out of the store, and no other."""
    for name in (CALLS, BLOCKS):
        table = store_table(name)
        held = _read(file, sa.select(table).order_by(*table.primary_key.columns))
        if any(mine != its for mine, its in zip_longest(_read(store, _chosen(name, moment)), held)):
            raise CheckFailed(
                zh="导出的文件与台账不一致，没有移出任何内容，请重试。",
                en="The file does not hold what the ledger does; nothing was taken out. Try again.",
                field="TO",
            )


def _add_missing(store: sa.Connection, file: sa.Connection, table: sa.Table) -> None:
    key = list(table.primary_key.columns)
    for rows in _read(file, sa.select(table).order_by(*key)):
        wanted = [tuple(row[column.name] for column in key) for row in rows]
        there = {tuple(row) for row in store.execute(sa.select(*key).where(sa.tuple_(*key).in_(wanted)))}
        if missing := [row for row, one in zip(rows, wanted, strict=True) if one not in there]:
            store.execute(table.insert(), missing)


def _taken_along(file: sa.Connection) -> tuple[int, int, dt.datetime, dt.datetime]:
    """How many calls and decisions a file holds, and when the first and the last was asked; NotEnoughData for none."""
    calls, blocks = store_table(CALLS), store_table(BLOCKS)
    asked = calls.c.asked_at
    counted = sa.select(sa.func.count(), sa.func.min(asked), sa.func.max(asked)).select_from(calls)
    count, first, last = file.execute(counted).one()
    if not count:
        raise NotEnoughData(zh="没有可归档的评估。", en="There is no answer to be archived.", field="before")
    return count, int(file.scalar(sa.select(sa.func.sum(blocks.c.rows))) or 0), first, last


def _noted(store: sa.Connection, moved: Moved) -> Moved:
    moves = store_table(MOVES)
    store.execute(moves.insert().values(move_id=next_number(store, moves.c.move_id), **vars(moved)))
    return moved


@contextmanager
def _new_file(path: Path) -> Iterator[sa.Connection]:
    """A new database that only its owner can read, with the ledger's tables."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with _file_of(path) as file, file.begin():
        for name in HELD:
            store_table(name).create(file)
        yield file


@contextmanager
def _file_of(path: Path) -> Iterator[sa.Connection]:
    engine = sa.create_engine(f"sqlite:///{path.absolute()}")
    try:
        with engine.connect() as file:
            yield file
    finally:
        engine.dispose()


def _seen_to_the_disk(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return _sha256(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
