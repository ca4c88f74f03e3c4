"""How fast a million violation rows are taken in, and whether memory follows the chunk or the file.

    python benchmarks/load.py [--rows 1000000] [--url postgresql://…]

Makes CSV files of violations with their projects, runs `load` in a process of its own on an empty store,
at a quarter of the rows and at all of them, and prints a table and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROWS_A_PROJECT = 200
CATEGORIES = ("SCAF", "PIT", "FORM", "HEIGHT", "ELEC", "HOIST", "CRANE", "TOOL", "FIRE")

_LOAD = """
import re, sys, time
from pathlib import Path
from data_contracts.intake import load
from data_contracts.record_store import RecordStore
with RecordStore.open(sys.argv[2]) as store:
    started = time.perf_counter()
    report = load(sys.argv[1], store)
    seconds = time.perf_counter() - started
peak_kb = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(seconds, report.tables["violations"].stored, report.quarantined, peak_kb)
"""


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--url", help="an empty PostgreSQL database; default: a SQLite file")
    options = parser.parse_args()
    measured = [measure(options.rows // 4, None), measure(options.rows, options.url)]
    print(f"{'rows':>10} {'file MB':>8} {'seconds':>8} {'rows/s':>8} {'peak MB':>8} {'quarantined':>12}")
    for run in measured:
        print(
            f"{run['rows']:>10,} {run['file_mb']:>8.0f} {run['seconds']:>8.1f} {run['rows_per_s']:>8,.0f} "
            f"{run['peak_mb']:>8.0f} {run['quarantined']:>12,}"
        )
    quarter, whole = measured
    print(
        json.dumps(
            {
                "rows_per_s": round(whole["rows_per_s"]),
                "peak_mb": round(whole["peak_mb"]),
                "seconds": round(whole["seconds"], 1),
                "peak_mb_at_a_quarter": round(quarter["peak_mb"]),
            }
        )
    )


def measure(rows: int, url: str | None) -> dict[str, float]:
    """One load of `rows` violations into an empty store: seconds, rows a second, peak memory of the process."""
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder:
        source = Path(folder) / "records"
        size = write_records(source, rows)
        target = url or f"sqlite:///{folder}/store.db"
        run = subprocess.run(
            [sys.executable, "-c", _LOAD, str(source), target],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parent.parent,
        )
    answer = run.stdout.split()
    if run.returncode or int(answer[1]) != rows:
        raise SystemExit(f"the load failed: {run.stdout}{run.stderr}")
    seconds = float(answer[0])
    return {
        "rows": rows,
        "file_mb": size / 1e6,
        "seconds": seconds,
        "rows_per_s": rows / seconds,
        "peak_mb": int(answer[3]) / 1024,
        "quarantined": int(answer[2]),
    }


def write_records(folder: Path, rows: int, seed: int = 1) -> int:
    """Projects and violations of a made-up city as CSV; the size of the violations' file in bytes."""
    folder.mkdir()
    draw = np.random.default_rng(seed)
    count = max(1, rows // ROWS_A_PROJECT)
    projects = pd.DataFrame({"project_id": [f"P{n:06d}" for n in range(count)]})
    projects["recorded_at"] = projects["start_date"] = "2019-01-01"
    projects.to_csv(folder / "projects.csv", index=False)
    days = draw.integers(0, 2000, rows)
    found = pd.Timestamp("2019-02-01") + pd.to_timedelta(days, "D")
    late = pd.to_timedelta(draw.integers(0, 20, rows), "D") + pd.to_timedelta(draw.integers(8, 18, rows), "h")
    violations = pd.DataFrame(
        {
            "violation_id": [f"V{n:09d}" for n in draw.permutation(rows)],
            "found_on": found.strftime("%Y-%m-%d"),
            "recorded_at": (found + late).strftime("%Y-%m-%dT%H:%M:%S"),
            "project_id": projects["project_id"].to_numpy()[draw.integers(0, count, rows)],
            "agency_code": "D310115",
            "role": "GC",
            "category": draw.choice(CATEGORIES, rows),
            "severity": draw.choice(["general", "serious", "major"], rows, p=[0.9, 0.08, 0.02]),
            "item_count": draw.integers(1, 6, rows),
            "disposal": draw.choice(["ON_SPOT", "RECTIFY", "PARTIAL_STOP"], rows, p=[0.4, 0.55, 0.05]),
            "points": draw.choice(["", "1", "3"], rows, p=[0.9, 0.08, 0.02]),
            "penalty_cny10k": np.where(
                draw.random(rows) < 0.05, draw.gamma(2, 1.5, rows).round(2).astype(str), ""
            ),
            "rectify_due_on": (found + pd.Timedelta(days=7)).strftime("%Y-%m-%d"),
            "rectified_on": np.where(
                draw.random(rows) < 0.8, (found + pd.Timedelta(days=5)).strftime("%Y-%m-%d"), ""
            ),
            "source_system": "区站平台",
        }
    )
    violations.to_csv(folder / "violations.csv", index=False)
    return (folder / "violations.csv").stat().st_size


if __name__ == "__main__":
    main()
