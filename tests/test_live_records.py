"""A worker follows the record store and the champion, and never shows half of a change."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import StoreUnavailable
from data_contracts.intake import load
from data_contracts.moments import now
from data_contracts.record_store import RecordStore, StoreMark
from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from serving import live_records
from serving.calls.grades import graded
from serving.http_errors import NotReady
from serving.live_records import LiveRecords
from serving.live_state import LiveState
from serving.scorer import CityRisks
from tests.small_model import put_in_force, sealed_after_the_cut
from training.model_folder import as_json, read_verified, write_model_folder

SITES = pd.DataFrame(
    {
        "project_id": ["P1", "P2"],
        "recorded_at": ["2025-01-05", "2025-02-01"],
        "start_date": ["2025-01-01", "2025-02-15"],
        "floor_area_m2": ["12000", "90000"],
    }
)
NEW_SITE = pd.DataFrame({"project_id": ["P3"], "recorded_at": ["2025-03-01"], "start_date": ["2025-03-01"]})


VIOLATION = pd.DataFrame(
    {
        "violation_id": ["V1"],
        "project_id": ["P1"],
        "found_on": ["2025-02-20"],
        "recorded_at": ["2025-02-21"],
    }
)
FIRST_LOAD = dt.datetime(2025, 3, 1, 8)
Tables = dict[str, pd.DataFrame]


class StandInStore:
    """A record store of frames, whose versions the test decides."""

    def __init__(self, grades: RecordStore) -> None:
        self.engine = grades.engine  # grading runs are in a real one
        self.batches: list[tuple[Tables, dt.datetime]] = []
        self.reachable = True
        self.load(projects=SITES)

    def load(self, **tables: pd.DataFrame) -> None:
        """Take in one more version, an hour after the one before."""
        self.batches.append((tables, FIRST_LOAD + dt.timedelta(hours=len(self.batches))))

    def mark(self, version: int | None = None) -> StoreMark:
        if not self.reachable:
            raise StoreUnavailable(zh="记录库不可达。", en="The store is gone.")
        held = self.batches[:version]
        return StoreMark(len(held), held[-1][1]) if held else StoreMark(0, None)

    def changes_since(self, version: int, *, until: int | None = None) -> Tables:
        stored = self._records(version, until)
        names = {name for tables, _ in self.batches[version:until] for name in tables}
        return {name: stored.table(name).assign(store_version=until) for name in sorted(names)}

    def records(self, version: int) -> Records:
        return Records(self._records(0, version).table, store_version=version)

    def _records(self, after: int, until: int | None) -> Records:
        batches = [tables for tables, _ in self.batches[after:until]]
        names = {name for tables in batches for name in tables}
        return Records.from_tables(
            {name: pd.concat([t[name] for t in batches if name in t], ignore_index=True) for name in names}
        )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StandInStore]:
    with RecordStore.open(f"sqlite:///{tmp_path}/grades.db") as grades:
        yield StandInStore(grades)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    put_in_force(tmp_path, load_catalogue().names)
    return tmp_path


@pytest.fixture
def live(store: StandInStore, home: Path) -> Iterator[LiveRecords]:
    records = LiveRecords(lambda: store, home)
    records.start()
    eventually(lambda: records.not_ready() is None)
    yield records
    records.stop()


def eventually(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def status_of(live: LiveRecords, project_id: str) -> str:
    return str(graded(live.state(), [project_id], now())["results"][0]["status"])


def test_a_first_answer_is_computed_before_the_service_is_ready(
    store: StandInStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def asked_for(state: LiveState, project_ids: list[str], _: pd.Timestamp) -> None:
        assert records.not_ready() is not None
        asked.append(project_ids)
        raise RuntimeError("a site that cannot be answered about keeps nobody waiting")

    monkeypatch.setattr(live_records, "results_of", asked_for)
    records = LiveRecords(lambda: store, home)
    records.start()
    eventually(lambda: records.not_ready() is None)
    records.stop()
    assert asked == [["P1"]]


def test_a_record_just_stored_is_seen_by_the_next_call(live: LiveRecords, store: StandInStore) -> None:
    assert status_of(live, "P3") == "UNKNOWN"
    store.load(projects=NEW_SITE)
    assert status_of(live, "P3") == "ACTIVE"
    assert live.state().store_version == 2


def test_a_withdrawn_record_is_gone_with_the_next_call(live: LiveRecords, store: StandInStore) -> None:
    gone = SITES.iloc[[0]].assign(recorded_at="2025-06-01", withdrawn_at="2025-06-01")
    store.load(projects=gone)
    assert status_of(live, "P1") == "UNKNOWN"
    assert status_of(live, "P2") == "ACTIVE"


def test_a_new_champion_is_taken_over_without_a_restart(live: LiveRecords, home: Path) -> None:
    before = live.state().scorer.model.version
    after = put_in_force(home, load_catalogue().names, seed=2)
    assert before != after
    eventually(lambda: live.state().scorer.model.version == after)


def test_a_broken_champion_is_refused_the_old_one_stays_and_the_next_good_one_is_taken(
    live: LiveRecords, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = live.state().scorer.model.version
    broken = put_in_force(home, load_catalogue().names, seed=3, damage=cut_short)
    eventually(lambda: "differs from its sha256" in caplog.text)
    assert broken in caplog.text
    assert live.state().scorer.model.version == before
    assert live.not_ready() is None
    good = put_in_force(home, load_catalogue().names, seed=4)
    eventually(lambda: live.state().scorer.model.version == good)


def test_a_champion_altered_together_with_its_manifest_is_not_taken(
    live: LiveRecords, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = live.state().scorer.model.version
    put_in_force(home, load_catalogue().names, seed=3, damage=altered_consistently)
    eventually(lambda: "its sha256 should be" in caplog.text)
    assert live.state().scorer.model.version == before


def test_a_champion_that_would_end_the_process_is_refused_though_all_its_hashes_agree(
    live: LiveRecords, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = live.state().scorer.model.version
    sealed_after_the_cut(home)
    eventually(lambda: "in a process of its own" in caplog.text)
    assert live.state().scorer.model.version == before
    assert live.not_ready() is None
    assert live.champion.refusal is not None
    good = put_in_force(home, load_catalogue().names, seed=4)
    eventually(lambda: live.state().scorer.model.version == good)
    eventually(lambda: live.champion.refusal is None)


def test_records_go_on_being_taken_over_while_a_champion_is_tried(
    live: LiveRecords, store: StandInStore, home: Path
) -> None:
    before = live.state().scorer.model.version
    after = put_in_force(home, load_catalogue().names, seed=8)
    time.sleep(1.5)  # the pointer is looked at every second, a trial takes longer
    store.load(projects=NEW_SITE)
    assert status_of(live, "P3") == "ACTIVE"
    assert live.state().scorer.model.version == before
    eventually(lambda: live.state().scorer.model.version == after)


def test_a_champion_trained_on_other_features_is_not_taken(
    live: LiveRecords, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = live.state().scorer.model.version
    put_in_force(home, load_catalogue().names, seed=3, computations={})
    eventually(lambda: "Retrain (siterisk train)" in caplog.text)
    assert live.state().scorer.model.version == before


def test_a_service_whose_only_champion_was_trained_on_other_features_is_not_ready(
    store: StandInStore, tmp_path: Path
) -> None:
    put_in_force(tmp_path, load_catalogue().names, computations={})
    records = LiveRecords(lambda: store, tmp_path)
    records.start()
    eventually(lambda: "Retrain (siterisk train)" in str(records.not_ready()))
    records.stop()


def cut_short(folder: Path) -> None:
    trees = folder / "heads" / "accident" / "booster.txt"
    trees.write_bytes(trees.read_bytes()[:500])


def altered_consistently(folder: Path) -> None:
    files = dict(read_verified(folder).files)
    files["heads/accident/calibration.json"] = as_json({"slope": 0.9, "intercept": -5.0})
    write_model_folder(folder, files)


@pytest.fixture
def on_disk(tmp_path: Path, home: Path) -> Iterator[tuple[LiveRecords, Path]]:
    """A worker over a SQLite store with P1 and P2, and the store's file."""
    file = stored(tmp_path / "store.db", SITES)
    records = LiveRecords(lambda: RecordStore.open(f"sqlite:///{file}", create=False), home)
    records.start()
    eventually(lambda: records.not_ready() is None)
    yield records, file
    records.stop()


