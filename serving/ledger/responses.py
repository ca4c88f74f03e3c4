"""What persons and firms said of decisions: kept beside the ledger, added and never changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd
import sqlalchemy as sa

from data_contracts.store_connection import reading
from data_contracts.store_tables import store_table
from serving.grading.grade_store import next_number

RESPONSES = "decision_responses"
OBJECTION = "OBJECTION"
SAID = ("decision_id", "kind", "key_id", "person", "enterprise_id", "reason", "to_colour")
SHANGHAI_OFFSET = "+08:00"


def same_response(connection: sa.Connection, said: Mapping[str, Any]) -> dict[str, Any] | None:
    """The response that says the same of the same decision by the same key, if there is one."""
    table = store_table(RESPONSES)
    alike = [table.c[name].is_not_distinct_from(said[name]) for name in SAID]
    found = connection.execute(sa.select(table).where(*alike).limit(1)).mappings().first()
    return dict(found) if found else None


def keep_response(
    connection: sa.Connection, said: Mapping[str, Any], entry_id: int | None, recorded_at: pd.Timestamp
) -> dict[str, Any]:
    """Add a response in a transaction that holds the store's lock; its row."""
    table = store_table(RESPONSES)
    number = next_number(connection, table.c.response_id)
    at = recorded_at.to_pydatetime()
    row = {"response_id": number, **said, "entry_id": entry_id, "recorded_at": at}
    connection.execute(table.insert().values(row))
    return row


def responses_to(engine: sa.Engine, decision_id: str) -> list[dict[str, Any]]:
    """What was said of a decision, in the order kept, as it is told."""
    table = store_table(RESPONSES)
    asked = sa.select(table).where(table.c.decision_id == decision_id).order_by(table.c.response_id)
    with reading(engine) as connection:
        return [told_response(dict(row)) for row in connection.execute(asked).mappings()]


def told_response(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a DecisionResponse."""
    told = {
        name: row[name] for name in ("response_id", "kind", "key_id", "person", "enterprise_id", "reason")
    }
    return told | {
        "colour": row["to_colour"],
        "recorded_at": row["recorded_at"].isoformat() + SHANGHAI_OFFSET,
    }


def objections_since(engine: sa.Engine, moment: dt.datetime | None) -> int:
    """How many objections firms made after a moment; None: in all."""
    table = store_table(RESPONSES)
    asked = sa.select(sa.func.count()).where(table.c.kind == OBJECTION)
    if moment is not None:
        asked = asked.where(table.c.recorded_at > moment)
    with reading(engine) as connection:
        return int(connection.scalar(asked) or 0)
