"""What the commands say, and where: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_contracts.errors import SiteriskError
from data_contracts.progress import Progress

# Without a terminal a step is told when it starts, when it ends, and this often in between.
SECONDS_BETWEEN_LINES = 10.0


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
        yield lines
        lines.finish()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def progress(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                for before in tasks.values():
                    bars.stop_task(before)
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield progress


class _Lines:
    """Progress without a terminal: a line at the start of each step, now and then, and at its end."""

    def __init__(self) -> None:
        self.step = ""
        self.started = self.told = 0.0

    def __call__(self, step: str, done: int, total: int | None) -> None:
        if step != self.step:
            self.finish()
            self.step, self.started, self.told = step, time.monotonic(), time.monotonic()
            say(f"{step} …")
        elif time.monotonic() - self.told > SECONDS_BETWEEN_LINES:
            self.told = time.monotonic()
            say(f"{step} … {done}{f' / {total}' if total else ''}")

    def finish(self) -> None:
        seconds = time.monotonic() - self.started
        if self.step and seconds > 1:
            say(f"{self.step}: {seconds:.1f} s")
        self.step = ""


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
