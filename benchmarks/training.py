"""How much a training costs beyond its trees: `siterisk train` on two million rows beside bare LightGBM. Simulated.

    python benchmarks/training.py [--projects 29000] [--years 6] [--features 120]

A city is written and the accident head trained on it as `siterisk train --head accident` would: every origin,
all contenders, the trees that are lent, evaluation with intervals, plots and registration. The clock runs from the
finished matrix to the registered model; index and features are told apart. `bare` is `lightgbm.train` once more for each
set of trees that was fitted: the same rows, parameters, threads and rounds, binning included, and nothing else.
Prints a table and a last line of JSON: `ratio` is the training over `bare`, `peak_mb` the most memory that the whole
process held, with the rows that are kept for `bare`, and `rows` the most rows that trees were fitted on; the matrix, with
calibration and test, has half as many again.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import training.borrowing  # noqa: E402
import training.contenders  # noqa: E402
from benchmarks.synthetic_city import written_records  # noqa: E402
from data_contracts.synthetic_city import write_city  # noqa: E402
from features.catalogue import Catalogue, load_catalogue  # noqa: E402
from training.experiment import train  # noqa: E402
from training.trees import BinnedRows, Labelled, fit_trees  # noqa: E402

HEAD = "accident"
BEFORE_THE_CLOCK = ("特征索引", "样本", "特征 /")


def main() -> None:
    """Train, fit the trees once more alone, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--projects", type=int, default=29_000)
    parser.add_argument("--years", type=int, default=6)
    parser.add_argument("--features", type=int, default=120)
    parser.add_argument(
        "--threads", type=int, help="of LightGBM; as many as siterisk train takes unless told"
    )
    given = parser.parse_args()
    fits, clock = Fits(), StepClock()
    with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder:
        city = Path(folder) / "city"
        write_city(city, projects=given.projects, years=given.years, seed=1)
        records = written_records(city)
        with fits.kept():
            began = time.perf_counter()
            done = train(
                records,
                mlruns=Path(folder) / "mlruns",
                heads=[HEAD],
                catalogue=of_so_many(load_catalogue(), given.features),
                threads=given.threads,
                progress=clock,
            )
            whole = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    before = clock.seconds_of(BEFORE_THE_CLOCK)
    bare = fits.again()
    taken, ratio = whole - before, (whole - before) / bare
    rows = done.figures[HEAD]["rows"]
    clock.print()
    print(f"{'index and features':<40}{before:>10.1f} s")
    print(f"{'training, matrix in, registered model out':<40}{taken:>9.1f} s")
    print(f"{'bare LightGBM, ' + str(len(fits.fits)) + ' sets of trees':<40}{bare:>10.1f} s")
    print(f"{'ratio':<40}{ratio:>10.2f}")
    told = {"ratio": round(ratio, 2), "peak_mb": round(peak_mb), "training_s": round(taken, 1)}
    print(
        json.dumps(
            {
                **told,
                "bare_s": round(bare, 1),
                "rows": fits.rows,
                "judged_rows": rows,
                "features": given.features,
            }
        )
    )


def of_so_many(catalogue: Catalogue, features: int) -> Catalogue:
    """The catalogue with its first so many model features, and all others kept from models."""
    kept = set(catalogue.names[:features])
    named = (
        each if each.name in kept or not each.in_model else replace(each, in_model=False)
        for each in catalogue.features
    )
    return replace(catalogue, features=tuple(named))


@dataclass
class StepClock:
    """How long each step of a training took: from its first word to the first of the next."""

    seconds: dict[str, float] = field(default_factory=dict)
    step: str = ""
    since: float = 0.0

    def __call__(self, step: str, done: int, total: int | None) -> None:
        now = time.perf_counter()
        if step != self.step:
            self._close(now)
            self.step, self.since = step, now
            print(f"  {step}", file=sys.stderr, flush=True)

    def seconds_of(self, beginnings: Sequence[str]) -> float:
        """The seconds of the steps that begin with one of these."""
        self._close(time.perf_counter())
        return sum(took for step, took in self.seconds.items() if step.startswith(tuple(beginnings)))

    def print(self) -> None:
        """The steps that took a second and more."""
        for step, took in self.seconds.items():
            if took >= 1:
                print(f"  {step:<50}{took:>8.1f} s")

    def _close(self, now: float) -> None:
        if self.step:
            self.seconds[self.step] = self.seconds.get(self.step, 0.0) + now - self.since
        self.step = ""


@dataclass
class Fits:
    """The sets of trees that a training fitted: their rows, parameters and rounds."""

    fits: list[tuple[Labelled, Mapping[str, Any], int]] = field(default_factory=list)
    rows: int = 0

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Note every fit while the block lasts."""
        binned_of: dict[int, Labelled] = {}

        class Noted(BinnedRows):
            def __init__(self, rows: Labelled, *others: Any) -> None:
                super().__init__(rows, *others)
                binned_of[id(self)] = rows

        def noted(rows: BinnedRows, progress: Any, **others: Any) -> str:
            rounds = [0]

            def counted(step: str, done: int, total: int | None) -> None:
                rounds[0] = max(rounds[0], done) if done != total else rounds[0]
                progress(step, done, total)

            text = fit_trees(rows, counted, **others)
            self.fits.append((binned_of[id(rows)], rows.parameters, rounds[0] + 1))  # the last is not told
            self.rows = max(self.rows, len(binned_of[id(rows)].happened))
            return text

        with _set(training.borrowing, Noted, noted), _set(training.contenders, Noted, noted):
            yield

    def again(self) -> float:
        """The seconds that LightGBM alone takes for the same trees."""
        import lightgbm

        taken = 0.0
        for place, (rows, parameters, rounds) in enumerate(self.fits, 1):
            print(
                f"  bare {place}/{len(self.fits)}: {len(rows.happened)} rows, {rounds} rounds",
                file=sys.stderr,
            )
            began = time.perf_counter()
            dataset = lightgbm.Dataset(rows.features, rows.happened, params=dict(parameters))
            lightgbm.train(dict(parameters), dataset, rounds)
            taken += time.perf_counter() - began
        return taken


@contextmanager
def _set(module: Any, binned: type[BinnedRows], fit: Callable[..., str]) -> Iterator[None]:
    module.BinnedRows, module.fit_trees = binned, fit
    try:
        yield
    finally:
        module.BinnedRows, module.fit_trees = BinnedRows, fit_trees


if __name__ == "__main__":
    main()
