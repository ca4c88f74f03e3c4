"""How fast a store of millions of rows is read whole into typed frames, and how fast news of it is.

    python benchmarks/read_store.py [--sites 53000] [--url postgresql://…] [--keep FILE]

Fills an empty store with a city's tables (about 95 rows a site, in no order, one row in a hundred corrected
later), reads every table in a process of its own, then asks for the changes after one new row and after a
thousand. Prints a table and one line of JSON; `cpu_s` is what the reading process itself computed on all
cores, which other work on the machine disturbs less than the time. `--keep` leaves the SQLite file there
and reads it again when it exists.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.city_arrays import city_tables
from data_contracts.bulk_write import write_columns
from data_contracts.contract import TableContract, contract, contract_set_version
from data_contracts.fingerprint import row_hashes
from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import connected, writing
from data_contracts.store_tables import store_table
from data_contracts.typed_tables import arrow_columns, record_keys

ROWS_AT_ONCE = 200_000
CORRECTED = 0.01
REPEATS = 9

_READ = """
import json, re, sys, time
from pathlib import Path
from data_contracts.contract import contracts
from data_contracts.record_store import RecordStore
opened, used = time.perf_counter(), time.process_time()
tables = {}
with RecordStore.open(sys.argv[1], create=False) as store:
    records = store.records()
    for name in contracts():
        started = time.perf_counter()
        rows = len(records.table(name))
        tables[name] = (rows, time.perf_counter() - started)
    seconds = time.perf_counter() - opened
cpu = time.process_time() - used
status = Path("/proc/self/status").read_text()
kept, peak = (int(re.search(rf"{name}:\\s+(\\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))
print(json.dumps({"tables": tables, "seconds": seconds, "cpu": cpu, "kept_mb": kept, "peak_mb": peak}))
"""


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sites", type=int, default=53_000)
    parser.add_argument("--url", help="an empty PostgreSQL database; default: a SQLite file")
    parser.add_argument("--keep", type=Path, help="a SQLite file to leave behind, or to read if it is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder:
        url = options.url or f"sqlite:///{(options.keep or Path(folder) / 'store.db').absolute()}"
        with RecordStore.open(url) as store:
            if not store.version():
                fill(store, city_tables(options.sites))
            read = measure_reading(url)
            changes = measure_changes(store)
    for name, (rows, seconds) in read["tables"].items():
        if rows:
            print(f"{name:>20} {rows:>10,} rows {seconds:>7.2f} s")
    rows = sum(count for count, _ in read["tables"].values())
    answer = {
        "rows": rows,
        "read_s": round(read["seconds"], 1),
        "cpu_s": round(read["cpu"], 1),
        "rows_per_s": round(rows / read["seconds"]),
        "peak_mb": round(read["peak_mb"]),
        "kept_mb": round(read["kept_mb"]),
        "changes_ms": {str(new): round(ms, 1) for new, ms in changes.items()},
    }
    print(json.dumps(answer))


def measure_reading(url: str) -> dict:
    """Every table once, in a new process; its file may be in memory already."""
    run = subprocess.run(
        [sys.executable, "-c", _READ, url],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    if run.returncode:
        raise SystemExit(f"the reading failed: {run.stderr}")
    return dict(json.loads(run.stdout))


def measure_changes(store: RecordStore) -> dict[int, float]:
    """Milliseconds of `changes_since` when so many rows are new: the median of a few calls."""
    taken = {}
    for new in (1, 1_000):
        before = store.version()
        rows = city_tables(max(1, new // 12), seed=before)["inspections"].head(new)
        rows = rows.assign(inspection_id="new-" + str(before) + rows["inspection_id"])
        _store(store, contract("inspections"), rows)
        times = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            found = store.changes_since(before)
            times.append(time.perf_counter() - started)
        if len(found["inspections"]) != len(rows):
            raise SystemExit("the changes are not the rows that were stored")
        taken[new] = float(np.median(times)) * 1000
    return taken


def fill(store: RecordStore, tables: dict[str, pd.DataFrame]) -> None:
    """The tables as a load would have stored them, with corrections, without the checks of a load."""
    draw = np.random.default_rng(1)
    for name, drawn in tables.items():
        table = contract(name)
        rows = drawn.drop_duplicates([*table.key, "recorded_at"]).sample(frac=1, random_state=1)
        _without_indexes(store, name)
        _store(store, table, rows)
        _store(store, table, rows[draw.random(len(rows)) < CORRECTED].assign(source_system="corrected"))
    with connected(store.engine) as connection, writing(connection):
        for name in tables:
            for index in store_table(name).indexes:
                index.create(connection)
    if store.engine.dialect.name == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM ANALYZE"))


def _without_indexes(store: RecordStore, name: str) -> None:
    with connected(store.engine) as connection, writing(connection):
        for index in store_table(name).indexes:
            index.drop(connection)


def _store(store: RecordStore, table: TableContract, rows: pd.DataFrame) -> None:
    """One more version of the store, with its number in `store_versions`."""
    if rows.empty:
        return
    version, moment = store.version() + 1, now().to_pydatetime()
    with connected(store.engine) as connection, writing(connection):
        for start in range(0, len(rows), ROWS_AT_ONCE):
            chunk = rows.iloc[start : start + ROWS_AT_ONCE].reset_index(drop=True)
            write_columns(connection, store_table(table.name), _stored_columns(table, chunk, version, moment))
        numbered = {
            "store_version": version,
            "table_name": table.name,
            "source": "benchmark",
            "rows_stored": len(rows),
            "contract_version": contract_set_version(),
            "loaded_at": moment,
        }
        connection.execute(store_table("store_versions").insert().values(**numbered))


def _stored_columns(
    table: TableContract, rows: pd.DataFrame, version: int, moment: object
) -> Mapping[str, pa.Array]:
    columns, count = arrow_columns(table, rows), len(rows)
    contents = {name: values for name, values in columns.items() if name != "recorded_at"}
    return {
        "store_version": pa.repeat(pa.scalar(version, pa.int64()), count),
        "record_key": pa.array(record_keys(table, rows), pa.large_string()),
        "content_hash": pa.array(row_hashes(contents, count), pa.large_string()),
        "contract_version": pa.repeat(pa.scalar(contract_set_version(), pa.large_string()), count),
        "loaded_at": pa.repeat(pa.scalar(moment, pa.timestamp("us")), count),
        **columns,
    }


if __name__ == "__main__":
    main()
