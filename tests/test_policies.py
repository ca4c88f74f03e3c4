"""Dated policies: which one holds on a day, and what a policy file may not say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from data_contracts.errors import ContractInvalid, NotFound, PolicyUndefined
from data_contracts.policy import POLICY_FOLDER, POLICY_NAMES, load_policy_file, policy_file, policy_on
from features.catalogue import load_catalogue
from serving.grading.policies import house_grading_policies

MATRIX = (POLICY_FOLDER / "risk_matrix.yaml").read_text(encoding="utf-8")
GRADES = (POLICY_FOLDER / "inherent_grade.yaml").read_text(encoding="utf-8")
COLOURS = (POLICY_FOLDER / "dynamic_grade.yaml").read_text(encoding="utf-8")
VISITS = (POLICY_FOLDER / "visit_frequency.yaml").read_text(encoding="utf-8")
CHANGES = (POLICY_FOLDER / "changeable_facts.yaml").read_text(encoding="utf-8")
INPUTS = (POLICY_FOLDER / "input_requirements.yaml").read_text(encoding="utf-8")


def faults(tmp_path: Path, text: str) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractInvalid) as caught:
        load_policy_file(path)
    return str(caught.value)


def line_of(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


def two_policies(first_until: str, second_from: str) -> str:
    """The matrix twice, the first until a day, the second from a day."""
    head, body = MATRIX.split("policies:\n")
    first = body.replace("valid_until: null", f"valid_until: {first_until}")
    return f"{head}policies:\n{first}{body.replace('2018-06-01', second_from)}"


@pytest.mark.parametrize("name", POLICY_NAMES)
def test_every_policy_says_from_when_and_by_which_text(name):
    for policy in policy_file(name).policies:
        assert policy.reference
        assert policy_on(name, policy.valid_from) == policy


def test_a_day_before_the_first_policy_has_none():
    with pytest.raises(PolicyUndefined) as caught:
        policy_on("inherent_grade", date(2018, 5, 31))
    assert "2018-06-01" in caught.value.en and "固有风险等级" in caught.value.zh


def test_a_policy_that_nobody_wrote_is_not_found():
    with pytest.raises(NotFound):
        policy_on("horoscope", date(2026, 1, 1))


def test_the_new_policy_holds_from_its_first_day(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(two_policies("2026-01-01", "2026-01-01"), encoding="utf-8")
    both = load_policy_file(path)
    assert both.policy_on(date(2025, 12, 31)).valid_from == date(2018, 6, 1)
    assert both.policy_on(date(2026, 1, 1)).valid_from == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("until", "start", "fault"),
    [
        ("2025-12-31", "2026-01-01", "leaves a gap from 2025-12-31 to 2026-01-01"),
        ("2026-02-01", "2026-01-01", "overlaps the one before, which ends on 2026-02-01"),
        ("null", "2026-01-01", "overlaps the one before"),
        ("2018-06-01", "2018-06-01", "not after it starts"),
    ],
)
def test_gaps_and_overlaps_are_refused(tmp_path, until, start, fault):
    assert fault in faults(tmp_path, two_policies(until, start))


@pytest.mark.parametrize(
    ("text", "old", "new", "fault"),
    [
        (GRADES, "at_least: 250", "at_lest: 250", "nothing is called at_lest"),
        (GRADES, "at_least: 250", 'at_least: "250"', "at_least is '250'"),
        (GRADES, "is_key_municipal, is: true", "is_key_municipal, is: 1", "is is 1"),
        (GRADES, "{fact: pit_depth_m, at_least: 5}", "{fact: pit_depth_m, at_least: 9}", "out of order"),
        (GRADES, "max_span_m, below: 27", "max_span_m, at_least: 30, below: 27", "above the upper bound"),
        (GRADES, "code: INH2", "code: INH1", "INH1 stands twice"),
        (MATRIX, "at_least: 72", "at_least: 52", "thresholds out of order"),
        (MATRIX, "2: {GOOD: 1, FAIR: 2, POOR: 3", "2: {GOOD: 1, FAIR: 3, POOR: 2", "falls where credit"),
        (MATRIX, "POOR: 4, UNKNOWN: 3", "POOR: 4, UNKNOWM: 3", "nothing is called UNKNOWM"),
        (INPUTS, "late_after_days: 62", "late_after: 62", "nothing is called late_after"),
        (INPUTS, "table: machinery", "table: machines", "machines is no contract table"),
        (CHANGES, "takes: {percent", "takes: {per_cent", "takes has no bounds for percent"),
        (CHANGES, "{rectified_on: as_of}", "{rectified: as_of}", "violations has no column rectified"),
        (CHANGES, "{lifted_on: as_of}", "{lifted_on: today}", "sets needs as_of or one of"),
        (CHANGES, "picks: post", "picks: posts", "picks is 'posts'"),
        (CHANGES, "code: LIFT_ORDERS", "code: CREDIT", "CREDIT stands 2 times"),
        (CHANGES, "tables: [weather_warnings]", "tables: [weather]", "the table weather_warnings 0 times"),
        (COLOURS, "share: 0.02", "share: 1.02", "share is 1.02, above 1"),
        (COLOURS, "share: 0.25", "share: 0.5", "nothing would be left for BLUE"),
        (COLOURS, "code: ORANGE", "code: ORNAGE", "not RED, ORANGE, YELLOW, BLUE"),
        (COLOURS, "needs_confirmation: true", "needs_confirmation: 1", "needs_confirmation is 1"),
        (COLOURS, "needs_confirmation: true", "needs_confirmation: false", "and true for ORANGE"),
        (COLOURS, "margin: 0.8", "margin: 1.2", "margin is 1.2, above 1"),
        (COLOURS, "days_between_steps: 30", "days_between_steps: 30.5", "not a whole number of days"),
        (COLOURS, "at_least: 0.2, at_most: 2.5", "at_least: 1.2, at_most: 2.5", "does not hold 1"),
        (COLOURS, "    colour: RED", "    colour: BLUE", "colour is 'BLUE'"),
        (COLOURS, "below: 90", "bellow: 90", "nothing is called bellow"),
        (COLOURS, "cooling_days: 0", "cooling: 0", "nothing is called cooling"),
        (VISITS, "5: {visits_per_year: 6", "5: {visits_per_year: 3", "falls from 4 to 3"),
        (VISITS, "    unknown: {", "    unknwon: {", "base lacks the grades ['unknown']"),
        (VISITS, "    YELLOW: {", "    YELOW: {", "not for YELOW"),
        (VISITS, "    YELLOW: {", "    BLUE: {", "not for BLUE"),
        (VISITS, "first_within_days: 30", "first_within_days: 5", "due later than for a better colour"),
        (VISITS, "then_every_days: 30", "then_every_days: 70", "70, and 60 for a better colour"),
        (VISITS, "visits_per_project: 1,", "visits: 1,", "nothing is called visits"),
        (VISITS, "entered: days_since_exc", "stage: days_since_exc", "nothing is called stage"),
        (VISITS, "within_days: 60", "within_days: -1", "not a whole number of days"),
    ],
)
def test_typos_and_thresholds_out_of_order_are_refused_with_the_line(tmp_path, text, old, new, fault):
    assert text.count(old) >= 1
    told = faults(tmp_path, text.replace(old, new, 1))
    assert fault in told
    assert "line " in told


def test_a_grade_by_a_head_that_there_is_not_is_refused_with_the_line(tmp_path):
    wrong = COLOURS.replace("head: accident", "head: accidnt")
    path = tmp_path / "dynamic_grade.yaml"
    path.write_text(wrong, encoding="utf-8")
    policies = replace(house_grading_policies(), grade=load_policy_file(path))
    with pytest.raises(ContractInvalid) as refused:
        policies.checked(load_catalogue(), {"accident", "defect", "hazard"})
    line = line_of(wrong, "accidnt")
    assert f"line {line}: there is no head accidnt" in refused.value.en
    assert f"第 {line} 行：没有名为 accidnt 的目标" in refused.value.zh


def test_the_line_named_is_the_line_of_the_fault(tmp_path):
    wrong = GRADES.replace("at_least: 250", "at_lest: 250")
    assert f"line {line_of(wrong, 'at_lest')}:" in faults(tmp_path, wrong)


def test_a_key_that_stands_twice_is_refused_with_the_line(tmp_path):
    wrong = MATRIX.replace("  trust: I\n", "  trust: I\n  trust: V\n")
    assert f"line {line_of(wrong, 'trust: V')}:" in faults(tmp_path, wrong)


def test_all_faults_of_a_file_are_named_at_once(tmp_path):
    wrong = GRADES.replace("at_least: 250", "at_lest: 250").replace("grade: 2", "grade: 7")
    told = faults(tmp_path, wrong)
    assert "at_lest" in told and "grade is 7" in told
