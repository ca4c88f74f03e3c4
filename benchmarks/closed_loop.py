"""What the plan's visits would avert beside other rules, in a closed loop on synthetic cities. Simulated.

    python benchmarks/closed_loop.py [--seeds 20] [--trained 4] [--projects 4600] [--years 6] [--weeks 104] [--processes 2]
        [--keep FOLDER] [--first 2] [--sharpness S]

Twenty cities are judged, from seed 2 on: what the policy `visit_choice` leaves open was chosen on city 1, by
`--first 1 --seeds 1 --trained 1 --sharpness S`. Four of them are written
and the accident head trained on each as of the first day of the loop; then each city is visited for two years by every rule,
with equal visits, under the limits of EVALUATION. The model of a city was trained on one of the four (its own for the first
four). Averted are expected accidents under the true hazard, with three models of what
a visit does. Features are those of the records as they were filed, visits of today included: what a rule's own visits
would have found is not fed back. Intervals are over draws of whole cities.

Prints tables and a last line of JSON: `constrained_low`, `scarce10_low`, `scarce05_low` and `unconstrained_low` are the lower
bounds of what the plan (model by expected reduction) averts over what size-biased visits do (area^0.4), the lowest of the three
effect models; `share_of_oracle` is its gain over random visits as a share of that of an oracle in the plan's own order, the
lowest of the limited regimes and effect models; `share_of_best_oracle` of the better of that oracle and one that visits the highest
true hazard again and again, which is best where visits add up; `best_simple` is what the best rule without a model averts over
the plan, the highest of all regimes and effect models (above 1 a simple rule wins there).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.closed_loop_check import loop_beside_programme  # noqa: E402
from benchmarks.closed_loop_city import loop_city  # noqa: E402
from benchmarks.synthetic_city import written_records  # noqa: E402
from data_contracts.policy import policy_on  # noqa: E402
from data_contracts.synthetic_city import write_city  # noqa: E402
from serving.backtest.closed_loop import loop, most_possible, ratio_of_sums, regimes  # noqa: E402
from training.experiment import train  # noqa: E402
from training.risk_model import RiskModel  # noqa: E402

FIRST = pd.Timestamp("2024-01-01")  # a Monday
FIRST_JUDGED = 2  # city 1 is the one on which the policy was chosen
SIMPLE = ("uniform", "random", "longest_unvisited", "past_violations", "risk_matrix")
PLAN, TODAY = "model_reduction", "actual0.4"
PLENTY, SCARCE = 3.7, (1.0, 0.5)


def main() -> None:
    """Train, loop, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trained", type=int, default=4)
    parser.add_argument("--projects", type=int, default=4600)
    parser.add_argument("--years", type=int, default=6)
    parser.add_argument("--weeks", type=int, default=104)
    parser.add_argument("--processes", type=int, default=2, help="cities at a time")
    parser.add_argument("--first", type=int, default=FIRST_JUDGED, help="seed of the first city")
    parser.add_argument("--sharpness", type=float, help="of the plan's order; the policy's unless told")
    parser.add_argument(
        "--keep", type=Path, help="folder in which models and finished cities are kept for another run"
    )
    given = parser.parse_args()
    began = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder,
        ProcessPoolExecutor(given.processes, context, max_tasks_per_child=1) as pool,
    ):
        kept = given.keep or Path(folder)
        seeds = range(given.first, given.first + given.seeds)
        models = list(pool.map(partial(trained_model, given=given, folder=kept), seeds[: given.trained]))
        of_seed = [models[number % len(models)] for number in range(len(seeds))]
        found = []
        for rows in pool.map(partial(_of_city, given=given, folder=kept), seeds, of_seed):
            found.append(rows)
            _told(f"{len(found)} of {given.seeds} cities")
    report(pd.concat(found), time.perf_counter() - began)


def trained_model(seed: int, given: argparse.Namespace, folder: Path) -> Path:
    """The accident head of a city as of the first day; one that `folder` holds is kept."""
    kept = folder / f"model-{given.projects}-{given.years}-{seed}"
    if kept.exists():
        return kept
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as own:
        city = Path(own) / "city"
        write_city(city, projects=given.projects, years=given.years, seed=seed)
        done = train(
            written_records(city),
            until=str(FIRST.date()),
            mlruns=Path(own) / "mlruns",
            export=kept,
            heads=["accident"],
            seed=seed,
            threads=1,
        )
    _told(f"model {seed}: {done.figures['accident']['judged']}")
    return kept


