"""A PostgreSQL server that lives as long as the tests: no network, no durability, no trace."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

SETTINGS = """
listen_addresses = ''
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 64MB
max_connections = 60
"""


class PostgresqlServer:
    """Debian's PostgreSQL under a temporary folder, reached by a socket in it."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._user = _unprivileged_user()
        self._folder = Path(
            tempfile.mkdtemp(prefix="siterisk-pg-", dir="/tmp")
        )  # a socket's path must be short
        if self._user:
            shutil.chown(self._folder, self._user)
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Make a cluster and start its server; raises RuntimeError with the server's own words if it cannot."""
        data = str(self._folder / "data")
        self._run(
            "initdb", "-D", data, "-U", "siterisk", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"
        )
        with (self._folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(f"{SETTINGS}unix_socket_directories = '{self._folder}'\n")
        self._run("pg_ctl", "-D", data, "-l", str(self._folder / "log"), "-w", "-s", "start")

    def crash_and_restart(self) -> None:
        """End all sessions without a word, as a crash would, and start again on the same data."""
        data = str(self._folder / "data")
        self._run(
            *("pg_ctl", "-D", data, "-l", str(self._folder / "log"), "-m", "immediate", "-w", "-s", "restart")
        )

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-s", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"t{next(self._numbers)}"
        with psycopg.connect(
            f"host={self._folder} user=siterisk dbname=postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return f"postgresql://siterisk@/{name}?host={self._folder}"

    def drop_database(self, url: str) -> None:
        """Remove a database made by `new_database`, whoever is still connected to it."""
        name = url.partition("@/")[2].partition("?")[0]
        with psycopg.connect(
            f"host={self._folder} user=siterisk dbname=postgres", autocommit=True
        ) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=self._folder,
            user=self._user,
        )
        if done.returncode:
            raise RuntimeError(f"PostgreSQL's {program} failed: {done.stderr.strip()}")


def _programs() -> Path:
    """The folder of initdb and pg_ctl: Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    on_path = shutil.which("initdb")
    if found or on_path:
        return found[-1].parent if found else Path(str(on_path)).parent
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "--no-install-recommends", "postgresql"]
        subprocess.run(
            install, check=False, capture_output=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        )
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if found:
            return found[-1].parent
    raise RuntimeError(
        "The tests need PostgreSQL: install Debian's package `postgresql` (apt-get install postgresql)."
    )


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; then it runs as the user that its package made, or as nobody."""
    if os.geteuid() != 0:
        return None
    with Path("/etc/passwd").open() as users:
        names = {line.partition(":")[0] for line in users}
    return "postgres" if "postgres" in names else "nobody"
