"""The facts of a city, or of a few of its sites, as spans during which they count for a feature."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.encoded_table import EncodedTable, PartTable
from features.fact_endings import outside, until_superseded
from features.fact_table import FactTable, Register
from features.feature import FactRule, Feature
from features.party_links import PartyLinks
from features.renamings import Renamings
from features.row_values import row_values, rows_kept, weights
from features.site_groups import SiteGroups
from features.site_status import finished_spans
from features.sorting import DAY, MISSING, Floats, Ints
from features.span_joins import joined, meetings
from features.step_functions import Spans, ranks_by
from features.step_keys import pair

ALONE = ("projects", "enterprises")
"""Tables with one fact an id: what holds is the version on file; a renamed id has a row of its own."""


class FactShelf:
    """Facts by table; everything here may be forgotten when the step functions are built.

    `groups` numbers districts, categories, agencies and teams.
    """

    def __init__(
        self,
        rows: Callable[[str], EncodedTable],
        rules: Mapping[str, FactRule],
        projects: Register,
        enterprises: Register,
        groups: Mapping[str, Register],
    ) -> None:
        self.projects = projects
        self.enterprises = enterprises
        self.rules = rules
        self._rows = rows
        self._tables: dict[str, FactTable] = {}
        self._known: dict[tuple[str, str | None, bool], Spans] = {}
        self._kept: dict[str, NDArray[np.bool_]] = {}
        self._fed_rows: dict[str, NDArray[np.bool_]] = {}
        self._exposures: dict[object, Any] = {}
        self.sites = Renamings(self.named("aliases"), "PROJECT", projects)
        self.firms = Renamings(self.named("aliases"), "ENTERPRISE", enterprises)
        self.links = PartyLinks(self.named("project_parties"), self.sites, self.firms)
        self.groups = SiteGroups(self.named, rules, groups, self.sites)

    def named(self, name: str) -> FactTable:
        """A contract table by its name."""
        if name not in self._tables:
            self._tables[name] = FactTable(self._rows(name), self.projects, self.enterprises)
        return self._tables[name]

    def all_tables(self) -> list[FactTable]:
        """Every table that features read."""
        return [self.named(name) for name in self.rules]

    def table(self, feature: Feature) -> FactTable:
        return self.named(str(feature.table))

    def since(self, feature: Feature) -> Ints:
        """The day each row happened, its `recorded_at` where the table's facts have none."""
        table = self.table(feature)
        column = feature.since or self.rules[table.contract.name].since
        return table.moments(column) if column else table.recorded

    def spans(self, feature: Feature, present: NDArray[np.bool_] | None = None) -> Spans:
        """When each fact counts for the feature, and for whom."""
        table, since = self.table(feature), self.since(feature)
        rule = self.rules[table.contract.name]
        keep = self.kept(feature) & (since != MISSING)
        if present is not None:
            keep &= present
        spans = self._known_spans(table, feature).kept_rows(keep)
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
        if self.ends_with_project(feature):
            over = finished_spans(self.named("projects"), lingers_days=feature.lingers_days)
            spans = outside(spans, table.projects[spans.rows], over, len(self.projects))
        return spans

    def kept(self, feature: Feature) -> NDArray[np.bool_]:
        """Rows that pass every filter of the feature."""
        filters = (
            feature.table,
            feature.where,
            feature.not_open_when,
            feature.distinct,
            feature.needs,
            feature.above_zero,
            feature.no_later,
        )
        key = repr(filters)
        if key not in self._kept:
            self._kept[key] = rows_kept(feature, self.table(feature))
        return self._kept[key]

    def fed_rows(self, name: str) -> NDArray[np.bool_]:
        """Rows of facts, whatever their version, that the last delivery of the table speaks of."""
        if name not in self._fed_rows:
            rows = self.named(name).rows
            self._fed_rows[name] = (
                rows.facts_of_last() if isinstance(rows, PartTable) else np.ones(len(rows), bool)
            )
        return self._fed_rows[name]

    def exposure(self, feature: object, make: Callable[[], Any]) -> Any:
        """Lines of exposure, which slopes and constants share."""
        if feature not in self._exposures:
            self._exposures[feature] = make()
        return self._exposures[feature]

    def ends_with_project(self, feature: Feature) -> bool:
        """Whether the facts end, too, where their site does."""
        return self.rules[str(feature.table)].ends_with_project and feature.ends_by is None

    def on_file(self, feature: Feature, present: NDArray[np.bool_]) -> Spans:
        """When each fact is on file for the feature's subject, whatever its days."""
        table = self.table(feature)
        keep = self.kept(feature) & present
        return self._known_spans(table, feature).kept_rows(keep).narrowed()

    def weights(self, feature: Feature) -> Ints:
        """What each row adds to a count or sum."""
        return weights(feature, self.table(feature), self.since(feature))

    def values(self, feature: Feature) -> Floats:
        """Each row's number for a measure that looks at one fact."""
        return row_values(feature, self.table(feature), self.since(feature))

    def leading(
        self, feature: Feature, *, present: NDArray[np.bool_] | None = None, first: bool = False
    ) -> tuple[Spans, Ints]:
        """Spans and ranks of which the highest is the latest (or first) fact; of the same day, the one recorded last."""
        spans = self.spans(feature, present)
        if feature.table in ALONE:  # one version at a time
            return spans, spans.rows
        since = self.since(feature)[spans.rows]
        recorded = self.table(feature).recorded[spans.rows]
        return spans, ranks_by(-since if first else since, recorded, spans.rows)

    def highest(self, feature: Feature, values: Floats) -> tuple[Spans, Ints]:
        """Spans and ranks of which the highest is the fact with the highest value."""
        spans = self.spans(feature, ~np.isnan(values))
        order = np.argsort(values[spans.rows], kind="stable")
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        return spans, ranks

    def same_things(self, feature: Feature, spans: Spans) -> Ints:
        """A number for each (entity, values of the distinct columns)."""
        groups = spans.entities
        for column in feature.distinct:
            values = self.table(feature).classes(column)[spans.rows]
            groups = pd.factorize(groups)[0] * (values.max(initial=0) + 1) + values
        return np.asarray(groups, np.int64)

    def own(self, table: str, spans: Spans) -> Spans:
        """Spans by pair of site and entity, one for each site a fact belongs to; `rows` are places in `spans`."""
        places = np.arange(len(spans.rows))
        by_site = Spans(places, self.named(table).projects[spans.rows], spans.starts, spans.ends)
        by_site = self.sites.passed_on(by_site.narrowed())
        pairs = pair(by_site.entities, spans.entities[by_site.rows])
        return Spans(by_site.rows, pairs, by_site.starts, by_site.ends)

    def pairs(self, feature: Feature) -> Ints:
        """All pairs of a site and the feature's subject that any of the table's facts connects, sorted."""
        table = self.table(feature)
        known = self._known_spans(table, feature).narrowed()
        return np.sort(pd.unique(self.own(table.contract.name, known).entities))

    def _known_spans(self, table: FactTable, feature: Feature) -> Spans:
        """A table's facts as spans of the projects, of a group, or of the enterprises they belong to."""
        supersedes = bool(self.rules[table.contract.name].superseded_within) and feature.ends_by is None
        kept_as = (table.contract.name, feature.subject, supersedes)
        if kept_as not in self._known:
            self._known[kept_as] = self._spans_of(table, feature, supersedes)
        return self._known[kept_as]

    def _spans_of(self, table: FactTable, feature: Feature, supersedes: bool) -> Spans:
        name, columns = table.contract.name, table.contract.column_names
        rule = self.rules[name]
        by_enterprise = feature.role and (name == "project_parties" or "project_id" not in columns)
        entities = table.enterprises if by_enterprise else table.projects
        known = Spans(np.arange(len(table)), entities, table.recorded, table.in_force_until)
        if supersedes:
            known = self._until_superseded(table, known, rule)
        if feature.group:
            return self.groups.spans(feature.group, table, known)
        if name in ALONE and (feature.role is None or by_enterprise):
            return known
        if feature.role is None or by_enterprise:
            return (self.sites if feature.role is None else self.firms).passed_on(known)
        if rule.held == "at_completion":
            known, days = self._at_completion(known)
        else:
            days = table.moments(str(rule.since))[known.rows]
        return self.links.attributed(table, known, days, feature.role, named=rule.named)

    def _until_superseded(self, table: FactTable, spans: Spans, rule: FactRule) -> Spans:
        groups = np.zeros(len(table), np.int64)
        for column in rule.superseded_within:
            values = table.classes(column)
            groups = pd.factorize(groups)[0] * (values.max(initial=0) + 1) + values
        groups = pd.factorize(groups)[0]
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


def site_versions(shelf: FactShelf) -> Spans:
    """Every version of every project, from when to when it was the one on file."""
    sites = shelf.named("projects")
    return Spans(np.arange(len(sites)), sites.projects, sites.recorded, sites.in_force_until).narrowed()


def with_window(feature: Feature, days: int | None) -> Feature:
    return dataclasses.replace(feature, window_days=days)
