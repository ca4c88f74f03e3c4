"""How near the accident head comes to the true hazard of synthetic cities. Simulated.

    python benchmarks/synthetic_city.py [--seeds 5] [--projects 4600] [--years 6] [--variances 1.5 0.8 2.5] [--processes 2]

For each seed a city is written, the accident head is trained as `siterisk train --head accident` does, and the
risks of its newest test rows are held against the true hazard of each window, which only this file sees. AUC,
recall and Spearman are against the true hazard: an outcome counts with its probability, so that a year with
few accidents says as much as one with many; the figures of the accidents that happened stand beside. `observable`
is an estimator that knows every visible term of the hazard and nothing of the frailties. Then the random
share of visits (`random_share.py`). Prints a table and a last line of JSON. About four minutes for each
city and process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.random_share import coverage  # noqa: E402
from data_contracts.contract import contracts  # noqa: E402
from data_contracts.records import Records  # noqa: E402
from data_contracts.synthetic_city import Truth, expected_accidents, read_truth, write_city  # noqa: E402
from data_contracts.synthetic_city.city_tables import read_city  # noqa: E402
from training.experiment import TrainingResult, train  # noqa: E402
from training.judged_rows import read_judged_rows  # noqa: E402
from training.model_folder import PASSPORT, read_verified  # noqa: E402
from training.risk_model import RiskModel  # noqa: E402

HEAD, DAYS, CAPACITY = "accident", 90, 0.1
MEANS = ("auc_gap_to_oracle", "recall10_share_of_oracle", "spearman", "observable_gap")
DECLARED = 1.5


def main() -> None:
    """Measure each city, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--projects", type=int, default=4600)
    parser.add_argument("--years", type=int, default=6)
    parser.add_argument("--variances", type=float, nargs="+", default=[DECLARED, 0.8, 2.5])
    parser.add_argument("--processes", type=int, default=2, help="cities at a time")
    given = parser.parse_args()
    print("simulated: against the true hazard of the test windows")
    print(
        f"{'variance':>8} {'seed':>4} {'model':>20} {'AUC':>6} {'oracle':>6} {'gap':>6} {'observ.':>7} {'recall':>6} "
        f"{'Spearm.':>7} {'O/E':>5} {'top':>5} {'slope':>5} {'skill':>7} {'AUC happened':>12} {'of oracle':>9}"
    )
    asked = [(seed, variance) for variance in given.variances for seed in range(1, given.seeds + 1)]
    found: dict[float, list[dict[str, Any]]] = {variance: [] for variance in given.variances}
    with ProcessPoolExecutor(
        given.processes, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        for one in pool.map(partial(_of_seed, given=given), *zip(*asked, strict=True)):
            found[one["variance"]].append(one)
            _print(one)
    print(json.dumps(_summary(found)))


def _of_seed(seed: int, variance: float, given: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder:
        city = Path(folder) / "city"
        write_city(city, projects=given.projects, years=given.years, seed=seed, variance=variance)
        done = train(
            written_records(city),
            mlruns=Path(folder) / "mlruns",
            heads=[HEAD],
            seed=seed,
            threads=1,
            progress=partial(_told, f"{seed} {variance}"),
        )
        found = _beside_truth(done, read_truth(city), Path(folder) / "mlruns")
        if variance == DECLARED:
            share = coverage(city)
            found |= {name: share[name] for name in ("weighted_covers", "quarters", "naive_covers", "years")}
        return found | {"variance": variance, "seed": seed}


def written_records(city: Path) -> Records:
    """The city's tables without the intake, which every row of a written city passes."""
    tables = read_city(city)
    written = [name for name in contracts() if (city / f"{name}.parquet").exists()]
    return Records.from_tables({name: tables[name] for name in written})


def _beside_truth(done: TrainingResult, truth: Truth, mlruns: Path) -> dict[str, Any]:
    folder = read_verified(done.folder)
    entry = folder.json(PASSPORT)["heads"][HEAD]
    rows = read_judged_rows(mlruns, entry["judged_rows"]["sha256"])
    model = RiskModel.from_verified(folder, part="tested")
    risk = model.risks(rows)[f"risk_{HEAD}"].to_numpy()
    project, as_of = rows["project_id"].to_numpy(object), rows["as_of"].to_numpy()
    hazard = expected_accidents(truth, project, as_of, DAYS)
    month = as_of.astype("datetime64[M]").astype(int)
    figures = entry["metrics"]["contenders"][entry["metrics"]["judged"]]
    oracle, ours = auc_of_chances(hazard, hazard), auc_of_chances(risk, hazard)
    happened = rows["happened"].to_numpy()
    return {
        "model": entry["chosen"],
        "auc": ours,
        "auc_of_oracle": oracle,
        "auc_gap_to_oracle": oracle - ours,
        "observable_gap": oracle - auc_of_chances(_observable(truth, project, as_of), hazard),
        "recall10_share_of_oracle": _recall(risk, hazard, month) / _recall(hazard, hazard, month),
        "spearman": float(spearmanr(risk, hazard).statistic),
        "observed": float(happened.sum()),
        "expected": float(risk.sum()),
        "happened_auc": figures["auc"]["mean"],
        "happened_auc_of_oracle": auc_of_chances(hazard, happened, chances_are_outcomes=True),
        "observed_expected": figures["observed_over_expected"],
        "observed_expected_top_decile": figures["observed_over_expected_top_decile"],
        "slope": figures["calibration_slope"],
        "log_loss_skill": figures["log_loss_skill"],
        "true_expected": float(hazard.sum() / risk.sum()),
        "fatal_rows": entry["metrics"]["shown_apart"].get("fatal"),
    }


def auc_of_chances(score: np.ndarray, hazard: np.ndarray, *, chances_are_outcomes: bool = False) -> float:
    """The AUC to be expected if each row has its outcome with probability 1 - exp(-hazard).

    >>> auc_of_chances(np.array([2.0, 1.0]), np.array([1.0, 0.0]), chances_are_outcomes=True)
    1.0
    """
    chance = hazard if chances_are_outcomes else 1 - np.exp(-hazard)
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    ties = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    positive = np.add.reduceat(chance[order], ties)
    negative = np.add.reduceat(1 - chance[order], ties)
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / (positive.sum() * negative.sum()))


def _recall(score: np.ndarray, hazard: np.ndarray, month: np.ndarray) -> float:
    """The share of all hazard that lies on the tenth of each month's rows with the highest scores."""
    lists = pd.DataFrame({"score": score, "hazard": hazard, "month": month})
    place = lists.groupby("month")["score"].rank(ascending=False, method="first")
    size = lists.groupby("month")["score"].transform("size")
    return float(hazard[(place <= (size * CAPACITY).round()).to_numpy()].sum() / hazard.sum())


def _observable(truth: Truth, project: np.ndarray, as_of: np.ndarray) -> np.ndarray:
    """The visible terms of the log hazard in the month that follows `as_of`."""
    months = truth.site_months.set_index(["project_id", "month"])["visible"]
    asked = pd.MultiIndex.from_arrays([project, as_of.astype("datetime64[M]").astype("datetime64[us]")])
    found = months.reindex(asked).to_numpy()
    return np.where(np.isnan(found), np.nanmin(found), found)


def _summary(found: dict[float, list[dict[str, Any]]]) -> dict[str, Any]:
    declared = found.get(DECLARED) or next(iter(found.values()))
    means = {name: round(float(np.mean([one[name] for one in declared])), 4) for name in MEANS}
    pooled = sum(one["observed"] for one in declared) / sum(one["expected"] for one in declared)
    slope = float(np.mean([one["slope"]["mean"] for one in declared]))
    top = float(np.mean([one["observed_expected_top_decile"]["mean"] for one in declared]))
    skill = [one["log_loss_skill"] for one in declared]
    shares = {
        name: sum(one.get(name, 0) for one in declared)
        for name in ("weighted_covers", "quarters", "naive_covers", "years")
    }
    others = {
        str(variance): {name: round(float(np.mean([one[name] for one in each])), 4) for name in MEANS}
        for variance, each in found.items()
    }
    return {
        "simulated": True,
        **means,
        "observed_expected": round(pooled, 4),
        "observed_expected_top_decile": round(top, 4),
        "slope": round(slope, 4),
        "log_loss_skill": round(float(np.mean([one["mean"] for one in skill])), 4),
        "lowest_of_skill_intervals": round(min(one["low"] for one in skill), 4),
        **shares,
        "by_variance": others,
    }


def _print(one: dict[str, Any]) -> None:
    print(
        f"{one['variance']:>8} {one['seed']:>4} {one['model']:>20} {one['auc']:>6.3f} {one['auc_of_oracle']:>6.3f} "
        f"{one['auc_gap_to_oracle']:>6.3f} {one['observable_gap']:>7.3f} {one['recall10_share_of_oracle']:>6.3f} "
        f"{one['spearman']:>7.3f} {one['observed_expected']['mean']:>5.2f} "
        f"{one['observed_expected_top_decile']['mean']:>5.2f} {one['slope']['mean']:>5.2f} "
        f"{one['log_loss_skill']['mean']:>7.4f} {one['happened_auc']:>12.3f} {one['happened_auc_of_oracle']:>9.3f}",
        flush=True,
    )


def _told(city: str, step: str, done: int, total: int | None) -> None:
    if total is not None and done == total:
        print(f"  {city}: {step}", file=sys.stderr)


if __name__ == "__main__":
    main()
