"""What the commands say, and where: results on standard output, everything else on standard error."""

from __future__ import annotations

import errno
import json
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import SiteriskError, StoreUnavailable
from data_contracts.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

SECONDS_WORTH_TELLING = 1.0
# Without a terminal a longer step is told this often.
SECONDS_BETWEEN_LINES = 10.0
REFUSALS_OF_THE_DISK = frozenset(
    (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EISDIR,
        errno.ENOTDIR,
    )
)


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def result(text: str) -> None:
    """A line of the result."""
    print(text, flush=True)


def result_json(content: Any) -> None:
    """The result for a machine: one JSON document, missing numbers null."""
    print(json.dumps(content, ensure_ascii=False, default=str, allow_nan=False), flush=True)


def tell_error(error: SiteriskError) -> None:
    """The error in both languages, Chinese first, without traceback."""
    place = f" [{error.field}]" if error.field else ""
    say(f"错误 {error.code}{place}：{error.zh}\nError {error.code}{place}: {error.en}")


def refused_by_the_disk(error: OSError) -> StoreUnavailable | None:
    """What is said where a disk is full or a file may not be written or read: no fault of ours. None for anything else."""
    if error.errno not in REFUSALS_OF_THE_DISK:
        return None
    where, reason = error.filename or "", error.strerror
    return StoreUnavailable(
        zh=f"无法读写文件 {where}（{reason}）：请检查权限与磁盘空间后重试。",
        en=f"A file cannot be read or written: {where} ({reason}). Check permissions and room on the disk, and try again.",
    )


def tell_unexpected(error: BaseException) -> None:
    """A fault of ours: what it was, and the file that holds the details for whoever mends it."""
    details = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile(
        "w", prefix="siterisk-fault-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(details)
    say(
        f"意外错误（{type(error).__name__}），详情见 {file.name}，请连同命令一并报告。\n"
        f"Unexpected error ({type(error).__name__}); the details are in {file.name}: please report them."
    )


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Progress drawn as bars on a terminal, and told in plain lines elsewhere."""
    if sys.stderr.isatty():
        with _bars() as progress:
            yield progress
    else:
        lines = _Lines()
        try:
            yield lines
        finally:
            lines.finish()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        running: dict[int, tuple[str, TaskID]] = {}  # the step of each thread

        def progress(step: str, done: int, total: int | None) -> None:
            thread = threading.get_ident()
            before, task = running.get(thread, (None, None))
            if step != before:
                if task is not None:
                    _end(bars, task)
                task = bars.add_task(step, total=total)
                running[thread] = step, task
            bars.update(running[thread][1], completed=done, total=total)

        yield progress
        for _, task in running.values():
            _end(bars, task)


def _end(bars: Bars, task: TaskID) -> None:
    """A step that took no second leaves no bar behind."""
    bars.stop_task(task)
    if (bars.tasks[bars.task_ids.index(task)].elapsed or 0) < SECONDS_WORTH_TELLING:
        bars.remove_task(task)


class _Lines:
    """Progress without a terminal: a line once a step has taken a second, now and then, and at its end.

    Each thread has a step of its own.
    """

    def __init__(self) -> None:
        self.steps: dict[int, _Step] = {}

    def __call__(self, step: str, done: int, total: int | None) -> None:
        thread = threading.get_ident()
        running = self.steps.get(thread)
        if running is None or running.name != step:
            if running is not None:
                running.finish()
            running = self.steps[thread] = _Step(step)
        running.tell(done, total)
        if done == total:  # what comes between this step and the next is not this one's time
            self.steps.pop(thread).finish()

    def finish(self) -> None:
        for step in self.steps.values():
            step.finish()


class _Step:
    """One step that is running."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started = self.told = time.monotonic()
        self.announcement = threading.Timer(SECONDS_WORTH_TELLING, say, [f"{name} …"])
        self.announcement.daemon = True
        self.announcement.start()

    def tell(self, done: int, total: int | None) -> None:
        if time.monotonic() - self.told > SECONDS_BETWEEN_LINES:
            self.told = time.monotonic()
            say(f"{self.name} … {done}{f' / {total}' if total else ''}")

    def finish(self) -> None:
        self.announcement.cancel()
        seconds = time.monotonic() - self.started
        if seconds > SECONDS_WORTH_TELLING:
            say(f"{self.name}: {seconds:.1f} s")


def table(rows: list[tuple[Any, ...]], header: tuple[str, ...]) -> str:
    """Rows under a header, columns aligned; numbers to the right.

    >>> print(table([("projects", 1200), ("parties", 4800)], ("table", "rows")))
    table     rows
    projects  1200
    parties   4800
    """
    texts = [header, *[tuple("" if cell is None else str(cell) for cell in row) for row in rows]]
    widths = [max(_width(row[i]) for row in texts) for i in range(len(header))]
    right = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))]
    lines = []
    for row in texts:
        cells = [_padded(cell, widths[i], right[i]) for i, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _padded(cell: str, width: int, right: bool) -> str:
    blank = " " * (width - _width(cell))
    return blank + cell if right else cell + blank


def _width(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if ord(letter) >= 0x1100 else 1 for letter in text)


def command_path() -> str:
    """How this installation's `siterisk` is called from here, for the commands we suggest."""
    script = Path(sys.argv[0])
    beside = Path(sys.executable).with_name("siterisk")
    chosen = script if script.name == "siterisk" else beside
    try:
        relative = chosen.absolute().relative_to(Path.cwd())
    except ValueError:
        return str(chosen) if chosen.is_file() else "siterisk"
    return str(relative)
