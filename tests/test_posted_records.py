"""Rows posted to the service: each is stored once, or its caller is told which rule it breaks."""

import datetime as dt
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from data_contracts.contract import contract, contracts
from data_contracts.errors import ForbiddenColumn, InvalidInput, StoreBusy
from data_contracts.intake import load
from data_contracts.record_messages import RecordsAnswer
from data_contracts.record_store import RecordStore
from data_contracts.store_connection import connected, writing
from serving.access.keys import AccessKey
from serving.access.row_scope import BEYOND_SCOPE, WHOLE_CITY_ONLY
from serving.calls.records import take_posted
from tests.deliveries import row_counts
from tests.running_city import eventually, new_key
from tests.small_city import SmallCity

PUDONG, HUANGPU = "310115", "310101"
SITES = [
    {"project_id": "P1", "recorded_at": "2025-01-05", "start_date": "2025-01-01", "region_code": PUDONG},
    {"project_id": "P2", "recorded_at": "2025-01-05", "start_date": "2025-01-01", "region_code": HUANGPU},
]
VIOLATION = {"violation_id": "V1", "project_id": "P1", "found_on": "2025-03-01", "severity": "serious"}
DATED = VIOLATION | {"recorded_at": "2025-03-02T10:00:00"}

Row = dict[str, Any]
Post = Callable[..., Row]


def key_of(*districts: str, agencies: tuple[str, ...] = ()) -> AccessKey:
    """A key as the door would give it."""
    scope = (frozenset(districts), frozenset(agencies))
    return AccessKey("0a1b2c3d", "test", "", "report", *scope, 100.0, dt.datetime(2025, 1, 1))


CITY = key_of("310000")


@pytest.fixture
def post(store: RecordStore) -> Post:
    """Posts rows to a store with two sites, one in each district."""

    def posted(table: str, *rows: Row, key: AccessKey = CITY, **more: Any) -> Row:
        body = json.dumps({"rows": rows, **more}).encode()
        answer = take_posted(store, key, contract(table), body)
        RecordsAnswer.model_validate(answer)
        told = ("stored", "unchanged", "waiting", "refused")
        assert sum(answer[name] for name in told) == len(rows)
        return answer

    posted("projects", *SITES)
    return posted


def outcomes(answer: Row) -> dict[int, tuple[str, list[str]]]:
    """Outcome and rules by row number."""
    return {
        row["row_number"]: (row["outcome"], [remark["rule"] for remark in row["remarks"]])
        for row in answer["rows"]
    }


def test_each_row_is_told_what_became_of_it_and_the_same_batch_again_changes_nothing(
    store: RecordStore, post: Post
) -> None:
    rows = [
        DATED,
        DATED | {"violation_id": "V2", "found_on": "2025-02-30", "severity": "awful"},
        DATED | {"violation_id": "V3", "project_id": "P9"},
        DATED | {"violation_id": "V4", "points": "１"},
        DATED,
    ]
    answer = post("violations", *rows, source="平台")
    assert outcomes(answer) == {
        2: ("REFUSED", ["not_a_date", "unknown_code"]),
        3: ("WAITING", ["unknown_parent"]),
        4: ("STORED", ["normalised"]),
        5: ("UNCHANGED", []),
    }
    assert (answer["stored"], answer["unchanged"], answer["store_version"]) == (2, 1, store.version())
    remark = answer["rows"][0]["remarks"][0]
    assert "2025-02-30" in remark["message_en"]
    assert "有效日期" in remark["message_zh"]
    held = store.quarantine().set_index("row_number")
    assert set(held["source"]) == {"key 0a1b2c3d: 平台"}
    assert set(held.loc[2, "rule"]) == {"not_a_date", "unknown_code"}

    again = post("violations", *rows)
    assert again["stored"] == 0
    assert again["store_version"] == answer["store_version"]
    assert [outcomes(again)[number][0] for number in (1, 2, 3, 4, 5)] == [
        "UNCHANGED", "REFUSED", "WAITING", "UNCHANGED", "UNCHANGED",
    ]  # fmt: skip
    assert row_counts(store)["violations"] == 2


