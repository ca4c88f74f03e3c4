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
from features.feature import BY_POLICY, GROUPS, FactRule, Feature
from tests.slow_policies import Facts, credit_class, inherent_grade, input_state, risk_matrix

Row = dict[str, Any]


class SlowCity:
    """A city's records, asked the slow way."""

    def __init__(self, records: Records, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._rows = {name: records.table(name).to_dict("records") for name in (*catalogue.rules, "aliases")}
        for row in self._rows["dangerous_works"]:
            row["is_overscale"] = _overscale(row)
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
            if row["role"] == role
            and project in self.names(row["project_id"], as_of)
            and row["valid_from"] <= as_of
            and not _come(row["valid_to"], as_of)
        ]
        return sorted(parties, key=lambda row: (row["valid_from"], row["enterprise_id"]))

    def subject(self, feature: Feature, project: str, as_of: pd.Timestamp) -> str | None:
        """The project, the enterprise in the role or the group the feature speaks of; None where there is none."""
        if feature.group:
            return self.group_of(feature.group, project, as_of)
        if feature.role:
            holders = self.holders(project, feature.role, as_of)
            return self.present_name(holders[-1]["enterprise_id"], as_of) if holders else None
        return project

    def group_of(self, group: str, project: str | None, as_of: pd.Timestamp) -> str | None:
        """The group of a site: what its version on file says, or its latest visit that names one."""
        _, table, column = GROUPS[group]
        if group == "city":
            return "city"
        rows = [row for row in self.on_file(table, as_of) if row["project_id"] == project]
        if table == "inspections":
            rows = [r for r in self.on_file(table, as_of) if project in self.names(r["project_id"], as_of)]
        rows = [row for row in rows if not pd.isna(row[column])]
        if table == "inspections":
            rows = [row for row in rows if row["inspected_on"] <= as_of]
            rows.sort(key=lambda row: str(row["inspection_id"]))
            rows.sort(key=lambda row: (row["inspected_on"], row["recorded_at"]))
        return _current(table, column, rows[-1][column]) if rows else None

    def names(self, old: Any, as_of: pd.Timestamp) -> set[str]:
        """The id itself and every id it was renamed to, merged or split into, by what is on file."""
        found = {old}
        while True:
            more = {row["new_id"] for row in self._aliases(as_of) if row["old_id"] in found} - found
            if not more:
                return found
            found |= more

    def present_name(self, name: str, as_of: pd.Timestamp) -> str:
        """What an enterprise is called now; of several new ids, the one that took effect last."""
        for _ in range(8):
            aliases = [row for row in self._aliases(as_of) if row["old_id"] == name]
            if aliases:
                name = max(aliases, key=lambda row: (row["effective_on"], row["new_id"]))["new_id"]
        return name

    def _aliases(self, as_of: pd.Timestamp) -> list[Row]:
        """The aliases in force; the ids of projects and enterprises are not alike in these cities."""
        in_force = [row for row in self.on_file("aliases", as_of) if row["effective_on"] <= as_of]
        return [row for row in in_force if row["old_id"] != row["new_id"]]

    def _measured(self, feature: Feature, project: str, as_of: pd.Timestamp) -> float:
        measure = feature.measure
        if measure.startswith("season"):
            return _season(measure, as_of)
        if measure == "ratio" or measure in (*BY_POLICY, "input_state"):
            made_of_others = self._ratio if measure == "ratio" else self._by_policy
            return made_of_others(feature, project, as_of)
        subject = self.subject(feature, project, as_of)
        if subject is None:
            return math.nan
        if measure in ("trend", "exposure_days", "change"):
            over_time = {"trend": self._trend, "exposure_days": self._exposure, "change": self._change}
            return over_time[measure](feature, project, subject, as_of)
        rows = self._facts(feature, project, subject, as_of, feature.window_days)
        if measure in ("count", "sum", "sum_days"):
            return self._total(feature, rows)
        return self._of_one(feature, rows, as_of)

    def _by_policy(self, feature: Feature, project: str, as_of: pd.Timestamp) -> float:
        def facts(name: str) -> float:
            return self._measured(self.catalogue.feature(name), project, as_of)

        if feature.measure == "input_state":
            return self._input_state(feature, project, facts, as_of)
        if feature.measure.startswith("inputs_"):
            wanted = 1 if feature.measure == "inputs_late" else 2
            states = [one for one in self.catalogue.features if one.measure == "input_state"]
            return sum(self._input_state(one, project, facts, as_of) == wanted for one in states)
        by_name = {"inherent_grade": inherent_grade, "credit_class": credit_class, "risk_matrix": risk_matrix}
        return by_name[feature.measure](facts, as_of)

    def _input_state(self, feature: Feature, project: str, facts: Facts, as_of: pd.Timestamp) -> int:
        table = str(feature.table)
        in_city = self.on_file(table, as_of)
        rows = [row for row in in_city if project in self.names(row["project_id"], as_of)]
        days = [self._day(feature, row) for row in rows]
        days = [day for day in days if not pd.isna(day) and day <= as_of]
        age = math.floor((as_of - max(days)) / pd.Timedelta(days=1)) if days else math.nan
        return input_state(table, facts, as_of, on_file=bool(rows), in_city=bool(in_city), age_days=age)

    def _change(self, feature: Feature, project: str, subject: str, as_of: pd.Timestamp) -> float:
        earlier = as_of - pd.Timedelta(days=int(feature.window_days or 0))
        now, then = (
            self._of_one(feature, self._facts(feature, project, subject, moment, None), moment)
            for moment in (as_of, earlier)
        )
        return now - then

    def _total(self, feature: Feature, rows: list[Row]) -> float:
        if feature.measure == "sum_days":
            return sum(max((self._day(feature, row) - row[feature.column]).days, 0) for row in rows)
        if feature.measure == "sum":
            return sum(_amount(row[feature.column], feature) for row in rows)
        if not feature.distinct:
            return len(rows)
        return len({tuple(None if pd.isna(row[c]) else row[c] for c in feature.distinct) for row in rows})

    def _trend(self, feature: Feature, project: str, subject: str, as_of: pd.Timestamp) -> float:
        days = int(feature.window_days or 0)
        last = len(self._facts(feature, project, subject, as_of, days))
        both = len(self._facts(feature, project, subject, as_of, 2 * days))
        return last - (both - last)

    def _ratio(self, feature: Feature, project: str, as_of: pd.Timestamp) -> float:
        above, below = self._parts(str(feature.numerator), str(feature.denominator), project, as_of)
        if feature.shrunk:
            drawn = feature.shrunk
            group_above, group_below = self._parts(drawn.numerator, drawn.denominator, project, as_of)
            if group_below > 0:
                above += drawn.strength * (group_above / group_below)
                below += drawn.strength
        return feature.per * (above / below) if below > 0 else math.nan

    def _parts(self, above: str, below: str, project: str, as_of: pd.Timestamp) -> tuple[float, float]:
        first, second = (self.catalogue.feature(name) for name in (above, below))
        return self._measured(first, project, as_of), self._measured(second, project, as_of)

    def _exposure(self, feature: Feature, project: str, subject: str, as_of: pd.Timestamp) -> float:
        """Day by day: how many whole days each row covers of those before today that lie in the window."""
        today, total = as_of.normalize(), 0
        for row in self.on_file(str(feature.table), as_of):
            begin, end = self._day(feature, row), row[feature.until[0]]
            unknown_end = pd.isna(end) and any(
                _matches(feature.table, column, row[column], values)
                for column, values in feature.not_open_when.items()
            )
            if pd.isna(begin) or unknown_end or not self._kept(feature, row):
                continue
            if not self._concerns(feature, row, project, subject, as_of):
                continue
            if self.catalogue.rules[str(feature.table)].ends_with_project and feature.ends_by is None:
                end = min(
                    (day for day in (end, self._finished(row["project_id"], as_of)) if not pd.isna(day)),
                    default=pd.NaT,
                )
            first = max(begin.normalize(), today - pd.Timedelta(days=int(feature.window_days or 0)))
            last = today if pd.isna(end) else min(end.normalize(), today)
            total += max((last - first).days, 0)
        return total

    def _of_one(self, feature: Feature, rows: list[Row], as_of: pd.Timestamp) -> float:
        """A measure that looks at the latest, or the first, of the facts that carry a value."""
        carried = [(row, _carried(feature, row, self._day(feature, row))) for row in rows]
        carried = [(row, value) for row, value in carried if not pd.isna(value)]
        if not carried:
            return math.nan
        if feature.measure == "highest":
            return max(value for _, value in carried)
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

    def _facts(
        self, feature: Feature, project: str, subject: str, as_of: pd.Timestamp, days: int | None
    ) -> list[Row]:
        """The facts that count at `as_of` for the subject."""
        rule = self.catalogue.rules[str(feature.table)]
        by_table = feature.ends_by is None
        ends_by = (*rule.ends_by, *rule.expires_by) if by_table else feature.ends_by
        counted = []
        on_file = self.on_file(str(feature.table), as_of)
        if rule.superseded_within and by_table:
            on_file = _latest_of_each(on_file, rule, contract(str(feature.table)).key, as_of)
        for row in on_file:
            day = self._day(feature, row)
            closed = [row[column] for column in (*ends_by, *feature.until)]
            lingering = pd.Timedelta(days=feature.lingers_days)
            if (
                not pd.isna(day)
                and day <= as_of
                and (days is None or as_of < day + pd.Timedelta(days=days))
                and not any(_come(closing + lingering, as_of) for closing in closed)
                and (not feature.counts_from or not row[feature.counts_from] > as_of)
                and self._kept(feature, row)
                and not (
                    rule.ends_with_project
                    and by_table
                    and _come(self._finished(row["project_id"], as_of) + lingering, as_of)
                )
                and self._concerns(feature, row, project, subject, as_of)
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

    def _kept(self, feature: Feature, row: Row) -> bool:
        return (
            all(
                _matches(feature.table, column, row[column], feature.where[column])
                for column in feature.where
            )
            and not (len(feature.distinct) == 1 and pd.isna(row[feature.distinct[0]]))
            and not any(pd.isna(row[column]) for column in feature.needs)
            and all(not pd.isna(row[column]) and row[column] > 0 for column in feature.above_zero)
            and all(row[early] <= row[late] for early, late in feature.no_later.items())
        )

    def _concerns(self, feature: Feature, row: Row, project: str, subject: str, as_of: pd.Timestamp) -> bool:
        if feature.subject is None and feature.table == "projects":
            return row["project_id"] == project
        of_the_site = project in self.names(row.get("project_id"), as_of)
        if feature.subject is None or (feature.scope == "elsewhere" and of_the_site):
            return feature.subject is None and of_the_site
        if feature.group:
            return self._in_group(feature, row, subject, as_of)
        holders = self._belongs_to(feature, row, as_of)
        if feature.table == "enterprises":
            return subject in holders
        return any(subject in self.names(enterprise, as_of) for enterprise in holders)

    def _in_group(self, feature: Feature, row: Row, group: str, as_of: pd.Timestamp) -> bool:
        _, _, column = GROUPS[str(feature.group)]
        if feature.group == "city":
            return True
        if column not in row:
            return self.group_of(str(feature.group), row["project_id"], as_of) == group
        if feature.group == "district" and feature.table != "projects" and row[column] == "310000":
            return True
        return not pd.isna(row[column]) and _current(str(feature.table), column, row[column]) == group

    def _belongs_to(self, feature: Feature, row: Row, as_of: pd.Timestamp) -> set[str]:
        """The enterprises in the feature's role that the fact belongs to, by what is on file at `as_of`."""
        rule = self.catalogue.rules[str(feature.table)]
        named = {row["enterprise_id"]} if not pd.isna(row.get("enterprise_id", math.nan)) else set()
        if "project_id" not in row or feature.table == "project_parties":
            return named
        answerable = row.get("role", row.get("responsible_role", math.nan))
        if not pd.isna(answerable) and answerable != feature.role:
            return set()
        if named and rule.named == "instead":
            return named
        day = self._day_of_the_role(rule, row, as_of)
        through = {
            party["enterprise_id"]
            for party in self.on_file("project_parties", as_of)
            if party["role"] == feature.role
            and row["project_id"] in self.names(party["project_id"], as_of)
            and party["valid_from"] <= day
            and not party["valid_to"] <= day
        }
        return named | through

    def _day_of_the_role(self, rule: FactRule, row: Row, as_of: pd.Timestamp) -> pd.Timestamp:
        """The day of the fact or, for what is judged by the completion, the last day of works."""
        if rule.held == "on_the_day":
            return row[rule.since]
        sites = self.on_file("projects", as_of)
        finished = [site["finish_date"] for site in sites if site["project_id"] == row["project_id"]]
        return finished[0] - pd.Timedelta(days=1) if finished else pd.NaT

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


def _amount(value: Any, feature: Feature) -> float:
    if pd.isna(value):
        return feature.missing_as or 0
    return round(float(value) * feature.scale) / feature.scale


def _matches(table: str | None, column: str, value: Any, wanted: tuple) -> bool:
    if pd.isna(value):
        return False
    listed = contract(str(table)).column(column).code_list
    if listed and not code_list(listed).closed and value not in code_list(listed).codes:
        value = "OTHER"
    return value in wanted


def _current(table: str, column: str, value: str) -> str:
    listed = contract(table).column(column).code_list
    return code_list(listed).current(value) if listed else value


def _overscale(row: Row) -> Any:
    """Over-scale as the source says or, where it does not, by the list of 2018."""
    if not pd.isna(row["is_overscale"]):
        return row["is_overscale"]
    listed = code_list("dangerous_works").codes.get(row["code"])
    if listed is None:
        return None
    if listed.extra["all_overscale"]:
        return True
    for threshold in listed.extra.get("thresholds", []):
        if threshold["parameter"] == row["parameter_kind"] and threshold["overscale_from"] is not None:
            value = row["parameter_value"]
            return None if pd.isna(value) else bool(value >= threshold["overscale_from"])
    return None


def _carried(feature: Feature, row: Row, day: pd.Timestamp) -> Any:
    if feature.measure == "missing_columns":
        return sum(pd.isna(row[column]) for column in feature.counted)
    if feature.measure.startswith("days_"):
        return row[feature.column] if feature.column else day
    value = row[feature.column]
    if pd.isna(value) or pd.isna(day):
        return math.nan
    if feature.measure == "delay_days":
        return (day - value).days
    if feature.over:
        return _share(feature, row)
    return _read(feature, value)


def _read(feature: Feature, value: Any) -> Any:
    if feature.among:
        return float(_matches(feature.table, str(feature.column), value, feature.among))
    if feature.ranks:
        return feature.ranks.get(value, math.nan)
    return sum(value >= step for step in feature.steps) if feature.steps else value


def _share(feature: Feature, row: Row) -> float:
    if pd.isna(row[feature.over]) or not row[feature.over] > 0:
        return math.nan
    share = float(row[feature.column]) / float(row[feature.over])
    return 1.0 - share if feature.measure == "shortfall" else share
