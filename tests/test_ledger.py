"""Nothing is said that is not remembered, and what is remembered is what was said."""

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from data_contracts.api_messages import DecisionAnswer
from data_contracts.errors import NotFound, StoreUnavailable
from data_contracts.record_store import RecordStore, StoreMark
from data_contracts.store_connection import connected, writing
from data_contracts.store_tables import store_table
from features.catalogue import load_catalogue
from serving.ledger import entries
from serving.ledger import ledger as ledger_module
from serving.ledger.decisions import decision, decisions_about
from serving.ledger.entries import (
    ROWS_A_BLOCK,
    CallEntry,
    blocks_of,
    decision_ids,
    new_call_id,
    policies_on,
    unpacked,
    unpacked_features,
)
from serving.ledger.ledger import Ledger, LedgerUnavailable, StoreMovedOn
from tests.running_city import eventually, new_key
from tests.small_city import SmallCity

DAY = dt.datetime(2026, 3, 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
FEATURES = pd.DataFrame({"a": [0.1], "b": [np.nan]})


def entry_of(*project_ids: str) -> CallEntry:
    """A call about projects of which only the first is on file."""
    call_id = new_call_id()
    results = [
        {"decision_id": one, "project_id": project_id, "status": "ACTIVE" if row == 0 else "UNKNOWN"}
        for row, (one, project_id) in enumerate(
            zip(decision_ids(call_id, len(project_ids)), project_ids, strict=True)
        )
    ]
    call = {
        **{"call_id": call_id, "kind": "grades", "asked": "{}", "asked_at": DAY, "key_id": "0a1b2c3d"},
        **{"as_of": DAY, "model_sha256": "m", "policies": policies_on(DAY.date()), "catalogue_hash": "c"},
        **{"store_version": 3, "store_loaded_at": DAY, "siterisk_version": "0"},
    }
    known = np.arange(len(project_ids)) == 0
    return CallEntry(call, blocks_of(call_id, results, known, FEATURES), "c", ("a", "b"))


def ids_of(entry: CallEntry) -> list[str]:
    return decision_ids(entry.call["call_id"], len(entry))


def remember(ledger: Ledger, *entries: CallEntry) -> list[Any]:
    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*map(ledger.remember, entries), return_exceptions=True)

    return asyncio.run(all_at_once())


def calls_in(store: RecordStore) -> set[str]:
    with store.engine.connect() as connection:
        return set(connection.scalars(sa.select(store_table("ledger_blocks").c.call_id)))


def test_a_remembered_decision_is_read_again_as_it_was(store: RecordStore) -> None:
    entry = entry_of("P1", "nul\0 and 'quotes'")
    ledger = Ledger(lambda: store)
    ledger.start()
    assert remember(ledger, entry) == [None]
    ledger.stop()
    first, second = (decision(store, one).content for one in ids_of(entry))
    assert first["features"] == {"a": 0.1, "b": None}
    assert first["result"]["project_id"] == "P1"
    assert second["features"] is None
    assert second["result"]["project_id"] == "nul\0 and 'quotes'"
    assert {"inherent_grade", "input_requirements", "risk_matrix"} <= set(first["policies"])
    with pytest.raises(NotFound):
        decision(store, "0" * 30)


@given(results=st.lists(st.tuples(st.text(max_size=4), st.booleans(), FLOATS, FLOATS), min_size=1))
def test_what_blocks_hold_comes_back_to_the_last_bit(results: list[tuple[str, bool, float, float]]) -> None:
    known = np.array([is_known for _, is_known, _, _ in results])
    told = [{"project_id": project_id, "risk": a} for project_id, _, a, _ in results]
    features = pd.DataFrame(
        [cells for _, is_known, *cells in results if is_known], columns=["a", "b"], dtype="f8"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "ROWS_A_BLOCK", 3)
        blocks = blocks_of("0", told, known, features)
    assert [result for block in blocks for result in json.loads(unpacked(block["answers"]))] == told
    read = [
        np.full((block["rows"], 2), np.nan)
        if block["features"] is None
        else unpacked_features(block["features"], block["rows"])
        for block in blocks
    ]
    assert np.concatenate(read)[known].tobytes() == features.to_numpy("f8").tobytes()


def test_the_decisions_about_a_project_are_found_among_those_of_many(store: RecordStore) -> None:
    odd = "nul\0 50%_/ 'quote\" 工地"
    many = entry_of(*(f"P{row}" for row in range(ROWS_A_BLOCK)), odd, "P1")
    entries = entry_of("P1"), many, entry_of(odd), entry_of("P2")
    ledger = Ledger(lambda: store)
    ledger.start()
    assert remember(ledger, *entries) == [None] * 4
    ledger.stop()
    ids = list(map(ids_of, entries))
    assert decisions_about(store, "P1") == sorted([ids[0][0], ids[1][1], ids[1][-1]])
    assert decisions_about(store, odd) == sorted([ids[1][-2], ids[2][0]])
    assert decisions_about(store, "p1") == []
    assert decision(store, ids[1][-2]).project_id == odd
    with pytest.raises(NotFound):
        decision(store, f"{ids[1][0][:-4]}{len(many):04x}")


def test_calls_that_wait_together_are_written_together(store: RecordStore) -> None:
    transactions: list[None] = []
    ledger = Ledger(lambda: store, lambda: transactions.append(None))
    entries = [entry_of("P1") for _ in range(200)]

    async def before_it_starts() -> None:
        waiting = [asyncio.ensure_future(ledger.remember(entry)) for entry in entries]
        await asyncio.sleep(0)
        ledger.start()
        await asyncio.gather(*waiting)

    asyncio.run(before_it_starts())
    ledger.stop()
    assert len(transactions) == 1
    assert calls_in(store) == {entry.call["call_id"] for entry in entries}


