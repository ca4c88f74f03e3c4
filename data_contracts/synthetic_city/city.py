"""The whole city: `write_city` draws it block by block and writes its tables and, apart, its truth."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import get_args

from data_contracts.errors import InvalidInput
from data_contracts.progress import Progress, silent
from data_contracts.synthetic_city.block import block_tables, draw_block, inspect_block
from data_contracts.synthetic_city.city_plan import plan_city
from data_contracts.synthetic_city.declaration import load_declaration
from data_contracts.synthetic_city.enterprise_rows import enterprise_tables
from data_contracts.synthetic_city.enterprises import draw_enterprises
from data_contracts.synthetic_city.filing import on_file
from data_contracts.synthetic_city.groundwork import City
from data_contracts.synthetic_city.stations import draw_stations, inspector_rows, roster_rows
from data_contracts.synthetic_city.surroundings import surroundings_tables
from data_contracts.synthetic_city.truth_files import TruthWriter
from data_contracts.synthetic_city.writing import CityWriter, TableFormat


def write_city(
    out: str | Path,
    *,
    projects: int = 4600,
    years: int = 6,
    seed: int = 1,
    last_day: dt.date = dt.date(2025, 12, 31),
    table_format: TableFormat = "parquet",
    variance: float | None = None,
    progress: Progress = silent,
) -> dict[str, int]:
    """Write a synthetic city to `out` and its hidden truth to `out/truth`; returns rows by table.

    `projects` sites are at work at any time during the `years` that end on `last_day`; nothing recorded
    after that day is written. The same arguments give the same bytes. `variance` chooses a declared
    variant of the log hazard's variance. Raises InvalidInput for arguments that make no city.
    """
    if table_format not in get_args(TableFormat):
        raise InvalidInput(
            zh=f"模拟城市可写成 parquet 或 csv，收到 {table_format}。",
            en=f"A synthetic city is written as parquet or csv, not as {table_format}.",
            field="table_format",
        )
    declared = load_declaration(variance=variance)
    plan = plan_city(declared, projects=projects, years=years, seed=seed, last_day=last_day)
    city = City(plan, draw_enterprises(plan), draw_stations(plan))
    folder = Path(out)
    with CityWriter(folder, table_format) as writer:
        whole = enterprise_tables(plan, city.firms) | surroundings_tables(plan)
        whole["inspectors"] = inspector_rows(plan, city.stations)
        whole["violations"] = on_file(plan, whole["violations"])
        for name, rows in whole.items():
            writer.write(name, rows)
        for rows in roster_rows(plan, city.stations):
            writer.write("inspector_days", rows)
        truth = TruthWriter(folder, city)
        for number in range(plan.blocks):
            progress("synthetic city", number, plan.blocks)
            block = draw_block(city, number)
            if len(block.sites):
                inspected = inspect_block(city, block)
                for name, parts in block_tables(city, block, inspected).items():
                    for rows in parts:
                        writer.write(name, rows)
                truth.write(block, inspected)
        truth.close()
        progress("synthetic city", plan.blocks, plan.blocks)
    return writer.counts
