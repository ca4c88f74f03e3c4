"""States of records and model as they were when something was answered, for computing it again.

A state is made from the nearest one there is, by what the store took in between, or built from all records as
the store held them then: seconds for a city, so the last few are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from data_contracts.errors import CheckFailed
from data_contracts.record_store import StoreMark
from features.catalogue import load_catalogue
from serving.grading.grade_store import NOTHING_KNOWN, GradesMark, GradeStore
from serving.grading.known_runs import KnownRuns
from serving.live_state import LiveState, Store, built_state, fed_state
from serving.scorer import refuse_other_features
from training.risk_model import RiskModel, load_former

STATES_KEPT = 3
"""An index of a large city takes some hundred megabytes; one fed from another shares most of it."""

_Key = tuple[StoreMark, str]


class PastStates:
    """The states kept; for one thread at a time. `newest` is what the service answers from now, None before."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        home: Path,
        newest: Callable[[], LiveState | None] = lambda: None,
    ) -> None:
        self._open_store, self._home, self._newest = open_store, home, newest
        self._kept: OrderedDict[_Key, LiveState] = OrderedDict()

    def at(self, mark: StoreMark, model_sha256: str, grades: GradesMark = NOTHING_KNOWN) -> LiveState:
        """The state of the records at `mark` with the model of that sha256 and the runs and decisions up to `grades`.

        Raises CheckFailed if the store does not hold that state of the records, ModelInvalid if the model is
        gone, was changed, or rests on features that are computed otherwise today.
        """
        key = (mark, model_sha256)
        state = next((one for one in self._there() if (one.mark, one.scorer.model.sha256) == key), None)
        if state is None:
            state = self._made(mark, self._model(model_sha256))
        self._kept[key] = state
        self._kept.move_to_end(key)
        while len(self._kept) > STATES_KEPT:
            self._kept.popitem(last=False)
        if state.runs.mark == grades:
            return state
        return state.with_runs(KnownRuns(GradeStore(self._open_store().engine), grades))

    def _there(self) -> list[LiveState]:
        newest = self._newest()
        return [*self._kept.values(), *([newest] if newest else [])]

    def _model(self, sha256: str) -> RiskModel:
        held = next((one.scorer.model for one in self._there() if one.scorer.model.sha256 == sha256), None)
        return held or load_former(self._home, sha256)

    def _made(self, mark: StoreMark, model: RiskModel) -> LiveState:
        store = self._open_store()
        if store.mark(mark.version) != mark:
            raise _other_records(mark)
        catalogue = load_catalogue()
        refuse_other_features(model, catalogue)
        before = [one for one in self._there() if one.store_version <= mark.version]
        nearest = max(before, key=lambda one: one.store_version, default=None)
        state = fed_state(nearest, store, mark, model) if nearest else None
        return state or built_state(store, mark, catalogue, lambda: model)


def _other_records(mark: StoreMark) -> CheckFailed:
    return CheckFailed(
        zh=f"记录库中已没有当时的版本 {mark.version}（{mark.loaded_at} 入库），可能换了记录库或恢复了旧备份，无法重算。",
        en=f"The record store no longer holds version {mark.version} as stored at {mark.loaded_at}: it is another store, "
        "or an older backup was put back. The answer cannot be computed again.",
        field="store_version",
    )
