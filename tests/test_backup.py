"""An installation saved under writes and restored elsewhere gives the same answers; a broken backup restores nothing."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from data_contracts.api_messages import GradesRequest
from data_contracts.errors import InvalidInput, NotFound, SourceUnreadable, StoreUnavailable
from data_contracts.intake import load
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import reading
from features.catalogue import load_catalogue
from serving.access.key_store import all_keys
from serving.backup import archive, backup, places
from serving.backup import restore as restoring
from serving.backup.backup import back_up
from serving.backup.readings import Readings
from serving.backup.restore import check_backup, restore
from serving.calls.grades import answer_and_entry
from serving.calls.replay import replay
from serving.command_line.application import run
from serving.command_line.service_commands import command_environment
from serving.ledger.decisions import decision
from serving.ledger.ledger import Ledger
from serving.live_state import built_state
from serving.past_states import PastStates
from serving.settings import Settings
from tests.interruption import is_interrupted
from tests.postgresql_server import PostgresqlServer
from tests.running_city import city_of_its_own, eventually, new_key
from tests.small_city import SmallCity
from training.risk_model import load_champion

AS_OF = pd.Timestamp("2026-06-30 08:00")
PASSWORD = "correct-horse-battery"


@dataclass
class Installation:
    """Settings, a key and the decisions told to it."""

    settings: Settings
    decision_ids: list[str]

    def readings(self) -> Readings:
        with RecordStore.open(self.settings.store_url) as store, reading(store.engine) as connection:
            return Readings.of(connection)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A city with a key that was told five decisions, on both databases."""
    city = city_of_its_own(tmp_path_factory)
    (city.home / "plans").mkdir()
    (city.home / "plans" / "2026-W27-1.json").write_text("{}")
    url, server = city.store_url, None
    key_id, _ = new_key(city, districts=["310000"])
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        url = server.new_database().replace("siterisk@", f"siterisk:{PASSWORD}@")
        _move_store(city, url)
    settings = Settings(home=city.home, mlruns=city.home / "mlruns", database_url=url)
    yield Installation(settings, _told(city, url, key_id))
    if server is not None:
        server.drop_database(url.replace(f":{PASSWORD}", ""))


def _move_store(city: SmallCity, url: str) -> None:
    with RecordStore.open(city.store_url) as before, RecordStore.open(url) as store:
        load(city.records, store)
        with before.engine.connect() as read, store.engine.begin() as write:
            keys = sa.Table("access_keys", sa.MetaData(), autoload_with=before.engine)
            write.execute(keys.insert(), [dict(row) for row in read.execute(sa.select(keys)).mappings()])
    (city.home / "siterisk.db").unlink()


def _told(city: SmallCity, url: str, key_id: str) -> list[str]:
    with RecordStore.open(url) as store:
        state = built_state(store, store.mark(), load_catalogue(), lambda: load_champion(city.home))
        key = next(key for key in all_keys(store) if key.key_id == key_id)
        ids = store.read("projects")["project_id"].unique()[:5].tolist()
        content, entry = answer_and_entry(state, key, GradesRequest(project_ids=ids), AS_OF)
        ledger = Ledger(lambda: store)
        ledger.start()
        asyncio.run(ledger.remember(entry))
        ledger.stop()
    return [result["decision_id"] for result in content["results"]]


@pytest.fixture
def elsewhere(
    installation: Installation, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Settings]:
    """Settings of an empty installation of the same kind."""
    home = tmp_path / "elsewhere" / "home"
    if "postgresql" not in installation.settings.store_url:
        yield Settings(home=home, mlruns=home / "mlruns")
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    url = server.new_database()
    yield Settings(home=home, mlruns=tmp_path / "elsewhere" / "mlruns", database_url=url)
    server.drop_database(url)


def another_violation(store: RecordStore, violation_id: str) -> pd.DataFrame:
    """A new violation like the first on file, as a delivery brings it."""
    one = store.read("violations").iloc[[0]].dropna(axis=1).astype("str")
    return one.assign(violation_id=violation_id)


