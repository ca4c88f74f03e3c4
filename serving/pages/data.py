"""数据: where records come from, how late and how complete they are, what waits in quarantine, and correcting it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.contract import TableContract, contract, contracts
from data_contracts.errors import InvalidInput, NotFound
from data_contracts.quarantine import read_raw
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import reading
from data_contracts.store_tables import store_table
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.calls.call import MAY_DECIDE
from serving.calls.records import take_posted
from serving.kept_values import KeptValues
from serving.live_state import LiveState
from serving.pages.city import City
from serving.pages.page import Desk, Page, desk_of, form_of
from serving.pages.paging import Leaf, number_in
from serving.pages.rendering import page
from serving.result_files import plain_cells

ON_A_PAGE = 25
LOOKED_AT = 3_000
_LOOKS: KeptValues[tuple[str, str, int], dict[str, Any]] = KeptValues(64)


@dataclass(frozen=True)
class Asked:
    """Of which table the quarantine is shown; nothing: of all."""

    table: str = ""
    number: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        table = query.get("table", "")
        return cls(table if table in contracts() else "", number_in(query.get("page", "")))

    def address(self, **other: Any) -> str:
        """The query of the same list, with other wishes."""
        told = {"table": self.table} | {name: str(value) for name, value in other.items()}
        return "?" + urlencode({name: value for name, value in told.items() if value})


async def _data(request: Request) -> Response:
    desk, key, asked = desk_of(request.app), key_asking(), Asked.of(request.query_params)
    content = await desk.parts.in_thread(lambda: data_content(desk.city, key, asked))
    return page(request, "data.html.jinja", asked=asked, **content)


def data_content(city: City, key: AccessKey, asked: Asked, size: int = ON_A_PAGE) -> dict[str, Any]:
    """What the page shows: every table, and the rows in quarantine that the key may see, so many on a leaf."""
    store, state = city.open_store(), city.state()
    rows = _quarantined(store, state, key, asked.table)
    leaf = Leaf(len(rows), asked.number, size)
    return {
        "tables": table_looks(store),
        "store_version": state.store_version,
        "rows": rows[leaf.part],
        "leaf": leaf,
        "names": {name: (one.title_zh, name) for name, one in contracts().items()},
    }


def table_looks(store: RecordStore) -> list[dict[str, Any]]:
    """A row a table that has any rows: when it was loaded last, from where, how late its newest rows came, what they lack."""
    versions = store_table("store_versions")
    asked = sa.select(
        versions.c.table_name,
        sa.func.count().label("deliveries"),
        sa.func.sum(versions.c.rows_stored).label("rows"),
        sa.func.max(versions.c.loaded_at).label("loaded_at"),
        sa.func.max(versions.c.store_version).label("version"),
    ).group_by(versions.c.table_name)
    with reading(store.engine) as connection:
        told = {row.table_name: dict(row._mapping) for row in connection.execute(asked)}
        return [
            told[name]
            | {"title": one.title_zh}
            | _LOOKS.value(
                (str(store.engine.url), name, told[name]["version"]),
                functools.partial(_newest_look, connection, one),
            )
            for name, one in contracts().items()
            if name in told
        ]


def _newest_look(connection: sa.Connection, table: TableContract) -> dict[str, Any]:
    """Of the rows stored last: sources, days from happening to being on file (median, 90 %), and columns mostly missing."""
    stored = store_table(table.name)
    newest = sa.select(*(stored.c[name] for name in table.column_names)).order_by(
        stored.c.store_version.desc()
    )
    rows = pd.read_sql(newest.limit(LOOKED_AT), connection)
    late = None
    if happened := table.happened:
        days = (
            pd.to_datetime(rows["recorded_at"]) - pd.to_datetime(rows[happened])
        ).dt.total_seconds() / 86_400
        late = (float(days.median()), float(days.quantile(0.9))) if len(days) else None
    missing = rows.isna().mean()
    usual = [
        name for name in table.column_names if name not in ("withdrawn_at", "source_system", "revoked_at")
    ]
    return {
        "late": late,
        "sources": sorted({str(one) for one in rows["source_system"].dropna()})[:5],
        "complete": float(1 - missing[usual].mean()) if len(rows) else None,
        "absent": [name for name in usual if len(rows) and missing[name] == 1.0],
    }


def _quarantined(store: RecordStore, state: LiveState, key: AccessKey, table: str) -> list[dict[str, Any]]:
    """The open rows of the quarantine that the key may see, each with all that is wrong with it; the newest first."""
    entries = store.quarantine(table if table in contracts() else None)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries.iloc[::-1].itertuples(index=False):
        place = (str(entry.table_name), str(entry.row_hash))
        if place not in rows:
            rows[place] = {
                "id": f"{entry.table_name}.{entry.row_hash}", "table": entry.table_name, "source": entry.source,
                "row_number": entry.row_number, "key": entry.record_key, "last_seen": entry.last_seen,
                "cells": read_raw(str(entry.raw)), "faults": [],
            }  # fmt: skip
        rows[place]["faults"].append(
            {"column": entry.column_name, "rule": entry.rule, "zh": entry.zh, "en": entry.en}
        )
    return [row for row in rows.values() if _may_see(state, key, row["cells"])]


def _may_see(state: LiveState, key: AccessKey, cells: Mapping[str, str]) -> bool:
    return key.reaches_whole_city or state.jurisdictions.reached(key, str(cells.get("project_id", "")))


async def _quarantine_file(request: Request) -> Response:
    """The open rows of the quarantine as a CSV file."""
    desk, key, table = desk_of(request.app), key_asking(), request.query_params.get("table", "")

    def made() -> str:
        rows = _quarantined(desk.city.open_store(), desk.city.state(), key, table)
        told = [
            {
                "table": row["table"], "source": row["source"], "row": row["row_number"], "column": fault["column"],
                "rule": fault["rule"], "zh": fault["zh"], "en": fault["en"],
                "cells": json.dumps(dict(row["cells"]), ensure_ascii=False),
            }
            for row in rows
            for fault in row["faults"]
        ]  # fmt: skip
        columns = ["table", "source", "row", "column", "rule", "zh", "en", "cells"]
        return plain_cells(pd.DataFrame(told, columns=columns)).to_csv(index=False)

    content = ("\ufeff" + await desk.parts.in_thread(made)).encode()
    headers = {"Content-Disposition": 'attachment; filename="quarantine.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


async def _row(request: Request) -> Response:
    """One row of the quarantine, to be corrected."""
    desk, key = desk_of(request.app), key_asking()
    row = await desk.parts.in_thread(lambda: _wanted(desk, key, request.path_params["row"]))
    return page(request, "quarantined.html.jinja", row=row, taken=None, contract=contract(row["table"]))


async def _correct(request: Request) -> Response:
    """The row again, as corrected, through the same intake as rows posted over the API."""
    desk, key, fields = desk_of(request.app), key_asking(), await form_of(request)
    row = await desk.parts.in_thread(lambda: _wanted(desk, key, request.path_params["row"]))
    table = contract(row["table"])
    cells = {name.removeprefix("cell_"): value for name, value in fields.items() if name.startswith("cell_")}
    told = {name: value for name, value in cells.items() if value.strip()}
    if not told:
        raise InvalidInput(zh="一个字段也没有填。", en="No field is filled in.", field="row")
    body = json.dumps({"rows": [told], "source": "corrected on the page"}).encode()
    store = desk.city.open_store()
    taken = await desk.parts.in_writing_thread(lambda: take_posted(store, key, table, body))
    shown = row | {"cells": cells}
    return page(request, "quarantined.html.jinja", row=shown, taken=taken, contract=table)


def _wanted(desk: Desk, key: AccessKey, asked: str) -> dict[str, Any]:
    table = asked.partition(".")[0]
    for row in _quarantined(desk.city.open_store(), desk.city.state(), key, table):
        if row["id"] == asked:
            return row
    raise NotFound(
        zh="隔离区中没有这一行，可能已经更正。",
        en="There is no such row in quarantine; it may be corrected.",
        field="row",
    )


PAGES = (
    Page("/data", _data),
    Page("/data/quarantine.csv", _quarantine_file),
    Page("/data/quarantine/{row}", _row),
    Page("/data/quarantine/{row}", _correct, methods=("POST",), roles=MAY_DECIDE),
)
