"""企业, 检查计划 and 待确认: within the scope of a key, as features count, and as a person decided."""

from __future__ import annotations

import json
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from data_contracts.record_store import RecordStore
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from features.firm_record import firm_record
from serving.grading.grade_store import GradeStore
from serving.pages.plan import by_agency
from serving.plan.plan_files import write_plan
from serving.plan.plan_scope import plan_within
from serving.plan.plan_tables import AGENCIES, COLUMNS, DRAW, LEFT_OUT, WeeklyPlan
from serving.plan.visit_words import ALERTS
from serving.reasons.day_reasons import similar_sites
from serving.reasons.reasons import Reasons
from tests.running_city import GRADED_ON, new_key
from tests.small_city import SmallCity
from tests.test_pages import form_token, shown, signed_in
from training.risk_model import load_champion

DAY = pd.Timestamp(GRADED_ON)
DISTRICT = "310115"


@pytest.fixture(scope="module")
def manager(client: TestClient, running_city: SmallCity) -> TestClient:
    return signed_in(client, new_key(running_city, districts=["310000"], role="manage")[1])


@pytest.fixture(scope="module")
def of_district(client: TestClient, running_city: SmallCity) -> TestClient:
    return signed_in(client, new_key(running_city, districts=[DISTRICT], role="report")[1])


@pytest.fixture(scope="module")
def store(running_city: SmallCity) -> RecordStore:
    return RecordStore.open(running_city.store_url)


@pytest.fixture(scope="module")
def index(store: RecordStore) -> FactIndex:
    return FactIndex.build(store.records(), load_catalogue())


@pytest.fixture(scope="module")
def sites(store: RecordStore) -> pd.DataFrame:
    """The sites of the run with their district, by project_id."""
    grades = GradeStore(store.engine)
    told = grades.grades(grades.needed_run(DAY.date()))
    projects = store.read("projects").drop_duplicates("project_id", keep="last").set_index("project_id")
    return told.assign(district=told["project_id"].map(projects["region_code"])).set_index(
        "project_id", drop=False
    )


@pytest.mark.parametrize(
    "counted",
    [
        ("gc_violations_1095d", "violations", "GC"),
        ("gc_accidents_1095d", "accidents", "GC"),
        ("owner_accidents_1095d", "accidents", "OWNER"),
    ],
)
def test_the_record_of_a_firm_is_what_the_features_count(index, store, sites, counted):
    feature, table, role = counted
    parties = store.read("project_parties")
    there = parties[
        (parties["role"] == role) & parties["valid_to"].isna() & parties["project_id"].isin(sites.index)
    ]
    firms = there.drop_duplicates("project_id", keep=False).set_index("project_id")["enterprise_id"]
    values = pd.Series(
        index.cells([feature], firms.index.tolist(), np.full(len(firms), DAY.to_datetime64()))[:, 0],
        firms.index,
    )
    most = values.sort_values(ascending=False, kind="stable").index[:4]
    assert values[most[0]] > 0
    for site in most:
        found = firm_record(index.city, [table], firms[site], [role], DAY)[table]
        happened = {"violations": "found_on", "accidents": "occurred_on"}[table]
        recent = found[(found[happened] + pd.Timedelta(days=1095) > DAY) & found["roles"].eq(role)]
        behind = index.facts_behind(feature, site, DAY)
        assert sorted(recent[f"{table[:-1]}_id"]) == sorted(fact.key[f"{table[:-1]}_id"] for fact in behind)


def test_nobody_has_no_record(index):
    assert firm_record(index.city, ["violations", "orders"], "NOBODY", ["GC"], DAY)["orders"].empty


def test_what_one_feature_adds_is_the_same_alone_and_among_the_reasons(index, running_city, sites):
    model, ids = load_champion(running_city.home), sites.index.tolist()[:5]
    matrix = index.matrix(ids, np.full(len(ids), DAY.to_datetime64()))
    told = Reasons(model, index.catalogue, similar_sites(index, model, DAY))
    head = next(iter(model.heads))
    for row, reasons in enumerate(told.of(matrix, head, most=len(matrix.columns))):
        for reason in reasons[:3]:
            chosen = np.zeros((len(ids), len(model.feature_names)), bool)
            chosen[row, list(model.feature_names).index(reason.feature)] = True
            points, parts = told.of_some(matrix, head, chosen)
            assert points[row] == pytest.approx(reason.points) and np.delete(points, row) == pytest.approx(0)
            assert parts.sum() == pytest.approx(reason.log_odds)


