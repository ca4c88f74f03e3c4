"""Nothing but health answers without a key, and a key opens no more than it says."""

import datetime as dt
import json
import time
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from data_contracts.intake import load
from data_contracts.record_store import RecordStore
from serving.access.key_store import revoke_key
from tests.running_city import eventually, new_key
from tests.small_city import SmallCity

DAY = "2026-03-01"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ask(client: TestClient, token: str, *ids: str) -> Any:
    return client.post("/v1/grades", json={"project_ids": ids, "as_of": DAY}, headers=bearer(token))


def status(client: TestClient, token: str, project_id: str) -> str:
    return str(ask(client, token, project_id).json()["results"][0]["status"])


@pytest.fixture
def known(client: TestClient, running_city: SmallCity) -> Any:
    """Gives a new key that the service knows."""

    def make(**told: Any) -> str:
        token = new_key(running_city, **told)[1]
        eventually(lambda: client.get("/v1/openapi.json", headers=bearer(token)).status_code != 401)
        return token

    return make


def by_district(city: SmallCity) -> pd.DataFrame:
    with RecordStore.open(city.store_url) as store:
        rows = store.read("projects")
    return rows.groupby("project_id").last().reset_index()[["project_id", "region_code", "agency_code"]]


WRONG = {
    "none": {},
    "empty": {"Authorization": ""},
    "no token": {"Authorization": "Bearer"},
    "another scheme": {"Authorization": "Basic c3I6c3I="},
    "made up": bearer("sr_00000000_" + "0" * 64),
    "a word": bearer("open sesame"),
    "other letters": bearer("sr_zzzzzzzz_" + "0" * 64),
    "very long": bearer("sr_" + "0" * 5000),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", path) for path in ("/v1/grades", "/grades")),
        *(("GET", path) for path in ("/v1/docs", "/v1/openapi.json", "/v1/decisions/0", "/metrics")),
        *(("GET", path) for path in ("/nothing", "/healthz", "/docs.json", "/schema.json", "/grades/")),
    ],
)
def test_nothing_answers_without_a_valid_key(client: TestClient, method: str, path: str, case: str) -> None:
    answer = client.request(
        method, path, headers={"Authorization": "", **WRONG[case]}, follow_redirects=False
    )
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"
    assert "siterisk key add" in answer.json()["error"]["message_en"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_health_answers_without_a_key(client: TestClient) -> None:
    for path in ("/livez", "/readyz"):
        assert client.get(path, headers={"Authorization": ""}).status_code == 200


def test_a_key_with_one_wrong_letter_does_not_open(client: TestClient, known: Any) -> None:
    token = known(districts=["310000"])
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert ask(client, token, "P1").status_code == 200
    assert ask(client, wrong, "P1").status_code == 401


def test_a_project_of_another_district_is_answered_as_one_that_is_not_there(
    client: TestClient, running_city: SmallCity, known: Any
) -> None:
    sites = by_district(running_city)
    district = sites["region_code"].mode()[0]
    inside = sites.loc[sites["region_code"] == district, "project_id"].tolist()
    outside = sites.loc[sites["region_code"] != district, "project_id"].tolist()
    assert inside
    assert outside
    answer = ask(client, known(districts=[district]), inside[0], outside[0], "no-such-lot").json()
    within, beyond, absent = (
        {name: value for name, value in one.items() if name not in ("project_id", "decision_id")}
        for one in answer["results"]
    )
    assert within["facts_latest_recorded_at"] is not None
    assert beyond == absent
    assert beyond["status"] == "UNKNOWN"
    assert [one["project_id"] for one in answer["results"]] == [inside[0], outside[0], "no-such-lot"]


def test_a_project_is_reached_by_its_agency_wherever_it_lies(
    client: TestClient, running_city: SmallCity, known: Any
) -> None:
    sites = by_district(running_city).dropna(subset=["agency_code"])
    agency = sites["agency_code"].mode()[0]
    inside = sites.loc[sites["agency_code"] == agency, "project_id"].tolist()
    outside = sites.loc[sites["agency_code"] != agency, "project_id"].tolist()
    found = ask(client, known(agencies=[agency]), inside[0], outside[0]).json()["results"]
    assert [one["facts_latest_recorded_at"] is None for one in found] == [False, True]


def test_a_project_handed_over_is_reached_by_its_new_district_alone(
    client: TestClient, running_city: SmallCity, known: Any, tmp_path: Any
) -> None:
    row = {"project_id": "P-MOVED", "start_date": "2026-01-05"}
    old, new = known(districts=["310101"]), known(districts=["310151"])
    for recorded_at, district, holder in (("2026-01-05", "310101", old), ("2026-02-01", "310151", new)):
        moved = pd.DataFrame([{**row, "recorded_at": recorded_at, "region_code": district}])
        moved.to_csv(tmp_path / "projects.csv", index=False)
        with RecordStore.open(running_city.store_url) as store:
            load(tmp_path, store)
        eventually(lambda by=holder: status(client, by, "P-MOVED") == "ACTIVE", 20)
    assert status(client, old, "P-MOVED") == "UNKNOWN"


@pytest.mark.parametrize(("role", "status"), [("score", 200), ("report", 403), ("manage", 200)])
def test_only_roles_that_may_score_get_risks(client: TestClient, known: Any, role: str, status: int) -> None:
    token = known(districts=["310000"], role=role)
    for path in ("/v1/grades", "/grades"):
        answer = client.post(path, json={"project_ids": ["P1"]}, headers=bearer(token))
        assert answer.status_code == status
        assert status == 200 or answer.json()["error"]["code"] == "FORBIDDEN"


def test_metrics_are_for_roles_that_report(client: TestClient, known: Any) -> None:
    assert client.get("/metrics", headers=bearer(known(districts=["310000"]))).status_code == 403
    reporting = bearer(known(districts=["310000"], role="report"))
    assert client.get("/metrics", headers=reporting).status_code == 200


def test_a_revoked_key_opens_nothing_after_a_second(client: TestClient, running_city: SmallCity) -> None:
    key_id, token = new_key(running_city, districts=["310000"])
    eventually(lambda: ask(client, token, "P1").status_code == 200)
    with RecordStore.open(running_city.store_url) as store:
        revoke_key(store, key_id, dt.datetime(2026, 1, 1))
    time.sleep(1)
    answer = ask(client, token, "P1")
    assert answer.status_code == 401
    assert "revoked" in answer.json()["error"]["message_en"]


def test_a_key_that_expires_opens_nothing_from_then_on(client: TestClient, known: Any) -> None:
    from data_contracts.moments import now

    token = known(districts=["310000"], expires_at=(now() + pd.Timedelta(seconds=4)).to_pydatetime())
    assert ask(client, token, "P1").status_code == 200
    eventually(lambda: ask(client, token, "P1").status_code == 401, 20)
    assert "expired" in ask(client, token, "P1").json()["error"]["message_en"]


def test_a_key_that_asks_too_often_is_told_when_to_come_again(client: TestClient, known: Any) -> None:
    token = known(districts=["310000"], calls_per_second=0.2)
    answer = ask(client, token, "P1")  # `known` has used the only call
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "TOO_MANY_REQUESTS"
    assert 1 <= int(answer.headers["retry-after"]) <= 5


def test_each_call_leaves_one_line_with_key_role_and_count_but_no_secret(
    client: TestClient, known: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    from serving.request_log import configure_logging

    token = known(districts=["310000"])
    configure_logging()
    capfd.readouterr()
    ids = [f"310101199001011{row:03d}" for row in range(3)]
    decision = ask(client, token, *ids).json()["results"][0]["decision_id"]
    client.get(f"/v1/decisions/{decision}", headers=bearer(token))
    client.post("/v1/grades", headers=bearer(token[:-4] + "zzzz"))
    printed = capfd.readouterr().err
    lines = [json.loads(line) for line in printed.strip().splitlines()]
    assert [line["status"] for line in lines] == [200, 200, 401]
    assert {"key", "role", "path", "status", "milliseconds", "decisions"} <= set(lines[0])
    assert (lines[0]["role"], lines[0]["decisions"], lines[0]["decision_id"]) == ("score", 3, decision)
    assert lines[1]["path"] == "/v1/decisions/{decision_id}"
    assert lines[2]["refused"] == "UNAUTHORIZED"
    assert token[12:] not in printed
    assert "310101199001011" not in printed
