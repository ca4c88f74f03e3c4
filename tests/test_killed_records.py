"""Rows that the service has acknowledged are there once, whatever fails: workers, disk, lock, database, service."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from data_contracts.contract import contract
from data_contracts.intake import load
from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import connected, writing
from features.catalogue import load_catalogue
from serving.access.key_store import add_key, all_keys
from serving.calls.records import take_posted
from serving.command_line.service_commands import free_port
from serving.command_line.service_process import running_service
from serving.settings import Settings, load_settings
from tests.postgresql_server import PostgresqlServer
from tests.running_city import eventually
from tests.small_model import put_in_force
from tests.test_killed_service import processes_of

WRITERS, ROWS = 3, 2
SITE = {"project_id": ["P1"], "recorded_at": ["2025-01-05"], "start_date": ["2025-01-01"]}
FAULT_IN_TIME = {503, 504}


class Caller:
    """Asks the service; with `keeps` over one connection, and so one worker, else over a new one each time."""

    def __init__(self, port: int, token: str, *, keeps: bool = False) -> None:
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._keeps = keeps
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)

    def ask(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        """Status and answer; OSError or HTTPException where there is none."""
        body = None if content is None else json.dumps(content)
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            if not self._keeps:
                self._connection.close()

    def post(self, rows: list[dict[str, Any]]) -> tuple[int, Any]:
        return self.ask("POST", "/v1/records/violations", {"rows": rows})

    def violations(self) -> float:
        """How many the last answered grade of the site has seen."""
        status, answer = self.ask("POST", "/v1/grades", {"project_ids": ["P1"]})
        assert status == 200, answer
        decision = self.ask("GET", f"/v1/decisions/{answer['results'][0]['decision_id']}")[1]
        return float(decision["features"]["violations_90d"])

    def is_graded(self) -> bool:
        """Whether a grade is answered, by whatever worker there is."""
        try:
            return self.ask("POST", "/v1/grades", {"project_ids": ["P1"]})[0] == 200
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def worker(self, processes: list[int]) -> int:
        """The process at the other end."""
        assert self._connection.sock is not None
        own = self._connection.sock.getsockname()[1]
        for number in processes:
            if any(c.raddr and c.raddr.port == own for c in psutil.Process(number).net_connections("tcp")):
                return number
        raise AssertionError("nobody is at the other end")


class Writer(threading.Thread):
    """Posts batch after batch, each again until it is acknowledged."""

    def __init__(self, number: int, port: int, token: str) -> None:
        super().__init__(daemon=True)
        self._caller, self._number = Caller(port, token), number
        self.acknowledged: list[list[dict[str, Any]]] = []
        self.pending: list[dict[str, Any]] = []
        self.refusals: set[int] = set()
        self.stopping = False

    def run(self) -> None:
        while not self.stopping:
            batch = f"{self._number}-{len(self.acknowledged)}"
            self.pending = [violation(f"W{batch}-{row}") for row in range(ROWS)]
            if self._posted():
                self.acknowledged.append(self.pending)
            else:
                time.sleep(0.05)

    def _posted(self) -> bool:
        try:
            status, _ = self._caller.post(self.pending)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        if status != 200:
            self.refusals.add(status)
        return status == 200


def violation(violation_id: str) -> dict[str, Any]:
    yesterday = now() - pd.Timedelta(days=1)
    return {
        **{"violation_id": violation_id, "project_id": "P1", "found_on": yesterday.date().isoformat()},
        "recorded_at": yesterday.isoformat(),
    }


def installed(store_url: str, home: Path) -> tuple[Settings, str]:
    """The settings of a service of two workers with one site and a champion, and a key."""
    put_in_force(home, load_catalogue().names)
    with RecordStore.open(store_url) as store:
        load({"projects": pd.DataFrame(SITE)}, store)
        _, token = add_key(
            store,
            name="test",
            role="manage",
            districts=["310000"],
            agencies=[],
            calls_per_second=1e6,
            at=now(),
        )
    port = str(free_port("127.0.0.1", 3510))
    given = {"HOME": str(home), "DATABASE_URL": store_url, "MLRUNS": str(home), "WORKERS": "2", "PORT": port}
    return load_settings({f"SITERISK_{name}": value for name, value in given.items()}, home), token


def one_caller_a_worker(settings: Settings, token: str, processes: list[int]) -> dict[int, Caller]:
    """A caller for each of the two workers, which are both ready: the service is as soon as one of them is."""
    callers: dict[int, Caller] = {}

    def are_found() -> bool:
        caller = Caller(settings.port, token, keeps=True)
        if caller.is_graded():
            callers[caller.worker(processes)] = caller
        return len(callers) == 2

    eventually(are_found)
    return callers


def assert_seen_at_once_by_both(callers: dict[int, Caller]) -> None:
    """What is posted to one worker is in the next answer of both, in less than a second."""
    seconds = []
    for turn, poster in enumerate([*callers.values()] * 2):
        status, told = poster.post([violation(f"LIVE-{turn}")])
        assert (status, told["stored"]) == (200, 1)
        acknowledged = time.monotonic()
        for caller in callers.values():
            while caller.violations() < turn + 1:
                assert time.monotonic() - acknowledged < 20
        seconds.append(time.monotonic() - acknowledged)
    assert statistics.median(seconds) < 1, seconds


def assert_goes_on(writers: list[Writer]) -> None:
    """Each of the writers is acknowledged more, by the service as it is now."""
    before = [len(writer.acknowledged) for writer in writers]
    eventually(
        lambda: all(len(writer.acknowledged) > told + 1 for writer, told in zip(writers, before, strict=True))
    )


@contextmanager
def full_disk(processes: list[int]) -> Iterator[None]:
    """No file of the processes may grow; what the kernel says differs from a full disk by a number."""
    for number in processes:
        resource.prlimit(number, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    yield
    for number in processes:
        resource.prlimit(number, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def disk_fails(caller: Caller, processes: list[int]) -> None:
    with full_disk(processes):
        status, answer = caller.post([violation("FULL")])
        assert (status, answer["error"]["code"]) == (503, "STORE_UNAVAILABLE")
    assert caller.post([violation("FULL")])[1]["stored"] == 1


def another_writes(caller: Caller, store_url: str) -> None:
    with RecordStore.open(store_url) as store, connected(store.engine) as other, writing(other):
        began = time.monotonic()
        status, answer = caller.post([violation("BUSY")])
        assert (status, answer["error"]["code"]) == (503, "STORE_BUSY")
        assert time.monotonic() - began < 15
        assert caller.ask("GET", "/v1/openapi.json")[0] == 200
    assert caller.post([violation("BUSY")])[1]["stored"] == 1


def assert_each_acknowledged_row_is_there_once(store_url: str, writers: list[Writer]) -> None:
    told = [row["violation_id"] for writer in writers for batch in writer.acknowledged for row in batch]
    assert len(told) == len(set(told))
    with RecordStore.open(store_url) as store:
        held = store.read("violations")["violation_id"].tolist()
        assert len(held) == len(set(held))
        assert set(told) <= set(held)
        key = all_keys(store)[0]
        for writer in writers:
            for batch in [writer.acknowledged[0], writer.acknowledged[-1], writer.pending]:
                answer = take_posted(store, key, contract("violations"), json.dumps({"rows": batch}).encode())
                assert answer["stored"] + answer["unchanged"] == ROWS
                assert batch is writer.pending or answer["unchanged"] == ROWS
        assert store.quarantine().empty


@pytest.mark.slow
def test_every_acknowledged_row_is_stored_once_whatever_fails(
    store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings, token = installed(store_url, tmp_path / "home")
    with running_service(settings, tmp_path / "service.log") as process:
        caller = Caller(settings.port, token)
        eventually(lambda: caller.ask("GET", "/v1/openapi.json")[0] == 200)
        workers = one_caller_a_worker(settings, token, processes_of(process.pid))
        assert_seen_at_once_by_both(workers)
        writers = [Writer(number, settings.port, token) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        assert_goes_on(writers)
        if store_url.startswith("sqlite"):
            another_writes(caller, store_url)
            disk_fails(caller, list(workers))
        else:
            server: PostgresqlServer = request.getfixturevalue("postgresql_server")
            server.crash_and_restart()
        assert_goes_on(writers)
        os.kill(next(iter(workers)), signal.SIGKILL)
        assert_goes_on(writers)
        eventually(caller.is_graded)
        for number in processes_of(process.pid):
            os.kill(number, signal.SIGKILL)
        for writer in writers:
            writer.stopping = True
            writer.join(30)
    assert {status for writer in writers for status in writer.refusals} <= FAULT_IN_TIME
    assert_each_acknowledged_row_is_there_once(store_url, writers)
