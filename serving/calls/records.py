"""`POST /v1/records/{table}`: new or corrected rows of a contract table, acknowledged once they are durable."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from data_contracts.api_messages import LONGEST_ID
from data_contracts.contract import TableContract, contract
from data_contracts.json_rows import cells_of, file_of
from data_contracts.moments import now
from data_contracts.quality_report import RuleCount, TableReport
from data_contracts.record_messages import LONGEST_HEADING, RecordsAnswer, RecordsRequest
from data_contracts.record_store import RecordStore, arrival, newest_version
from data_contracts.staging import MISSING_PARENT
from data_contracts.store_connection import connected
from data_contracts.table_intake import IntakeOptions, take_batch
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.access.row_scope import SENTENCES, refused_rows
from serving.calls.call import MAY_REPORT, Call, message_in
from serving.calls.parts import parts_of
from serving.metrics import ROW_OUTCOMES

CORRECTION = "back_dated_correction"
TABLE = ("table", "数据表的英文名，见契约文档 / a contract table by its English name")


class _ScopeMoved(Exception):
    """A project changed hands between the scope's being asked and the store's lock."""


def take_posted(store: RecordStore, key: AccessKey, table: TableContract, body: bytes) -> dict[str, Any]:
    """The answer to rows posted with a key: what became of each, once it is durable.

    Raises InvalidInput, ForbiddenColumn, StoreBusy and StoreUnavailable; nothing was stored then.
    """
    asked = message_in(body, RecordsRequest)
    cells, unknown = cells_of(table, asked.rows)
    name = ": ".join(filter(None, (f"key {key.key_id}", asked.source)))
    with connected(store.engine) as connection:
        with connection.begin():
            batch = _Batch(key, table, cells, name, arrival(connection, now()))
        while True:
            try:
                refused, taken = batch.taken(connection)
                break
            except _ScopeMoved:
                continue
    return _told(taken, refused) | {"unknown_columns": [heading[:LONGEST_HEADING] for heading in unknown]}


@dataclass(frozen=True)
class _Batch:
    """Rows posted with a key at a moment; `name` is kept with them."""

    key: AccessKey
    table: TableContract
    cells: pd.DataFrame
    name: str
    at: pd.Timestamp

    def taken(self, connection: sa.Connection) -> tuple[dict[int, str], TableReport]:
        """The rows beyond the key's scope, of which nothing is kept, and what became of the others."""
        with connection.begin():
            refused = self._beyond_scope(connection, self.cells)
            version = newest_version(connection)
        within = self.cells.drop(index=list(refused))
        if not len(within):
            return refused, TableReport(self.table.name, self.table.title_zh, store_version=version)

        def ask_again(locked: sa.Connection) -> None:
            if self._beyond_scope(locked, within):
                raise _ScopeMoved

        options = IntakeOptions(self.at, stamp_missing=True, each_row=True)
        return refused, take_batch(connection, file_of(self.table, within, self.name), options, ask_again)

    def _beyond_scope(self, connection: sa.Connection, cells: pd.DataFrame) -> dict[int, str]:
        return refused_rows(connection, self.key, self.table, cells, self.at)


def _told(taken: TableReport, beyond: Mapping[int, str]) -> dict[str, Any]:
    """The counts, and every row of which there is something to say, in the order of the batch."""
    remarks, rules = _remarks(taken), _rules_broken(taken)
    for number, rule in beyond.items():
        remarks[number].append(_remark(rule, "project_id", *SENTENCES[rule]))
        rules[number].add(rule)
    outcomes = dict.fromkeys(remarks, "STORED") | dict.fromkeys(taken.unchanged_rows, "UNCHANGED")
    outcomes |= dict.fromkeys(_rows_of(taken.warnings, CORRECTION), "CORRECTED")
    outcomes |= {
        number: "WAITING" if broken == {MISSING_PARENT} else "REFUSED" for number, broken in rules.items()
    }
    counts = Counter(outcomes.values())
    return {
        "table": taken.table,
        "store_version": taken.store_version,
        "stored": taken.stored,
        "corrections": taken.corrections,
        "unchanged": taken.unchanged,
        "waiting": counts["WAITING"],
        "refused": counts["REFUSED"],
        "released": taken.released,
        "rows": [
            {"row_number": number, "outcome": outcomes[number], "remarks": remarks[number]}
            for number in sorted(outcomes)
        ],
    }


def _remarks(taken: TableReport) -> defaultdict[int, list[dict[str, str]]]:
    """What is to be said of each row, by its number."""
    remarks: defaultdict[int, list[dict[str, str]]] = defaultdict(list)
    for entry in (*taken.failures.values(), *taken.warnings.values()):
        for found in entry.examples:
            remarks[found["row"]].append(_remark(entry.rule, entry.column, found["zh"], found["en"]))
    return remarks


def _rules_broken(taken: TableReport) -> defaultdict[int, set[str]]:
    """The rules for which each row was not taken."""
    rules: defaultdict[int, set[str]] = defaultdict(set)
    for entry in taken.failures.values():
        for found in entry.examples:
            rules[found["row"]].add(entry.rule)
    return rules


def _rows_of(counted: Mapping[tuple[str, str], RuleCount], rule: str) -> list[int]:
    return [found["row"] for entry in counted.values() if entry.rule == rule for found in entry.examples]


def _remark(rule: str, column: str, zh: str, en: str) -> dict[str, str]:
    return {"rule": rule, "column": column, "message_zh": zh, "message_en": en}


async def _post_records(request: Request) -> Response:
    table = contract(request.path_params["table"][:LONGEST_ID])
    parts, key, body = parts_of(request.app), key_asking(), await request.body()
    taken = await parts.in_writing_thread(lambda: take_posted(parts.open_store(), key, table, body))
    counted = {outcome: taken[outcome] for outcome in ROW_OUTCOMES}
    request.scope.setdefault("siterisk.counts", {}).update(
        table=table.name, **counted, store_version=taken["store_version"]
    )
    for outcome, rows in counted.items():
        parts.metrics.rows_posted(outcome, rows)
    return JSONResponse(taken)


CALLS = (
    Call(
        method="POST",
        path="/records/{table}",
        name="records",
        summary="报送数据 / rows of a contract table",
        description="报送某一数据表的新行或更正，至多 5000 行；逐行校验，逐行说明结果，写入磁盘后才答复，重复报送不会重复入库。 "
        "New or corrected rows, at most 5,000 a call: checked one by one, answered once they are durable; the same "
        "rows again change nothing.",
        handler=_post_records,
        takes=RecordsRequest,
        answer=RecordsAnswer,
        roles=MAY_REPORT,
        parameters=(TABLE,),
        refusals=("404",),
    ),
)
