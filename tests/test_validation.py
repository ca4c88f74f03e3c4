"""Rows against their contract: what passes, what is refused, and what is said of it in two languages."""

from __future__ import annotations

import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.contract import contract, contracts
from data_contracts.credit_code import credit_code_fault, has_organisation_check
from data_contracts.pandera_schema import pandera_schema
from data_contracts.row_findings import WARNINGS_SHOWN
from data_contracts.rule_book import rules, sentences
from data_contracts.typed_tables import DTYPES
from data_contracts.validation import CheckedRows, check_rows

NOW = pd.Timestamp("2026-11-23 12:00")
GOOD = {
    "enterprises": {"enterprise_id": "91350100M000100Y43", "recorded_at": "2020-01-02"},
    "projects": {"project_id": "P1", "recorded_at": "2024-01-02", "start_date": "2024-03-01"},
    "project_parties": {
        "project_id": "P1",
        "enterprise_id": "E1",
        "role": "GC",
        "valid_from": "2024-03-01",
        "recorded_at": "2024-03-01",
    },
    "credit_records": {
        "enterprise_id": "E1",
        "scheme_id": "SH_CONSTRUCTION",
        "effective_from": "2024-03-01",
        "recorded_at": "2024-03-01",
        "score": "83.5",
    },
    "dangerous_works": {"work_id": "W1", "project_id": "P1", "code": "PIT", "recorded_at": "2024-03-01"},
    "progress": {
        "project_id": "P1",
        "stage_code": "30",
        "entered_on": "2024-03-01",
        "recorded_at": "2024-03-05",
    },
    "inspectors": {"inspector_ref": "A7", "agency_code": "CITY", "recorded_at": "2024-03-01"},
    "inspector_days": {"inspector_ref": "A7", "date": "2024-03-01", "recorded_at": "2024-02-01"},
    "inspections": {
        "inspection_id": "I1",
        "project_id": "P1",
        "inspected_on": "2024-03-05",
        "recorded_at": "2024-03-06T09:00:00",
    },
    "orders": {
        "order_id": "O1",
        "project_id": "P1",
        "kind": "STOP",
        "issued_on": "2024-03-05",
        "recorded_at": "2024-03-05",
    },
    "violations": {
        "violation_id": "V1",
        "found_on": "2024-03-05",
        "recorded_at": "2024-03-06",
        "project_id": "P1",
    },
    "accidents": {
        "accident_id": "A1",
        "occurred_on": "2024-03-05",
        "recorded_at": "2024-03-06",
        "project_id": "P1",
    },
    "defects": {
        "defect_id": "D1",
        "project_id": "P1",
        "reported_on": "2024-03-05",
        "recorded_at": "2024-03-06",
    },
    "attendance": {"project_id": "P1", "month": "2024-03", "post": "PM", "recorded_at": "2024-04-02"},
    "leader_points": {
        "record_id": "R1",
        "project_id": "P1",
        "points": "3",
        "given_on": "2024-03-05",
        "recorded_at": "2024-03-06",
    },
    "material_tests": {
        "test_id": "T1",
        "project_id": "P1",
        "tested_on": "2024-03-05",
        "recorded_at": "2024-03-06",
        "passed": "是",
    },
    "machinery": {
        "machine_id": "M1",
        "project_id": "P1",
        "kind": "TOWER_CRANE",
        "recorded_at": "2024-03-06",
    },
    "monitor_alarms": {
        "alarm_id": "AL1",
        "project_id": "P1",
        "raised_at": "2024-03-05T10:00:00",
        "recorded_at": "2024-03-05T10:01:00",
    },
    "weather_warnings": {
        "warning_id": "WW1",
        "region_code": "310000",
        "signal": "TYPHOON",
        "level": "RED",
        "issued_at": "2024-09-15T20:00:00",
        "recorded_at": "2024-09-15T20:01:00",
    },
    "aliases": {
        "kind": "ENTERPRISE",
        "old_id": "E1",
        "new_id": "E2",
        "effective_on": "2024-03-05",
        "recorded_at": "2024-03-06",
    },
    "calendar_days": {"date": "2024-03-05", "is_working_day": "true"},
}
# What breaks each rule of each table, by hand: the cells that differ from the good row above.
BREAKS = {
    ("enterprises", "credit_code"): {"enterprise_id": "91310115MA1H8R7C6D"},
    ("enterprises", "established_after_recorded"): {"established_on": "2020-01-03"},
    ("projects", "finish_before_start"): {"finish_date": "2024-02-29"},
    ("projects", "planned_finish_before_start"): {"planned_finish_date": "2024-02-29"},
    ("projects", "start_before_permit"): {"permit_date": "2024-03-02"},
    ("projects", "investment_code"): {"investment_project_code": "2017-310115-47-03"},
    ("projects", "permit_number"): {"permit_no": "沪建施12号"},
    ("projects", "price_unit_slip"): {"contract_price_cny10k": "9000000", "floor_area_m2": "30000"},
    ("projects", "area_unit_slip"): {"contract_price_cny10k": "9000", "floor_area_m2": "3"},
    ("project_parties", "valid_to_before_valid_from"): {"valid_to": "2024-02-01"},
    ("project_parties", "credit_code"): {"enterprise_id": "91310115MA1H8R7C6D"},
    ("credit_records", "valid_until_before_effective_from"): {"valid_until": "2024-02-29"},
    ("credit_records", "repaired_before_effective_from"): {"repaired_at": "2024-02-29T10:00:00"},
    ("credit_records", "score_or_grade"): {"score": ""},
    ("credit_records", "credit_code"): {"enterprise_id": "91310115MA1H8R7C6D"},
    ("dangerous_works", "finished_before_started"): {"started_on": "2024-05-01", "finished_on": "2024-04-30"},
    ("dangerous_works", "planned_finish_before_planned_start"): {
        "planned_start": "2024-05-01",
        "planned_finish": "2024-04-30",
    },
    ("dangerous_works", "overscale_denied"): {
        "parameter_kind": "depth_m",
        "parameter_value": "5.0",
        "is_overscale": "否",
    },
    ("dangerous_works", "value_without_kind"): {"parameter_value": "5.0"},
    ("progress", "recorded_before_it_happened"): {"recorded_at": "2024-02-29"},
    ("inspections", "recorded_before_it_happened"): {"recorded_at": "2024-03-04"},
    ("inspections", "major_hazards_over_hazards"): {"hazards_found": "2", "major_hazards_found": "3"},
    ("orders", "recorded_before_it_happened"): {"recorded_at": "2024-03-04"},
    ("orders", "lifted_before_issued"): {"lifted_on": "2024-03-04"},
    ("orders", "due_before_issued"): {"due_on": "2024-03-04"},
    ("violations", "project_or_enterprise"): {"project_id": ""},
    ("violations", "recorded_before_it_happened"): {"recorded_at": "2024-03-04"},
    ("violations", "rectified_before_found"): {"rectified_on": "2024-03-04"},
    ("violations", "due_before_found"): {"rectify_due_on": "2024-03-04"},
    ("violations", "revoked_before_found"): {"revoked_at": "2024-03-04"},
    ("violations", "penalty_unit_slip"): {"penalty_cny10k": "30000"},
    ("violations", "credit_code"): {"enterprise_id": "91310115MA1H8R7C6D"},
    ("accidents", "project_or_enterprise"): {"project_id": ""},
    ("accidents", "recorded_before_it_happened"): {"recorded_at": "2024-03-04"},
    ("accidents", "revoked_before_occurred"): {"revoked_at": "2024-03-04"},
    ("accidents", "type_of_other_edition"): {"accident_type": "9", "code_version": "2025"},
    ("accidents", "loss_unit_slip"): {"direct_loss_cny10k": "950000"},
    ("accidents", "credit_code"): {"enterprise_id": "91310115MA1H8R7C6D"},
    ("defects", "recorded_before_it_happened"): {"recorded_at": "2024-03-04"},
    ("defects", "verified_before_reported"): {"verified_at": "2024-03-04T23:59:00"},
    ("defects", "closed_before_reported"): {"closed_on": "2024-03-04"},
    ("attendance", "recorded_before_it_happened"): {"recorded_at": "2024-02-29"},
    ("attendance", "more_present_than_required"): {"present_days": "31", "required_days": "22"},
    ("leader_points", "recorded_before_it_happened"): {"recorded_at": "2024-03-04"},
    ("leader_points", "revoked_before_given"): {"revoked_at": "2024-03-04"},
    ("material_tests", "recorded_before_it_happened"): {"recorded_at": "2024-03-04"},
    ("machinery", "removed_before_installed"): {"installed_on": "2024-03-02", "removed_on": "2024-03-01"},
    ("machinery", "installed_before_made"): {"made_on": "2024-03-02", "installed_on": "2024-03-01"},
    ("monitor_alarms", "recorded_before_it_happened"): {"recorded_at": "2024-03-05T09:59:00"},
    ("monitor_alarms", "cleared_before_raised"): {"cleared_at": "2024-03-05T09:59:00"},
    ("weather_warnings", "recorded_before_it_happened"): {"recorded_at": "2024-09-15T19:00:00"},
    ("weather_warnings", "lifted_before_issued"): {"lifted_at": "2024-09-15T19:00:00"},
    ("aliases", "alias_of_itself"): {"new_id": "E1"},
}
# What breaks each rule of single cells: the table, the column, the cell, a piece of each sentence.
CELLS = {
    "encoding": ("projects", "name", "张江\udcd5\udcc5", "按GB18030读作", "GB18030 reads"),
    "formula": ("projects", "name", "=cmd|' /C calc'!A0", "是公式而不是数据", "holds a formula"),
    "too_long": ("projects", "name", "长" * 301, "共301个字符，超过300个", "301 characters, more than 300"),
    "not_an_integer": (
        "projects",
        "floors_above",
        "12.5",
        "应为整数，实际为：12.5",
        "a whole number and is: 12.5",
    ),
    "not_a_number": (
        "projects",
        "floor_area_m2",
        "约3万",
        "应为数字，实际为：约3万",
        "a number and is: 约3万",
    ),
    "not_finite": ("projects", "floor_area_m2", "NaN", "没有数据时请留空", "a finite number and is: NaN"),
    "not_a_boolean": ("projects", "heritage_zone", "也许", "应为是或否", "true or false"),
    "not_a_date": (
        "projects",
        "permit_date",
        "2024-02-30",
        "不是有效日期：2024-02-30",
        "not a date that exists",
    ),
    "not_a_month": (
        "attendance",
        "month",
        "2024-03-15",
        "应为月份：2024-03-15",
        "must be a month: 2024-03-15",
    ),
    "not_a_moment": ("violations", "revoked_at", "2024-03-05T25:00", "不是有效时间", "not a date or time"),
    "required": ("projects", "start_date", " ", "开工日期（start_date）必填", "start_date must be there"),
    "out_of_range": ("projects", "pit_depth_m", "76", "超出0至75 m的范围：76", "outside 0 to 75 m: 76"),
    "unknown_code": ("orders", "kind", "stop", "是否应为STOP（暂停施工指令书）", "STOP (Stop order) meant?"),
    "in_the_future": ("projects", "recorded_at", "2026-11-23T12:06:00", "晚于当前时间", "lies in the future"),
    "read_as_missing": ("projects", "name", "NULL", "的NULL按空值处理", "NULL was read as missing"),
    "normalised": (
        "projects",
        "floor_area_m2",
        "1,234.5",
        "1,234.5按1234.5处理",
        "1,234.5 was read as 1234.5",
    ),
    "retired_code": ("projects", "region_code", "310103", "已停用，计算时按310101处理", "counted as 310101"),
}


