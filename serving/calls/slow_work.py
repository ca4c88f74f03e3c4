"""Work that takes a processor for seconds: one at a time, in a thread of its own, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from serving.http_errors import StillWorking, TooMuchWork

LONGEST_WAIT_S = 25.0
MOST_WAITING = 8

Outcome = TypeVar("Outcome")


class SlowWork:
    """The thread of one worker; `stop` takes no more work, what is under way ends on its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="slow-work")
        self._unfinished: set[Future[Any]] = set()

    def stop(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def done(self, work: Callable[[], Outcome]) -> Outcome:
        """The outcome of `work`, once what came before is done.

        Raises TooMuchWork where too much waits already, and StillWorking after LONGEST_WAIT_S; work that has
        begun then goes on, and what has not is given up.
        """
        if len(self._unfinished) >= MOST_WAITING:
            raise TooMuchWork(
                zh="待计算的请求过多，请稍后再试。", en="Too much waits to be computed; try again later."
            )
        future = self._thread.submit(work)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), LONGEST_WAIT_S)
        except TimeoutError:
            raise StillWorking(
                zh="仍在计算，请一分钟后再试。", en="It is still being computed; ask again in a minute."
            ) from None
