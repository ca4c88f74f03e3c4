"""The champion's place on disk: a folder a version, a pointer switched in one step, a ledger of promotions.

    <home>/champion/<version>/      model folders, kept as long as the ledger
    <home>/champion/current.json    the one in force, and those that were before it
    <home>/promotions.jsonl         append-only: who, when, why, what, on which data, which figures, what was replaced

A line is on disk before the pointer moves, so that no switch goes without its line. The pointer names its
line by `promotion`, each line the one that was in force by `after`: the lines on that chain took effect,
any other is a promotion that was cut short.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from data_contracts.errors import NotFound, StoreBusy, StoreUnavailable
from training.model_folder import POINTER, champion_pointer

LEDGER = "promotions.jsonl"
SECONDS_TO_WAIT = 60.0
_LOCK = ".lock"


def version_folder(home: Path, version: str) -> Path:
    """Where a champion of this version is, or will be."""
    return Path(home) / "champion" / version


def pointer_or_none(home: Path) -> dict[str, Any] | None:
    """The pointer in force; None before the first promotion."""
    try:
        return champion_pointer(home)
    except NotFound:
        return None


def switch_pointer(home: Path, pointer: dict[str, Any]) -> None:
    """Put the pointer in force in one step: readers see the old one or the new one, whole."""
    target = Path(home) / "champion" / POINTER
    building = target.with_name(f".{POINTER}-{os.getpid()}")
    with building.open("w", encoding="utf-8") as file:
        json.dump(pointer, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    building.replace(target)
    _sync_folder(target.parent)


def append_line(home: Path, line: dict[str, Any]) -> None:
    """Add one line to the ledger and see it to the disk; a line that does not fit there is taken away again."""
    text = json.dumps(line, ensure_ascii=False) + "\n"
    ledger = Path(home) / LEDGER
    with ledger.open("ab", buffering=0) as file:
        size = file.tell()
        # A line cut short by a kill keeps its own line.
        if size and _last_byte(ledger) != b"\n":
            text = "\n" + text
        try:
            left = memoryview(text.encode("utf-8"))
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise
    if not size:
        _sync_folder(ledger.parent)


def ledger_lines(home: Path) -> list[dict[str, Any]]:
    """All lines, the oldest first; one that was cut short by a kill is left out."""
    ledger = Path(home) / LEDGER
    lines = []
    for text in ledger.read_text(encoding="utf-8").split("\n") if ledger.is_file() else []:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines


def history(home: Path) -> list[dict[str, Any]]:
    """The promotions and rollbacks that took effect, the oldest first."""
    pointer = pointer_or_none(home)
    wanted = pointer["promotion"] if pointer and "promotion" in pointer else None
    version = None
    chain: list[dict[str, Any]] = []
    for line in reversed(ledger_lines(home)):
        # Lines of before `after` was noted name the version they replaced.
        if line.get("promotion") == wanted if wanted is not None else line.get("version") == version:
            chain.append(line)
            wanted, version = line.get("after"), line["replaced"]
            if version is None:
                break
    return chain[::-1]


def champion_on(home: Path, moment: pd.Timestamp) -> dict[str, Any]:
    """The ledger's line of the champion that was in force at a moment of Shanghai.

    Its `version` names the folder that is still there, and the passport in it the data of every head.
    Raises NotFound for a moment before the first promotion.
    """
    return champions_between(home, moment, moment)[-1]


def champions_between(home: Path, first: pd.Timestamp, last: pd.Timestamp) -> list[dict[str, Any]]:
    """The lines of all champions in force at some moment from `first` to `last`, the oldest first.

    Raises NotFound if there was none.
    """
    taken_effect = history(home)
    until = [pd.Timestamp(line["at"]) for line in taken_effect[1:]] + [pd.Timestamp.max]
    found = [
        line
        for line, ended in zip(taken_effect, until, strict=False)
        if pd.Timestamp(line["at"]) <= last and ended > first
    ]
    if not found:
        raise NotFound(
            zh=f"{last:%Y-%m-%d %H:%M} 时 {home} 中还没有在用模型。",
            en=f"No champion was in force in {home} at {last:%Y-%m-%d %H:%M}.",
            field="at",
        )
    return found


def clear_leftovers(home: Path) -> None:
    """Remove what promotions that were killed left half-built. Only for who holds the lock."""
    for path in (Path(home) / "champion").glob(".*"):
        if path.name == _LOCK:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sync_folders(folder: Path) -> None:
    """See to the disk which files a folder and those inside it hold."""
    for each in (*(path for path in folder.rglob("*") if path.is_dir()), folder, folder.parent):
        _sync_folder(each)


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Hold the lock of promotions.

    StoreBusy if another process keeps it for a minute, StoreUnavailable if the disk is full or cannot be
    written: what was in force then still is, or what replaces it is there whole.
    """
    folder = Path(home) / "champion"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("w") as lock:
            _wait_for(lock.fileno(), home)
            yield
    except OSError as error:
        raise StoreUnavailable(
            zh=f"无法写入 {home}：{error}。请腾出磁盘空间或检查权限后重试；没有启用任何不完整的模型。",
            en=f"Cannot write to {home}: {error}. Make room or check the permissions, and try again; no half-written "
            "model is in force.",
            field="SITERISK_HOME",
        ) from error


def _wait_for(lock: int, home: Path) -> None:
    waited_until = time.monotonic() + SECONDS_TO_WAIT
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > waited_until:
                raise StoreBusy(
                    zh=f"另一个进程正在 {home} 中启用模型，请稍后再试。",
                    en=f"Another process is promoting a model in {home}. Try again in a moment.",
                ) from error
            time.sleep(0.1)


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
