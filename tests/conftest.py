"""What several test files share: an empty record store in SQLite and in PostgreSQL, and the running service."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from starlette.testclient import TestClient

from data_contracts.record_store import RecordStore
from tests.postgresql_server import PostgresqlServer
from tests.registered_models import empty_mlruns
from tests.running_city import GRADED_ON, city_of_its_own, eventually, grade, usual_key
from tests.small_city import SmallCity

# How long an example takes is the machine's matter: the first one compiles, and others may wait for a core.
hypothesis.settings.register_profile("siterisk", deadline=None)
hypothesis.settings.load_profile("siterisk")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: one of them left at the end would keep a single worker busy.

    The types before all: they need none of the kernels that another worker compiles meanwhile, and leaves for all.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name != "test_types.py", item.path not in slow))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server of this test session's own."""
    server = PostgresqlServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's folder before any training: making its database takes seconds."""
    return empty_mlruns(tmp_path_factory.mktemp("empty") / "mlruns")


@pytest.fixture
def postgresql_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    url = postgresql_server.new_database()
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty record store: each test that asks for it runs on both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[RecordStore]:
    """An empty record store, on both databases."""
    with RecordStore.open(store_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def running_city(tmp_path_factory: pytest.TempPathFactory) -> SmallCity:
    """The city that `client` asks about, with the grading run of a day."""
    city = city_of_its_own(tmp_path_factory)
    grade(city, GRADED_ON)
    return city


@pytest.fixture(scope="session")
def client(running_city: SmallCity) -> Iterator[TestClient]:
    """The service, asked with a key of the whole city unless a request says otherwise."""
    # BentoML's metrics want a folder before they are imported; one client a process, or they clash.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp()
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    before = {name: os.environ.pop(name, None) for name in running_city.environment}
    os.environ.update(running_city.environment)
    from serving.service import RiskScoring

    with TestClient(RiskScoring.to_asgi(), raise_server_exceptions=False) as asking:  # type: ignore[attr-defined]
        assert asking.get("/livez").status_code == 200
        eventually(lambda: asking.get("/readyz").status_code == 200)
        asking.headers["Authorization"] = f"Bearer {usual_key(running_city)}"
        eventually(lambda: asking.get("/v1/openapi.json").status_code == 200)
        # The service has read its settings; the tests of others begin from none.
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        yield asking