def one_row(table: str, **cells: str) -> CheckedRows:
    return check_rows(contract(table), pd.DataFrame([GOOD[table] | cells], dtype=object), now=NOW)


def said(checked: CheckedRows) -> dict[str, str]:
    both = pd.concat([checked.failures, checked.warnings])
    return dict(zip(both["rule"], both["column"], strict=True))


@pytest.mark.parametrize("table", GOOD)
def test_a_row_with_only_what_must_be_there_passes_without_remark(table: str):
    checked = one_row(table)
    assert len(checked.typed) == 1 and said(checked) == {} and checked.warning_counts == {}
    kinds = {column.name: DTYPES[column.kind] for column in contract(table).columns}
    assert {name: str(dtype) for name, dtype in checked.typed.dtypes.items()} == kinds


@pytest.mark.parametrize(("table", "rule"), BREAKS)
def test_a_row_that_breaks_a_rule_of_its_table_is_named_in_both_languages(table: str, rule: str):
    cells = BREAKS[table, rule]
    checked = one_row(table, **cells)
    declared = next(one for one in contract(table).rules if one.code == rule)
    report = checked.failures if declared.severity == "error" else checked.warnings
    (line,) = report[report["rule"] == rule].itertuples(index=False)
    assert len(checked.typed) == (declared.severity == "warning")
    shown = {name: (GOOD[table] | cells).get(name, "") for name in declared.columns}
    assert (line.zh, line.en) == (declared.zh.format(**shown), declared.en.format(**shown))
    assert line.value == shown[line.column]


