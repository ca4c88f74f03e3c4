"""The tables a catalogue reads, and what several features share: spans, filters, values, ranks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.code_list import code_list
from data_contracts.contract import contract
from data_contracts.records import Records
from features.fact_endings import outside, until_superseded
from features.fact_table import FactTable, Register
from features.feature import FactRule, Feature
from features.party_links import PartyLinks
from features.site_status import finished_spans
from features.step_functions import DAY, MISSING, Ints, LeadingFact, RunningSum, Spans, ranks_by

OTHER = "OTHER"


class FactShelf:
    """Facts by table, read once; everything here may be forgotten when the measures are built."""

    def __init__(
        self, records: Records, rules: Mapping[str, FactRule], projects: Register, enterprises: Register
    ):
        self.projects = projects
        self.enterprises = enterprises
        self._rules = rules
        self._records = records
        self._tables: dict[str, FactTable] = {}
        self._known: dict[tuple[str, str | None], Spans] = {}
        self.links = PartyLinks(self.named("project_parties"), len(projects))

    def named(self, name: str) -> FactTable:
        """A contract table by its name."""
        if name not in self._tables:
            frame = self._records.table(name)
            self._tables[name] = FactTable(contract(name), frame, self.projects, self.enterprises)
        return self._tables[name]

    def table(self, feature: Feature) -> FactTable:
        return self.named(str(feature.table))

    def entity_count(self, feature: Feature) -> int:
        return len(self.projects if feature.role is None else self.enterprises)

    def with_window(self, feature: Feature, days: int) -> Feature:
        return dataclasses.replace(feature, window_days=days)

    def since(self, feature: Feature) -> Ints:
        """The day each row happened, its `recorded_at` where the table's facts have none."""
        table = self.table(feature)
        column = feature.since or self._rules[table.contract.name].since
        return table.moments(column) if column else table.recorded

    def spans(self, feature: Feature, present: NDArray[np.bool_] | None = None) -> Spans:
        """When each fact counts for the feature, and for whom."""
        table, since = self.table(feature), self.since(feature)
        rule = self._rules[table.contract.name]
        keep = self._kept(table, feature) & (since != MISSING)
        if present is not None:
            keep &= present
        spans = self._known_spans(table, feature)
        if rule.superseded_within:
            spans = self._until_superseded(table, spans, rule)
        spans = spans.kept(keep[spans.rows])
        begins = np.maximum(table.recorded, since)
        if feature.counts_from:
            begins = np.maximum(begins, table.moments(feature.counts_from))
        closing = (*rule.ends_by, *rule.expires_by, *feature.until)
        ends = [table.closings(column, lingers_days=feature.lingers_days) for column in closing]
        if feature.window_days:
            ends.append(since + feature.window_days * DAY)
        until = np.minimum.reduce(ends)[spans.rows] if ends else None
        spans = spans.narrowed(starts=begins[spans.rows], ends=until)
        if rule.ends_with_project:
            over = finished_spans(self.named("projects"), lingers_days=feature.lingers_days)
            spans = outside(spans, table.projects[spans.rows], over, len(self.projects))
        return spans

    def weights(self, feature: Feature) -> Ints:
        """What a row adds: 1 for a count, its value in the declared integer unit for a sum."""
        table = self.table(feature)
        if feature.column is None:
            return np.full(len(table), feature.scale, np.int64)
        values = table.numbers(feature.column)
        values = np.where(np.isnan(values), feature.missing_as or 0.0, values)
        return np.rint(values * feature.scale).astype(np.int64)

    def values(self, feature: Feature) -> NDArray[np.float64]:
        """A row's number: a column, its rank for a code, or one minus or over another column."""
        table, column = self.table(feature), str(feature.column)
        if feature.ranks:
            ranks = table.frame[column].map(dict(feature.ranks))
            return np.asarray(ranks.to_numpy(np.float64, na_value=np.nan), np.float64)
        numbers = table.numbers(column)
        if feature.over is None:
            return numbers
        over = table.numbers(feature.over)
        share = np.divide(numbers, over, out=np.full(len(numbers), np.nan), where=over > 0)
        return 1.0 - share if feature.measure == "shortfall" else share

    def leading(self, feature: Feature, *, present: NDArray[np.bool_], first: bool = False) -> LeadingFact:
        """The latest (or first) fact per entity; of the same day, the one recorded last."""
        spans = self.spans(feature, present)
        since = self.since(feature)[spans.rows]
        recorded = self.table(feature).recorded[spans.rows]
        ranks = ranks_by(-since if first else since, recorded, spans.rows)
        return LeadingFact.of(spans, ranks, self.entity_count(feature))

    def groups(self, feature: Feature, spans: Spans) -> Ints:
        """A number for each (entity, value of the distinct column)."""
        values = pd.factorize(self.table(feature).frame[feature.distinct])[0][spans.rows]
        return spans.entities * (values.max(initial=0) + 2) + values + 1

    def own_part(self, feature: Feature, spans: Spans, weights: Ints) -> tuple[Ints, RunningSum]:
        """The sums of each (project, enterprise) alone: sorted pair numbers, and sums by place in them."""
        project = self.table(feature).projects[spans.rows]
        mine = project >= 0
        pair = project[mine] * len(self.enterprises) + spans.entities[mine]
        pairs, place = np.unique(pair, return_inverse=True)
        own = spans.kept(mine)
        own = Spans(own.rows, place.astype(np.int64), own.starts, own.ends)
        return pairs, RunningSum.of(own, weights[mine], len(pairs))

    def _known_spans(self, table: FactTable, feature: Feature) -> Spans:
        """A table's facts as spans of the projects or, through a role, of the enterprises they belong to."""
        name, columns = table.contract.name, table.contract.column_names
        rule = self._rules[name]
        if (name, feature.role) not in self._known:
            entities = table.projects if feature.role is None else table.enterprises
            known = Spans(np.arange(len(table)), entities, table.recorded, table.in_force_until)
            if feature.role and rule.since and name != "project_parties" and "project_id" in columns:
                known = self.links.attributed(
                    table, known, table.moments(rule.since), feature.role, named=rule.named
                )
            self._known[name, feature.role] = known
        return self._known[name, feature.role]

    def _until_superseded(self, table: FactTable, spans: Spans, rule: FactRule) -> Spans:
        columns = table.frame[list(rule.superseded_within)]
        groups = np.asarray(columns.groupby(list(columns), sort=False, dropna=False).ngroup(), np.int64)
        since = table.moments(rule.since) if rule.since else table.recorded
        for column in rule.ends_by:
            spans = spans.narrowed(ends=table.closings(column)[spans.rows])
        return until_superseded(spans, groups, since, table.recorded)

    def _kept(self, table: FactTable, feature: Feature) -> NDArray[np.bool_]:
        keep = np.ones(len(table), bool)
        for column, wanted in feature.where.items():
            keep &= _is_one_of(table, column, wanted)
        for column in feature.needs:
            keep &= table.frame[column].notna().to_numpy(bool)
        if feature.distinct:
            keep &= table.frame[feature.distinct].notna().to_numpy(bool)
        return keep


def _is_one_of(table: FactTable, column: str, wanted: tuple[str | bool, ...]) -> NDArray[np.bool_]:
    """Rows with one of the values; in an open code list an unknown code is OTHER."""
    values = table.frame[column]
    found = values.isin(list(wanted)).to_numpy(bool, na_value=False)
    listed = table.contract.column(column).code_list
    if OTHER in wanted and listed and not code_list(listed).closed:
        found = found | (values.notna() & ~values.isin(list(code_list(listed).codes))).to_numpy(bool)
    return found
