"""Calls that give as JSON what the pages show: the same figures, for the same roles, within the same scope."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from data_contracts.record_store import RecordStore
from serving.calls.application import EVERY_CALL
from serving.calls.call import MAY_REPORT
from serving.grading.grade_store import GradeStore
from serving.pages import model as model_page
from serving.pages.rendering import Words
from serving.plan.plan_files import write_plan
from serving.plan.plan_tables import AGENCIES, COLUMNS, DRAW, LEFT_OUT, WeeklyPlan
from serving.plan.visit_words import ALERTS
from tests.made_up_passport import made_up_passport
from tests.running_city import GRADED_ON, eventually, new_key
from tests.small_city import SmallCity

WORDS = Words("en")
LISTS = {"/sites": "sites", "/enterprises": "enterprises", "/confirmations": "waiting", "/data": "quarantine"}


class Reader:
    """One key, with which the pages are opened and the calls are made."""

    def __init__(self, client: TestClient, token: str) -> None:
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}
        self._browser = TestClient(client.app, raise_server_exceptions=False, follow_redirects=False)
        eventually(lambda: self._browser.post("/ui/sign-in", data={"key": token}).status_code == 303, 10)
        self._browser.cookies.set("siterisk_language", "en", path="/ui")

    def page(self, address: str) -> str:
        """The page's text, tags left out; rows of tables end with a line."""
        answer = self._browser.get(f"/ui{address}")
        assert answer.status_code == 200, answer.text[:500]
        text = re.sub(r"<[^>]+>", " ", answer.text.replace("</tr>", "\n"))
        return unescape(re.sub(r"[ \t]+", " ", text))

    def told(self, address: str, status: int = 200) -> Any:
        answer = self._client.get(f"/v1{address}", headers=self._headers)
        assert answer.status_code == status, answer.text[:2000]
        return answer.json()


@pytest.fixture(scope="module")
def reader(client: TestClient, running_city: SmallCity) -> Reader:
    return Reader(client, new_key(running_city, districts=["310000"], role="report")[1])


@pytest.fixture(scope="module")
def grades(running_city: SmallCity) -> pd.DataFrame:
    with RecordStore.open(running_city.store_url) as store:
        held = GradeStore(store.engine)
        return held.grades(held.needed_run(pd.Timestamp(GRADED_ON).date()))


def row_of(text: str, word: str) -> str:
    """The row of a table in which the word stands."""
    rows = [row for row in text.split("\n") if word in row]
    assert rows, word
    return rows[0]


def test_the_overview_tells_the_figures_of_its_page(reader):
    text, told = reader.page("/"), reader.told("/overview")
    assert f"Active sites {told['sites']} " in text
    for one in told["colours"]:
        assert re.search(rf"{WORDS.colour(one['colour'])} [^\n]*? {one['count']} ", text)
    assert sum(one["count"] for one in told["colours"]) == told["sites"]
    assert (
        f"Waiting for a person {told['waiting']} " in text and f"Past the due day {told['overdue']} " in text
    )
    for one in told["districts"]:
        row = row_of(text, f" {WORDS.code(one['district'], 'districts')} ")
        assert all(f" {count} " in row for count in (one["sites"], *one["colours"].values(), one["overdue"]))
        assert WORDS.per_cent(one["visited_in_90_days"], 0) in row
    for one in told["visits_by_risk"] or ():
        assert f"{WORDS.per_cent(one['risk'], 2)} {WORDS.per_cent(one['visited'], 0)}" in text
    assert told["state"]["model_version"] in text and told["grading_run"]["day"] == GRADED_ON


@pytest.mark.parametrize(
    "query", ["", "?colour=BLUE&sort=due", "?overdue=1&sort=accident&page=2", "?inherent=3&q=p", "?pending=1"]
)
def test_the_list_of_sites_is_that_of_its_page(reader, query):
    text, told = reader.page(f"/sites{query}"), reader.told(f"/sites{query}")
    assert f"{WORDS.number(told['found'])} of {WORDS.number(told['total'])}" in text
    places = [text.index(f" {one['project_id']} ") for one in told["sites"]]
    assert places == sorted(places)
    for one in told["sites"]:
        row = row_of(text, f" {one['project_id']} ")
        assert WORDS.colour(one["colour"]) in row and WORDS.inherent(one["inherent_grade"]) in row
        assert WORDS.per_cent(one["risks"]["accident"], 2) in row
        assert WORDS.above(one["percentile"]["accident"]) in row
        assert WORDS.day(one["due_on"]) in row and WORDS.day(one["last_visit_on"]) in row