def test_posted_rows_are_taken_in_as_loaded_ones_are(store: RecordStore, tmp_path: Path, post: Post) -> None:
    rows = [
        {"violation_id": "V1", "项目编号": "P1", "发现日期": "2025年3月1日", "recorded_at": 20250302},
        {"violation_id": "V2", "project_id": "P1", "found_on": "2025-03-01", "recorded_at": "2025-03-02",
         "points": 3.0, "penalty_cny10k": 1.5, "inspection_id": None, "note": "x"},
    ]  # fmt: skip
    answer = post("violations", *rows)
    assert answer["unknown_columns"] == ["note"]
    frame = pd.DataFrame(
        {
            **{"violation_id": ["V1", "V2"], "project_id": "P1", "found_on": "2025-03-01"},
            **{"recorded_at": "2025-03-02", "points": ["", "3"], "penalty_cny10k": ["", "1.5"]},
        }
    )
    with RecordStore.open(f"sqlite:///{tmp_path}/loaded.db") as loaded:
        load({"projects": pd.DataFrame(SITES), "violations": frame}, loaded)
        pd.testing.assert_frame_equal(store.read("violations"), loaded.read("violations"))


def test_a_row_without_recorded_at_is_stamped_once_and_the_future_is_refused(
    store: RecordStore, post: Post
) -> None:
    ahead = pd.Timestamp.now("Asia/Shanghai") + pd.Timedelta(minutes=6)
    late = VIOLATION | {"violation_id": "V2", "recorded_at": ahead.isoformat()}
    answer = post("violations", VIOLATION, late)
    assert outcomes(answer) == {2: ("REFUSED", ["in_the_future"])}
    assert outcomes(post("violations", VIOLATION)) == {1: ("UNCHANGED", [])}
    stamp = store.read("violations")["recorded_at"].iloc[0]
    assert abs(stamp - pd.Timestamp.now("Asia/Shanghai").tz_localize(None)) < pd.Timedelta(minutes=1)


def test_a_correction_is_a_new_version_and_one_of_the_past_is_told(store: RecordStore, post: Post) -> None:
    post("violations", DATED)
    later = DATED | {"severity": "major", "recorded_at": "2025-03-05"}
    assert outcomes(post("violations", later)) == {}
    back = DATED | {"severity": "general"}
    answer = post("violations", back)
    assert outcomes(answer) == {1: ("CORRECTED", ["back_dated_correction"])}
    assert (answer["stored"], answer["corrections"]) == (1, 1)
    assert outcomes(post("violations", back)) == {1: ("UNCHANGED", [])}
    assert store.read("violations")["severity"].tolist() == ["general", "major"]


def test_a_row_that_waited_is_taken_in_with_its_parent(store: RecordStore, post: Post) -> None:
    visit = {
        "inspection_id": "I1",
        "project_id": "P9",
        "inspected_on": "2025-03-01",
        "recorded_at": "2025-03-02",
    }
    post("inspections", visit)
    post("violations", DATED | {"project_id": "P9"})
    answer = post("projects", SITES[0] | {"project_id": "P9"})
    assert (answer["stored"], answer["released"]) == (1, 2)
    assert answer["store_version"] == store.version()
    assert len(store.read("inspections")) == len(store.read("violations")) == 1
    assert store.quarantine().empty


@pytest.mark.parametrize("heading", ["phone", "身份证号", "workerAge"])
def test_a_personal_column_is_refused_by_name_and_nothing_is_kept(
    store: RecordStore, post: Post, heading: str
) -> None:
    version = store.version()
    with pytest.raises(ForbiddenColumn) as told:
        post("violations", VIOLATION, VIOLATION | {"violation_id": "V2", heading: "13800138000"})
    assert told.value.field == heading
    assert heading in told.value.zh
    assert "13800138000" not in str(told.value)
    assert store.version() == version
    assert store.quarantine().empty


