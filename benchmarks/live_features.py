"""How fast one project's features are answered, how soon a new record counts, and how long a store takes to load.

    python benchmarks/live_features.py [--events 5000000] [--requests 2000] [--records 200]

Tables are drawn as arrays (about 95 rows a site), frozen as a snapshot, and loaded by a process of its own as
the service does: read, checked against the fingerprint, indexed. Then that process answers requests for one
project's full vector each (all model features), and is fed one new record at a time, each timed from the typed row to the answer
that counts it. At the end the fed index is compared with one built from all records. Prints a table and one
line of JSON: `p50_ms` of a request, `fresh_ms` at the median of the records, `load_s`.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent))

ROWS_A_SITE = 95
NOW = pd.Timestamp("2026-01-15 10:00")
FED = ("violations", "inspections", "orders", "attendance", "progress", "project_parties", "projects")


def main() -> None:
    """Prepare, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--records", type=int, default=200, help="new records fed one by one")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measured(Path(options.alone), options.requests, options.records)))
        return
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder:
        frozen = Path(folder) / "snapshot"
        _freeze(frozen, options.events // ROWS_A_SITE)
        command = [sys.executable, __file__, "--alone", str(frozen)]
        command += ["--requests", str(options.requests), "--records", str(options.records)]
        run = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    for name, value in run.items():
        print(f"{name:>28} {value:>14,.3f}" if isinstance(value, float) else f"{name:>28} {value:>14,}")
    print(json.dumps({name: round(run[name], 3) for name in ("p50_ms", "fresh_ms", "load_s")}))


def _freeze(folder: Path, sites: int) -> None:
    from benchmarks.city_arrays import city_tables
    from data_contracts.records import Records
    from data_contracts.snapshot import snapshot

    snapshot(Records.from_tables(city_tables(sites)), folder)


def measured(folder: Path, requests: int, records: int) -> dict[str, float]:
    """Load the snapshot, answer, feed, and compare with an index built from everything."""
    from benchmarks.city_arrays import city_tables
    from data_contracts.contract import contracts
    from data_contracts.records import Records
    from data_contracts.snapshot import read_snapshot
    from features.catalogue import load_catalogue
    from features.fact_index import FactIndex

    catalogue = load_catalogue()
    warm = FactIndex.build(
        Records.from_tables(city_tables(20)), catalogue
    )  # compiled loops are read from disk
    warm.cells(catalogue.names, ["P000001"], [NOW])
    started = time.perf_counter()
    frozen = read_snapshot(folder)
    tables = {name: frozen.table(name) for name in contracts()}
    read = time.perf_counter()
    index = FactIndex.build(frozen, catalogue)
    built = time.perf_counter()
    draw = np.random.default_rng(7)
    ids = tables["projects"]["project_id"].to_numpy(object)
    asked = [_timed(index, catalogue.names, str(name)) for name in draw.choice(ids, requests)]
    index, fed, spent = _fed(index, catalogue.names, tables, records, draw)
    whole = Records.from_tables(
        {name: pd.concat([rows, *fed.get(name, [])]) for name, rows in tables.items()}
    )
    some = draw.choice(ids, 2_000).tolist() + [
        row["project_id"].iloc[0] for rows in fed.values() for row in rows
    ]
    names = [feature.name for feature in catalogue.features]
    moments = np.full(len(some), np.datetime64(NOW, "us") + np.timedelta64(1, "D"))
    same = np.array_equal(
        index.cells(names, some, moments),
        FactIndex.build(whole, catalogue).cells(names, some, moments),
        equal_nan=True,
    )
    if not same:
        raise SystemExit("the fed index differs from one built from all records")
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    every = [time_ for times in spent.values() for time_ in times]
    return {
        "events": sum(map(len, tables.values())),
        "features": len(catalogue.names),
        "read_s": read - started,
        "index_s": built - read,
        "load_s": built - started,
        "p50_ms": 1000 * float(np.median(asked)),
        "p99_ms": 1000 * float(np.quantile(asked, 0.99)),
        "fresh_ms": 1000 * float(np.median(every)),
        "fresh_p90_ms": 1000 * float(np.quantile(every, 0.9)),
        **{f"fresh_ms {name}": 1000 * float(np.median(times)) for name, times in spent.items()},
        "peak_mb": int(peak[1]) / 1024 if peak else float("nan"),
    }


def _timed(index, names, project: str) -> float:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    index.cells(names, [project], [NOW])
    return time.perf_counter() - started


def _fed(index, names, tables, records, draw):  # type: ignore[no-untyped-def]
    """Copies of old records with a new id or a new moment, by turns of every table."""
    from data_contracts.contract import contract

    fed: dict[str, list[pd.DataFrame]] = {name: [] for name in FED}
    spent: dict[str, list[float]] = {name: [] for name in FED}
    for number in range(records):
        name = FED[number % len(FED)]
        row = tables[name].iloc[[int(draw.integers(0, len(tables[name])))]].reset_index(drop=True)
        row = row.assign(recorded_at=NOW + pd.Timedelta(seconds=number))
        (key, *others) = contract(name).key
        if not others and name != "projects":
            row[key] = pd.Series([f"new {number}"], dtype="str")
        if row["project_id"].isna().iloc[0]:
            continue
        started = time.perf_counter()
        index = index.feed({name: row})
        index.cells(names, [row["project_id"].iloc[0]], [NOW + pd.Timedelta(days=1)])
        spent[name].append(time.perf_counter() - started)
        fed[name].append(row)
    return index, fed, spent


if __name__ == "__main__":
    main()
