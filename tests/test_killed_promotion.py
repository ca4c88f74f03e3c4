"""Promotions killed with SIGKILL at every step, several at once, on a full disk: one champion, which loads, and no line lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.registered_models import champion_alias, empty_mlruns, register, training_files
from training.champion_ledger import LEDGER, append_line, history, ledger_lines
from training.model_folder import champion_pointer
from training.risk_model import load_champion

# Imports once, then answers each line of JSON with a process of its own for every promotion asked for. The
# verification in yet another process is left out: it writes nothing.
_PROMOTER = """
import errno, json, os, resource, signal, sys
from pathlib import Path
import mlflow, lightgbm, sqlalchemy, pandas
from data_contracts.errors import SiteriskError
from training import promotion
from training.run_log import tracking

promotion.verify_apart = lambda *_: None
set_alias = mlflow.MlflowClient.set_registered_model_alias
mlflow.MlflowClient.set_registered_model_alias = lambda *given: (sys.audit("siterisk.alias"), set_alias(*given))[1]

def kill_at(home, step):
    # A step is whatever is about to touch the installation's files, or MLflow's alias.
    taken = 0
    def watch(event, arguments):
        nonlocal taken
        touches = event == "siterisk.alias" or (
            event in ("open", "os.rename", "tempfile.mkdtemp")
            and str(arguments[0]).startswith(home) and (event != "open" or arguments[1] not in ("r", "rb"))
        )
        if touches:
            taken += 1
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)

def run(asked):
    if asked.get("kill_at"):
        kill_at(asked["home"], asked["kill_at"])
    if asked.get("largest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["largest_file"], resource.RLIM_INFINITY))
    try:
        promotion.promote(mlruns=Path(asked["mlruns"]), home=Path(asked["home"]), version=asked.get("version"))
    except SiteriskError as error:
        Path(asked["told"]).write_text(f"{error.code}: {error.en}") if "told" in asked else print(error, file=sys.stderr)
        return 3
    return 0

def start(asked):
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = run(asked)
        finally:
            os._exit(code)
    return child

def warm(mlruns):
    # What MLflow imports and looks up at its first use; it keeps no connection that a fork would share.
    os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"
    with tracking(Path(mlruns)) as used:
        used.MlflowClient().search_registered_models()
        used.MlflowClient().search_model_versions("name = ''")

warmed = False
for line in sys.stdin:
    work = json.loads(line)
    if not warmed:
        warm(work[0]["mlruns"])
        warmed = True
    children = [start(asked) for asked in work]
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]), flush=True)
"""
KILLED, REFUSED = -9, 3


class Promoter:
    """Runs promotions in processes of their own and says how each ended."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROMOTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
        )

    def run(self, *asked: dict[str, Any]) -> list[int]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked, default=str) + "\n")
        self.process.stdin.flush()
        ended: list[int] = json.loads(self.process.stdout.readline())
        return ended


@pytest.fixture(scope="module")
def promoter() -> Iterator[Promoter]:
    started = Promoter()
    yield started
    assert started.process.stdin is not None
    started.process.stdin.close()
    started.process.wait(timeout=30)


@pytest.fixture(scope="module")
def installation(
    untrained: Path, tmp_path_factory: pytest.TempPathFactory, promoter: Promoter
) -> tuple[Path, Path, list[str]]:
    """Three trainings of one head, the first of them in force, and the versions of their folders."""
    folder = tmp_path_factory.mktemp("killed")
    mlruns = empty_mlruns(folder / "mlruns", untrained)
    versions = [
        register(mlruns, training_files(mlruns, heads=["accident"], seed=seed)).version for seed in (1, 2, 3)
    ]
    assert promoter.run({"mlruns": mlruns, "home": folder / "first", "version": "1"}) == [0]
    return mlruns, folder / "first", versions