def test_every_rule_of_every_table_has_a_row_here_that_breaks_it():
    assert set(BREAKS) == {(table.name, rule.code) for table in contracts().values() for rule in table.rules}


@pytest.mark.parametrize("rule", CELLS)
def test_a_cell_that_breaks_a_rule_is_named_in_both_languages(rule: str):
    table, column, cell, zh, en = CELLS[rule]
    checked = one_row(table, **{column: cell})
    assert said(checked) == {rule: column}
    report = checked.failures if rules()[rule].level == "error" else checked.warnings
    assert zh in report["zh"][0] and en in report["en"][0]
    assert len(checked.typed) == (rules()[rule].level == "warning")


def test_every_rule_about_cells_has_a_cell_here_that_breaks_it():
    of_cells = {rule.code for rule in rules().values() if rule.about == "cells"}
    assert set(CELLS) | {"wrong_form"} == of_cells  # no column of today's contracts demands a form


def test_the_rules_found_by_the_intake_have_their_sentences():
    zh, en = sentences("ambiguous_version", key="violation_id=V1", recorded_at="2024-03-06")
    assert "无法判断以哪一行为准" in zh and "nobody can say which one holds" in en


def test_all_faults_of_a_row_are_told_at_once():
    checked = one_row(
        "projects", pit_depth_m="-1", floors_above="x", start_date="", kind="", region_code="999999"
    )
    assert said(checked) == {
        "out_of_range": "pit_depth_m",
        "not_an_integer": "floors_above",
        "required": "start_date",
        "unknown_code": "region_code",
    }
    assert set(checked.failures["rule"]) == {"out_of_range", "not_an_integer", "required"}


