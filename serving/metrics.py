"""What the workers count and measure, for Prometheus: all of them together, whichever is asked.

prometheus_client keeps each worker's numbers in files of the folder PROMETHEUS_MULTIPROC_DIR, which BentoML names and
empties when the service starts; it has to be named before prometheus_client is first imported, so it is imported
here when the service makes its metrics. Labels are names of ours alone: there are as many series as the code has
names, whatever callers send.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from serving.live_records import LiveRecords

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STATUSES = ("2xx", "3xx", "4xx", "5xx")
RowOutcome = Literal["stored", "unchanged", "waiting", "refused"]
ROW_OUTCOMES: tuple[RowOutcome, ...] = get_args(RowOutcome)


class Metrics:
    """The metrics of one worker; `text` gives those of all. `paths` are the names that requests have in the log."""

    def __init__(self, paths: Iterable[str]) -> None:
        import prometheus_client as prometheus

        registry = self._registry = prometheus.CollectorRegistry()
        self._shared = prometheus.values.ValueClass is not prometheus.values.MutexValue
        if self._shared:
            _forget_ended_workers(Path(os.environ[FOLDER]))
        counter = prometheus.Counter
        self._requests = counter(
            "siterisk_requests",
            "Requests by path and class of status.",
            ["path", "status"],
            registry=registry,
        )
        self._seconds = prometheus.Histogram(
            "siterisk_request_seconds", "Time from a request's head to the end of its answer.", ["path"],
            registry=registry, buckets=SECONDS,
        )  # fmt: skip
        self._refused = counter(
            "siterisk_keys_refused", "Calls that were not let in, by error code.", ["code"], registry=registry
        )
        self._decisions = counter(
            "siterisk_decisions", "Projects answered about and remembered.", registry=registry
        )
        self._rows = counter(
            "siterisk_rows_posted", "Rows posted, by outcome.", ["outcome"], registry=registry
        )
        self.transaction = counter(
            "siterisk_ledger_transactions", "Transactions of the ledger.", registry=registry
        ).inc
        self._ledger_seconds = prometheus.Histogram(
            "siterisk_ledger_wait_seconds", "Time that an answer waited for the ledger.",
            registry=registry, buckets=SECONDS,
        )  # fmt: skip

        def gauge(name: str, told: str, mode: str, *labels: str) -> prometheus.Gauge:
            return prometheus.Gauge(name, told, labels, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]

        self._waiting = gauge("siterisk_ledger_waiting", "Answers that wait for the ledger now.", "livesum")
        self._store_version = gauge(
            "siterisk_store_version",
            "Store version of the records, in the worker that is behind most.",
            "livemin",
        )
        self._serving = gauge(
            "siterisk_model_info", "Workers that answer from this model.", "livesum", "version"
        )
        self._trained = gauge(
            "siterisk_champion_trained_timestamp_seconds",
            "When the model in use was trained, in the worker where it is oldest; 0 if it does not say.",
            "livemin",
        )
        self._champion_refused = gauge(
            "siterisk_champion_refused",
            "1 where a worker refused the champion that is to be in force.",
            "livemax",
        )
        self._version: str | None = None
        for path in paths:
            self._seconds.labels(path)
            for status in STATUSES:
                self._requests.labels(path, status)
        if self._shared:
            _take_room(Path(os.environ[FOLDER]))

    def request(self, path: str, status: int, seconds: float, refusal: str | None = None) -> None:
        """Count a request by its name in the log; `refusal` is the code with which its key was refused."""
        self._requests.labels(path, f"{status // 100}xx").inc()
        self._seconds.labels(path).observe(seconds)
        if refusal is not None:
            self._refused.labels(refusal).inc()

    def rows_posted(self, outcome: RowOutcome, rows: int) -> None:
        """Count rows that were posted."""
        self._rows.labels(outcome).inc(rows)

    @contextmanager
    def remembering(self, decisions: int) -> Iterator[None]:
        """Measure how long the ledger takes; the decisions count once it holds them."""
        started = time.perf_counter()
        with self._waiting.track_inprogress():
            yield
        self._ledger_seconds.observe(time.perf_counter() - started)
        self._decisions.inc(decisions)

    def standing(self, live: LiveRecords) -> None:
        """Note what a worker answers from, and whether it refused a champion."""
        self._champion_refused.set(live.champion.refusal is not None)
        if (state := live.newest()) is None:
            return
        self._store_version.set(state.store_version)
        model = state.scorer.model
        if model.version != self._version:
            if self._version is not None:
                self._serving.labels(self._version).set(0)
            self._serving.labels(model.version).set(1)
            self._version = model.version
            trained = model.passport.get("created_at")
            moment = pd.Timestamp(trained).tz_localize("Asia/Shanghai").timestamp() if trained else 0.0
            self._trained.set(moment)

    def text(self) -> bytes:
        """The metrics of all workers, as Prometheus reads them."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = self._registry
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _forget_ended_workers(folder: Path) -> None:
    """Take away what workers that were killed said of the present; what they counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    for number in {path.stem.rsplit("_", 1)[1] for path in folder.glob("gauge_live*_*.db")}:
        if not _is_running(int(number)):
            mark_process_dead(int(number), str(folder))  # type: ignore[no-untyped-call]


def _is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _take_room(folder: Path) -> None:
    """Have the disk keep room for all of this worker's files: to write into a hole of a full one ends the process."""
    if not hasattr(os, "posix_fallocate"):
        return  # not on macOS
    for path in folder.glob(f"*_{os.getpid()}.db"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