def test_a_batch_that_contradicts_itself_in_its_columns_is_refused(post: Post) -> None:
    with pytest.raises(InvalidInput, match=r"rows\[1\]: the column project_id occurs more than once"):
        post("violations", VIOLATION, VIOLATION | {"项目编号": "P2"})
    with pytest.raises(InvalidInput, match="201 different columns"):
        post("violations", {f"x{place}": 1 for place in range(201)})


def test_a_key_of_a_district_posts_rows_of_its_own_projects_alone(store: RecordStore, post: Post) -> None:
    post("violations", DATED | {"violation_id": "V-HUANGPU", "project_id": "P2"})
    rows = [
        DATED,
        DATED | {"violation_id": "V2", "project_id": "P2"},
        DATED | {"violation_id": "V3", "project_id": "P9"},
        DATED | {"violation_id": "V-HUANGPU"},
        {"violation_id": "V5", "enterprise_id": "E1", "found_on": "2025-03-01"},
        DATED | {"violation_id": "V6", "found_on": "never"},
        DATED | {"violation_id": "V7", "project_id": "P2", "found_on": "never"},
    ]
    answer = post("violations", *rows, key=key_of(PUDONG))
    assert outcomes(answer) == {
        2: ("REFUSED", [BEYOND_SCOPE]),
        3: ("REFUSED", [BEYOND_SCOPE]),
        4: ("REFUSED", [BEYOND_SCOPE]),
        5: ("REFUSED", [WHOLE_CITY_ONLY]),
        6: ("REFUSED", ["not_a_date"]),
        7: ("REFUSED", [BEYOND_SCOPE]),
    }
    known, unknown = answer["rows"][0]["remarks"], answer["rows"][1]["remarks"]
    assert known == unknown
    assert store.quarantine()["row_number"].tolist() == [6]
    assert sorted(store.read("violations")["violation_id"]) == ["V-HUANGPU", "V1"]
    assert store.read("violations")["project_id"].tolist().count("P2") == 1


def test_a_project_is_posted_within_the_scope_and_handed_over_by_the_whole_city_alone(post: Post) -> None:
    new = {"recorded_at": "2025-02-01", "start_date": "2025-02-01"}
    rows = [
        new | {"project_id": "P3", "region_code": PUDONG},
        new | {"project_id": "P4", "region_code": HUANGPU},
        new | {"project_id": "P2", "region_code": PUDONG},
        new | {"project_id": "P1", "region_code": HUANGPU},
        new | {"project_id": "P5"},
        new | {"project_id": "P6", "agency_code": "SH-CITY"},
    ]
    answer = post("projects", *rows, key=key_of(PUDONG, agencies=("SH-CITY",)))
    assert outcomes(answer) == dict.fromkeys((2, 3, 4, 5), ("REFUSED", [BEYOND_SCOPE])) | {
        number: told for number, told in outcomes(answer).items() if told[0] == "STORED"
    }
    post("projects", rows[2])
    moved = DATED | {"project_id": "P2"}
    assert post("violations", moved, key=key_of(PUDONG))["stored"] == 1
    assert post("violations", moved | {"violation_id": "V2"}, key=key_of(HUANGPU))["refused"] == 1


def test_of_two_districts_that_post_one_new_project_together_one_gets_it(store_url: str) -> None:
    with RecordStore.open(store_url, busy_s=20) as store:

        def send(district: str) -> Row:
            rows = [SITES[0] | {"region_code": district}]
            body = json.dumps({"rows": rows}).encode()
            return take_posted(store, key_of(district), contract("projects"), body)

        with ThreadPoolExecutor(2) as callers:
            with connected(store.engine) as connection, writing(connection):
                answers = [callers.submit(send, district) for district in (PUDONG, HUANGPU)]
                time.sleep(1)  # both have been found within the scope and wait for the lock
            told = [answer.result() for answer in answers]
        assert sorted((one["stored"], one["refused"]) for one in told) == [(0, 1), (1, 0)]
        assert len(store.read("projects")) == 1


