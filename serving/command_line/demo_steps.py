"""The steps of the demo before the service: the city's records, the store, the model, the champion, grades, a plan.

A stamp in the demo's folder says which city it is about and what is finished, so that a demo that was
cut short goes on where it stopped, and another city starts from nothing.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from data_contracts.errors import InvalidInput
from data_contracts.progress import Progress
from serving.command_line.frozen_records import frozen_records
from serving.command_line.service_commands import command_environment
from serving.command_line.terminal import say
from serving.command_line.training_report import training_table
from serving.settings import Settings

STAMP = "demo.json"


@dataclass(frozen=True)
class City:
    """Which synthetic city the demo is about; the same city is not made twice."""

    projects: int
    years: int
    seed: int
    last_day: str


def prepare(settings: Settings, city: City, fresh: bool, progress: Progress) -> None:
    """Make the city, take it in, train, promote, grade and plan next week; steps that an earlier demo finished are kept.

    Raises InvalidInput if the demo's folder holds something that no demo has made.
    """
    finished = [] if fresh else _finished_steps(settings.home, city)
    if not finished:
        _empty(settings.home)
    steps: dict[str, Callable[[], None]] = {
        "records": lambda: _make_records(settings, city, progress),
        "load": lambda: _load(settings, progress),
        "train": lambda: _train(settings, city, progress),
        "promote": lambda: _promote(settings),
        "grade": lambda: _grade(settings),
        "plan": lambda: _plan(settings),
    }
    for name, step in steps.items():
        if name in finished:
            say(f"{name}: 沿用上次结果 / kept from the last demo")
            continue
        step()
        finished = [*finished, name]
        stamp = {"city": asdict(city), "finished": finished}
        (settings.home / STAMP).write_text(json.dumps(stamp), encoding="utf-8")


def _finished_steps(home: Path, city: City) -> list[str]:
    """What an earlier demo of the same city has finished; nothing of another city counts."""
    try:
        stamp = json.loads((home / STAMP).read_text(encoding="utf-8"))
        return list(stamp["finished"]) if stamp["city"] == asdict(city) else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _empty(home: Path) -> None:
    if home.exists() and any(home.iterdir()) and not (home / STAMP).is_file():
        raise InvalidInput(
            zh=f"{home} 中有并非演示生成的文件，请先移走，或用 SITERISK_HOME 另选文件夹。",
            en=f"{home} holds files that no demo has made; move them, or choose another SITERISK_HOME.",
            field="SITERISK_HOME",
        )
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / STAMP).write_text("{}", encoding="utf-8")


def _make_records(settings: Settings, city: City, progress: Progress) -> None:
    from data_contracts.synthetic_city import write_city

    shutil.rmtree(settings.home / "records", ignore_errors=True)
    write_city(
        settings.home / "records",
        projects=city.projects,
        years=city.years,
        seed=city.seed,
        last_day=dt.date.fromisoformat(city.last_day),
        progress=progress,
    )


def _load(settings: Settings, progress: Progress) -> None:
    """Loading again what is loaded changes nothing, so a load that was cut short is simply done again."""
    from data_contracts.intake import load
    from data_contracts.record_store import RecordStore

    load(settings.home / "records", RecordStore.open(settings.store_url), progress=progress)


def _train(settings: Settings, city: City, progress: Progress) -> None:
    from data_contracts.records import open_records
    from training.experiment import train

    records = frozen_records(open_records(settings.store_url), settings.home, progress)
    done = train(records, mlruns=settings.mlruns, name="demo", seed=city.seed, progress=progress)
    say(training_table(done))


def _promote(settings: Settings) -> None:
    from training.promotion import promote

    done = promote(mlruns=settings.mlruns, home=settings.home)
    for why in done.refused.values():
        say(f"{why.zh}\n{why.en}")


def _grade(settings: Settings) -> None:
    """Today's grading run, by the command itself; nothing without a champion."""
    if _has_champion(settings):
        _command(settings, "grade", "--out", str(settings.home / "grades.csv"))


def _plan(settings: Settings) -> None:
    """The plan of next week as a spreadsheet and a calendar, by the command itself; nothing without a champion."""
    if _has_champion(settings):
        year, week, _ = (dt.date.today() + dt.timedelta(days=7)).isocalendar()
        files = [str(settings.home / f"plan{ending}") for ending in (".xlsx", ".ics")]
        _command(settings, "plan", "--week", f"{year}-W{week:02d}", "--out", files[0], "--out", files[1])


def _has_champion(settings: Settings) -> bool:
    from training.champion_ledger import pointer_or_none

    return pointer_or_none(settings.home) is not None


def _command(settings: Settings, *asked: str) -> None:
    command = [sys.executable, "-m", "serving.command_line", *asked]
    subprocess.run(command, env=command_environment(settings, os.environ), stdout=sys.stderr, check=True)
