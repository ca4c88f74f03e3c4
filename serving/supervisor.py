"""A worker of the service ends with its supervisor: one that was killed cannot tell its workers to."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping

VARIABLE = "RISK_SCORING_SUPERVISOR"
"""The supervisor's process number, set by `siterisk serve`; without it nothing is watched."""

LOOK_EVERY_S = 1.0


def end_with_supervisor(environ: Mapping[str, str]) -> None:
    """Watch the supervisor in a thread, and end this process in order once it is gone."""
    if supervisor := environ.get(VARIABLE):
        threading.Thread(target=_watch, args=[int(supervisor)], name="supervisor", daemon=True).start()


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
