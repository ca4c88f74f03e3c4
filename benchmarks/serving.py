"""How many grades a second a worker gives, beside an endpoint that does nothing and MLflow's own server; and in bulk.

    python benchmarks/serving.py [--home HOME] [--projects 6000] [--seconds 6] [--rounds 3]

Needs `wrk` (a Debian package of that name). Without `--home` a city is made, loaded, trained on and promoted
first (some minutes); with it an installation's home with store and champion is used (SITERISK_MLRUNS is not needed).
Three servers stand side by side, one worker each, and wrk asks them in turn, four connections from one thread:
`/v1/grades` for one project after another as of now (all heads, ledger), without and with reasons; an endpoint that
does nothing, mounted in BentoML in the same way (`idle_service.py`); and `mlflow models serve` of one LightGBM head
that is given its features. Of several rounds the middle one counts. Then one call asks for 10,000 projects.
Prints a table and a last line of JSON: `rps`, `rps_reasons`, `noop_rps`, `mlflow_rps`, `p50_ms`, `p99_ms` (without
reasons), `bulk_10k_s`, `bulk_10k_reasons_s`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from data_contracts.moments import now  # noqa: E402
from data_contracts.record_store import RecordStore  # noqa: E402
from serving.access.key_store import add_key  # noqa: E402
from serving.command_line.service_commands import free_port  # noqa: E402
from serving.command_line.service_process import address, post_json, running_service  # noqa: E402
from serving.settings import Settings, load_settings  # noqa: E402
from training.risk_model import RiskModel, load_champion  # noqa: E402

CONNECTIONS = 4
BULK = 10_000
SCRIPT = """
local ids, place = {%(ids)s}, 0
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
%(key)s
request = function()
  place = place %% #ids + 1
  return wrk.format(nil, nil, nil, (string.gsub([==[%(body)s]==], "@", ids[place])))
end
done = function(summary, latency)
  io.write(string.format('\\n{"requests": %%d, "us": %%d, "p50": %%d, "p99": %%d, "faults": %%d}\\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), summary.errors.status + summary.errors.timeout
    + summary.errors.connect + summary.errors.read + summary.errors.write))
