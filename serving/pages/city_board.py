"""The city as the last grading run left it, with what persons have decided since: what the pages show."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from data_contracts.code_list import code_list
from data_contracts.errors import NotFound
from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from serving.access.keys import AccessKey
from serving.grading.decisions import Decision, with_decisions
from serving.grading.grade_store import GradeStore, StoredRun
from serving.kept_values import KeptValues
from serving.pages.newest_rows import NewestRows

CARD = ("name", "region_code", "agency_code", "category", "use_type", "floor_area_m2", "permit_no",
        "planned_finish_date")  # fmt: skip
A_WEEK = pd.Timedelta(days=7)


@dataclass(frozen=True)
class Board:
    """`sites`: the frame of the run, a row a site, with the columns of CARD, `district` (retired codes replaced by
    their successors) and `colour_before`, the colour a week before (None: not active or no run then)."""

    run: StoredRun
    sites: pd.DataFrame
    run_before: StoredRun | None
    decisions: Sequence[Decision]

    @cached_property
    def heads(self) -> list[str]:
        """The heads of the run's model."""
        return [name.removeprefix("risk_") for name in map(str, self.sites) if name.startswith("risk_")]

    def seen_by(self, key: AccessKey) -> pd.DataFrame:
        """The sites within the key's scope."""
        if key.reaches_whole_city:
            return self.sites
        within = self.sites["district"].isin(key.districts) | self.sites["agency_code"].isin(key.agencies)
        return self.sites[within]


class Boards:
    """The board of now; it is made anew when there is a new run, a new decision or a new row of a project."""

    def __init__(
        self, open_store: Callable[[], RecordStore], clock: Callable[[], pd.Timestamp] = now
    ) -> None:
        self._open_store, self._clock = open_store, clock
        self._projects = NewestRows(open_store, "projects", CARD, clock)
        self._grades: KeptValues[int, pd.DataFrame] = KeptValues(2)
        self._made: tuple[object, Board] | None = None
        self._lock = threading.Lock()

    def board(self) -> Board | None:
        """None before the first grading run."""
        store, today = GradeStore(self._open_store().engine), self._clock().normalize()
        run = store.newest_run(today.date())
        if run is None:
            return None
        decisions = store.decisions(run, today.date())
        before = store.newest_run((pd.Timestamp(run.day) - A_WEEK).date())
        projects = self._projects.rows()
        made_from = (run.run_id, len(decisions), before and before.run_id, id(projects))
        with self._lock:
            if self._made is None or self._made[0] != made_from:
                grades = with_decisions(self._left_by(store, run), decisions)
                earlier = None
                if before is not None:
                    earlier = with_decisions(
                        self._left_by(store, before), store.decisions(before, before.day)
                    )
                self._made = made_from, Board(run, _with_cards(grades, projects, earlier), before, decisions)
            return self._made[1]

    def needed(self) -> Board:
        """As `board`; NotFound before the first grading run."""
        board = self.board()
        if board is None:
            raise NotFound(
                zh="还没有评级结果，请先运行 siterisk grade。",
                en="There is no grading run yet: run siterisk grade first.",
                field="grading_run",
            )
        return board

    def _left_by(self, store: GradeStore, run: StoredRun) -> pd.DataFrame:
        """The frame of a run as the run left it: reading one takes half a second, a decision changes a few rows."""
        return self._grades.value(run.run_id, lambda: store.grades(run))


def _with_cards(grades: pd.DataFrame, projects: pd.DataFrame, earlier: pd.DataFrame | None) -> pd.DataFrame:
    sites = grades.merge(projects, on="project_id", how="left", validate="one_to_one")
    current = code_list("districts").current
    districts = sites["region_code"].map(lambda code: None if pd.isna(code) else current(code))
    before = (
        np.full(len(sites), None)
        if earlier is None
        else sites["project_id"].map(earlier.set_index("project_id")["colour"])
    )
    return sites.assign(district=districts.astype("str"), colour_before=pd.Series(before).astype("str"))
