"""What the plan's lists would have met on the history of synthetic cities, beside other rules. Simulated.

    python benchmarks/history.py [--seeds 5] [--projects 4600] [--years 6] [--weeks 104] [--processes 2]

Cities are judged from seed 2 on: what the policy `visit_choice` leaves open was chosen on city 1. For each the accident head is
trained as of 2024-01-01; lists of the top tenth within 30 days are then made for two years by every rule, the same visits and
limits for each (`siterisk backtest`). Met is an outcome on a site that was listed, or visited, in the 30 days before, not on
the day itself. Cities are pooled, and intervals are over draws of whole projects. Hazards are those that the visits of the
record found, so they favour the visits that were made.

Prints tables and a last line of JSON: for each kind of outcome the plan's recall over that of the past-violation count, in
points with its interval, the lowest of the limited comparisons.
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
from typing import NamedTuple

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.closed_loop import FIRST, FIRST_JUDGED, trained_model  # noqa: E402
from benchmarks.synthetic_city import written_records  # noqa: E402
from data_contracts.progress import silent  # noqa: E402
from data_contracts.synthetic_city import write_city  # noqa: E402
from serving.backtest.comparison import BESIDE  # noqa: E402
from serving.backtest.history import Outcomes, SiteDays, judged, recalls  # noqa: E402
from serving.command_line.backtest_inputs import KINDS, WITHIN_DAYS, past_of  # noqa: E402
from training.risk_model import RiskModel  # noqa: E402

SHARE = 0.1


class CityLists(NamedTuple):
    """How many sites one city has, its lists by regime and rule, and its outcomes by kind."""

    sites: int
    lists: dict[str, dict[str, SiteDays]]
    outcomes: dict[str, Outcomes]


def main() -> None:
    """Train, list, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--projects", type=int, default=4600)
    parser.add_argument("--years", type=int, default=6)
    parser.add_argument("--weeks", type=int, default=104)
    parser.add_argument("--processes", type=int, default=2, help="cities at a time")
    parser.add_argument(
        "--keep", type=Path, help="folder in which trained models are kept for another run (closed_loop.py's)"
    )
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.processes, context, max_tasks_per_child=1) as pool:
        cities = list(
            pool.map(partial(_of_city, given=given), range(FIRST_JUDGED, FIRST_JUDGED + given.seeds))
        )
    print(
        f"simulated: {len(cities)} cities, {given.weeks} weeks from {FIRST.date()}, top {SHARE:.0%} within {WITHIN_DAYS} days"
    )
    lowest: dict[str, list[float]] = {}
    for regime in cities[0].lists:
        for kind in KINDS:
            lists, found = _pooled(cities, regime, kind)
            table = recalls(lists, judged(found, given.weeks, WITHIN_DAYS), WITHIN_DAYS, BESIDE)
            _print(regime, kind, table)
            plan = table.set_index("rule").loc["plan"]
            if regime != "share_alone":
                found = [round(float(plan[name]), 3) for name in ("gain", "gain_low", "gain_high")]
                lowest[kind] = min(lowest.get(kind, found), found, key=lambda gain: gain[1])
    print(json.dumps({f"{kind}_gain": gain for kind, gain in lowest.items()}))


def _of_city(seed: int, given: argparse.Namespace) -> CityLists:
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder:
        city = Path(folder) / "city"
        write_city(city, projects=given.projects, years=given.years, seed=seed)
        records = written_records(city)
        model = RiskModel.load(trained_model(seed, given, given.keep or Path(folder)))
        past = past_of(records, model, (FIRST, given.weeks), SHARE, silent)
    print(f"  city {seed}", file=sys.stderr, flush=True)
    return CityLists(
        past.history.city.sites,
        past.history.lists(past.orders, seed),
        {outcome.name: outcome for outcome in past.history.outcomes},
    )


def _pooled(cities: list[CityLists], regime: str, kind: str) -> tuple[dict[str, SiteDays], Outcomes]:
    """The cities under one another, as if they were one."""
    starts = np.cumsum([0, *(city.sites for city in cities)])[:-1]

    def under_one_another(each: list[SiteDays]) -> SiteDays:
        site = [one.site + start for one, start in zip(each, starts, strict=True)]
        return SiteDays(np.concatenate(site), np.concatenate([one.day for one in each]))

    lists = {
        rule: under_one_another([city.lists[regime][rule] for city in cities])
        for rule in cities[0].lists[regime]
    }
    return lists, Outcomes(kind, under_one_another([city.outcomes[kind].events for city in cities]))


def _print(regime: str, kind: str, table: pd.DataFrame) -> None:
    print(f"\n{regime}, {kind}: {table['outcomes'].iloc[0]:,} outcomes, {table['visits'].iloc[0]:,} visits")
    print(f"{'rule':<20}{'met':>8}{'interval':>20}{'over past violations':>24}")
    for _, row in table.sort_values("recall", ascending=False).iterrows():
        print(
            f"{row['rule']:<20}{row['recall']:>8.1%}{f'{row.recall_low:.1%} to {row.recall_high:.1%}':>20}"
            f"{f'{row.gain:+.1%} ({row.gain_low:+.1%} to {row.gain_high:+.1%})':>32}"
        )


if __name__ == "__main__":
    main()
