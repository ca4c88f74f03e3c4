"""`siterisk report`: one file that opens without a network, shows what the pages show, and lets nothing break out of it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from data_contracts.intake import load
from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from features.catalogue import load_catalogue
from serving.command_line.application import run
from serving.grading.grade_store import GradeStore
from tests.running_city import GRADED_ON, city_of_its_own, grade
from tests.small_city import SmallCity
from tests.small_model import put_in_force
from tests.test_browser import CLIPPED, NARROW, WIDE
from tests.test_shown_calls import keep_plan
from training.risk_model import champion_pointer

NASTY = '</style><script>alert("x")</script><img src=http://elsewhere/x>\u202e'


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> SmallCity:
    """A graded city of which the site of the highest risk has a name that would break out of a page."""
    made = city_of_its_own(tmp_path_factory)
    grade(made, GRADED_ON)
    with RecordStore.open(made.store_url) as store:
        rows = store.read("projects").sort_values("recorded_at").drop_duplicates("project_id", keep="last")
        row = rows[rows["project_id"] == riskiest(made)].dropna(axis=1)
        folder = tmp_path_factory.mktemp("renamed")
        row.assign(name=NASTY, recorded_at=f"{GRADED_ON}T01:00:00").to_csv(
            folder / "projects.csv", index=False
        )
        load(folder, store)
    keep_plan(made, "2026-W27", [riskiest(made)])
    return made


def riskiest(city: SmallCity) -> str:
    with RecordStore.open(city.store_url) as store:
        held = GradeStore(store.engine)
        grades = held.grades(held.needed_run(pd.Timestamp(GRADED_ON).date()))
    return str(grades.sort_values("risk_accident")["project_id"].iloc[-1])


@pytest.fixture(scope="module")
def written(city: SmallCity, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of the city in Chinese and of one site in English, as the command writes them."""
    folder = tmp_path_factory.mktemp("reports")
    asked = {"city": [], "site": ["--site", riskiest(city), "--language", "en"]}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in city.environment.items():
            patch.setenv(name, value)
        for name, options in asked.items():
            assert run(["report", *options, "--out", str(folder / f"{name}.html")]) == 0
    return {name: folder / f"{name}.html" for name in asked}


def test_the_city_is_told_with_its_reds_and_oranges_its_plan_model_and_data(city, written):
    text = written["city"].read_text("utf-8")
    with RecordStore.open(city.store_url) as store:
        held = GradeStore(store.engine)
        grades = held.grades(held.needed_run(pd.Timestamp(GRADED_ON).date()))
    for heading in ("总览", "各区", "红色与橙色工地", "检查计划 2026-W27", "不得用于", "来源、时效与完整性"):
        assert heading in text
    watched = grades.loc[grades["colour"].isin(["RED", "ORANGE"]), "project_id"]
    assert f"红色与橙色工地（{len(watched)}）" in text and all(one in text for one in watched)


def test_a_site_is_told_with_its_five_answers_and_the_records_behind(city, written):
    text = written["site"].read_text("utf-8")
    for heading in (
        "Why this colour?",
        "Since when?",
        "Which facts?",
        "What would change it?",
        "Whom to ask?",
    ):
        assert heading in text
    assert riskiest(city) in text and "The records behind the main reasons" in text


@pytest.mark.parametrize("name", ["city", "site"])
def test_nothing_in_a_report_leads_out_of_it_or_can_be_run(written, name):
    text = written[name].read_text("utf-8")
    assert "&lt;/style&gt;&lt;script&gt;alert" in text and "<script" not in text and "<img" not in text
    assert set(re.findall(r'(?:src|href|action)="([^"]*)"', text)) == {"data:,"}
    assert "<form" not in text and "/ui/" not in text and "url(" not in text and text.count("<style>") == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["city", "site"])
def test_a_report_opens_from_a_file_in_a_browser_and_prints(written, name, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "the test command installs chromium"
    address, seen = written[name].as_uri(), []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for size in (WIDE, NARROW):
            page = browser.new_page(viewport=size)
            page.on("console", lambda said: seen.append(said.text))
            page.on("pageerror", lambda error: seen.append(str(error)))
            page.on("request", lambda asked: seen.append(asked.url))
            page.goto(address)
            assert page.evaluate(CLIPPED) == []
            found = Axe().run(page).response["violations"]
            assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
        page.pdf(path=str(tmp_path / "report.pdf"), format="A4")
        browser.close()
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert {one for one in seen if not one.startswith("data:")} == {address}


def test_a_report_is_of_what_was_known_and_of_the_districts_asked_for(city, tmp_path, monkeypatch, capsys):
    for name, value in city.environment.items():
        monkeypatch.setenv(name, value)
    out = ["--out", str(tmp_path / "report.html")]
    assert run(["report", "--on", "2026-06-01", *out]) != 0 and "siterisk grade" in capsys.readouterr().err
    assert run(["report", "--site", "NOBODY", *out]) != 0 and "NOT_FOUND" in capsys.readouterr().err
    assert run(["report", "--districts", "999999", *out]) == 2
    assert run(["report", "--out", str(tmp_path / "report.pdf")]) == 2
    assert not (tmp_path / "report.html").exists()
    with RecordStore.open(city.store_url) as store:
        projects = store.read("projects").drop_duplicates("project_id", keep="last").set_index("project_id")
    site = riskiest(city)
    other = next(code for code in projects["region_code"].dropna() if code != projects["region_code"][site])
    assert run(["report", "--districts", other, *out]) == 0
    assert site not in (tmp_path / "report.html").read_text("utf-8")


def test_a_report_of_a_day_past_is_made_with_the_model_that_was_in_force(city, tmp_path, monkeypatch):
    home = tmp_path / "home"
    shutil.copytree(city.home, home)
    for name, value in SmallCity(city.records, home).environment.items():
        monkeypatch.setenv(name, value)
    then = champion_pointer(home)
    put_in_force(home, load_catalogue().names, seed=7)
    today = champion_pointer(home)
    lines = [
        {"promotion": "first", "after": None, "at": "2026-01-01T00:00:00", "replaced": None, **then},
        {
            "promotion": "second",
            "after": "first",
            "at": now().isoformat(),
            "replaced": then["version"],
            **today,
        },
    ]
    told = [{"action": "promote", **line, "heads": {}} for line in lines]
    (home / "promotions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    (home / "champion" / "current.json").write_text(json.dumps(today | {"promotion": "second"}))
    for options, model in (["--on", "2026-07-02"], then), ([], today):
        assert run(["report", *options, "--out", str(tmp_path / "report.html")]) == 0
        text = (tmp_path / "report.html").read_text("utf-8")
        assert re.search(rf"<h1>模型 <span class=\"small\">{model['version']}</span>", text)