end
"""


@dataclass(frozen=True)
class Target:
    """One address that wrk asks, with the body of a request (`@` stands for a project's id)."""

    name: str
    url: str
    body: str
    key: str | None = None


def main() -> None:
    """Prepare, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="of an installation with records and a champion")
    parser.add_argument("--projects", type=int, default=6_000)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder, ExitStack() as stack:
        home = given.home or made_home(Path(folder), given.projects)
        environ = {"SITERISK_HOME": str(home), "SITERISK_PORT": str(free_port("127.0.0.1", 3510))}
        settings = load_settings(environ, Path(folder))
        model = load_champion(settings.home)
        key, ids = new_key(settings), active_sites(settings)
        stack.enter_context(running_service(settings, Path(folder) / "service.log"))
        idle = stack.enter_context(_idle_service(Path(folder)))
        ready = stack.enter_context(_mlflow_server(Path(folder), model))
        url = address(settings) + "/v1/grades"
        targets = [
            Target("rps", url, '{"project_ids": ["@"]}', key),
            Target("rps_reasons", url, '{"project_ids": ["@"], "reasons": true}', key),
            Target("noop_rps", idle, '{"project_ids": ["@"]}'),
            Target("mlflow_rps", ready, _features_of_one(model)),
        ]
        seen = _measured(targets, ids, Path(folder), given.seconds, given.rounds)
        bulk = {
            "bulk_10k_s": _bulk(url, key, ids, reasons=False),
            "bulk_10k_reasons_s": _bulk(url, key, ids, reasons=True),
        }
    _print(seen, bulk, len(ids))


def made_home(folder: Path, projects: int) -> Path:
    """The home of a new installation: a city of six years, its store, a champion trained on it."""
    home = folder / "home"
    variables = os.environ | {"SITERISK_HOME": str(home), "SITERISK_MLRUNS": str(folder / "mlruns")}
    city = str(folder / "city")
    for step in (
        ["synth", "--out", city, "--projects", str(projects), "--years", "6", "--seed", "1"],
        ["load", city],
        ["train"],
        ["promote"],
        ["grade"],
    ):
        print(f"siterisk {' '.join(step)}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "serving.command_line", *step]
        subprocess.run(
            command, env=variables | {"PYTHONPATH": str(ROOT)}, check=True, stdout=subprocess.DEVNULL
        )
    return home


def new_key(settings: Settings) -> str:
    at = now().to_pydatetime()
    with RecordStore.open(settings.store_url) as store:
        _, token = add_key(
            store,
            name="benchmark",
            role="score",
            districts=["310000"],
            agencies=[],
            calls_per_second=100_000.0,
            at=at,
            expires_at=at + dt.timedelta(days=1),
        )
    return token


def active_sites(settings: Settings) -> list[str]:
    """The sites that are started and not finished."""
    with RecordStore.open(settings.store_url, create=False) as store:
        newest = store.read("projects").drop_duplicates("project_id", keep="last")
    today = now()
    started, finished = newest["start_date"] <= today, newest["finish_date"] <= today
    active = newest.loc[started & ~finished, "project_id"].tolist()
    return active or newest["project_id"].tolist()


@contextmanager
def _idle_service(folder: Path) -> Iterator[str]:
    """The endpoint that does nothing, started by BentoML as the service is."""
    port, state = free_port("127.0.0.1", 3610), folder / "bentoml"
    state.mkdir()
    command = [sys.executable, "-m", "bentoml", "serve", "benchmarks.idle_service:IdleService", "-q"]
    command += ["--working-dir", str(ROOT), "--host", "127.0.0.1", "--port", str(port)]
    variables = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(state), "PYTHONPATH": str(ROOT)}
    with _server(command, variables, folder / "idle.log", f"http://127.0.0.1:{port}/livez"):
        yield f"http://127.0.0.1:{port}/v1/nothing"


@contextmanager
def _mlflow_server(folder: Path, model: RiskModel) -> Iterator[str]:
    """One head as `mlflow models serve` gives it; the features come with the request."""
    import mlflow

    kept, port = folder / "one_head", free_port("127.0.0.1", 3710)
    trees = [fitted.trees for fitted in model.fitted.values() if fitted.trees is not None]
    booster = (trees or [lent for fitted in model.fitted.values() for lent in fitted.borrowed])[0]
    mlflow.lightgbm.save_model(booster, str(kept), pip_requirements=["lightgbm"])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(kept), "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    found_in = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ["PATH"]]
    )  # it starts uvicorn by name
    variables = {"MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1", "PATH": found_in}
    with _server(command, variables, folder / "mlflow.log", f"http://127.0.0.1:{port}/ping"):
        yield f"http://127.0.0.1:{port}/invocations"


def _features_of_one(model: RiskModel) -> str:
    names = list(model.feature_names)
    return json.dumps({"dataframe_split": {"columns": names, "data": [[1.0] * len(names)]}})


@contextmanager
def _server(command: list[str], variables: Mapping[str, str], log: Path, alive: str) -> Iterator[None]:
    with log.open("wb") as lines:
        process = subprocess.Popen(
            command, env=os.environ | dict(variables), stdout=lines, stderr=subprocess.STDOUT
        )
        try:
            _wait_for(alive, process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(400):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
        if process.poll() is not None:
            break
    raise SystemExit(f"a server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _measured(
    targets: list[Target], ids: list[str], folder: Path, seconds: int, rounds: int
) -> dict[str, list[dict[str, float]]]:
    """What wrk saw of each target, round by round; the first, which warms up, is left out."""
    scripts = {target.name: wrk_script(folder, target, ids) for target in targets}
    seen: dict[str, list[dict[str, float]]] = {target.name: [] for target in targets}
    for turn in range(rounds + 1):
        for target in targets:
            found = asked_by_wrk(target.url, scripts[target.name], seconds if turn else 2)
            if turn:
                seen[target.name].append(found)
    return seen


def wrk_script(folder: Path, target: Target, ids: list[str]) -> Path:
    """The program by which wrk asks a target about one project after another."""
    key = f'wrk.headers["Authorization"] = "Bearer {target.key}"' if target.key else ""
    script = folder / f"{target.name}.lua"
    listed = ", ".join(json.dumps(one) for one in ids)
    script.write_text(SCRIPT % {"ids": listed, "body": target.body, "key": key})
    return script


def asked_by_wrk(url: str, script: Path, seconds: int) -> dict[str, float]:
    """Requests a second, and latencies in milliseconds; ends the program where any request failed."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.strip().splitlines()[-1])
    if told["faults"]:
        raise SystemExit(f"{url}: {told['faults']} of {told['requests']} requests failed\n{done.stdout}")
    return {
        "requests": told["requests"],
        "rps": told["requests"] / told["us"] * 1e6,
        "p50_ms": told["p50"] / 1000,
        "p99_ms": told["p99"] / 1000,
    }


def _bulk(url: str, key: str, ids: list[str], *, reasons: bool) -> float:
    asked: dict[str, Any] = {"project_ids": [ids[row % len(ids)] for row in range(BULK)]}
    if reasons:
        asked["reasons"] = True
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        post_json(url, asked, key=key)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _print(seen: Mapping[str, list[dict[str, float]]], bulk: Mapping[str, float], sites: int) -> None:
    middle = {
        name: {what: statistics.median(one[what] for one in rounds) for what in rounds[0]}
        for name, rounds in seen.items()
    }
    print(f"{sites:,} active sites, {CONNECTIONS} connections, one worker")
    print(f"{'':>14} {'requests/s':>11} {'p50 ms':>8} {'p99 ms':>8} {'of noop':>8}")
    for name, one in middle.items():
        share = one["rps"] / middle["noop_rps"]["rps"]
        print(f"{name:>14} {one['rps']:>11,.0f} {one['p50_ms']:>8.2f} {one['p99_ms']:>8.2f} {share:>8.2f}")
    for name, value in bulk.items():
        print(f"{name:>20} {value:>8.2f}")
    figures = {name: round(one["rps"], 1) for name, one in middle.items()}
    figures |= {name: round(middle["rps"][name], 2) for name in ("p50_ms", "p99_ms")}
    print(json.dumps(figures | {name: round(value, 3) for name, value in bulk.items()}))


if __name__ == "__main__":
    main()
