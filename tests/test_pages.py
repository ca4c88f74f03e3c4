"""The managers' pages, asked as a browser would: who may see what, what is shown, and that nothing breaks out of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from io import BytesIO

import pandas as pd
import pytest
from starlette.testclient import TestClient

from data_contracts.record_store import RecordStore
from serving.access.key_store import revoke_key
from serving.grading.grade_store import GradeStore
from serving.pages import page as page_module
from serving.plan.plan_files import write_plan
from serving.plan.plan_tables import AGENCIES, COLUMNS, DRAW, LEFT_OUT, WeeklyPlan
from serving.plan.visit_words import ALERTS
from tests.running_city import GRADED_ON, eventually, new_key
from tests.small_city import SmallCity

EVERY = ("/ui/", "/ui/sites", "/ui/confirmations", "/ui/plan", "/ui/enterprises", "/ui/model", "/ui/data")
NASTY = '<script>alert("x")</script>\u202e' + "长" * 300


def signed_in(client: TestClient, token: str) -> TestClient:
    """The same service, asked by a browser that has signed in."""
    browser = TestClient(client.app, raise_server_exceptions=False, follow_redirects=False)
    eventually(
        lambda: browser.post("/ui/sign-in", data={"key": token}).status_code == 303, 10
    )  # the keys are read anew
    return browser


@pytest.fixture(scope="module")
def manager(client: TestClient, running_city: SmallCity) -> TestClient:
    return signed_in(client, new_key(running_city, districts=["310000"], role="manage")[1])


@pytest.fixture(scope="module")
def admin(client: TestClient, running_city: SmallCity) -> dict[str, str]:
    """The headers of a key that may do everything."""
    told = {"Authorization": f"Bearer {new_key(running_city, districts=['310000'], role='administer')[1]}"}
    eventually(lambda: client.get("/v1/openapi.json", headers=told).status_code == 200, 10)
    return told


@pytest.fixture(scope="module")
def grades(running_city: SmallCity) -> Iterator[pd.DataFrame]:
    with RecordStore.open(running_city.store_url) as store:
        held = GradeStore(store.engine)
        yield held.grades(held.needed_run(pd.Timestamp(GRADED_ON).date()))


def shown(browser: TestClient, address: str, status: int = 200) -> str:
    answer = browser.get(address)
    assert answer.status_code == status, answer.text[:2000]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    text = answer.text
    assert " style=" not in text and "<style" not in text and not re.search(r"\son\w+=", text)
    assert not re.search(r'(src|href|action)="(https?:)?//', text)
    return text


def form_token(text: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', text)
    assert found
    return unescape(found[1])


@pytest.mark.parametrize("address", EVERY)
def test_every_page_is_there_in_both_languages_with_nothing_from_outside(manager, address):
    assert 'lang="zh-CN"' in shown(manager, address)
    manager.cookies.set("siterisk_language", "en", path="/ui")
    try:
        assert '<html lang="en">' in shown(manager, address)
    finally:
        manager.cookies.delete("siterisk_language")


@pytest.mark.parametrize("address", [*EVERY, "/ui/sites/P1", "/ui/sites.csv", "/ui/data/quarantine.csv"])
def test_who_has_not_signed_in_is_sent_to_do_so(client, address):
    stranger = TestClient(client.app, follow_redirects=False)
    answer = stranger.get(address)
    assert answer.status_code == 303 and answer.headers["location"].startswith("/ui/sign-in?next=")
    assert stranger.get("/ui/sign-in").status_code == 200
    assert client.get(address, follow_redirects=False).status_code == 303  # a bearer key opens no page


@pytest.mark.parametrize("token", ["", "sr_00000000_" + 64 * "0", "x" * 5000, "' OR 1=1"])
def test_a_wrong_key_signs_nobody_in(client, token):
    answer = TestClient(client.app, follow_redirects=False).post("/ui/sign-in", data={"key": token})
    assert answer.status_code == 401 and "set-cookie" not in answer.headers


def test_a_session_ends_with_its_key_and_is_no_key_for_the_api(client, running_city):
    key_id, token = new_key(running_city, districts=["310000"], role="report")
    browser = signed_in(client, token)
    assert browser.get("/ui/").status_code == 200
    assert browser.get("/v1/docs").status_code == 401
    with RecordStore.open(running_city.store_url) as store:
        revoke_key(store, key_id, pd.Timestamp.now().to_pydatetime())
    eventually(lambda: browser.get("/ui/").status_code == 303, 5)


def test_keys_for_systems_open_no_page(client, running_city):
    token = new_key(running_city, districts=["310000"], role="score")[1]
    browser = TestClient(client.app, follow_redirects=False)
    eventually(lambda: "report、manage" in browser.post("/ui/sign-in", data={"key": token}).text, 10)
    assert browser.get("/ui/").status_code == 303


@pytest.mark.parametrize(
    "next_page", ["https://elsewhere/", "//elsewhere", "/ui\\\\elsewhere", "/v1/docs", "/ui/\r\nx: y"]
)
def test_signing_in_leads_nowhere_else(client, running_city, next_page):
    token = new_key(running_city, districts=["310000"], role="report")[1]
    browser = signed_in(client, token)
    answer = browser.post("/ui/sign-in", data={"key": token, "next": next_page})
    assert answer.status_code == 303 and answer.headers["location"] == "/ui/"


def test_a_form_of_another_site_changes_nothing(manager, grades):
    site = grades["project_id"][0]
    for address in (
        f"/ui/sites/{site}/what-if",
        f"/ui/sites/{site}/say/override",
        "/ui/confirmations",
        "/ui/sign-out",
    ):
        answer = manager.post(address, data={"form_token": "made up", "do_RECTIFY_HAZARDS": "1"})
        assert answer.status_code == 422 and "表单已过期" in answer.text


def test_a_key_sees_its_districts_alone(client, running_city, grades):
    with RecordStore.open(running_city.store_url) as store:
        projects = store.read("projects").drop_duplicates("project_id", keep="last").set_index("project_id")
    sites = grades["project_id"].map(projects["region_code"])
    district = sites.value_counts().index[0]
    browser = signed_in(client, new_key(running_city, districts=[district], role="manage")[1])
    within, beyond = (grades["project_id"][sites.eq(district) == inside].tolist() for inside in (True, False))
    listed = pd.read_csv(BytesIO(browser.get("/ui/sites.csv").content))
    assert sorted(listed["项目编号"]) == sorted(within)
    shown(browser, f"/ui/sites/{within[0]}")
    for address in (beyond[0], f"{beyond[0]}/sheet", f"{beyond[0]}/facts/visits_365d"):
        told = shown(browser, f"/ui/sites/{address}", 404)
        unknown = shown(browser, f"/ui/sites/NOBODY{address[len(beyond[0]) :]}", 404)
        assert told.replace(beyond[0], "X") == unknown.replace("NOBODY", "X")


def test_the_list_finds_filters_and_sorts(manager, grades):
    shown(manager, "/ui/sites?colour=NONSENSE&page=99999&sort=%27&inherent=x&district=%3Cscript%3E")
    blue = pd.read_csv(BytesIO(manager.get("/ui/sites.csv?colour=BLUE&sort=due").content))
    every = pd.read_csv(
        BytesIO(manager.get("/ui/sites.csv").content)
    )  # other tests may have decided about some
    assert len(blue) and set(blue["项目编号"]) == set(every.loc[every["动态风险"] == "蓝", "项目编号"])
    assert blue["应检日期"].dropna().is_monotonic_increasing
    one = grades["project_id"][3]
    assert len(pd.read_csv(BytesIO(manager.get(f"/ui/sites.csv?q={one.lower()}").content))) == 1
    assert manager.get("/ui/sites.pdf").status_code == 404
    book = pd.read_excel(BytesIO(manager.get("/ui/sites.xlsx").content))
    assert len(book) == len(grades)


def test_a_site_answers_the_five_questions_and_shows_the_records_behind(manager, grades):
    site = grades["project_id"][0]
    text = shown(manager, f"/ui/sites/{site}")
    for question in ("为什么是这个颜色", "从什么时候开始", "依据哪些事实", "怎样才会改变", "找谁"):
        assert question in text
    assert "重大事故隐患" not in text
    shown(manager, f"/ui/sites/{site}/sheet")
    behind = re.findall(rf"/ui/sites/{site}/facts/(\w+)", text)
    assert behind
    shown(manager, f"/ui/sites/{site}/facts/{behind[0]}")
    shown(manager, f"/ui/sites/{site}/facts/no_such_feature", 404)


def test_a_what_if_and_an_override_are_kept_in_the_ledger(manager, running_city):
    blue = pd.read_csv(BytesIO(manager.get("/ui/sites.csv?colour=BLUE").content))
    site = blue["项目编号"].iloc[-1]  # other tests set the colours of the first ones
    text = shown(manager, f"/ui/sites/{site}")
    fields = {"form_token": form_token(text), "do_RECTIFY_HAZARDS": "1"}
    part = manager.post(f"/ui/sites/{site}/what-if", data=fields, headers={"X-Part": "1"})
    assert part.status_code == 200 and "台账编号" in part.text and "<html" not in part.text
    assert (
        manager.post(f"/ui/sites/{site}/what-if", data={"form_token": fields["form_token"]}).status_code
        == 422
    )
    said = {"form_token": fields["form_token"], "colour": "YELLOW", "person": "0117", "reason": NASTY}
    answer = manager.post(f"/ui/sites/{site}/say/override", data=said)
    assert answer.status_code == 303, answer.text
    after = shown(manager, answer.headers["location"])
    assert 'class="colour yellow"' in after and "<script>alert" not in after
    assert manager.post(f"/ui/sites/{site}/say/nothing", data=said).status_code == 422
    reporter = signed_in(
        TestClient(manager.app), new_key(running_city, districts=["310000"], role="report")[1]
    )
    assert "say/override" not in shown(reporter, f"/ui/sites/{site}")
    said["form_token"] = form_token(shown(reporter, f"/ui/sites/{site}"))
    assert reporter.post(f"/ui/sites/{site}/say/override", data=said).status_code == 403


def test_what_waits_is_confirmed_together_and_each_is_told(manager):
    text = shown(manager, "/ui/confirmations")
    waiting = re.findall(r'name="site_([^"]+)"', text)[-2:]  # other tests decide about the first ones
    fields = {"form_token": form_token(text), "decision": "CONFIRM", "person": "0117", "reason": ""}
    assert manager.post("/ui/confirmations", data=fields).status_code == 422
    answer = manager.post("/ui/confirmations", data=fields | {f"site_{one}": "1" for one in waiting})
    assert answer.status_code == 200 and answer.text.count("已记入") == len(waiting) > 0


def test_names_are_shown_as_they_are_and_never_as_html(manager, client, admin, running_city, grades):
    site = grades["project_id"][1]
    with RecordStore.open(running_city.store_url) as store:
        newest = store.read("projects").query("project_id == @site").iloc[-1]
    row = {
        name: value.isoformat() if isinstance(value, pd.Timestamp) else value
        for name, value in newest.items()
        if not pd.isna(value)
        and name not in ("recorded_at", "floors_above", "floors_below", "existing_building_year")
    } | {"name": NASTY[:200]}
    row = {name: value.item() if hasattr(value, "item") else value for name, value in row.items()}
    answer = client.post("/v1/records/projects", json={"rows": [row]}, headers=admin)
    assert answer.json()["stored"] == 1, answer.text
    text = shown(manager, f"/ui/sites/{site}")
    assert "&lt;script&gt;alert" in text and "<script>alert" not in text
    assert "<script>alert" not in shown(manager, f"/ui/sites?q={site}")


def test_a_kept_plan_is_shown_and_handed_out(manager, running_city, grades):
    site = grades["project_id"][2]
    visit = dict.fromkeys(COLUMNS) | {
        "visit_id": "2026-W28-0001", "week": "2026-W28", "day": "2026-07-06", "agency_code": "D310115",
        "project_id": site, "discipline": "SAFETY", "selected_by": "RANDOM", "selection_probability": 0.01,
        "colour": "BLUE", "reason_zh": NASTY, "reason_en": "drawn", "checklist_zh": "高处作业", "checklist_en": "heights",
    }  # fmt: skip
    visits = pd.DataFrame([visit]).astype({"day": "datetime64[us]", "due_on": "datetime64[us]"})
    empty = {"draw": DRAW, "agencies": AGENCIES, "left_out": LEFT_OUT, "alerts": ALERTS}
    tables = {name: pd.DataFrame(columns=list(columns)) for name, columns in empty.items()}
    passport = {"week": "2026-W28", "as_of": "2026-07-03", "seed": 1, "gap": 0.0}
    folder = running_city.home / "plans"
    folder.mkdir(exist_ok=True)
    write_plan(WeeklyPlan(visits, **tables, passport=passport), folder / "2026-W28-1.json")
    text = shown(manager, "/ui/plan?week=2026-W28&version=7")
    assert site in text and "双随机抽取" in text and "<script>alert" not in text
    for kind in ("csv", "xlsx", "json", "ics"):
        assert manager.get(f"/ui/plan/2026-W28/1.{kind}").status_code == 200
    for wrong in ("2026-W28/9.csv", "2026-W28/1.exe", "..%2F..%2F/1.csv"):
        assert manager.get(f"/ui/plan/{wrong}").status_code == 404


def test_what_would_lower_a_colour_follows_the_page_and_stands_on_the_sheet(manager, grades):
    coloured = grades.loc[grades["colour"] != "BLUE", "project_id"]
    for site in coloured.head(3):
        address = f"/ui/sites/{site}/way-down"
        text = shown(manager, f"/ui/sites/{site}")
        assert f'data-load><a href="{address}"' in text and "下调：" not in text
        part = manager.get(address, headers={"X-Part": "1"}).text
        assert part.startswith("<div><strong>下调：") and "下调界限" in part
        assert part.strip() in shown(manager, address)
        assert part.strip() in shown(manager, f"/ui/sites/{site}/sheet")
    shown(manager, "/ui/sites/NOBODY/way-down", 404)


def test_a_colour_that_a_rule_decides_names_the_records_behind_the_rule(manager, grades):
    by_rule = grades[grades["fact"].notna() & ~grades["fact"].astype(str).str.startswith("risk_")]
    orders = by_rule[by_rule["rule"] == "STOP_ORDER"]
    assert len(orders)
    text = shown(manager, f"/ui/sites/{orders['project_id'].iloc[0]}")
    assert "直接判定的依据：" in text and "order_id=" in text
    decided_by_risk = grades.loc[grades["rule"] == "HEAD_ACCIDENT", "project_id"].iloc[0]
    assert "直接判定的依据：" not in shown(manager, f"/ui/sites/{decided_by_risk}")


def quarantined(manager) -> set[str]:
    """The addresses of the inspections in quarantine."""
    listed = shown(manager, "/ui/data?table=inspections")
    return set(re.findall(r'href="(/ui/data/quarantine/inspections[^"]+)"', listed))


def test_a_row_in_quarantine_is_corrected_on_its_page(manager, client, admin, grades):
    bad = {"inspection_id": "Q-PAGE-1", "project_id": grades["project_id"][0], "inspected_on": "2026-02-30"}
    before = quarantined(manager)
    assert client.post("/v1/records/inspections", json={"rows": [bad]}, headers=admin).json()["refused"] == 1
    (address,) = quarantined(manager) - before
    assert b"Q-PAGE-1" in manager.get("/ui/data/quarantine.csv").content
    page = shown(manager, unescape(address))
    cells = {f"cell_{name}": value for name, value in bad.items()} | {"form_token": form_token(page)}
    again = manager.post(unescape(address), data=cells)
    assert again.status_code == 200 and "未收下" in again.text
    stored = manager.post(unescape(address), data=cells | {"cell_inspected_on": "2026-02-27"})
    assert stored.status_code == 200 and "已入库" in stored.text
    shown(manager, unescape(address), 404)


def test_a_firm_shows_its_sites_in_scope(manager):
    listed = shown(manager, "/ui/enterprises")
    firm = re.findall(r'href="/ui/enterprises/([^"?]+)"', listed)[0]
    assert "在建项目" in shown(manager, f"/ui/enterprises/{firm}")
    shown(manager, "/ui/enterprises/NOBODY", 404)


def test_what_the_first_visitor_of_a_day_would_wait_for_is_made_before(client, monkeypatch):
    from serving.service import API

    monkeypatch.setattr(page_module, "LOOK_AGAIN_S", 0.01)
    days, made = [pd.Timestamp(GRADED_ON)], []
    city = replace(API.state.desk.city, clock=lambda: days[-1])
    replace(API.state.desk, city=city).warm([lambda city: made.append(city.clock())])
    eventually(lambda: bool(made), 30)
    days.append(days[0] + pd.Timedelta(days=1))
    eventually(lambda: len(made) == 2, 30)
    assert made == days