def test_a_refused_cell_is_not_also_called_missing():
    checked = one_row("projects", start_date="2024-13-01")
    assert said(checked) == {"not_a_date": "start_date"}


def test_a_refused_cell_makes_no_rule_over_the_row_speak():
    checked = one_row("violations", project_id="P" * 65)
    assert said(checked) == {"too_long": "project_id"}


def test_good_rows_pass_beside_bad_ones_and_keep_their_labels():
    rows = pd.DataFrame([GOOD["orders"], GOOD["orders"] | {"kind": "??"}, GOOD["orders"]], index=[7, 8, 40])
    checked = check_rows(contract("orders"), rows, now=NOW)
    assert list(checked.typed.index) == [7, 40]
    assert list(checked.failures["row"]) == [8]


def test_rows_are_reported_in_the_order_of_the_source():
    rows = pd.DataFrame([GOOD["orders"] | {"kind": "?"}, GOOD["orders"] | {"order_id": ""}], index=["b", "a"])
    assert list(check_rows(contract("orders"), rows, now=NOW).failures["row"]) == ["b", "a"]


def test_an_unknown_code_of_an_open_list_passes_as_it_came():
    checked = one_row("projects", category="BLD_AIRPORT")
    assert checked.typed["category"].tolist() == ["BLD_AIRPORT"]
    assert checked.warning_counts == {("category", "unknown_code"): 1}