def test_every_leaf_together_is_the_whole_list(reader, grades):
    leaves = [reader.told(f"/sites?size=17&page={page}") for page in range(1, 200)][: -(-len(grades) // 17)]
    assert sorted(one["project_id"] for leaf in leaves for one in leaf["sites"]) == sorted(
        grades["project_id"]
    )
    assert reader.told("/sites?size=17&page=99999")["page"] == leaves[0]["pages"]


def test_a_site_tells_the_figures_and_reasons_of_its_page(reader, grades):
    site = grades.sort_values("risk_accident")["project_id"].iloc[-1]
    text, told = reader.page(f"/sites/{site}"), reader.told(f"/sites/{site}")
    assert f"{WORDS.number(told['site']['visits_per_year'], 1)} visits a year" in text
    assert told["site"]["rule_en"] in text and told["site"]["reference"] in text
    assert len(told["heads"]) == 3
    for head in told["heads"]:
        assert f" {head['title_en']}: {WORDS.per_cent(head['risk'], 2)} " in text
        for reason in (*head["raising"], *head["lowering"]):
            assert f"{reason['en']} {WORDS.points(reason['points'])}" in text
        difference = sum(head["families"].values())
        assert head["similar"] + difference == pytest.approx(head["risk"], abs=1e-9)
    for one in told["history"]["risks"]:
        assert f"{one['on']} {WORDS.per_cent(one['risk'], 2)}" in text
    for records in told["records"].values():
        assert all(f" {one['id']} " in text and one["on"] in text for one in records)
    for one in told["similar_sites"]:
        assert WORDS.per_cent(one["risks"]["accident"], 2) in text
    assert all(one["enterprise_id"] in text for one in told["parties"])
    assert all(one["en"] in text for one in told["changes"])
    name = told["heads"][0]["raising"][0]["feature"]
    behind, facts = reader.page(f"/sites/{site}/facts/{name}"), reader.told(f"/sites/{site}/facts/{name}")
    assert facts["label_en"] in behind and all(fact["key"] in behind for fact in facts["facts"])


def test_firms_are_told_as_on_their_pages(reader):
    text, told = reader.page("/enterprises?sort=sites"), reader.told("/enterprises?sort=sites")
    for one in told["enterprises"]:
        row = row_of(text, f" {one['enterprise_id']} ")
        assert re.search(rf" {one['sites']} +{one['red']} +{one['orange']} ", row)
        assert one["score"] is None or WORDS.number(one["score"], 1) in row
    firm = told["enterprises"][0]["enterprise_id"]
    text, one = reader.page(f"/enterprises/{firm}"), reader.told(f"/enterprises/{firm}")
    assert one["active_sites"] == told["enterprises"][0]["sites"]
    assert all(f" {site['project_id']} " in text for site in one["sites"])
    for found in one["record"].values():
        assert f"On file: {found['count']} ; of the last year: {found['recent']} " in text
    for through in one["through"].values():
        assert f"on average {100 * through['mean']:+.3f} points" in text


@pytest.fixture
def planned(running_city: SmallCity, grades: pd.DataFrame) -> Iterator[None]:
    """A plan of a week for three sites, which other tests do not meet."""
    path = keep_plan(running_city, "2026-W27", grades["project_id"][:3].tolist())
    yield
    path.unlink()


def test_the_plan_of_a_week_is_that_of_its_page(reader, planned):
    told = reader.told("/plans")
    assert {"week": "2026-W27", "versions": [1]} in told["weeks"]
    text, plan = reader.page("/plan?week=2026-W27"), reader.told("/plans/2026-W27")
    assert f"{plan['count']} visits" in text.replace("  ", " ") and plan["seed"] == 1
    for visit in plan["visits"]:
        row = row_of(text, f" {visit['project_id']} ")
        assert visit["reason_en"] in row and WORDS.per_cent(visit["selection_probability"], 2) in row
    one = reader.told(f"/plans/2026-W27?q={plan['visits'][0]['project_id']}&version=1")
    assert one["visits"] == plan["visits"][:1]
    for wrong in ("/plans/2026-W01", "/plans/2026-W27?version=9", "/plans/x"):
        reader.told(wrong, 404)


def keep_plan(city: SmallCity, week: str, sites: list[str]) -> Path:
    """A plan of visits drawn at random, kept in the city's home."""
    usual = dict.fromkeys(COLUMNS) | {
        "week": week, "day": "2026-06-29", "agency_code": "D310115", "discipline": "SAFETY", "selected_by": "RANDOM",
        "selection_probability": 0.0123, "colour": "BLUE", "reason_zh": "抽取", "reason_en": "drawn by lot",
        "checklist_zh": "高处作业", "checklist_en": "heights",
    }  # fmt: skip
    rows = [usual | {"visit_id": f"{week}-{n}", "project_id": site} for n, site in enumerate(sites)]
    visits = pd.DataFrame(rows).astype({"day": "datetime64[us]", "due_on": "datetime64[us]"})
    empty = {"draw": DRAW, "agencies": AGENCIES, "left_out": LEFT_OUT, "alerts": ALERTS}
    tables = {name: pd.DataFrame(columns=list(columns)) for name, columns in empty.items()}
    passport = {"week": week, "as_of": "2026-06-26T00:00:00", "seed": 1, "gap": 0.0}
    (city.home / "plans").mkdir(exist_ok=True)
    path = city.home / "plans" / f"{week}-1.json"
    write_plan(WeeklyPlan(visits, **tables, passport=passport), path)
    return path


def test_what_waits_is_that_of_its_page(reader):
    text, told = reader.page("/confirmations"), reader.told("/confirmations?size=25")
    assert f"{told['found']} of {told['total']} that wait" in text and told["waiting"]
    for one in told["waiting"]:
        row = row_of(text, f" {one['project_id']} ")
        assert f"confirmed: {WORDS.colour(one['if_confirmed'])}" in row
        assert one["reasons_en"] in row and one["rule_en"] in row
    nothing = reader.told("/confirmations?what=LOWERING&q=no-such-site")
    assert nothing["found"] == 0 and nothing["waiting"] == []
    assert "Nothing that waits fits." in reader.page("/confirmations?what=LOWERING&q=no-such-site")


@pytest.fixture
def judged(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The heads of the running model's passport with the figures of a training: the small city's model has none."""
    from serving.service import API

    heads = API.state.desk.city.state().scorer.model.passport["heads"]
    for name, head in made_up_passport()["heads"].items():
        for word in ("definition", "metrics", "checks"):
            monkeypatch.setitem(heads[name], word, head[word])
    return heads


def test_the_evaluation_of_the_model_is_that_of_its_page(reader, judged):
    text, told = reader.page("/model"), reader.told("/evaluation")
    assert told["model_version"] in text and all(one["en"] in text for one in told["not_for"])
    for head in told["heads"]:
        for measures in (head["model"], *(one["measures"] for one in head["rules"])):
            for name, digits in (("auc", 3), ("lift_at_5pct", 2), ("recall_at_10pct", 2)):
                assert shown_interval(measures[name], digits) in text
        assert set(head["slices"]) == {"district", "category"} and set(head["fairness"]) == {
            "registered_region",
            "ownership",
        }
        for rows in (head["slices"] | head["fairness"]).values():
            for one in rows:
                told_at_all = WORDS.number(one["observed_over_expected"], 2) in text
                assert told_at_all if one["is_large_enough"] else "too few outcomes to judge" in text
                assert one["is_large_enough"] == (max(one["outcomes"], one["expected"]) >= 20)
        assert all(f"{one['size']:.3f}" in text and one["label_en"] in text for one in head["strongest"])


def test_the_models_that_were_put_in_force_are_told_the_newest_first(reader, monkeypatch):
    auc = {"mean": 0.741, "low": 0.702, "high": 0.778}
    first = {"at": "2026-01-05T10:00:00", "action": "promote", "version": "aaaaaaaaaaaa", "replaced": None}
    second = {
        "at": "2026-02-05T10:00:00",
        "action": "promote",
        "version": "bbbbbbbbbbbb",
        "replaced": "aaaaaaaaaaaa",
    }
    back = {
        "at": "2026-02-06T08:30:00",
        "action": "rollback",
        "version": "aaaaaaaaaaaa",
        "replaced": "bbbbbbbbbbbb",
    }
    lines = [
        first | {"heads": {"accident": {"figures": {"auc": auc}}, "hazard": {"figures": None}}},
        second | {"why": "<b>autumn</b>"},
        back,
    ]
    monkeypatch.setattr(model_page, "champion_history", lambda home: lines)
    text, told = reader.page("/model"), reader.told("/evaluation")["versions"]
    assert [(one["at"], one["version"]) for one in told] == [
        (f"{line['at']}+08:00", line["version"]) for line in reversed(lines)
    ]
    assert told[-1]["heads"] == [
        {"head": "accident", "auc": auc, "recall_at_10pct": None},
        {"head": "hazard", "auc": None, "recall_at_10pct": None},
    ]
    assert "2026-02-06 08:30 aaaaaaaaaaaa back to it bbbbbbbbbbbb" in text
    assert shown_interval(auc, 3) in text and "<b>autumn</b>" in text  # as text, not as a tag


def shown_interval(found: dict[str, Any] | None, digits: int) -> str:
    if found is None or found["mean"] is None:
        return "–"
    mean, low, high = (f"{found[word]:.{digits}f}" for word in ("mean", "low", "high"))
    return f"{mean} ({low}–{high})"


def test_the_state_of_the_data_is_that_of_its_page(reader, client, running_city, grades):
    manager = {"Authorization": f"Bearer {new_key(running_city, districts=['310000'], role='manage')[1]}"}
    bad = {
        "order_id": "Q-CALL-1",
        "project_id": grades["project_id"][0],
        "kind": "STOP",
        "issued_on": "2026-02-30",
    }
    post = "/v1/records/orders"
    eventually(lambda: client.post(post, json={"rows": [bad]}, headers=manager).status_code == 200, 10)
    text, told = reader.page("/data?table=orders"), reader.told("/data?table=orders")
    for one in told["tables"]:
        row = row_of(text, f" {one['table']} ")
        assert f" {WORDS.number(one['rows'])} " in row and WORDS.per_cent(one["complete"], 0) in row
        late, most = one["late_median_days"], one["late_p90_days"]
        if late is not None:
            assert ("filed ahead" if late < 0 else f"{late:,.1f} / {most:,.1f}") in row
    assert f"In quarantine ({told['found']} rows)" in text
    (mine,) = [one for one in told["quarantine"] if one["cells"]["order_id"] == "Q-CALL-1"]
    assert all(fault["en"] in text for fault in mine["faults"]) and mine["faults"][0]["column"] == "issued_on"


def test_a_key_is_told_of_its_districts_alone(client, running_city, grades, planned):
    with RecordStore.open(running_city.store_url) as store:
        projects = store.read("projects").drop_duplicates("project_id", keep="last").set_index("project_id")
    sites = grades["project_id"].map(projects["region_code"])
    district = sites.value_counts().index[0]
    reader = Reader(client, new_key(running_city, districts=[district], role="report")[1])
    within = grades["project_id"][sites == district].tolist()
    beyond = grades["project_id"][sites != district].tolist()
    told = reader.told("/sites?size=1000")
    assert sorted(one["project_id"] for one in told["sites"]) == sorted(within)
    assert reader.told("/overview")["sites"] == len(within)
    reader.told(f"/sites/{within[0]}")
    for address in (f"/sites/{beyond[0]}", f"/sites/{beyond[0]}/facts/visits_365d", "/enterprises/NOBODY"):
        error = reader.told(address, 404)["error"]
        assert set(error) == {"code", "message_zh", "message_en", "field"}
    for one in reader.told("/enterprises?size=5")["enterprises"]:
        mine = reader.told(f"/enterprises/{one['enterprise_id']}")
        assert {site["project_id"] for site in mine["sites"]} <= set(within)
        assert set().union(*(through["points"] for through in mine["through"].values()), []) <= set(within)
    visits = reader.told("/plans/2026-W27")["visits"]
    assert {visit["project_id"] for visit in visits} == set(grades["project_id"][:3]) & set(within)
    assert {one["project_id"] for one in reader.told("/confirmations?size=1000")["waiting"]} <= set(within)


def test_keys_for_systems_are_not_told_what_pages_show(client, running_city):
    headers = {"Authorization": f"Bearer {new_key(running_city, districts=['310000'], role='score')[1]}"}
    shown = [call for call in EVERY_CALL if call.method == "GET" and call.roles == MAY_REPORT]
    assert len(shown) == 11
    eventually(lambda: client.get("/v1/model", headers=headers).status_code == 200, 10)
    for call in shown:
        answer = client.get("/v1" + re.sub(r"\{\w+\}", "x", call.path), headers=headers)
        assert answer.status_code == 403, call.path


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/sites?colour=GREEN", "colour"), ("/sites?page=0", "page"), ("/sites?size=1001", "size"), ("/sites?colour=", "colour"),
        ("/sites?order=name", "order"), ("/enterprises?sort=worst", "sort"), ("/plans/2026-W27?version=x", "version"),
        ("/confirmations?what=BLUE", "what"), ("/data?page=x", "page"),
    ],
)  # fmt: skip
def test_a_query_that_means_nothing_is_refused_with_its_field(reader, address, field):
    assert reader.told(address, 422)["error"]["field"] == field


def test_a_table_that_is_not_there_is_not_found(reader):
    reader.told("/data?table=nothing", 404)


def test_every_example_of_the_description_is_of_its_own_message():
    for call in EVERY_CALL:
        for model in (call.answer, call.takes):
            for example in model.model_json_schema().get("examples", []) if model else ():
                model.model_validate(example)
