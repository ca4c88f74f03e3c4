"""固有风险等级, 风险矩阵 and the quality of inputs, worked out by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from data_contracts.errors import ContractInvalid, PolicyUndefined
from data_contracts.policy import POLICY_FOLDER, load_policy_file
from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from features.policy_features import house_policies

FACTORY = {
    "category": "BLD_IND",
    "floor_area_m2": 10000,
    "building_height_m": 24,
    "pit_depth_m": 0,
    "floors_below": 0,
    "max_span_m": 26.9,
    "heritage_zone": False,
    "rail_protection_zone": False,
    "crowded_surroundings": "NONE",
}


def city(facts: dict, **tables: list[dict]) -> FactIndex:
    """One site, P1, under way since 2024."""
    site = {"project_id": "P1", "recorded_at": "2024-01-01", "start_date": "2024-01-01"} | facts
    rows = {"projects": [site]} | tables
    return FactIndex.build(
        Records.from_tables({name: pd.DataFrame(table) for name, table in rows.items()}), load_catalogue()
    )


def work(code: str = "PIT", **facts: object) -> dict:
    return {"work_id": "W1", "project_id": "P1", "code": code, "recorded_at": "2024-01-02"} | facts


def decided(index: FactIndex, day: str = "2024-06-01") -> pd.Series:
    return index.inherent_grade(["P1"], [day]).iloc[0]


def test_a_factory_that_meets_every_condition_of_the_annex_is_low_risk():
    found = decided(city(FACTORY))
    assert (found["grade"], found["rule"]) == (1, "INH1")
    assert "沪建建管〔2020〕72号" in found["reference"]


@pytest.mark.parametrize(
    "change",
    [
        {"floor_area_m2": 10001},
        {"building_height_m": 24.1},
        {"max_span_m": 27},
        {"pit_depth_m": 1},
        {"floors_below": 1},
        {"crowded_surroundings": "SCHOOL"},
        {"heritage_zone": None},
        {"category": "BLD_WH"},
    ],
)
def test_a_factory_that_misses_one_condition_or_does_not_state_it_is_not_low_risk(change):
    assert decided(city(FACTORY | change))["grade"] == 2


@pytest.mark.parametrize(
    ("facts", "grade", "rule", "fact", "value"),
    [
        ({"pit_depth_m": 12, "pit_env_class": "1"}, 5, "INH5_PIT", "pit_depth_m", 12),
        ({"pit_depth_m": 12, "pit_env_class": "2"}, 4, "INH4", "pit_depth_m", 12),
        ({"pit_depth_m": 7}, 4, "INH4", "pit_depth_m", 7),
        ({"pit_depth_m": 6.9}, 3, "INH3", "pit_depth_m", 6.9),
        ({"pit_depth_m": 5}, 3, "INH3", "pit_depth_m", 5),
        ({"building_height_m": 250}, 5, "INH5_HEIGHT", "building_height_m", 250),
        ({"alters_structure": True}, 4, "INH4", "alters_structure", 1),
        ({"floor_area_m2": 50000, "building_height_m": 60}, 3, "INH3_OTHERWISE", None, None),
    ],
)
def test_the_rule_that_decided_is_told_with_its_fact_and_value(facts, grade, rule, fact, value):
    found = decided(city({"floor_area_m2": 30000} | facts))
    assert (found["grade"], found["rule"]) == (grade, rule)
    assert (found["fact"], None if pd.isna(found["value"]) else found["value"]) == (fact, value)
    assert found["zh"] and found["en"] and found["reference"]


def test_an_over_scale_pit_declared_raises_the_grade_even_where_the_source_does_not_call_it_so():
    exactly_five = work(parameter_kind="depth_m", parameter_value=5.0)
    assert decided(city(FACTORY, dangerous_works=[exactly_five]))["rule"] == "INH3"
    shallower = work(parameter_kind="depth_m", parameter_value=4.9)
    assert decided(city(FACTORY, dangerous_works=[shallower]))["rule"] == "INH1"


def test_a_site_without_key_facts_has_no_grade_rather_than_a_low_one():
    found = decided(city({"category": "BLD_IND"}))
    assert pd.isna(found["grade"]) and found["rule"] is None


def test_a_site_not_yet_on_file_has_no_grade():
    assert pd.isna(decided(city(FACTORY), "2023-12-01")["grade"])


def test_a_grade_asked_for_a_day_without_policy_is_refused():
    with pytest.raises(PolicyUndefined):
        decided(city(FACTORY), "2018-05-31")


def test_a_policy_that_asks_for_a_fact_nobody_declares_is_refused_with_its_line(tmp_path):
    text = (POLICY_FOLDER / "inherent_grade.yaml").read_text(encoding="utf-8")
    path = tmp_path / "inherent_grade.yaml"
    path.write_text(text.replace("fact: max_span_m", "fact: max_spam_m"), encoding="utf-8")
    policies = house_policies() | {"inherent_grade": load_policy_file(path)}
    records = Records.from_tables({})
    with pytest.raises(ContractInvalid, match=r"line \d+: there is no feature max_spam_m"):
        FactIndex.build(records, load_catalogue(), policies=policies)


def credit(score: float | None) -> dict[str, list[dict]]:
    party = {"project_id": "P1", "enterprise_id": "E1", "role": "GC", "valid_from": "2024-01-01"}
    record = {"enterprise_id": "E1", "scheme_id": "SH_CONSTRUCTION", "effective_from": "2024-01-01"}
    recorded = {"recorded_at": "2024-01-01"}
    return {
        "project_parties": [party | recorded],
        "credit_records": [record | recorded | {"score": score, "valid_until": "2024-12-31"}],
    }


@pytest.mark.parametrize(("score", "level"), [(72, 1), (71.9, 2), (60, 2), (59.9, 3), (None, 2)])
def test_the_matrix_crosses_the_inherent_grade_with_the_credit_of_the_parties(score, level):
    index = city({"floor_area_m2": 15000}, **credit(score))
    assert index.values(["risk_matrix"], ["P1"], ["2024-06-01"])["risk_matrix"].tolist() == [level]


def test_expired_credit_moves_nothing_in_the_matrix():
    index = city({"floor_area_m2": 15000}, **credit(50))
    assert index.values(["risk_matrix"], ["P1"], ["2025-01-01"])["risk_matrix"].tolist() == [2]


def attendance(month: str) -> dict:
    return {"project_id": "P1", "month": month, "post": "PM", "recorded_at": "2024-03-05"}


def state(index: FactIndex, day: str, table: str = "attendance") -> str:
    return str(index.input_quality(["P1"], [day])[table].iloc[0])


ELSEWHERE = attendance("2024-02-01") | {"project_id": "P2"}


def test_attendance_of_a_site_below_the_threshold_is_not_required():
    index = city({"floor_area_m2": 7999, "contract_price_cny10k": 2999}, attendance=[ELSEWHERE])
    assert state(index, "2024-06-01") == "NOT_REQUIRED"


def test_attendance_of_a_large_site_is_missing_once_it_must_be_there():
    index = city({"floor_area_m2": 8000}, attendance=[ELSEWHERE])
    assert state(index, "2024-03-02") == "NOT_DELIVERED"
    assert state(index, "2024-06-01") == "MISSING"


def test_attendance_goes_from_present_to_late():
    index = city({"floor_area_m2": 8000}, attendance=[attendance("2024-02-01")])
    assert state(index, "2024-03-30") == "PRESENT"
    assert state(index, "2024-04-04") == "LATE"


def test_a_finished_site_owes_no_more_records():
    index = city({"floor_area_m2": 8000, "finish_date": "2024-05-01"}, attendance=[attendance("2024-02-01")])
    assert state(index, "2024-04-30") == "LATE"
    assert state(index, "2024-05-01") == "PRESENT"


def test_no_accident_on_file_is_no_gap():
    accident = {
        "accident_id": "A1",
        "project_id": "P2",
        "occurred_on": "2024-01-05",
        "recorded_at": "2024-01-06",
    }
    assert state(city(FACTORY, accidents=[accident]), "2024-06-01", "accidents") == "NOT_REQUIRED"


def test_the_quality_of_inputs_of_an_unknown_site_is_unknown():
    assert city(FACTORY).input_quality(["P9"], ["2024-06-01"])["attendance"].tolist() == [None]
