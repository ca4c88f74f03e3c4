"""The policy of weekly plans: every fault with its line, and none of its numbers in Python."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts.errors import ContractInvalid
from data_contracts.policy import POLICY_FOLDER, load_policy_file
from features.catalogue import load_catalogue
from serving.plan.plan_policies import house_plan_policies

PLAN = (POLICY_FOLDER / "weekly_plan.yaml").read_text(encoding="utf-8")
MODULES = sorted((Path(__file__).parent.parent / "serving" / "plan").glob("*.py"))
GRADE = (POLICY_FOLDER / "dynamic_grade.yaml").read_text(encoding="utf-8")
# What is no rule of anyone's: lots between equals, rounding, kilometres of a degree, octets of a calendar's line.
NAMED = {"TIE", "NEARLY", "KM_A_DEGREE", "_LINE"}


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize(
    ("written", "instead", "fault"),
    [
        ("needs: FIRE", "needs: FIRR", "needs is 'FIRR'"),
        ("colours: [RED]", "colours: [REDD]", "no colour is called REDD"),
        ("disciplines: [SAFETY, QUALITY]", "disciplines: [SAFTY]", "no discipline is called SAFTY"),
        ("quality: 0.5", "quality: 1.5", "quality is 1.5"),
        ("area_km: 6", "area_kn: 6", "nothing is called area_kn"),
        ("checklist_items: 6", "checklist_items: 2.5", "checklist_items is 2.5"),
        ("claims: [RED, ORANGE, NODE, BASE]", "claims: [RED, ORANGE, NODE]", "BASE is the last"),
        ("{code: DEMO, fact", "{code: TUNNEL, fact", "code TUNNEL"),
    ],
)
def test_a_fault_of_the_weekly_plan_is_told_with_its_line(
    written: str, instead: str, fault: str, tmp_path: Path
) -> None:
    changed = PLAN.replace(written, instead, 1)
    assert changed != PLAN
    path = tmp_path / "weekly_plan.yaml"
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(ContractInvalid) as refused:
        load_policy_file(path)
    told = [line for line in refused.value.en.splitlines() if fault in line]
    entry = line_of(changed, "- valid_from")  # a word of the entry itself is told with the entry's line
    assert told and told[0].startswith(
        (f"- {path.name}, line {line_of(changed, instead)}:", f"- {path.name}, line {entry}:")
    )


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("inspectors_a_visit: 2", "inspectors_a_visit: 1"),
        ("inspectors_a_visit: 2", "inspectors_a_visit: 2.5"),
        ("visits_a_team_day: 1", "visits_a_team_day: 0.5"),
    ],
)
def test_teams_and_their_visits_are_whole_and_a_team_is_two_at_least(
    written: str, instead: str, tmp_path: Path
) -> None:
    changed = GRADE.replace(written, instead, 1)
    path = tmp_path / "dynamic_grade.yaml"
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(ContractInvalid, match=instead.replace(": ", " is ")) as refused:
        load_policy_file(path)
    assert f"line {line_of(changed, 'capacity:') + 1}" in refused.value.en


@pytest.mark.parametrize(
    ("written", "instead", "stranger"),
    [
        (
            "{fact: pit_works_open, at_least: 1, zh: 基坑：",
            "{fact: pit_work_open, at_least: 1, zh: 基坑：",
            "pit_work_open",
        ),
        ("works: [lifting_works_open,", "works: [lifting_work_open,", "lifting_work_open"),
        ("fact: wind_signals_in_force", "fact: wind_signal", "wind_signal"),
        ("{accident: 1.0,", "{accidnt: 1.0,", "accidnt"),
    ],
)
def test_what_a_plan_asks_for_must_be_there(
    written: str, instead: str, stranger: str, tmp_path: Path
) -> None:
    changed = PLAN.replace(written, instead, 1)
    path = tmp_path / "weekly_plan.yaml"
    path.write_text(changed, encoding="utf-8")
    house = house_plan_policies()
    features = {feature.name for feature in load_catalogue().features}
    assert house.checked(features, {"accident", "defect"}) is house
    with pytest.raises(ContractInvalid, match=stranger) as refused:
        replace(house, weekly=load_policy_file(path)).checked(features, {"accident", "defect"})
    line = line_of(changed, instead)
    assert (
        f"line {line}" in refused.value.en
        and f"第 {line} 行" in refused.value.zh
        and stranger in refused.value.zh
    )


def test_no_number_of_a_policy_stands_in_the_code_of_the_plan() -> None:
    """A number is 0, 1 or a place in a row, or belongs to the name it is given to: rounding, the globe, RFC 5545, a week."""
    found = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        allowed = {
            id(number)
            for node in ast.walk(tree)
            if is_named(node) or is_a_place(node)
            for number in ast.walk(node)
        }
        for node in ast.walk(tree):
            number = isinstance(node, ast.Constant) and type(node.value) in {int, float}
            if number and node.value not in {0, 1} and id(node) not in allowed:
                found.append(f"{path.name}:{node.lineno}: {node.value}")
    assert not found, "\n".join(found)


def is_named(node: ast.AST) -> bool:
    names = (
        {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        if isinstance(node, ast.Assign)
        else set()
    )
    return bool(names) and names <= NAMED


def is_a_place(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript)
