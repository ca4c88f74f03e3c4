"""Keys are given out once, kept as hashes, and revoked for good, on both databases."""

import datetime as dt
import json

import pytest
import sqlalchemy as sa

from data_contracts.errors import InvalidInput, NotFound
from data_contracts.record_store import RecordStore
from data_contracts.store_tables import store_table
from serving.access.key_store import add_key, all_keys, revoke_key
from serving.access.keys import AccessKey
from serving.command_line.application import run

NOON = dt.datetime(2026, 3, 1, 12)


def given(store: RecordStore, **told: object) -> tuple[AccessKey, str]:
    usual = {
        "name": "Pudong",
        "role": "score",
        "districts": ["310115"],
        "agencies": [],
        "calls_per_second": 10,
    }
    return add_key(store, **{**usual, "at": NOON, **told})  # type: ignore[arg-type]


def test_only_the_hash_of_a_key_is_stored(store: RecordStore) -> None:
    key, token = given(store)
    with store.engine.connect() as connection:
        kept = str(connection.execute(sa.select(store_table("access_keys"))).all())
    assert token not in kept
    assert token.rsplit("_", 1)[1] not in kept
    assert key.token_sha256 in kept
    assert all_keys(store) == [key]
    assert key.opens_with(token)
    assert not key.opens_with(token[:-1] + ("0" if token[-1] != "0" else "1"))


def test_a_revoked_key_stays_revoked_from_the_first_time(store: RecordStore) -> None:
    key, _ = given(store)
    later = NOON + dt.timedelta(hours=1)
    assert revoke_key(store, key.key_id, NOON).revoked_at == NOON
    assert revoke_key(store, key.key_id, later).revoked_at == NOON
    assert all_keys(store)[0].state(NOON - dt.timedelta(days=1)) == "REVOKED"


def test_an_unknown_key_cannot_be_revoked(store: RecordStore) -> None:
    with pytest.raises(NotFound, match="key list"):
        revoke_key(store, "00000000", NOON)


def test_a_key_is_good_until_the_day_it_expires(store: RecordStore) -> None:
    key, _ = given(store, expires_at=dt.datetime(2026, 4, 1))
    assert key.state(dt.datetime(2026, 3, 31, 23, 59)) == "VALID"
    assert key.state(dt.datetime(2026, 4, 1)) == "EXPIRED"
    with pytest.raises(InvalidInput, match="day ahead"):
        given(store, expires_at=NOON)


def test_an_unknown_district_or_agency_is_refused_with_those_there_are(store: RecordStore) -> None:
    with pytest.raises(InvalidInput, match=r"319999.*310115") as refused:
        given(store, districts=["319999"])
    assert refused.value.field == "districts"
    with pytest.raises(InvalidInput, match=r"CITTY.*CITY"):
        given(store, districts=[], agencies=["CITTY"])
    assert all_keys(store) == []


def test_a_key_without_a_scope_is_refused(store: RecordStore) -> None:
    with pytest.raises(InvalidInput, match="310000"):
        given(store, districts=[])


def test_a_retired_district_stands_for_the_one_that_took_it_in(store: RecordStore) -> None:
    key, _ = given(store, districts=["310103"])
    assert key.districts == {"310101"}


@pytest.mark.parametrize(
    ("districts", "agencies", "reached"),
    [
        (["310115"], [], True),
        (["310101"], [], False),
        (["310101"], ["CITY"], True),
        ([], ["D310115"], False),
        (["310000"], [], True),
    ],
)
def test_a_key_reaches_projects_of_its_districts_and_of_its_agencies(
    store: RecordStore, districts: list[str], agencies: list[str], reached: bool
) -> None:
    key, _ = given(store, districts=districts, agencies=agencies)
    assert key.reaches("310115", "CITY") is reached
    assert key.reaches(None, None) is (districts == ["310000"])


def test_a_key_is_added_listed_and_revoked_from_the_command_line(
    store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ["key", "add", "--db", store_url, "--name", "浦东", "--districts", "310115，310101", "--rate", "5"]
    assert run(add) == 0
    said = capsys.readouterr()
    token = said.out.strip()
    assert token.startswith("sr_")
    assert "once" in said.err
    assert run(["key", "list", "--db", store_url, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(key["name"], key["districts"], key["state"]) for key in listed] == [
        ("浦东", ["310101", "310115"], "VALID")
    ]
    assert token not in str(listed)
    assert run(["key", "revoke", listed[0]["key_id"], "--db", store_url]) == 0
    assert run(["key", "list", "--db", store_url]) == 0
    assert "REVOKED" in capsys.readouterr().out


def test_a_wrong_role_or_date_is_refused(store_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    add = ["key", "add", "--db", store_url, "--name", "x", "--districts", "310115"]
    assert run([*add, "--role", "king"]) == 2
    assert run([*add, "--expires", "someday"]) == 2
    assert "2026-03-01" in capsys.readouterr().err
