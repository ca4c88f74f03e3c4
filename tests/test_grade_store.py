"""Grading runs are kept whole, beside each other, with what persons decide; on SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from data_contracts.grade_tables import GRADE_TABLES
from data_contracts.record_store import RecordStore
from data_contracts.source_databases import database_tables
from serving.grading import grade_store
from serving.grading.decisions import Decision, waiting_at
from serving.grading.grade_store import GradeStore
from serving.grading.grading_run import GradingRun, grade_city
from tests.grading_cities import POLICIES, UNKNOWN, city_today

ROOT = Path(__file__).resolve().parent.parent
HUNDRED = [number / 100 for number in range(1, 101)]
MADE = pd.Timestamp("2026-03-02T06:00")


def run_of(day: str, risks: list[float] = HUNDRED, before: pd.DataFrame | None = None) -> GradingRun:
    facts = {"stop_orders_in_force": [1, *[0] * (len(risks) - 1)]}
    return grade_city(city_today(risks, facts=facts, day=day), POLICIES, UNKNOWN, before)


def kept(store: RecordStore, day: str, risks: list[float] = HUNDRED) -> GradingRun:
    run = run_of(day, risks)
    GradeStore(store.engine).add_run(run, pd.Timestamp(day), MADE)
    return run


def test_a_run_is_read_again_as_it_was_made(store: RecordStore):
    run = kept(store, "2026-03-02", [*HUNDRED[:-1], float("nan")])
    grades = GradeStore(store.engine)
    stored = grades.newest_run(dt.date(2026, 3, 2))
    assert stored is not None and (stored.run_id, stored.day) == (1, dt.date(2026, 3, 2))
    assert stored.passport == run.passport
    pd.testing.assert_frame_equal(grades.grades(stored), run.grades)


def test_of_two_runs_for_a_day_the_later_one_counts_and_the_first_is_kept(store: RecordStore):
    kept(store, "2026-03-02")
    second = kept(store, "2026-03-02", HUNDRED[::-1])
    grades = GradeStore(store.engine)
    counted = grades.grades(grades.needed_run(dt.date(2026, 3, 5)))
    pd.testing.assert_frame_equal(counted, second.grades)
    with store.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM grading_runs")) == 2
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM site_grades")) == 200


def test_the_run_before_is_of_an_earlier_day_however_late_it_was_made(store: RecordStore):
    kept(store, "2026-03-02")
    kept(store, "2026-03-01")
    grades = GradeStore(store.engine)
    before = grades.run_before(dt.date(2026, 3, 2))
    assert before is not None and before.day == dt.date(2026, 3, 1)
    assert grades.run_before(dt.date(2026, 3, 1)) is None


def test_without_any_run_there_are_no_grades(store: RecordStore):
    assert GradeStore(store.engine).newest_run(dt.date(2026, 3, 2)) is None


def test_a_decision_holds_from_its_day_on_and_not_before(store: RecordStore):
    run, grades = kept(store, "2026-03-02"), GradeStore(store.engine)
    stored = grades.needed_run(dt.date(2026, 3, 2))
    red = run.grades.iloc[-1]
    word = Decision(
        red["project_id"], "CONFIRM", "officer 7", "seen on site", pd.Timestamp("2026-03-03"), waiting_at(red)
    )
    grades.decide_all(stored, [word], pd.Timestamp("2026-03-03T09:00"))
    on = {day: grades.grades(stored, decided_until=dt.date(2026, 3, day)) for day in (2, 3)}
    said = {day: frame.iloc[-1] for day, frame in on.items()}
    assert (said[2]["confirmation"], said[3]["confirmation"]) == ("PENDING", "CONFIRMED")
    assert said[3]["decided_by"] == "officer 7"


_WRITER = """
import sys, time
import pandas as pd
from data_contracts.record_store import RecordStore
from serving.grading import grade_store
from tests.test_grade_store import kept

write = grade_store.write_columns

def stops(*arguments):
    write(*arguments)
    print("reached", flush=True)
    time.sleep(600)

grade_store.write_columns = stops
with RecordStore.open(sys.argv[1]) as store:
    kept(store, "2026-03-02")
"""


def test_a_run_killed_before_it_is_whole_leaves_nothing_and_can_simply_be_made_again(
    store: RecordStore, store_url: str
):
    kept(store, "2026-03-01")
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, store_url], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert writer.stdout is not None and writer.stdout.readline().strip() == "reached"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    grades = GradeStore(store.engine)
    assert grades.needed_run(dt.date(2026, 3, 9)).day == dt.date(2026, 3, 1)
    kept(store, "2026-03-02")
    again = grades.needed_run(dt.date(2026, 3, 9))
    assert (again.day, again.run_id, len(grades.grades(again))) == (dt.date(2026, 3, 2), 2, 100)


def test_a_run_that_fails_in_the_middle_leaves_nothing(store: RecordStore, monkeypatch: pytest.MonkeyPatch):
    kept(store, "2026-03-01")

    def breaks(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(grade_store, "write_columns", breaks)
    with pytest.raises(RuntimeError):
        kept(store, "2026-03-02")
    newest = GradeStore(store.engine).needed_run(dt.date(2026, 3, 9))
    assert newest.day == dt.date(2026, 3, 1)


def test_grades_in_the_store_are_no_records_of_a_source(store: RecordStore):
    kept(store, "2026-03-02")
    url = store.engine.url.render_as_string(hide_password=False)
    _, _, unknown = database_tables(url, lambda name: name if name == "projects" else None)
    assert not set(GRADE_TABLES) & set(unknown)
