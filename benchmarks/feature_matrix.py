"""How fast the whole catalogue is computed for every site of a large city, month by month.

    python benchmarks/feature_matrix.py [--sites 50000] [--dates 36]

Tables are drawn as arrays (about 95 rows a site), once at half of the sites and once at all of them, each in
a process of its own. The clock covers building the index and filling the matrix, not the drawing. Prints a
table and one line of JSON: cells (rows x features) a second, peak memory of the process at full size, and
`growth`, the processor time at full size over that at half of it (2 is linear; other programs do not count).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sites", type=int, default=50_000)
    parser.add_argument("--dates", type=int, default=36)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(filled(options.sites, options.dates)))
        return
    half, whole = (_in_own_process(sites, options.dates) for sites in (options.sites // 2, options.sites))
    print(
        f"{'sites':>8} {'rows':>10} {'features':>8} {'index s':>8} {'matrix s':>8} {'cells/s':>12} {'cores':>6} {'peak MB':>8}"
    )
    for run in (half, whole):
        print(
            f"{run['sites']:>8,} {run['rows']:>10,} {run['features']:>8} {run['index_s']:>8.1f} "
            f"{run['matrix_s']:>8.1f} {run['cells_per_s']:>12,.0f} {run['cores_used']:>6.2f} {run['peak_mb']:>8,.0f}"
        )
    print(
        json.dumps(
            {
                "cells_per_s": round(whole["cells_per_s"]),
                "peak_mb": round(whole["peak_mb"]),
                "growth": round(whole["processor_s"] / half["processor_s"], 2),
                "features": whole["features"],
                "cores_used": round(whole["cores_used"], 2),
            }
        )
    )


def _in_own_process(sites: int, dates: int) -> dict:
    command = [sys.executable, __file__, "--alone", "--sites", str(sites), "--dates", str(dates)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


def filled(sites: int, dates: int) -> dict[str, float]:
    """The matrix of all sites at the first of so many months; `cores_used` is processor time over time."""
    from benchmarks.city_arrays import city_tables
    from data_contracts.records import Records
    from features.catalogue import load_catalogue
    from features.fact_index import FactIndex

    catalogue = load_catalogue()
    warm = Records.from_tables(city_tables(20))  # compiled loops are read from disk before the clock
    FactIndex.build(warm, catalogue).matrix(["P000001"], ["2025-01-01"])
    tables = city_tables(sites)
    projects = np.repeat(tables["projects"]["project_id"].to_numpy(object), dates)
    months = np.datetime64("2023-01", "M") + np.arange(dates)
    as_of = np.tile(months.astype("datetime64[us]"), sites)
    records = Records.from_tables(tables)
    for name in catalogue.rules:
        records.table(name)
    del tables
    started, at_first = time.perf_counter(), time.process_time()
    index = FactIndex.build(records, catalogue)
    built, processor = time.perf_counter(), time.process_time()
    matrix = index.matrix(projects, as_of)
    done, at_last = time.perf_counter(), time.process_time()
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return {
        "sites": sites,
        "rows": len(matrix),
        "features": matrix.shape[1],
        "index_s": built - started,
        "matrix_s": done - built,
        "cells_per_s": matrix.size / (done - started),
        "processor_s": at_last - at_first,
        "cores_used": (at_last - processor) / (done - built),
        "peak_mb": int(peak[1]) / 1024 if peak else float("nan"),
    }


if __name__ == "__main__":
    main()
