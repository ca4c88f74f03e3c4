"""What would be is what is once it is recorded, and supposing leaves no trace."""

import json
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from data_contracts.contract import contract, contracts
from data_contracts.policy import policy_on
from data_contracts.records import Records
from data_contracts.validation import check_rows
from data_contracts.what_if_messages import AssessAnswer, AssessRequest, Change, WhatIfAnswer, WhatIfRequest
from features import city_facts, fed_changes, feeding
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from serving.access.keys import AccessKey
from serving.calls import assess, what_if
from serving.live_state import LiveState
from serving.what_if.changeable_facts import ChangeableFacts, ChangeRefused
from serving.what_if.drafted_rows import Wanted, drafted_rows
from tests.interruption import is_interrupted
from tests.random_cities import NARROW, moments_of_interest, random_city
from tests.running_city import eventually, new_key
from tests.small_city import SmallCity

AS_OF = "2026-07-01T08:00:00+08:00"
DAY = pd.Timestamp("2026-07-01").date()
CATALOGUE = load_catalogue()
DIRECTED = [feature for feature in CATALOGUE.features if feature.direction]
BY_IDS = [code for code, fact in ChangeableFacts.on(DAY).changes.items() if fact.picks == "ids"]
EVERYTHING = [
    *({"change": code} for code in BY_IDS),
    {"change": "ATTENDANCE", "percent": 100},
    {"change": "FILL_POSTS"},
]

Told = dict[str, Any]
Headers = dict[str, str]


