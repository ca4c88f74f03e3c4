"""What is on file of an enterprise at a moment: its own facts, and the events of its sites while it held a role there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.contract import contract
from data_contracts.moments import as_of_moment
from data_contracts.typed_tables import empty_table
from features.city_facts import PARTIES, CityFacts
from features.fact_shelf import FactShelf
from features.sorting import Ints
from features.step_functions import Spans

ROLES = "roles"
BETWEEN_ROLES = ";"


def firm_record(
    city: CityFacts, tables: Collection[str], enterprise_id: str, roles: Sequence[str], as_of: Any
) -> dict[str, pd.DataFrame]:
    """By table the facts in force at `as_of` that belong to the enterprise, as features count them (`party_links`).

    Typed, in the order of the key, with a column `roles`: in which of `roles` an event of a site is the enterprise's,
    joined by ";"; empty where only its name in the row says so. Versions replaced or withdrawn by then are not among them,
    nor what was revoked or repaired; what has merely expired is. Facts under a former id of the enterprise are its own.
    """
    nothing = {name: empty_table(contract(name)).assign(**{ROLES: ""}) for name in tables}
    number = int(city.enterprises.numbers_of([enterprise_id])[0])
    if number < 0:
        return nothing
    moment = int(as_of_moment(as_of).to_datetime64().astype("datetime64[us]").astype(np.int64))
    firms = {keeper // 2 for keeper in city.connected({2 * number + 1}) if keeper % 2 == 1}
    shelf = city.part(city.keepers_naming(firms, {*tables, PARTIES} if roles else tables))
    firm = int(shelf.enterprises.numbers_of([enterprise_id])[0])
    if firm < 0:  # no row of these tables names it
        return nothing
    return {name: _with_roles(shelf, name, _rows(shelf, name, firm, roles, moment)) for name in tables}


def _rows(shelf: FactShelf, name: str, firm: int, roles: Sequence[str], moment: int) -> dict[str, Ints]:
    """The rows of a table that are the firm's, by role."""
    table, rule = shelf.named(name), shelf.rules[name]
    known = Spans(np.arange(len(table)), table.enterprises, table.recorded, table.in_force_until)
    spans = {"": shelf.firms.passed_on(known)}
    if "project_id" in table.contract.column_names:
        days = table.moments(str(rule.since))
        spans |= {role: shelf.links.attributed(table, known, days, role, named=rule.named) for role in roles}
    undone = [table.closings(column) for column in rule.ends_by]
    return {role: _in_force(one, firm, moment, undone) for role, one in spans.items()}


def _in_force(spans: Spans, firm: int, moment: int, undone: Sequence[Ints]) -> Ints:
    there = (spans.entities == firm) & (spans.starts <= moment) & (moment < spans.ends)
    for ends in undone:
        there &= moment < ends[spans.rows]
    return np.unique(spans.rows[there])


def _with_roles(shelf: FactShelf, name: str, found: dict[str, Ints]) -> pd.DataFrame:
    held: dict[int, list[str]] = {}
    for role, rows in found.items():
        for row in rows.tolist():
            held.setdefault(row, []).append(role)
    rows = np.array(sorted(held), np.int64)
    frame = shelf.named(name).rows.frame(rows).reset_index(drop=True)
    return frame.assign(**{ROLES: [BETWEEN_ROLES.join(filter(None, held[row])) for row in rows.tolist()]})
