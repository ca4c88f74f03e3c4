"""The service as a process of its own, asked over HTTP by programs that know its description and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from data_contracts.contract import contracts
from data_contracts.record_store import RecordStore
from serving.command_line.service_commands import free_port
from serving.command_line.service_process import address, post_json, running_service
from serving.grading.grade_store import GradeStore
from serving.settings import load_settings
from tests.described_calls import ask_as_described
from tests.running_city import GRADED_ON, city_of_its_own, grade, new_key

ROOT = Path(__file__).parents[1]
CASES = 24


@pytest.mark.slow
def test_outside_callers_get_what_is_described_and_the_service_stops_when_told(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    city = city_of_its_own(tmp_path_factory)
    grade(city, GRADED_ON)
    with RecordStore.open(city.store_url) as store:
        grades = GradeStore(store.engine)
        sites = grades.grades(grades.needed_run(pd.Timestamp(GRADED_ON).date()))
        firms = store.read("project_parties")["enterprise_id"].unique().tolist()[:20]
    blue = sites.loc[sites["colour"] == "BLUE", "project_id"].iloc[0]
    given = {**city.environment, "SITERISK_PORT": str(free_port("127.0.0.1", 3210))}
    settings, key = load_settings(given, tmp_path), new_key(city, districts=["310000"], role="manage")[1]
    with running_service(settings, tmp_path / "service.log") as process:
        url = address(settings)
        said = client_example(url, key, blue)
        assert "调整 override: BLUE → YELLOW" in said and "重算 replay: 相同 equal" in said, said
        asked = {"project_ids": sites["project_id"].tolist()[:3], "reasons": True}
        known = {
            "decision_id": [
                one["decision_id"] for one in post_json(f"{url}/v1/grades", asked, key=key)["results"]
            ],
            "table": sorted(contracts()),
            "project_id": asked["project_ids"],
            "feature": ["visits_365d", "hazards_open"],
            "enterprise_id": firms,
            "project_ids": [asked["project_ids"]],
            "as_of": [None, f"{GRADED_ON}T08:00"],
        }
        assert ask_as_described(url, key, known, CASES) > 200
    assert process.wait(5) is not None
    lines = (tmp_path / "service.log").read_text().splitlines()
    assert all(line.startswith(("{", "siterisk: ")) for line in lines), lines


def client_example(url: str, key: str, project_id: str) -> str:
    """What the example of the documentation prints, run in a process without anything of ours."""
    command = [sys.executable, "-I", str(ROOT / "docs" / "client_example.py"), url, project_id]
    environment = {"SITERISK_KEY": key, "PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
