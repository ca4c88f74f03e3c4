"""A load killed with SIGKILL leaves the whole table's load or none of it, and can simply be run again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from data_contracts.intake import load
from data_contracts.record_store import RecordStore
from tests.deliveries import NOW, row_counts

PROJECTS, INSPECTIONS = 50, 4_000
DEFECTIVE = 40

# Imports once, then answers each line of JSON with the process that it has forked to load and to stop at the moment
# told; what that process says comes on the same line of output.
_LOADER = """
import json, os, sys, time
import pandas as pd
from data_contracts import table_intake
from data_contracts.contract import contracts
from data_contracts.intake import load
from data_contracts.quarantine_exits import close_corrected
from data_contracts.record_store import RecordStore
from data_contracts.staging import Staging

contracts()
moment = "never"

def stops(name, function, when):
    def stopping(*arguments, **options):
        answer = function(*arguments, **options) if when == "after" else None
        staging = arguments[0]
        if moment == f"{when} {name}" and staging.contract.name == "inspections":
            print("reached", flush=True)
            time.sleep(600)
        return answer if when == "after" else function(*arguments, **options)
    return stopping

for name in ("add", "decide", "store"):
    for when in ("before", "after"):
        setattr(Staging, name, stops(name, getattr(Staging, name), when))
table_intake.close_corrected = stops("close_corrected", close_corrected, "after")

for line in sys.stdin:
    source, url, now, moment = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            with RecordStore.open(url) as store:
                print("started", flush=True)
                load(source, store, now=pd.Timestamp(now), chunk_rows=500)
                print("done", flush=True)
        finally:
            os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""
MOMENTS = (
    "before add",
    "after add",
    "before decide",
    "after decide",
    "before store",
    "after store",
    "after close_corrected",
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Projects and inspections, some of them defective."""
    folder = tmp_path / "in"
    folder.mkdir()
    projects = pd.DataFrame({"project_id": [f"P{n}" for n in range(PROJECTS)]})
    projects["recorded_at"] = projects["start_date"] = "2024-01-01"
    projects.to_csv(folder / "projects.csv", index=False)
    visits = pd.DataFrame({"inspection_id": [f"V{n}" for n in range(INSPECTIONS)]})
    visits["project_id"] = [f"P{n % PROJECTS}" for n in range(INSPECTIONS)]
    visits["inspected_on"], visits["recorded_at"] = "2024-03-01", "2024-03-02"
    visits.loc[: DEFECTIVE - 1, "inspected_on"] = "2024-02-30"
    visits.to_csv(folder / "inspections.csv", index=False)
    return folder


class Loader:
    """Loads in processes of their own, one after the other, each told when to stop; ended with SIGKILL."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LOADER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        self.child = 0

    def start(self, source: Path, store_url: str, moment: str) -> None:
        """A process that loads `source` and stops at `moment`."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(source), store_url, NOW.isoformat(), moment]) + "\n")
        self.process.stdin.flush()
        said: list[str] = []
        while not (said and said[-1].isdigit()):
            said.append(self.process.stdout.readline().strip())
        self.child, self.said = int(said.pop()), said

    def wait_for(self, word: str) -> None:
        """Read what the process says until it says `word`."""
        assert self.process.stdout is not None
        while word not in self.said:
            line = self.process.stdout.readline().strip()
            if line in ("ended", ""):
                pytest.fail(f"the process ended before it said {word!r}")
            self.said.append(line)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self.process.stdout is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGKILL)
        while self.process.stdout.readline().strip() not in ("ended", ""):
            pass

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def loader() -> Iterator[Loader]:
    started = Loader()
    yield started
    started.close()


def assert_whole_or_nothing(store: RecordStore) -> None:
    """Each table has all its rows, versions and entries, or none."""
    counts = row_counts(store)
    assert counts.get("projects", 0) in (0, PROJECTS)
    stored = counts.get("inspections", 0)
    assert stored in (0, INSPECTIONS - DEFECTIVE)
    assert len(store.quarantine()) == (DEFECTIVE if stored else 0)
    assert store.version() == len(counts)


def assert_loads_completely(store: RecordStore, source: Path) -> None:
    """Run again, the load brings what is missing and nothing twice."""
    report = load(source, store, now=NOW)
    assert report.tables["inspections"].quarantined == DEFECTIVE
    assert row_counts(store) == {"projects": PROJECTS, "inspections": INSPECTIONS - DEFECTIVE}
    assert len(store.quarantine()) == DEFECTIVE


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_load_killed_at_any_step_has_stored_nothing_of_the_table(
    store_url: str, source: Path, loader: Loader, moment: str
) -> None:
    loader.start(source, store_url, moment)
    loader.wait_for("reached")
    loader.kill()
    with RecordStore.open(store_url) as store:
        assert row_counts(store) == {"projects": PROJECTS}
        assert store.quarantine().empty
        assert store.version() == 1
        assert_loads_completely(store, source)


def test_a_load_killed_at_any_time_has_stored_whole_tables_or_nothing(
    store_url: str, source: Path, loader: Loader
) -> None:
    for pause in (0.0, 0.1, 0.25, 0.4, 0.6):
        loader.start(source, store_url, "never")
        loader.wait_for("started")
        time.sleep(pause)
        loader.kill()
        with RecordStore.open(store_url) as store:
            assert_whole_or_nothing(store)
    with RecordStore.open(store_url) as store:
        assert_loads_completely(store, source)


def test_a_load_killed_after_the_commit_has_stored_the_table(
    store_url: str, source: Path, loader: Loader
) -> None:
    loader.start(source, store_url, "never")
    loader.wait_for("done")
    loader.kill()
    with RecordStore.open(store_url) as store:
        assert row_counts(store) == {"projects": PROJECTS, "inspections": INSPECTIONS - DEFECTIVE}
        assert_whole_or_nothing(store)
