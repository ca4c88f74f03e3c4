"""`siterisk backtest` on a small city: the judged model alone, before its test, with a page that opens offline."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from features.catalogue import load_catalogue
from serving.command_line.application import run
from tests.small_city import SmallCity, small_city
from tests.small_model import write_small_model
from training.model_folder import HEADS, PASSPORT, as_json, read_verified, write_model_folder

TEST = ["2026-01-01T00:00:00", "2026-05-01T00:00:00"]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> SmallCity:
    return small_city(tmp_path_factory)


def model_folder(folder: Path, test: list[str] = TEST, head: str = "accident") -> Path:
    """A small model whose judged part is the kept one, tested on the last months of the small city."""
    write_small_model(folder / "small", load_catalogue().names)
    files = dict(read_verified(folder / "small").files)
    files |= {
        name.replace(f"{HEADS}/", "tested/", 1): content
        for name, content in files.items()
        if name.startswith(HEADS)
    }
    passport = json.loads(files[PASSPORT])
    dates = {"test": test, "test_known_at": "2026-06-30T00:00:00"}
    passport["heads"] = {head: {"tested": {"dates": dates}}}
    write_model_folder(folder / "model", files | {PASSPORT: as_json(passport)})
    return folder / "model"


def test_a_back_test_compares_every_rule_and_writes_figures_and_a_page(
    city: SmallCity, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page, figures = tmp_path / "backtest.html", tmp_path / "backtest.csv"
    asked = ["backtest", "--records", city.store_url, "--model", str(model_folder(tmp_path))]
    assert run([*asked, "--page", str(page), "--out", str(figures)]) == 0
    told = capfd.readouterr().out
    assert "回溯检验" in told and "模拟" in told and "Simulated" in told
    rows = pd.read_csv(figures)
    assert set(rows["rule"]) == {
        "actual", "uniform", "random", "longest_unvisited", "past_violations", "risk_matrix", "model_level", "plan",
    }  # fmt: skip
    visits = rows[(rows["regime"] == "floor_and_share") & (rows["outcome"] == "hazard")]["visits"]
    assert visits.max() - visits.min() <= 1
    html = page.read_text(encoding="utf-8")
    assert "【模拟】" in html and "随机抽查说明什么" in html
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)


def test_a_back_test_says_the_same_for_the_same_seed_as_json(
    city: SmallCity, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["backtest", "--records", city.store_url, "--model", str(model_folder(tmp_path)), "--json"]
    said = []
    for _ in range(2):
        assert run(asked) == 0
        said.append(json.loads(capfd.readouterr().out))
    assert said[0] == said[1]
    assert said[0]["simulated"] is True
    workload = said[0]["workload"]
    made = [row for row in said[0]["rows"] if row["regime"] == "as_many" and row["rule"] == "plan"]
    assert sum(row["plan"] for row in workload) == made[0]["visits"]
    assert said[0]["about"]["first"] == "2026-01-05"  # the first Monday of the test


def test_a_model_without_the_accident_head_or_with_a_test_of_days_is_not_back_tested(
    city: SmallCity, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = model_folder(tmp_path / "other", head="defect")
    assert run(["backtest", "--records", city.store_url, "--model", str(other)]) == 8
    assert "no head accident" in capfd.readouterr().err
    short = model_folder(tmp_path / "short", test=["2026-06-01T00:00:00", "2026-06-01T00:00:00"])
    assert run(["backtest", "--records", city.store_url, "--model", str(short)]) == 8
    assert "too few to back-test" in capfd.readouterr().err


def test_a_page_is_an_html_file(city: SmallCity, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["backtest", "--page", str(tmp_path / "page.pdf")]) == 2
    assert ".html" in capfd.readouterr().err
