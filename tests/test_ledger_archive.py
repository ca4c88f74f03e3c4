"""Old answers move to a file whole, and back: none is lost, none that the policy keeps is touched."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from data_contracts.errors import CheckFailed, InvalidInput, NotEnoughData, NotFound, SourceUnreadable
from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from data_contracts.store_tables import store_table
from serving.command_line.application import run
from serving.ledger import archive
from serving.ledger.archive import archive_ledger, import_ledger, moves_of
from serving.ledger.decisions import decision
from serving.ledger.entries import CallEntry, blocks_of, decision_ids
from serving.ledger.ledger import Ledger
from tests.interruption import is_interrupted

AT = pd.Timestamp("2040-06-01 12:00")
OLD, YOUNG = dt.datetime(2029, 3, 1, 9), dt.datetime(2031, 3, 1, 9)
BEFORE = dt.date(2030, 6, 1)  # ten years before AT
SITES = 700  # two blocks


def entry(number: int, asked_at: dt.datetime, sites: int = 3) -> CallEntry:
    call_id = f"{int(asked_at.timestamp()):012x}{number:014x}"
    results = [
        {"project_id": f"P{row}", "decision_id": one, "risks": {"accident": row / 7}}
        for row, one in enumerate(decision_ids(call_id, sites))
    ]
    features = pd.DataFrame(np.arange(sites * 2, dtype=float).reshape(sites, 2) / 3, columns=["a", "b"])
    call = {
        **{"call_id": call_id, "kind": "grades", "asked": "{}", "asked_at": asked_at, "key_id": "0a1b2c3d"},
        **{"as_of": asked_at, "model_sha256": "0" * 64, "policies": "{}", "catalogue_hash": "c" * 64},
        **{"store_version": 1, "store_loaded_at": None, "grading_run": 0, "grade_decision": 0},
        "siterisk_version": "0",
    }
    return CallEntry(call, blocks_of(call_id, results, np.ones(sites, bool), features), "c" * 64, ["a", "b"])


def remember(store: RecordStore, *entries: CallEntry) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*map(ledger.remember, entries))

    ledger = Ledger(lambda: store)
    ledger.start()
    asyncio.run(all_at_once())
    ledger.stop()


@pytest.fixture
def told(store: RecordStore) -> dict[str, list[str]]:
    """Decisions of eleven years ago and of nine, by which they are; a person objected to the first of the old ones."""
    entries = {"old": [entry(1, OLD), entry(2, OLD, SITES)], "young": [entry(3, YOUNG)]}
    remember(store, *entries["old"], *entries["young"])
    ids = {age: [one for each in listed for one in ids_of(each)] for age, listed in entries.items()}
    said = {
        **{"response_id": 1, "decision_id": ids["old"][0], "kind": "OBJECTION", "key_id": "0a1b2c3d"},
        **{"reason": "wrong", "recorded_at": OLD},
    }
    with store.engine.begin() as connection:
        connection.execute(store_table("decision_responses").insert().values(said))
    return ids


def ids_of(one: CallEntry) -> list[str]:
    return decision_ids(str(one.call["call_id"]), len(one))


def contents(store: RecordStore, ids: list[str]) -> list[Any]:
    """What is told of decisions, the same to the last bit; None for one that is not there."""
    found = []
    for one in ids:
        try:
            found.append(decision(store, one).content)
        except NotFound:
            found.append(None)
    return found


def few(ids: list[str]) -> list[str]:
    return [*ids[:4], ids[-1]]


def test_old_answers_are_moved_to_a_file_and_come_back_as_they_were(
    store: RecordStore, told: dict[str, list[str]], tmp_path: Path
) -> None:
    file, before = tmp_path / "ledger.db", contents(store, few(told["old"]))
    young = contents(store, told["young"])
    moved = archive_ledger(store.engine, BEFORE, file, AT)
    assert (moved.calls, moved.decisions, moved.keep_years) == (2, 3 + SITES, 10)
    assert (moved.first_asked_at, moved.last_asked_at) == (OLD, OLD)
    assert file.stat().st_mode & 0o777 == 0o600 and [one.name for one in tmp_path.glob("ledger*")] == [
        file.name
    ]
    assert set(map(str, contents(store, few(told["old"])))) == {"None"}
    assert contents(store, told["young"]) == young
    with store.engine.connect() as connection:  # a person's words stay
        assert (
            connection.scalar(sa.select(sa.func.count()).select_from(store_table("decision_responses"))) == 1
        )
    import_ledger(store.engine, file, AT)
    assert contents(store, few(told["old"])) == before
    import_ledger(store.engine, file, AT)  # once more changes nothing
    assert contents(store, few(told["old"])) == before
    moves = moves_of(store.engine)
    assert [one["kind"] for one in moves] == ["ARCHIVED", "IMPORTED", "IMPORTED"]
    assert {(one["file"], one["sha256"]) for one in moves} == {("ledger.db", moved.sha256)}


def test_the_file_can_be_read_without_siterisk(
    store: RecordStore, told: dict[str, list[str]], tmp_path: Path
) -> None:
    import sqlite3

    archive_ledger(store.engine, BEFORE, tmp_path / "ledger.db", AT)
    with sqlite3.connect(tmp_path / "ledger.db") as file:
        counts = [
            file.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("ledger_calls", "ledger_blocks", "decision_responses", "ledger_catalogues")
        ]
    assert counts == [2, 3, 1, 1]


def test_what_the_policy_keeps_is_not_moved(
    store: RecordStore, told: dict[str, list[str]], tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="before 2030-06-01"):
        archive_ledger(store.engine, BEFORE + dt.timedelta(days=1), tmp_path / "ledger.db", AT)
    with pytest.raises(NotEnoughData):
        archive_ledger(store.engine, dt.date(2029, 1, 1), tmp_path / "ledger.db", AT)
    assert not list(tmp_path.glob("*ledger*")) and moves_of(store.engine) == []


def test_a_file_that_does_not_hold_what_the_store_does_takes_nothing_out(
    store: RecordStore, told: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(store, few(told["old"]))
    copied = archive._copy

    def copied_otherwise(store: sa.Connection, file: sa.Connection, *given: Any) -> None:
        copied(store, file, *given)
        file.execute(sa.text("UPDATE ledger_calls SET key_id = 'other' WHERE kind = 'grades'"))

    monkeypatch.setattr(archive, "_copy", copied_otherwise)
    with pytest.raises(CheckFailed):
        archive_ledger(store.engine, BEFORE, tmp_path / "ledger.db", AT)
    assert contents(store, few(told["old"])) == before and moves_of(store.engine) == []
    assert not (tmp_path / "ledger.db").exists()


def test_a_file_that_was_altered_or_is_of_another_store_is_not_taken_back(
    store: RecordStore, told: dict[str, list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "ledger.db"
    archive_ledger(store.engine, BEFORE, file, AT)
    with file.open("ab") as altered:
        altered.write(b"x")
    with pytest.raises(SourceUnreadable):
        import_ledger(store.engine, file, AT)
    assert contents(store, told["old"][:1]) == [None]


def test_a_move_broken_off_anywhere_loses_nothing(
    store: RecordStore, told: dict[str, list[str]], tmp_path: Path
) -> None:
    before, at = contents(store, few(told["old"])), 0
    while True:
        at += 1
        file = tmp_path / f"{at}.db"
        if not is_interrupted(lambda file=file: archive_ledger(store.engine, BEFORE, file, AT), at, archive):  # type: ignore[misc]
            break
        if moves_of(store.engine):  # it was moved, and the interruption came after
            import_ledger(store.engine, file, AT)
            break
        assert contents(store, few(told["old"])) == before
    assert at > 20
    if contents(store, few(told["old"])) != before:
        import_ledger(store.engine, file, AT)
    assert contents(store, few(told["old"])) == before


KILLED = """
import os, signal, sys
import pandas as pd, sqlalchemy as sa, datetime as dt
from pathlib import Path
from data_contracts.record_store import RecordStore
from serving.ledger import archive

