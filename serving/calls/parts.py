"""What the calls work with: the parts of the service that stand while a worker runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio.to_thread
import pandas as pd
from anyio import CapacityLimiter
from starlette.applications import Starlette

from data_contracts.errors import StoreBusy
from data_contracts.record_store import RecordStore, StoreMark
from serving.calls.slow_work import SlowWork
from serving.http_errors import NotReady
from serving.ledger.entries import CallEntry
from serving.ledger.ledger import LONGEST_WAIT_S, Ledger, StoreMovedOn
from serving.live_records import LiveRecords
from serving.live_state import LiveState
from serving.metrics import Metrics
from serving.past_states import PastStates

THREADS = 4
FIRST_OF_A_DAY = 1
WRITERS = 4
Answer = TypeVar("Answer")
Work = Callable[[LiveState], tuple[Answer, CallEntry]]
"""Answers from a state, and tells what the ledger is to keep of it."""


@dataclass(frozen=True)
class Parts:
    """Records and champion, ledger and store of one worker; `in_thread` is where answers are computed.

    `past_states` is for `slow_work` alone: it serves one thread.
    """

    live: LiveRecords
    ledger: Ledger
    open_store: Callable[[], RecordStore]
    past_states: PastStates
    slow_work: SlowWork
    metrics: Metrics
    _limiters: dict[str, CapacityLimiter] = field(default_factory=dict)

    async def in_thread(self, work: Callable[[], Answer]) -> Answer:
        """The outcome of `work`, done in one of a few threads so that other requests go on being taken."""
        return await anyio.to_thread.run_sync(work, limiter=self._limiter("answers", THREADS))

    async def answered(
        self, work: Work[Answer], as_of: pd.Timestamp, *, with_reasons: bool = False, is_quick: bool = False
    ) -> Answer:
        """What `work` answers from the newest records as of a moment, once the ledger holds its entry.

        Quick work is done at once, from the state that the worker holds; where the store has taken in more by the
        time the ledger is written, it is done again. Other work looks at the store first, in a thread. Who asks about a
        day first waits seconds for what its projects are compared with; such calls wait for each other, one after the
        other, and no other call for them. Raises LedgerUnavailable where the entry cannot be written in time.
        """
        held = self.live.newest()
        ready = held is None or held.is_ready(as_of, with_reasons=with_reasons)
        if is_quick and held is not None and ready:
            answer, entry = work(held)
            try:
                await self._remember(entry, only_at=held.mark)
            except StoreMovedOn:
                pass
            else:
                return answer
        limiter = self._limiter("answers", THREADS) if ready else self._limiter("days", FIRST_OF_A_DAY)
        answer, entry = await anyio.to_thread.run_sync(lambda: work(self.live.state()), limiter=limiter)
        await self._remember(entry)
        return answer

    async def _remember(self, entry: CallEntry, *, only_at: StoreMark | None = None) -> None:
        with self.metrics.remembering(len(entry)):
            await self.ledger.remember(entry, only_at=only_at)

    async def in_writing_thread(self, work: Callable[[], Answer]) -> Answer:
        """The outcome of `work`, which may wait for the store's lock; answers are computed elsewhere meanwhile.

        Raises StoreBusy where so many others wait already that none of the threads was free in time.
        """
        limiter, waiting = self._limiter("writers", WRITERS), object()
        with anyio.move_on_after(LONGEST_WAIT_S) as wait:
            await limiter.acquire_on_behalf_of(waiting)
        if wait.cancelled_caught:
            raise StoreBusy(
                zh="正在写入记录库的请求过多，请稍后重试。",
                en="Too many calls are writing to the store. Try again.",
            )
        try:
            return await anyio.to_thread.run_sync(work)
        finally:
            limiter.release_on_behalf_of(waiting)

    def _limiter(self, name: str, threads: int) -> CapacityLimiter:
        """The limiter of that name; it belongs to the event loop that first asks."""
        if name not in self._limiters:
            self._limiters[name] = CapacityLimiter(threads)
        return self._limiters[name]


def parts_of(application: Starlette) -> Parts:
    """The parts of a service that has started; NotReady before."""
    parts: Parts | None = application.state.parts
    if parts is None:
        raise NotReady(zh="服务尚未启动完成。", en="The service has not started yet.")
    return parts
