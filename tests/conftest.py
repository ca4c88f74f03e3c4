"""What several test files share: an empty record store in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_contracts.record_store import RecordStore
from tests.postgresql_server import PostgresqlServer
from tests.registered_models import empty_mlruns


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
