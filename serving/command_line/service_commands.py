"""`siterisk serve`."""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from data_contracts.errors import InvalidInput
from serving.command_line.terminal import say
from serving.settings import PREFIX, Settings, load_settings
from serving.supervisor import VARIABLE

SERVICE = "serving.service:RiskScoring"
NAME = "risk_scoring"
PR_SET_PDEATHSIG = 1  # linux/prctl.h
CODE = Path(__file__).resolve().parents[2]


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; this machine only unless told.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 3000 unless told.", min=1, max=65535)
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.", min=1, max=64)] = None,
    end_with: Annotated[int | None, typer.Option(hidden=True, help="End with this process.")] = None,
) -> None:
    """启动评估服务。 Start the scoring service.

    It answers from the record store and the champion in force. It comes up at once; /readyz says 200
    when the model and the records are loaded. Ctrl-C stops it.

    \b
    Examples:
      siterisk serve
      siterisk serve --port 3100 --workers 2
      curl -s http://127.0.0.1:3000/readyz
    """
    given = {"host": host, "port": port, "workers": workers}
    told = {name: value for name, value in given.items() if value is not None}
    settings = load_settings(os.environ, Path.cwd()).model_copy(update=told)
    _require_address(settings.host)
    if not port_is_free(settings.host, settings.port):
        raise InvalidInput(
            zh=f"端口 {settings.port} 已被占用，请用 --port 另选一个。",
            en=f"Port {settings.port} is taken; choose another with --port.",
            field="port",
        )
    address = f"http://{settings.host}:{settings.port}"
    say(f"siterisk: {address}/ui/  {address}/v1/docs  (Ctrl-C 停止 / stops)")
    if end_with is not None:
        _end_with(end_with)
    become_service(settings, os.environ)


def become_service(settings: Settings, environ: Mapping[str, str]) -> NoReturn:
    """Turn this process into the service, so that signals reach it without a middleman."""
    state = settings.home.absolute() / "bentoml"
    state.mkdir(parents=True, exist_ok=True)
    variables = command_environment(settings, environ) | {
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_HOME": str(state),
        "BENTOML_CONFIG_OVERRIDES": json.dumps({"services": {NAME: {"workers": settings.workers}}}),
        "PYTHONUNBUFFERED": "1",
        VARIABLE: str(os.getpid()),  # stays the same: this process becomes the supervisor
    }
    command = [sys.executable, "-m", "bentoml", "serve", SERVICE, "-q", "--working-dir", str(CODE)]
    command += ["--host", settings.host, "--port", str(settings.port)]
    os.execve(sys.executable, command, variables)


def _end_with(parent: int) -> None:
    """Have Linux end this process, and what it becomes, when its parent is gone; elsewhere nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before we asked
        raise SystemExit(0)


def command_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of another `siterisk` process with these settings, wherever it is started."""
    kept = {name: value for name, value in environ.items() if not name.upper().startswith(PREFIX)}
    paths = [str(CODE), *filter(None, [environ.get("PYTHONPATH")])]
    return kept | settings.as_environment() | {"PYTHONPATH": os.pathsep.join(paths)}


def port_is_free(host: str, port: int) -> bool:
    """Whether a service could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str, wanted: int, *, tries: int = 100) -> int:
    """`wanted`, or the next free port after it; InvalidInput if there is none among the next hundred."""
    for port in range(wanted, min(wanted + tries, 65536)):
        if port_is_free(host, port):
            return port
    raise InvalidInput(
        zh=f"从 {wanted} 起的 {tries} 个端口都被占用，请用 --port 另选。",
        en=f"The {tries} ports from {wanted} on are all taken; choose another with --port.",
        field="port",
    )


def _require_address(host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise InvalidInput(
            zh=f"--host 应为 IP 地址（如 127.0.0.1 或 0.0.0.0），而不是 {host!r}。",
            en=f"--host must be an IP address such as 127.0.0.1 or 0.0.0.0, not {host!r}.",
            field="host",
        ) from None
