"""The policy of weekly plans: every fault with its line, and none of its numbers in Python."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from data_contracts.errors import ContractInvalid
from data_contracts.policy import POLICY_FOLDER, load_policy_file

PLAN = (POLICY_FOLDER / "weekly_plan.yaml").read_text(encoding="utf-8")
MODULES = sorted((Path(__file__).parent.parent / "serving" / "plan").glob("*.py"))
# What is no rule of anyone's: counting, places in a row, chr(10), rounding, days of a week, octets of RFC 5545,
# kilometres of a degree, the solver.
NO_RULES = {0, 1, 2, 4, 6, 7, 10, 1e-9, 1e-7, 1e-6, 0.5, 20.0, 75, 111.2, 0o644}


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


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_number_of_a_policy_stands_in_the_code_of_the_plan(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    numbers = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value is not True
    }
    assert numbers - {False} <= NO_RULES
