"""`siterisk grade`, `policy show` and `policy preview` on a small city in a real store."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from data_contracts.policy import POLICY_FOLDER
from data_contracts.record_store import RecordStore
from data_contracts.store_tables import store_table
from serving.command_line.application import run
from serving.command_line.grade_report import waiting_rows
from serving.grading.grade_store import GradeStore
from serving.grading.grading_run import grade_city
from tests.grading_cities import POLICIES, UNKNOWN, city_today
from tests.small_city import SmallCity, small_city

Said = tuple[int, str, str]
Asked = Callable[..., Said]


@pytest.fixture
def city(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> SmallCity:
    """The small city in a home of this test's own."""
    shared = small_city(tmp_path_factory)
    shutil.copytree(shared.home, tmp_path / "home")
    return SmallCity(shared.records, tmp_path / "home")


@pytest.fixture
def siterisk(
    city: SmallCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Asked:
    """Runs a command in an installation with the city; gives code, standard output and standard error."""
    for name, value in city.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def asked(*arguments: str) -> Said:
        code = run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return asked


def count(city: SmallCity, table: str) -> int:
    with RecordStore.open(city.store_url) as store, store.engine.connect() as connection:
        return int(connection.scalar(sa.text(f"SELECT COUNT(*) FROM {table}")) or 0)


def test_a_run_is_told_kept_and_written_and_its_passport_says_from_what(
    siterisk: Asked, city: SmallCity
) -> None:
    code, out, _ = siterisk("grade", "--on", "2026-06-01", "--out", "grades.csv", "--json")
    assert code == 0
    passport, grades = json.loads(out), pd.read_csv("grades.csv")
    assert (
        passport["run_id"] == 1
        and passport["run_before"] is None
        and passport["as_of"].startswith("2026-06-01")
    )
    assert passport["model_version"] and passport["catalogue_hash"] and passport["store_version"] > 0
    assert set(passport["policies"]) == {"dynamic_grade", "visit_frequency"}
    assert passport["capacity"]["source"] == "INSPECTOR_DAYS" and passport["sites"] == len(grades) > 100
    assert set(grades["colour"]) <= {"RED", "ORANGE", "YELLOW", "BLUE", "NA"}
    assert grades[["rule", "rule_zh", "rule_en", "reference", "due_on", "due_zh"]].notna().all().all()
    assert (grades["visits_per_year"] >= grades["base_visits_per_year"]).all()
    assert count(city, "site_grades") == len(grades)


def test_the_next_day_builds_on_the_run_before_and_says_what_changed(siterisk: Asked) -> None:
    assert siterisk("grade", "--on", "2026-06-01")[0] == 0
    code, out, _ = siterisk("grade", "--on", "2026-06-08", "--out", "next.parquet")
    assert code == 0 and ("变化 changes" in out or "没有变化" in out)
    since = pd.read_parquet("next.parquet")["colour_since"]
    assert set(since) <= {"2026-06-01", "2026-06-08"}
    assert (since == "2026-06-01").sum() > len(since) / 2


def test_a_person_confirms_what_is_listed_as_waiting_and_the_next_run_knows(
    siterisk: Asked, city: SmallCity
) -> None:
    assert siterisk("grade", "--on", "2026-06-01", "--visits-per-year", "100000")[0] == 0
    assert siterisk("grade", "--pending", "--on", "2026-06-01", "--out", "waiting.csv")[0] == 0
    waiting = pd.read_csv("waiting.csv")
    site = waiting.loc[waiting["override_colour"].isna(), "project_id"].iloc[0]
    words = {"project_id": [site], "decision": ["CONFIRM"], "person": ["officer 7"], "reason": [""]}
    pd.DataFrame(words).to_csv("decided.csv", index=False)
    assert siterisk("grade", "--confirm", "decided.csv", "--on", "2026-06-01")[0] == 0
    assert count(city, "grade_confirmations") == 1
    out = siterisk("grade", "--on", "2026-06-02", "--visits-per-year", "100000", "--out", "next.csv")[1]
    assert "since the run before: 确认 confirmed 1 · 否定 refused 0" in out
    after = pd.read_csv("next.csv").set_index("project_id").loc[site]
    assert (after["confirmation"], after["decided_by"]) == ("CONFIRMED", "officer 7")


def test_a_file_of_decisions_with_faults_is_refused_whole_with_every_row(
    siterisk: Asked, city: SmallCity
) -> None:
    assert siterisk("grade", "--on", "2026-06-01", "--visits-per-year", "100000")[0] == 0
    siterisk("grade", "--pending", "--on", "2026-06-01", "--out", "waiting.csv")
    site = pd.read_csv("waiting.csv")["project_id"].iloc[0]
    rows = [
        (site, "CONFIRM", "officer 7", ""),
        ("nobody", "CONFIRM", "officer 7", ""),
        (site, "PERHAPS", "", ""),
    ]
    pd.DataFrame(rows, columns=["project_id", "decision", "person", "reason"]).to_csv("bad.csv", index=False)
    code, _, told = siterisk("grade", "--confirm", "bad.csv", "--on", "2026-06-01")
    assert code == 2 and "row 3: there is no site nobody" in told and "row 4: decision must be" in told
    assert "row 4: person is empty" in told and "row 4: this site stands twice" in told
    assert count(city, "grade_confirmations") == 0


def test_a_run_over_a_folder_is_not_kept_and_a_decision_needs_a_store(
    siterisk: Asked, city: SmallCity
) -> None:
    code, out, _ = siterisk("grade", "--records", str(city.records), "--on", "2026-06-01")
    assert code == 0 and "not kept" in out
    assert siterisk("grade", "--records", str(city.records), "--pending")[0] == 2
    assert siterisk("grade", "--pending", "--on", "2026-06-01")[0] == 11


def test_score_gives_the_inherent_grade_and_the_colour_of_the_last_run_up_to_as_of(
    siterisk: Asked, city: SmallCity
) -> None:
    siterisk("grade", "--on", "2026-06-01", "--out", "grades.csv")
    with RecordStore.open(city.store_url) as store, store.engine.begin() as connection:
        made_that_day = sa.update(store_table("grading_runs")).values(made_at=dt.datetime(2026, 6, 1))
        connection.execute(made_that_day)
    graded = pd.read_csv("grades.csv", dtype={"colour": "str"}, keep_default_na=False)
    ids = graded["project_id"].tolist()[:40]
    moments = ["2026-05-31"] * 40 + ["2026-06-01"] * 40
    pd.DataFrame({"project_id": ids * 2, "as_of": moments}).to_csv("pairs.csv", index=False)
    assert siterisk("score", "--at", "pairs.csv", "--out", "scores.csv")[0] == 0
    scores = pd.read_csv("scores.csv", dtype="str", keep_default_na=False)
    assert scores["dynamic_grade"].tolist()[:40] == [""] * 40  # before the first run
    assert scores["dynamic_grade"].tolist()[40:] == graded["colour"].tolist()[:40]
    assert scores["inherent_grade"].tolist()[40:] == [
        grade.removesuffix(".0") for grade in graded["inherent_grade"][:40].astype(str)
    ]


def test_policies_are_listed_and_shown_as_they_were_in_force(siterisk: Asked) -> None:
    code, out, _ = siterisk("policy", "show", "--json")
    assert code == 0 and [one["name"] for one in json.loads(out)][3:6] == [
        "dynamic_grade",
        "visit_frequency",
        "visit_frequency_2018",
    ]
    code, out, _ = siterisk("policy", "show", "dynamic_grade")
    assert code == 0 and "days_between_steps: 30" in out and "__line__" not in out
    assert siterisk("policy", "show", "dynamic_grade", "--on", "2018-01-01")[0] == 12
    assert siterisk("policy", "show", "dynamic_grade", "--on", "2099-01-01")[0] == 0
    assert siterisk("policy", "show", "horoscope")[0] == 11


def test_a_preview_says_how_many_sites_change_and_what_that_costs_by_district(
    siterisk: Asked, city: SmallCity
) -> None:
    file = str(POLICY_FOLDER / "visit_frequency_2018.yaml")
    code, out, _ = siterisk(
        "policy", "preview", file, "--on", "2026-06-01", "--visits-per-year", "700", "--json"
    )
    effect = json.loads(out)
    assert code == 0 and effect["visits_after"] > effect["visits_before"]
    assert (
        effect["visits_at_present_scale"] >= effect["visits_after"]
    )  # the colours give way where visits lack
    by_district = sum(one["after"] - one["before"] for one in effect["districts"])
    assert by_district == pytest.approx(effect["visits_after"] - effect["visits_before"])
    assert sum(one["sites"] for one in effect["districts"]) == effect["sites"]
    with RecordStore.open(city.store_url) as store:
        assert GradeStore(store.engine).newest_run(dt.date.max) is None


def test_a_preview_takes_the_entry_that_is_not_yet_in_force(siterisk: Asked, tmp_path: Path) -> None:
    text = (POLICY_FOLDER / "dynamic_grade.yaml").read_text(encoding="utf-8")
    head, body = text.split("policies:\n")
    later = body.replace("2018-06-01", "2099-01-01").replace("share: 0.25", "share: 0.05")
    both = f"{head}policies:\n{body.replace('valid_until: null', 'valid_until: 2099-01-01', 1)}{later}"
    (tmp_path / "mine.yaml").write_text(both, encoding="utf-8")
    code, out, _ = siterisk(
        "policy", "preview", "mine.yaml", "--on", "2026-06-01", "--visits-per-year", "700", "--json"
    )
    moved = {(one["from"], one["to"]) for one in json.loads(out)["moved"]}
    assert code == 0 and moved


def test_a_preview_of_the_inherent_grade_counts_the_levels(siterisk: Asked, tmp_path: Path) -> None:
    text = (POLICY_FOLDER / "inherent_grade.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text.replace("at_most: 20000}", "at_most: 2000}"), encoding="utf-8")
    code, out, _ = siterisk("policy", "preview", "mine.yaml", "--on", "2026-06-01", "--json")
    moved = {(one["from"], one["to"]) for one in json.loads(out)["moved"]}
    assert code == 0 and moved == {("2", "3")}


