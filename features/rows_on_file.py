"""The rows of a project as they are on file at a moment, as the engine sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.contract import contract
from data_contracts.moments import as_of_moment
from data_contracts.typed_tables import empty_table
from features.city_facts import CityFacts
from features.step_functions import Spans


def rows_on_file(
    city: CityFacts, tables: Iterable[str], project_id: str, as_of: Any
) -> dict[str, pd.DataFrame]:
    """By table (of those that features read) the version of each fact of the project that is in force at `as_of`.

    Typed, in the order of the key. Facts under a former id of the project are its own; versions that were
    replaced or withdrawn by then are not among them. Closings stay as they are written, those after `as_of` too.
    """
    site = city.keeper(project_id)
    if site is None:
        return {name: empty_table(contract(name)) for name in tables}
    shelf, moment = city.part(city.connected({site})), as_of_moment(as_of).to_datetime64()
    number, at = shelf.projects.numbers_of([project_id])[0], moment.astype("datetime64[us]").astype(np.int64)
    found = {}
    for name in tables:
        table = shelf.named(name)
        known = Spans(np.arange(len(table)), table.projects, table.recorded, table.in_force_until)
        own = shelf.sites.passed_on(known)
        there = (own.entities == number) & (own.starts <= at) & (at < own.ends)
        found[name] = table.rows.frame(np.sort(own.rows[there])).reset_index(drop=True)
    return found
