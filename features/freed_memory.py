"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Let the C library return what it keeps for later allocations; does nothing where it cannot (not glibc).

    Building an index leaves hundreds of megabytes of freed arrays, which a service or a large matrix needs.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
