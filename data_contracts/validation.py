"""Rows against their contract: every fault of every row, with its rule and two sentences.

The order is that of the reading: bytes, formulas and length first, then the text as a value of its kind,
then the pandera schema (required, range, closed code lists, form, time of recording), then the rules over
whole rows. All of a row's faults are collected. A row with an error is not among the typed rows; a row
with warnings only is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_contracts.cell_screening import DistinctTexts, Finding, screen
from data_contracts.cell_values import means_no_date, read_values, words_for_missing
from data_contracts.code_list import code_list
from data_contracts.contract import Column, TableContract
from data_contracts.pandera_schema import pandera_schema, schema_findings
from data_contracts.row_findings import DEFAULT_MAX_LENGTH, Report
from data_contracts.row_rules import breaks_rule
from data_contracts.typed_tables import DTYPES

__all__ = ["CheckedRows", "check_rows", "pandera_schema"]


@dataclass(frozen=True)
class CheckedRows:
    """What became of the rows of one chunk.

    `typed`: the rows without error, all columns of the contract in its order, under their labels.
    `failures` and `warnings`: row (label), column, rule, value, zh, en; one line a fault. Of warnings at
    most 1,000 a rule and column are spelled out; `warning_counts` has them all by (column, rule).
    """

    typed: pd.DataFrame
    failures: pd.DataFrame
    warnings: pd.DataFrame
    warning_counts: dict[tuple[str, str], int]


def check_rows(contract: TableContract, raw: pd.DataFrame, *, now: pd.Timestamp) -> CheckedRows:
    """The rows of `raw`, all cells text, as typed rows and faults.

    A column of the contract that `raw` lacks is missing in every row; a column the contract lacks is not
    looked at. Index labels must be unique. `now` is the Shanghai wall time against which `recorded_at` is
    held. No content of a cell makes this raise.
    """
    report = Report(contract, raw)
    typed_columns = {}
    for column in contract.columns:
        typed_columns[column.name], findings = _read_column(column, raw)
        report.add_cells(findings, unreadable=True)
    typed = pd.DataFrame(typed_columns, index=pd.RangeIndex(len(raw)))
    found = [_still_open(finding, report) for finding in schema_findings(contract, typed, now)]
    report.add_cells(found, unreadable=False)
    for rule in contract.rules:
        broken = breaks_rule(rule, typed)
        for name in rule.columns:
            broken = broken & ~report.refused(name)
        report.add_rule(rule, np.flatnonzero(broken))
    good = typed[~report.bad]
    good.index = raw.index[~report.bad]
    return CheckedRows(good, report.failures(), report.warnings(), report.warning_counts)


def _read_column(column: Column, raw: pd.DataFrame) -> tuple[pd.Series, list[Finding]]:
    """One column as typed values in the order of the rows, and what was found in it."""
    if column.name not in raw.columns:
        return pd.Series(None, index=pd.RangeIndex(len(raw)), dtype=DTYPES[column.kind]), []
    distinct = screen(
        raw[column.name],
        column=column.name,
        max_length=column.max_length or DEFAULT_MAX_LENGTH,
        also_missing=words_for_missing(column),
    )
    findings = list(distinct.findings)
    no_date = means_no_date(column, distinct.texts)
    if len(positions := distinct.where(no_date)):
        findings.append(Finding("read_as_missing", column.name, positions, is_warning=True))
        distinct = distinct.without(no_date)
    read = read_values(column, distinct.texts)
    for rule, mask in read.broken.items():
        if len(positions := distinct.where(mask)):
            findings.append(Finding(rule, column.name, positions))
    if len(positions := distinct.where(pd.notna(read.read_as))):
        read_as = read.read_as[distinct.places[positions]]
        findings.append(Finding("normalised", column.name, positions, read_as, is_warning=True))
    findings += _code_findings(column, distinct, read.values)
    values = read.values.array.take(distinct.places, allow_fill=True)
    return pd.Series(values, dtype=DTYPES[column.kind]), findings


def _code_findings(column: Column, distinct: DistinctTexts, codes: pd.Series) -> list[Finding]:
    """Codes outside an open list, and codes that have been retired; closed lists are the schema's."""
    name = column.code_list or column.list_of
    if name is None:
        return []
    listed, findings = code_list(name), []
    if column.list_of:
        unknown = np.array(
            [any(part.strip() not in listed.codes for part in text.split(";")) for text in codes]
        )
    else:
        unknown = ~codes.isin(list(listed.codes)).to_numpy(dtype=bool)
    if not listed.closed and len(positions := distinct.where(unknown.astype(bool))):
        findings.append(Finding("unknown_code", column.name, positions, is_warning=True))
    successors = {
        code.code: code.extra["successor"] for code in listed.codes.values() if "successor" in code.extra
    }
    if len(positions := distinct.where(codes.isin(list(successors)).to_numpy(dtype=bool))):
        read_as = codes.map(successors).to_numpy()[distinct.places[positions]]
        findings.append(Finding("retired_code", column.name, positions, read_as, is_warning=True))
    return findings


def _still_open(finding: Finding, report: Report) -> Finding:
    """The finding without cells that gave no value: that is why they are missing, and it has been said."""
    still = ~report.refused(finding.column)[finding.positions]
    return Finding(finding.rule, finding.column, finding.positions[still])
