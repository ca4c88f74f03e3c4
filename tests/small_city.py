"""A small synthetic city in a record store, with a small model in force: built once for all tests."""

import datetime as dt
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from data_contracts.intake import load
from data_contracts.record_store import RecordStore
from data_contracts.synthetic_city import write_city
from features.catalogue import load_catalogue
from tests.small_model import put_in_force

PROJECTS, YEARS, SEED = 200, 2, 7
LAST_DAY = dt.date(2026, 6, 30)


@dataclass(frozen=True)
class SmallCity:
    """Where the city is: raw records, and the home with store and champion."""

    records: Path
    home: Path

    @property
    def store_url(self) -> str:
        return f"sqlite:///{self.home / 'siterisk.db'}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of an installation with this city."""
        return {"SITERISK_HOME": str(self.home), "SITERISK_MLRUNS": str(self.home / "mlruns")}

    def project_ids(self) -> list[str]:
        with RecordStore.open(self.store_url) as store:
            return sorted(store.read("projects")["project_id"].unique())


def small_city(tmp_path_factory: pytest.TempPathFactory) -> SmallCity:
    """The city, made by whichever test process comes first."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    city = SmallCity(folder / "small_city" / "records", folder / "small_city" / "home")
    city.home.mkdir(parents=True, exist_ok=True)
    with (folder / "small_city" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "small_city" / "ready").exists():
            write_city(city.records, projects=PROJECTS, years=YEARS, seed=SEED, last_day=LAST_DAY)
            with RecordStore.open(city.store_url) as store:
                load(city.records, store)
            put_in_force(city.home, load_catalogue().names)
            (folder / "small_city" / "ready").touch()
    return city
