"""The keys as a worker knows them, never older than a second, so that a revoked one is refused in time.

A thread reads them twice a second; the event loop only looks them up. Where the thread is late, a call reads
them itself, in a thread too. Keys that cannot be read let nobody in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import anyio.to_thread

from data_contracts.errors import SiteriskError
from serving.access.keys import AccessKey
from serving.request_log import fault_of, request_log

OLDEST_S = 1.0
READ_EVERY_S = 0.5


class KeyRing:
    """All keys by id; `read` gives them from the store and may raise SiteriskError."""

    def __init__(self, read: Callable[[], Iterable[AccessKey]]) -> None:
        self._read = read
        self._keys: dict[str, AccessKey] = {}
        self._as_of = float("-inf")
        self._failed: tuple[float, SiteriskError] | None = None
        self._reading = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="key-ring", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the reading."""
        self._stopping.set()
        self._thread.join(timeout=10)

    async def key(self, key_id: str) -> AccessKey | None:
        """The key with that id, as it was a second ago or later; None if there is none.

        Raises StoreUnavailable if the keys cannot be read.
        """
        if not self._is_fresh():
            await anyio.to_thread.run_sync(self._refresh)
        return self._keys.get(key_id)

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._as_of < OLDEST_S

    def _refresh(self) -> None:
        """Read unless another has just done so; a failure holds for a while, so that calls do not queue up."""
        with self._reading:
            if self._is_fresh():
                return
            if self._failed and time.monotonic() - self._failed[0] < READ_EVERY_S:
                raise self._failed[1]
            self._renew()

    def _renew(self) -> None:
        begun = time.monotonic()  # what is revoked while we read may be missed: the age counts from here
        try:
            keys = {key.key_id: key for key in self._read()}
        except SiteriskError as error:
            if self._failed is None:
                request_log().warning("keys not read", code=error.code, message=error.en)
            self._failed = time.monotonic(), error
            raise
        self._keys, self._as_of, self._failed = keys, begun, None

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._reading:
                    self._renew()
            except SiteriskError:
                pass  # told to whoever calls
            except Exception as error:
                request_log().error("keys not read", **fault_of(error))
            self._stopping.wait(READ_EVERY_S)
