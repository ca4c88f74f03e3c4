"""The records, the grading runs and the champion as a worker holds them, kept as new as the store and the pointer.

A watching thread feeds the index with what the store has taken in since, reads a new grading run or decision, and
loads the model when the pointer names another; all are finished and tried before they are put in place, so a
request sees one state, whole. Only a renaming, another store, or very many changes make the index be built again. A request that finds
the store ahead of the index waits for it up to a second after the move was first seen; after that it is
answered from the state there is, whose number it is told.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from data_contracts.errors import SiteriskError, StoreUnavailable
from data_contracts.moments import now
from data_contracts.record_store import StoreMark
from features.catalogue import load_catalogue
from serving.calls.site_results import results_of
from serving.champion_watch import ChampionWatch
from serving.grading.grade_store import GradeStore
from serving.grading.known_runs import KnownRuns
from serving.http_errors import NotReady, words_outside
from serving.live_state import LiveState, Store, built_state, fed_state
from serving.request_log import fault_of, request_log
from training.risk_model import RiskModel

LOOK_EVERY_S = 0.5
LOOK_AGAIN_S = 3.0
WAIT_FOR_RECORDS_S = 1.0


class LiveRecords:
    """Holds the newest state and renews it in a thread of its own; `stop` ends the thread.

    `looked` is called after each look at store and champion, twice a second.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        home: Path,
        looked: Callable[[LiveRecords], None] = lambda _: None,
    ) -> None:
        self._open_store, self._looked = open_store, looked
        self._store: Store | None = None
        self._state: LiveState | None = None
        self._problem: SiteriskError | None = None
        self._moved_at: tuple[StoreMark | None, float] = (None, 0.0)
        self._changed = threading.Condition()
        self._look = threading.Event()
        self.champion = ChampionWatch(home, self._look.set)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="live-records", daemon=True)
        self._log = request_log()

    def start(self) -> None:
        """Begin to load; `not_ready` tells when it is done."""
        self.champion.start()
        self._thread.start()

    def stop(self) -> None:
        """End the watching; the state there is stays."""
        self._stopping.set()
        self._look.set()
        self.champion.stop()
        self._thread.join(timeout=10)

    def look(self) -> None:
        """Have the thread look now, because something was written."""
        self._look.set()

    def not_ready(self) -> SiteriskError | None:
        """Why no request can be answered; None when one can."""
        reason = self._problem
        if self._state is not None and not isinstance(reason, StoreUnavailable):
            return None
        loading = ("正在加载模型与记录，请稍候。", "the model and the records are being loaded.")
        zh, en = words_outside(reason) if reason else loading
        return NotReady(zh=f"服务尚未就绪：{zh}", en=f"Not ready: {en}")

    def newest(self) -> LiveState | None:
        """The state there is, without asking the store whether it has moved on; None before the first."""
        return self._state

    def present(self) -> pd.Timestamp:
        """This moment, as the state there is sees it (see `LiveState.present`)."""
        held = self._state
        return now() if held is None else held.present(now())

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
            self._tell()

    def _tell(self) -> None:
        try:
            self._looked(self)
        except Exception as error:
            self._log.error("state not told", **fault_of(error))

    def _noted(self, error: SiteriskError, before: SiteriskError | None) -> SiteriskError:
        """The error, logged unless it is the one that was logged before."""
        if before is None or before.en != error.en:
            self._log.warning("records or model not usable", code=error.code, message=error.en)
        return error

    def _renew(self) -> None:
        """Build what has changed and put it in place; the old state serves until then, and if it fails."""
        held = self._state
        model = self.champion.model()  # raises before an index is built for nothing
        if self._store is None:
            self._store = self._open_store()
        mark, runs = self._store.mark(), self._runs(held)
        same_records = held is not None and held.mark == mark and model is held.scorer.model
        if held and same_records and runs is held.runs:
            held.made_ready(held.present(now()), held)  # a new day may have begun
            return
        if held and same_records:
            state: LiveState | None = held
        else:
            state = fed_state(held, self._store, mark, model) if held and model else None
        if state is None:
            catalogue = held.scorer.index.catalogue if held else load_catalogue()
            state = built_state(self._store, mark, catalogue, self._tried_champion)
            runs = self._runs(None)  # of another store, perhaps
        if self._store.mark(mark.version) != mark:
            return  # the store was replaced while it was read: look again
        state = state.with_runs(runs).made_ready(state.present(now()), held)
        if held is None:
            answer_once(state)
        with self._changed:
            self._state = state
            self._changed.notify_all()
        version = state.scorer.model.version
        if held is None:
            set_aside_what_stays()
        told = {"store_version": mark.version, "model_version": version, **runs.mark._asdict()}
        self._log.info("records and model in place", **told)

    def _runs(self, held: LiveState | None) -> KnownRuns:
        """The grading runs and decisions that there are now: those that are held, if they are the same."""
        assert self._store is not None
        grades = GradeStore(self._store.engine)
        mark = grades.mark()
        if held is not None and held.runs.mark == mark:
            return held.runs
        return KnownRuns(grades, mark, held.runs if held else None)

    def _tried_champion(self) -> RiskModel:
        """The champion, once it is tried: while that takes its time, an index can be built."""
        model = self.champion.model(wait=True)
        if model is None:
            raise NotReady(zh="服务正在停止。", en="The service is stopping.")
        return model


def answer_once(state: LiveState) -> None:
    """Answer for one site as a call does: in a new installation that compiles what calls run, for some ten seconds."""
    try:
        ids = state.scorer.index.city.projects.ids[:1]
        results_of(state, [str(one) for one in ids], state.present(now()))
    except Exception as error:  # whoever asks about that site is told; the others need not wait for it
        request_log().error("no first answer", **fault_of(error))


def set_aside_what_stays() -> None:
    """Spare later collections of garbage what a worker has loaded: looking it all through stops every call for half a second."""
    gc.collect()
    gc.freeze()
