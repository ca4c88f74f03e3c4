"""Code lists: what the design closes is closed, thresholds are those of the 2018 list, retired codes lead on."""

from __future__ import annotations

import pytest

from data_contracts.code_list import TRUST_MARKS, code_list, code_lists, load_code_list
from data_contracts.contract import contracts
from data_contracts.errors import ContractInvalid, NotFound

THRESHOLDS_OF_2018 = {  # 建办质〔2018〕31号: (work, parameter) -> (special plan from, expert review from)
    ("PIT", "depth_m"): (3, 5),
    ("FORM", "height_m"): (5, 8),
    ("FORM", "span_m"): (10, 18),
    ("FORM", "area_load_kn_m2"): (10, 15),
    ("FORM", "line_load_kn_m"): (15, 20),
    ("FORM_LOAD", "point_load_kn"): (None, 7),
    ("HOIST", "item_weight_kn"): (10, 100),
    ("CRANE", "lifting_capacity_kn"): (None, 300),
    ("CRANE", "erection_height_m"): (None, 200),
    ("CRANE", "base_elevation_m"): (None, 200),
    ("SCAF_LAND", "height_m"): (24, 50),
    ("SCAF_CLIMB", "lift_height_m"): (None, 150),
    ("SCAF_CANT", "section_height_m"): (None, 20),
    ("CWALL", "height_m"): (None, 50),
    ("STEEL", "span_m"): (None, 36),
    ("GRID", "span_m"): (None, 60),
    ("HANDPILE", "depth_m"): (None, 16),
    ("JACK", "weight_kn"): (None, 1000),
}


def codes_with(list_name: str, name: str) -> dict[str, object]:
    return {code.code: code.extra[name] for code in code_list(list_name).codes.values() if name in code.extra}


def test_role_severity_disposal_signal_and_level_are_closed_and_every_other_list_is_open():
    assert {name for name, listed in code_lists().items() if listed.closed} == {
        "roles",
        "severities",
        "disposals",
        "signals",
        "levels",
    }


def test_a_closed_column_refers_to_a_closed_list():
    closed = {"role", "responsible_role", "severity", "disposal", "signal", "level"}
    for table in contracts().values():
        for column in table.columns:
            if column.name in closed or (table.name == "orders" and column.name == "kind"):
                assert code_list(column.code_list or "").closed, (table.name, column.name)


@pytest.mark.parametrize("listed", code_lists().values(), ids=lambda one: one.name)
def test_every_list_names_its_source_and_how_sure_it_is(listed):
    assert listed.source and listed.version and listed.title_zh and listed.title_en
    assert listed.trust in TRUST_MARKS
    assert (
        len({code.zh for code in listed.codes.values()}) == len(listed.codes)
        or listed.name == "accident_types"
    )
    assert all(code == code.strip() and len(code) <= 40 for code in listed.codes)


@pytest.mark.parametrize(
    ("name", "codes"),
    {
        "roles": "OWNER SURVEY DESIGN GC SUB_PRO SUB_LAB SUPV TEST MONI CRANE TIS DRAW",
        "inspection_types": "FIRST ROUTINE RANDOM SPECIAL CITY_PATROL DISTRICT_PATROL RECHECK COMPLAINT NODE"
        " COMPLETION EMERGENCY",
        "disposals": "NONE ON_SPOT RECTIFY PARTIAL_STOP STOP PENALTY POINTS INTERVIEW CIRCULAR REFERRAL"
        " CITY_PROPOSAL",
        "plan_types": "PLANNED TRIGGERED",
        "plan_status": "NONE DRAFTED REVIEWED EXPERT_REVIEWED",
        "posts": "PM CHIEF_SUPERVISOR TECH_LEAD SAFETY_OFFICER QUALITY_OFFICER",
        "project_status": "NOT_STARTED ACTIVE STOPPED RESUMED AWAITING_ACCEPTANCE COMPLETED SUSPENDED TERMINATED",
        "disciplines": "SAFETY QUALITY FIRE",
        "severities": "general serious major",
        "stages": "10 20 30 40 50 60 65 70 80 90",
    }.items(),
)
def test_the_codes_of_the_design_are_there_in_its_order(name: str, codes: str):
    assert list(code_list(name).codes) == codes.split()


def test_orders_are_ranked_from_none_to_stop_and_the_others_stand_beside():
    ranks = codes_with("disposals", "rank")
    assert {code: rank for code, rank in ranks.items() if rank is not None} == {
        "NONE": 0,
        "ON_SPOT": 1,
        "RECTIFY": 2,
        "PARTIAL_STOP": 3,
        "STOP": 4,
    }
    assert code_list("disposals").codes["PARTIAL_STOP"].zh == "局部暂缓施工指令书"
    assert code_list("disposals").codes["STOP"].zh == "暂停施工指令书"


