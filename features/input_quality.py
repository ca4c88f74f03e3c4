"""Whether the records to be expected of a site are there at `as_of`, table by table."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.policy import PolicyFile
from features.feature import EVERYWHERE, Feature
from features.policy_rules import facts_of, holds, rows_of
from features.site_values import SiteValues
from features.sorting import Floats

PRESENT, LATE, ABSENT, NOT_REQUIRED, NOT_DELIVERED = range(5)
STATES = {
    "PRESENT": "已报送",
    "LATE": "逾期未更新",
    "MISSING": "应报未报",
    "NOT_REQUIRED": "无需报送",
    "NOT_DELIVERED": "全市未提供",
}  # in the order of their codes


def facts_about_records(feature: Feature) -> tuple[Feature, Feature, Feature]:
    """How many records of the table the site has on file, how many the city has, and how old the latest is."""
    on_file = dataclasses.replace(
        feature, name=f"{feature.name}:on_file", measure="count", since="recorded_at", ends_by=()
    )
    in_city = dataclasses.replace(on_file, name=f"{feature.name}:in_city", group="city", scope=EVERYWHERE)
    age = dataclasses.replace(feature, name=f"{feature.name}:age", measure="days_since_latest", ends_by=())
    return on_file, in_city, age


class InputState:
    """The state of one table's records of a site.

    PRESENT; LATE: there, but the latest is older than the policy allows; MISSING though required;
    NOT_REQUIRED: none, and none to be expected (structurally missing); NOT_DELIVERED: the city delivers no
    such table as yet (structurally missing for all). Missing where no policy was in force.
    """

    def __init__(self, feature: Feature, policies: PolicyFile) -> None:
        self._table = str(feature.table)
        self._policies = policies
        self._on_file, self._in_city, self._age = (one.name for one in facts_about_records(feature))
        self.needs = (self._on_file, self._in_city, self._age, *facts_of(policies))

    def at(self, sites: SiteValues) -> Floats:
        rows = len(sites.as_of)
        states = np.full(rows, np.nan)
        on_file, delivered = sites.value(self._on_file) > 0, sites.value(self._in_city) > 0
        for policy, in_force in rows_of(self._policies, sites):
            said: dict[str, Any] = {one["table"]: one for one in policy.content["tables"]}.get(
                self._table, {}
            )
            required = np.zeros(rows, bool)
            if said.get("required"):
                required = holds(said["required"], sites.value, rows)
            late = np.zeros(rows, bool)
            if "late_after_days" in said:
                late = required & (sites.value(self._age) > said["late_after_days"])
            state = np.where(required, ABSENT, NOT_REQUIRED)
            state = np.where(delivered, state, NOT_DELIVERED)
            state = np.where(on_file, np.where(late, LATE, PRESENT), state)
            states = np.where(in_force, state, states)
        return states


@dataclasses.dataclass(frozen=True)
class StatesCounted:
    """In how many tables the records are in a state."""

    needs: tuple[str, ...]
    wanted: int

    def at(self, sites: SiteValues) -> Floats:
        found = [sites.value(state) for state in self.needs]
        counted = np.add.reduce([(state == self.wanted).astype(np.float64) for state in found])
        return np.where(np.isnan(found[0]), np.nan, counted)


def states_in_words(codes: pd.DataFrame) -> pd.DataFrame:
    """Codes of `InputState` as words; None for a project not on file or a day without policy."""
    words = np.array([*STATES, None], object)
    return codes.apply(lambda column: words[column.fillna(len(STATES)).to_numpy(int)])
