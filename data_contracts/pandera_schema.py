"""The pandera schema that follows from a table contract, for typed rows.

Checks carry the names of the rules, so that pandera's failure cases say which rule a cell broke.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from data_contracts.cell_screening import Finding
from data_contracts.code_list import code_list
from data_contracts.contract import Column, TableContract
from data_contracts.moments import CLOCK_TOLERANCE, END_OF_DAY
from data_contracts.typed_tables import DTYPES


def pandera_schema(contract: TableContract, *, now: pd.Timestamp | None = None) -> pa.DataFrameSchema:
    """The schema of typed rows of one table; with `now`, `recorded_at` may not lie in the future.

    A bare date of today is stored as the end of today and is not in the future.
    """
    columns = {}
    for column in contract.columns:
        checks = _checks(column)
        if column.name == "recorded_at" and now is not None:
            checks.append(_not_in_the_future(now))
        columns[column.name] = pa.Column(
            pd.api.types.pandas_dtype(DTYPES[column.kind]),
            checks=checks,
            nullable=not column.required,
            title=column.title_zh,
        )
    return pa.DataFrameSchema(columns, name=contract.name, strict=True, ordered=True)


def schema_findings(contract: TableContract, typed: pd.DataFrame, now: pd.Timestamp) -> list[Finding]:
    """What the schema finds in typed rows that stand under the labels 0, 1, 2 …"""
    try:
        pandera_schema(contract, now=now).validate(typed, lazy=True, inplace=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        cases = cases.assign(check=cases["check"].replace("not_nullable", "required"))
        return [
            Finding(rule, column, np.unique(places.to_numpy(dtype=np.int64)))
            for (rule, column), places in cases.groupby(["check", "column"], sort=False)["index"]
        ]
    return []


def _checks(column: Column) -> list[pa.Check]:
    checks = []
    if column.minimum is not None or column.maximum is not None:
        least = -np.inf if column.minimum is None else column.minimum
        most = np.inf if column.maximum is None else column.maximum
        checks.append(pa.Check(lambda values: values.between(least, most), error="out_of_range"))
    if column.code_list and code_list(column.code_list).closed:
        known = list(code_list(column.code_list).codes)
        checks.append(pa.Check(lambda values: values.isin(known), error="unknown_code"))
    if column.pattern:
        form = column.pattern
        checks.append(pa.Check(lambda values: values.str.fullmatch(form, na=True), error="wrong_form"))
    return checks


def _not_in_the_future(now: pd.Timestamp) -> pa.Check:
    end_of_today = now.normalize() + END_OF_DAY
    return pa.Check(
        lambda moments: (moments <= now + CLOCK_TOLERANCE) | (moments == end_of_today), error="in_the_future"
    )
