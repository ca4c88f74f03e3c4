"""The clock of the machine is set back an hour: what was acknowledged keeps its order, and stays known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data_contracts.errors import InvalidInput
from data_contracts.intake import load
from data_contracts.moments import CLOCK_TOLERANCE, now
from data_contracts.record_store import RecordStore
from serving.asked_moments import moment_asked
from serving.command_line.service_process import running_service
from serving.grading.grade_store import GradeStore
from tests.running_city import eventually
from tests.test_killed_records import Caller, installed

TEN, NINE = pd.Timestamp("2026-03-01 10:00"), pd.Timestamp("2026-03-01 09:00")
PROJECT = pd.DataFrame({"project_id": ["P1"], "start_date": ["2026-01-01"]})
SITECUSTOMIZE = """
import os
import pathlib
import time
import pandas as pd
from data_contracts import moments

now, time_ns, set_back = moments.now, time.time_ns, pathlib.Path(os.environ["CLOCK_SET_BACK"])
moments.now = lambda: now() - pd.Timedelta(set_back.read_text())
time.time_ns = lambda: time_ns() - pd.Timedelta(set_back.read_text()).value
"""


def stored(store: RecordStore, at: pd.Timestamp, **cells: Any) -> None:
    report = load({"projects": PROJECT.assign(**cells)}, store, now=at, stamp_missing=True)
    assert report.tables["projects"].stored == 1


def test_a_correction_that_comes_after_the_clock_was_set_back_counts_as_later(store: RecordStore) -> None:
    stored(store, TEN, floor_area_m2="1000")
    stored(store, NINE, floor_area_m2="2000")
    stored(store, NINE + pd.Timedelta(minutes=1), floor_area_m2="3000")
    held = store.read("projects")
    assert held["floor_area_m2"].tolist() == [1000, 2000, 3000]
    assert held["recorded_at"].is_monotonic_increasing and held["recorded_at"].is_unique
    assert held["recorded_at"].iloc[0] == TEN and held["recorded_at"].iloc[-1] < TEN + pd.Timedelta(seconds=1)
    stored(store, TEN + pd.Timedelta(minutes=1), floor_area_m2="4000")
    assert store.mark().loaded_at == TEN + pd.Timedelta(minutes=1)


def test_one_batch_of_a_clock_years_ahead_does_not_stop_the_time(store: RecordStore) -> None:
    stored(store, pd.Timestamp("2038-01-01"), floor_area_m2="1000")
    stored(store, NINE, floor_area_m2="2000")
    assert store.mark().loaded_at == NINE


def test_what_a_client_may_ask_about_goes_by_what_is_on_file() -> None:
    ahead = now() + pd.Timedelta(hours=1)
    assert moment_asked(None, ahead) == ahead
    assert moment_asked((ahead + CLOCK_TOLERANCE).isoformat(), ahead) == ahead + CLOCK_TOLERANCE
    with pytest.raises(InvalidInput):
        moment_asked((ahead + 2 * CLOCK_TOLERANCE).isoformat(), ahead)


def test_runs_and_decisions_of_persons_are_not_dated_before_those_on_file(store: RecordStore) -> None:
    grades = GradeStore(store.engine)
    assert grades.present(NINE) == NINE  # none yet
    with store.engine.begin() as connection:
        row = {"run_id": 1, "day": TEN.date(), "made_at": TEN.to_pydatetime(), "passport": "{}"}
        connection.execute(runs_table().insert().values(row))
    assert grades.present(NINE) == TEN and grades.newest_moment() == TEN
    assert grades.present(TEN + pd.Timedelta(hours=1)) == TEN + pd.Timedelta(hours=1)


def runs_table():  # type: ignore[no-untyped-def]
    from data_contracts.grade_tables import GRADING_RUNS
    from data_contracts.store_tables import store_table

    return store_table(GRADING_RUNS)


class Asking(Caller):
    """Posts violations without `recorded_at`, and asks for the grade of the site."""

    def stored(self, violation_id: str, severity: str) -> None:
        found_on = (now() - pd.Timedelta(days=1)).date().isoformat()
        row = {"violation_id": violation_id, "project_id": "P1", "found_on": found_on, "severity": severity}
        status, told = self.post([row])
        assert (status, told["stored"]) == (200, 1), told

    def graded(self, as_of: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The answer and the decision that is kept of it."""
        status, told = 503, {}
        while status == 503:  # one of the two workers may not be ready yet
            status, told = self.ask("POST", "/v1/grades", {"project_ids": ["P1"], "as_of": as_of})
        assert status == 200, told
        return told, self.ask("GET", f"/v1/decisions/{told['results'][0]['decision_id']}")[1]


@pytest.mark.slow
def test_a_service_whose_clock_is_set_back_an_hour_knows_what_it_knew_and_answers_again_the_same(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(SITECUSTOMIZE)
    set_back = tmp_path / "clock" / "by"
    set_back.write_text("0s")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "clock"))
    monkeypatch.setenv("CLOCK_SET_BACK", str(set_back))
    settings, token = installed(store_url, tmp_path)
    with running_service(settings, tmp_path / "service.log"):
        caller = Asking(settings.port, token)
        eventually(caller.is_graded)
        caller.stored("V1", "general")
        before, kept = caller.graded()
        set_back.write_text("1h")
        assert kept["features"]["violations_90d"] == 1
        decisions = [kept]
        for number, (violation_id, severity) in enumerate(
            [("V1", "major"), ("V2", "major"), ("V2", "general")]
        ):
            told, kept = caller.graded()
            decisions.append(kept)
            assert kept["features"]["violations_90d"] == max(1, number)
            assert told["as_of"] >= before["as_of"] or number == 0
            caller.stored(violation_id, severity)
        told, kept = caller.graded()
        assert kept["features"]["violations_90d"] == 2
        assert kept["asked_at"] < before["as_of"]  # the clock is set back indeed
        again, kept_again = caller.graded(before["as_of"])
        assert again["results"][0]["risks"] == before["results"][0]["risks"]
        assert kept_again["features"] == decisions[0]["features"]  # nothing that came later is seen
        for decision in [*decisions, kept, kept_again]:
            replayed = caller.ask("POST", f"/v1/decisions/{decision['decision_id']}/replay", {})[1]
            assert (replayed["equal"], replayed["differences"]) == (True, [])
    with RecordStore.open(store_url) as store:
        held = store.read("violations").sort_values("recorded_at")
        assert held[["violation_id", "severity"]].to_numpy().tolist() == [
            ["V1", "general"],
            ["V1", "major"],
            ["V2", "major"],
            ["V2", "general"],
        ]