@pytest.fixture
def home(tmp_path: Path, installation: tuple[Path, Path, list[str]]) -> Path:
    """A home of its own with the first training in force."""
    shutil.copytree(installation[1], tmp_path / "var")
    return tmp_path / "var"


def whole_lines(home: Path) -> int:
    """How many lines the ledger has; none may be half of one."""
    text = (home / LEDGER).read_text(encoding="utf-8")
    assert text.endswith("\n")
    return len([json.loads(line) for line in text.splitlines()])


@pytest.mark.slow
def test_wherever_a_promotion_is_killed_one_champion_is_in_force_and_the_next_promotion_succeeds(
    tmp_path: Path, installation: tuple[Path, Path, list[str]], promoter: Promoter
) -> None:
    mlruns, first, versions = installation
    found, step = [], 0
    while True:
        step += 1
        home = tmp_path / str(step)
        shutil.copytree(first, home)
        asked = {"mlruns": mlruns, "home": home, "version": "2"}
        (ended,) = promoter.run({**asked, "kill_at": step})
        lines = whole_lines(home)
        in_force = load_champion(home).version
        assert in_force == champion_pointer(home)["version"] == history(home)[-1]["version"]
        assert len(history(home)) == (1 if in_force == versions[0] else 2)
        if ended == 0:
            break
        assert ended == KILLED
        found.append((in_force, lines, champion_alias(mlruns, "accident")))
        assert promoter.run(asked) == [0]
        assert load_champion(home).version == versions[1]
        assert champion_alias(mlruns, "accident") == "2"
        assert len(history(home)) == 2 and whole_lines(home) >= lines
        assert {path.name for path in (home / "champion").iterdir()} == {
            *versions[:2],
            ".lock",
            "current.json",
        }
    # Every state between was met: nothing yet, the line without the pointer, the pointer without the alias.
    assert {(versions[0], 1, "1"), (versions[0], 2, "1"), (versions[1], 2, "1")} <= set(found)


def test_promotions_at_once_come_one_after_another(
    home: Path, installation: tuple[Path, Path, list[str]], promoter: Promoter
) -> None:
    mlruns, _, versions = installation
    asked = [{"mlruns": mlruns, "home": home, "version": number} for number in ("2", "3", "2")]
    assert promoter.run(*asked) == [0, 0, 0]
    lines = ledger_lines(home)
    assert len(lines) == whole_lines(home) in (3, 4)
    assert [line["promotion"] for line in history(home)] == [line["promotion"] for line in lines]
    assert [line["replaced"] for line in lines[1:]] == [line["version"] for line in lines[:-1]]
    in_force = load_champion(home).version
    assert in_force == lines[-1]["version"] and in_force in versions
    assert champion_alias(mlruns, "accident") == str(versions.index(in_force) + 1)


@pytest.mark.parametrize("room", ["for no folder", "for half a line"])
def test_on_a_full_disk_the_champion_stays_and_no_half_line_is_left(
    home: Path, installation: tuple[Path, Path, list[str]], promoter: Promoter, room: str
) -> None:
    mlruns, _, versions = installation
    assert promoter.run({"mlruns": mlruns, "home": home, "version": "1"}) == [0]
    if room == "for half a line":  # a ledger larger than all other files reaches the limit first
        append_line(home, {"promotion": "filler", "version": "filler", "note": "x" * 3_000_000})
    size = (home / LEDGER).stat().st_size
    largest = 500 if room == "for no folder" else size + 300
    told = home / "told"
    asked = {"mlruns": mlruns, "home": home, "version": "2", "told": told}
    assert promoter.run({**asked, "largest_file": largest}) == [REFUSED]
    assert told.read_text().startswith("STORE_UNAVAILABLE: Cannot write to")
    assert (home / LEDGER).stat().st_size == size
    assert load_champion(home).version == versions[0] and champion_alias(mlruns, "accident") == "1"
    assert promoter.run(asked) == [0]
    assert load_champion(home).version == versions[1]
