"""Does the random share of visits tell the city-wide rate of serious visits? Simulated.

    python benchmarks/random_share.py CITY [CITY …]          folders written by `siterisk synth`
    python benchmarks/random_share.py --seeds 5              writes cities of the default size and throws them away

A visit is serious if it finds a major hazard or ends in a partial stop or stop. For every quarter the rate
weighted by the probabilities of the lot, and for every year the naive rate of all visits, with their 95 %
intervals, beside the true rate that the synthetic city knows. Prints a table of the cities and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent))

from data_contracts.synthetic_city import Truth, read_truth, serious_rate, write_city
from data_contracts.synthetic_city.city_tables import read_city
from training.random_visits import quarterly_rates
from training.rate_interval import Rate, rate_interval

SUMS = ("quarters", "weighted_covers", "years", "naive_covers")


def main() -> None:
    """Measure each city, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cities", nargs="*", type=Path)
    parser.add_argument("--seeds", type=int, default=5, help="cities to write where none is given")
    given = parser.parse_args()
    results = [coverage(city) for city in given.cities] or [_of_seed(n + 1) for n in range(given.seeds)]
    print("simulated: intervals that hold the true city-wide rate of serious visits")
    print(f"{'seed':>5} {'true':>7} {'weighted':>9} {'naive':>7} {'quarters held':>14} {'years held, naive':>18}")
    for one in results:
        print(
            f"{one['seed']:>5} {one['true_rate']:>7.4f} {one['weighted_rate']:>9.4f} {one['naive_rate']:>7.4f} "
            f"{one['weighted_covers']:>8} of {one['quarters']:>2} {one['naive_covers']:>12} of {one['years']:>2}"
        )
    total: dict[str, Any] = {name: sum(one[name] for one in results) for name in SUMS}
    total["weighted_share"] = round(total["weighted_covers"] / total["quarters"], 4)
    total["naive_share"] = round(total["naive_covers"] / total["years"], 4)
    print(json.dumps({"simulated": True, "cities": len(results), **total}))


def coverage(folder: str | Path) -> dict[str, Any]:
    """How many quarterly weighted and yearly naive intervals of a city hold the true rate.

    `quarters`, `weighted_covers`, `years`, `naive_covers` are counts; `true_rate`, `weighted_rate` and
    `naive_rate` speak of the whole time; `by_quarter` and `by_year` hold every interval beside its truth.
    The naive interval is Wilson's plain one, as if visits were independent. Raises SourceUnreadable for
    a folder without a city or without its truth.
    """
    truth, visits = read_truth(folder), read_city(folder).newest("inspections")
    visits = visits[visits["inspected_on"].between(truth.city["first_day"], truth.city["last_day"])]
    day, serious = visits["inspected_on"].to_numpy(), is_serious(visits)
    chance = visits["selection_probability"].to_numpy("float64", na_value=np.nan)
    site = visits["project_id"].to_numpy(object)
    by_quarter = [
        _beside_truth(truth, one["quarter"], one["weighted"])
        for one in quarterly_rates(day, serious, chance, site)
    ]
    by_year = [
        _beside_truth(truth, year, rate_interval(serious[visits["inspected_on"].dt.year == int(year)]))
        for year in sorted(visits["inspected_on"].dt.year.astype(str).unique())
    ]
    drawn = ~np.isnan(chance)
    return {
        "simulated": True,
        "seed": truth.city["seed"],
        "quarters": len(by_quarter),
        "weighted_covers": sum(one["covers"] for one in by_quarter),
        "years": len(by_year),
        "naive_covers": sum(one["covers"] for one in by_year),
        "true_rate": serious_rate(truth, truth.city["first_day"], truth.city["last_day"]),
        "weighted_rate": float(np.average(serious[drawn], weights=1 / chance[drawn])) if drawn.any() else None,
        "naive_rate": float(serious.mean()),
        "by_quarter": by_quarter,
        "by_year": by_year,
    }


def is_serious(visits: pd.DataFrame) -> np.ndarray:
    """1 where a visit found a major hazard or ended in a partial stop or stop, otherwise 0."""
    serious = (visits["major_hazards_found"] > 0) | visits["disposal"].isin(["PARTIAL_STOP", "STOP"])
    return serious.fillna(False).to_numpy("float64")


def _beside_truth(truth: Truth, period: str, told: Rate) -> dict[str, Any]:
    """A rate beside the true one; a period without random visits covers nothing."""
    span = pd.Period(period)
    true = serious_rate(truth, span.start_time, span.end_time)
    covers = told.low is not None and told.high is not None and told.low <= true <= told.high
    return {"period": period, "true": true, "covers": bool(covers), **told.as_json()}


def _of_seed(seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder:
        write_city(folder, seed=seed)
        return coverage(folder)


if __name__ == "__main__":
    main()