@pytest.mark.parametrize(
    ("written", "meant"), [("施工总承包单位", "GC"), ("gc", "GC"), ("General contractor", "GC")]
)
def test_an_unknown_code_is_answered_with_the_one_probably_meant(written: str, meant: str):
    checked = one_row("project_parties", role=written)
    assert f"{meant} (" in checked.failures["en"][0]


def test_a_code_that_lost_its_zeros_in_a_spreadsheet_is_answered_with_the_whole_one():
    assert "003 (Frame) meant?" in one_row("projects", structure_type="3").warnings["en"][0]


def test_the_codes_of_a_list_in_one_cell_are_each_looked_up():
    assert said(one_row("inspectors", disciplines="SAFETY;QUALITY")) == {}
    assert said(one_row("inspectors", disciplines="SAFETY;NOISE")) == {"unknown_code": "disciplines"}


@pytest.mark.parametrize(
    "written",
    [
        "2024-03-05",
        "2024/3/5",
        "20240305",
        "2024.3.5",
        "2024年3月5日",
        "２０２４-０３-０５",
        " 2024-03-05 ",
        "2024-03-05 00:00:00",
        "2024-03-05T00:00:00+08:00",
    ],
)
def test_a_day_may_be_written_in_the_usual_ways(written: str):
    checked = one_row("projects", permit_date=written, start_date="2024-03-06")
    assert said(checked) == {}
    assert checked.typed["permit_date"].tolist() == [pd.Timestamp("2024-03-05")]


def test_a_time_of_day_in_a_column_of_days_is_dropped_and_told():
    checked = one_row("violations", rectified_on="2024-03-07 16:30:00")
    assert checked.typed["rectified_on"].tolist() == [pd.Timestamp("2024-03-07")]
    assert "was read as 2024-03-07" in checked.warnings["en"][0]


@pytest.mark.parametrize(
    "written",
    [
        "2024-02-30",
        "2023-02-29",
        "2024-13-01",
        "2024-00-10",
        "30.02.2024",
        "昨天",
        "45000",
        "1492-01-01",
        "2024-3",
    ],
)
def test_an_impossible_day_is_refused(written: str):
    assert said(one_row("projects", permit_date=written)) == {"not_a_date": "permit_date"}


@pytest.mark.parametrize("written", ["9999-12-31", "0000-00-00", "9999-12-31 00:00:00"])
def test_the_end_of_time_means_no_date_where_none_is_needed(written: str):
    checked = one_row("project_parties", valid_to=written)
    assert checked.typed["valid_to"].isna().all() and said(checked) == {"read_as_missing": "valid_to"}
    assert said(one_row("project_parties", valid_from=written)) == {"not_a_date": "valid_from"}


@pytest.mark.parametrize(
    "written", ["2024-03", "2024-03-01", "202403", "2024/3", "2024年3月", "2024年03月01日"]
)
def test_a_month_is_its_first_day(written: str):
    checked = one_row("attendance", month=written)
    assert said(checked) == {}
    assert checked.typed["month"].tolist() == [pd.Timestamp("2024-03-01")]


def test_a_bare_date_of_recording_is_the_end_of_the_day_and_of_an_alarm_its_start():
    checked = one_row("monitor_alarms", raised_at="2024-03-05", recorded_at="2024-03-05")
    assert checked.typed["recorded_at"].tolist() == [pd.Timestamp("2024-03-05 23:59:59.999999")]
    assert checked.typed["raised_at"].tolist() == [pd.Timestamp("2024-03-05")]


def test_an_alarm_cleared_on_the_day_it_was_raised_is_no_contradiction():
    checked = one_row(
        "monitor_alarms", raised_at="2024-03-05T22:00:00", recorded_at="2024-03-05", cleared_at="2024-03-05"
    )
    assert said(checked) == {}


