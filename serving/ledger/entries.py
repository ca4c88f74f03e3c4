"""What the ledger keeps of a call, made ready to be written."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic_core import to_json

from data_contracts.policy import POLICY_NAMES, policy_file

ROWS_A_BLOCK = 500
"""Who reads one decision unpacks its block: some milliseconds."""

STORED_AS = np.dtype("<f8")
COMPRESSION = "zstd"


@dataclass(frozen=True)
class CallEntry:
    """One call: the row about it, the blocks of its projects, and the names of their features."""

    call: Mapping[str, Any]
    blocks: Sequence[Mapping[str, Any]]
    catalogue_hash: str
    feature_names: Sequence[str]

    def __len__(self) -> int:
        return sum(block["rows"] for block in self.blocks)


def new_call_id() -> str:
    """26 hexadecimal digits; of two ids made in different milliseconds the later one is the greater."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(7)}"


def decision_ids(call_id: str, count: int) -> list[str]:
    """The ids of a call's decisions: its own, and which one of them it is.

    >>> decision_ids("a0", 2)
    ['a00000', 'a00001']
    """
    return [f"{call_id}{row:04x}" for row in range(count)]


def place_of(decision_id: str) -> tuple[str, int]:
    """The call that a decision belongs to, and which one of its decisions it is.

    >>> place_of("a0000f")
    ('a0', 15)
    """
    return decision_id[:-4], int(decision_id[-4:], 16)


def blocks_of(
    call_id: str, results: Sequence[Mapping[str, Any]], known: np.ndarray, features: pd.DataFrame | None
) -> list[dict[str, Any]]:
    """The blocks of a call's results; `features` has one row for each of those that are `known`."""
    values = None if features is None else features.to_numpy(STORED_AS)
    ends = np.concatenate([[0], np.cumsum(known)])
    blocks = []
    for first in range(0, len(results), ROWS_A_BLOCK):
        held = results[first : first + ROWS_A_BLOCK]
        there = known[first : first + ROWS_A_BLOCK]
        own = None if values is None else values[ends[first] : ends[first + len(held)]]
        blocks.append(
            {
                "call_id": call_id,
                "first": first,
                "rows": len(held),
                "project_ids": project_list(result["project_id"] for result in held),
                "answers": packed(to_json(held)),
                "features": None if own is None or len(own) == 0 else packed_features(own, there),
            }
        )
    return blocks


def project_list(project_ids: Iterable[str]) -> str:
    """The ids as the ledger lists them: JSON in ASCII, so that no character of an id is beyond a database.

    >>> project_list(["P1", "\\0"])
    '["P1", "\\\\u0000"]'
    """
    return json.dumps(list(project_ids))


def packed_features(values: np.ndarray, known: np.ndarray) -> bytes:
    """The features of the known rows of a block; `unpacked_features` gives them back to the last bit."""
    cells = values
    if not known.all():
        cells = np.full((len(known), values.shape[1]), np.nan, STORED_AS)
        cells[known] = values
    return packed(np.ascontiguousarray(cells.T).tobytes())


def unpacked_features(content: bytes, rows: int) -> np.ndarray:
    """A row a project, a column a feature.

    >>> unpacked_features(packed_features(np.array([[0.1, 2.0]]), np.array([False, True])), 2)
    array([[nan, nan],
           [0.1, 2. ]])
    """
    return np.frombuffer(unpacked(content), STORED_AS).reshape(-1, rows).T


def packed(content: bytes) -> bytes:
    """The content, compressed."""
    compressed: bytes = pa.compress(content, codec=COMPRESSION, asbytes=True)
    return compressed


def unpacked(content: bytes) -> bytes:
    """What was compressed.

    >>> unpacked(packed(b"risk"))
    b'risk'
    """
    with pa.input_stream(pa.BufferReader(content), compression=COMPRESSION) as stream:
        plain: bytes = stream.read()
    return plain


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
