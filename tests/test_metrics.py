"""What Prometheus is told: bounded names, the sums of all workers, and that a champion was refused."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from features.catalogue import load_catalogue
from serving.command_line.service_commands import free_port
from serving.command_line.service_process import address, post_json, running_service
from serving.service import BOOK
from serving.settings import Settings, load_settings
from tests.running_city import city_of_its_own, eventually, new_key, usual_key
from tests.small_city import SmallCity
from tests.small_model import put_in_force, sealed_after_the_cut

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
WORKERS = 2


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found: Samples, name: str, **labels: str) -> float:
    return sum(
        value
        for (named, has), value in found.items()
        if named == name and labels.items() <= dict(has).items()
    )


def test_the_names_in_the_metrics_are_those_of_the_calls_whatever_is_asked(
    client: TestClient, running_city: SmallCity
) -> None:
    reporter = {"Authorization": f"Bearer {new_key(running_city, districts=['310000'], role='report')[1]}"}
    eventually(lambda: client.get("/metrics", headers=reporter).status_code == 200)
    before = samples(client.get("/metrics", headers=reporter).text)
    for odd in ("/v1/grades/../x", "/310101199001011234", "/v1/decisions/' OR 1=1", "/metrics/x"):
        client.get(odd)
    client.post("/v1/grades", json={"project_ids": running_city.project_ids()[:7]})
    client.post("/v1/grades", json={"project_ids": []})
    client.get("/v1/openapi.json", headers={"Authorization": "Bearer 310101199001011234"})
    answer = client.get("/metrics", headers=reporter)
    after = samples(answer.text)
    assert {name for name, _ in after} and all(name.startswith("siterisk_") for name, _ in after)
    paths = {value for _, labels in after for name, value in labels if name == "path"}
    assert paths == BOOK.names
    assert "310101199001011234" not in answer.text

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    assert grown("siterisk_requests_total", path="/v1/grades", status="2xx") == 1
    assert grown("siterisk_requests_total", path="/v1/grades", status="4xx") == 1
    assert grown("siterisk_requests_total", path="other") >= 2
    assert grown("siterisk_request_seconds_count", path="/v1/grades") == 2
    assert grown("siterisk_decisions_total") == 7
    assert grown("siterisk_ledger_transactions_total") == 1
    assert grown("siterisk_ledger_wait_seconds_count") == 1
    assert grown("siterisk_keys_refused_total", code="UNAUTHORIZED") == 1
    assert total(after, "siterisk_ledger_waiting") == 0
    assert total(after, "siterisk_store_version") >= 1
    assert total(after, "siterisk_model_info") == 1


def test_whoever_asks_is_told_whether_the_service_is_ready(client: TestClient) -> None:
    assert client.post("/readyz").status_code == 405
    assert client.get("/readyz", headers={"Authorization": ""}).json() == {
        "status": "ready",
        "champion_refused": None,
    }


class Installation:
    """A service of several workers, asked over HTTP."""

    def __init__(self, city: SmallCity, settings: Settings) -> None:
        self.city, self.url = city, address(settings)
        self.key = usual_key(city)
        self.reporter = new_key(city, districts=["310000"], role="report")[1]

    def ask(self) -> str:
        asked = {"project_ids": self.city.project_ids()[:3], "as_of": "2026-03-01"}
        return str(post_json(f"{self.url}/v1/grades", asked, key=self.key, timeout=20)["model_version"])

    def read(self, path: str, key: str = "") -> str:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with urllib.request.urlopen(
            urllib.request.Request(self.url + path, headers=headers), timeout=20
        ) as answer:
            return str(answer.read().decode())

    def metrics(self) -> Samples:
        return samples(self.read("/metrics", self.reporter))

    def serving(self, version: str) -> float:
        return total(self.metrics(), "siterisk_model_info", version=version)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    city, folder = city_of_its_own(tmp_path_factory), tmp_path_factory.mktemp("log")
    port = str(free_port("127.0.0.1", 3430))
    given = {**city.environment, "SITERISK_PORT": port, "SITERISK_WORKERS": str(WORKERS)}
    settings = load_settings(given, folder)
    running = Installation(city, settings)
    with running_service(settings, folder / "service.log"):
        eventually(lambda: total(running.metrics(), "siterisk_model_info") == WORKERS)
        yield running


@pytest.mark.slow
def test_champions_change_while_requests_run_and_a_broken_one_is_refused_by_every_worker(
    installation: Installation,
) -> None:
    first, told, faults, ended = installation.ask(), list[str](), list[Exception](), threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            try:
                told.append(installation.ask())
            except Exception as error:
                faults.append(error)

    caller = threading.Thread(target=go_on, daemon=True)
    caller.start()
    broken = sealed_after_the_cut(installation.city.home)
    eventually(lambda: json.loads(installation.read("/readyz"))["champion_refused"] is not None)
    eventually(lambda: total(installation.metrics(), "siterisk_champion_refused") == 1)
    time.sleep(8)  # the slower worker's trial, too
    assert installation.serving(first) == WORKERS
    good = put_in_force(installation.city.home, load_catalogue().names, seed=12)
    eventually(lambda: installation.serving(good) == WORKERS)
    eventually(lambda: total(installation.metrics(), "siterisk_champion_refused") == 0)
    assert json.loads(installation.read("/readyz"))["champion_refused"] is None
    eventually(lambda: told[-1:] == [good])
    ended.set()
    caller.join(30)
    assert not faults
    assert set(told) == {first, good}
    assert broken not in told
    assert installation.serving(first) == 0
    assert total(installation.metrics(), "siterisk_decisions_total") == 3 * (len(told) + 1)
