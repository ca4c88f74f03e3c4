"""Every feature computed the slow and obvious way: for one project and moment, row by row, with dates.

Nothing here is shared with the engine but the declaration. At a moment the version of each fact recorded last
is the one that holds; then the declaration is read word by word.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from data_contracts.code_list import code_list
from data_contracts.contract import contract
from data_contracts.records import Records
from features.catalogue import Catalogue
from features.feature import FactRule, Feature

Row = dict[str, Any]


class SlowCity:
    """A city's records, asked the slow way."""

    def __init__(self, records: Records, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._rows = {name: records.table(name).to_dict("records") for name in catalogue.rules}
        self._held: dict[tuple[str, pd.Timestamp], list[Row]] = {}

    def value(self, feature: Feature, project: str, as_of: pd.Timestamp) -> float:
        """The feature's value, NaN where it is missing or the project is not on file."""
        if not any(row["project_id"] == project for row in self.on_file("projects", as_of)):
            return math.nan
        return self._measured(feature, project, as_of)

    def on_file(self, table: str, as_of: pd.Timestamp) -> list[Row]:
        """The version of every fact that held at `as_of`, withdrawn ones left out."""
        if (table, as_of) not in self._held:
            self._held[table, as_of] = _on_file(self._rows[table], contract(table).key, as_of)
        return self._held[table, as_of]

    def holders(self, project: str, role: str, as_of: pd.Timestamp) -> list[Row]:
        """Parties in the role on the site at `as_of`, the one that joined last at the end."""
        parties = [
            row
            for row in self.on_file("project_parties", as_of)
            if (row["project_id"], row["role"]) == (project, role)
            and row["valid_from"] <= as_of
            and not _come(row["valid_to"], as_of)
        ]
        return sorted(parties, key=lambda row: (row["valid_from"], row["enterprise_id"]))

    def _measured(self, feature: Feature, project: str, as_of: pd.Timestamp) -> float:
        measure = feature.measure
        if measure.startswith("season"):
            return _season(measure, as_of)
        if measure == "ratio":
            return self._ratio(feature, project, as_of)
        if feature.role and not self.holders(project, feature.role, as_of):
            return math.nan
        if measure == "trend":
            return self._trend(feature, project, as_of)
        rows = self._facts(feature, project, as_of, feature.window_days)
        if measure in ("count", "sum"):
            return _total(feature, rows)
        return self._of_one(feature, rows, as_of)

    def _trend(self, feature: Feature, project: str, as_of: pd.Timestamp) -> float:
        last = len(self._facts(feature, project, as_of, feature.window_days))
        both = len(self._facts(feature, project, as_of, 2 * int(feature.window_days or 0)))
        return last - (both - last)

    def _ratio(self, feature: Feature, project: str, as_of: pd.Timestamp) -> float:
        above, below = (
            self._measured(self.catalogue.feature(str(name)), project, as_of)
            for name in (feature.numerator, feature.denominator)
        )
        return above / below if below > 0 else math.nan

    def _of_one(self, feature: Feature, rows: list[Row], as_of: pd.Timestamp) -> float:
        """A measure that looks at the latest, or the first, of the facts that carry a value."""
        carried = [(row, _carried(feature, row, self._day(feature, row))) for row in rows]
        carried = [(row, value) for row, value in carried if not pd.isna(value)]
        if not carried:
            return math.nan
        key = contract(str(feature.table)).key
        carried.sort(key=lambda pair: [str(pair[0][column]) for column in key])
        if feature.measure == "days_since_first":
            carried.sort(key=lambda pair: (-self._day(feature, pair[0]).value, pair[0]["recorded_at"]))
        else:
            carried.sort(key=lambda pair: (self._day(feature, pair[0]), pair[0]["recorded_at"]))
        value = carried[-1][1]
        if feature.measure == "days_until":
            return math.floor((value - as_of) / pd.Timedelta(days=1))
        if feature.measure.startswith("days_since"):
            return math.floor((as_of - value) / pd.Timedelta(days=1))
        return float(value)

    def _facts(self, feature: Feature, project: str, as_of: pd.Timestamp, days: int | None) -> list[Row]:
        """The facts that count at `as_of` for the project or for the enterprise in the role."""
        rule = self.catalogue.rules[str(feature.table)]
        counted = []
        on_file = self.on_file(str(feature.table), as_of)
        if rule.superseded_within:
            on_file = _latest_of_each(on_file, rule, contract(str(feature.table)).key, as_of)
        for row in on_file:
            day = self._day(feature, row)
            closed = [row[column] for column in (*rule.ends_by, *rule.expires_by, *feature.until)]
            lingering = pd.Timedelta(days=feature.lingers_days)
            if (
                not pd.isna(day)
                and day <= as_of
                and (days is None or as_of < day + pd.Timedelta(days=days))
                and not any(_come(closing + lingering, as_of) for closing in closed)
                and (not feature.counts_from or not row[feature.counts_from] > as_of)
                and all(_matches(feature, column, row[column]) for column in feature.where)
                and not (feature.distinct and pd.isna(row[feature.distinct]))
                and not any(pd.isna(row[column]) for column in feature.needs)
                and not (
                    rule.ends_with_project
                    and _come(self._finished(row["project_id"], as_of) + lingering, as_of)
                )
                and self._concerns(feature, row, project, as_of)
            ):
                counted.append(row)
        return counted

    def _finished(self, project: str, as_of: pd.Timestamp) -> pd.Timestamp:
        """The day the project was finished, by its version on file; without a day, since when it says so."""
        if not any(row["project_id"] == project for row in self.on_file("projects", as_of)):
            return pd.NaT
        versions = [
            row
            for row in self._rows["projects"]
            if row["project_id"] == project and row["recorded_at"] <= as_of
        ]
        versions.sort(key=lambda row: row["recorded_at"], reverse=True)
        if not pd.isna(versions[0]["finish_date"]):
            return versions[0]["finish_date"]
        since = pd.NaT
        for row in versions:
            if not pd.isna(row["finish_date"]) or row["status"] not in ("COMPLETED", "TERMINATED"):
                break
            since = row["recorded_at"]
        return since

    def _concerns(self, feature: Feature, row: Row, project: str, as_of: pd.Timestamp) -> bool:
        if feature.role is None:
            return row["project_id"] == project
        enterprise = self.holders(project, feature.role, as_of)[-1]["enterprise_id"]
        if feature.scope == "elsewhere" and row["project_id"] == project:
            return False
        return enterprise in self._belongs_to(feature, row, as_of)

    def _belongs_to(self, feature: Feature, row: Row, as_of: pd.Timestamp) -> set[str]:
        """The enterprises in the feature's role that the fact belongs to, by what is on file at `as_of`."""
        rule = self.catalogue.rules[str(feature.table)]
        named = {row["enterprise_id"]} if not pd.isna(row.get("enterprise_id", math.nan)) else set()
        if "project_id" not in row or feature.table == "project_parties":
            return named
        if not pd.isna(row.get("role", math.nan)) and row["role"] != feature.role:
            return set()
        if named and rule.named == "instead":
            return named
        day = row[rule.since]
        through = {
            party["enterprise_id"]
            for party in self.on_file("project_parties", as_of)
            if (party["project_id"], party["role"]) == (row["project_id"], feature.role)
            and party["valid_from"] <= day
            and not party["valid_to"] <= day
        }
        return named | through

    def _day(self, feature: Feature, row: Row) -> pd.Timestamp:
        column = feature.since or self.catalogue.rules[str(feature.table)].since
        return row[column] if column else row["recorded_at"]


def _on_file(rows: list[Row], key: tuple[str, ...], as_of: pd.Timestamp) -> list[Row]:
    held: dict[tuple, Row] = {}
    for row in rows:
        if row["recorded_at"] <= as_of:
            name = tuple(str(row[column]) for column in key)
            if name not in held or row["recorded_at"] > held[name]["recorded_at"]:
                held[name] = row
    return [row for row in held.values() if not _come(row["withdrawn_at"], as_of)]


def _latest_of_each(rows: list[Row], rule: FactRule, key: tuple[str, ...], as_of: pd.Timestamp) -> list[Row]:
    """Of the rows that have begun and agree in the columns of the rule, the one that began last."""
    begun = [row for row in rows if row[rule.since] <= as_of]
    begun = [row for row in begun if not any(_come(row[column], as_of) for column in rule.ends_by)]
    begun.sort(key=lambda row: [str(row[column]) for column in key])
    begun.sort(key=lambda row: (row[rule.since], row["recorded_at"]))
    return list({tuple(str(row[column]) for column in rule.superseded_within): row for row in begun}.values())


def _come(closing: Any, as_of: pd.Timestamp) -> bool:
    return not pd.isna(closing) and closing <= as_of


def _season(measure: str, as_of: pd.Timestamp) -> float:
    angle = 2 * math.pi * (as_of.dayofyear - 1) / 365.25
    return math.sin(angle) if measure == "season_sine" else math.cos(angle)


def _total(feature: Feature, rows: list[Row]) -> float:
    if feature.measure == "sum":
        return sum(_amount(row[feature.column], feature) for row in rows)
    return len({row[feature.distinct] for row in rows}) if feature.distinct else len(rows)


def _amount(value: Any, feature: Feature) -> float:
    if pd.isna(value):
        return feature.missing_as or 0
    return round(float(value) * feature.scale) / feature.scale


def _matches(feature: Feature, column: str, value: Any) -> bool:
    if pd.isna(value):
        return False
    listed = contract(str(feature.table)).column(column).code_list
    if listed and not code_list(listed).closed and value not in code_list(listed).codes:
        value = "OTHER"
    return value in feature.where[column]


def _carried(feature: Feature, row: Row, day: pd.Timestamp) -> Any:
    if feature.measure.startswith("days_"):
        return row[feature.column] if feature.column else day
    value = row[feature.column]
    if pd.isna(value):
        return math.nan
    if feature.ranks:
        return feature.ranks.get(value, math.nan)
    if feature.over is None:
        return value
    if pd.isna(row[feature.over]) or not row[feature.over] > 0:
        return math.nan
    share = float(value) / float(row[feature.over])
    return 1.0 - share if feature.measure == "shortfall" else share
