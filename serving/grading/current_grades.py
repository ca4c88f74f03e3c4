"""The grade that counts at a moment: of the last run, with what persons and facts have decided since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.policy import Policy, PolicyFile, policy_file
from features.fact_index import FactIndex
from features.policy_rules import facts_of
from features.rule_sets import rules_of
from features.site_status import ACTIVE
from serving.grading.colours import Floats, colour_ranks
from serving.grading.known_runs import COLUMNS, CountedRun, KnownRuns
from serving.grading.overrides import deciding_fact, overrides
from serving.grading.policies import DYNAMIC_GRADE
from serving.grading.reasons import override_reference
from serving.grading.site_grades import NOT_NEEDED, PENDING

RULE_ON = "rule_on"
"""The day on which the rule that decided was looked at: that of the run, or of a fact since."""


@dataclass(frozen=True)
class CurrentGrades:
    """The grades of the runs and decisions that a store held, as known at any moment.

    A run counts from the moment it was made and a decision from that when it was recorded, whatever day they are of.
    """

    runs: KnownRuns
    index: FactIndex
    policies: PolicyFile = field(default_factory=lambda: policy_file(DYNAMIC_GRADE))

    @property
    def facts(self) -> list[str]:
        """The features that `of` asks for."""
        return list(facts_of(self.policies))

    def at(self, project_ids: Sequence[str], moments: np.ndarray) -> list[str | None]:
        """RED, ORANGE, YELLOW, BLUE or NA of each pair, in the order given; None as `of` says."""
        found: list[str | None] = [None] * len(project_ids)
        active = self.index.status(project_ids, moments) == ACTIVE
        for moment in np.unique(moments[active]):
            run = self.runs.at(pd.Timestamp(moment))
            rows = np.flatnonzero((moments == moment) & active)
            ids = [project_ids[row] for row in rows.tolist()]
            if run is None:
                continue
            values = self.index.values(self.facts, ids, moments[rows])
            sites = self.of(run, ids, lambda name, values=values: values[name].to_numpy())  # type: ignore[misc]
            for row, site in zip(rows.tolist(), sites, strict=True):
                found[row] = site["colour"] if site else None
        return found

    def of(
        self, run: CountedRun, project_ids: Sequence[str], facts: Callable[[str], Floats]
    ) -> list[dict[str, Any] | None]:
        """What holds of each active site at the moment of `run`, by the names of a run's columns, None being missing.

        `facts` are the features as of the moment. A worse colour that a fact has asked for since the run holds at
        once, and waits for a person as the policy says. None for a site that the run did not know and no fact
        speaks of.
        """
        sites = [run.site(one) for one in project_ids]
        day, policy = run.moment.date(), self.policies.policy_on(run.moment.date())
        rules, today = policy.content["overrides"], np.datetime64(day, "D")
        asked = overrides(rules, rules_of(policy, "overrides").held(facts, len(sites)), today, {})
        stored = colour_ranks([site and site["colour"] for site in sites])
        for place, rule in enumerate(rules):
            raised = (asked.rule == place) & (asked.ranks > stored)
            if raised.any():
                names, values = deciding_fact(rule, facts, raised)
                for row in np.flatnonzero(raised).tolist():
                    said = _raised(policy, rule, day) | {"fact": names[row], "value": float(values[row])}
                    sites[row] = (sites[row] or dict.fromkeys(COLUMNS)) | said
        return [site and {RULE_ON: run.grades.note.day} | site for site in sites]


def _raised(policy: Policy, rule: Any, day: dt.date) -> dict[str, Any]:
    """What a rule that asks for a worse colour than the run changes of a site."""
    needs = {one["code"]: one["needs_confirmation"] for one in policy.content["colours"]}[rule["colour"]]
    waits = PENDING if needs else NOT_NEEDED
    nothing = ("proposed_colour", "decided_by", "decided_on", "threshold", "colour_since")
    return dict.fromkeys(nothing) | {
        "colour": rule["colour"],
        "override_colour": rule["colour"],
        "confirmation": waits,
        "colour_confirmation": waits,
        "rule": rule["code"],
        "rule_zh": rule["zh"],
        "rule_en": rule["en"],
        "reference": override_reference(policy, rule),
        RULE_ON: day,
    }