def test_the_features_of_a_firm_are_those_of_its_role():
    catalogue = load_catalogue()
    role = {one.name: catalogue.role_of(one) for one in catalogue.features}
    assert role["gc_credit_score"] == role["gc_violation_rate_elsewhere_365d"] == "GC"
    assert role["crane_firm_accidents_1095d"] == "CRANE" and role["owner_accidents_1095d"] == "OWNER"
    assert (
        role["city_contractor_violations_365d"]
        is role["subcontractors_on_site"]
        is role["visits_365d"]
        is None
    )


def test_a_firm_shows_the_sites_of_the_scope_alone(manager, of_district, store, sites):
    parties = store.read("project_parties")
    parties = parties[parties["valid_to"].isna() & parties["project_id"].isin(sites.index)]
    district = parties["project_id"].map(sites["district"])
    firms = district.eq(DISTRICT).groupby(parties["enterprise_id"]).agg(["any", "all"])
    both, beyond = firms.index[firms["any"] & ~firms["all"]][0], firms.index[~firms["any"]][0]
    mine = parties.loc[parties["enterprise_id"] == both, "project_id"].unique()
    text, narrow = (shown(one, f"/ui/enterprises/{both}") for one in (manager, of_district))
    for site in mine:
        assert f"/ui/sites/{site}" in text
        assert (f"/ui/sites/{site}" in narrow) == (sites.at[site, "district"] == DISTRICT)
    listed = set(re.findall(r"/ui/sites/(P\d+)", narrow))
    assert listed <= set(store.read("projects").query("region_code == @DISTRICT")["project_id"])
    shown(manager, f"/ui/enterprises/{beyond}")
    hidden, unknown = (
        shown(of_district, f"/ui/enterprises/{beyond}", 404),
        shown(of_district, "/ui/enterprises/X", 404),
    )
    assert hidden.replace(beyond, "X") == unknown
    assert f'/ui/enterprises/{beyond}"' not in shown(of_district, f"/ui/enterprises?q={beyond}")
    assert f'/ui/enterprises/{beyond}"' in shown(manager, f"/ui/enterprises?q={beyond.lower()}&sort=credit")


def plan_of(projects: dict[str, str]) -> WeeklyPlan:
    """A plan of one agency that visits each of the projects and leaves each out, on the days told; "" is open."""
    visits = [
        dict.fromkeys(COLUMNS, "") | {
            "visit_id": f"2026-W29-{place:04d}", "week": "2026-W29", "day": day or None, "agency_code": "D310115",
            "project_id": one, "inspector_refs": "G2;G1", "selected_by": "MANDATORY", "seed": 3, "colour": "RED",
            "due_on": "2026-07-01", "value": 0.1, "selection_probability": np.nan, "reason_zh": "=1+1", "reason_en": "due",
            "team_needs": "SAFETY",
        }
        for place, (one, day) in enumerate(projects.items())
    ]  # fmt: skip
    rows = pd.DataFrame(visits, columns=list(COLUMNS))
    rows = rows.assign(**{name: pd.to_datetime(rows[name]) for name in ("day", "due_on")})
    draw = pd.DataFrame([(one, "D310115", 0.02, False, False) for one in projects], columns=list(DRAW))
    agency = pd.DataFrame(
        [("D310115", len(projects), 9, len(projects), len(projects), 0, 0, len(projects), 0.02)],
        columns=list(AGENCIES),
    )
    left = pd.DataFrame(
        [("D310115", one, "2026-07-01", "基准", "base", "人手不足", "few") for one in projects],
        columns=list(LEFT_OUT),
    )
    alerts = pd.DataFrame(
        [(one, "D310115", "WIND", "大风", "Wind", "pit_works_open") for one in projects], columns=list(ALERTS)
    )
    passport = {"week": "2026-W29", "as_of": "2026-07-10", "seed": 3, "gap": 0.0, "added": list(projects)}
    return WeeklyPlan(rows, draw, agency, left, alerts, passport)


def test_a_plan_within_a_scope_tells_nothing_of_other_sites():
    plan = plan_of({"P1": "2026-07-13", "P2": "2026-07-14", "P3": ""})
    told = plan_within(plan, {"P1", "P3"}.__contains__)
    for rows in (told.visits, told.draw, told.left_out, told.alerts):
        assert rows["project_id"].tolist() == ["P1", "P3"]
    row = told.agencies.iloc[0]
    assert (row["sites"], row["visits"], row["mandatory"], row["left_out"]) == (2, 2, 2, 2)
    assert np.isnan(row["team_days"]) and told.passport["added"] == ["P1", "P3"]
    assert plan_within(plan, lambda _: True).agencies["team_days"].tolist() == [9]
    assert plan_within(plan, lambda _: False).agencies.empty


