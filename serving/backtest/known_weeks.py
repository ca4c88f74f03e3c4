"""A city on each of some Mondays, as it was on file then: its sites, their statutory dates, and the orders to compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.errors import NotEnoughData
from data_contracts.progress import Progress, silent
from data_contracts.records import Records
from features.catalogue import Catalogue
from features.fact_index import FactIndex
from serving.backtest.orders import Order, Rota, by_level, by_waiting, in_proportion
from serving.backtest.visit_weeks import CityWeeks
from serving.grading.capacity import DAYS_A_YEAR
from serving.grading.frequency import base_visits, expected_days
from training.risk_model import RiskModel

WEEKS_BETWEEN_LOOKS = 4
COUNTED_VISIT = "days_since_counted_visit"
OfSites = Callable[[list[str], NDArray], NDArray]
EveryDays = Callable[[FactIndex, list[str], NDArray], NDArray]


@dataclass(frozen=True)
class KnownWeeks:
    """Sites (rows) and Mondays (columns). `active`: started and not finished, as known on that Monday."""

    index: FactIndex
    ids: NDArray
    active: NDArray[np.bool_]
    mondays: pd.DatetimeIndex

    @classmethod
    def of(cls, index: FactIndex, first: pd.Timestamp, weeks: int, progress: Progress = silent) -> KnownWeeks:
        """All sites active on any of the Mondays; raises NotEnoughData where there are none."""
        mondays, listed = pd.date_range(first, periods=weeks, freq="7D"), []
        for number, monday in enumerate(mondays):
            progress("在建项目 / active sites", number, weeks)
            listed.append(index.sites(monday))
        progress("在建项目 / active sites", weeks, weeks)
        ids = np.unique(np.concatenate(listed))
        if not len(ids):
            raise NotEnoughData(
                zh=f"{mondays[0]:%Y-%m-%d} 至 {mondays[-1]:%Y-%m-%d} 没有在建项目，请选择有记录的时段。",
                en=f"No site was active from {mondays[0]:%Y-%m-%d} to {mondays[-1]:%Y-%m-%d}; choose weeks with records.",
                field="from",
            )
        active = np.stack([np.isin(ids, sites, assume_unique=True) for sites in listed], axis=1)
        return cls(index, ids, active, mondays)

    def over_weeks(
        self, of_sites: OfSites, progress: Progress = silent, step: str = ""
    ) -> NDArray[np.float32]:
        """(sites, weeks) of a function of sites and moments, asked every four weeks about those active until the next."""
        found = np.full(self.active.shape, np.nan, np.float32)
        weeks = self.active.shape[1]
        for week in range(0, weeks, WEEKS_BETWEEN_LOOKS):
            span = slice(week, week + WEEKS_BETWEEN_LOOKS)
            sites = np.flatnonzero(self.active[:, span].any(axis=1))
            found[sites, span] = of_sites(self.ids[sites].tolist(), self._at(week, len(sites)))[:, None]
            progress(step, min(week + WEEKS_BETWEEN_LOOKS, weeks), weeks)
        return found

    def features(self, *names: str) -> NDArray[np.float32]:
        """The sum of some features, a missing one being nothing; (sites, weeks)."""
        wanted = list(names)
        return self.over_weeks(
            lambda ids, at: self.index.values(wanted, ids, at).fillna(0.0).sum(axis=1).to_numpy()
        )

    def risks(self, model: RiskModel, head: str, progress: Progress = silent) -> NDArray[np.float32]:
        """The risk of a head; (sites, weeks)."""
        column = f"risk_{head}"
        return self.over_weeks(
            lambda ids, at: model.risks(self.index.matrix(ids, at))[column].to_numpy(),
            progress,
            f"风险 / risks {head}",
        )

    def city(self, agency: NDArray, every_days: EveryDays) -> CityWeeks:
        """What visits are planned in: `agency` is a code a site, `every_days` the longest time between visits allowed."""
        every = self.over_weeks(partial(every_days, self.index))
        return CityWeeks(
            self.active, pd.factorize(agency, sort=True)[0].astype(np.int64), every, self._waited()
        )

    def _waited(self) -> NDArray[np.float64]:
        """Days since the last visit that counts or the start, whichever came later, when each site is first active."""
        entered = self.mondays.to_numpy("M8[us]")[self.active.argmax(axis=1)]
        since = self.index.values([COUNTED_VISIT, "days_since_start"], self.ids.tolist(), entered)
        return since.min(axis=1).fillna(0.0).clip(lower=0.0).to_numpy("float64")

    def site_weeks(self, agency: NDArray) -> pd.DataFrame:
        """day, agency_code, sites: the active sites of each agency and week."""
        counts = pd.DataFrame(self.active, columns=self.mondays).groupby(agency).sum()
        return (
            counts.rename_axis("agency_code")
            .reset_index()
            .melt("agency_code", var_name="day", value_name="sites")
        )

    def _at(self, week: int, sites: int) -> NDArray:
        return np.full(sites, np.datetime64(self.mondays[week], "us"))


def statutory_days(frequency: Mapping[str, Any]) -> EveryDays:
    """The longest time between two visits by the inherent grade, as the content of a frequency policy says."""
    duration = frequency["expected_duration"]
    asked = list(dict.fromkeys([*duration["facts"], "days_since_start", "days_to_planned_finish"]))

    def every_days(index: FactIndex, ids: list[str], moments: NDArray) -> NDArray:
        values = index.values([*asked, "inherent_grade"], ids, moments)
        facts = {name: values[name].to_numpy() for name in asked}
        grades = values["inherent_grade"].to_numpy()
        return DAYS_A_YEAR / base_visits(grades, expected_days(facts, duration), frequency)

    return every_days


def simple_orders(known: KnownWeeks, quarter_days: float) -> list[Order]:
    """The rules that need no model: uniform, random, longest unvisited, past violations, 风险矩阵."""
    violations = known.features("violations_1095d", "gc_violations_1095d")
    return [
        Order("uniform", "每季度一遍", "uniform, each quarter", Rota(quarter_days)),
        Order("random", "随机", "random", in_proportion),
        Order("longest_unvisited", "最久未查", "longest unvisited", by_waiting),
        Order("past_violations", "过往违规次数", "past violations", by_level, violations),
        Order("risk_matrix", "风险矩阵", "risk matrix", by_level, known.features("risk_matrix")),
    ]


def counted_visits(visits: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """The inspections that count for the frequency: not re-checks, complaints and emergencies, which look at one matter."""
    kinds = catalogue.feature(COUNTED_VISIT).where["inspection_type"]
    return visits[visits["inspection_type"].isin(kinds)]


def agencies(records: Records, ids: NDArray) -> NDArray[np.str_]:
    """The station in charge of each site by the newest version of its record; empty where none is on file."""
    projects = records.table("projects").sort_values("recorded_at", kind="stable")
    newest = projects.drop_duplicates("project_id", keep="last").set_index("project_id")
    return newest["agency_code"].reindex(ids).fillna("").to_numpy(str)
