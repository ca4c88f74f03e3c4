"""An answer of /v1/grades says the grades of the daily run, as known at `as_of`, with what they rest on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from data_contracts.api_messages import GradesAnswer
from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from serving.grading.decisions import Decision, waiting_at
from serving.grading.grade_store import GradeStore
from serving.reasons.day_reasons import reasons_at
from tests.running_city import GRADED_ON
from tests.small_city import SmallCity

AS_OF = f"{GRADED_ON}T08:00:00+08:00"

Told = dict[str, Any]


def asked(client: TestClient, *ids: str, as_of: str | None = AS_OF, **more: Any) -> Told:
    answer = client.post("/v1/grades", json={"project_ids": ids, "as_of": as_of, **more})
    assert answer.status_code == 200, answer.text
    GradesAnswer.model_validate(answer.json())
    told: Told = answer.json()
    return told


@pytest.fixture(scope="module")
def store(running_city: SmallCity) -> Iterator[GradeStore]:
    with RecordStore.open(running_city.store_url) as opened:
        yield GradeStore(opened.engine)


@pytest.fixture(scope="module")
def run(client: TestClient, store: GradeStore) -> pd.DataFrame:
    """The frame of the city's grading run."""
    return store.grades(store.needed_run(pd.Timestamp(GRADED_ON).date()))


def test_colour_rule_and_frequency_are_those_of_the_run_and_percentiles_are_against_it(
    client: TestClient, run: pd.DataFrame
) -> None:
    told = asked(client, *run["project_id"], as_of=f"{GRADED_ON}T06:00:00+08:00")
    assert told["grading_run"]["day"] == GRADED_ON and told["grading_run"]["percentiles_against_it"]
    assert {"dynamic_grade", "visit_frequency"} <= set(told["policies"])
    for (_, stored), site in zip(run.iterrows(), told["results"], strict=True):
        grade, visits = site["dynamic_grade"], site["frequency"]
        assert (grade["colour"], grade["confirmation"]) == (stored["colour"], stored["confirmation"])
        rule = grade["rule"]
        assert (rule["code"], rule["reference"], rule["on"]) == (
            stored["rule"],
            stored["reference"],
            GRADED_ON,
        )
        assert rule["value"] == (None if pd.isna(stored["value"]) else stored["value"])
        due = (visits["visits_per_year"], visits["due_on"], visits["reason"]["code"])
        assert due == (stored["visits_per_year"], str(stored["due_on"].date()), stored["due_rule"])
        assert site["inherent_grade"] == (
            None if pd.isna(stored["inherent_grade"]) else stored["inherent_grade"]
        )
    risks = np.sort(run["risk_accident"])
    for site in told["results"][:20]:
        not_higher = np.searchsorted(risks, site["risks"]["accident"], side="right")
        assert site["percentile"]["accident"] == 100.0 * (not_higher / len(risks))


def test_before_the_run_was_made_there_is_no_colour_and_no_frequency(
    client: TestClient, run: pd.DataFrame
) -> None:
    told = asked(client, run["project_id"][0], as_of=f"{GRADED_ON}T05:59:59+08:00")
    assert told["grading_run"] is None
    site = told["results"][0]
    assert (site["dynamic_grade"], site["frequency"], site["status"]) == (None, None, "ACTIVE")
    assert site["percentile"]["accident"] > 0


def test_the_quality_of_data_names_the_tables(client: TestClient, run: pd.DataFrame) -> None:
    from serving.service import API

    ids = run["project_id"].tolist()
    index = API.state.parts.live.state().scorer.index
    expected = index.input_quality(ids, [pd.Timestamp(AS_OF).tz_localize(None)] * len(ids))
    for site, (_, states) in zip(asked(client, *ids)["results"], expected.iterrows(), strict=True):
        quality = site["data_quality"]
        by_state = {word: states.index[states == word].tolist() for word in ("MISSING", "LATE")}
        assert (quality["missing"], quality["late"]) == (by_state["MISSING"], by_state["LATE"])
        flag = "INCOMPLETE" if quality["missing"] else "LATE" if quality["late"] else "COMPLETE"
        assert quality["flag"] == flag
    assert asked(client, "no-such-lot")["results"][0]["data_quality"] is None


def test_reasons_are_those_of_the_command_in_short_and_can_be_given_again(
    client: TestClient, run: pd.DataFrame
) -> None:
    from serving.service import API

    ids = [*run["project_id"][:5], "no-such-lot"]
    plain, told = asked(client, *ids)["results"], asked(client, *ids, reasons=True)["results"]
    assert {site["reasons"] for site in plain} == {None} and told[-1]["reasons"] is None
    scorer, told_of = API.state.parts.live.state().scorer, 0
    moments = np.full(len(ids), pd.Timestamp(AS_OF).tz_localize(None).to_datetime64()).astype("M8[us]")
    for site, by_head in zip(told[:-1], reasons_at(scorer.index, scorer.model, ids, moments), strict=False):
        for head, short in site["reasons"].items():
            strongest = sorted(by_head[head], key=lambda one: -abs(one.log_odds))[:3]
            assert [one["feature"] for one in short] == [one.feature for one in strongest]
            assert [one["direction"] == "RAISES" for one in short] == [one.log_odds > 0 for one in strongest]
            assert all(0 < one["share"] <= 1 for one in short)
            told_of += len(short)
    assert told_of > 5
    again = client.post(f"/v1/decisions/{told[0]['decision_id']}/replay").json()
    assert (again["equal"], again["differences"]) == (True, [])


def test_a_decision_and_a_run_count_within_a_second_and_an_earlier_answer_is_given_again_as_it_was(
    client: TestClient, store: GradeStore, run: pd.DataFrame
) -> None:
    red = run[run["confirmation"] == "PENDING"].iloc[0]
    before = asked(client, red["project_id"], as_of=None)["results"][0]
    assert before["dynamic_grade"]["confirmation"] == "PENDING"
    stored, day = store.needed_run(pd.Timestamp(GRADED_ON).date()), now().normalize()
    word = Decision(red["project_id"], "CONFIRM", "officer 7", "seen on site", day, waiting_at(red))
    store.decide_all(
        stored, [word], pd.Timestamp(before["as_of"]).tz_localize(None)
    )  # as if it had been known
    time.sleep(1)
    after = asked(client, red["project_id"], as_of=None)["results"][0]["dynamic_grade"]
    assert (after["confirmation"], after["decided_by"]) == ("CONFIRMED", "officer 7")
    again = client.post(f"/v1/decisions/{before['decision_id']}/replay").json()
    assert (again["equal"], again["differences"]) == (True, [])
