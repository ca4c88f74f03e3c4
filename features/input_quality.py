"""Whether the records to be expected of a site are there at `as_of`, table by table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from data_contracts.policy import Policy, PolicyFile
from features.feature import EVERYWHERE, Feature
from features.policy_rules import Held, facts_of, rows_of
from features.rule_sets import RuleSet
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


class InputStates:
    """The states of a site's records of some tables, those of the features given.

    PRESENT; LATE: there, but the latest is older than the policy allows; MISSING though required;
    NOT_REQUIRED: none, and none to be expected (structurally missing); NOT_DELIVERED: the city delivers no
    such table as yet (structurally missing for all). Missing where no policy was in force.
    """

    def __init__(self, features: Sequence[Feature], policies: PolicyFile) -> None:
        self._policies = policies
        self._on_file, self._in_city, self._age = (
            [one.name for one in about] for about in zip(*map(facts_about_records, features), strict=True)
        )
        self.needs = (*self._on_file, *self._in_city, *self._age, *facts_of(policies))
        tables = [str(one.table) for one in features]
        self._asked = {policy: _Required.of(policy, tables) for policy in policies.policies}

    def at(self, sites: SiteValues) -> Floats:
        states = np.full((len(self._on_file), len(sites.as_of)), np.nan)
        on_file, delivered, age = map(sites.values, (self._on_file, self._in_city, self._age))
        for policy, in_force in rows_of(self._policies, sites):
            asked = self._asked[policy]
            required = asked.rules.held(sites.value, len(in_force)) & asked.is_required
            late = required & (age > asked.late_after_days)
            without = np.where(delivered > 0, np.where(required, ABSENT, NOT_REQUIRED), NOT_DELIVERED)
            state = np.where(on_file > 0, np.where(late, LATE, PRESENT), without)
            states = np.where(in_force, state, states)
        return states


class _Required(NamedTuple):
    """What a policy says of tables: by which rule a record is required, if by any, and when it is late (days)."""

    rules: RuleSet
    is_required: Held
    late_after_days: Floats

    @classmethod
    def of(cls, policy: Policy, tables: Sequence[str]) -> _Required:
        by_table = {one["table"]: one for one in policy.content["tables"]}
        said: list[Mapping[str, Any]] = [by_table.get(table, {}) for table in tables]
        required = [one.get("required") or {} for one in said]
        late = [float(one.get("late_after_days", np.inf)) for one in said]
        return cls(RuleSet.of(required), np.array(required, bool)[:, None], np.array(late)[:, None])


@dataclasses.dataclass(frozen=True)
class StatesCounted:
    """In how many tables the records are in a state."""

    needs: tuple[str, ...]
    wanted: int

    def at(self, sites: SiteValues) -> Floats:
        found = sites.values(self.needs)
        counted = (found == self.wanted).sum(axis=0, keepdims=True)
        return np.where(np.isnan(found[:1]), np.nan, counted)


def states_in_words(codes: pd.DataFrame) -> pd.DataFrame:
    """Codes of `InputStates` as words; None for a project not on file or a day without policy."""
    words = np.array([*STATES, None], object)
    return codes.apply(lambda column: words[column.fillna(len(STATES)).to_numpy(int)])
