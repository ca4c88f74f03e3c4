"""Tasks side by side in one process: when one fails, or somebody stops the program, the others end too."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from data_contracts.progress import Progress

Result = TypeVar("Result")


class _Ended(Exception):
    """A task was ended because another one failed, or the program is being stopped."""


def side_by_side(
    tasks: Sequence[Callable[[Progress], Result]], workers: int, progress: Progress
) -> list[Result]:
    """What the tasks give, in their order, at most `workers` of them at a time.

    Each is given a `Progress` of its own; after a failure the others end the next time that they tell of theirs. The
    error of the first task that has one is raised.

    >>> side_by_side([lambda told: 1, lambda told: 2], workers=2, progress=lambda step, done, total: None)
    [1, 2]
    """
    ended = threading.Event()

    def told(step: str, done: int, total: int | None) -> None:
        if ended.is_set():
            raise _Ended
        progress(step, done, total)

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(task, told) for task in tasks]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:  # all are done, one has failed, or the wait was interrupted
            ended.set()
            pool.shutdown(cancel_futures=True)
    for error in map(_error, futures):
        if error is not None:
            raise error
    return [future.result() for future in futures]


def _error(future: Future[Result]) -> BaseException | None:
    error = None if future.cancelled() else future.exception()
    return None if isinstance(error, _Ended) else error