def posted(client: TestClient, path: str, headers: Headers | None = None, /, **asked: Any) -> Told:
    answer = client.post(path, json=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def asked_what_if(client: TestClient, project_id: str, *changes: Told) -> Told:
    told = posted(client, "/v1/what-if", project_id=project_id, as_of=AS_OF, changes=list(changes))
    WhatIfAnswer.model_validate(told)
    return told


def error(client: TestClient, path: str, headers: Headers | None = None, /, **asked: Any) -> Told:
    """The refusal of a call, with its status."""
    answer = client.post(path, json=asked, headers=headers)
    assert answer.status_code >= 400, answer.text
    return answer.json()["error"] | {"status": answer.status_code}


def said(result: Told) -> Told:
    """A result without its number in the ledger."""
    return {name: value for name, value in result.items() if name != "decision_id"}


def grade(client: TestClient, project_id: str, as_of: str, store_version: int = 0) -> Told:
    """What /v1/grades says, from the records as of a version of the store or a later one."""
    told: list[Told] = []

    def is_new_enough() -> bool:
        told.append(posted(client, "/v1/grades", project_ids=[project_id], as_of=as_of))
        return bool(told[-1]["store_version"] >= store_version)

    eventually(is_new_enough, 20)
    return said(told[-1]["results"][0])


def header(client: TestClient, city: SmallCity, district: str, role: str = "score") -> Headers:
    """The header of a new key, once the door knows it."""
    named = {"Authorization": f"Bearer {new_key(city, districts=[district], role=role)[1]}"}
    eventually(lambda: client.get("/v1/openapi.json", headers=named).status_code == 200, 20)
    return named


@pytest.fixture(scope="module")
def reporter(client: TestClient, running_city: SmallCity) -> Headers:
    """The header of a key that may post rows."""
    return header(client, running_city, "310000", "report")


def live_state() -> LiveState:
    """What the service answers from."""
    from serving.service import API

    found: LiveState = API.state.parts.live.state()
    return found


@pytest.fixture
def state(client: TestClient) -> LiveState:
    return live_state()


@pytest.fixture(scope="module")
def sites(client: TestClient, running_city: SmallCity) -> list[str]:
    """Projects, those with most open hazards first."""
    state, ids = live_state(), running_city.project_ids()
    open_ones = state.scorer.index.cells(
        ["hazards_open"], ids, [pd.Timestamp(AS_OF).tz_localize(None)] * len(ids)
    )
    return [ids[place] for place in np.argsort(-np.nan_to_num(open_ones[:, 0]), kind="stable")]


def key_of(*districts: str) -> AccessKey:
    at = pd.Timestamp("2026-01-01").to_pydatetime()
    return AccessKey("0a1b2c3d", "test", "", "score", frozenset(districts), frozenset(), 100.0, at)


def test_without_a_change_all_is_as_it_is_to_the_last_bit(client: TestClient, sites: list[str]) -> None:
    told = asked_what_if(client, sites[0])
    assert said(told["before"]) == said(told["after"]) == grade(client, sites[0], AS_OF)
    assert told["rows"] == told["features"] == []
    assert set(told["difference"]["risks"].values()) == {0.0}


def test_what_would_be_is_what_is_once_the_rows_are_recorded(
    client: TestClient, reporter: Headers, sites: list[str]
) -> None:
    changed = set[str]()
    for project_id in sites[:3]:
        told, version = asked_what_if(client, project_id, *EVERYTHING), 0
        assert told["features"]
        rows = defaultdict(list)
        for one in told["rows"]:
            rows[one["table"]].append(one["row"])
        for table, some in rows.items():
            answer = posted(client, f"/v1/records/{table}", reporter, rows=some)
            assert (answer["stored"], answer["rows"]) == (len(some), []), answer
            version = answer["store_version"]
        assert grade(client, project_id, AS_OF, version) == said(told["after"])
        again = asked_what_if(client, project_id, *EVERYTHING)
        assert again["rows"] == []  # what is done cannot be done again
        assert said(again["before"]) == said(told["after"])
        changed |= set(rows)
    assert {"violations", "attendance"} <= changed


def test_drafted_rows_keep_their_contracts(state: LiveState, sites: list[str]) -> None:
    at, drafted = pd.Timestamp("2026-05-04 09:30").as_unit("us"), set()
    wanted = [Wanted(one["change"], {k: v for k, v in one.items() if k != "change"}) for one in EVERYTHING]
    for project_id in sites[:8]:
        for name, rows in drafted_rows(state.scorer.index, project_id, at, wanted).items():
            texts = rows.astype(object).map(
                lambda value: value.isoformat() if hasattr(value, "isoformat") else str(value),
                na_action="ignore",
            )
            faults = check_rows(contract(name), texts.astype("str"), now=at)
            assert not len(faults.failures), faults.failures
            drafted.add(name)
    assert {"violations", "attendance", "orders"} <= drafted


def test_a_project_unknown_then_or_beyond_the_scope_is_not_found_in_the_same_words(
    client: TestClient, running_city: SmallCity, state: LiveState, sites: list[str]
) -> None:
    scoped, own = header(client, running_city, "310115"), key_of("310115")
    beyond = next(site for site in sites if not state.jurisdictions.reached(own, site))
    unknown = error(client, "/v1/what-if", scoped, project_id="no-such-lot", changes=[])
    assert unknown == error(client, "/v1/what-if", scoped, project_id=beyond, changes=EVERYTHING)
    assert unknown == error(client, "/v1/what-if", project_id=sites[0], changes=[], as_of="1999-01-01")
    assert (unknown["status"], unknown["code"], unknown["field"]) == (404, "NOT_FOUND", "project_id")


@pytest.mark.parametrize("name", [*contracts(), "projects.floor_area_m2", "credit_records.score", "CREDIT"])
def test_what_cannot_lawfully_be_changed_is_refused_with_the_reason(
    client: TestClient, sites: list[str], name: str
) -> None:
    told = error(client, "/v1/what-if", project_id=sites[0], changes=[{"change": name}])
    assert (told["status"], told["code"], told["field"]) == (422, "CHANGE_REFUSED", "changes[0].change")
    reasons = [
        one
        for one in policy_on("changeable_facts", DAY).content["unchangeable"]
        if name == one["code"] or name.partition(".")[0] in one["tables"]
    ]
    assert [one["zh"] in told["message_zh"] and one["en"] in told["message_en"] for one in reasons] == [True]


def test_every_fault_of_the_changes_is_named(client: TestClient, sites: list[str]) -> None:
    changes: list[Told] = [
        {"change": "BRIBE"},
        {"change": "RECTIFY_HAZARDS", "post": "PM"},
        {"change": "ATTENDANCE", "percent": 100.5},
        {"change": "ATTENDANCE"},
        {"change": "accidents"},
    ]
    told = error(client, "/v1/what-if", project_id=sites[0], changes=changes)
    places = [
        "changes[0].change",
        "changes[1].post",
        "changes[2].percent",
        "changes[3].percent",
        "changes[4].change",
    ]
    assert [place in told["message_en"] and place in told["message_zh"] for place in places] == [True] * 5
    assert "BRIBE" not in told["message_en"]
    told = error(
        client,
        "/v1/what-if",
        project_id=sites[0],
        changes=[{"change": "RECTIFY_HAZARDS", "ids": ["V-nobody"]}],
    )
    assert (told["code"], told["field"]) == ("CHANGE_REFUSED", "changes[0].ids[0]")


SITE = {"project_id": "P1", "recorded_at": "2026-01-01", "start_date": "2026-01-01"}
FOUND = {"project_id": "P1", "inspection_id": "I1", "found_on": "2026-02-01", "recorded_at": "2026-02-02"}
NOW = pd.Timestamp("2026-03-10 10:00").as_unit("us")


def index_of(**tables: list[Told]) -> FactIndex:
    frames = {name: pd.DataFrame(rows) for name, rows in ({"projects": [SITE]} | tables).items()}
    return FactIndex.build(Records.from_tables(frames), CATALOGUE)


def test_an_order_is_lifted_only_with_what_its_visit_found_rectified() -> None:
    ordered = {
        "order_id": "O1",
        "kind": "STOP",
        "issued_on": "2026-02-01",
        "project_id": "P1",
        "inspection_id": "I1",
    }
    index = index_of(
        violations=[FOUND | {"violation_id": "V1"}, FOUND | {"violation_id": "V2", "inspection_id": "I2"}],
        orders=[ordered | {"recorded_at": "2026-02-02"}],
    )
    with pytest.raises(ChangeRefused, match="suppose these rectified as well"):
        drafted_rows(index, "P1", NOW, [Wanted("LIFT_ORDERS", {})])
    both = [Wanted("LIFT_ORDERS", {"ids": ["O1"]}), Wanted("RECTIFY_HAZARDS", {"ids": ["V1"]})]
    rows = drafted_rows(index, "P1", NOW, both)
    assert {name: len(frame) for name, frame in rows.items()} == {"orders": 1, "violations": 1}
    assert rows["orders"]["lifted_on"].tolist() == [NOW.normalize()]
    assert rows["orders"]["recorded_at"].tolist() == [NOW]


def test_attendance_changes_this_month_and_leaves_the_past_as_it_was() -> None:
    month = {
        "project_id": "P1",
        "month": "2026-02-01",
        "post": "PM",
        "recorded_at": "2026-03-01",
        "required_days": 20,
    }
    index = index_of(
        attendance=[month | {"present_days": 8}, month | {"post": "TECH_LEAD", "required_days": None}]
    )
    rows = drafted_rows(index, "P1", NOW, [Wanted("ATTENDANCE", {"percent": 85.0})])["attendance"]
    assert rows[["month", "post", "required_days", "present_days"]].values.tolist() == [
        [pd.Timestamp("2026-03-01"), "PM", 20.0, 17.0]
    ]
    with pytest.raises(ChangeRefused, match="not on file"):
        drafted_rows(index, "P1", NOW, [Wanted("ATTENDANCE", {"percent": 85.0, "post": "TECH_LEAD"})])


def test_what_is_known_only_later_is_neither_changed_nor_in_the_way() -> None:
    later = {"recorded_at": "2026-03-11", "rectified_on": "2026-03-05"}
    index = index_of(
        violations=[
            FOUND | {"violation_id": "V1"},
            FOUND | {"violation_id": "V1"} | later,
            FOUND | {"violation_id": "V2", "recorded_at": "2026-03-12"},
        ]
    )
    rows = drafted_rows(index, "P1", NOW, [Wanted("RECTIFY_HAZARDS", {})])["violations"]
    assert rows["violation_id"].tolist() == ["V1"]


@settings(max_examples=3)
@given(st.integers(0, 2**32 - 1), st.sets(st.sampled_from(BY_IDS), min_size=1))
@example(8227802, {"PLAN_REVIEWED"})  # over-scale works of whose plan nothing is on file
def test_a_change_for_the_better_raises_nothing_of_which_it_is_known_what_is_worse(
    seed: int, codes: set[str]
) -> None:
    """Whatever a model learns under monotone constraints, it cannot hold a rectified hazard against a site."""
    tables, rng = random_city(seed, CATALOGUE, facts=3, ids=NARROW), np.random.default_rng(seed)
    index, moments = (
        FactIndex.build(Records.from_tables(tables), CATALOGUE),
        moments_of_interest(tables, rng, 6),
    )
    names, wanted = [feature.name for feature in DIRECTED], [Wanted(code, {}) for code in sorted(codes)]
    for moment, project_id in zip(moments, ("P1", "P2", "P3") * 2, strict=True):
        try:
            rows = drafted_rows(index, project_id, moment, wanted)
        except ChangeRefused as refusal:
            assert "LIFT_ORDERS" in codes, refusal
            continue
        after = index.supposing(rows)
        change = after.cells(names, [project_id], [moment]) - index.cells(names, [project_id], [moment])
        worse = np.nan_to_num(change[0]) * [feature.direction for feature in DIRECTED] > 0
        assert not worse.any(), [name for name, one in zip(names, worse, strict=True) if one]
        assert drafted_rows(after, project_id, moment, wanted) == {}


NEW = {
    "project_id": "SQ-1",
    "start_date": "2026-03-01",
    "recorded_at": "2026-02-27T09:00:00",
    "region_code": "310115",
}
PIT = {
    "work_id": "SQ-1-PIT",
    "project_id": "SQ-1",
    "code": "PIT",
    "is_overscale": True,
    "plan_status": "DRAFTED",
}


@pytest.fixture(scope="module")
def application(client: TestClient, running_city: SmallCity) -> Told:
    """A project that applies for a permit, with a firm that has a record, one that nobody knows, and a work too many."""
    index = live_state().scorer.index
    builders = index.city.part(index.city.all_keepers("project_parties")).enterprises.ids
    known = next(firm for firm in builders if index.city.is_named_in("enterprises", firm))
    party = {
        "project_id": "SQ-1",
        "role": "GC",
        "valid_from": "2026-03-01",
        "recorded_at": "2026-02-27T09:00:00",
    }
    dated = PIT | {"recorded_at": "2026-02-27T09:00:00", "started_on": "2026-03-20"}
    return {
        "projects": [NEW | {"floor_area_m2": 86000, "pit_depth_m": 9.8, "building_height_m": 99.5}],
        "project_parties": [
            party | {"enterprise_id": known},
            party | {"enterprise_id": "nobody", "role": "SUPV"},
        ],
        "dangerous_works": [
            dated,
            dated | {"work_id": "SQ-1-X", "started_on": "2026-02-30", "colour": "red"},
        ],
    }


def called(application: Told, project_id: str) -> Told:
    return {table: [row | {"project_id": project_id} for row in rows] for table, rows in application.items()}


def test_a_project_is_assessed_as_it_is_graded_once_its_rows_are_recorded(
    client: TestClient, reporter: Headers, application: Told
) -> None:
    told, version = posted(client, "/v1/assess", **application), 0
    AssessAnswer.model_validate(told)
    assert told["result"]["status"] == "ACTIVE"
    assert told["inherent_grade"] == 4
    assert told["unknown_columns"] == ["dangerous_works.colour"]
    found = [
        (row["table"], row["row_number"], row["outcome"], row["remarks"][0]["rule"]) for row in told["rows"]
    ]
    assert found == [
        ("project_parties", 2, "WAITING", "unknown_parent"),
        ("dangerous_works", 2, "REFUSED", "not_a_date"),
    ]
    assert grade(client, "SQ-1", told["as_of"])["status"] == "UNKNOWN"
    for table, rows in application.items():
        answer = posted(client, f"/v1/records/{table}", reporter, rows=rows)
        version = answer["store_version"]
        assert answer["stored"] == 1
    graded, result = grade(client, "SQ-1", told["as_of"], version), said(told["result"])
    assert graded | {"percentile": None} == result | {"percentile": None}  # it is now in the city itself
    again = error(client, "/v1/assess", **application)
    assert (again["status"], again["code"]) == (409, "CHECK_FAILED")
    assert "/v1/what-if" in again["message_en"]


def test_the_record_of_a_firm_named_by_its_id_counts(state: LiveState, application: Told) -> None:
    def known(**parts: Any) -> dict[str, float | None]:
        asked = AssessRequest(**called(application, "SQ-2") | parts)
        return assess.assessed(state, key_of("310000"), asked, NOW)[1].values

    alone, joined = known(project_parties=[]), known()
    assert {name for name in joined if joined[name] != alone[name] and name.startswith("gc_")}


def test_a_project_beyond_the_scope_is_assessed_as_one_that_is_not_there(
    state: LiveState, sites: list[str], application: Told
) -> None:
    own = key_of("310115")
    other = next(site for site in sites if not state.jurisdictions.reached(own, site))

    def result(project_id: str) -> Told:
        asked = AssessRequest(**called(application, project_id))
        return assess.assessed(state, own, asked, NOW)[1].result | {"project_id": ""}

    assert result(other) == result("SQ-nobody-has-it")


def test_a_project_outside_the_keys_districts_is_not_assessed(
    client: TestClient, running_city: SmallCity, application: Told
) -> None:
    scoped = header(client, running_city, "310101")
    told = error(client, "/v1/assess", scoped, **called(application, "SQ-3"))
    assert (told["status"], told["field"]) == (422, "projects[0].region_code")


def test_a_faulty_project_is_refused_with_every_fault(client: TestClient, application: Told) -> None:
    faulty = {
        "projects": [{"project_id": "SQ-4", "start_date": "2026-02-30", "floor_area_m2": -1}],
        "project_parties": [{"project_id": "SQ-4", "enterprise_id": "E", "role": "KING", "valid_from": "x"}],
    }
    told = error(client, "/v1/assess", **faulty)
    assert (told["status"], told["code"]) == (422, "INVALID_INPUT")
    for place in ("projects[0].start_date", "projects[0].floor_area_m2", "project_parties[0].role",
                  "project_parties[0].valid_from"):  # fmt: skip
        assert place in told["message_en"] and place in told["message_zh"]
    personal = error(client, "/v1/assess", projects=[NEW | {"手机号": "13800000000"}])
    assert (personal["status"], personal["code"]) == (422, "FORBIDDEN_COLUMN")


def test_rows_of_another_project_and_rows_that_contradict_each_other_do_not_count(state: LiveState) -> None:
    site, pit = ({**row, "project_id": "SQ-7"} for row in (NEW, PIT))
    other = pit | {"project_id": "P000001"}
    works = [pit, other, pit | {"work_id": "W", "quantity": 1}, pit | {"work_id": "W"}]
    asked = AssessRequest(projects=[site], dangerous_works=works)
    project, _ = assess.assessed(state, key_of("310115"), asked, NOW)
    assert {(row["row_number"], row["outcome"], row["remarks"][0]["rule"]) for row in project.told} == {
        (2, "REFUSED", "other_project"),
        (3, "REFUSED", "ambiguous_version"),
        (4, "REFUSED", "ambiguous_version"),
    }
    assert project.tables["dangerous_works"]["work_id"].tolist() == ["SQ-1-PIT"]


def test_what_was_supposed_is_remembered_read_again_and_replayed(
    client: TestClient, running_city: SmallCity, sites: list[str], application: Told
) -> None:
    scoped = header(client, running_city, "310115")
    told = asked_what_if(client, sites[5], *EVERYTHING)
    assessed = posted(client, "/v1/assess", scoped, **called(application, "SQ-5"))["result"]
    for result, headers in ((told["before"], None), (told["after"], None), (assessed, scoped)):
        address = f"/v1/decisions/{result['decision_id']}"
        assert client.get(address, headers=headers).json()["result"] == result
        replayed = client.post(f"{address}/replay", headers=headers).json()
        assert (replayed["equal"], replayed["differences"]) == (True, [])
    other = header(client, running_city, "310101")
    assert client.get(f"/v1/decisions/{assessed['decision_id']}", headers=other).status_code == 404


def supposals(state: LiveState, sites: list[str], application: Told) -> list[Callable[[], Told]]:
    """What may be supposed of a state, each giving its result."""
    at, key = pd.Timestamp(AS_OF).tz_localize(None).as_unit("us"), key_of("310000")
    changes = [WhatIfRequest(project_id=one, changes=[Change(**c) for c in EVERYTHING]) for one in sites[6:8]]
    told = AssessRequest(
        **called(application, "SQ-6") | {"projects": [NEW | {"project_id": "SQ-6", "category": "UNHEARD"}]}
    )
    return [
        *(lambda asked=asked: what_if.before_and_after(state, key, asked, at)[1].result for asked in changes),
        lambda: assess.assessed(state, key, told, NOW)[1].result,
    ]


def everything_said(
    state: LiveState, sites: list[str]
) -> tuple[bytes, list[str], dict[str, bytes], list[int]]:
    """All that a state says of the city, to the last bit, and how much it has numbered."""
    index, at = state.scorer.index, pd.Timestamp(AS_OF).tz_localize(None)
    names = [feature.name for feature in CATALOGUE.features]
    moments = [at] * len(sites)
    risks = state.city_risks(at).risks
    return (
        index.cells(names, sites, moments).tobytes(),
        index.latest_recorded_at(sites, moments).astype(str).tolist(),
        {head: values.tobytes() for head, values in risks.items()},
        [
            len(index.city.projects),
            len(index.city.enterprises),
            *map(len, index.city.groups.values()),
            index.fed_changes,
        ],
    )


def test_supposing_leaves_the_live_state_as_it_was_also_where_it_fails(
    state: LiveState, sites: list[str], application: Told
) -> None:
    before, at = everything_said(state, sites), 1
    for suppose in supposals(state, sites, application):
        expected, at, was_interrupted = suppose(), 1, True
        while was_interrupted:
            was_interrupted = is_interrupted(suppose, at, feeding, city_facts, fed_changes)
            at = at * 12 + 1
        assert suppose() == expected
        assert everything_said(state, sites) == before


def test_two_at_once_do_not_disturb_each_other(state: LiveState, sites: list[str], application: Told) -> None:
    work = supposals(state, sites, application)
    alone = [suppose() for suppose in work]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda suppose: suppose(), work * 2))
    assert together == alone * 2


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
changes = st.lists(
    st.fixed_dictionaries(
        {"change": st.sampled_from([*BY_IDS, "ATTENDANCE", "FILL_POSTS", "accidents"]) | anything},
        optional={"ids": st.lists(st.text(max_size=5), max_size=2), "post": anything, "percent": anything},
    ),
    max_size=3,
)
columns = st.sampled_from(contract("projects").column_names) | st.text(max_size=9)
rows = st.lists(
    st.dictionaries(columns, st.text(max_size=30) | st.integers() | st.floats() | st.booleans(), max_size=6)
    | st.just(NEW),
    max_size=2,
)
fuzzed = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzzed
@given(
    what=st.fixed_dictionaries({"project_id": st.just("") | anything, "changes": changes | anything}),
    told=st.fixed_dictionaries(
        {"projects": rows}, optional={"progress": rows, "dangerous_works": rows, "x": anything}
    ),
)
def test_no_json_whatever_breaks_the_service(
    client: TestClient, sites: list[str], what: Told, told: Told
) -> None:
    what = what | ({"project_id": sites[3]} if what["project_id"] == "" else {})
    for path, content, statuses in (
        ("/v1/what-if", what, (200, 404, 422)),
        ("/v1/assess", told, (200, 409, 422)),
    ):
        answer = client.post(
            path, content=json.dumps(content).encode(), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in statuses, answer.text
