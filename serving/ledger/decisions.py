"""A decision as the ledger holds it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from data_contracts.errors import NotFound
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import reading
from data_contracts.store_tables import store_table
from serving.ledger.entries import unpacked

SHANGHAI_OFFSET = "+08:00"
DECISION_ID = re.compile(r"[0-9a-f]{30}", re.ASCII)


@dataclass(frozen=True)
class Decision:
    """What was answered about one project, to which key, and from what."""

    key_id: str
    project_id: str
    status: str
    content: dict[str, Any]


def decision(store: RecordStore, decision_id: str) -> Decision:
    """The decision with that id; NotFound if the ledger has none."""
    if not DECISION_ID.fullmatch(decision_id):
        raise unknown_decision()
    calls, decisions = store_table("ledger_calls"), store_table("decisions")
    names = store_table("ledger_catalogues")
    joined = decisions.join(calls, calls.c.call_id == decisions.c.call_id)
    joined = joined.join(names, names.c.catalogue_hash == calls.c.catalogue_hash)
    columns = (
        *decisions.c,
        *(column for column in calls.c if column.name != "call_id"),
        names.c.feature_names,
    )
    chosen = sa.select(*columns).select_from(joined).where(decisions.c.decision_id == decision_id)
    with reading(store.engine) as connection:
        row = connection.execute(chosen).mappings().first()
    if row is None:
        raise unknown_decision()
    result = json.loads(row["answer"])
    content = {
        "decision_id": row["decision_id"],
        "asked_at": row["asked_at"].isoformat() + SHANGHAI_OFFSET,
        "key_id": row["key_id"],
        "as_of": row["as_of"].isoformat() + SHANGHAI_OFFSET,
        "model_sha256": row["model_sha256"],
        "policies": json.loads(row["policies"]),
        "catalogue_hash": row["catalogue_hash"],
        "store_version": row["store_version"],
        "result": result,
        "features": _named(row["feature_names"], row["features"]),
    }
    return Decision(row["key_id"], result["project_id"], row["status"], content)


def unknown_decision() -> NotFound:
    """For an id that is not there, and for one beyond a key's scope: the two are not told apart."""
    return NotFound(
        zh="台账中没有这个编号的评估记录，或不在此密钥的范围内。",
        en="The ledger has no decision with that id, or none within the scope of this key.",
        field="decision_id",
    )


def _named(names: str, packed: bytes | None) -> dict[str, float | None] | None:
    if packed is None:
        return None
    values = unpacked(packed).tolist()
    return {
        name: None if math.isnan(value) else value
        for name, value in zip(json.loads(names), values, strict=True)
    }
