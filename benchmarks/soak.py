"""Whether a worker stays as it is: memory and latency over 200,000 requests for grades, in blocks.

    python benchmarks/soak.py [--home HOME] [--projects 2000] [--requests 200000]

Needs `wrk`. One worker is asked by four connections for one project after another; every tenth request of the count is a
block, of which the worker's resident memory at its end, the median and the 99th percentile are printed. Prints a table
and a last line of JSON: `memory_growth` (last block over the third, when caches are full), `p50_growth`,
`p99_growth` (median of the last three blocks over that of the third to fifth).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.serving import (  # noqa: E402
    Target,
    active_sites,
    asked_by_wrk,
    made_home,
    new_key,
    wrk_script,
)
from serving.command_line.service_commands import free_port  # noqa: E402
from serving.command_line.service_process import address, running_service  # noqa: E402
from serving.settings import load_settings  # noqa: E402

SECONDS = 5  # of one turn of wrk


def main() -> None:
    """Prepare, ask, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="of an installation with records and a champion")
    parser.add_argument("--projects", type=int, default=2_000)
    parser.add_argument("--requests", type=int, default=200_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder, ExitStack() as stack:
        home = given.home or made_home(Path(folder), given.projects)
        environ = {"SITERISK_HOME": str(home), "SITERISK_PORT": str(free_port("127.0.0.1", 3810))}
        settings = load_settings(environ, Path(folder))
        target = Target(
            "grades", address(settings) + "/v1/grades", '{"project_ids": ["@"]}', new_key(settings)
        )
        script = wrk_script(Path(folder), target, active_sites(settings))
        process = stack.enter_context(running_service(settings, Path(folder) / "service.log"))
        blocks: list[dict[str, float]] = []
        asked = 0.0
        while asked < given.requests:
            turns = []
            while sum(turn["requests"] for turn in turns) < given.requests / 10:
                turns.append(asked_by_wrk(target.url, script, SECONDS))
            asked += sum(turn["requests"] for turn in turns)
            block = {name: statistics.median(turn[name] for turn in turns) for name in ("p50_ms", "p99_ms")}
            blocks.append(block | {"requests": asked, "memory_mb": _worker_memory(process.pid)})
            print(
                f"{asked:>9,.0f} requests  {blocks[-1]['memory_mb']:>8,.0f} MB  "
                f"p50 {block['p50_ms']:6.2f} ms  p99 {block['p99_ms']:6.2f} ms",
                flush=True,
            )
    early, late = blocks[2:5], blocks[-3:]

    def growth(name: str) -> float:
        return statistics.median(one[name] for one in late) / statistics.median(one[name] for one in early)

    print(
        json.dumps(
            {
                "requests": round(asked),
                "memory_growth": round(blocks[-1]["memory_mb"] / blocks[2]["memory_mb"], 3),
                "p50_growth": round(growth("p50_ms"), 3),
                "p99_growth": round(growth("p99_ms"), 3),
            }
        )
    )


def _worker_memory(service: int) -> float:
    """Megabytes that the worker of a service holds: the largest of the processes below its own."""
    below = psutil.Process(service).children(recursive=True)
    return max(process.memory_info().rss for process in below) / 2**20


if __name__ == "__main__":
    main()