def _of_city(seed: int, model: Path, given: argparse.Namespace, folder: Path) -> pd.DataFrame:
    told = "" if given.sharpness is None else f"-sharpness-{given.sharpness:g}"
    kept = folder / f"loop-{given.projects}-{given.years}-{given.weeks}-{seed}{told}.parquet"
    if not kept.exists():
        _looped(seed, model, given).to_parquet(kept)
    return pd.read_parquet(kept)


def _looped(seed: int, model: Path, given: argparse.Namespace) -> pd.DataFrame:
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as own:
        city = Path(own) / "city"
        write_city(city, projects=given.projects, years=given.years, seed=seed)
        choice = dict(policy_on("visit_choice", FIRST.date()).content)
        choice["sharpness"] = choice["sharpness"] if given.sharpness is None else given.sharpness
        ready = loop_city(city, written_records(city), RiskModel.load(model), (FIRST, given.weeks), choice)
    asked = regimes(ready.base, PLENTY, SCARCE, choice["random_share"], choice["least_days_between"])
    rows = pd.concat([loop(ready.true, ready.orders, regime, seed) for regime in asked])
    possible = most_possible(ready.true)
    if seed == given.first:
        plan = next(order for order in ready.orders if order.name == PLAN)
        weeks = list(range(10, given.weeks, max(given.weeks // 5, 1)))[:5]
        share = loop_beside_programme(ready.true.city, plan, asked[0], seed, weeks)
        rows = rows.assign(programme=share)
    return rows.assign(seed=seed, base=ready.base, possible=rows["effect"].map(possible))


def report(rows: pd.DataFrame, seconds: float) -> None:
    """The tables and the line of JSON."""
    print(
        f"simulated: {rows['seed'].nunique()} cities, statutory base {rows['base'].mean():.2f} visits a project-year"
    )
    for (regime, effect), part in rows.groupby(["regime", "effect"], sort=False):
        averted = part.pivot(index="seed", columns="order", values="averted")
        print(
            f"\n{regime}, effect {effect}: at most {part['possible'].mean():.1%} of the accidents could be averted by visits"
        )
        print(
            f"{'order':<20}{'averted of all':>15}{'over today':>12}{'interval':>18}{'over random':>13}{'worse off':>11}"
        )
        for order in averted.columns[np.argsort(-averted.sum().to_numpy())]:
            ratio = ratio_of_sums(averted[order].to_numpy(), averted[TODAY].to_numpy())
            beside = averted[order].sum() / averted["random"].sum()
            of = part[part["order"] == order]
            share = of["averted"].sum() / of["expected"].sum()
            print(
                f"{order:<20}{share:>15.2%}{ratio[0]:>12.2f}{f'{ratio[1]:.2f} to {ratio[2]:.2f}':>18}{beside:>13.2f}"
                f"{of['worse_off'].mean():>11.1%}"
            )
    programme = float(rows["programme"].min())
    print(
        f"\nthe quick order's choice is worth {programme:.4f} of the integer programme's, on five weeks of city {rows['seed'].min()}"
    )
    print(json.dumps({**summary(rows), "programme": round(programme, 4), "seconds": round(seconds)}))


def summary(rows: pd.DataFrame) -> dict[str, float]:
    """The lower bounds, each the lowest of the effect models; and the share of the oracle's gain over random."""
    lows: dict[str, list[float]] = {}
    shares, of_best, simple = [], [], []
    for (regime, _), part in rows.groupby(["regime", "effect"], sort=False):
        averted = part.pivot(index="seed", columns="order", values="averted")
        lows.setdefault(f"{regime}_low", []).append(
            ratio_of_sums(averted[PLAN].to_numpy(), averted[TODAY].to_numpy())[1]
        )
        total = averted.sum()
        simple.append(max(total[name] for name in SIMPLE) / total[PLAN])
        if not regime.startswith("unconstrained"):
            best = max(total["oracle"], total["oracle_level"])
            shares.append((total[PLAN] - total["random"]) / (total["oracle"] - total["random"]))
            of_best.append((total[PLAN] - total["random"]) / (best - total["random"]))
    return {name: round(min(found), 3) for name, found in lows.items()} | {
        "share_of_oracle": round(min(shares), 3),
        "share_of_best_oracle": round(min(of_best), 3),
        "best_simple": round(max(simple), 3),
    }


def _told(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
