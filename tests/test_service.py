"""The scoring service answers good questions and refuses bad ones politely, in one shape."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from data_contracts.api_messages import GradesAnswer
from data_contracts.in_force_messages import CatalogueInForce, ModelInForce, PoliciesInForce
from data_contracts.intake import load
from data_contracts.record_store import RecordStore
from serving.calls.application import EVERY_CALL
from serving.command_line.application import run
from tests.running_city import eventually
from tests.small_city import SmallCity

JSON = {"Content-Type": "application/json"}


def grades(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/v1/grades", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The results without the number that each has in the ledger."""
    return [
        {name: value for name, value in site.items() if name != "decision_id"} for site in answer["results"]
    ]


def test_every_project_asked_for_is_answered_in_order(client: TestClient, running_city: SmallCity) -> None:
    ids = [*running_city.project_ids()[:50], "no-such-lot", running_city.project_ids()[0]]
    answer = grades(client, project_ids=ids, as_of="2026-03-01")
    assert [site["project_id"] for site in answer["results"]] == ids
    assert said(answer)[0] == said(answer)[-1]
    assert answer["results"][-2]["status"] == "UNKNOWN"
    GradesAnswer.model_validate(answer)
    known = [site for site in answer["results"] if site["status"] != "UNKNOWN"]
    assert known
    assert all(0 < risk < 1 for site in known for risk in site["risks"].values())
    assert all(0 <= share <= 100 for site in known for share in site["percentile"].values())


def test_without_as_of_the_present_is_meant(client: TestClient, running_city: SmallCity) -> None:
    explicit = grades(client, project_ids=running_city.project_ids()[:5], as_of=None)
    left_out = grades(client, project_ids=running_city.project_ids()[:5])
    assert abs(pd.Timestamp(explicit["as_of"]) - pd.Timestamp.now("Asia/Shanghai")) < pd.Timedelta(minutes=1)
    assert [site["status"] for site in explicit["results"]] == [
        site["status"] for site in left_out["results"]
    ]


def test_a_bare_date_is_midnight_in_shanghai_and_an_offset_is_converted(client: TestClient) -> None:
    assert grades(client, project_ids=["x"], as_of="2026-03-01")["as_of"] == "2026-03-01T00:00:00+08:00"
    moment = "2026-02-28T16:00:00Z"
    assert grades(client, project_ids=["x"], as_of=moment)["as_of"] == "2026-03-01T00:00:00+08:00"


def test_bentomls_own_call_gives_the_same_answer(client: TestClient, running_city: SmallCity) -> None:
    asked = {"project_ids": running_city.project_ids()[:5], "as_of": "2026-03-01"}
    plain, versioned = (client.post(path, json=asked).json() for path in ("/grades", "/v1/grades"))
    assert said(plain) == said(versioned)


def test_ten_thousand_projects_fit_in_one_call(client: TestClient, running_city: SmallCity) -> None:
    ids = (running_city.project_ids() * 100)[:10_000]
    assert len(grades(client, project_ids=ids, as_of="2026-03-01")["results"]) == 10_000