def test_an_answer_from_records_that_are_no_longer_the_newest_is_not_written(store: RecordStore) -> None:
    newest, late, whichever = entry_of("P1"), entry_of("P2"), entry_of("P3")
    ledger = Ledger(lambda: store)
    ledger.start()

    async def all_at_once() -> list[Any]:
        asked = (
            ledger.remember(newest, only_at=store.mark()),
            ledger.remember(late, only_at=StoreMark(7, DAY)),
            ledger.remember(whichever),
        )
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second, third = asyncio.run(all_at_once())
    ledger.stop()
    assert first is None and third is None
    assert isinstance(second, StoreMovedOn)
    assert calls_in(store) == {newest.call["call_id"], whichever.call["call_id"]}


def test_a_call_that_cannot_be_written_is_refused_alone(store: RecordStore) -> None:
    good, bad = entry_of("P1"), entry_of("P2")
    twice = CallEntry(bad.call, [*bad.blocks, *bad.blocks], "c", ("a", "b"))
    ledger = Ledger(lambda: store)
    ledger.start()
    written, refused = remember(ledger, good, twice)
    ledger.stop()
    assert written is None
    assert isinstance(refused, LedgerUnavailable)
    assert calls_in(store) == {good.call["call_id"]}


def test_a_store_that_is_gone_means_refused_and_later_calls_are_written(tmp_path: Path) -> None:
    there = False

    def opened() -> RecordStore:
        if not there:
            raise StoreUnavailable(zh="没有", en="gone")
        return RecordStore.open(f"sqlite:///{tmp_path}/store.db")

    ledger = Ledger(opened)
    ledger.start()
    assert isinstance(remember(ledger, entry_of("P1"))[0], LedgerUnavailable)
    there = True
    assert remember(ledger, entry_of("P1")) == [None]
    ledger.stop()


def test_while_another_holds_the_store_a_call_is_refused_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "LONGEST_WAIT_S", 0.5)
    with RecordStore.open(f"sqlite:///{tmp_path}/store.db") as store:
        ledger, late = Ledger(lambda: store), entry_of("P1")
        ledger.start()
        with connected(store.engine) as other, writing(other):
            assert isinstance(remember(ledger, late)[0], LedgerUnavailable)
        assert remember(ledger, entry_of("P2")) == [None]
        ledger.stop()


def test_every_result_has_a_decision_that_gives_back_what_was_answered(
    client: TestClient, running_city: SmallCity
) -> None:
    ids = [*running_city.project_ids()[:20], "no-such-lot"]
    answer = client.post("/v1/grades", json={"project_ids": ids, "as_of": "2026-03-01"}).json()
    assert len({site["decision_id"] for site in answer["results"]}) == len(ids)
    for site in answer["results"]:
        held = client.get(f"/v1/decisions/{site['decision_id']}")
        assert held.status_code == 200, held.text
        assert held.json()["result"] == site
        assert held.json()["store_version"] == answer["store_version"]
        DecisionAnswer.model_validate(held.json())
    names = list(load_catalogue().names)
    first = client.get(f"/v1/decisions/{answer['results'][0]['decision_id']}").json()
    assert first["features"] is None or list(first["features"]) == names


def test_a_decision_about_a_project_beyond_the_scope_is_not_there(
    client: TestClient, running_city: SmallCity
) -> None:
    with RecordStore.open(running_city.store_url) as store:
        sites = store.read("projects").groupby("project_id").last()
    sites = sites[sites["region_code"].notna()]
    project_id, district = sites.index[0], sites["region_code"].iloc[0]
    tokens = {
        where: new_key(running_city, districts=[where])[1]
        for where in (district, next(code for code in ("310101", "310115") if code != district))
    }
    within, beyond = ({"Authorization": f"Bearer {token}"} for token in tokens.values())
    eventually(lambda: client.get("/v1/openapi.json", headers=beyond).status_code == 200)
    asked = {"project_ids": [project_id, "no-such-lot"]}
    theirs = [
        site["decision_id"]
        for site in client.post("/v1/grades", json=asked, headers=within).json()["results"]
    ]
    own = client.post("/v1/grades", json=asked, headers=beyond).json()["results"]

    def read(decision_id: str, by: dict[str, str]) -> int:
        return client.get(f"/v1/decisions/{decision_id}", headers=by).status_code

    assert [read(one, within) for one in theirs] == [200, 200]
    assert [read(one, beyond) for one in theirs] == [404, 404]
    assert [read(site["decision_id"], beyond) for site in own] == [200, 200]
    assert [site["status"] for site in own] == ["UNKNOWN", "UNKNOWN"]
    missing = client.get("/v1/decisions/" + "0" * 30, headers=beyond)
    assert missing.json() == client.get(f"/v1/decisions/{theirs[0]}", headers=beyond).json()


@pytest.mark.parametrize("odd", ["x", "0" * 64, "%00", "..%2f", "'or''='", "A" * 30])
def test_an_odd_decision_id_is_not_found(client: TestClient, odd: str) -> None:
    answer = client.get(f"/v1/decisions/{odd}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"


def test_an_answer_that_cannot_be_remembered_is_not_given(
    client: TestClient, running_city: SmallCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StoreUnavailable(zh="磁盘已满", en="disk full")

    monkeypatch.setattr(Ledger, "_write", full)
    answer = client.post("/v1/grades", json={"project_ids": running_city.project_ids()[:1]})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "LEDGER_UNAVAILABLE"
    assert "risks" not in answer.text
