"""What the calls work with: the parts of the service that stand while a worker runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.applications import Starlette

from data_contracts.record_store import RecordStore
from serving.calls.slow_work import SlowWork
from serving.http_errors import NotReady
from serving.ledger.entries import CallEntry
from serving.ledger.ledger import Ledger
from serving.live_records import LiveRecords
from serving.metrics import Metrics
from serving.past_states import PastStates

THREADS = 4
Answer = TypeVar("Answer")


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
    _limiters: list[CapacityLimiter] = field(default_factory=list)

    async def remember(self, entry: CallEntry) -> None:
        """Return when the ledger holds the entry; raises LedgerUnavailable if that fails or takes too long."""
        with self.metrics.remembering(len(entry)):
            await self.ledger.remember(entry)

    async def in_thread(self, work: Callable[[], Answer]) -> Answer:
        """The outcome of `work`, done in one of a few threads so that other requests go on being taken."""
        if not self._limiters:
            self._limiters.append(CapacityLimiter(THREADS))  # it belongs to the event loop that first asks
        return await anyio.to_thread.run_sync(work, limiter=self._limiters[0])


def parts_of(application: Starlette) -> Parts:
    """The parts of a service that has started; NotReady before."""
    parts: Parts | None = application.state.parts
    if parts is None:
        raise NotReady(zh="服务尚未启动完成。", en="The service has not started yet.")
    return parts
