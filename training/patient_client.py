"""MLflow's client over SQLite that several trainings share: it waits for its turn, and names what is wrong.

SQLite tells a process whose transaction met another's that the database is locked, at once, however long
it is ready to wait; nothing was written then, so the call is made again.
"""

from __future__ import annotations

import errno
import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from data_contracts.errors import StoreBusy, StoreUnavailable

Answer = TypeVar("Answer")
# Seconds between attempts; MLflow itself waits up to 20 s for a lock before each of them fails.
WAITS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0)
_LOCKED = ("database is locked", "database table is locked", "database schema is locked")
_FULL = ("database or disk is full", "no space left on device")


class PatientClient:
    """An MLflow client each of whose calls waits while another process holds the database."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *arguments, **named: patiently(lambda: method(*arguments, **named))


def patiently(call: Callable[[], Answer], waits: tuple[float, ...] = WAITS) -> Answer:
    """What the call answers, made again while the database is locked; its own error after the last attempt."""
    for wait in waits:
        try:
            return call()
        except Exception as error:
            if not _says(error, _LOCKED):
                raise
        time.sleep(wait)
    return call()


@contextmanager
def first_to_open(mlruns: Path) -> Iterator[None]:
    """Hold the lock under which MLflow's database is opened: of two that make its tables at once one would fail."""
    with (Path(mlruns) / ".opening.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def storage_error(error: BaseException, mlruns: Path) -> StoreUnavailable | None:
    """What an error says about the disk or the database, with the way out; None if it is about something else."""
    if _is_full(error):
        return StoreUnavailable(
            zh=f"磁盘已满，未能写入 MLflow 文件夹 {mlruns}；候选模型未变。请腾出空间后重新训练。",
            en=f"The disk is full: the MLflow folder {mlruns} could not be written, and the challenger is unchanged. Free some "
            "space and train again.",
            field="mlruns",
        )
    if _says(error, _LOCKED):
        return StoreBusy(
            zh=f"其他进程长时间占用 MLflow 数据库 {mlruns / 'mlflow.db'}，请稍后再试。",
            en=f"Other processes have held MLflow's database {mlruns / 'mlflow.db'} for too long. Try again in a moment.",
            field="mlruns",
        )
    if isinstance(error, OSError):
        return StoreUnavailable(
            zh=f"无法使用 MLflow 文件夹 {mlruns}：{error}",
            en=f"Cannot use the MLflow folder {mlruns}: {error}",
            field="mlruns",
        )
    return None


def _is_full(error: BaseException) -> bool:
    numbers = {each.errno for each in _chain(error) if isinstance(each, OSError)}
    return bool(numbers & {errno.ENOSPC, errno.EDQUOT}) or _says(error, _FULL)


def _says(error: BaseException, phrases: tuple[str, ...]) -> bool:
    return any(phrase in str(each).lower() for each in _chain(error) for phrase in phrases)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those it came from, each once."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
