"""The demo goes the whole way, in a home of its own, and takes up what is finished."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from data_contracts import errors
from data_contracts.progress import silent
from serving.command_line import demo_steps
from serving.command_line.demo import demo_settings
from serving.command_line.demo_steps import City
from serving.command_line.service_commands import free_port, port_is_free
from serving.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent


def eventually(holds: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


SMALL = City(projects=20, years=1, seed=1, last_day="2026-10-31")


@pytest.fixture
def steps_done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The demo's steps, each only noted."""
    done: list[str] = []
    for step in ("make_records", "load", "train", "promote", "grade", "plan"):
        monkeypatch.setattr(demo_steps, f"_{step}", lambda *_, step=step: done.append(step))
    return done


def test_a_demo_cut_short_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps_done: list[str]
) -> None:
    settings = demo_settings(load_settings({"SITERISK_HOME": str(tmp_path)}, tmp_path), 3000)
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(demo_steps, "_train", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        demo_steps.prepare(settings, SMALL, False, silent)
    assert steps_done == ["make_records", "load"]
    demo_steps.prepare(settings, SMALL, False, silent)
    assert steps_done == ["make_records", "load", "train", "promote", "grade", "plan"]
    demo_steps.prepare(settings, SMALL, False, silent)
    assert len(steps_done) == 6
    demo_steps.prepare(settings, SMALL, True, silent)
    assert len(steps_done) == 12


def test_a_demo_of_another_city_starts_from_nothing(tmp_path: Path, steps_done: list[str]) -> None:
    settings = demo_settings(load_settings({"SITERISK_HOME": str(tmp_path)}, tmp_path), 3000)
    demo_steps.prepare(settings, SMALL, False, silent)
    (settings.home / "siterisk.db").touch()
    demo_steps.prepare(settings, dataclasses.replace(SMALL, seed=2), False, silent)
    assert len(steps_done) == 12
    assert not (settings.home / "siterisk.db").exists()


def test_a_folder_that_no_demo_has_made_is_left_alone(tmp_path: Path, steps_done: list[str]) -> None:
    settings = demo_settings(load_settings({"SITERISK_HOME": str(tmp_path)}, tmp_path), 3000)
    settings.home.mkdir()
    (settings.home / "mine.txt").touch()
    with pytest.raises(errors.InvalidInput, match="no demo has made"):
        demo_steps.prepare(settings, SMALL, True, silent)
    assert (settings.home / "mine.txt").exists()
    assert steps_done == []


def test_the_demo_never_touches_the_records_of_the_installation(tmp_path: Path) -> None:
    real = load_settings(
        {"SITERISK_HOME": str(tmp_path), "SITERISK_DATABASE_URL": "postgresql://db/real"}, tmp_path
    )
    demo = demo_settings(real, 3000)
    assert demo.store_url == f"sqlite:///{tmp_path}/demo/siterisk.db"
    assert demo.mlruns == tmp_path / "demo" / "mlruns"


def test_a_taken_port_gives_way_to_the_next_free_one() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        taken = door.getsockname()[1]
        assert not port_is_free("127.0.0.1", taken)
        assert free_port("127.0.0.1", taken) > taken


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_goes_the_whole_way(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SITERISK_")}
    command = [sys.executable, "-m", "serving.command_line", "demo", "--no-serve", "--json"]
    command += ["--projects", "220", "--years", "3"]  # fewer sites than that beat no simple rule for certain
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    site = shown["answer"]["results"][0]
    assert site["status"] == "ACTIVE"
    assert all(0 < risk < 1 for risk in site["risks"].values())
    assert len(shown["next"]) == 4
    again = subprocess.run(
        shown["next"][2],
        shell=True,
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    scored = pd.read_csv(tmp_path / "var" / "demo" / "risks.csv")
    assert site["project_id"] in scored["project_id"].tolist()
    assert scored["reasons_zh"].notna().any()
    home = tmp_path / "var" / "demo"
    assert len(list((home / "plans").iterdir())) == 1
    assert (home / "plan.xlsx").exists() and (home / "plan.ics").exists()


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("when", ["starting", "ready"])
def test_a_demo_that_is_ended_leaves_no_service_behind(
    tmp_path: Path, end: signal.Signals, when: str
) -> None:
    port = free_port("127.0.0.1", 3310)
    program = f"""
import time
from pathlib import Path
import serving.command_line.service_process as service_process
from serving.settings import Settings
home = Path({str(tmp_path)!r})
service_process._wait_until_ready = lambda *_: None
with service_process.running_service(Settings(home=home, port={port}), home / "log"):
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    eventually(lambda: not port_is_free("127.0.0.1", port))
    if when == "ready":
        time.sleep(4)
    process.send_signal(end)
    assert process.wait(30) == (143 if end == signal.SIGTERM else -signal.SIGKILL)
    eventually(lambda: port_is_free("127.0.0.1", port))
