"""An index fed with records equals one built from all of them, to the last bit, however they arrive."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.contract import contract
from data_contracts.errors import InvalidInput
from data_contracts.records import Records
from data_contracts.typed_tables import in_order
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from tests.random_cities import PROJECTS, moments_of_interest, random_city

CATALOGUE = load_catalogue()
NAMES = [feature.name for feature in CATALOGUE.features]
SEEDS = st.integers(0, 2**32 - 1)

Tables = dict[str, pd.DataFrame]


def dealt_out(tables: Tables, deliveries: int, rng: np.random.Generator) -> list[Tables]:
    """Rows of all tables but the renamings in several deliveries, whatever their order in time."""
    typed = {name: Records.from_tables({name: rows}).table(name) for name, rows in tables.items()}
    parts: list[Tables] = [{} for _ in range(deliveries)]
    for name, rows in typed.items():
        turn = np.zeros(len(rows), int) if name == "aliases" else rng.integers(0, deliveries, len(rows))
        for number, part in enumerate(parts):
            part[name] = rows[turn == number].reset_index(drop=True)
    return parts


def fed(parts: list[Tables]) -> FactIndex:
    index = FactIndex.build(Records.from_tables(parts[0]), CATALOGUE)
    for part in parts[1:]:
        index = index.feed({name: rows for name, rows in part.items() if name != "aliases"})
    return index


def assert_same(one: FactIndex, other: FactIndex, projects: list[str], moments: list[pd.Timestamp]) -> None:
    found, expected = one.cells(NAMES, projects, moments), other.cells(NAMES, projects, moments)
    differ = (found != expected) & ~(np.isnan(found) & np.isnan(expected))
    assert not differ.any(), [name for name, column in zip(NAMES, differ.T, strict=True) if column.any()]
    assert one.status(projects, moments).tolist() == other.status(projects, moments).tolist()
    np.testing.assert_array_equal(
        one.latest_recorded_at(projects, moments), other.latest_recorded_at(projects, moments)
    )
    for moment in moments[:3]:
        assert one.sites(moment).tolist() == other.sites(moment).tolist()


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(2, 4))
def test_what_is_fed_equals_what_is_built(seed, deliveries):
    tables, rng = random_city(seed, CATALOGUE), np.random.default_rng(seed)
    projects, moments = [str(p) for p in rng.choice(PROJECTS, 12)], moments_of_interest(tables, rng, 12)
    whole = FactIndex.build(Records.from_tables(tables), CATALOGUE)
    assert_same(fed(dealt_out(tables, deliveries, rng)), whole, projects, moments)


@settings(max_examples=5, deadline=None)
@given(SEEDS)
def test_records_fed_one_by_one_and_new_ids_are_the_same_too(seed):
    """The last records of every table come alone, one after the other; the first sites know nothing of them."""
    tables, rng = random_city(seed, CATALOGUE, facts=4), np.random.default_rng(seed)
    typed = {name: Records.from_tables({name: rows}).table(name) for name, rows in tables.items()}
    begun = {name: rows if name == "aliases" else rows.head(len(rows) // 2) for name, rows in typed.items()}
    index = FactIndex.build(Records.from_tables(begun), CATALOGUE)
    for name, rows in typed.items():
        for place in range(len(begun[name]), min(len(rows), len(begun[name]) + 3)):
            index = index.feed({name: rows.iloc[[place]].reset_index(drop=True)})
            begun[name] = rows.head(place + 1)
    projects, moments = [str(p) for p in rng.choice(PROJECTS, 8)], moments_of_interest(tables, rng, 8)
    assert_same(index, FactIndex.build(Records.from_tables(begun), CATALOGUE), projects, moments)


def test_a_correction_of_the_same_moment_takes_the_place_of_the_record(records_of_two_sites):
    tables, moment = records_of_two_sites, ["2026-03-01"]
    index = FactIndex.build(Records.from_tables(tables), CATALOGUE)
    assert index.values(["violations_90d"], ["P1"], moment).iloc[0, 0] == 1
    moved = typed("violations", [{**tables["violations"].iloc[0], "project_id": "P2"}])
    later = index.feed({"violations": moved})
    assert later.values(["violations_90d"], ["P1", "P2"], moment * 2)["violations_90d"].tolist() == [0, 1]
    # who still holds the index of before is answered as before
    assert index.values(["violations_90d"], ["P1", "P2"], moment * 2)["violations_90d"].tolist() == [1, 0]


def test_a_site_that_nobody_had_heard_of_is_answered_once_fed(records_of_two_sites):
    index = FactIndex.build(Records.from_tables(records_of_two_sites), CATALOGUE)
    row = {"project_id": "P0", "recorded_at": "2026-01-05", "start_date": "2026-01-01", "pit_depth_m": 7.5}
    index = index.feed({"projects": typed("projects", [row])})
    assert index.values(["pit_depth_m"], ["P0"], ["2026-02-01"]).iloc[0, 0] == 7.5
    assert index.sites("2026-02-01").tolist() == ["P0", "P1", "P2"]


def test_renamings_are_refused_with_the_way_out(records_of_two_sites):
    index = FactIndex.build(Records.from_tables(records_of_two_sites), CATALOGUE)
    with pytest.raises(InvalidInput, match="build the index again"):
        index.feed({"aliases": typed("aliases", [])})


def test_feeding_nothing_changes_nothing(records_of_two_sites):
    index = FactIndex.build(Records.from_tables(records_of_two_sites), CATALOGUE)
    assert index.feed({}) is index
    assert index.feed({"violations": typed("violations", [])}) is index


@pytest.fixture
def records_of_two_sites() -> Tables:
    sites = pd.DataFrame(
        [{"project_id": p, "recorded_at": "2026-01-01", "start_date": "2026-01-01"} for p in ("P1", "P2")]
    )
    violation = {
        "violation_id": "V1",
        "found_on": "2026-02-01",
        "recorded_at": "2026-02-02T10:00:00",
        "project_id": "P1",
        "severity": "general",
    }
    return {"projects": sites, "violations": pd.DataFrame([violation])}


def typed(name: str, rows: list[dict]) -> pd.DataFrame:
    """Rows as the store hands them out."""
    if not rows:
        return Records.from_tables({}).table(name)
    return in_order(contract(name), Records.from_tables({name: pd.DataFrame(rows)}).table(name))
