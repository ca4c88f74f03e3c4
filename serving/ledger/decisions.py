"""A decision as the ledger holds it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from data_contracts.errors import NotFound
from data_contracts.record_store import RecordStore, StoreMark
from data_contracts.store_connection import reading
from data_contracts.store_tables import store_table
from serving.grading.grade_store import GradesMark
from serving.ledger.entries import decision_ids, place_of, project_list, unpacked, unpacked_features

SHANGHAI_OFFSET = "+08:00"
DECISION_ID = re.compile(r"[0-9a-f]{30}", re.ASCII)


@dataclass(frozen=True)
class Decision:
    """What was answered about one project, to which key, and from what: `call` is the row of its call.

    `features` is missing for a project that was not on file.
    """

    decision_id: str
    call: Mapping[str, Any]
    result: dict[str, Any]
    features: dict[str, float | None] | None

    @property
    def key_id(self) -> str:
        return str(self.call["key_id"])

    @property
    def project_id(self) -> str:
        return str(self.result["project_id"])

    @property
    def as_of(self) -> pd.Timestamp:
        return pd.Timestamp(self.call["as_of"])

    @property
    def mark(self) -> StoreMark:
        """The state of the records that it was given from."""
        return StoreMark(self.call["store_version"], self.call["store_loaded_at"])

    @property
    def grades_mark(self) -> GradesMark:
        """The grading runs and decisions of persons that it saw; none where answers did not yet tell them."""
        return GradesMark(self.call["grading_run"] or 0, self.call["grade_decision"] or 0)

    @property
    def content(self) -> dict[str, Any]:
        """The decision as it is told."""
        call = self.call
        return {
            "decision_id": self.decision_id,
            "asked_at": call["asked_at"].isoformat() + SHANGHAI_OFFSET,
            "key_id": self.key_id,
            "as_of": call["as_of"].isoformat() + SHANGHAI_OFFSET,
            "model_sha256": call["model_sha256"],
            "policies": json.loads(call["policies"]),
            "catalogue_hash": call["catalogue_hash"],
            "store_version": call["store_version"],
            "siterisk_version": call["siterisk_version"],
            "result": self.result,
            "features": self.features,
        }


def decision(store: RecordStore, decision_id: str) -> Decision:
    """The decision with that id; NotFound if the ledger has none."""
    if not DECISION_ID.fullmatch(decision_id):
        raise unknown_decision()
    call_id, place = place_of(decision_id)
    calls, blocks, names = map(store_table, ("ledger_calls", "ledger_blocks", "ledger_catalogues"))
    joined = blocks.join(calls, calls.c.call_id == blocks.c.call_id)
    joined = joined.join(names, names.c.catalogue_hash == calls.c.catalogue_hash)
    of_block = blocks.c["first", "rows", "answers", "features"]
    chosen = (
        sa.select(*calls.c, *of_block, names.c.feature_names)
        .select_from(joined)
        .where(blocks.c.call_id == call_id, blocks.c.first <= place)
        .order_by(blocks.c.first.desc())
        .limit(1)
    )
    with reading(store.engine) as connection:
        found = connection.execute(chosen).mappings().first()
    row = dict(found or {})
    if not row or place >= row["first"] + row["rows"]:
        raise unknown_decision()
    call = {column.name: row[column.name] for column in calls.c}
    results = json.loads(unpacked(row["answers"]))
    features = _features(row, place - row["first"])
    return Decision(decision_id, call, results[place - row["first"]], features)


def decisions_about(store: RecordStore, project_id: str) -> list[str]:
    """The ids of the decisions about a project, also by keys that it was beyond the scope of, oldest first.

    Calls for one project are found by an index, those for several by reading which projects each block names.
    """
    blocks = store_table("ledger_blocks")
    alone = sa.and_(blocks.c.rows == 1, blocks.c.project_ids == project_list([project_id]))
    quoted = project_list([project_id])[1:-1]
    among = sa.and_(blocks.c.rows > 1, blocks.c.project_ids.contains(quoted, autoescape=True))
    found = []
    with reading(store.engine) as connection:
        for chosen in (alone, among):
            columns = blocks.c["call_id", "first", "rows", "project_ids"]
            for call_id, first, rows, listed in connection.execute(sa.select(*columns).where(chosen)):
                ids = decision_ids(call_id, first + rows)[first:]
                found += [
                    one for one, named in zip(ids, json.loads(listed), strict=True) if named == project_id
                ]
    return sorted(found)


def unknown_decision() -> NotFound:
    """For an id that is not there, and for one beyond a key's scope: the two are not told apart."""
    return NotFound(
        zh="台账中没有这个编号的评估记录，或不在此密钥的范围内。",
        en="The ledger has no decision with that id, or none within the scope of this key.",
        field="decision_id",
    )


def _features(row: Mapping[str, Any], place: int) -> dict[str, float | None] | None:
    """The values of the block's project at `place` by name; those of a project that was not on file are all missing."""
    if row["features"] is None:
        return None
    values = unpacked_features(row["features"], row["rows"])[place].tolist()
    if all(map(math.isnan, values)):
        return None
    return {
        name: None if math.isnan(value) else value
        for name, value in zip(json.loads(row["feature_names"]), values, strict=True)
    }