def stored(file: Path, *deliveries: pd.DataFrame) -> Path:
    with RecordStore.open(f"sqlite:///{file}") as store:
        for projects in deliveries:
            load({"projects": projects}, store)
    return file


def test_a_store_that_was_deleted_is_not_answered_from_memory(on_disk: tuple[LiveRecords, Path]) -> None:
    live, file = on_disk
    assert status_of(live, "P1") == "ACTIVE"
    file.unlink()
    with pytest.raises(StoreUnavailable, match=r"store\.db"):
        live.state()
    eventually(lambda: live.not_ready() is not None)
    assert not file.exists()


def test_another_store_put_in_its_place_is_read_whatever_its_version(
    on_disk: tuple[LiveRecords, Path], tmp_path: Path
) -> None:
    live, file = on_disk
    for beside in ("-wal", "-shm"):  # what SQLite keeps beside a file belongs to that file
        Path(f"{file}{beside}").unlink(missing_ok=True)
    stored(tmp_path / "other.db", NEW_SITE).replace(file)
    eventually(lambda: status_of(live, "P3") == "ACTIVE")
    assert status_of(live, "P1") == "UNKNOWN"
    assert live.state().store_version == 1


def test_a_backup_put_back_takes_the_records_back(on_disk: tuple[LiveRecords, Path], tmp_path: Path) -> None:
    live, file = on_disk
    with (
        RecordStore.open(f"sqlite:///{file}") as store,
        RecordStore.open(f"sqlite:///{tmp_path}/kept.db") as kept,
    ):
        store.copy_to(kept)
        load({"projects": NEW_SITE}, store)
        eventually(lambda: status_of(live, "P3") == "ACTIVE")
        kept.copy_to(store)
    eventually(lambda: status_of(live, "P3") == "UNKNOWN")
    assert live.state().store_version == 1