def test_visits_stand_by_station_day_and_team_and_those_without_a_day_last():
    visits = plan_of({"P1": "", "P2": "2026-07-14", "P3": "2026-07-13"}).visits.to_dict("records")
    visits.append(visits[1] | {"project_id": "P4", "inspector_refs": ""})
    (agency,) = by_agency(visits)
    assert [[one["project_id"] for one in each["visits"]] for each in agency["rounds"]] == [
        ["P3"],
        ["P4"],
        ["P2"],
        ["P1"],
    ]
    assert agency["count"] == 4 and agency["rounds"][3]["day"] is None


def test_a_plan_is_shown_and_handed_out_within_the_scope(manager, of_district, running_city, sites):
    within, beyond = (sites.index[sites["district"].eq(DISTRICT) == inside][0] for inside in (True, False))
    folder = running_city.home / "plans"
    folder.mkdir(exist_ok=True)
    for number in (1, 2):
        write_plan(plan_of({within: "2026-07-13", beyond: "2026-07-14"}), folder / f"2026-W29-{number}.json")
    text = shown(manager, "/ui/plan?week=2026-W29")
    assert within in text and beyond in text and "大风" in text and "第 2 次编制" in text
    assert "不是最新" in shown(manager, "/ui/plan?week=2026-W29&version=1")
    assert beyond not in shown(manager, f"/ui/plan?week=2026-W29&district={DISTRICT}&q=g1")
    assert beyond not in shown(of_district, "/ui/plan?week=2026-W29")
    for kind in ("csv", "json", "ics"):
        told = of_district.get(f"/ui/plan/2026-W29/1.{kind}").text
        assert within in told and beyond not in told
    assert json.loads(of_district.get("/ui/plan/2026-W29/1.json").text)["passport"]["added"] == [within]
    assert "'=1+1" in of_district.get("/ui/plan/2026-W29/1.csv").text
    shown(of_district, "/ui/plan/2026-W29/99.csv", 404)


def test_what_waits_says_what_each_word_would_do_and_is_decided_once(manager, of_district, store, sites):
    waiting = sites[(sites["confirmation"] == "PENDING") & sites["override_colour"].isna()]
    one, other = waiting.index[5:7]
    text = shown(manager, f"/ui/confirmations?q={one}")
    seen = unescape(re.findall(rf'name="seen_{one}" value="([^"]+)"', text)[0])
    back = {"YELLOW": "黄", "ORANGE": "橙", "BLUE": "蓝"}[sites.at[one, "back_to_colour"]]
    assert seen == f"{sites.at[one, 'colour']}>" and f"否定后：{back}" in text
    form = {"form_token": form_token(text), "person": '<b>"0117"</b>', f"site_{one}": "1"}

    def post(**fields: str) -> str:
        return str(manager.post("/ui/confirmations", data=form | fields).text)

    assert "否定须写明理由" in post(decision="REFUSE", reason=" ")
    assert "与页面所示不同" in post(decision="REFUSE", reason="r", **{f"seen_{one}": "YELLOW>BLUE"})
    told = post(decision="REFUSE", reason="现场已整改", **{f"seen_{one}": seen})
    assert told.count("已记入") == 1
    after = shown(manager, "/ui/confirmations")
    assert "&lt;b&gt;&#34;0117&#34;&lt;/b&gt;" in after and "现场已整改" in after
    assert f'name="site_{one}"' not in shown(manager, f"/ui/confirmations?q={one}")
    assert "与页面所示不同" in post(decision="CONFIRM", **{f"seen_{one}": seen})
    kept = [said for said in GradeStore(store.engine).decisions_on(DAY.date()) if said.project_id == one]
    assert [(said.decision, said.about[0]) for said in kept] == [("REFUSE", sites.at[one, "colour"])]
    assert f'name="site_{other}"' in shown(manager, f"/ui/confirmations?q={other}")
    listed = shown(of_district, "/ui/confirmations")
    assert 'name="site_' not in listed and "只能查看" in listed
    token = form_token(shown(of_district, "/ui/"))
    assert of_district.post("/ui/confirmations", data=form | {"form_token": token}).status_code == 403


def test_a_colour_that_a_fact_asks_for_cannot_be_refused(manager, sites):
    asked = sites[(sites["confirmation"] == "PENDING") & (sites["override_colour"] == sites["colour"])].index[
        0
    ]
    text = shown(manager, f"/ui/confirmations?q={asked}")
    assert "不能否定" in text
    form = {
        "form_token": form_token(text),
        "person": "0117",
        "decision": "REFUSE",
        "reason": "r",
        f"site_{asked}": "1",
    }
    assert "更正记录" in manager.post("/ui/confirmations", data=form).text
    manager.cookies.set("siterisk_language", "en", path="/ui")
    try:
        assert "correct the record instead" in manager.post("/ui/confirmations", data=form).text
    finally:
        manager.cookies.delete("siterisk_language")
