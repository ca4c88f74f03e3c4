"""One state of records and champion: what a call is answered from, and how the next one is made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import pandas as pd
import sqlalchemy as sa

from data_contracts.moments import not_before
from data_contracts.record_store import StoreMark
from data_contracts.records import Records
from features.catalogue import Catalogue
from features.fact_index import FactIndex
from serving.access.jurisdictions import Jurisdictions
from serving.grading.known_runs import KnownRuns, RunGrades
from serving.http_errors import NotReady
from serving.kept_values import KeptValues
from serving.reasons.day_reasons import similar_sites
from serving.reasons.reasons import Reasons
from serving.request_log import fault_of, request_log
from serving.scorer import CityRisks, Scorer
from training.risk_model import RiskModel

DAYS_KEPT = 16
ONE_DAY = pd.Timedelta(days=1)
FED_AT_MOST = 1_000_000  # changes beside the index until it is built again; about thirty a record
ROWS_FED_AT_MOST = 5_000  # of one look; more are quicker read with everything else


class Store(Protocol):
    """What the service needs of the record store."""

    @property
    def engine(self) -> sa.Engine: ...

    def mark(self, version: int | None = None) -> StoreMark: ...

    def records(self, version: int) -> Records: ...

    def changes_since(self, version: int, *, until: int | None = None) -> dict[str, pd.DataFrame]: ...


@dataclass(frozen=True)
class LiveState:
    """One state of records, model and grading runs; everything in it belongs together.

    `yardstick` is the state whose city projects are compared with; its own where none is given.
    """

    scorer: Scorer
    mark: StoreMark
    jurisdictions: Jurisdictions
    runs: KnownRuns = field(default_factory=KnownRuns)
    yardstick: LiveState | None = None
    _days: KeptValues[pd.Timestamp, CityRisks] = field(default_factory=lambda: KeptValues(DAYS_KEPT))
    _reasons: KeptValues[pd.Timestamp, Reasons] = field(default_factory=lambda: KeptValues(DAYS_KEPT))

    @property
    def store_version(self) -> int:
        return self.mark.version

    def followed_by(
        self, scorer: Scorer, mark: StoreMark, jurisdictions: Jurisdictions, since: pd.Timestamp
    ) -> LiveState:
        """The next state; days before `since`, the first moment that anything new was recorded, are as they were."""
        days, reasons = (kept.of_those(lambda day: day < since) for kept in (self._days, self._reasons))
        return LiveState(scorer, mark, jurisdictions, self.runs, None, days, reasons)  # type: ignore[arg-type]

    def with_runs(self, runs: KnownRuns) -> LiveState:
        """The same records and model, with the grading runs and decisions that are known now."""
        return replace(self, runs=runs)

    def supposing(self, rows: Mapping[str, pd.DataFrame]) -> LiveState:
        """A state in which typed rows by table are on file, too; this one takes no notice.

        Projects are compared with the city without the rows.
        """
        index, jurisdictions = self.scorer.index.supposing(rows), self.jurisdictions
        if "projects" in rows:
            jurisdictions = jurisdictions.with_rows(rows["projects"])
        return LiveState(
            Scorer(index, self.scorer.model), self.mark, jurisdictions, self.runs, self.yardstick or self
        )

    def present(self, clock: pd.Timestamp) -> pd.Timestamp:
        """The moment that an answer as of now is given for: by the clock, or the newest of what is on file in this state.

        The latter where the clock was set back behind it: else what was known would no longer be.
        """
        for known in (self.mark.loaded_at, self.runs.newest_moment):
            clock = not_before(clock, known)
        return clock

    def compared_with(self, as_of: pd.Timestamp) -> CityRisks:
        """The risks that percentiles at a moment are taken against.

        Those of the grading run that counts then, if the model is that of the run; else those of the city.
        """
        run = self._run_of_model(as_of)
        return self.city_risks(as_of) if run is None else run.risks

    def city_risks(self, as_of: pd.Timestamp) -> CityRisks:
        """The risks of the sites active at 00:00 of the day of `as_of`; the latest days are kept."""
        if self.yardstick is not None:
            return self.yardstick.city_risks(as_of)
        day = as_of.normalize()
        return self._days.value(day, lambda: CityRisks.at(self.scorer, day))

    def reasons(self, as_of: pd.Timestamp) -> Reasons:
        """Reasons beside the sites that were active at 00:00 of the day of `as_of`."""
        index, model = self.scorer.index, self.scorer.model
        day = as_of.normalize()
        return self._reasons.value(
            day, lambda: Reasons(model, index.catalogue, similar_sites(index, model, day))
        )

    def is_ready(self, as_of: pd.Timestamp, *, with_reasons: bool = False) -> bool:
        """Whether what a project is compared with at a moment is at hand; else it takes seconds to compute."""
        day = as_of.normalize()
        return (
            self.runs.is_read(as_of)
            and (day in self._days or self._run_of_model(as_of) is not None)
            and (day in self._reasons or not with_reasons)
        )

    def made_ready(self, as_of: pd.Timestamp, before: LiveState | None = None) -> LiveState:
        """This state, once it is ready for a moment; for reasons only if the one before it was, then or on the day before."""
        self.compared_with(as_of)
        day = as_of.normalize()
        if before is not None and (day in before._reasons or day - ONE_DAY in before._reasons):
            self.reasons(as_of)
        return self

    def _run_of_model(self, as_of: pd.Timestamp) -> RunGrades | None:
        run = self.runs.at(as_of)
        return run.grades if run and run.grades.is_of_model(self.scorer.model.version) else None


def built_state(
    store: Store, mark: StoreMark, catalogue: Catalogue, model: Callable[[], RiskModel]
) -> LiveState:
    """The state of the store at `mark`, made from all of its records, without runs; NotReady if it has none.

    The model is asked for when the index is there.
    """
    if mark.version == 0:
        raise NotReady(
            zh="记录库中没有记录，请用 siterisk load 载入。",
            en="The record store is empty; load records with siterisk load.",
        )
    records = store.records(mark.version)
    jurisdictions = Jurisdictions.none().with_rows(records.table("projects"))
    return LiveState(Scorer(FactIndex.build(records, catalogue), model()), mark, jurisdictions)


def fed_state(held: LiveState, store: Store, mark: StoreMark, model: RiskModel) -> LiveState | None:
    """The state at `mark` by what the store took in since `held`; None where it has to be built."""
    index, since, jurisdictions = held.scorer.index, pd.Timestamp.max, held.jurisdictions
    if mark != held.mark:
        if mark.version < held.store_version or store.mark(held.store_version) != held.mark:
            return None  # an older state, another store, or a backup put back
        changes = store.changes_since(held.store_version, until=mark.version)
        if not index.takes(changes) or index.fed_changes > FED_AT_MOST:
            return None
        if sum(map(len, changes.values())) > ROWS_FED_AT_MOST:
            return None
        since = min((rows["recorded_at"].min() for rows in changes.values() if len(rows)), default=since)
        if "projects" in changes:
            jurisdictions = jurisdictions.with_rows(changes["projects"])
        try:
            index = index.feed(changes)
        except Exception as error:
            request_log().error("records not fed, building again", **fault_of(error))
            return None
    if model is not held.scorer.model:
        return LiveState(Scorer(index, model), mark, jurisdictions, held.runs)
    return held.followed_by(Scorer(index, model), mark, jurisdictions, since)
