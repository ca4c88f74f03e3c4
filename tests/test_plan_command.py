"""`siterisk plan` on a small city: a plan that is kept, the same for the same seed, refused where nothing is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving.command_line.application import run
from tests.small_city import SmallCity, small_city

WEEK = "2026-W20"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> SmallCity:
    return small_city(tmp_path_factory)


@pytest.fixture
def home(city: SmallCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own beside the city's store and champion."""
    monkeypatch.setenv("SITERISK_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "champion").symlink_to(city.home / "champion")
    return tmp_path / "home"


def test_the_same_seed_gives_the_same_plan_and_every_plan_is_kept(
    city: SmallCity, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["plan", "--week", WEEK, "--records", city.store_url, "--visits", "20", "--seed", "5"]
    told = []
    for _ in range(2):
        assert run([*asked, "--json", "--out", str(tmp_path / "plan.csv")]) == 0
        told.append(json.loads(capfd.readouterr().out))
    assert told[0] == told[1]
    assert sorted(path.name for path in (home / "plans").iterdir()) == [f"{WEEK}-1.json", f"{WEEK}-2.json"]
    assert 0 < len(told[0]["visits"]) <= 20
    assert (tmp_path / "plan.csv").exists()
    sites = {row["project_id"] for row in told[0]["draw"]}
    assert {row["project_id"] for row in told[0]["visits"]} <= sites


def test_a_plan_by_the_roster_names_inspectors_and_is_made_anew_in_mid_week(
    city: SmallCity, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["plan", "--week", WEEK, "--records", city.store_url]
    assert run([*asked, "--json"]) == 0
    plan = json.loads(capfd.readouterr().out)
    visits = plan["visits"]
    assert all(len(row["inspector_refs"].split(";")) == 2 for row in visits)
    planned = {row["project_id"] for row in visits}
    agencies = {row["agency_code"] for row in visits}
    other = next(
        row for row in plan["draw"] if row["project_id"] not in planned and row["agency_code"] in agencies
    )
    kept = home / "plans" / f"{WEEK}-1.json"
    assert run([*asked, "--remake", str(kept), "--on", "2026-05-12", "--add", other["project_id"]]) == 0
    said = capfd.readouterr().out
    assert f"+ {other['project_id']}" in said
    assert kept.exists() and (home / "plans" / f"{WEEK}-2.json").exists()


def test_campaigns_list_sites_of_a_kind_of_work(
    city: SmallCity, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["plan", "--week", WEEK, "--records", city.store_url, "--campaign"]
    assert run([*asked, "SCAF", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)
    assert all(row["scaffold_works_open"] >= 1 for row in rows)
    assert [row["value"] for row in rows] == sorted((row["value"] for row in rows), reverse=True)
    assert not (home / "plans").exists()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--week", "2026-20"], "no ISO week"),
        (["--week", "2026-W60"], "no ISO week"),
        (["--week", WEEK, "--add", "P1"], "go together"),
        (["--week", WEEK, "--campaign", "DUST"], "Campaigns: PIT"),
    ],
)
def test_what_cannot_be_planned_is_refused_at_once(
    asked: list[str], words: str, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", *asked]) == 2
    assert words in capfd.readouterr().err


def test_without_a_roster_the_number_of_visits_has_to_be_told(
    city: SmallCity, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", "--week", "2027-W20", "--on", "2026-05-11", "--records", city.store_url]) == 2
    assert "--visits" in capfd.readouterr().err
