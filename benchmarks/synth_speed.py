"""How fast a synthetic city is written, and how much memory it takes.

    python benchmarks/synth_speed.py [--projects 4600] [--years 6] [--format parquet] [--also 20000]

Writes each city in a process of its own and prints a table and one line of JSON. Blocks of 2,000 sites are
written as they are made, so memory grows with the enterprises and the lists of file pieces only: the JSON's
`projected_mb_200000` draws the line through the two sizes on to 200,000 sites.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

_WRITE = """
import json, resource, sys, time
from data_contracts.synthetic_city import declaration_hash, write_city
started = time.perf_counter()
rows = write_city(sys.argv[1], projects=int(sys.argv[2]), years=int(sys.argv[3]), table_format=sys.argv[4])
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peak_mb": peak, "rows": sum(rows.values()), "city": declaration_hash()}))
"""


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--projects", type=int, default=4600)
    parser.add_argument("--years", type=int, default=6)
    parser.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    parser.add_argument(
        "--also", type=int, default=0, help="a second, larger size, for the memory at 200,000 sites"
    )
    given = parser.parse_args()
    sizes = [given.projects, *([given.also] if given.also else [])]
    results = [measure(projects, given.years, given.format) for projects in sizes]
    print(f"{'sites':>8} {'seconds':>9} {'peak MB':>9} {'rows':>12}")
    for projects, result in zip(sizes, results, strict=True):
        print(f"{projects:>8} {result['seconds']:>9.1f} {result['peak_mb']:>9.0f} {result['rows']:>12,}")
    summary = {"projects": sizes[0], "years": given.years, "cores": os.cpu_count(), **results[0]}
    summary["rows_per_s"] = round(summary["rows"] / summary["seconds"])
    if given.also:
        slope = (results[1]["peak_mb"] - results[0]["peak_mb"]) / (sizes[1] - sizes[0])
        summary["projected_mb_200000"] = round(results[1]["peak_mb"] + slope * (200_000 - sizes[1]))
    print(json.dumps(summary))


def measure(projects: int, years: int, table_format: str) -> dict[str, float]:
    """Seconds, peak memory in MB and rows of one city, written to a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _WRITE, folder, str(projects), str(years), table_format]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