def test_an_empty_row_is_refused_in_every_table_and_those_of_no_project_are_the_citys(tmp_path: Path) -> None:
    with RecordStore.open(f"sqlite:///{tmp_path}/store.db") as store:
        for table in contracts().values():
            assert take_posted(store, CITY, table, b'{"rows": [{}]}')["refused"] == 1
            if "project_id" not in table.column_names:
                answer = take_posted(store, key_of(PUDONG), table, b'{"rows": [{}]}')
                assert outcomes(answer) == {1: ("REFUSED", [WHOLE_CITY_ONLY])}


def test_a_busy_store_is_said_in_time_and_nothing_of_the_batch_is_stored(store_url: str) -> None:
    with RecordStore.open(store_url, busy_s=0.3) as store, RecordStore.open(store_url) as other:
        body = json.dumps({"rows": SITES}).encode()
        with (
            connected(other.engine) as connection,
            writing(connection),
            pytest.raises(StoreBusy, match=r"over 0\.3 s"),
        ):
            take_posted(store, CITY, contract("projects"), body)
        assert store.version() == 0
        assert take_posted(store, CITY, contract("projects"), body)["stored"] == 2


@pytest.fixture(scope="module")
def reporting(client: TestClient, running_city: SmallCity) -> dict[str, str]:
    """The header of a key that may post rows of the whole city."""
    token = new_key(running_city, districts=["310000"], role="report")[1]
    header = {"Authorization": f"Bearer {token}"}
    eventually(lambda: client.get("/v1/openapi.json", headers=header).status_code == 200)
    return header


@pytest.fixture(scope="module")
def found_yesterday(running_city: SmallCity) -> Row:
    """A violation of a site on file, without its number."""
    yesterday = (pd.Timestamp.now() - pd.Timedelta(days=1)).strftime("%Y-%m-%d")
    return {"project_id": running_city.project_ids()[0], "found_on": yesterday}


def test_a_violation_posted_now_changes_the_next_answer(
    client: TestClient, found_yesterday: Row, reporting: dict[str, str]
) -> None:
    row = found_yesterday | {"violation_id": "V-LIVE"}

    def recent() -> tuple[float, int]:
        answer = client.post("/v1/grades", json={"project_ids": [row["project_id"]]}).json()
        decided = client.get(f"/v1/decisions/{answer['results'][0]['decision_id']}").json()
        return decided["features"]["violations_90d"], answer["store_version"]

    before, _ = recent()
    answer = client.post("/v1/records/violations", json={"rows": [row]}, headers=reporting)
    assert answer.status_code == 200, answer.text
    assert recent() == (before + 1, answer.json()["store_version"])


def test_what_another_process_has_stored_is_in_the_next_answer(
    client: TestClient, running_city: SmallCity, found_yesterday: Row
) -> None:
    """The worker learns of it only by the store: whatever it holds, no answer is given from before."""
    with RecordStore.open(running_city.store_url) as store:
        for number in range(20):
            row = found_yesterday | {"violation_id": f"V-OTHER-{number}"}
            stored = take_posted(store, CITY, contract("violations"), json.dumps({"rows": [row]}).encode())
            answer = client.post("/v1/grades", json={"project_ids": [row["project_id"]]}).json()
            assert answer["store_version"] >= stored["store_version"]


def test_two_callers_racing_with_one_key_store_each_row_once(
    client: TestClient, running_city: SmallCity, found_yesterday: Row, reporting: dict[str, str]
) -> None:
    rows = [found_yesterday | {"violation_id": f"V-RACE-{n}"} for n in range(40)]

    def send(_: int) -> Any:
        return client.post("/v1/records/violations", json={"rows": rows}, headers=reporting)

    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(send, range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["stored"] for answer in answers) == [0, 0, 0, 0, 0, 40]
    with RecordStore.open(running_city.store_url) as store:
        held = store.read("violations")["violation_id"].str.startswith("V-RACE-")
    assert held.sum() == 40
    counted = client.get("/metrics", headers=reporting).text
    assert 'siterisk_rows_posted_total{outcome="stored"}' in counted


