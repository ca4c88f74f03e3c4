"""The records and the champion as a worker holds them, kept as new as the store and the pointer.

A watching thread feeds the index with what the store has taken in since, and loads the model when the
pointer names another; both are finished and tried before they are put in place, so a request sees one state,
whole. Only a renaming, another store, or very many changes make the index be built again. A request that finds
the store ahead of the index waits for it up to a second after the move was first seen; after that it is
answered from the state there is, whose number it is told.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

from data_contracts.errors import SiteriskError, StoreUnavailable
from data_contracts.moments import now
from data_contracts.record_store import StoreMark
from data_contracts.records import Records
from features.catalogue import Catalogue, load_catalogue
from features.fact_index import FactIndex
from serving.access.jurisdictions import Jurisdictions
from serving.http_errors import NotReady
from serving.request_log import fault_of, request_log
from serving.scorer import CityRisks, Scorer, refuse_other_features
from training.risk_model import RiskModel, load_champion

LOOK_EVERY_S = 1.0
LOOK_AGAIN_S = 3.0
WAIT_FOR_RECORDS_S = 1.0
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


class LiveRecords:
    """Holds the newest state and renews it in a thread of its own; `stop` ends the thread."""

    def __init__(self, open_store: Callable[[], Store], home: Path) -> None:
        self._open_store = open_store
        self._home = home
        self._store: Store | None = None
        self._state: LiveState | None = None
        self._problem: SiteriskError | None = None
        self._model_problem: SiteriskError | None = None
        self._moved_at: tuple[StoreMark | None, float] = (None, 0.0)
        self._changed = threading.Condition()
        self._look = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="live-records", daemon=True)
        self._log = request_log()

    def start(self) -> None:
        """Begin to load; `not_ready` tells when it is done."""
        self._thread.start()

    def stop(self) -> None:
        """End the watching; the state there is stays."""
        self._stopping.set()
        self._look.set()
        self._thread.join(timeout=10)

    def not_ready(self) -> SiteriskError | None:
        """Why no request can be answered; None when one can."""
        reason = self._problem
        if self._state is not None and not isinstance(reason, StoreUnavailable):
            return None
        return NotReady(
            zh=f"服务尚未就绪：{reason.zh if reason else '正在加载模型与记录，请稍候。'}",
            en=f"Not ready: {reason.en if reason else 'the model and the records are being loaded.'}",
        )

    def state(self) -> LiveState:
        """The state to answer from, after waiting for records just stored (see the module's head).

        Raises NotReady without records or champion, StoreUnavailable if the store cannot be asked.
        """
        held = self._state
        if held is None or self._store is None:
            raise self.not_ready() or NotReady(zh="服务尚未就绪。", en="Not ready.")
        mark = self._store.mark()
        if mark == held.mark:
            return held
        return self._after(held, mark)

    def _after(self, held: LiveState, mark: StoreMark) -> LiveState:
        """The state that has seen `mark`, or the one there is when waiting for it has taken too long."""

        def newest() -> LiveState:
            return self._state or held

        with self._changed:
            if mark != self._moved_at[0]:
                self._moved_at = (mark, time.monotonic())
            until = self._moved_at[1] + WAIT_FOR_RECORDS_S
            self._look.set()
            self._changed.wait_for(
                lambda: newest().mark != held.mark and newest().store_version >= mark.version,
                timeout=max(0.0, until - time.monotonic()),
            )
        return newest()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._renew()
                self._problem = None
            except SiteriskError as error:
                self._problem = self._noted(error, self._problem)
                self._stopping.wait(LOOK_AGAIN_S)
            except Exception as error:
                self._log.error("renewal failed", **fault_of(error))
                self._stopping.wait(LOOK_AGAIN_S)
            else:
                self._look.wait(LOOK_EVERY_S)
            self._look.clear()

    def _noted(self, error: SiteriskError, before: SiteriskError | None) -> SiteriskError:
        """The error, logged unless it is the one that was logged before."""
        if before is None or before.en != error.en:
            self._log.warning("records or model not usable", code=error.code, message=error.en)
        return error

    def _renew(self) -> None:
        """Build what has changed and put it in place; the old state serves until then, and if it fails."""
        held = self._state
        catalogue = held.scorer.index.catalogue if held else load_catalogue()
        model = self._champion(held, catalogue)
        if self._store is None:
            self._store = self._open_store()
        mark = self._store.mark()
        if held and held.mark == mark and model is held.scorer.model:
            return
        state = self._fed(held, mark, model) if held else None
        if state is None:
            records = _records_of(self._store, mark)
            jurisdictions = Jurisdictions.none().with_rows(records.table("projects"))
            state = LiveState(Scorer(FactIndex.build(records, catalogue), model), mark, jurisdictions)
        if self._store.mark(mark.version) != mark:
            return  # the store was replaced while it was read: look again
        state.city_risks(now())
        with self._changed:
            self._state = state
            self._changed.notify_all()
        self._log.info("records and model in place", store_version=mark.version, model_version=model.version)

    def _fed(self, held: LiveState, mark: StoreMark, model: RiskModel) -> LiveState | None:
        """The state that follows `held` by what the store took in since; None where the index must be built again."""
        assert self._store is not None
        index, since, jurisdictions = held.scorer.index, pd.Timestamp.max, held.jurisdictions
        if mark != held.mark:
            if mark.version < held.store_version or self._store.mark(held.store_version) != held.mark:
                return None  # another store, or a backup put back
            changes = self._store.changes_since(held.store_version, until=mark.version)
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
                self._log.error("records not fed, building again", **fault_of(error))
                return None
        if model is not held.scorer.model:
            return LiveState(Scorer(index, model), mark, jurisdictions)
        return held.followed_by(Scorer(index, model), mark, jurisdictions, since)

    def _champion(self, held: LiveState | None, catalogue: Catalogue) -> RiskModel:
        """The model that the pointer names; the one held if it is the same, or if the new one cannot be used."""
        try:
            model = load_champion(self._home, held.scorer.model if held else None)
            refuse_other_features(model, catalogue)
        except SiteriskError as error:
            if held is None:
                raise
            self._model_problem = self._noted(error, self._model_problem)
            return held.scorer.model
        self._model_problem = None
        return model


def _records_of(store: Store, mark: StoreMark) -> Records:
    if mark.version == 0:
        raise NotReady(
            zh="记录库中没有记录，请用 siterisk load 载入。",
            en="The record store is empty; load records with siterisk load.",
        )
    return store.records(mark.version)
