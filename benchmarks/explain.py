"""How fast contributions are looked up, beside shap and LightGBM's own, with equal results.

    python benchmarks/explain.py [--projects 1500] [--years 4] [--rows 100000] [--judged 5000] [--rounds 2]

Draws a synthetic city, takes the rows of the head `defect` (the latest `--rows` of them), the 120 features with
the most distinct values and the labels, fits 300 trees of 31 leaves, depth 6, and explains the rows. All run in
this process, in turn, `--rounds` times; the best time of each counts. Ours explains all rows, shap and LightGBM
`--judged` of them, drawn at random: their time a row does not depend on how many there are.
`shap.TreeExplainer` leaves a LightGBM model to `pred_contrib`, which takes all cores: two threads here as well.
"Remembering patterns" is an idea that was tried, see `remembered_patterns.py`; the product does without.

Prints a table and one line of JSON: time a row of shap and of pred_contrib over ours (two threads each), one row
alone, the time from a booster to the first answer when the loops have been compiled by an earlier run
(`compile_s`) and when they have not (`compile_first_s`, in a process with an empty cache), and the largest
difference from either judge.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

THREADS = 2
FEATURES = 120
TREES = {"num_leaves": 31, "max_depth": 6, "learning_rate": 0.05, "num_boost_round": 300}
_COMPILE = """
import sys, time
import lightgbm, numpy
from training.contributions import TreeContributions
booster = lightgbm.Booster(model_file=sys.argv[1])
started = time.perf_counter()
TreeContributions.compiled(booster)
print(time.perf_counter() - started)
"""


def main() -> None:
    """Draw, fit, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--projects", type=int, default=1500)
    parser.add_argument("--years", type=int, default=4)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--judged", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    rows, happened = city_rows(given.projects, given.years, given.rows)
    booster = fitted(rows, happened)
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "booster.txt"
        booster.save_model(text)
        first_s, again_s = (compile_seconds(text, Path(folder) / "cache") for _ in range(2))
    measured = compared(booster, rows, given.judged, given.rounds)
    print_table(measured)
    ours, one_row_ms = measured["us"]["ours"], measured["one_row_ms"]
    summary = {
        "bulk_ratio_shap": round(measured["us"]["shap.TreeExplainer"] / ours, 1),
        "bulk_ratio_lightgbm": round(measured["us"]["pred_contrib"] / ours, 1),
        "one_row_ms": round(one_row_ms, 3),
        "compile_s": round(again_s, 2),
        "compile_first_s": round(first_s, 2),
        "max_abs_difference": measured["difference"],
        "largest_additivity_error": measured["additivity"],
        "us_a_row": {name: round(us, 1) for name, us in measured["us"].items()},
        "one_row_lightgbm_ms": round(measured["one_row_lightgbm_ms"], 3),
        "rows": len(rows),
        "cores": os.cpu_count(),
    }
    print(json.dumps(summary))