def test_a_moment_with_an_offset_is_brought_to_shanghai():
    checked = one_row("projects", recorded_at="2024-01-01T20:00:00Z")
    assert checked.typed["recorded_at"].tolist() == [pd.Timestamp("2024-01-02 04:00:00")]


def test_five_minutes_of_clock_error_are_forgiven_and_so_is_a_bare_today():
    assert said(one_row("projects", recorded_at="2026-11-23T12:05:00")) == {}
    assert said(one_row("projects", recorded_at="2026-11-23")) == {}
    assert said(one_row("projects", recorded_at="2026-11-24")) == {"in_the_future": "recorded_at"}


@pytest.mark.parametrize(
    ("written", "value"),
    [("30", 30), ("30.0", 30), ("+30", 30), ("3e1", 30), ("-0", 0), (" 12 ", 12)],
)
def test_a_whole_number_may_be_written_with_point_and_exponent(written: str, value: int):
    checked = one_row("projects", floors_above=written)
    assert said(checked) == {}
    assert checked.typed["floors_above"].tolist() == [value]


@pytest.mark.parametrize(
    ("written", "value"),
    [("1,234.5", 1234.5), ("１２３４．５", 1234.5), ("12,345,678", None), ("1,234,567.25", 1234567.25)],
)
def test_thousands_separators_and_full_width_digits_are_read_and_told(written: str, value: float | None):
    checked = one_row("projects", floor_area_m2=written)
    if value is None:
        assert "out_of_range" in said(checked)
    else:
        assert checked.typed["floor_area_m2"].tolist() == [value]
    assert checked.warning_counts["floor_area_m2", "normalised"] == 1


@pytest.mark.parametrize(
    "written", ["1,23", "12,34.5", "1_000", "0x10", "1.2.3", "3万", "85%", "--5", "١٢", "1 000", "."]
)
def test_what_could_be_two_numbers_is_none(written: str):
    assert said(one_row("projects", floor_area_m2=written)) == {"not_a_number": "floor_area_m2"}


@pytest.mark.parametrize("written", ["nan", "NaN", "inf", "-inf", "+Infinity", "1e999", "#DIV/0!", "∞"])
def test_a_number_that_is_none_is_not_finite(written: str):
    assert said(one_row("projects", floor_area_m2=written)) == {"not_finite": "floor_area_m2"}


@pytest.mark.parametrize("written", ["NULL", "null", "N/A", "NA", "-", "—", "/", "\\N"])
@pytest.mark.parametrize("column", ["enterprise_id", "category", "points", "rectified_on", "item_count"])
def test_a_word_for_missing_is_missing_in_every_kind_of_column_and_told(column: str, written: str):
    checked = one_row("violations", **{column: written})
    assert checked.typed[column].isna().all()
    assert said(checked) == {"read_as_missing": column}


def test_a_word_for_missing_where_a_value_must_be_is_missing():
    checked = one_row("violations", violation_id="NULL")
    assert set(checked.failures["rule"]) == {"required"} and len(checked.typed) == 0


def test_none_is_a_code_and_not_a_word_for_missing():
    assert one_row("inspections", disposal="NONE").typed["disposal"].tolist() == ["NONE"]


@pytest.mark.parametrize("written", ["true", "TRUE", "1", "1.0", "是", "Y", "yes"])
def test_yes_may_be_written_in_the_usual_ways(written: str):
    assert one_row("projects", heritage_zone=written).typed["heritage_zone"].tolist() == [True]


@pytest.mark.parametrize("written", ["false", "False", "0", "0.0", "否", "n", "No"])
def test_no_may_be_written_in_the_usual_ways(written: str):
    assert one_row("projects", heritage_zone=written).typed["heritage_zone"].tolist() == [False]


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "@SUM(A1)", ' =HYPERLINK("x")', "+cmd|'/C calc'!A0", "-2+3+cmd|x", "＝1+1", "-SUM(1)", "\t=1"],
)
def test_a_formula_is_refused_in_any_column(cell: str):
    for column in ("name", "floor_area_m2", "category", "permit_date"):
        assert said(one_row("projects", **{column: cell})) == {"formula": column}