def test_without_a_champion_the_service_says_how_to_get_one(store: StandInStore, tmp_path: Path) -> None:
    records = LiveRecords(lambda: store, tmp_path)
    records.start()
    eventually(lambda: "siterisk promote" in str(records.not_ready()))
    with pytest.raises(NotReady, match="siterisk promote"):
        records.state()
    put_in_force(tmp_path, load_catalogue().names)
    eventually(lambda: records.not_ready() is None)
    records.stop()


def test_an_empty_store_is_not_ready(home: Path, store: StandInStore) -> None:
    store.batches.clear()
    records = LiveRecords(lambda: store, home)
    records.start()
    eventually(lambda: "siterisk load" in str(records.not_ready()))
    records.stop()


def test_a_store_that_is_gone_is_said_and_not_answered_around(live: LiveRecords, store: StandInStore) -> None:
    store.reachable = False
    with pytest.raises(StoreUnavailable):
        live.state()
    eventually(lambda: live.not_ready() is not None)
    store.reachable = True
    eventually(lambda: live.not_ready() is None)
    assert status_of(live, "P1") == "ACTIVE"


def violations_of(live: LiveRecords, project_id: str) -> float:
    index = live.state().scorer.index
    return float(index.values(["violations_90d"], [project_id], ["2025-03-01"]).iloc[0, 0])


def test_records_of_several_tables_stored_together_are_seen_together(
    live: LiveRecords, store: StandInStore
) -> None:
    assert violations_of(live, "P1") == 0
    store.load(projects=NEW_SITE, violations=VIOLATION)
    eventually(lambda: live.state().store_version == 2)
    assert (violations_of(live, "P1"), status_of(live, "P3")) == (1, "ACTIVE")


