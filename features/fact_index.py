"""Everything a city has on file, made ready to be asked for any project at any moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.contract import contract
from data_contracts.errors import InvalidInput
from data_contracts.progress import Progress, silent
from data_contracts.records import Records
from data_contracts.typed_tables import in_order
from features import lookup_kernels as kernel
from features.catalogue import Catalogue
from features.city_facts import CityFacts
from features.facts_behind import Fact, facts_behind
from features.feature import Feature
from features.fed_changes import FedChanges
from features.feeding import fed_with
from features.freed_memory import give_back
from features.input_quality import states_in_words
from features.plans import Plan, Step, requests_of, steps_of
from features.policy_features import Policies, PolicyFeatures, house_policies
from features.risk_grades import InherentGrade
from features.rows_on_file import rows_on_file
from features.site_status import ACTIVE, FINISHED, delivered_since, status_of
from features.site_values import SiteValues
from features.sorting import DAY, Floats, Ints, on_all_cores
from features.step_curves import CurveBuilder, StepCurves
from features.step_keys import RECORDED, refuse_too_many
from features.step_requests import Request, site_version

ON_FILE = "on_file"
PROJECTS_OF_A_SMALL_CITY = 1000  # building its index leaves less memory behind than looking for it is worth
STATUS = (ON_FILE, "starts", "finishes", "delivered")


class FactIndex:
    """Step functions per project and enterprise, built once from `Records` and then only looked up.

    Every row of an answer depends on its own project and moment alone. Nothing recorded after a row's
    `as_of` reaches it. `feed` gives an index that knows new records too; this one goes on answering as before.
    `city` holds the facts, `policies` and `steps` how features come about.
    """

    def __init__(
        self, catalogue: Catalogue, policies: PolicyFeatures, city: CityFacts, curves: StepCurves
    ) -> None:
        self.catalogue = catalogue
        self.policies = policies
        self.city = city
        self._curves = curves
        self._fed = FedChanges.none()
        self.steps = _all_steps(catalogue, policies)
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._headings: dict[tuple[str, ...], pd.Index] = {}
        whole = [one.tables(catalogue.rules) for one in curves.numbers if not one.by_keeper]
        self._whole = set[str]().union(*whole)
        self._feeding = threading.Lock()

    @classmethod
    def build(
        cls,
        records: Records,
        catalogue: Catalogue,
        progress: Progress = silent,
        *,
        policies: Policies | None = None,
    ) -> FactIndex:
        """The index of one city's records; `progress` is told how many step functions are done.

        `policies` are those of the house unless others are given, by the names of their files.
        """
        by_policy = PolicyFeatures(catalogue.features, policies or house_policies())
        city = CityFacts.of(records, catalogue.rules)
        step = "特征索引 / feature index"
        if not kernel.is_compiled():
            step = "特征索引（首次运行，编译代码一次） / feature index (first run: code is compiled once)"
        requests = _all_requests(catalogue, by_policy)
        curves = CurveBuilder(city.shelf()).build(requests, progress, step)
        if len(city.projects) > PROJECTS_OF_A_SMALL_CITY:
            give_back()
        return cls(catalogue, by_policy, city, curves)

    def feed(self, deliveries: Mapping[str, pd.DataFrame]) -> FactIndex:
        """An index that knows these records too: typed frames by table, as the store hands them out.

        The same to the last bit as an index built from all records together, for any moment. The two share
        what did not change. Raises InvalidInput for renamings (`aliases`), which change whose history counts:
        build the index again.
        """
        return self._fed_with(deliveries, lambda: self.city)

    def supposing(self, rows: Mapping[str, pd.DataFrame]) -> FactIndex:
        """As `feed`, for rows that are on file nowhere: no other index can tell that there was this one."""
        return self._fed_with(rows, self.city.apart)

    def _fed_with(self, deliveries: Mapping[str, pd.DataFrame], city: Callable[[], CityFacts]) -> FactIndex:
        if not self.takes(deliveries):
            raise InvalidInput(
                zh="更名记录（aliases）等不能增量载入，请重建特征索引。",
                en="Renamings (aliases) and the like cannot be fed; build the index again.",
                field="aliases",
            )
        known = {
            name: _in_order(name, rows)
            for name, rows in deliveries.items()
            if name in self.catalogue.rules and len(rows)
        }
        if not known:
            return self
        with self._feeding:
            after, fed = fed_with(city(), self._curves.numbers, self._fed, known)
            refuse_too_many(len(self._curves.numbers), len(after.projects), len(after.enterprises))
        index = FactIndex.__new__(FactIndex)
        index.__dict__.update(self.__dict__, city=after, _fed=fed)
        return index

    def takes(self, tables: Iterable[str]) -> bool:
        """Whether records of these tables can be fed.

        Not a renaming, and not a table with a feature that looks over the facts of many keepers at once for one
        that leads, such as the latest accident of an enterprise on all its sites (the catalogue has none).
        """
        return not {"aliases", *self._whole} & set(tables)

    @property
    def fed_changes(self) -> int:
        """How many changes were fed since the index was built; building it again makes it 0."""
        return len(self._fed)

    def on_file(self, tables: Iterable[str], project_id: str, as_of: Any) -> dict[str, pd.DataFrame]:
        """The rows of a project in force at `as_of`, a typed frame a table; see `features.rows_on_file`."""
        return rows_on_file(self.city, tables, project_id, as_of)

    def facts_behind(self, name: str, project_id: str, as_of: Any) -> list[Fact]:
        """The records that make the value of a feature, with what each adds; see `features.facts_behind`."""
        return facts_behind(self, name, project_id, as_of)

    def subject(self, feature: Feature, project_id: str, moment: int) -> int:
        """The number of the project, enterprise or group that a feature speaks of there; -1 for nobody."""
        projects, moments = self.city.projects.numbers_of([project_id]), np.array([moment], np.int64)
        plan = self._plan((feature.name, ON_FILE))
        subjects = np.empty((len(plan.look.who), 1), np.int64)
        kernel.resolve(plan.look, self._curves.pools, self._fed.arrays, projects, moments, subjects)
        return int(subjects[plan.look.steps[plan.rows[feature.name], 5], 0])

    def matrix(self, project_ids: Sequence[str], as_of: Any) -> pd.DataFrame:
        """The catalogue's model features, a row for each project and moment in the order given.

        NaN is missing, as the catalogue says for each feature; a project not on file at `as_of` has a row
        of nothing but NaN. Raises InvalidInput if the two arguments differ in length or a moment is missing.
        """
        return self.values(self.catalogue.names, project_ids, as_of)

    def values(self, names: Sequence[str], project_ids: Sequence[str], as_of: Any) -> pd.DataFrame:
        """As `matrix`, for the features named, those kept from models included."""
        return self.table(names, self.cells(names, project_ids, as_of))

    def table(self, names: Sequence[str], cells: Floats) -> pd.DataFrame:
        """Some of `cells` under the names of their features."""
        asked = tuple(names)
        if asked not in self._headings:  # to make one takes longer than to look up a row
            self._headings[asked] = pd.Index(asked)
        return pd.DataFrame(cells, columns=self._headings[asked], copy=False)

    def cells(self, names: Sequence[str], project_ids: Sequence[str], as_of: Any) -> Floats:
        """As `values`, as a plain array (rows, names) laid out by column: what a single request needs."""
        projects, moments = self._asked(project_ids, as_of)
        cells = np.empty((len(names) + 1, len(projects)))
        asked = (*names, ON_FILE)
        blocks = [slice(low, low + kernel.BLOCK) for low in range(0, len(projects), kernel.BLOCK)]
        on_all_cores(
            lambda rows: self._fill(asked, projects[rows], moments[rows], cells[:, rows]),
            blocks,
            len(projects),
        )
        return cells[:-1].T

    def cells_and_status(
        self, names: Sequence[str], project_ids: Sequence[str], as_of: Any
    ) -> tuple[Floats, NDArray[np.str_]]:
        """As `cells` and `status`, looked up together."""
        cells = self.cells((*names, *STATUS), project_ids, as_of)
        on_file, starts, finishes, _ = cells[:, len(names) :].T
        return cells[:, : len(names)], status_of(_microseconds(as_of), on_file, starts, finishes)

    def inherent_grade(self, project_ids: Sequence[str], as_of: Any) -> pd.DataFrame:
        """固有风险等级 1 to 5 and the rule that decided: grade, rule, zh, en, fact, value, reference.

        A row each, in the order given; all missing where the project or its key facts are not on file
        (信息不足). Raises PolicyUndefined if no policy was in force on a day asked about.
        """
        projects, moments = self._asked(project_ids, as_of)
        rule = next(one for one in self.policies.rules.values() if isinstance(one, InherentGrade))
        for day in np.unique(moments // DAY).tolist():
            rule.policies.policy_on(np.datetime64(day, "D").astype(object))
        found = self._looked_up((*rule.needs, ON_FILE), projects, moments)
        decided = rule.decided(SiteValues(moments, {}, np.empty(0), found))
        unknown = np.isnan(found[ON_FILE])
        decided.loc[unknown, ["grade", "value"]] = np.nan
        decided.loc[unknown, ["rule", "zh", "en", "fact", "reference"]] = None
        return decided

    def input_quality(self, project_ids: Sequence[str], as_of: Any) -> pd.DataFrame:
        """Per table whether the project's records are PRESENT, LATE, MISSING, NOT_REQUIRED or NOT_DELIVERED.

        A row each in the order given, a column a table; None for a project not on file at `as_of`. The last
        two mean structurally missing: none to be expected of this site, or none delivered by the city.
        """
        named = self.catalogue.input_states
        codes = self.values(list(named.values()), project_ids, as_of)
        return states_in_words(codes.set_axis(list(named), axis=1))

    def status(self, project_ids: Sequence[str], as_of: Any) -> NDArray[np.str_]:
        """UNKNOWN (not on file), NOT_STARTED, ACTIVE or FINISHED, as known at `as_of`."""
        projects, moments = self._asked(project_ids, as_of)
        found = self._looked_up(STATUS, projects, moments)
        return status_of(moments, found[ON_FILE], found["starts"], found["finishes"])

    def latest_recorded_at(self, project_ids: Sequence[str], as_of: Any) -> NDArray[np.datetime64]:
        """When the newest fact about the project came on file, up to `as_of`; NaT where there is none."""
        projects, moments = self._asked(project_ids, as_of)
        latest = np.empty(len(projects), np.int64)
        arrays = self._curves.pools, self._fed.arrays
        kernel.last_recorded(self._curves.recorded, *arrays, RECORDED, projects, moments, latest)
        return latest.view("datetime64[us]")

    def sites(self, as_of: Any, *, delivered_within_months: int = 0) -> NDArray[np.str_]:
        """Ids of the sites started and not finished or terminated, as known at the one moment `as_of`.

        With `delivered_within_months` also those delivered no longer ago than that. Sorted by id.
        """
        ids = self.city.projects.ids.copy()
        projects = np.arange(len(ids))
        moments = np.broadcast_to(_microseconds([as_of]), len(projects)).copy()
        found = self._looked_up(STATUS, projects, moments)
        status = status_of(moments, found[ON_FILE], found["starts"], found["finishes"])
        chosen = status == ACTIVE
        if delivered_within_months:
            recent = delivered_since(moments, found["delivered"], delivered_within_months)
            chosen |= (status == FINISHED) & recent
        return np.sort(np.array(ids, dtype=str)[chosen])

    def _fill(self, names: tuple[str, ...], projects: Ints, moments: Ints, cells: Floats) -> None:
        """The values of features, ON_FILE the last of them, a row each; NaN where a site is not on file."""
        plan = self._plan(names)
        out = self._evaluated(plan, projects, moments)
        cells[plan.looked_up] = out[plan.found]
        if plan.by_policy:
            sites = SiteValues(moments, plan.rows, out)
            for made, rule in plan.by_policy:
                sites.made.update(zip(made, rule.at(sites), strict=True))
            for place in plan.made:
                cells[place] = sites.made[names[place]]
        unknown = np.isnan(cells[-1])
        if unknown.any():
            cells[:, unknown] = np.nan

    def _looked_up(self, names: tuple[str, ...], projects: Ints, moments: Ints) -> dict[str, Floats]:
        plan = self._plan(names)
        return dict(zip(plan.rows, self._evaluated(plan, projects, moments), strict=True))

    def _evaluated(self, plan: Plan, projects: Ints, moments: Ints) -> Floats:
        """A row a step of the plan."""
        out = np.empty((len(plan.rows), len(projects)))
        kernel.evaluate(plan.look, self._curves.pools, self._fed.arrays, projects, moments, out)
        return out

    def _plan(self, names: tuple[str, ...]) -> Plan:
        if names not in self._plans:
            self._plans[names] = Plan.of(names, self.policies, self.steps, self._curves)
        return self._plans[names]

    def _asked(self, project_ids: Sequence[str], as_of: Any) -> tuple[Ints, Ints]:
        projects, moments = self.city.projects.numbers_of(project_ids), _microseconds(as_of)
        if len(projects) != len(moments):
            raise InvalidInput(
                zh=f"项目编号有 {len(projects)} 个，时点有 {len(moments)} 个，两者须一一对应。",
                en=f"{len(projects)} project ids and {len(moments)} moments: give one moment a project.",
                field="as_of",
            )
        return projects, moments


def _all_steps(catalogue: Catalogue, policies: PolicyFeatures) -> dict[str, Step]:
    steps = steps_of((*catalogue.features, *policies.helpers))
    return steps | {kind: Step(kernel.CARRIED, (site_version(kind),)) for kind in STATUS}


def _all_requests(catalogue: Catalogue, policies: PolicyFeatures) -> list[Request]:
    steps = _all_steps(catalogue, policies)
    return requests_of(steps, (*catalogue.features, *policies.helpers))


def _in_order(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order of key and `recorded_at`; of two of the same, the later one."""
    table = contract(name)
    latest = rows.drop_duplicates([*table.key, "recorded_at"], keep="last")
    latest = latest[list(table.column_names)]
    return in_order(table, latest) if len(latest) > 1 else latest.reset_index(drop=True)


def _microseconds(moments: Any) -> Ints:
    """Moments as microseconds; raises InvalidInput for a missing one."""
    given = np.asarray(moments, dtype="datetime64[us]")
    if np.isnat(given).any():
        raise InvalidInput(zh="时点 as_of 有缺失。", en="A moment in as_of is missing.", field="as_of")
    return np.ascontiguousarray(given).view(np.int64)
