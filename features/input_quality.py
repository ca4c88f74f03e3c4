"""Whether the records to be expected of a site are there at `as_of`, table by table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.policy import PolicyFile
from features.asked_sites import Floats, Measure, Sites
from features.fact_shelf import FactShelf
from features.feature import EVERYWHERE, Feature
from features.measures import BUILDERS
from features.policy_rules import facts_of, holds, refuse_unknown_facts, rows_of

PRESENT, LATE, ABSENT, NOT_REQUIRED, NOT_DELIVERED = range(5)
STATES = ("PRESENT", "LATE", "MISSING", "NOT_REQUIRED", "NOT_DELIVERED")


class InputState:
    """The state of one table's records of a site.

    PRESENT; LATE: there, but the latest is older than the policy allows; MISSING though required;
    NOT_REQUIRED: none, and none to be expected (structurally missing); NOT_DELIVERED: the city delivers no
    such table as yet (structurally missing for all). Missing where no policy was in force.
    """

    def __init__(
        self, feature: Feature, shelf: FactShelf, policies: PolicyFile, built: Mapping[str, Measure]
    ) -> None:
        refuse_unknown_facts(policies, set(built))
        table = str(feature.table)
        plain = dataclasses.replace(feature, measure="count", since="recorded_at", ends_by=())
        in_city = dataclasses.replace(plain, group="city", scope=EVERYWHERE)
        self._table = table
        self._policies = policies
        self._facts = {fact: built[fact] for fact in facts_of(policies)}
        self._on_file = BUILDERS["count"](plain, shelf)
        self._delivered = BUILDERS["count"](in_city, shelf)
        latest = dataclasses.replace(feature, measure="days_since_latest", ends_by=())
        self._age = BUILDERS["days_since_latest"](latest, shelf)

    def at(self, sites: Sites) -> Floats:
        rows = len(sites.as_of)
        states = np.full(rows, np.nan)
        on_file, delivered = self._on_file.at(sites) > 0, self._delivered.at(sites) > 0
        for policy, in_force in rows_of(self._policies, sites):
            said: dict[str, Any] = {one["table"]: one for one in policy.content["tables"]}.get(
                self._table, {}
            )
            required = np.zeros(rows, bool)
            if said.get("required"):
                required = holds(said["required"], lambda fact: sites.value(self._facts[fact]), rows)
            late = np.zeros(rows, bool)
            if "late_after_days" in said:
                late = required & (self._age.at(sites) > said["late_after_days"])
            state = np.where(required, ABSENT, NOT_REQUIRED)
            state = np.where(delivered, state, NOT_DELIVERED)
            state = np.where(on_file, np.where(late, LATE, PRESENT), state)
            states = np.where(in_force, state, states)
        return states


class StatesCounted:
    """In how many tables the records are in a state."""

    def __init__(self, states: list[Measure], wanted: int) -> None:
        self._states = states
        self._wanted = wanted

    def at(self, sites: Sites) -> Floats:
        found = [sites.value(state) for state in self._states]
        counted = np.add.reduce([(state == self._wanted).astype(np.float64) for state in found])
        return np.where(np.isnan(found[0]), np.nan, counted)


def states_in_words(codes: pd.DataFrame) -> pd.DataFrame:
    """Codes of `InputState` as words; None for a project not on file or a day without policy."""
    words = np.array([*STATES, None], object)
    return codes.apply(lambda column: words[column.fillna(len(STATES)).to_numpy(int)])
