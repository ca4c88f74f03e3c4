"""The contract tables are those of the design, in its spelling, and valid Open Data Contract Standard."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from open_data_contract_standard.model import OpenDataContractStandard

from data_contracts import contract as contract_module
from data_contracts.code_list import code_lists
from data_contracts.column_headings import column_names_of, forbidden_columns
from data_contracts.contract import CONTRACT_FOLDER, contract, contract_set_version, contracts, load_contract
from data_contracts.errors import ContractInvalid, NotFound
from data_contracts.reference_page import reference_page
from data_contracts.row_rules import RULE_KINDS

# The tables of DESIGN.md, "Contract tables", copied by hand; a star means: must be there.
DESIGNED = {
    "projects": """project_id* recorded_at* start_date* status name permit_no investment_project_code region_code
        agency_code category construction_nature use_type structure_type floor_area_m2 contract_price_cny10k
        building_height_m floors_above floors_below max_span_m pit_depth_m pit_env_class prefab_rate assembly_rate
        contract_days norm_days permit_date planned_finish_date finish_date is_key_municipal is_urban_renewal
        alters_structure existing_building_year crowded_surroundings rail_protection_zone heritage_zone
        insured_idi insured_awl longitude latitude""",
    "enterprises": """enterprise_id* recorded_at* name kind qualification_grade established_on
        safety_licence_until registered_region ownership""",
    "project_parties": "project_id* enterprise_id* role* valid_from* valid_to recorded_at*",
    "credit_records": """enterprise_id* scheme_id* effective_from* recorded_at* score grade valid_until
        repaired_at""",
    "dangerous_works": """work_id* project_id* code* recorded_at* parameter_kind parameter_value quantity
        is_overscale plan_status planned_start planned_finish started_on finished_on""",
    "progress": "project_id* stage_code* entered_on* recorded_at* planned_on progress_pct",
    "inspections": """inspection_id* project_id* inspected_on* recorded_at* inspection_type plan_type discipline
        agency_code team_ref inspector_refs safety_score hazards_found major_hazards_found disposal
        selection_probability plan_visit_id""",
    "orders": "order_id* project_id* kind* issued_on* recorded_at* inspection_id due_on lifted_on",
    "violations": """violation_id* found_on* recorded_at* project_id enterprise_id inspection_id agency_code role
        category severity item_count disposal points penalty_cny10k rectify_due_on rectified_on revoked_at""",
    "accidents": """accident_id* occurred_on* recorded_at* project_id enterprise_id accident_type code_version
        deaths serious_injuries direct_loss_cny10k revoked_at""",
    "defects": """defect_id* project_id* reported_on* recorded_at* category channel severity building_ref
        responsible_role is_verified verified_at closed_on""",
    "attendance": """project_id* month* post* recorded_at* required_days present_days required_headcount
        present_headcount""",
    "leader_points": "record_id* project_id* points* given_on* recorded_at* person_ref post revoked_at",
    "material_tests": "test_id* project_id* tested_on* recorded_at* passed* item",
    "machinery": "machine_id* project_id* kind* recorded_at* made_on inspection_due_on installed_on removed_on",
    "monitor_alarms": "alarm_id* project_id* raised_at* recorded_at* kind level cleared_at",
    "weather_warnings": "warning_id* region_code* signal* level* issued_at* recorded_at* lifted_at value",
    "inspectors": "inspector_ref* agency_code* recorded_at* disciplines is_expert",
    "inspector_days": "inspector_ref* date* recorded_at* available",
    "aliases": "kind* old_id* new_id* effective_on* recorded_at*",
    "calendar_days": "date* is_working_day*",
}
KEYS = {
    "project_parties": ("project_id", "enterprise_id", "role", "valid_from"),
    "credit_records": ("enterprise_id", "scheme_id", "effective_from"),
    "dangerous_works": ("work_id", "parameter_kind"),
    "progress": ("project_id", "stage_code", "entered_on"),
    "attendance": ("project_id", "month", "post"),
    "inspector_days": ("inspector_ref", "date"),
    "aliases": ("kind", "old_id", "new_id", "effective_on"),
    "calendar_days": ("date",),
}
CLOSINGS = {
    "projects": {"finish_date"},
    "project_parties": {"valid_to"},
    "credit_records": {"valid_until", "repaired_at"},
    "dangerous_works": {"finished_on"},
    "orders": {"lifted_on"},
    "violations": {"rectified_on", "revoked_at"},
    "accidents": {"revoked_at"},
    "defects": {"verified_at", "closed_on"},
    "leader_points": {"revoked_at"},
    "machinery": {"removed_on"},
    "monitor_alarms": {"cleared_at"},
    "weather_warnings": {"lifted_at"},
}
PERSONAL = """身份证号 身份证 id_card idCard ID_NO idcardno shenfenzheng sfzh 手机号 联系电话 phone Mobile
    contact_phone telephone 人脸照片 face face_image faceTemplate 健康状况 health health_code 年龄 age workerAge AGE
    出生日期 birthday date_of_birth 性别 gender sex xingbie 籍贯 民族 户籍地 origin place_of_origin hometown
    personIDNumber worker_id_number 总监电话 指纹 员工生日 jiguan 体检报告"""
OF_THE_TRADE = """stage percentage image surface manager coverage agency_code average usage storage village interface
    facade preface mobile_crane working_face building_age structural_health essex telemetry original origin_system
    data_origin phonetic sexagesimal 结构健康监测 建筑年龄 设备编号 项目编号 面积 幕墙面板 电缆 microphone
    project_id_no inspection_id 手动 手续 机械 龄期 民用建筑 发生日期 主体检测 实体检测结果 地面部位 外立面部分
    镜头像素 入户口 二手机械 属性别名 残疾人坡道 jiguan_code pavement_disease mobile_equipment"""
FILES = sorted(CONTRACT_FOLDER.glob("*.odcs.yaml"))
ALL_COLUMNS = [(table, column) for table in contracts().values() for column in table.columns]


def test_the_tables_are_those_of_the_design():
    assert set(contracts()) == set(DESIGNED)


@pytest.mark.parametrize("table", DESIGNED)
def test_every_column_of_the_design_stands_in_its_table_in_exactly_that_spelling(table: str):
    designed = DESIGNED[table].split()
    columns = {column.name: column for column in contract(table).columns}
    added = {"source_system", "withdrawn_at"} | ({"recorded_at"} if table == "calendar_days" else set())
    assert set(columns) == {name.rstrip("*") for name in designed} | added
    assert {name for name, column in columns.items() if column.required} == {
        name.rstrip("*") for name in designed if name.endswith("*")
    }


@pytest.mark.parametrize("table", DESIGNED)
def test_every_table_ends_with_its_source_and_its_tombstone(table: str):
    assert contract(table).column_names[-2:] == ("source_system", "withdrawn_at")
    assert contract(table).column("withdrawn_at").kind == "moment"


@pytest.mark.parametrize("table", DESIGNED)
def test_the_natural_key_is_that_of_the_design(table: str):
    id_column = DESIGNED[table].split()[0].rstrip("*")
    assert contract(table).key == KEYS.get(table, (id_column,))


@pytest.mark.parametrize("table", DESIGNED)
def test_closings_are_marked(table: str):
    marked = {column.name for column in contract(table).columns if column.is_closing}
    assert marked == CLOSINGS.get(table, set())


def test_a_bare_date_is_the_end_of_its_day_where_something_becomes_known_or_ends_and_the_start_where_it_begins():
    moments = {(c.name, c.bare_date, c.is_closing) for _, c in ALL_COLUMNS if c.kind == "moment"}
    assert {name for name, bare_date, _ in moments if bare_date == "start"} == {"raised_at", "issued_at"}
    assert {name for name, bare_date, is_closing in moments if bare_date == "end" and not is_closing} == {
        "recorded_at",
        "withdrawn_at",
    }


def test_only_registered_region_and_ownership_are_for_audit_alone():
    assert {column.name for _, column in ALL_COLUMNS if column.audit_only} == {
        "registered_region",
        "ownership",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_contract_is_valid_open_data_contract_standard(path: Path):
    document = contract_module.read_yaml(path)
    assert document["apiVersion"] == "v3.1.0"
    assert document["kind"] == "DataContract"
    schema = json.loads(OpenDataContractStandard.json_schema())
    assert set(schema["required"]) <= set(document) <= set(schema["properties"])
    logical_types = set(schema["$defs"]["SchemaBaseProperty"]["properties"]["logicalType"]["enum"])
    column_fields = set(schema["$defs"]["SchemaBaseProperty"]["properties"]) | set(
        schema["$defs"]["SchemaElement"]["properties"]
    )
    (table,) = document["schema"]
    for column in table["properties"]:
        assert set(column) <= column_fields | {"name", "relationships", "quality"}, column["name"]
        assert column["logicalType"] in logical_types
    OpenDataContractStandard.model_validate(document)


@pytest.mark.parametrize(("table", "column"), ALL_COLUMNS, ids=lambda one: one.name)
def test_every_column_has_titles_and_says_what_it_needs_to(table, column):
    assert column.title_zh and column.title_en
    if column.kind == "code":
        assert column.code_list in code_lists()
    if column.kind in ("integer", "number"):
        assert column.minimum is not None and column.maximum is not None and column.minimum < column.maximum
    if column.kind == "text":
        assert column.max_length
    if column.name.endswith(("_m2", "_m", "_cny10k", "_days", "_pct", "_rate")) and column.kind != "boolean":
        assert column.unit


@pytest.mark.parametrize("table", contracts().values(), ids=lambda one: one.name)
def test_titles_name_one_column_of_a_table(table):
    for titles in ([c.title_zh for c in table.columns], [c.title_en.lower() for c in table.columns]):
        assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("table", contracts().values(), ids=lambda one: one.name)
def test_every_rule_of_a_table_can_be_applied_and_speaks_both_languages(table):
    assert len({rule.code for rule in table.rules}) == len(table.rules)
    for rule in table.rules:
        assert rule.kind in RULE_KINDS
        values = {column: "x" for column in rule.columns}
        assert rule.zh.format(**values) and rule.en.format(**values)


def test_parents_come_before_children():
    seen: set[str] = set()
    for table in contracts().values():
        assert {column.reference.table for column in table.columns if column.reference} <= seen
        seen.add(table.name)


def test_a_project_must_always_be_on_record_and_an_enterprise_only_where_enterprises_are_delivered():
    references = {(c.name, c.reference.enforced) for _, c in ALL_COLUMNS if c.reference}
    assert references == {
        ("project_id", "always"),
        ("enterprise_id", "when_delivered"),
        ("inspection_id", "when_delivered"),
        ("inspector_ref", "when_delivered"),
    }


def test_the_column_of_the_events_day_is_a_time():
    for table in contracts().values():
        if table.happened:
            assert table.column(table.happened).kind in ("date", "moment")


def test_no_table_is_newer_than_the_set_it_belongs_to():
    def parts(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in version.split("."))

    assert all(parts(table.version) <= parts(contract_set_version()) for table in contracts().values())


def test_an_unknown_table_or_column_is_named_in_the_error():
    with pytest.raises(NotFound, match="no table visits"):
        contract("visits")
    with pytest.raises(NotFound, match="no column colour"):
        contract("projects").column("colour")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("logicalType: date", "logicalType: money", "logicalType money"),
        ("enforced, value: always", "enforced, value: sometimes", "must say enforced"),
        ("primaryKeyPosition: 1", "primaryKeyPosition: 2", "key positions"),
        ("severity: error", "severity: fatal", "severity must be"),
        ("columns: [valid_from, valid_to]", "columns: [valid_from, valid_until]", "columns it does not have"),
        ("engine: siterisk", "engine: other", "not a custom rule"),
        ("kind: DataContract", "kind: DataProduct", "must be a DataContract"),
        ("domain:", "colour:", "colour"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused_with_the_place(tmp_path, before, after, said):
    text = (CONTRACT_FOLDER / "project_parties.odcs.yaml").read_text(encoding="utf-8")
    assert before in text
    wrong = tmp_path / "project_parties.odcs.yaml"
    wrong.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(ContractInvalid, match=said) as error:
        load_contract(wrong)
    assert "project_parties.odcs.yaml" in error.value.zh


def test_a_contract_that_is_not_listed_in_the_set_is_refused(tmp_path):
    folder = shutil.copytree(CONTRACT_FOLDER, tmp_path / "contracts")
    shutil.copy(folder / "orders.odcs.yaml", folder / "papers.odcs.yaml")
    with pytest.raises(ContractInvalid, match=r"papers\.odcs\.yaml"):
        contract_module._load_set(folder)


@pytest.mark.parametrize("table", contracts().values(), ids=lambda one: one.name)
def test_a_header_of_chinese_titles_is_understood(table):
    header = [column.title_zh for column in table.columns]
    assert list(column_names_of(table, header).values()) == list(table.column_names)


def test_a_heading_with_its_own_unit_is_understood_and_one_with_another_unit_is_not():
    meant = column_names_of(
        contract("projects"), ["Project ID ", "建筑高度(m)", "总建筑面积（万m²）", "高度"]
    )
    assert meant == {"Project ID ": "project_id", "建筑高度(m)": "building_height_m"}


def test_a_columns_own_name_goes_before_its_title():
    meant = column_names_of(contract("projects"), ["项目编号", "project_id"])
    assert meant == {"project_id": "project_id"}


@pytest.mark.parametrize(
    "name",
    PERSONAL.split(),
)
def test_a_personal_column_is_named(name: str):
    assert [column.name for column in forbidden_columns([name])] == [name]


@pytest.mark.parametrize(
    "name",
    OF_THE_TRADE.split(),
)
def test_a_column_of_the_trade_is_not_mistaken_for_a_personal_one(name: str):
    assert forbidden_columns([name]) == []


def test_no_contract_column_is_forbidden():
    names = [text for _, column in ALL_COLUMNS for text in (column.name, column.title_zh, column.title_en)]
    assert forbidden_columns(names) == []


def test_the_committed_reference_page_is_current():
    page = Path(__file__).parents[1] / "docs" / "contracts.md"
    assert page.read_text(encoding="utf-8") == reference_page()
