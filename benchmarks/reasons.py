"""How fast reasons, facts and sentences of a city are told, beyond the contributions themselves.

    python benchmarks/reasons.py [--home HOME] [--sites 10000] [--projects 3000] [--years 4] [--rounds 3]

With `--home` the records and the champion of an installation; without, a synthetic city drawn for this run and three made-up
scorecards over every feature, since it does not matter here how a contribution came about. Rows are the sites active on the
newest day and, until there are enough, on days a month before each other; all are compared with each other.

Counted: what is usual among similar sites (medians, mean contributions), what each feature adds beside them in log-odds and
points, points by family, the strongest reasons of either kind (five and five), and of each the value and that of similar sites
with unit and the sentence, in two languages. Not counted: features and contributions; their time stands beside. Records
behind a value are looked up when somebody asks (a page, an objection): the time of one such look-up is told too.

Prints one line of JSON: `sites_per_s` is sites a second over all heads together, by the best of the rounds; `cpu_s` is the time
on the processor of that round, which other work on the machine does not lengthen much.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from features.fact_index import FactIndex
    from serving.reasons.reasons import Reasons
    from training.risk_model import RiskModel

HEADS = ("accident", "defect", "hazard")
MOST = 5
LOOKED_UP = 40


def main() -> None:
    """Make ready, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path)
    parser.add_argument("--sites", type=int, default=10_000)
    parser.add_argument("--projects", type=int, default=3000)
    parser.add_argument("--years", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    index, day = index_of(given)
    pairs = rows_of(index, day, given.sites)
    started = time.perf_counter()
    matrix = index.matrix([project for project, _ in pairs], np.array([at for _, at in pairs]))
    features_s = time.perf_counter() - started
    model = champion(given.home) if given.home else made_up_model(matrix)
    started = time.perf_counter()
    contributions = {head: model.parts(matrix, head) for head in model.heads}
    contributions_s = time.perf_counter() - started
    rounds = [measured(index, model, matrix, contributions) for _ in range(given.rounds)]
    best = min(rounds, key=lambda one: sum(one["seconds"].values()))
    total = sum(best["seconds"].values())
    told = {
        "sites_per_s": round(len(matrix) / total),
        "seconds": round(total, 2),
        "cpu_s": round(best["cpu_s"], 2),
        "consists_of": {name: round(took, 3) for name, took in best["seconds"].items()},
        "sites": len(matrix),
        "heads": len(model.heads),
        "features": len(model.feature_names),
        "sentences": best["sentences"],
        "distinct_words": best["distinct"],
        "features_s": round(features_s, 2),
        "contributions_s": round(contributions_s, 2),
        "records_behind_ms": round(look_up_ms(index, pairs, best["reasons"]), 2),
        "model": "champion" if given.home else "made-up scorecards",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(told))


def measured(
    index: FactIndex, model: RiskModel, matrix: pd.DataFrame, contributions: dict[str, Any]
) -> dict[str, Any]:
    """Seconds by what they were for, how many sentences there are, and the reasons of the first head."""
    from serving.reasons.reasons import Reasons
    from serving.reasons.similar import Similar

    seconds = dict.fromkeys(("similar", "parts", "families", "words", "reasons"), 0.0)
    clock, cpu_s = Clock(seconds), time.process_time()
    told_by = Reasons(model, index.catalogue, Similar.of(model, matrix, contributions))
    clock.count("similar")
    found: list[Any] = []
    distinct: set[int] = set()
    for head in model.heads:
        parts = told_by.parts(matrix, head, contributions[head])
        clock.count("parts")
        told_by.families(parts)
        clock.count("families")
        told = told_by.told(parts, MOST)
        clock.count("words")
        found.append(told.by_row(features_of(told_by)))
        clock.count("reasons")
        distinct |= set(map(id, told.words))
    cpu_s = time.process_time() - cpu_s
    count = sum(len(reasons) for by_row in found for reasons in by_row)
    return {
        "seconds": seconds,
        "sentences": count,
        "distinct": len(distinct),
        "reasons": found[0],
        "cpu_s": cpu_s,
    }


class Clock:
    """Adds up seconds by what they were for."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds, self.since = seconds, time.perf_counter()

    def count(self, name: str) -> None:
        """The time since the last count, or the beginning, was for this."""
        now = time.perf_counter()
        self.seconds[name] += now - self.since
        self.since = now


def features_of(reasons: Reasons) -> Any:
    """The features of the model, in its order."""
    return reasons.catalogue.named(reasons.model.feature_names)


def look_up_ms(index: FactIndex, pairs: list[tuple[str, Any]], reasons: list[Any]) -> float:
    """Milliseconds to find the records behind the first reason of a site."""
    asked = [(one[0].feature, pair) for one, pair in zip(reasons, pairs, strict=True) if one]
    asked = asked[:: max(1, len(asked) // LOOKED_UP)][:LOOKED_UP]
    started = time.perf_counter()
    for name, (project_id, at) in asked:
        index.facts_behind(name, project_id, pd.Timestamp(at))
    return 1000 * (time.perf_counter() - started) / max(1, len(asked))


def index_of(given: argparse.Namespace) -> tuple[FactIndex, pd.Timestamp]:
    """The index of the records, and the newest day."""
    from data_contracts.moments import now
    from data_contracts.record_store import RecordStore
    from data_contracts.records import open_records
    from data_contracts.synthetic_city import write_city
    from features.catalogue import load_catalogue
    from features.fact_index import FactIndex

    if given.home:
        with RecordStore.open(f"sqlite:///{given.home / 'siterisk.db'}") as store:
            return FactIndex.build(store.records(), load_catalogue()), now().normalize()
    with tempfile.TemporaryDirectory() as folder:
        write_city(folder, projects=given.projects, years=given.years)
        return FactIndex.build(open_records(folder), load_catalogue()), pd.Timestamp("2025-12-01")


def rows_of(index: FactIndex, day: pd.Timestamp, count: int) -> list[tuple[str, Any]]:
    """Sites with the day on which they were active, the newest days first."""
    found: list[tuple[str, Any]] = []
    while len(found) < count:
        sites = index.sites(day).tolist()
        if not sites:
            raise SystemExit(f"There are {len(found)} sites in all / 一共只有 {len(found)} 个工地")
        found += [(one, np.datetime64(day, "us")) for one in sites]
        day -= pd.Timedelta(days=30)
    return found[:count]


def champion(home: Path) -> RiskModel:
    """The model in force in an installation."""
    from training.risk_model import load_champion

    return load_champion(home)


def made_up_model(matrix: pd.DataFrame) -> RiskModel:
    """Three scorecards over every feature, each with points drawn for the quartiles of its values."""
    from training.head_model import HeadModel
    from training.risk_model import RiskModel
    from training.scorecard import Scorecard, ScorecardRow

    names, drawn = tuple(map(str, matrix.columns)), np.random.default_rng(7)
    heads = []
    for head in HEADS:
        rows = []
        for name in names:
            edges = tuple(np.unique(np.nanquantile(matrix[name].fillna(0.0), [0.05, 0.5, 0.95])).tolist())
            points = tuple(drawn.normal(0, 0.15, len(edges)).tolist())
            rows.append(ScorecardRow(name, edges, points, missing=float(drawn.normal(0, 0.15)), mean=0.0))
        heads.append(HeadModel(head, names, 1.0, 0.0, scorecard=Scorecard(-4.0, tuple(rows))))
    return RiskModel(tuple(heads), {"features": list(names), "heads": {head: {} for head in HEADS}}, "0" * 64)


if __name__ == "__main__":
    main()
