"""What was answered is computed again from what was known then, to the last digit, whatever came later."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from data_contracts.api_messages import GradesRequest, ReplayAnswer
from data_contracts.errors import CheckFailed, ModelInvalid
from data_contracts.intake import load
from data_contracts.record_store import RecordStore, StoreMark
from features.catalogue import load_catalogue
from serving.access.key_store import all_keys
from serving.access.keys import AccessKey
from serving.calls.grades import answer_and_entry
from serving.calls.replay import replay
from serving.command_line.application import run
from serving.ledger.decisions import decision
from serving.ledger.ledger import Ledger
from serving.live_state import built_state
from serving.past_states import PastStates
from tests.running_city import city_of_its_own, new_key
from tests.small_city import SmallCity
from tests.small_model import put_in_force
from training.risk_model import load_champion

DECISIONS_A_STATE = 250
MOMENTS = pd.date_range("2024-09-01", "2026-06-30", periods=12).floor("h")


class Told:
    """A city whose records went on while it was asked, and whose champion changed; `ids` are the decisions."""

    def __init__(self, city: SmallCity) -> None:
        self.city, self.store, self.ids = city, RecordStore.open(city.store_url), list[str]()
        scopes = ["310000"], ["310115", "310112"]
        given = {new_key(city, districts=districts)[0] for districts in scopes}
        keys = [key for key in all_keys(self.store) if key.key_id in given]
        self.project_ids = [*city.project_ids(), "no-such-lot"]
        for number in range(4):
            if number:
                self._records_go_on(number)
            if number == 2:
                put_in_force(city.home, load_catalogue().names, seed=5)
            self._ask(keys, number)
        self._records_go_on(4)
        put_in_force(city.home, load_catalogue().names, seed=6)

    def _records_go_on(self, number: int) -> None:
        """New rows, some of them recorded long ago as they say; corrections of old ones; withdrawals; a renaming."""
        folder = self.city.home / f"delivery-{number}"
        folder.mkdir()
        violations = self.store.read("violations").sample(60, random_state=number)
        projects = self.store.read("projects").drop_duplicates("project_id", keep="last")
        sites = projects.sample(12, random_state=number)
        fresh = violations.assign(violation_id=[f"N{number}-{row}" for row in range(60)], severity="major")
        corrected = violations.iloc[:30].assign(severity="major", item_count=9)
        gone = violations.iloc[30:40].assign(withdrawn_at=violations["recorded_at"].iloc[30:40])
        moved = sites.iloc[:6].assign(
            region_code="310115", recorded_at=pd.Timestamp("2026-05-01") + pd.Timedelta(days=number)
        )
        larger = sites.iloc[6:].assign(floor_area_m2=250_000.0)
        deliveries = {"violations": [fresh, corrected, gone], "projects": [moved, larger]}
        if number == 3:
            renamed = {"kind": "project", "old_id": [sites["project_id"].iloc[0]], "new_id": "P-renamed"}
            deliveries["aliases"] = [
                pd.DataFrame({**renamed, "effective_on": "2025-06-01", "recorded_at": "2025-06-01"})
            ]
        for name, parts in deliveries.items():
            pd.concat(parts).to_parquet(folder / f"{name}.parquet", index=False)
        report = load(folder, self.store)
        assert report.to_dict()["totals"]["quarantined"] == 0, str(report)

    def _ask(self, keys: list[AccessKey], number: int) -> None:
        draw = np.random.default_rng(number)
        state = built_state(
            self.store, self.store.mark(), load_catalogue(), lambda: load_champion(self.city.home)
        )
        ledger, entries, said = Ledger(lambda: self.store), [], 0
        while said < DECISIONS_A_STATE:
            count = min(int(draw.integers(1, 60)), DECISIONS_A_STATE - said)
            asked = GradesRequest(project_ids=draw.choice(self.project_ids, count).tolist())
            moment = MOMENTS[draw.integers(len(MOMENTS))]
            content, entry = answer_and_entry(state, keys[draw.integers(2)], asked, moment)
            self.ids += [result["decision_id"] for result in content["results"]]
            entries.append(entry)
            said += count

        async def all_written() -> None:
            await asyncio.gather(*map(ledger.remember, entries))

        ledger.start()
        asyncio.run(all_written())
        ledger.stop()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(city_of_its_own(tmp_path_factory))


def states_of(told: Told) -> PastStates:
    return PastStates(lambda: told.store, told.city.home)


def replayed(told: Told, states: PastStates, decision_id: str) -> dict[str, Any]:
    return replay(told.store, states, decision(told.store, decision_id))


@pytest.mark.slow
def test_a_thousand_decisions_are_the_same_after_later_records_and_another_champion(told: Told) -> None:
    newest_first, oldest_first = states_of(told), states_of(told)
    built_anew = [replayed(told, newest_first, one) for one in reversed(told.ids)]
    fed_onwards = [replayed(told, oldest_first, one) for one in told.ids[::20]]
    assert len(built_anew) == 1000
    for each in (*built_anew, *fed_onwards):
        assert each["equal"], each["differences"]
    assert len({(each["store_version"], each["model_sha256"]) for each in built_anew}) == 4
    statuses = {each["replayed"]["status"] for each in built_anew}
    assert statuses == {"UNKNOWN", "NOT_STARTED", "ACTIVE", "FINISHED"}


def test_the_later_records_would_have_changed_what_was_answered(told: Told) -> None:
    """Else the thousand would prove nothing."""
    today = built_state(
        told.store, told.store.mark(), load_catalogue(), lambda: load_champion(told.city.home)
    )
    states = states_of(told)
    changed = 0
    for one in told.ids[:200]:
        held = decision(told.store, one)
        old = states.at(held.mark, held.call["model_sha256"])
        now, then = (state.scorer.index.matrix([held.project_id], [held.as_of]) for state in (today, old))
        changed += not now.equals(then)
    assert changed > 50


def test_what_differs_is_named_with_both_values(told: Told) -> None:
    held = decision(told.store, told.ids[0])
    head = next(iter(held.result["risks"]))
    held.result["risks"][head] = 0.5
    again = replay(told.store, states_of(told), held)
    assert not again["equal"]
    assert [each["field"] for each in again["differences"]] == [f"risks.{head}"]
    assert again["differences"][0]["answered"] == 0.5
    assert again["differences"][0]["replayed"] == again["replayed"]["risks"][head]


def test_without_the_model_or_the_records_of_then_nothing_is_computed(told: Told, tmp_path: Path) -> None:
    held = decision(told.store, told.ids[0])
    with pytest.raises(ModelInvalid) as gone:
        PastStates(lambda: told.store, tmp_path).at(held.mark, held.call["model_sha256"])
    assert "恢复" in gone.value.zh
    assert "Restore" in gone.value.en
    other = StoreMark(held.mark.version, pd.Timestamp("2020-01-01").to_pydatetime())
    with pytest.raises(CheckFailed, match="another store"):
        states_of(told).at(other, held.call["model_sha256"])


def test_the_command_says_whether_it_is_the_same_and_ends_accordingly(
    told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in told.city.environment.items():
        monkeypatch.setenv(name, value)
    assert run(["replay", told.ids[0], "--json"]) == 0
    ReplayAnswer.model_validate(json.loads(capsys.readouterr().out))
    assert run(["replay", told.ids[-1]]) == 0
    assert "the same, to the last digit" in capsys.readouterr().out
    assert run(["replay", "0" * 30]) == 11
    home = tmp_path / "home"
    shutil.copytree(told.city.home, home)
    monkeypatch.setenv("SITERISK_HOME", str(home))
    shutil.rmtree(home / "champion" / decision(told.store, told.ids[0]).call["model_sha256"][:12])
    assert run(["replay", told.ids[0]]) == 10


def test_the_service_computes_an_answer_again_after_records_were_posted(
    client: TestClient, running_city: SmallCity, tmp_path: Path
) -> None:
    project_id = running_city.project_ids()[3]
    first = client.post("/v1/grades", json={"project_ids": [project_id]}).json()
    (tmp_path / "violations.csv").write_text(
        "violation_id,project_id,found_on,recorded_at,severity,item_count\n"
        f"V-late,{project_id},2026-06-01,2026-06-02,major,5\n"
    )
    with RecordStore.open(running_city.store_url) as store:
        load(tmp_path, store)
    second = client.post("/v1/grades", json={"project_ids": [project_id], "as_of": first["as_of"]}).json()
    assert second["store_version"] > first["store_version"]
    for answer in (first, second):
        address = f"/v1/decisions/{answer['results'][0]['decision_id']}/replay"
        again = client.post(address)
        assert again.status_code == 200, again.text
        ReplayAnswer.model_validate(again.json())
        assert again.json()["equal"], again.json()["differences"]
        assert again.json()["answered"] == answer["results"][0]
        assert again.json()["store_version"] == answer["store_version"]
    assert client.post(f"/v1/decisions/{'0' * 30}/replay").status_code == 404
