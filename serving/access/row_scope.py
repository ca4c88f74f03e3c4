"""Which rows a key may post: those of projects within its scope; tables of no project for the whole city alone.

Asked of the store itself, not of a worker's index, so that it holds at the moment of storing. A project beyond
the scope and one that is not on file are refused in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd
import sqlalchemy as sa

from data_contracts.code_list import code_list
from data_contracts.contract import TableContract
from data_contracts.store_tables import store_table
from data_contracts.typed_tables import record_keys
from data_contracts.validation import check_rows
from serving.access.jurisdictions import Jurisdictions
from serving.access.keys import AccessKey

PROJECTS = "projects"
BEYOND_SCOPE, WHOLE_CITY_ONLY = "beyond_scope", "whole_city_only"
SENTENCES = {
    BEYOND_SCOPE: (
        "该项目或该记录不在此密钥的管辖范围内，或没有这个项目；该行未收下。新项目须在范围内，项目移交由全市密钥办理。",
        "The project or the record is not within the key's scope, or there is no such project; the row was not "
        "taken. A new project must lie within the scope; a key of the whole city hands a project over.",
    ),
    WHOLE_CITY_ONLY: (
        "此表或此行不属于任何项目，只接受全市密钥报送；该行未收下。",
        "The table or the row belongs to no project: only a key of the whole city may post it; the row was not "
        "taken.",
    ),
}


def refused_rows(
    connection: sa.Connection, key: AccessKey, table: TableContract, cells: pd.DataFrame, now: pd.Timestamp
) -> dict[int, str]:
    """The row numbers of `cells` that `key` may not post, each with the rule that says so."""
    if key.reaches_whole_city:
        return {}
    if "project_id" not in table.column_names:
        return dict.fromkeys(cells.index.tolist(), WHOLE_CITY_ONLY)
    projects = _read(table, cells, ["project_id"], now)["project_id"].dropna().to_dict()
    keys = record_keys(table, _read(table, cells, table.key, now)).to_dict()
    held = _projects_of(connection, table, set(keys.values()))
    sites = _jurisdictions(connection, {*projects.values(), *held.values()})
    own = _own(key, table, cells, now) if table.name == PROJECTS else set()

    def may_be_posted(number: int) -> bool:
        record = keys.get(number)
        if record in held and not sites.reached(key, held[record]):
            return False  # it would be taken from others
        return number in own if table.name == PROJECTS else sites.reached(key, projects.get(number, ""))

    refused = [number for number in cells.index.tolist() if not may_be_posted(number)]
    return {number: BEYOND_SCOPE if number in projects else WHOLE_CITY_ONLY for number in refused}


def _read(table: TableContract, cells: pd.DataFrame, names: Iterable[str], now: pd.Timestamp) -> pd.DataFrame:
    """Some columns as the contract reads them, of the rows of which all of these can be read."""
    part = replace(table, columns=tuple(table.column(name) for name in names), rules=())
    return check_rows(part, cells, now=now).typed


def _own(key: AccessKey, table: TableContract, cells: pd.DataFrame, now: pd.Timestamp) -> set[int]:
    """The rows of `projects` that themselves lie within the scope."""
    places, current = _read(table, cells, ["region_code", "agency_code"], now), code_list("districts").current
    codes = zip(map(int, places.index), places["region_code"], places["agency_code"], strict=True)
    return {
        number
        for number, district, agency in codes
        if key.reaches(
            None if pd.isna(district) else current(district), None if pd.isna(agency) else str(agency)
        )
    }


def _projects_of(connection: sa.Connection, table: TableContract, keys: set[str]) -> dict[str, str]:
    """The project of each record on file with one of the keys, by its newest version; empty if of none."""
    held = store_table(table.name).c
    chosen = sa.select(held.record_key, held.project_id).where(held.record_key.in_(sorted(keys)))
    newest_last = chosen.order_by(held.recorded_at, held.store_version)
    return {record_key: project_id or "" for record_key, project_id in connection.execute(newest_last)}


def _jurisdictions(connection: sa.Connection, project_ids: set[str]) -> Jurisdictions:
    """Of these projects, as the store has them now."""
    held = store_table(PROJECTS).c
    names = ("project_id", "recorded_at", "region_code", "agency_code")
    chosen = sa.select(*(held[name] for name in names)).where(held.record_key.in_(sorted(project_ids)))
    rows = connection.execute(chosen.order_by(held.recorded_at, held.store_version)).all()
    return Jurisdictions.none().with_rows(pd.DataFrame(rows, columns=list(names)))
