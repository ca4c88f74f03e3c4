"""What the ledger keeps of a call, made ready to be written."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import secrets
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.policy import POLICY_NAMES, policy_file

QUICK = 1  # zlib's level: ten thousand rows are packed while somebody waits
STORED_AS = np.dtype("<f8")


@dataclass(frozen=True)
class CallEntry:
    """One call: the row about it, the rows about its projects, and the names of their features."""

    call: Mapping[str, Any]
    decisions: Sequence[Mapping[str, Any]]
    catalogue_hash: str
    feature_names: Sequence[str]

    def __len__(self) -> int:
        return len(self.decisions)


def new_call_id() -> str:
    """26 hexadecimal digits; of two ids made in different milliseconds the later one is the greater."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(7)}"


def decision_ids(call_id: str, count: int) -> list[str]:
    """The ids of a call's decisions: its own, and which one of them it is.

    >>> decision_ids("a0", 2)
    ['a00000', 'a00001']
    """
    return [f"{call_id}{row:04x}" for row in range(count)]


def decision_rows(
    call_id: str, results: Sequence[Mapping[str, Any]], known: np.ndarray, features: pd.DataFrame | None
) -> list[dict[str, Any]]:
    """A row a result; `features` has one row for each of those that are `known`."""
    packed = iter(() if features is None else packed_rows(features.to_numpy(STORED_AS)))
    return [
        {
            "decision_id": result["decision_id"],
            "call_id": call_id,
            # PostgreSQL takes no NUL in a text; the answer beside it holds the id as it was asked for.
            "project_id": result["project_id"].replace("\0", "\u2400"),
            "status": result["status"],
            "answer": json.dumps(result),
            "features": next(packed) if is_known else None,
        }
        for result, is_known in zip(results, known.tolist(), strict=True)
    ]


def packed_rows(values: np.ndarray) -> list[bytes]:
    """Each row of the features, compressed; `unpacked` gives it back to the last bit."""
    return [zlib.compress(row.tobytes(), QUICK) for row in np.ascontiguousarray(values)]


def unpacked(packed: bytes) -> np.ndarray:
    """The features that `packed_rows` has packed.

    >>> unpacked(packed_rows(np.array([[0.1, np.nan]]))[0])
    array([0.1, nan])
    """
    return np.frombuffer(zlib.decompress(packed), STORED_AS)


@functools.lru_cache(maxsize=64)
def policies_on(day: dt.date) -> str:
    """The house's policies in force on a day: since when, and the digest of each; null before the first one."""
    found: dict[str, Any] = dict.fromkeys(sorted(POLICY_NAMES))
    for name in found:
        for policy in policy_file(name).policies:
            if policy.covers(day):
                written = json.dumps(policy.content, ensure_ascii=False, default=str)  # in the file's order
                digest = hashlib.sha256(written.encode()).hexdigest()
                found[name] = {"valid_from": policy.valid_from.isoformat(), "sha256": digest}
    return json.dumps(found)