@pytest.mark.parametrize("cell", ["-1F区", "+86号楼", "A=B", "a@b", "1-2(3)"])
def test_a_text_that_only_looks_a_little_like_a_formula_passes(cell: str):
    assert said(one_row("projects", name=cell)) == {}


def test_bytes_of_another_encoding_show_what_they_would_say_there():
    cell = "张江科学城".encode("gb18030").decode("utf-8", "surrogateescape")
    checked = one_row("projects", name=cell)
    assert "张江科学城" in checked.failures["zh"][0]
    assert checked.failures["value"][0].startswith("\\x")
    checked.failures.to_json()


def test_a_cell_of_ten_megabytes_is_refused_and_shown_cut():
    checked = one_row("projects", name="长" * 3_500_000, floor_area_m2="1" * 10_000_000)
    assert said(checked) == {"too_long": "floor_area_m2"}
    assert set(checked.failures["column"]) == {"name", "floor_area_m2"}
    assert all(len(line) < 300 for line in checked.failures["zh"])
    assert "10000000" in checked.failures["en"][0] + checked.failures["en"][1]


def test_of_many_equal_warnings_a_thousand_are_spelled_out_and_all_are_counted():
    rows = pd.DataFrame([GOOD["projects"] | {"name": "NULL"}] * (WARNINGS_SHOWN + 500))
    checked = check_rows(contract("projects"), rows, now=NOW)
    assert len(checked.warnings) == WARNINGS_SHOWN
    assert checked.warning_counts == {("name", "read_as_missing"): WARNINGS_SHOWN + 500}
    assert len(checked.typed) == WARNINGS_SHOWN + 500


def test_columns_the_contract_lacks_are_not_looked_at():
    assert said(one_row("projects", 备注="=1+1")) == {}


def test_no_rows_give_a_typed_table_without_rows():
    checked = check_rows(contract("projects"), pd.DataFrame(columns=["project_id"], dtype=object), now=NOW)
    assert list(checked.typed.columns) == list(contract("projects").column_names)
    assert len(checked.typed) == len(checked.failures) == len(checked.warnings) == 0


@pytest.mark.parametrize(("value", "denied"), [("4.99", False), ("5", True), ("5.0", True), ("12", True)])
def test_a_pit_of_exactly_five_metres_is_over_scale(value: str, denied: bool):
    checked = one_row("dangerous_works", parameter_kind="depth_m", parameter_value=value, is_overscale="0")
    assert ("overscale_denied" in said(checked)) == denied


def test_a_lift_is_not_judged_over_scale_by_its_weight_alone():
    checked = one_row(
        "dangerous_works",
        code="HOIST",
        parameter_kind="item_weight_kn",
        parameter_value="500",
        is_overscale="0",
    )
    assert said(checked) == {}


@pytest.mark.parametrize(
    ("price", "area", "slip"),
    [
        ("9000", "30000", None),
        ("9000000", "30000", "price_unit_slip"),  # nine million yuan, written in yuan
        ("0.9", "30000", "price_unit_slip"),  # written in 亿元
        ("9000", "3", "area_unit_slip"),  # 3 万m²
        ("", "3", "area_unit_slip"),
        ("", "30", None),
        ("5000000", "", "price_unit_slip"),
        ("5000", "", None),
        ("0", "30000", None),
        ("20", "60", None),  # a small lot is no slip
    ],
)
def test_a_likely_slip_of_unit_is_named(price: str, area: str, slip: str | None):
    checked = one_row("projects", contract_price_cny10k=price, floor_area_m2=area)
    assert list(checked.warnings["rule"]) == ([slip] if slip else [])