class Writer(threading.Thread):
    """Stores new violations, one delivery after the other, until it is told to stop."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.stopping, self.stored = url, threading.Event(), threading.Event()

    def run(self) -> None:
        with RecordStore.open(self.url) as store:
            number = 0
            while not self.stopping.is_set():
                number += 1
                report = load({"violations": another_violation(store, f"{id(self)}-{number}")}, store)
                assert report.to_dict()["totals"]["quarantined"] == 0, str(report)
                self.stored.set()


def test_a_backup_taken_under_writes_is_one_moment_and_answers_as_the_original(
    installation: Installation, elsewhere: Settings, tmp_path: Path
) -> None:
    writer, file = Writer(installation.settings.store_url), tmp_path / "backup.tar"
    before = installation.readings()
    writer.start()
    assert writer.stored.wait(60)
    manifest = back_up(installation.settings, file)
    writer.stopping.set()
    writer.join(60)
    assert before.version < manifest.store.version <= installation.readings().version
    assert manifest.store.rows["store_versions"] == manifest.store.version
    told, aside = restore(elsewhere, file)
    assert (told, aside) == (manifest, [])
    assert Installation(elsewhere, []).readings() == manifest.store
    assert (elsewhere.home / "plans" / "2026-W27-1.json").read_text() == "{}"
    with (
        RecordStore.open(installation.settings.store_url) as first,
        RecordStore.open(elsewhere.store_url) as second,
    ):
        assert all_keys(second) == all_keys(first)
        assert second.mark() == first.mark(second.version())
        for decision_id in installation.decision_ids:
            again = replay(second, PastStates(lambda: second, elsewhere.home), decision(second, decision_id))
            assert (again["equal"], again["differences"]) == (True, [])
            assert again["answered"] == decision(first, decision_id).result
        load({"violations": another_violation(second, "after")}, second)  # the restored store can be written


def test_a_backup_is_for_its_owner_alone_and_holds_no_password(
    installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    back_up(installation.settings, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert PASSWORD.encode() not in file.read_bytes()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_what_is_not_empty_is_left_alone_unless_told_and_then_kept_aside(
    installation: Installation, elsewhere: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    manifest = back_up(installation.settings, file)
    restore(elsewhere, file)
    (elsewhere.home / "own.txt").write_text("mine")
    with pytest.raises(InvalidInput):
        restore(elsewhere, file)
    assert (elsewhere.home / "own.txt").read_text() == "mine"
    _, aside = restore(elsewhere, file, replace=True)
    assert not (elsewhere.home / "own.txt").exists()
    assert [one / "own.txt" for one in aside if (one / "own.txt").exists()]
    assert Installation(elsewhere, []).readings() == manifest.store


def _damaged(file: Path, how: str) -> Path:
    damaged = file.with_name(f"{how}.tar")
    if how == "cut":
        damaged.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
        return damaged
    with tarfile.open(file) as old, tarfile.open(damaged, "w") as new:
        for member in old:
            content = old.extractfile(member)
            if how == "outside" and member.name.endswith("current.json"):
                member.name = "home/../../outside.json"
            if how == "altered" and member.name.endswith("passport.json"):
                member.mtime, held = 0, content.read().replace(b"1", b"2")  # type: ignore[union-attr]
                new.addfile(member, archive.io.BytesIO(held))
            elif not (how == "lacking" and member.name.endswith("passport.json")):
                new.addfile(member, content)
    return damaged


@pytest.mark.parametrize("how", ["cut", "altered", "lacking", "outside"])
def test_a_backup_that_is_not_as_it_was_written_restores_nothing(
    installation: Installation, elsewhere: Settings, tmp_path: Path, how: str
) -> None:
    back_up(installation.settings, tmp_path / "backup.tar")
    damaged = _damaged(tmp_path / "backup.tar", how)
    with pytest.raises(SourceUnreadable):
        check_backup(damaged)
    with pytest.raises(SourceUnreadable):
        restore(elsewhere, damaged)
    assert list((tmp_path / "elsewhere").rglob("*")) == []
    assert not list(tmp_path.rglob("outside.json"))
    if "postgresql" in elsewhere.store_url:
        assert Installation(elsewhere, []).readings().is_empty


def test_a_database_that_does_not_have_the_rows_of_the_manifest_is_not_put_in_place(
    installation: Installation, elsewhere: Settings, tmp_path: Path
) -> None:
    file, other = tmp_path / "backup.tar", tmp_path / "other.tar"
    back_up(installation.settings, file)
    with tarfile.open(file) as old, tarfile.open(other, "w") as new:
        for member in old:
            content = old.extractfile(member).read()  # type: ignore[union-attr]
            if member.name == "manifest.json":
                told = json.loads(content)
                told["store"]["rows"]["projects"] += 1
                content = json.dumps(told).encode()
                member.size = len(content)
            new.addfile(member, archive.io.BytesIO(content))
    with pytest.raises((SourceUnreadable, StoreUnavailable)) as refused:
        restore(elsewhere, other)
    assert "projects" in refused.value.en
    assert not elsewhere.home.exists()
    if "postgresql" in elsewhere.store_url:
        assert Installation(elsewhere, []).readings().is_empty


def test_a_backup_never_replaces_a_file_nor_lies_in_what_it_saves(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "there.tar").write_text("mine")
    for target in (tmp_path / "there.tar", installation.settings.home / "backup.tar"):
        with pytest.raises(InvalidInput):
            back_up(installation.settings, target)
    assert (tmp_path / "there.tar").read_text() == "mine"


def test_without_the_programs_of_postgresql_both_commands_say_what_is_missing(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RecordStore.open(postgresql_url).close()
    settings = Settings(home=tmp_path / "home", mlruns=tmp_path / "mlruns", database_url=postgresql_url)
    back_up(settings, tmp_path / "backup.tar")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFound, match=r"pg_dump is not on the PATH.*PATH 中找不到 pg_dump"):
        back_up(settings, tmp_path / "second.tar")
    with pytest.raises(NotFound, match="pg_restore is not on the PATH"):
        restore(settings, tmp_path / "backup.tar")
    assert not (tmp_path / "second.tar").exists()


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    """An installation with an empty store and two files, MLflow's apart from the home."""
    settings = Settings(home=tmp_path / "small", mlruns=tmp_path / "runs")
    RecordStore.open(settings.store_url).close()
    (settings.home / "plans").mkdir()
    (settings.home / "plans" / "plan.json").write_text("{}")
    settings.mlruns.mkdir()
    (settings.mlruns / "README.md").write_text("runs")
    return settings


