"""The tables a catalogue reads, and what several features share: spans, filters, values, ranks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.contract import contract
from data_contracts.records import Records
from features.dangerous_work_scale import with_scale_judged
from features.fact_endings import outside, until_superseded
from features.fact_table import FactTable, Register
from features.feature import FactRule, Feature
from features.party_links import PartyLinks
from features.renamings import Renamings
from features.row_values import row_values, rows_kept, weights
from features.site_groups import SiteGroups
from features.site_status import finished_spans
from features.span_joins import joined, meetings
from features.step_functions import DAY, MISSING, Ints, LeadingFact, RunningSum, Spans, ranks_by

OF_ONE_ID_ALONE = (
    "projects",
    "enterprises",
)  # a new id has a row of its own; the old one's facts stand beside it


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
        self._sites = Renamings(self.named("aliases"), "PROJECT", projects)
        self._firms = Renamings(self.named("aliases"), "ENTERPRISE", enterprises)
        self.links = PartyLinks(self.named("project_parties"), len(projects), self._sites, self._firms)
        self.groups = SiteGroups(self.named, rules, len(projects), self._sites)

    def named(self, name: str) -> FactTable:
        """A contract table by its name."""
        if name not in self._tables:
            frame = self._records.table(name)
            if name == "dangerous_works":
                frame = with_scale_judged(frame)
            self._tables[name] = FactTable(contract(name), frame, self.projects, self.enterprises)
        return self._tables[name]

    def table(self, feature: Feature) -> FactTable:
        return self.named(str(feature.table))

    def entity_count(self, feature: Feature) -> int:
        if feature.group:
            return self.groups.count(feature.group)
        return len(self.projects if feature.role is None else self.enterprises)

    def with_window(self, feature: Feature, days: int) -> Feature:
        return dataclasses.replace(feature, window_days=days)

    def without_window(self, feature: Feature) -> Feature:
        return dataclasses.replace(feature, window_days=None)

    def since(self, feature: Feature) -> Ints:
        """The day each row happened, its `recorded_at` where the table's facts have none."""
        table = self.table(feature)
        column = feature.since or self._rules[table.contract.name].since
        return table.moments(column) if column else table.recorded

    def spans(self, feature: Feature, present: NDArray[np.bool_] | None = None) -> Spans:
        """When each fact counts for the feature, and for whom."""
        table, since = self.table(feature), self.since(feature)
        rule = self._rules[table.contract.name]
        keep = rows_kept(feature, table) & (since != MISSING)
        if present is not None:
            keep &= present
        spans = self._known_spans(table, feature)
        if rule.superseded_within and feature.ends_by is None:
            spans = self._until_superseded(table, spans, rule)
        spans = spans.kept(keep[spans.rows])
        begins = np.maximum(table.recorded, since)
        if feature.counts_from:
            begins = np.maximum(begins, table.moments(feature.counts_from))
        usual = (*rule.ends_by, *rule.expires_by) if feature.ends_by is None else feature.ends_by
        closing = (*usual, *feature.until)
        ends = [table.closings(column, lingers_days=feature.lingers_days) for column in closing]
        if feature.window_days:
            ends.append(since + feature.window_days * DAY)
        until = np.minimum.reduce(ends)[spans.rows] if ends else None
        spans = spans.narrowed(starts=begins[spans.rows], ends=until)
        if rule.ends_with_project and feature.ends_by is None:
            over = finished_spans(self.named("projects"), lingers_days=feature.lingers_days)
            spans = outside(spans, table.projects[spans.rows], over, len(self.projects))
        return spans

    def on_file(self, feature: Feature, present: NDArray[np.bool_]) -> Spans:
        """When each fact is on file for the feature's subject, whatever its days."""
        table = self.table(feature)
        spans = self._known_spans(table, feature)
        return spans.kept((rows_kept(feature, table) & present)[spans.rows]).narrowed()

    def weights(self, feature: Feature) -> Ints:
        """What each row adds to a count or sum."""
        return weights(feature, self.table(feature), self.since(feature))

    def values(self, feature: Feature) -> NDArray[np.float64]:
        """Each row's number for a measure that looks at one fact."""
        return row_values(feature, self.table(feature), self.since(feature))

    def leading(self, feature: Feature, *, present: NDArray[np.bool_], first: bool = False) -> LeadingFact:
        """The latest (or first) fact per entity; of the same day, the one recorded last."""
        spans = self.spans(feature, present)
        since = self.since(feature)[spans.rows]
        recorded = self.table(feature).recorded[spans.rows]
        ranks = ranks_by(-since if first else since, recorded, spans.rows)
        return LeadingFact.of(spans, ranks, self.entity_count(feature))

    def highest(self, feature: Feature, values: NDArray[np.float64]) -> LeadingFact:
        """The fact in force with the highest value per entity."""
        spans = self.spans(feature, ~np.isnan(values))
        order = np.argsort(values[spans.rows], kind="stable")
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        return LeadingFact.of(spans, ranks, self.entity_count(feature))

    def same_things(self, feature: Feature, spans: Spans) -> Ints:
        """A number for each (entity, values of the distinct columns)."""
        groups = spans.entities
        for column in feature.distinct:
            values = pd.factorize(self.table(feature).frame[column])[0][spans.rows] + 1
            groups = pd.factorize(groups)[0] * (values.max(initial=0) + 1) + values
        return np.asarray(groups, np.int64)

    def own_part(self, feature: Feature, spans: Spans, weights: Ints) -> tuple[Ints, RunningSum]:
        """The sums of each (project, entity) alone: sorted pair numbers, and sums by place in them."""
        places = np.arange(len(spans.rows))
        projects = Spans(places, self.table(feature).projects[spans.rows], spans.starts, spans.ends)
        own = self._sites.passed_on(projects.narrowed())
        pair = own.entities * self.entity_count(feature) + spans.entities[own.rows]
        pairs, place = np.unique(pair, return_inverse=True)
        by_pair = Spans(spans.rows[own.rows], place.astype(np.int64), own.starts, own.ends)
        return pairs, RunningSum.of(by_pair, weights[own.rows], len(pairs))

    def _known_spans(self, table: FactTable, feature: Feature) -> Spans:
        """A table's facts as spans of the projects, of a group, or of the enterprises they belong to."""
        kept_as = (table.contract.name, feature.subject)
        if kept_as not in self._known:
            self._known[kept_as] = self._spans_of(table, feature)
        return self._known[kept_as]

    def _spans_of(self, table: FactTable, feature: Feature) -> Spans:
        name, columns = table.contract.name, table.contract.column_names
        rule = self._rules[name]
        by_enterprise = feature.role and (name == "project_parties" or "project_id" not in columns)
        entities = table.enterprises if by_enterprise else table.projects
        known = Spans(np.arange(len(table)), entities, table.recorded, table.in_force_until)
        if feature.group:
            return self.groups.spans(feature.group, table, known)
        if name in OF_ONE_ID_ALONE and (feature.role is None or by_enterprise):
            return known
        if feature.role is None or by_enterprise:
            return (self._sites if feature.role is None else self._firms).passed_on(known)
        if rule.held == "at_completion":
            known, days = self._at_completion(known)
        else:
            days = table.moments(str(rule.since))[known.rows]
        return self.links.attributed(table, known, days, feature.role, named=rule.named)

    def _until_superseded(self, table: FactTable, spans: Spans, rule: FactRule) -> Spans:
        columns = table.frame[list(rule.superseded_within)]
        groups = np.asarray(columns.groupby(list(columns), sort=False, dropna=False).ngroup(), np.int64)
        since = table.moments(rule.since) if rule.since else table.recorded
        for column in rule.ends_by:
            spans = spans.narrowed(ends=table.closings(column)[spans.rows])
        return until_superseded(spans, groups, since, table.recorded)

    def _at_completion(self, known: Spans) -> tuple[Spans, Ints]:
        """The facts while a version of their project names a completion, and the last day of works before it."""
        sites = self.named("projects")
        finish = sites.moments("finish_date")
        versions = Spans(np.arange(len(sites)), sites.projects, sites.recorded, sites.in_force_until)
        versions = versions.kept(finish != MISSING)
        left, right = meetings(known.entities, versions)
        met = joined(known, left, known.entities[left], versions, right)
        return met, finish[versions.rows[right]] - DAY