BAD_BODIES: dict[str, tuple[bytes, int, str, str | None]] = {
    "nothing": (b"", 422, "INVALID_INPUT", None),
    "not JSON": (b"project_ids=1", 422, "INVALID_INPUT", None),
    "cut short": (b'{"project_ids": ["P1"', 422, "INVALID_INPUT", None),
    "two documents": (b'{"project_ids": ["P1"]} {}', 422, "INVALID_INPUT", None),
    "another encoding": ('{"project_ids": ["工地"]}'.encode("gb18030"), 422, "INVALID_INPUT", None),
    "UTF-16": ('{"project_ids": ["P1"]}'.encode("utf-16"), 422, "INVALID_INPUT", None),
    "half a surrogate": (b'{"project_ids": ["\\ud800"]}', 422, "INVALID_INPUT", None),
    "a hundred thousand brackets": (b"[" * 100_000, 422, "INVALID_INPUT", None),
    "deep inside a field": (b'{"project_ids": ' + b"[" * 5000 + b"]" * 5000 + b"}", 422, "INVALID_INPUT", None),
    "an array": (b'["P1"]', 422, "INVALID_INPUT", None),
    "null": (b"null", 422, "INVALID_INPUT", None),
    "NaN": (b"NaN", 422, "INVALID_INPUT", None),
    "NaN in a field": (b'{"project_ids": ["P1"], "as_of": NaN}', 422, "INVALID_INPUT", "as_of"),
    "no ids": (b"{}", 422, "INVALID_INPUT", "project_ids"),
    "no id in the list": (b'{"project_ids": []}', 422, "INVALID_INPUT", "project_ids"),
    "a text for the list": (b'{"project_ids": "P1"}', 422, "INVALID_INPUT", "project_ids"),
    "a number for an id": (b'{"project_ids": ["P1", 2]}', 422, "INVALID_INPUT", "project_ids[1]"),
    "an empty id": (b'{"project_ids": [""]}', 422, "INVALID_INPUT", "project_ids[0]"),
    "an id too long": (b'{"project_ids": ["%s"]}' % (b"x" * 65), 422, "INVALID_INPUT", "project_ids[0]"),
    "too many ids": (
        json.dumps({"project_ids": ["P1"] * 10_001}).encode(), 422, "INVALID_INPUT", "project_ids",
    ),
    "an unknown field": (b'{"project_ids": ["P1"], "asof": null}', 422, "INVALID_INPUT", "asof"),
    "a number for as_of": (b'{"project_ids": ["P1"], "as_of": 20260301}', 422, "INVALID_INPUT", "as_of"),
    "a word for as_of": (b'{"project_ids": ["P1"], "as_of": "today"}', 422, "INVALID_INPUT", "as_of"),
    "a day that is not": (b'{"project_ids": ["P1"], "as_of": "2026-02-30"}', 422, "INVALID_INPUT", "as_of"),
    "the future": (b'{"project_ids": ["P1"], "as_of": "2126-01-01"}', 422, "INVALID_INPUT", "as_of"),
    "far ahead": (b'{"project_ids": ["P1"], "as_of": "9999-12-31T23:59:59-12:00"}', 422, "INVALID_INPUT", "as_of"),
    "a body too large": (b" " * (8 * 1024 * 1024 + 1), 413, "BODY_TOO_LARGE", None),
}  # fmt: skip


def assert_refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "message_zh", "message_en", "field"}
    assert error["code"] == code
    assert any("\u4e00" <= letter <= "\u9fff" for letter in error["message_zh"])
    assert error["message_en"].isascii()
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
    return error


@pytest.mark.parametrize("path", ["/v1/grades", "/grades"])
@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_bad_body_is_refused_with_code_words_and_field(client: TestClient, case: str, path: str) -> None:
    body, status, code, field = BAD_BODIES[case]
    error = assert_refused(client.post(path, content=body, headers=JSON), status, code)
    assert error["field"] == field