def test_a_failure_after_the_records_were_fed_loses_none_of_them(
    live: LiveRecords, store: StandInStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [MemoryError("once")]
    score_city = LiveState.city_risks

    def once_without_memory(state: LiveState, as_of: pd.Timestamp) -> CityRisks:
        if failures:
            raise failures.pop()
        return score_city(state, as_of)

    monkeypatch.setattr(LiveState, "city_risks", once_without_memory)
    store.load(violations=VIOLATION)
    eventually(lambda: live.state().store_version == 2)
    assert not failures
    assert violations_of(live, "P1") == 1


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The tables of each delivery that was tried to be fed; feeding has a fault of its own."""
    tried: list[set[str]] = []

    def feed(index: FactIndex, deliveries: Tables) -> FactIndex:
        tried.append(set(deliveries))
        raise KeyError("a fault of feeding")

    monkeypatch.setattr(FactIndex, "feed", feed)
    return tried


def test_what_cannot_be_fed_is_read_with_the_whole_store(
    live: LiveRecords, store: StandInStore, tries: list[set[str]]
) -> None:
    store.load(projects=NEW_SITE)
    eventually(lambda: live.state().store_version == 2)
    assert status_of(live, "P3") == "ACTIVE"
    assert tries == [{"projects"}]


def test_requests_do_not_hurry_a_renewal_that_failed(
    live: LiveRecords, store: StandInStore, tries: list[set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(version: int) -> Records:
        raise KeyError("a fault of reading")

    monkeypatch.setattr(live_records, "LOOK_AGAIN_S", 60.0)
    monkeypatch.setattr(store, "records", unreadable)
    store.load(projects=NEW_SITE)
    eventually(lambda: live.state().store_version == 1 and bool(tries))
    for _ in range(20):
        assert live.state().store_version == 1
        time.sleep(0.02)  # the watching thread's chance to try again
    assert tries == [{"projects"}]


def test_a_backup_put_back_while_changes_are_read_is_not_mixed_with_them(
    live: LiveRecords, store: StandInStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The changes are read from a store whose second version is another one than was looked at just before."""
    read_changes, put_back = store.changes_since, FIRST_LOAD + dt.timedelta(days=2)

    def from_the_backup(version: int, *, until: int | None = None) -> Tables:
        store.batches[1] = {"projects": NEW_SITE.assign(project_id="P7")}, put_back
        return read_changes(version, until=until)

    monkeypatch.setattr(store, "changes_since", from_the_backup)
    store.load(projects=NEW_SITE)
    seen = [live.state()]
    eventually(lambda: seen.append(live.state()) or seen[-1].mark.loaded_at == put_back)
    for state in seen:
        of_the_backup = state.scorer.index.status(["P7"], ["2025-06-01"])[0] == "ACTIVE"
        assert of_the_backup == (state.mark.loaded_at == put_back)


def test_percentiles_are_against_the_sites_active_at_the_start_of_the_day(live: LiveRecords) -> None:
    # P2 starts on 15 February: on the 14th P1 is alone, on the 15th both are active.
    alone = graded(live.state(), ["P1"], pd.Timestamp("2025-02-14T18:00:00"))["results"][0]
    both = graded(live.state(), ["P1", "P2"], pd.Timestamp("2025-02-15T18:00:00"))["results"]
    assert alone["percentile"]["accident"] == 100.0
    assert sorted({site["percentile"]["accident"] for site in both}) in ([50.0, 100.0], [100.0])


def test_an_answer_keeps_order_repeats_and_unknown_projects(live: LiveRecords) -> None:
    answer = graded(live.state(), ["P2", "nobody", "P2"], pd.Timestamp("2025-06-01"))
    assert [site["project_id"] for site in answer["results"]] == ["P2", "nobody", "P2"]
    assert answer["results"][0] == answer["results"][2]
    unknown = answer["results"][1]
    assert unknown["status"] == "UNKNOWN"
    assert set(unknown["risks"].values()) == set(unknown["percentile"].values()) == {None}
    assert unknown["facts_latest_recorded_at"] is None
    assert answer["results"][0]["facts_latest_recorded_at"] == "2025-02-01T23:59:59.999999+08:00"
    assert answer["as_of"] == "2025-06-01T00:00:00+08:00"


def test_who_asks_about_a_day_first_keeps_nobody_waiting_who_asks_about_another(
    live: LiveRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, asked, answered = live.state(), threading.Event(), threading.Event()
    state.city_risks(pd.Timestamp("2025-03-10"))
    compute = CityRisks.at

    def slowly(*arguments: object) -> CityRisks:
        asked.set()
        assert answered.wait(60)
        return compute(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(CityRisks, "at", slowly)
    first = threading.Thread(target=state.city_risks, args=[pd.Timestamp("2025-02-20")])
    first.start()
    assert asked.wait(60)
    assert not state.is_ready(pd.Timestamp("2025-02-20T10:00"))
    assert state.is_ready(pd.Timestamp("2025-03-10T10:00"))
    state.city_risks(pd.Timestamp("2025-03-10T10:00"))
    answered.set()
    first.join()
    assert state.is_ready(pd.Timestamp("2025-02-20T10:00"))


def test_a_new_day_is_made_ready_before_anybody_asks(
    live: LiveRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.state().reasons(now())
    tomorrow = now() + pd.Timedelta(days=1)
    assert not live.state().is_ready(tomorrow, with_reasons=True)
    monkeypatch.setattr(live_records, "now", lambda: tomorrow)
    eventually(lambda: live.state().is_ready(tomorrow, with_reasons=True))


def test_the_days_kept_for_percentiles_are_bounded(live: LiveRecords) -> None:
    for day in np.arange("2025-01-10", "2025-03-10", dtype="datetime64[D]"):
        live.state().city_risks(pd.Timestamp(day))
    assert len(live.state()._days) <= 16