def test_a_price_out_of_range_is_refused_and_the_slip_of_unit_is_still_named():
    checked = one_row("projects", contract_price_cny10k="90000000", floor_area_m2="30000")
    assert list(checked.failures["rule"]) == ["out_of_range"]
    assert list(checked.warnings["rule"]) == ["price_unit_slip"]


@pytest.mark.parametrize(
    "code",
    [
        "91350100M000100Y43",
        "91110000101623741K",
        "911101066976941872",
        "91310000A100RX9P60",  # remainder 0: the check character is 0
        "91310101MA14JURQ2E",
        "91310115MA1283FQ0Q",
        "91310151MA1EFLCR8M",
    ],
)
def test_a_valid_credit_code_keeps_both_checks(code: str):
    assert credit_code_fault(code) is None and has_organisation_check(code)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("91310115MA1H8R7C6D", "check_character"),
        ("91350211M0000XUF46", "check_character"),  # a genuine early code: hence only a warning
        ("91310115MA1H8R7C6", "form"),
        ("91310115MA1H8R7CI7", "form"),
        ("91310115ma1h8r7c67", "form"),
    ],
)
def test_a_wrong_credit_code_says_what_is_wrong(code: str, fault: str):
    assert credit_code_fault(code) == fault


def test_an_id_that_is_no_credit_code_is_not_judged_as_one():
    assert said(one_row("enterprises", enterprise_id="E000017")) == {}


@pytest.mark.parametrize("table", contracts().values(), ids=lambda one: one.name)
def test_the_pandera_schema_has_the_columns_of_the_contract_in_order(table):
    schema = pandera_schema(table)
    assert list(schema.columns) == list(table.column_names)
    required = {column.name for column in table.columns if column.required}
    assert {name for name, column in schema.columns.items() if not column.nullable} == required


ANY_TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF), max_size=3),
    st.sampled_from(
        ["", " ", "NULL", "=1", "1e999", "2024-02-30", "2024-01-01", "GC", "１", "是", "-", "12:00", "\x00"]
    ),
    st.from_regex(r"\A[0-9eE+,./:年月日T-]{1,25}\Z"),
    st.floats().map(str),
    st.datetimes().map(str),
    st.none(),
)


@settings(max_examples=60)
@given(st.data())
def test_any_text_in_any_cell_ends_as_a_typed_row_or_as_a_named_failure(data: st.DataObject):
    table = data.draw(st.sampled_from(list(contracts().values())))
    rows = data.draw(
        st.lists(st.fixed_dictionaries(dict.fromkeys(table.column_names, ANY_TEXT)), min_size=1, max_size=4)
    )
    checked = check_rows(table, pd.DataFrame(rows, dtype=object), now=NOW)
    assert set(checked.typed.index) | set(checked.failures["row"]) == set(range(len(rows)))
    assert set(checked.typed.index) & set(checked.failures["row"]) == set()
    for report in (checked.failures, checked.warnings):
        assert all(text.encode("utf-8") for text in [*report["zh"], *report["en"]])


@settings(max_examples=30)
@given(st.lists(st.sampled_from(sorted(BREAKS)), min_size=1, max_size=6))
def test_a_row_is_judged_the_same_alone_and_among_others(broken: list[tuple[str, str]]):
    table = broken[0][0]
    rows = [GOOD[table] | BREAKS[one] for one in broken if one[0] == table] + [GOOD[table]]
    together = check_rows(contract(table), pd.DataFrame(rows, dtype=object), now=NOW)
    for i, row in enumerate(rows):
        alone = check_rows(contract(table), pd.DataFrame([row], dtype=object), now=NOW)
        assert sorted(alone.failures["rule"]) == sorted(
            together.failures["rule"][together.failures["row"] == i]
        )


def test_a_hundred_thousand_violations_are_checked_in_a_few_seconds():
    rows = pd.DataFrame([GOOD["violations"]] * 100_000)
    rows["violation_id"] = [f"V{i}" for i in range(100_000)]
    started = time.monotonic()
    assert len(check_rows(contract("violations"), rows, now=NOW).typed) == 100_000
    assert time.monotonic() - started < 10  # 0.3 s on one idle core