def test_a_policy_with_a_fault_is_refused_with_the_line_and_one_of_another_kind_by_name(
    siterisk: Asked, tmp_path: Path
) -> None:
    text = (POLICY_FOLDER / "dynamic_grade.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text.replace("margin: 0.8", "margin: 1.8"), encoding="utf-8")
    code, _, told = siterisk("policy", "preview", "mine.yaml")
    line = next(number for number, words in enumerate(text.splitlines(), 1) if "margin: 0.8" in words)
    assert code == 5 and f"mine.yaml, line {line}: margin is 1.8, above 1" in told
    code, _, told = siterisk("policy", "preview", str(POLICY_FOLDER / "risk_matrix.yaml"))
    assert code == 2 and "dynamic_grade, visit_frequency, inherent_grade" in told
    strange = text.replace("fact: alarms_open", "fact: alarms_opened")
    (tmp_path / "mine.yaml").write_text(strange, encoding="utf-8")
    code, _, told = siterisk("policy", "preview", "mine.yaml", "--on", "2026-06-01")
    assert code == 5 and "there is no feature alarms_opened" in told


def test_where_nothing_waits_the_list_is_empty() -> None:
    calm = grade_city(city_today([0.1, 0.1]), POLICIES, UNKNOWN).grades
    assert waiting_rows(calm).empty