BAD: dict[str, tuple[bytes, str | None]] = {
    "no rows": (b'{"rows": []}', "rows"),
    "too many rows": (json.dumps({"rows": [{}] * 5001}).encode(), "rows"),
    "a row that is none": (b'{"rows": [{}, 1]}', "rows[1]"),
    "a list in a cell": (b'{"rows": [{"project_id": ["P1"]}]}', "rows[0].project_id"),
    "an object in a cell": (b'{"rows": [{"project_id": {"$ne": 1}}]}', "rows[0].project_id"),
    "NaN in a cell": (b'{"rows": [{"points": NaN}]}', "rows[0].points"),
    "infinity in a cell": (b'{"rows": [{"points": 1e999}]}', "rows[0].points"),
    "an unknown field": (b'{"rows": [{}], "table": "x"}', "table"),
    "a control character in the source": (b'{"rows": [{}], "source": "a\\u0000b"}', "source"),
    "another encoding": ('{"rows": [{"name": "工地"}]}'.encode("gb18030"), None),
    "a personal column": (b'{"rows": [{"id_card": "x"}]}', "id_card"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_batch_is_refused_with_its_field(
    client: TestClient, reporting: dict[str, str], case: str
) -> None:
    body, field = BAD[case]
    answer = client.post(
        "/v1/records/violations", content=body, headers={**reporting, "Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "message_zh", "message_en", "field"}
    assert error["field"] == field


def test_an_unknown_table_and_a_role_that_may_not_report_are_refused(
    client: TestClient, reporting: dict[str, str]
) -> None:
    for table in ("nothing", "decisions", "access_keys", "quarantine", "x'--"):
        answer = client.post(f"/v1/records/{table}", json={"rows": [{}]}, headers=reporting)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert client.post("/v1/records/violations", json={"rows": [{}]}).status_code == 403  # it may score


cells = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40)),
    *(st.dates().map(str), st.sampled_from(["P1", "'; DROP TABLE violations; --", "<script>", "=1+1"])),
)
headings = st.sampled_from([*contract("violations").column_names, "项目编号"]) | st.text(max_size=12)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.dictionaries(headings, cells, max_size=8), min_size=1, max_size=4))
def test_no_rows_whatever_break_the_service(
    client: TestClient, reporting: dict[str, str], rows: list[Row]
) -> None:
    content = json.dumps({"rows": rows}).encode()
    sent = {**reporting, "Content-Type": "application/json"}
    answer = client.post("/v1/records/violations", content=content, headers=sent)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        told = RecordsAnswer.model_validate(answer.json())
        assert told.stored + told.unchanged + told.waiting + told.refused == len(rows)


def test_the_log_tells_counts_and_no_cell(
    client: TestClient, reporting: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    from serving.request_log import configure_logging

    configure_logging()
    capfd.readouterr()
    secret = "310101199001011234"
    rows = [{"violation_id": secret, "found_on": secret}]
    client.post("/v1/records/violations", json={"rows": rows, "source": secret}, headers=reporting)
    client.post("/v1/records/violations", json={"rows": [{"phone": secret}]}, headers=reporting)
    client.post(f"/v1/records/{secret}", json={"rows": rows}, headers=reporting)
    printed = capfd.readouterr().err
    lines = [json.loads(line) for line in printed.strip().splitlines()]
    assert [line["status"] for line in lines] == [200, 422, 404]
    assert (lines[0]["table"], lines[0]["refused"], lines[0]["stored"]) == ("violations", 1, 0)
    assert lines[0]["path"] == "/v1/records/{table}"
    assert secret not in printed