def killed(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("ledger.db"):
        os.kill(os.getpid(), signal.SIGKILL)

url, file, when = sys.argv[1:]
store = RecordStore.open(url)
if when == "before the file":
    sys.addaudithook(killed)
if when == "before the commit":
    archive._sync_folder = lambda _: os.kill(os.getpid(), signal.SIGKILL)
if when == "after the rows":
    sa.event.listen(store.engine, "commit", lambda c: os.kill(os.getpid(), signal.SIGKILL))
archive.archive_ledger(store.engine, dt.date(2030, 6, 1), Path(file), pd.Timestamp("2040-06-01 12:00"))
"""


@pytest.mark.parametrize("when", ["before the file", "before the commit", "after the rows"])
def test_a_move_killed_at_any_step_loses_nothing(
    store: RecordStore, store_url: str, told: dict[str, list[str]], tmp_path: Path, when: str
) -> None:
    file, before = tmp_path / "ledger.db", contents(store, few(told["old"]))
    command = [sys.executable, "-c", KILLED, store_url, str(file), when]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert contents(store, few(told["old"])) == before and moves_of(store.engine) == []
    moved = archive_ledger(store.engine, BEFORE, tmp_path / "again.db", AT)
    assert moved.decisions == 3 + SITES
    import_ledger(store.engine, tmp_path / "again.db", AT)
    assert contents(store, few(told["old"])) == before


def test_the_commands_move_list_and_refuse(
    store: RecordStore, store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remember(store, entry(1, dt.datetime(2010, 1, 1)))
    file, db = str(tmp_path / "ledger.db"), ["--db", store_url]
    assert run(["ledger", "archive", file, "--before", now().date().isoformat(), *db]) == 2
    assert "ledger_retention" in capsys.readouterr().err
    assert run(["ledger", "archive", file, "--before", "2011-01-01", *db]) == 0
    assert run(["ledger", "import", file, *db, "--json"]) == 0
    assert run(["ledger", "list", *db]) == 0
    said = capsys.readouterr().out
    assert "ARCHIVED" in said and "IMPORTED" in said and "ledger.db" in said