def test_dangerous_works_have_the_thresholds_of_2018_and_not_those_of_2009():
    declared = {
        (work, one["parameter"]): (one["dangerous_from"], one["overscale_from"])
        for work, thresholds in codes_with("dangerous_works", "thresholds").items()
        for one in thresholds  # type: ignore[attr-defined]
    }
    assert declared == THRESHOLDS_OF_2018


def test_every_threshold_is_over_a_known_parameter_with_its_unit():
    parameters = code_list("dangerous_work_parameters").codes
    assert {kind for _, kind in THRESHOLDS_OF_2018} <= set(parameters)
    assert all(code.extra["unit"] for code in parameters.values())


@pytest.mark.parametrize(
    ("retired", "successor"),
    [("310103", "310101"), ("310108", "310106"), ("310119", "310115"), ("310230", "310151")],
)
def test_a_retired_district_leads_to_the_one_it_became_part_of(retired: str, successor: str):
    assert code_list("districts").current(retired) == successor
    assert code_list("districts").current(successor) == successor


def test_shanghai_has_sixteen_districts_and_the_code_of_all():
    levels = code_list("districts").codes.values()
    assert sum(code.extra["level"] == "district" and not code.extra.get("retired") for code in levels) == 16
    assert "310000" in code_list("districts").codes
    assert code_list("districts").current("440305") == "440305"


def test_accident_types_hold_both_editions_and_say_that_the_new_numbers_are_not_known():
    editions = codes_with("accident_types", "code_version")
    assert [code for code, edition in editions.items() if edition == "1986"] == [str(i) for i in range(1, 21)]
    assert sum(edition == "2025" for edition in editions.values()) == 27
    assert set(codes_with("accident_types", "numeric_code").values()) == {None}


def test_the_crosswalk_of_accident_types_leads_to_codes_of_2025_and_every_type_to_a_type_of_the_bulletins():
    editions = codes_with("accident_types", "code_version")
    for targets in codes_with("accident_types", "crosswalk_2025").values():
        assert {editions[target] for target in targets} == {"2025"}  # type: ignore[attr-defined]
    types = codes_with("accident_types", "mohurd_type")
    assert set(types) == set(editions) and set(types.values()) == set(code_list("mohurd_types").codes)
    assert (types["9"], types["10"], types["FALL_HEIGHT"]) == ("FALL", "COLLAPSE", "FALL")


def test_the_weights_of_jgj59_sum_to_a_hundred_and_hazards_map_to_its_tables():
    weights = code_list("violation_categories").parameters["jgj59_weights"]
    assert sum(weights.values()) == 100
    assert set(codes_with("violation_categories", "jgj59").values()) <= set(weights)


def test_a_grade_is_read_with_the_direction_of_its_scheme():
    directions = codes_with("credit_schemes", "grade_direction")
    assert (directions["SAMR_RISK"], directions["MOHURD_2020_DRAFT"]) == ("A_best", "A_worst")
    assert code_list("credit_schemes").codes["SH_CONSTRUCTION"].extra["anchors"] == [60, 72]


def test_accident_grades_are_those_of_order_493():
    assert codes_with("accident_grades", "deaths_from") == {
        "GENERAL": 0,
        "LARGER": 3,
        "MAJOR": 10,
        "EXTREME": 30,
    }


def test_every_code_list_but_two_tables_of_reference_is_used_by_a_column():
    used = {
        name for t in contracts().values() for c in t.columns for name in (c.code_list, c.list_of) if name
    }
    assert set(code_lists()) - used == {"accident_grades", "mohurd_types"}


def test_an_unknown_list_is_named_in_the_error():
    with pytest.raises(NotFound, match="no code list colours"):
        code_list("colours")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: x\n", "missing"),
        (
            "{name: y, version: 1, titleZh: a, titleEn: a, source: s, trust: V, closed: true, codes: []}",
            "name",
        ),
        (
            "{name: x, version: 1, titleZh: a, titleEn: a, source: s, trust: Z, closed: true, codes: []}",
            "trust",
        ),
        (
            "{name: x, version: 1, titleZh: a, titleEn: a, source: s, trust: V, closed: true,"
            " codes: [{code: 310101, zh: a, en: a}]}",
            "not a text",
        ),
    ],
)
def test_a_list_that_contradicts_itself_is_refused(tmp_path, content: str, said: str):
    path = tmp_path / "x.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ContractInvalid, match=said):
        load_code_list(path)