def city_rows(projects: int, years: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The features and labels of the head `defect` in a city drawn for this run."""
    import pandas as pd

    from data_contracts.records import open_records
    from data_contracts.synthetic_city import write_city
    from features.catalogue import load_catalogue
    from features.fact_index import FactIndex
    from training.cohort import cohort_pairs
    from training.heads import load_heads
    from training.labels import labels

    (head,) = load_heads(only=["defect"])
    until = pd.Timestamp("2025-12-31")
    with tempfile.TemporaryDirectory() as folder:
        write_city(folder, projects=projects, years=years)
        records = open_records(folder)
        index = FactIndex.build(records, load_catalogue())
        pairs = cohort_pairs(head, index, records, until).tail(most).reset_index(drop=True)
        happened = labels(head, pairs, records, until)
        matrix = index.matrix(pairs["project_id"].to_list(), pairs["as_of"].to_numpy())
    varied = matrix.nunique().sort_values(ascending=False, kind="stable").index[:FEATURES]
    return np.ascontiguousarray(matrix[varied].to_numpy("float64")), happened


def fitted(rows: np.ndarray, happened: np.ndarray) -> Any:
    """The booster, read back from its text, as a service does."""
    import lightgbm

    parameters = {"objective": "binary", "verbose": -1, "num_threads": THREADS, "seed": 1, **TREES}
    text = lightgbm.train(parameters, lightgbm.Dataset(rows, happened)).model_to_string()
    return lightgbm.Booster(model_str=text)


def compile_seconds(text: Path, cache: Path) -> float:
    """From a booster to the first answer, in a process of its own whose compiled loops lie in `cache`."""
    command = [sys.executable, "-c", _COMPILE, str(text)]
    environ = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=environ, cwd=ROOT)
    return float(told.stdout.split()[-1])


def compared(booster: Any, rows: np.ndarray, judged: int, rounds: int) -> dict[str, Any]:
    """Microseconds a row of each way, and how far their results are apart."""
    import shap

    from benchmarks.remembered_patterns import contributions_remembering
    from training.contributions import TreeContributions

    contributions = TreeContributions.compiled(booster)
    explainer = shap.TreeExplainer(booster)
    chosen = np.sort(np.random.default_rng(1).choice(len(rows), min(judged, len(rows)), replace=False))
    some = np.ascontiguousarray(rows[chosen])
    ways: dict[str, tuple[Callable[[], np.ndarray], int]] = {
        "ours": (lambda: contributions.of(rows, threads=THREADS), len(rows)),
        "ours, remembering patterns": (
            lambda: contributions_remembering(contributions, rows, threads=THREADS),
            len(rows),
        ),
        "ours, one thread": (lambda: contributions.of(rows, threads=1), len(rows)),
        "shap.TreeExplainer": (lambda: explainer.shap_values(some), len(some)),
        "pred_contrib": (lambda: booster.predict(some, pred_contrib=True, num_threads=THREADS), len(some)),
        "pred_contrib, one thread": (
            lambda: booster.predict(some, pred_contrib=True, num_threads=1),
            len(some),
        ),
    }
    us, results = dict.fromkeys(ways, float("inf")), {}
    warnings.simplefilter("ignore")
    contributions_remembering(contributions, rows[:10], threads=1)  # its loops are compiled before the clock
    for _ in range(rounds):
        for name, (way, count) in ways.items():
            started = time.perf_counter()
            results[name] = np.asarray(way())
            us[name] = min(us[name], (time.perf_counter() - started) / count * 1e6)
    ours = results["ours"]
    apart = (
        ours - results["ours, remembering patterns"],
        ours[chosen] - results["pred_contrib"],
        ours[chosen, :-1] - results["shap.TreeExplainer"],
    )
    raw = booster.predict(rows, raw_score=True)
    return {
        "us": us,
        "difference": max(float(np.abs(each).max()) for each in apart),
        "additivity": float(np.abs(ours.sum(axis=1) - raw).max()),
        "one_row_ms": one_row(contributions.of, rows),
        "one_row_lightgbm_ms": one_row(lambda row: booster.predict(row, pred_contrib=True), rows),
    }


def one_row(explain: Callable[[np.ndarray], Any], rows: np.ndarray, calls: int = 200) -> float:
    """Milliseconds of a call with one row: the median of calls with different rows."""
    times = []
    for place in np.linspace(0, len(rows) - 1, calls).astype(int):
        started = time.perf_counter()
        explain(rows[place : place + 1])
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1e3


def print_table(measured: dict[str, Any]) -> None:
    """Each way, and how many times as long it takes as ours with two threads."""
    print(f"{'':<28}{'us a row':>10}{'times ours':>12}")
    for name, us in measured["us"].items():
        print(f"{name:<28}{us:>10.1f}{us / measured['us']['ours']:>12.1f}")
    print(f"{'one row alone, ours':<28}{measured['one_row_ms'] * 1e3:>10.1f}")
    print(f"{'one row alone, LightGBM':<28}{measured['one_row_lightgbm_ms'] * 1e3:>10.1f}")


if __name__ == "__main__":
    main()
