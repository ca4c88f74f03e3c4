"""A service started beside this process, asked, and stopped: for the demo and for tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_contracts.errors import StoreUnavailable
from data_contracts.progress import Progress, silent
from serving.command_line.service_commands import command_environment
from serving.settings import Settings

LONGEST_START_S = 300
LONGEST_STOP_S = 20


@contextmanager
def running_service(
    settings: Settings, log: Path, progress: Progress = silent
) -> Iterator[subprocess.Popen[bytes]]:
    """A service that is ready, until the block ends; what it writes goes to `log`.

    Raises StoreUnavailable with the end of the log if it stops or is not ready in five minutes.
    """
    command = [sys.executable, "-m", "serving.command_line", "serve", "--end-with", str(os.getpid())]
    with log.open("wb") as lines, _ended_in_order():
        process = subprocess.Popen(
            command,
            env=command_environment(settings, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
        )
        try:
            _wait_until_ready(process, settings, log, progress)
            yield process
        finally:
            _stop(process)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Whoever ends this process with a signal ends what it has started with it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def address(settings: Settings) -> str:
    """Where the service answers."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def post_json(url: str, content: Any, *, key: str, timeout: float = 120) -> Any:
    """The JSON answer to a JSON request made with a key."""
    body = json.dumps(content).encode("utf-8")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(url, data=body, headers=headers)
    with _direct().open(request, timeout=timeout) as answer:
        return json.load(answer)


def _wait_until_ready(
    process: subprocess.Popen[bytes], settings: Settings, log: Path, progress: Progress
) -> None:
    started = time.monotonic()
    while time.monotonic() - started < LONGEST_START_S and process.poll() is None:
        progress("服务启动 / starting the service", int(time.monotonic() - started), None)
        try:
            with _direct().open(f"{address(settings)}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    end = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise StoreUnavailable(
        zh=f"服务未能启动，日志 {log} 的末尾：\n{end}",
        en=f"The service did not become ready; its log {log} ends above.",
    )


def _direct() -> urllib.request.OpenerDirector:
    """An opener that asks this machine itself, whatever proxy the environment names."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the service to end, again and again: it does not hear while it starts. At last, end it."""
    asked = time.monotonic()
    while process.poll() is None and time.monotonic() - asked < LONGEST_STOP_S:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
    if process.poll() is None:
        process.kill()
        process.wait()
