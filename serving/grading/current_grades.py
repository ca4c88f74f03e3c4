"""The colour that counts at a moment: of the last run, with what persons and facts have decided since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from data_contracts.policy import PolicyFile, policy_file
from features.fact_index import FactIndex
from features.policy_rules import facts_of
from features.site_status import ACTIVE
from serving.grading.colours import NA, Ranks, colour_names, colour_ranks
from serving.grading.decisions import Decision, with_decisions
from serving.grading.grade_store import GradeStore
from serving.grading.overrides import overrides
from serving.grading.policies import DYNAMIC_GRADE


@dataclass(frozen=True)
class CurrentGrades:
    """The grades of one store's runs, as known at any moment; what was read is kept.

    A run counts from the moment it was made and a decision from that when it was recorded, whatever day they are of.
    """

    store: GradeStore
    index: FactIndex
    policies: PolicyFile = field(default_factory=lambda: policy_file(DYNAMIC_GRADE))
    _read: dict[tuple[int, tuple[Decision, ...]], dict[str, str]] = field(default_factory=dict)

    def at(self, project_ids: Sequence[str], moments: np.ndarray) -> list[str | None]:
        """RED, ORANGE, YELLOW, BLUE or NA of each pair, in the order given.

        None for a site that is not active at the moment, before the first run, and for a site that the run did not
        know and no override speaks of.
        """
        found: list[str | None] = [None] * len(project_ids)
        active = self.index.status(project_ids, moments) == ACTIVE
        for moment in np.unique(moments[active]):
            rows = np.flatnonzero((moments == moment) & active)
            colours = self._colours(pd.Timestamp(moment))
            if colours is None:
                continue
            ids = [project_ids[row] for row in rows.tolist()]
            ranks = self._asked_by_facts(ids, moments[rows], moment.astype("datetime64[D]"))
            known = [colours.get(site) for site in ids]
            worst = colour_names(np.maximum(ranks, colour_ranks(known)))
            for row, colour, stored in zip(rows.tolist(), worst.tolist(), known, strict=True):
                found[row] = colour if colour != NA else stored
        return found

    def _colours(self, moment: pd.Timestamp) -> dict[str, str] | None:
        """The colours of the run that counted then, with what had been decided; None before the first run."""
        run = self.store.newest_run(moment.date(), known_at=moment)
        if run is None:
            return None
        decided = tuple(self.store.decisions(run, moment.date(), known_at=moment))
        if (run.run_id, decided) not in self._read:
            grades = with_decisions(self.store.grades(run), decided)
            colours = dict(zip(grades["project_id"], grades["colour"], strict=True))
            self._read[run.run_id, decided] = colours
        return self._read[run.run_id, decided]

    def _asked_by_facts(self, ids: list[str], moments: np.ndarray, day: np.datetime64) -> Ranks:
        """The colours that overrides ask for at the moments themselves."""
        rules = self.policies.policy_on(day.astype(object)).content["overrides"]
        names = list(facts_of(self.policies))
        values = self.index.values(names, ids, moments)
        return overrides(rules, lambda name: values[name].to_numpy(), day, {}, len(ids)).ranks
