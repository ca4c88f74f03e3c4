"""Writes the ledger: a call is answered once its entry is durable, and refused if it cannot be made so.

One thread of the worker writes. What has come in while it waits for the disk goes into the next transaction
together, so that many calls share one wait. An entry whose call was given up may still be written: the
ledger may know of an answer that never arrived, never the other way round.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from data_contracts.errors import SiteriskError, StoreUnavailable
from data_contracts.record_store import RecordStore, StoreMark, mark_of
from data_contracts.store_connection import connected
from data_contracts.store_tables import store_table
from serving.ledger.entries import CallEntry
from serving.request_log import fault_of, request_log

LONGEST_WAIT_S = 5.0
"""How long a call waits for its entry, and any writer of the service for the store's lock.

On SQLite a large load holds the lock for longer.
"""

MOST_ROWS = 20_000  # of one transaction: two calls of the largest size
STOPPED = None


@dataclass(frozen=True, eq=False)
class _Waiting:
    """An entry that is to be written, if at all only while the store is at a mark; `written` tells that it was."""

    entry: CallEntry
    only_at: StoreMark | None
    written: asyncio.Future[None]


_Outcomes = list[tuple[_Waiting, Exception | None]]
"""Of each whether it was written, or why not."""


class LedgerUnavailable(StoreUnavailable):
    """The answer could not be remembered, so it is not given."""

    code = "LEDGER_UNAVAILABLE"


class StoreMovedOn(Exception):
    """The store has taken in records since the mark that an entry was to be written at; it was not written."""


class Ledger:
    """The ledger of one worker; `open_store` gives the record store that it is in.

    `written` is called after each transaction.
    """

    def __init__(
        self, open_store: Callable[[], RecordStore], written: Callable[[], None] = lambda: None
    ) -> None:
        self._open_store, self._written = open_store, written
        self._store: RecordStore | None = None
        self._gathered: list[_Waiting] = []
        self._handed_over: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_on, name="ledger", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """End the writing, once what waits is written."""
        self._hand_over()
        self._handed_over.put(STOPPED)
        self._thread.join(timeout=10)

    async def remember(self, entry: CallEntry, *, only_at: StoreMark | None = None) -> None:
        """Return when the entry is durable; raises LedgerUnavailable if that fails or takes too long.

        With `only_at` raises StoreMovedOn where the store is at another mark when the entry would be written.
        """
        loop = asyncio.get_running_loop()
        if (
            not self._gathered
        ):  # calls that are ready together are handed over together, once each has been computed
            loop.call_soon(self._hand_over)
        waiting = _Waiting(entry, only_at, loop.create_future())
        self._gathered.append(waiting)
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                await waiting.written
        except TimeoutError:
            raise _unavailable() from None

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        self._handed_over.put(gathered)

    def _write_on(self) -> None:
        while (first := self._handed_over.get()) is not STOPPED:
            group, stopped = self._group(first)
            _tell(self._written_or_refused([each for each in group if not each.written.cancelled()]))
            if stopped:
                return

    def _group(self, first: list[_Waiting]) -> tuple[list[_Waiting], bool]:
        """Everything that waits now, up to the size of a transaction, and whether it is the last."""
        group, rows = list(first), sum(len(each.entry) for each in first)
        while rows < MOST_ROWS:
            try:
                following = self._handed_over.get_nowait()
            except queue.Empty:
                break
            if following is STOPPED:
                return group, True
            group += following
            rows += sum(len(each.entry) for each in following)
        return group, False

    def _written_or_refused(self, group: list[_Waiting]) -> _Outcomes:
        """Write the group; what cannot be written together is tried call by call, so that none fails for another."""
        if not group:
            return []
        try:
            outdated = self._write(group)
        except SiteriskError as error:
            request_log().error("ledger not written", code=error.code, calls=len(group))
            return [(each, _unavailable()) for each in group]
        except Exception as error:
            request_log().error("ledger not written", **fault_of(error), calls=len(group))
            if len(group) > 1:
                return [outcome for each in group for outcome in self._written_or_refused([each])]
            return [(group[0], _unavailable())]
        return [(each, StoreMovedOn() if each in outdated else None) for each in group]

    def _write(self, group: list[_Waiting]) -> list[_Waiting]:
        """Write what may be written, and return the others."""
        if self._store is None:
            self._store = self._open_store()
        with connected(self._store.engine) as connection:
            connection.execution_options(siterisk_begin="BEGIN IMMEDIATE")
            with connection.begin():
                outdated = []
                if any(each.only_at for each in group):
                    mark = mark_of(connection)
                    outdated = [each for each in group if each.only_at not in (None, mark)]
                entries = [each.entry for each in group if each not in outdated]
                named = {entry.catalogue_hash: entry.feature_names for entry in entries}
                for digest, names in named.items():
                    _name_features(connection, digest, json.dumps(list(names)))
                calls = [dict(entry.call) for entry in entries]
                if calls:
                    connection.execute(store_table("ledger_calls").insert(), calls)
                blocks = [dict(block) for entry in entries for block in entry.blocks]
                if blocks:
                    connection.execute(store_table("ledger_blocks").insert(), blocks)
        self._written()
        return outdated


def _tell(outcomes: _Outcomes) -> None:
    """Wake who waits, in the loop that each waits in."""
    for loop in {each.written.get_loop() for each, _ in outcomes}:
        own = [outcome for outcome in outcomes if outcome[0].written.get_loop() is loop]
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the calls with it
            loop.call_soon_threadsafe(_wake, own)


def _wake(outcomes: _Outcomes) -> None:
    for each, error in outcomes:
        if each.written.done():
            continue  # given up
        if error is None:
            each.written.set_result(None)
        else:
            each.written.set_exception(error)


def _name_features(connection: sa.Connection, digest: str, names: str) -> None:
    """Note the names unless they are there: another worker may do so too, and a backup put back may lack them."""
    catalogues = store_table("ledger_catalogues")
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    row = {"catalogue_hash": digest, "feature_names": names}
    connection.execute(insert(catalogues).values(**row).on_conflict_do_nothing())


def _unavailable() -> LedgerUnavailable:
    return LedgerUnavailable(
        zh="评估结果无法记入台账，因此不予返回，请稍后重试。持续出现时请检查记录库是否可写、磁盘是否已满、是否正在大批量载入。",
        en="The answer could not be written to the ledger and is therefore not given. Try again; if it goes on, see "
        "whether the record store can be written, the disk is full, or a large load is under way.",
    )
