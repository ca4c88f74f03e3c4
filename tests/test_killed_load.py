"""A load killed with SIGKILL leaves the whole table's load or none of it, and can simply be run again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from data_contracts.intake import load
from data_contracts.record_store import RecordStore
from tests.deliveries import NOW, row_counts

PROJECTS, INSPECTIONS = 50, 4_000
DEFECTIVE = 40

_LOADER = """
import sys, time
from unittest import mock
import pandas as pd
from data_contracts import bulk_write, table_intake
from data_contracts.intake import load
from data_contracts.quarantine_exits import close_corrected
from data_contracts.record_store import RecordStore
from data_contracts.staging import Staging

source, url, now, moment = sys.argv[1:]

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

with RecordStore.open(url) as store:
    print("started", flush=True)
    load(source, store, now=pd.Timestamp(now), chunk_rows=500)
    print("done", flush=True)
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


def start(source: Path, store_url: str, moment: str) -> subprocess.Popen[str]:
    """A process that loads `source` and stops at `moment`."""
    command = [sys.executable, "-c", _LOADER, str(source), store_url, NOW.isoformat(), moment]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Read what the process says until it says `word`."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return
    pytest.fail(f"the process ended with code {process.wait()} before it said {word!r}")


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


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
    store_url: str, source: Path, moment: str
) -> None:
    process = start(source, store_url, moment)
    wait_for(process, "reached")
    kill(process)
    with RecordStore.open(store_url) as store:
        assert row_counts(store) == {"projects": PROJECTS}
        assert store.quarantine().empty
        assert store.version() == 1
        assert_loads_completely(store, source)


def test_a_load_killed_at_any_time_has_stored_whole_tables_or_nothing(store_url: str, source: Path) -> None:
    for pause in (0.0, 0.1, 0.25, 0.4, 0.6):
        process = start(source, store_url, "never")
        wait_for(process, "started")
        time.sleep(pause)
        kill(process)
        with RecordStore.open(store_url) as store:
            assert_whole_or_nothing(store)
    with RecordStore.open(store_url) as store:
        assert_loads_completely(store, source)


def test_a_load_killed_after_the_commit_has_stored_the_table(store_url: str, source: Path) -> None:
    process = start(source, store_url, "never")
    wait_for(process, "done")
    kill(process)
    with RecordStore.open(store_url) as store:
        assert row_counts(store) == {"projects": PROJECTS, "inspections": INSPECTIONS - DEFECTIVE}
        assert_whole_or_nothing(store)
