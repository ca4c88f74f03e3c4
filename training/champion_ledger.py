"""The champion's place on disk: a folder a version, a pointer switched in one step, a ledger of promotions.

    <home>/champion/<version>/      model folders, kept as long as the ledger
    <home>/champion/current.json    the one in force, and those that were before it
    <home>/promotions.jsonl         append-only: who, when, what, which figures, what was replaced

A line is on disk before the pointer moves, so that no switch goes without its line; the pointer names its
line by `promotion`. A line that no pointer ever named is a promotion that was cut short.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_contracts.errors import NotFound, StoreBusy
from training.model_folder import POINTER, champion_pointer

LEDGER = "promotions.jsonl"
SECONDS_TO_WAIT = 60.0


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
    """Add one line to the ledger and see it to the disk."""
    text = json.dumps(line, ensure_ascii=False) + "\n"
    ledger = Path(home) / LEDGER
    with ledger.open("ab+") as file:
        # A line cut short by a full disk or a kill keeps its own line.
        if file.tell() and _last_byte(ledger) != b"\n":
            text = "\n" + text
        file.write(text.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Hold the lock of promotions; StoreBusy if another process keeps it for a minute."""
    folder = Path(home) / "champion"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        waited_until = time.monotonic() + SECONDS_TO_WAIT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > waited_until:
                    raise StoreBusy(
                        zh=f"另一个进程正在 {home} 中启用模型，请稍后再试。",
                        en=f"Another process is promoting a model in {home}. Try again in a moment.",
                    ) from error
                time.sleep(0.1)
        yield


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
