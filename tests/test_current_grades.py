"""The colour that counts at a moment: the last run's, and what has happened since."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_contracts.record_store import RecordStore
from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from serving.grading.current_grades import CurrentGrades
from serving.grading.decisions import Decision
from serving.grading.grade_store import GradeStore
from serving.grading.grading_run import grade_city
from serving.grading.known_runs import KnownRuns
from tests.grading_cities import POLICIES, UNKNOWN, city_today

OTHERS = [f"Q{number:02d}" for number in range(99)]


class Station:
    """A store with runs, and the records of its sites."""

    def __init__(self, store: RecordStore, index: FactIndex) -> None:
        self.store, self.index = GradeStore(store.engine), index

    def now(self) -> CurrentGrades:
        return CurrentGrades(KnownRuns(self.store), self.index)


@pytest.fixture
def current(store: RecordStore) -> Station:
    """P1 was blue and P3 not known in the run of 2 March; P1 is stopped from the 5th, P2 was finished on the 4th."""
    run = grade_city(city_today([0.1, 0.2], ids=["P1", "P2"]), POLICIES, UNKNOWN)
    GradeStore(store.engine).add_run(run, pd.Timestamp("2026-03-02"), pd.Timestamp("2026-03-02T06:00"))
    sites = {"recorded_at": "2026-01-01", "start_date": "2026-01-01"}
    projects = pd.DataFrame([sites | {"project_id": one} for one in ("P1", "P2", "P3")])
    projects["finish_date"] = [None, "2026-03-04", None]
    order = {
        "order_id": "O1",
        "project_id": "P1",
        "kind": "STOP",
        "issued_on": "2026-03-05",
        "recorded_at": "2026-03-05T10:00",
    }
    tables = {"projects": projects, "orders": pd.DataFrame([order])}
    return Station(store, FactIndex.build(Records.from_tables(tables), load_catalogue()))


def at(current: Station, site: str, moment: str) -> str | None:
    return current.now().at([site], np.array([moment], "datetime64[us]"))[0]


def test_the_colour_is_that_of_the_last_run_up_to_the_moment(current: Station):
    assert at(current, "P1", "2026-03-01") is None
    assert at(current, "P1", "2026-03-02T07:00") == "BLUE"
    assert at(current, "P1", "2026-03-05T09:00") == "BLUE"


def test_an_override_since_the_run_holds_from_the_moment_it_is_on_file(current: Station):
    assert at(current, "P1", "2026-03-05T11:00") == "ORANGE"


def test_a_site_that_is_finished_or_that_no_run_knows_has_no_colour(current: Station):
    assert at(current, "P2", "2026-03-03") == "BLUE"
    assert at(current, "P2", "2026-03-05") is None
    assert at(current, "P3", "2026-03-05") is None


def test_pairs_are_answered_in_the_order_given(current: Station):
    moments = np.array(["2026-03-05T11:00", "2026-03-01", "2026-03-03"], "datetime64[us]")
    assert current.now().at(["P1", "P1", "P2"], moments) == ["ORANGE", None, "BLUE"]


def test_a_run_counts_from_the_moment_it_was_made_and_not_before(current: Station):
    assert at(current, "P1", "2026-03-02T05:59") is None
    assert at(current, "P1", "2026-03-02T06:00") == "BLUE"
    # A second run for 2 March, made on the 4th after the records were corrected: P1 is yellow in it.
    alarm = {"alarms_open": [1, 0]}
    again = grade_city(city_today([0.1, 0.2], ids=["P1", "P2"], facts=alarm), POLICIES, UNKNOWN)
    current.store.add_run(again, pd.Timestamp("2026-03-02"), pd.Timestamp("2026-03-04T08:00"))
    assert [at(current, "P1", f"2026-03-04T{hour}") for hour in ("07:59", "08:00")] == ["BLUE", "YELLOW"]


def test_a_decision_counts_from_the_moment_it_was_recorded(current: Station):
    red = grade_city(city_today([0.9, *[0.1] * 99], ids=["P1", *OTHERS]), POLICIES, UNKNOWN)
    current.store.add_run(red, pd.Timestamp("2026-03-03"), pd.Timestamp("2026-03-03T06:00"))
    run = current.store.needed_run(pd.Timestamp("2026-03-03").date())
    run_day = pd.Timestamp(run.day)
    word = Decision("P1", "REFUSE", "officer 7", "seen on site", run_day, ("RED", None))
    current.store.decide_all(run, [word], run_day + pd.Timedelta(hours=15))
    assert [at(current, "P1", f"2026-03-03T{hour}:00") for hour in ("08", "15")] == ["RED", "YELLOW"]


def test_what_decided_is_told_with_rule_value_reference_and_day(current: Station):
    runs = KnownRuns(current.store)
    grades = CurrentGrades(runs, current.index)

    def told(moment: str) -> dict[str, object]:
        at_moment = pd.Timestamp(moment)
        facts = current.index.values(grades.facts, ["P1"], np.array([at_moment], "datetime64[us]"))
        run = runs.at(at_moment)
        assert run is not None
        site = grades.of(run, ["P1"], lambda name: facts[name].to_numpy())[0]
        assert site is not None
        return site

    before, after = told("2026-03-05T09:00"), told("2026-03-05T11:00")
    assert (before["rule"], str(before["rule_on"]), before["confirmation"]) == (
        "HEAD_ACCIDENT",
        "2026-03-02",
        "NOT_NEEDED",
    )
    assert (after["rule"], after["fact"], after["value"], str(after["rule_on"])) == (
        "STOP_ORDER",
        "stop_orders_in_force",
        1.0,
        "2026-03-05",
    )
    assert after["confirmation"] == "PENDING" and "dynamic_grade 2018-06-01" in str(after["reference"])
    assert after["due_on"] == before["due_on"]  # due days follow with the next run


def test_what_came_after_a_mark_is_not_seen_so_that_an_answer_can_be_given_again(current: Station):
    before = current.store.mark()
    red = grade_city(city_today([0.9, *[0.1] * 99], ids=["P1", *OTHERS]), POLICIES, UNKNOWN)
    current.store.add_run(red, pd.Timestamp("2026-03-03"), pd.Timestamp("2026-03-02T05:00"))
    moment = np.array(["2026-03-03T09:00"], "datetime64[us]")
    then, now = (CurrentGrades(KnownRuns(current.store, mark), current.index) for mark in (before, None))
    assert (then.at(["P1"], moment), now.at(["P1"], moment)) == (["BLUE"], ["RED"])
