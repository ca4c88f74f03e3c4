"""What a person decides over the API holds as on the command line, is kept once, and is there for all to read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from data_contracts.api_messages import DecisionAnswer
from data_contracts.record_store import RecordStore
from data_contracts.response_messages import ResponseAnswer
from data_contracts.store_connection import connected, writing
from serving.grading.decisions import Decision, hindrance, waiting_at, with_decisions
from serving.grading.grade_store import GradeStore
from serving.grading.grading_run import grade_city
from serving.ledger.responses import SAID, keep_response, objections_since, responses_to, same_response
from tests.grading_cities import POLICIES, UNKNOWN, city_today
from tests.running_city import GRADED_ON, eventually, new_key
from tests.small_city import SmallCity

Told = dict[str, Any]
Headers = dict[str, str]
PERSON = {"person": "officer 7"}


@pytest.fixture(scope="module")
def key(client: TestClient, running_city: SmallCity) -> Callable[..., Headers]:
    """Gives the header of a new key that the door knows."""

    def make(role: str = "manage", district: str = "310000") -> Headers:
        named = {"Authorization": f"Bearer {new_key(running_city, districts=[district], role=role)[1]}"}
        eventually(lambda: client.get("/v1/openapi.json", headers=named).status_code == 200, 20)
        return named

    return make


@pytest.fixture(scope="module")
def manager(key: Callable[..., Headers]) -> Headers:
    return key()


@pytest.fixture(scope="module")
def waiting(client: TestClient, running_city: SmallCity) -> list[str]:
    """Sites whose colour waits for a person and does not follow from a fact, the last ones of the run."""
    with RecordStore.open(running_city.store_url) as store:
        grades = GradeStore(store.engine)
        sites = grades.grades(grades.needed_run(pd.Timestamp(GRADED_ON).date()))
    chosen = sites[(sites["confirmation"] == "PENDING") & sites["override_colour"].isna()]
    return chosen["project_id"].tolist()[:0:-1]


def answer(client: TestClient, project_id: str) -> Told:
    found = client.post("/v1/grades", json={"project_ids": [project_id]}).json()["results"][0]
    return dict(found)


def said(client: TestClient, by: Headers, decision_id: str, word: str, **body: Any) -> Told:
    answered = client.post(f"/v1/decisions/{decision_id}/{word}", json=body, headers=by)
    if answered.status_code == 200:
        ResponseAnswer.model_validate(answered.json())
        return dict(answered.json())
    return dict(answered.json()["error"] | {"status": answered.status_code})


def test_a_confirmation_holds_at_once_is_kept_once_and_stands_with_the_answer(
    client: TestClient, manager: Headers, waiting: list[str]
) -> None:
    before = answer(client, waiting[0])
    decision_id = before["decision_id"]
    with ThreadPoolExecutor(4) as threads:
        told = list(
            threads.map(
                lambda _: said(client, manager, decision_id, "confirm", decision="CONFIRM", **PERSON),
                range(4),
            )
        )
    assert sorted(one["repeated"] for one in told) == [False, True, True, True]
    first = next(one for one in told if not one["repeated"])
    assert first["changed"] == ["confirmation", "decided_by", "decided_on"]
    assert (first["before"]["confirmation"], first["after"]["confirmation"]) == ("PENDING", "CONFIRMED")
    grade = lambda: answer(client, waiting[0])["dynamic_grade"]  # noqa: E731
    eventually(lambda: grade()["confirmation"] == "CONFIRMED", 1.5)
    held = client.get(f"/v1/decisions/{decision_id}").json()
    DecisionAnswer.model_validate(held)
    assert [one["kind"] for one in held["responses"]] == ["CONFIRM"]
    assert held["result"]["dynamic_grade"]["confirmation"] == "PENDING"  # what was answered stays
    late = said(client, manager, decision_id, "confirm", decision="REFUSE", reason="too late", **PERSON)
    assert (late["status"], late["code"]) == (409, "CHECK_FAILED") and "nothing waits" in late["message_en"]


def test_a_refusal_needs_a_reason_and_what_was_not_seen_is_not_decided(
    client: TestClient, manager: Headers, waiting: list[str]
) -> None:
    seen = answer(client, waiting[1])["decision_id"]
    told = said(client, manager, seen, "confirm", decision="REFUSE", **PERSON)
    assert (told["status"], told["field"]) == (422, "reason")
    told = said(client, manager, seen, "confirm", decision="REFUSE", reason="seen on site", **PERSON)
    assert (told["after"]["colour"], told["after"]["confirmation"]) == ("YELLOW", "REFUSED")
    stale = said(client, manager, seen, "override", colour="RED", reason="as I saw it", **PERSON)
    assert stale["status"] == 409 and "no longer the one that was seen" in stale["message_en"]
    before_the_run = client.post(
        "/v1/grades", json={"project_ids": [waiting[2]], "as_of": f"{GRADED_ON}T05:00"}
    ).json()["results"][0]["decision_id"]
    told = said(client, manager, before_the_run, "confirm", decision="CONFIRM", **PERSON)
    assert told["status"] == 409 and "told no dynamic grade" in told["message_en"]


def test_an_inspector_sets_a_colour_and_an_objection_changes_none(
    client: TestClient, key: Callable[..., Headers], manager: Headers, running_city: SmallCity
) -> None:
    with RecordStore.open(running_city.store_url) as store:
        parties = store.read("project_parties")
        grades = GradeStore(store.engine)
        sites = grades.grades(grades.needed_run(pd.Timestamp(GRADED_ON).date()))
        site = sites.loc[sites["colour"] == "BLUE", "project_id"].iloc[-1]
    seen = answer(client, site)["decision_id"]
    told = said(client, manager, seen, "override", colour="ORANGE", reason="water in the pit", **PERSON)
    assert (told["before"]["colour"], told["after"]["colour"]) == ("BLUE", "ORANGE")
    eventually(lambda: answer(client, site)["dynamic_grade"]["colour"] == "ORANGE", 1.5)
    raised = answer(client, site)
    rule = raised["dynamic_grade"]["rule"]
    assert (rule["code"], raised["dynamic_grade"]["confirmation"]) == ("INSPECTOR_OVERRIDE", "CONFIRMED")
    far = said(client, manager, raised["decision_id"], "override", colour="BLUE", reason="dry", **PERSON)
    assert far["status"] == 409 and "one step at a time" in far["message_en"]
    firm, reporter = parties["enterprise_id"].iloc[0], key("report")
    words = {"enterprise_id": firm, "reason": "rectified in February"}
    kept = said(client, reporter, raised["decision_id"], "objection", **words)
    assert (kept["changed"], kept["before"]) == ([], kept["after"])
    assert said(client, reporter, raised["decision_id"], "objection", **words)["repeated"]
    unknown = said(client, reporter, raised["decision_id"], "objection", enterprise_id="nobody", reason="no")
    assert (unknown["status"], unknown["field"]) == (422, "enterprise_id")
    for by, word in ((reporter, "override"), (key("score"), "confirm"), (key("score"), "objection")):
        assert said(client, by, seen, word)["status"] == 403


def test_beyond_the_scope_there_is_nothing_to_decide(
    client: TestClient, key: Callable[..., Headers], manager: Headers, waiting: list[str]
) -> None:
    from serving.service import API

    seen = answer(client, waiting[3])["decision_id"]
    district = API.state.parts.live.state().jurisdictions._held[waiting[3]][1]
    other = key(district=next(code for code in ("310101", "310115") if code != district))
    body = {"decision": "CONFIRM", **PERSON}
    beyond, absent = (said(client, other, one, "confirm", **body) for one in (seen, "0" * 30))
    assert beyond == absent and beyond["status"] == 404


def test_the_same_by_the_same_key_is_one_response_in_both_databases(store: RecordStore) -> None:
    said = dict.fromkeys(SAID) | {"decision_id": "d", "kind": "OBJECTION", "key_id": "k", "reason": "r"}
    at = pd.Timestamp("2026-03-02T09:00")
    with connected(store.engine) as connection, writing(connection):
        assert same_response(connection, said) is None
        kept = keep_response(connection, said, None, at)
        assert same_response(connection, said) == kept
        assert same_response(connection, said | {"person": "officer 7"}) is None
    assert [one["response_id"] for one in responses_to(store.engine, "d")] == [1]
    counts = [objections_since(store.engine, moment) for moment in (None, dt.datetime(2026, 3, 2), at)]
    assert counts == [1, 1, 0]


def test_a_colour_that_an_inspector_set_stands_against_the_risks_until_its_days_have_passed() -> None:
    def city(risk: float, day: str) -> Any:
        return city_today([risk, *[0.1] * 99], day=day)

    def set_to(frame: pd.DataFrame, colour: str, day: str) -> pd.DataFrame:
        site = frame.iloc[0]
        word = Decision(
            "P000", "OVERRIDE", "officer 7", "seen", pd.Timestamp(day), waiting_at(site), None, colour
        )
        assert hindrance(site, word) is None
        return with_decisions(frame, [word])

    red = grade_city(city(0.9, "2026-03-02"), POLICIES, UNKNOWN).grades
    lowered = set_to(red, "ORANGE", "2026-03-03")
    next_day = grade_city(city(0.9, "2026-03-04"), POLICIES, UNKNOWN, lowered).grades.iloc[0]
    assert (next_day["colour"], next_day["rule"], next_day["confirmation"]) == (
        "ORANGE",
        "RAISE_REFUSED",
        "CONFIRMED",
    )
    later = grade_city(city(0.9, "2026-04-02"), POLICIES, UNKNOWN, lowered).grades.iloc[0]
    assert (later["colour"], later["confirmation"]) == ("RED", "PENDING")
    blue = grade_city(city(0.0, "2026-03-02"), POLICIES, UNKNOWN).grades
    raised = set_to(blue, "RED", "2026-03-03")
    kept = grade_city(city(0.0, "2026-03-04"), POLICIES, UNKNOWN, raised).grades.iloc[0]
    assert (kept["colour"], str(kept["red_since"].date())) == ("RED", "2026-03-03")
    assert str(kept["due_on"].date()) == "2026-03-12"  # within seven working days of the third
    stopped = city_today([0.0] * 100, facts={"stop_orders_in_force": [1, *[0] * 99]})
    orange = grade_city(stopped, POLICIES, UNKNOWN).grades.iloc[0]
    word = Decision(
        "P000", "OVERRIDE", "officer 7", "no", pd.Timestamp("2026-03-03"), waiting_at(orange), None, "YELLOW"
    )
    why = hindrance(orange, word)
    assert why is not None and "a fact asks for ORANGE" in why[1]
