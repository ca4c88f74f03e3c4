"""How fast counts as known at a moment are found, against the engines people use for it.

    python benchmarks/asof.py [--rows 1000000] [--events 5000000] [--entities 200000] [--repeats 3]

Counts of events in three windows, at a million (entity, as_of), by the day an event happened and the moment
it was recorded. Once with entities drawn evenly, once by Zipf's law with exponent 1.2, the largest capped at
5 % (rows and events alike: whoever has many sites has many violations and is asked about often). Every
engine runs in a process of its own, has the data in its native form before the clock starts, is warmed up on
a thousandth of it, and builds its indexes inside the clock; its best time counts. All answers must be equal.
Engines that make every pair of a row and an event cannot finish the uneven case: they answer every 400th row
of it, are compared on those, and stay out of the ratios. Prints tables and one line of JSON, in which a
ratio is that of the best other engine to ours (above 1 is better for us), for memory the smallest peak of
any other engine on the same data.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.asof_engines import DAY, ENGINES, Question

EVERY = 400
YEARS = 6
OURS = "siterisk"


def main() -> None:
    """Measure, compare, print."""
    options = _options()
    if options.engine:
        _run_one(options)
        return
    ratios = {}
    for spread in ("uniform", "skewed"):
        with tempfile.TemporaryDirectory(prefix="siterisk-benchmark-") as folder:
            data = Path(folder) / "question.npz"
            np.savez(data, **vars(_question(options, spread)))
            runs = [_measured(name, data, spread, options) for name in ENGINES]
            _compare(runs)
        _print(spread, runs)
        ours, *others = runs
        whole = [run for run in others if run["every"] == 1]
        ratios[f"{spread}_ratio"] = round(min(run["seconds"] for run in whole) / ours["seconds"], 2)
        ratios[f"{spread}_memory_ratio"] = round(min(run["peak_mb"] for run in whole) / ours["peak_mb"], 2)
    memory = min(ratios.pop("uniform_memory_ratio"), ratios.pop("skewed_memory_ratio"))
    print(json.dumps({**ratios, "memory_ratio": memory}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--entities", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    for name in ("engine", "data", "out", "every"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def _question(options: argparse.Namespace, spread: str, seed: int = 1) -> Question:
    """Six years of events; nine in ten on file within 15 days, the others late by 120 days on average."""
    draw = np.random.default_rng(seed)
    share = np.ones(options.entities)
    if spread == "skewed":
        share = np.arange(1, options.entities + 1) ** -1.2
    share /= share.sum()
    for _ in range(20):
        share = np.minimum(share, 0.05)
        share /= share.sum()
    share = draw.permutation(np.minimum(share, 0.05))
    share /= share.sum()
    happened = draw.integers(0, YEARS * 365, options.events)
    late = draw.random(options.events) < 0.1
    delay = np.where(late, draw.exponential(120, options.events), draw.uniform(0, 15, options.events))
    return Question(
        entities=options.entities,
        event_entity=draw.choice(options.entities, options.events, p=share),
        happened=happened * DAY,
        recorded=((happened + delay) * DAY).astype(np.int64),
        row_entity=draw.choice(options.entities, options.rows, p=share),
        as_of=draw.integers(365, (YEARS + 1) * 365, options.rows) * DAY,
    )


def _measured(name: str, data: Path, spread: str, options: argparse.Namespace) -> dict:
    every = EVERY if ENGINES[name].pairs and spread == "skewed" else 1
    out = data.with_name(f"{name}.npy")
    command = [sys.executable, __file__, "--engine", name, "--data", data, "--out", out]
    command += ["--every", str(every), "--repeats", str(options.repeats)]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{name} failed: {run.stderr}")
    return {"name": name, "every": every, "counts": np.load(out), **json.loads(run.stdout)}


def _run_one(options: argparse.Namespace) -> None:
    """One engine in this process: hand over, warm up, answer so many times; prints seconds and peak memory."""
    engine, every = ENGINES[options.engine], int(options.every)
    with np.load(options.data) as file:
        question = Question(entities=int(file["entities"]), **{k: file[k] for k in file if k != "entities"})
    question = _part(question, len(question.happened), every)
    engine.answer(engine.prepare(_part(question, 1 + len(question.happened) // 1000, 1000)))
    prepared = engine.prepare(question)
    del question
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    seconds = []
    for _ in range(options.repeats if every == 1 else 1):
        started = time.perf_counter()
        counts = engine.answer(prepared)
        seconds.append(time.perf_counter() - started)
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    np.save(options.out, counts)
    print(json.dumps({"seconds": min(seconds), "peak_mb": int(peak[1]) / 1024 if peak else None}))


def _part(question: Question, events: int, every: int) -> Question:
    """The first events and every so many rows."""
    return Question(
        question.entities,
        *(column[:events] for column in (question.event_entity, question.happened, question.recorded)),
        *(column[::every].copy() for column in (question.row_entity, question.as_of)),
    )


def _compare(runs: list[dict]) -> None:
    ours = runs[0]["counts"]
    for run in runs[1:]:
        if not np.array_equal(ours[:, :: run["every"]], run["counts"]):
            raise SystemExit(f"{run['name']} answers differently")


def _print(spread: str, runs: list[dict]) -> None:
    ours = runs[0]
    print(f"\n{spread:24} {'seconds':>8} {'times ours':>10} {'peak MB':>8}   all answers equal")
    for run in runs:
        note = "" if run["every"] == 1 else f"only every {run['every']}th row"
        times = run["seconds"] / ours["seconds"]
        print(f"{run['name']:24} {run['seconds']:>8.2f} {times:>10.1f} {run['peak_mb']:>8.0f}   {note}")


if __name__ == "__main__":
    main()
