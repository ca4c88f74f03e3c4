"""The champion as a worker may use it: tried in a process of its own, loaded, and only then offered.

A thread of its own looks at the pointer, because a trial takes seconds in which records must go on being taken
over. A champion that is broken, or was trained on other features, is refused: the one there is stays.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from data_contracts.errors import ModelInvalid, SiteriskError
from features.catalogue import load_catalogue
from serving.request_log import fault_of, request_log
from serving.scorer import refuse_other_features
from training.risk_model import RiskModel, champion_pointer, load_champion

LOOK_EVERY_S = 1.0
TRY_AGAIN_S = 30.0
"""After which a champion that was refused is tried once more: its folder may have been mended."""


class ChampionWatch:
    """The newest champion that could be used; `changed` is called when there is another."""

    def __init__(self, home: Path, changed: Callable[[], None]) -> None:
        self._home, self._changed = home, changed
        self._model: RiskModel | None = None
        self._refusal: SiteriskError | None = None
        self._tried = "", 0.0  # the sha256 that was tried last, and when
        self._looked, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="champion", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the looking; the model there is stays."""
        self._stopping.set()
        self._thread.join(timeout=10)

    @property
    def refusal(self) -> SiteriskError | None:
        """Why the champion that the pointer names is not in use; None if it is."""
        return self._refusal

    def model(self, *, wait: bool = False) -> RiskModel | None:
        """The model to answer from; raises why there is none, once it is known.

        None as long as the first one is being tried; with `wait` not before that is over.
        """
        while wait and not self._looked.wait(LOOK_EVERY_S) and not self._stopping.is_set():
            pass
        if self._model is None and self._refusal is not None:
            raise self._refusal
        return self._model

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
                self._refusal = None
            except SiteriskError as error:
                self._refuse(error)
            except Exception as error:
                request_log().error("champion not read", **fault_of(error))
                self._refuse(
                    ModelInvalid(
                        zh="在用模型无法加载，见日志。", en="The champion cannot be loaded; see the log."
                    )
                )
            self._looked.set()
            self._stopping.wait(LOOK_EVERY_S)

    def _look(self) -> None:
        """Put the champion that the pointer names in place of the one there is, if it can be used."""
        sha256 = champion_pointer(self._home)["sha256"]
        refused, at = self._tried
        if self._refusal and refused == sha256 and time.monotonic() - at < TRY_AGAIN_S:
            raise self._refusal
        self._tried = sha256, time.monotonic()
        model = load_champion(self._home, self._model, apart=True)
        if model is not self._model:
            refuse_other_features(model, load_catalogue())
            self._model = model
            self._changed()

    def _refuse(self, error: SiteriskError) -> None:
        if self._refusal is None or self._refusal.en != error.en:
            request_log().warning("champion not usable", code=error.code, message=error.en)
        self._refusal = error
