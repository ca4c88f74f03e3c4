"""A service that is killed in the middle of its work has remembered every answer that it gave."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from data_contracts.record_store import RecordStore
from data_contracts.store_tables import store_table
from serving.command_line.service_commands import free_port
from serving.command_line.service_process import address, post_json, running_service
from serving.ledger.entries import unpacked
from serving.settings import load_settings
from tests.running_city import eventually, usual_key
from tests.small_city import SmallCity

CALLERS = 4
ANSWERS_BEFORE_THE_END = 40


class Caller(threading.Thread):
    """Asks again and again until nobody answers; keeps the decisions that it was told."""

    def __init__(self, url: str, key: str, project_ids: list[str]) -> None:
        super().__init__(daemon=True)
        self.url, self.key, self.project_ids = url, key, project_ids
        self.told: list[dict[str, Any]] = []

    def run(self) -> None:
        try:
            while True:
                asked = {"project_ids": self.project_ids, "as_of": "2026-03-01"}
                answer = post_json(f"{self.url}/v1/grades", asked, key=self.key, timeout=20)
                self.told += answer["results"]
        except (OSError, ValueError):
            return  # the service is gone


def processes_of(supervisor: int) -> list[int]:
    """The service's processes: its supervisor, and the workers, which are in sessions of their own."""
    return [supervisor, *(child.pid for child in psutil.Process(supervisor).children(recursive=True))]


@pytest.mark.slow
def test_every_answer_of_a_killed_service_is_in_the_ledger(running_city: SmallCity, tmp_path: Path) -> None:
    given = {**running_city.environment, "SITERISK_PORT": str(free_port("127.0.0.1", 3410))}
    settings, key = load_settings(given, tmp_path), usual_key(running_city)
    ids = running_city.project_ids()
    with running_service(settings, tmp_path / "service.log") as process:
        callers = [Caller(address(settings), key, ids[row : row + 3]) for row in range(CALLERS)]
        for caller in callers:
            caller.start()
        eventually(lambda: sum(len(caller.told) for caller in callers) >= ANSWERS_BEFORE_THE_END)
        time.sleep(0.3)
        for number in processes_of(process.pid):
            os.kill(number, signal.SIGKILL)
        for caller in callers:
            caller.join(30)
    told = [site for caller in callers for site in caller.told]
    assert len(told) >= ANSWERS_BEFORE_THE_END
    with RecordStore.open(running_city.store_url) as store, store.engine.connect() as connection:
        answers = connection.scalars(sa.select(store_table("ledger_blocks").c.answers))
        held = {site["decision_id"]: site for packed in answers for site in json.loads(unpacked(packed))}
    assert all(held[site["decision_id"]] == site for site in told)
    assert len({site["decision_id"] for site in told}) == len(told)
