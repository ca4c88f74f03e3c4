"""LightGBM's predictions in blocks of rows, each with one of its threads, on as many threads of ours as are wanted.

How many threads LightGBM uses is one number for the whole process, set by every call that says it. A call
that sets another while the buffers of a first one are in use ends the process. So every call that may meet another
says one; the trees of a head that is trained alone meet none.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import lightgbm

FEWEST_ROWS_OF_A_BLOCK = 2000


def in_blocks(booster: lightgbm.Booster, rows: np.ndarray, *, threads: int = 0, **asked: Any) -> np.ndarray:
    """`booster.predict(rows, **asked)`, the same to the last bit for any number of `threads` (0: one a core)."""

    def predicted(block: np.ndarray) -> np.ndarray:
        return np.asarray(booster.predict(np.ascontiguousarray(block), num_threads=1, **asked))

    blocks = min(threads or os.cpu_count() or 1, len(rows) // FEWEST_ROWS_OF_A_BLOCK)
    if blocks <= 1:
        return predicted(rows)
    with ThreadPoolExecutor(blocks) as pool:
        return np.concatenate(list(pool.map(predicted, np.array_split(rows, blocks))))