def test_a_chunked_body_too_large_is_refused(client: TestClient) -> None:
    chunks = (b" " * 1024 * 1024 for _ in range(9))
    assert_refused(client.post("/v1/grades", content=chunks, headers=JSON), 413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/vnd.bentoml+pickle"},
        {"Content-Type": "application/json; charset=gb18030"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/grades", "/grades"])
def test_anything_but_plain_json_is_refused(client: TestClient, path: str, headers: dict[str, str]) -> None:
    answer = client.post(path, content=b'{"project_ids": ["P1"]}', headers=headers)
    assert_refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_json_with_its_charset_named_is_taken(client: TestClient) -> None:
    named = {"Content-Type": "Application/JSON; charset=UTF-8"}
    assert client.post("/v1/grades", content=b'{"project_ids": ["P1"]}', headers=named).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_a_wrong_method_is_refused_with_the_right_one(client: TestClient, method: str) -> None:
    answer = client.request(method, "/v1/grades")
    assert_refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/", "/v1/nothing", "/%00"])
def test_an_unknown_address_is_refused_in_the_same_shape(client: TestClient, path: str) -> None:
    assert_refused(client.get(path), 404, "NOT_FOUND")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
almost = st.fixed_dictionaries(
    {"project_ids": st.lists(st.text(max_size=70) | anything, max_size=5) | anything},
    optional={
        "as_of": st.text(max_size=45) | st.dates().map(str) | st.datetimes().map(str) | anything,
        "x": anything,
    },
)
fuzzed = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("path", ["/v1/grades", "/grades"])
@fuzzed
@given(content=anything | almost)
def test_no_json_whatever_breaks_the_service(client: TestClient, path: str, content: Any) -> None:
    answer = client.post(path, content=json.dumps(content).encode(), headers=JSON)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code != 200:
        assert set(answer.json()["error"]) == {"code", "message_zh", "message_en", "field"}


@fuzzed
@given(body=st.binary(max_size=200))
def test_no_bytes_whatever_break_the_service(client: TestClient, body: bytes) -> None:
    assert client.post("/v1/grades", content=body, headers=JSON).status_code == 422


def test_logs_hold_one_line_a_request_and_nothing_that_was_asked(
    client: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    from serving.request_log import configure_logging

    configure_logging()
    secret = "310101199001011234"
    client.post("/v1/grades", json={"project_ids": [secret], "as_of": secret})
    client.post("/grades", json={"project_ids": [secret, 1], "as_of": secret})
    client.get(f"/v1/{secret}")
    lines = capfd.readouterr().err.strip().splitlines()
    assert [json.loads(line)["status"] for line in lines] == [422, 422, 404]
    assert secret not in "".join(lines)


def test_the_description_and_its_page_load_nothing_from_outside(client: TestClient) -> None:
    assert client.get("/", follow_redirects=False).headers["location"] == "/ui/"
    page = client.get("/v1/docs")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert "http://127.0.0.1" in page.text.replace("https://", "outside://")
    assert "outside://" not in page.text.replace("https://", "outside://")
    assert client.get("/v1/docs.css").headers["content-type"].startswith("text/css")
    described = client.get("/v1/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]) == {call.path for call in EVERY_CALL}
    for schema in ("GradesRequest", "GradesAnswer", "ErrorAnswer"):
        assert schema in described["components"]["schemas"]


def test_what_is_in_force_is_told_with_the_digests_that_answers_name(client: TestClient) -> None:
    answered = grades(client, project_ids=["x"])
    model, policy, catalogue = (client.get(f"/v1/{word}") for word in ("model", "policy", "catalogue"))
    told = ModelInForce.model_validate(model.json())
    assert (told.version, [head.name for head in told.heads]) == (
        answered["model_version"],
        list(answered["results"][0]["risks"]),
    )
    listed = PoliciesInForce.model_validate(policy.json()).policies
    assert {one.name: one.sha256 for one in listed} == {
        name: one["sha256"] for name, one in answered["policies"].items()
    }
    assert "__line__" not in policy.text and listed[3].content["lowering"] == {
        "margin": 0.8,
        "days_between_steps": 30,
    }
    assert CatalogueInForce.model_validate(catalogue.json()).hash == answered["catalogue_hash"]
    for answer in (model, policy, catalogue):
        again = client.get(answer.url.path, headers={"If-None-Match": f'"other", {answer.headers["etag"]}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
        assert client.get(answer.url.path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_batch_and_service_give_the_same_numbers_to_the_last_digit(
    client: TestClient, running_city: SmallCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in running_city.environment.items():
        monkeypatch.setenv(name, value)
    ids = [*running_city.project_ids()[:60], "no-such-lot"]
    pairs = pd.DataFrame({"project_id": ids, "as_of": "2026-05-04T09:30:00"})
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    assert run(["score", "--at", str(tmp_path / "pairs.csv"), "--out", str(tmp_path / "risks.csv")]) == 0
    batch = pd.read_csv(tmp_path / "risks.csv", float_precision="round_trip")
    together = said(grades(client, project_ids=ids, as_of="2026-05-04T09:30:00"))
    apart = [said(grades(client, project_ids=[i], as_of="2026-05-04T09:30:00"))[0] for i in ids]
    assert together == apart
    for head in together[0]["risks"]:
        served = [site["risks"][head] for site in together]
        assert [None if pd.isna(risk) else risk for risk in batch[f"risk_{head}"]] == served
    assert batch["status"].tolist() == [site["status"] for site in together]


def test_a_record_loaded_now_changes_the_next_answer(
    client: TestClient, running_city: SmallCity, tmp_path: Path
) -> None:
    row = pd.DataFrame({"project_id": ["P-NEW"], "recorded_at": ["2026-06-01"], "start_date": ["2026-06-01"]})
    row.to_csv(tmp_path / "projects.csv", index=False)
    before = grades(client, project_ids=["P-NEW"])
    assert before["results"][0]["status"] == "UNKNOWN"
    with RecordStore.open(running_city.store_url) as store:
        load(tmp_path, store)
    eventually(lambda: grades(client, project_ids=["P-NEW"])["results"][0]["status"] == "ACTIVE", 20)
    assert grades(client, project_ids=["P-NEW"])["store_version"] > before["store_version"]
