"""The model card says of a head what the page says, as Markdown."""

from __future__ import annotations

import re

import pytest

from tests.made_up_passport import made_up_passport, made_up_search
from training.model_card import model_card


def test_the_card_begins_with_the_verdict() -> None:
    lines = [line for line in model_card(made_up_passport(), "defect").splitlines() if line]
    assert lines[0] == "# 质量缺陷 / Quality defect (`defect`)"
    assert lines[1].startswith("**未胜过简单规则，不予启用")
    assert lines[2].startswith("**Does not beat the simple rules")


def test_the_card_has_every_part_a_reader_looks_for() -> None:
    card = model_card(made_up_passport(), "accident")
    headings = re.findall(r"^## (.*)$", card, flags=re.MULTILINE)
    for part in (
        "Intended use",
        "Not for",
        "Data and labels",
        "Features",
        "calibration",
        "Where it fails",
        "Audit",
    ):
        assert any(part in heading for heading in headings), part
    for part in ("Checks", "How it was split", "Parameters", "Versions and fingerprints", "Selection"):
        assert any(part in heading for heading in headings), part
    assert "0.710 (0.680–0.740)" in card and "0.610 (0.580–0.640)" in card
    assert "sigmoid(0.980 × log-odds + -0.040)" in card
    assert "5" * 64 in card and "c" * 64 in card and "TRN009" in card


def test_the_card_says_what_was_searched() -> None:
    passport = made_up_passport()
    passport["heads"]["accident"]["search"] = made_up_search()
    card = model_card(passport, "accident")
    assert "| learning_rate | 0.03 | 0.0241 |" in card
    assert "The found ones are taken." in card and "only the newest origin judges" in card


def test_every_table_has_as_many_cells_in_each_line_whatever_a_value_holds() -> None:
    passport = made_up_passport()
    passport["heads"]["accident"]["metrics"]["slices"]["ownership"][0]["value"] = "a|b\nc"
    card = model_card(passport, "accident")
    assert "a\\|b c" in card
    for table in re.findall(r"(?:^\|.*\n)+", card, flags=re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(cells) == 1


def test_a_synthetic_city_is_called_simulated() -> None:
    simulated, real = (model_card(made_up_passport(simulated=told), "accident") for told in (True, False))
    assert simulated.startswith("# 【模拟 Simulated】") and "**【模拟 Simulated】胜过简单规则" in simulated
    assert "模拟" not in real


def test_a_head_that_was_not_trained_has_no_card() -> None:
    with pytest.raises(KeyError, match="fire"):
        model_card(made_up_passport(), "fire")
