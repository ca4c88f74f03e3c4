"""The service with the small city inside the test process, and keys to ask it with."""

import datetime as dt
import shutil
import time
from collections.abc import Callable, Collection
from typing import Any

import pandas as pd
import pytest

from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from serving.access.key_store import add_key
from serving.grading.daily import DayToGrade
from serving.grading.grade_store import GradeStore
from serving.grading.policies import house_grading_policies
from serving.scorer import Scorer
from tests.small_city import SmallCity, small_city
from training.risk_model import load_champion

GRADED_ON = "2026-07-01"


def city_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> SmallCity:
    """The small city in a home of this test process, so that what is stored here stays here."""
    shared = small_city(tmp_path_factory)
    home = tmp_path_factory.mktemp("service_home")
    shutil.copytree(shared.home, home, dirs_exist_ok=True)
    return SmallCity(shared.records, home)


def grade(city: SmallCity, day: str) -> None:
    """Keep a grading run of the day in the city's store, made at six in the morning."""
    with RecordStore.open(city.store_url) as store:
        model, records = load_champion(city.home), store.records()
        scorer = Scorer(FactIndex.build(records, load_catalogue()), model)
        to_grade = DayToGrade(scorer, records, pd.Timestamp(day), frozenset(model.heads))
        run = to_grade.graded(house_grading_policies())
        GradeStore(store.engine).add_run(run, to_grade.day, to_grade.day + pd.Timedelta(hours=6))


def new_key(
    city: SmallCity, *, districts: Collection[str] = (), agencies: Collection[str] = (), **told: Any
) -> tuple[str, str]:
    """The id and the token of a key added to the city's store."""
    usual = {"name": "test", "role": "score", "calls_per_second": 100_000.0, "at": now().to_pydatetime()}
    with RecordStore.open(city.store_url) as store:
        key, token = add_key(store, districts=districts, agencies=agencies, **{**usual, **told})
    return key.key_id, token


def usual_key(city: SmallCity) -> str:
    """The token of a new key that may score the whole city."""
    return new_key(city, districts=["310000"], expires_at=dt.datetime(2199, 1, 1))[1]


def eventually(holds: Callable[[], bool], seconds: float = 180) -> None:
    """Wait until something comes true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
