"""One state of records and champion: what a call is answered from, and how the next one is made from it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from data_contracts.record_store import StoreMark
from data_contracts.records import Records
from features.catalogue import Catalogue
from features.fact_index import FactIndex
from serving.access.jurisdictions import Jurisdictions
from serving.http_errors import NotReady
from serving.request_log import fault_of, request_log
from serving.scorer import CityRisks, Scorer
from training.risk_model import RiskModel

DAYS_KEPT = 16
FED_AT_MOST = 1_000_000  # changes beside the index until it is built again; about thirty a record
ROWS_FED_AT_MOST = 5_000  # of one look; more are quicker read with everything else


class Store(Protocol):
    """What the service needs of the record store."""

    def mark(self, version: int | None = None) -> StoreMark: ...

    def records(self, version: int) -> Records: ...

    def changes_since(self, version: int, *, until: int | None = None) -> dict[str, pd.DataFrame]: ...


@dataclass(frozen=True)
class LiveState:
    """One state of records and model; everything in it belongs together."""

    scorer: Scorer
    mark: StoreMark
    jurisdictions: Jurisdictions
    _days: OrderedDict[pd.Timestamp, CityRisks] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def store_version(self) -> int:
        return self.mark.version

    def followed_by(
        self, scorer: Scorer, mark: StoreMark, jurisdictions: Jurisdictions, since: pd.Timestamp
    ) -> LiveState:
        """The next state; days before `since`, the first moment that anything new was recorded, are as they were."""
        with self._lock:
            days = OrderedDict((day, risks) for day, risks in self._days.items() if day < since)
        return LiveState(scorer, mark, jurisdictions, days)

    def supposing(self, rows: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> LiveState:
        """A state in which typed rows by table are on file, too, for asking about `as_of`; this one takes no notice.

        Percentiles are against the city without the rows.
        """
        index, jurisdictions = self.scorer.index.supposing(rows), self.jurisdictions
        if "projects" in rows:
            jurisdictions = jurisdictions.with_rows(rows["projects"])
        days = OrderedDict({as_of.normalize(): self.city_risks(as_of)})
        return LiveState(Scorer(index, self.scorer.model), self.mark, jurisdictions, days)

    def city_risks(self, as_of: pd.Timestamp) -> CityRisks:
        """The risks of the sites active at 00:00 of the day of `as_of`; the latest days are kept."""
        day = as_of.normalize()
        with self._lock:
            if day not in self._days:
                self._days[day] = CityRisks.at(self.scorer, day)
            self._days.move_to_end(day)
            while len(self._days) > DAYS_KEPT:
                self._days.popitem(last=False)
            return self._days[day]


def built_state(
    store: Store, mark: StoreMark, catalogue: Catalogue, model: Callable[[], RiskModel]
) -> LiveState:
    """The state of the store at `mark`, made from all of its records; NotReady if it has none.

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
        return LiveState(Scorer(index, model), mark, jurisdictions)
    return held.followed_by(Scorer(index, model), mark, jurisdictions, since)