def test_a_backup_of_another_kind_of_database_is_refused(
    small: Settings, postgresql_url: str, tmp_path: Path
) -> None:
    back_up(small, tmp_path / "backup.tar")
    with pytest.raises(InvalidInput, match="of sqlite"):
        restore(small.model_copy(update={"database_url": postgresql_url}), tmp_path / "backup.tar")


def test_a_restore_broken_off_anywhere_leaves_an_installation_whole_or_as_it_was(
    small: Settings, tmp_path: Path
) -> None:
    back_up(small, tmp_path / "backup.tar")
    (small.home / "own.txt").write_text("mine")
    at = 0
    while True:
        at += 1
        place = tmp_path / f"place-{at}"
        shutil.copytree(small.home, place / "home")
        shutil.copytree(small.mlruns, place / "runs")
        settings = Settings(home=place / "home", mlruns=place / "runs")
        again = functools.partial(restore, settings, tmp_path / "backup.tar", replace=True)
        broken = is_interrupted(again, at, archive, places, restoring)
        homes = list(place.glob("home*"))
        assert all((one / "plans" / "plan.json").read_text() == "{}" for one in homes)
        assert [(one / "siterisk.db").exists() for one in homes if (one / "own.txt").exists()] == [True]
        if not broken:
            break
        again()
        assert (settings.home / "plans" / "plan.json").exists() and not (settings.home / "own.txt").exists()
        assert list(place.glob(".*")) == []
        shutil.rmtree(place)
    assert at > 30


def test_a_backup_broken_off_leaves_no_file(small: Settings, tmp_path: Path) -> None:
    at, target = 1, tmp_path / "backup.tar"
    while is_interrupted(lambda: back_up(small, target), at, archive, backup):
        assert not target.exists() and not list(tmp_path.glob(".backup*"))
        at += 1
    assert at > 10 and target.exists()


def test_the_commands_tell_what_was_saved_and_where_the_old_files_are(
    small: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in small.as_environment().items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "backup.tar"
    assert run(["backup", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["store"]["kind"], told["files"], told["champion"]) == ("sqlite", 3, None)
    assert run(["restore", str(file), "--check"]) == 0
    assert run(["restore", str(file)]) == 2
    assert "--replace" in capsys.readouterr().err
    assert run(["restore", str(file), "--replace", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["restored"] and all(Path(one).exists() for one in told["set_aside"])
    assert run(["restore", str(tmp_path / "none.tar")]) == 11


HALF = """#!/bin/sh
{real} "$@" | head -c 60000
touch {reached}
exec sleep 60
"""


def test_a_restore_killed_in_the_middle_leaves_postgresql_as_it_was(
    small: Settings, postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small.model_copy(update={"database_url": postgresql_url})
    with RecordStore.open(postgresql_url) as store:
        load({"enterprises": _enterprises("saved", 2_000)}, store)
        back_up(settings, tmp_path / "backup.tar")
        load({"enterprises": _enterprises("later", 3)}, store)
    before = Installation(settings, []).readings()
    reached, wrapper = tmp_path / "reached", tmp_path / "bin" / "pg_restore"
    wrapper.parent.mkdir()
    wrapper.write_text(HALF.format(real=shutil.which("pg_restore"), reached=reached))
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}"
    command = [
        sys.executable,
        "-m",
        "serving.command_line",
        "restore",
        str(tmp_path / "backup.tar"),
        "--replace",
    ]
    environment = command_environment(settings, os.environ) | {"PATH": path}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        eventually(reached.exists, 60)
        process.kill()
    eventually(lambda: not _restoring(postgresql_url), 60)
    os.killpg(process.pid, signal.SIGKILL)  # the wrapper, which sleeps
    assert Installation(settings, []).readings() == before


def _enterprises(prefix: str, count: int) -> pd.DataFrame:
    ids = [f"{prefix}-{number}" for number in range(count)]
    return pd.DataFrame({"enterprise_id": ids, "recorded_at": "2026-01-01"})


def _restoring(url: str) -> bool:
    """Whether the session that puts the store back is still there."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'psql'"
    with RecordStore.open(url) as store, store.engine.connect() as connection:
        return bool(connection.scalar(sa.text(others)))
