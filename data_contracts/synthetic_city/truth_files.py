"""The hidden truth of a city, written apart from its tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.synthetic_city.block import Inspected
from data_contracts.synthetic_city.declaration import DECLARATION_FILE
from data_contracts.synthetic_city.defects import defect_rate
from data_contracts.synthetic_city.enterprises import KINDS
from data_contracts.synthetic_city.findings import serious_probability
from data_contracts.synthetic_city.groundwork import Block, City
from data_contracts.synthetic_city.rows import Rows, days_as_dates, first_day_of, words
from data_contracts.synthetic_city.sites import agencies
from data_contracts.synthetic_city.stages import STAGES
from data_contracts.synthetic_city.writing import open_writer

TRUTH_FOLDER = "truth"
MONTHS_A_GROUP = 200_000


class TruthWriter:
    """Takes the truth of one block after the other; use `close` at the end."""

    def __init__(self, out: Path, city: City) -> None:
        self.folder = out / TRUTH_FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self._city = city
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._waiting: dict[str, list[pa.Table]] = {"site_months": [], "sites": []}
        plan, firms, stations = city.plan, city.firms, city.stations
        self._write_whole("teams", {
            "team_ref": stations.team_refs,
            "agency_code": words(agencies(plan), stations.team_agency),
            "strictness": stations.strictness,
        })  # fmt: skip
        self._write_whole("enterprises", {
            "enterprise_id": firms.codes,
            "kind": words(KINDS, firms.kind),
            "poorness": firms.poorness,
            "frailty": firms.frailty,
        })  # fmt: skip
        (self.folder / "city.json").write_text(_passport(city), encoding="utf-8")
        (self.folder / "city.yaml").write_bytes(DECLARATION_FILE.read_bytes())

    def write(self, block: Block, inspected: Inspected) -> None:
        """Add the truth of a block, from the city's first month on."""
        self._add("site_months", _site_months(self._city, block, inspected))
        self._add("sites", _sites(self._city, block, inspected))

    def close(self) -> None:
        for name in self._waiting:
            self._flush(name)
            self._writers[name].close()

    def _add(self, name: str, rows: Rows) -> None:
        self._waiting[name].append(_arrow(rows))
        if sum(part.num_rows for part in self._waiting[name]) >= MONTHS_A_GROUP:
            self._flush(name)

    def _flush(self, name: str) -> None:
        if not self._waiting[name]:
            return
        group = pa.concat_tables(self._waiting[name])
        self._waiting[name] = []
        if name not in self._writers:
            self._writers[name] = open_writer(self.folder / f"{name}.parquet", group.schema, "parquet")
        self._writers[name].write_table(group)

    def _write_whole(self, name: str, rows: Rows) -> None:
        table = _arrow(rows)
        with open_writer(self.folder / f"{name}.parquet", table.schema, "parquet") as writer:
            writer.write_table(table)


def _site_months(city: City, block: Block, inspected: Inspected) -> Rows:
    panel = inspected.panel
    mine = panel.end > city.plan.first_day
    small = np.float32
    rows: Rows = {
        "project_id": block.sites.ids[panel.site],
        "month": days_as_dates(first_day_of(panel.month)),
        "begin": days_as_dates(panel.begin),
        "end": days_as_dates(panel.end),
        "stage_code": words(STAGES, panel.stage),
        "visible": panel.visible.astype(small),
        "frailty_site": panel.frailty_site.astype(small),
        "frailty_contractor": panel.frailty_contractor.astype(small),
        "log_hazard": panel.log_hazard.astype(small),
        "visited_share": inspected.visited_share.astype(small),
        "hazard": inspected.hazard.astype(small),
        "open_hazards": inspected.open_hazards.astype(np.int32),
        "serious_probability": serious_probability(city, block, panel).astype(small),
    }
    return {name: column[mine] for name, column in rows.items()}


def _sites(city: City, block: Block, inspected: Inspected) -> Rows:
    sites, frailty = block.sites, inspected.site_frailty
    return {
        "project_id": sites.ids,
        "start": days_as_dates(sites.start),
        "finish": days_as_dates(sites.finish),
        "terminated": sites.terminated,
        "agency_code": words(agencies(city.plan), sites.agency),
        "floor_area_m2": sites.area,
        "frailty_site": frailty,
        "expected_defects": defect_rate(city, block, frailty),
    }


def _passport(city: City) -> str:
    plan, declared = city.plan, city.plan.declared
    day = np.array([plan.first_day, plan.last_day]).view("M8[D]")
    facts = {
        "simulated": True,
        "declaration_sha256": declared.sha256,
        "variance": declared.variance,
        "calibrated": dict(declared.calibrated),
        "projects": plan.projects,
        "first_day": str(day[0]),
        "last_day": str(day[1]),
        "seed": plan.seed,
        "visit_effect": {
            name: declared[f"visit_effect.{name}"] for name in ("mechanism", "reduction", "days")
        },
        "findings": {
            name: declared[f"findings.{name}"]
            for name in ("visible_exponent", "frailty_exponent", "hazards_dispersion")
        },
    }
    return json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _arrow(rows: Rows) -> pa.Table:
    return pa.table({
        name: pa.array(column, pa.binary()).cast(pa.string()) if column.dtype.kind == "S" else pa.array(column)
        for name, column in rows.items()
    })  # fmt: skip
