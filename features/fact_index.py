"""Everything a city has on file, made ready to be asked for any project at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.contract import contracts
from data_contracts.errors import InvalidInput
from data_contracts.progress import Progress, silent
from data_contracts.records import Records
from features.asked_sites import Measure, Sites
from features.catalogue import Catalogue
from features.fact_shelf import FactShelf
from features.fact_table import Register
from features.input_quality import states_in_words
from features.measure_building import Policies, build_measures, house_policies
from features.party_links import PartyLinks
from features.risk_grades import InherentGrade
from features.site_groups import SiteGroups
from features.site_status import ACTIVE, SiteStatus
from features.sorting import on_all_cores
from features.step_functions import DAY, Ints, RunningSum, Spans

BLOCK = 32_768  # rows filled together: what a measure needs for them fits in the cache


class FactIndex:
    """Step functions per project and enterprise, built once from `Records` and then only looked up.

    Every row of an answer depends on its own project and moment alone. Nothing recorded after a row's
    `as_of` reaches it.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        projects: Register,
        links: PartyLinks,
        groups: SiteGroups,
        status: SiteStatus,
        recorded: LatestRecord,
        measures: dict[str, Measure],
    ) -> None:
        self.catalogue = catalogue
        self._projects = projects
        self._links = links
        self._groups = groups
        self._status = status
        self._recorded = recorded
        self._measures = measures
        self._shared = {part for feature in catalogue.features for part in feature.parts}

    @classmethod
    def build(
        cls,
        records: Records,
        catalogue: Catalogue,
        progress: Progress = silent,
        *,
        policies: Policies | None = None,
    ) -> FactIndex:
        """The index of one city's records; `progress` is told how many features are done.

        `policies` are those of the house unless others are given, by the names of their files.
        """
        projects, enterprises = _register(records, "project_id"), _register(records, "enterprise_id")
        shelf = FactShelf(records, catalogue.rules, projects, enterprises)
        measures = build_measures(catalogue.features, shelf, policies or house_policies(), progress)
        for role in {feature.role for feature in catalogue.features if feature.role}:
            shelf.links.holder(role)
        for group in {feature.group for feature in catalogue.features if feature.group}:
            shelf.groups.prepare(group)
        return cls(
            catalogue=catalogue,
            projects=projects,
            links=shelf.links,
            groups=shelf.groups,
            status=SiteStatus(shelf.named("projects"), len(projects)),
            recorded=LatestRecord.of(records, projects),
            measures=measures,
        )

    def matrix(self, project_ids: Sequence[str], as_of: Any) -> pd.DataFrame:
        """The catalogue's model features, a row for each project and moment in the order given.

        NaN is missing, as the catalogue says for each feature; a project not on file at `as_of` has a row
        of nothing but NaN. Raises InvalidInput if the two arguments differ in length or a moment is missing.
        """
        return self.values(self.catalogue.names, project_ids, as_of)

    def values(self, names: Sequence[str], project_ids: Sequence[str], as_of: Any) -> pd.DataFrame:
        """As `matrix`, for the features named, those kept from models included."""
        projects, moments = self._asked(project_ids, as_of)
        cells = np.empty((len(projects), len(names)), order="F")
        blocks = [slice(low, low + BLOCK) for low in range(0, len(projects), BLOCK)]
        on_all_cores(
            lambda rows: self._fill(cells[rows], names, projects[rows], moments[rows]), blocks, len(projects)
        )
        return pd.DataFrame(cells, columns=list(names), copy=False)

    def _fill(self, cells: NDArray[np.float64], names: Sequence[str], projects: Ints, moments: Ints) -> None:
        sites = Sites(projects, moments, self._links, self._groups)
        for place, name in enumerate(names):
            measure = self._measures[name]
            cells[:, place] = sites.value(measure) if name in self._shared else measure.at(sites)
        cells[self._status.version(projects, moments) < 0] = np.nan

    def inherent_grade(self, project_ids: Sequence[str], as_of: Any) -> pd.DataFrame:
        """固有风险等级 1 to 5 and the rule that decided: grade, rule, zh, en, fact, value, reference.

        A row each, in the order given; all missing where the project or its key facts are not on file
        (信息不足). Raises PolicyUndefined if no policy was in force on a day asked about.
        """
        projects, moments = self._asked(project_ids, as_of)
        measure = next(one for one in self._measures.values() if isinstance(one, InherentGrade))
        for day in np.unique(moments // DAY).tolist():
            measure.policies.policy_on(np.datetime64(day, "D").astype(object))
        decided = measure.decided(Sites(projects, moments, self._links, self._groups))
        on_file = self._status.version(projects, moments) >= 0
        decided.loc[~on_file, ["grade", "value"]] = np.nan
        decided.loc[~on_file, ["rule", "zh", "en", "fact", "reference"]] = None
        return decided

    def input_quality(self, project_ids: Sequence[str], as_of: Any) -> pd.DataFrame:
        """Per table whether the project's records are PRESENT, LATE, MISSING, NOT_REQUIRED or NOT_DELIVERED.

        A row each in the order given, a column a table; None for a project not on file at `as_of`. The last
        two mean structurally missing: none to be expected of this site, or none delivered by the city.
        """
        named = {str(f.table): f.name for f in self.catalogue.features if f.measure == "input_state"}
        codes = self.values(list(named.values()), project_ids, as_of)
        return states_in_words(codes.set_axis(list(named), axis=1))

    def status(self, project_ids: Sequence[str], as_of: Any) -> NDArray[np.str_]:
        """UNKNOWN (not on file), NOT_STARTED, ACTIVE or FINISHED, as known at `as_of`."""
        return self._status.at(*self._asked(project_ids, as_of))

    def latest_recorded_at(self, project_ids: Sequence[str], as_of: Any) -> NDArray[np.datetime64]:
        """When the newest fact about the project came on file, up to `as_of`; NaT where there is none."""
        return self._recorded.at(*self._asked(project_ids, as_of)).view("datetime64[us]")

    def sites(self, as_of: Any, *, delivered_within_months: int = 0) -> NDArray[np.str_]:
        """Ids of the sites started and not finished or terminated, as known at the one moment `as_of`.

        With `delivered_within_months` also those delivered no longer ago than that. Sorted by id.
        """
        projects = np.arange(len(self._projects))
        moments = np.broadcast_to(_microseconds([as_of]), len(projects)).copy()
        chosen = self._status.at(projects, moments) == ACTIVE
        if delivered_within_months:
            chosen |= self._status.delivered_since(projects, moments, delivered_within_months)
        return np.array(self._projects.ids, dtype=str)[chosen]

    def _asked(self, project_ids: Sequence[str], as_of: Any) -> tuple[Ints, Ints]:
        projects, moments = self._projects.numbers_of(project_ids), _microseconds(as_of)
        if len(projects) != len(moments):
            raise InvalidInput(
                zh=f"项目编号有 {len(projects)} 个，时点有 {len(moments)} 个，两者须一一对应。",
                en=f"{len(projects)} project ids and {len(moments)} moments: give one moment a project.",
                field="as_of",
            )
        return projects, moments


class LatestRecord:
    """The moments at which anything about a project came on file."""

    def __init__(self, changes: RunningSum) -> None:
        self._changes = changes

    @classmethod
    def of(cls, records: Records, projects: Register) -> LatestRecord:
        about = [
            records.table(name) for name, held in contracts().items() if "project_id" in held.column_names
        ]
        who = np.concatenate([projects.numbers_of_column(table["project_id"]) for table in about])
        when = np.concatenate(
            [table["recorded_at"].to_numpy("datetime64[us]").view(np.int64) for table in about]
        )
        spans = Spans(np.arange(len(who)), who, when, np.full(len(who), np.iinfo(np.int64).max)).narrowed()
        return cls(RunningSum.of(spans, np.ones(len(spans.rows), np.int64), len(projects)))

    def at(self, projects: Ints, as_of: Ints) -> Ints:
        return self._changes.last_change(projects, as_of)


def _microseconds(moments: Any) -> Ints:
    """Moments as microseconds; raises InvalidInput for a missing one."""
    given = np.asarray(moments, dtype="datetime64[us]")
    if np.isnat(given).any():
        raise InvalidInput(zh="时点 as_of 有缺失。", en="A moment in as_of is missing.", field="as_of")
    return np.ascontiguousarray(given).view(np.int64)


def _register(records: Records, column: str) -> Register:
    """All ids of a kind that occur in any table of the records, those of aliases included."""
    tables = [records.table(name) for name, held in contracts().items() if column in held.column_names]
    aliases = records.table("aliases")
    renamed = aliases[aliases["kind"] == {"project_id": "PROJECT", "enterprise_id": "ENTERPRISE"}[column]]
    columns = [*(table[column] for table in tables), renamed["old_id"], renamed["new_id"]]
    return Register(name for names in columns for name in names.dropna().unique())
