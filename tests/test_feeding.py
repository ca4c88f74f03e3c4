"""An index fed with records equals one built from all of them, to the last bit, however they arrive."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.contract import contract
from data_contracts.errors import InvalidInput
from data_contracts.records import Records
from data_contracts.typed_tables import in_order
from features import city_facts, fed_changes, feeding
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from features.fed_changes import FedChanges
from tests.interruption import is_interrupted
from tests.random_cities import NARROW, PROJECTS, WIDE, Ids, moments_of_interest, random_city

CATALOGUE = load_catalogue()
NAMES = [feature.name for feature in CATALOGUE.features]
SEEDS = st.integers(0, 2**32 - 1)
MOMENTS = ["2026-03-01", "2026-02-02"]

Tables = dict[str, pd.DataFrame]


def dealt_out(tables: Tables, deliveries: int, rng: np.random.Generator) -> list[Tables]:
    """Rows of all tables but the renamings in several deliveries, whatever their order in time."""
    typed = {name: as_typed(name, rows) for name, rows in tables.items()}
    parts: list[Tables] = [{} for _ in range(deliveries)]
    for name, rows in typed.items():
        turn = np.zeros(len(rows), int) if name == "aliases" else rng.integers(0, deliveries, len(rows))
        for number, part in enumerate(parts):
            part[name] = rows[turn == number].reset_index(drop=True)
    return parts


def built(*parts: Tables) -> FactIndex:
    """The index of all parts together; of two rows with the same key and `recorded_at` the later counts."""
    names = dict.fromkeys(name for part in parts for name in part)
    whole = {
        name: pd.concat([as_typed(name, part[name]) for part in parts if name in part], ignore_index=True)
        for name in names
    }
    return FactIndex.build(Records.from_tables(whole), CATALOGUE)


def as_typed(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    return Records.from_tables({name: rows}).table(name)


def fed(parts: list[Tables]) -> FactIndex:
    """The index of the first part, fed with the others; renamings are in the first alone."""
    index = built(parts[0])
    for part in parts[1:]:
        index = index.feed({name: rows for name, rows in part.items() if name != "aliases"})
    return index


class Answers(NamedTuple):
    """All that an index says of some sites at some moments."""

    cells: np.ndarray
    status: list[str]
    recorded: list[str]
    sites: list[list[str]]


def answers(index: FactIndex, projects: Sequence[str], moments: Sequence[pd.Timestamp]) -> Answers:
    return Answers(
        index.cells(NAMES, projects, moments),
        index.status(projects, moments).tolist(),
        index.latest_recorded_at(projects, moments).astype(str).tolist(),
        [index.sites(moment).tolist() for moment in moments[:3]],
    )


def assert_alike(found: Answers, expected: Answers) -> None:
    differ = (found.cells != expected.cells) & ~(np.isnan(found.cells) & np.isnan(expected.cells))
    assert not differ.any(), [name for name, column in zip(NAMES, differ.T, strict=True) if column.any()]
    assert found[1:] == expected[1:]


def assert_same(
    one: FactIndex, other: FactIndex, projects: Sequence[str], moments: Sequence[pd.Timestamp]
) -> None:
    assert_alike(answers(one, projects, moments), answers(other, projects, moments))


def asked(tables: Tables, ids: Ids, rng: np.random.Generator) -> tuple[list[str], list[pd.Timestamp]]:
    """Sites and moments at which something happens, two for each site that there is."""
    count = max(12, 2 * len(ids.projects))
    return [str(p) for p in rng.choice(ids.projects, count)], moments_of_interest(tables, rng, count)


def corrected(parts: list[Tables], other: Tables, rng: np.random.Generator) -> list[Tables]:
    """The parts, each after the first also with corrections of earlier rows, of the same moment as these."""
    later = [dict(part) for part in parts]
    for number, part in enumerate(later[1:], start=1):
        for name in sorted(part.keys() - {"aliases"}):
            earlier = pd.concat([before[name] for before in later[:number]], ignore_index=True)
            said = as_typed(name, other[name])
            key = [*contract(name).key, "recorded_at"]
            rows = earlier.iloc[rng.integers(0, len(earlier), 2 if len(earlier) else 0)][key]
            rows = rows.reset_index(drop=True).join(said.drop(columns=key).head(len(rows)))
            both = pd.concat([part[name], rows], ignore_index=True).drop_duplicates(key, keep="last")
            part[name] = in_order(contract(name), both[part[name].columns])
    return later


@settings(max_examples=3)
@given(SEEDS, st.integers(2, 4))
def test_what_is_fed_equals_what_is_built(seed, deliveries):
    assert_fed_equals_built(seed, deliveries, WIDE)


@settings(max_examples=2)
@given(SEEDS, st.integers(2, 4))
def test_what_is_fed_equals_what_is_built_where_everyone_is_connected(seed, deliveries):
    assert_fed_equals_built(seed, deliveries, NARROW)


def assert_fed_equals_built(seed: int, deliveries: int, ids: Ids) -> None:
    tables, rng = random_city(seed, CATALOGUE, ids=ids), np.random.default_rng(seed)
    parts = dealt_out(tables, deliveries, rng)
    assert_same(fed(parts), built(*parts), *asked(tables, ids, rng))


@settings(max_examples=2)
@given(SEEDS)
def test_corrections_of_the_same_moment_fed_equal_those_built(seed):
    tables, rng = random_city(seed, CATALOGUE, ids=WIDE), np.random.default_rng(seed)
    other = random_city(seed + 1, CATALOGUE, ids=WIDE)
    parts = corrected(dealt_out(tables, 3, rng), other, rng)
    assert_same(fed(parts), built(*parts), *asked(tables, WIDE, rng))


@settings(max_examples=2)
@given(SEEDS)
def test_who_holds_an_index_of_before_is_answered_as_before(seed):
    tables, rng = random_city(seed, CATALOGUE, ids=WIDE), np.random.default_rng(seed)
    projects, moments = asked(tables, WIDE, rng)
    first, *later = dealt_out(tables, 4, rng)
    indices, said = [built(first)], []
    for part in later:
        said.append(answers(indices[-1], projects, moments))
        indices.append(indices[-1].feed({name: rows for name, rows in part.items() if name != "aliases"}))
    for index, before in zip(indices[:-1], said, strict=True):
        assert_alike(answers(index, projects, moments), before)


@settings(max_examples=2)
@given(SEEDS)
def test_records_fed_one_by_one_and_new_ids_are_the_same_too(seed):
    """The last records of every table come alone, one after the other; the first sites know nothing of them."""
    tables, rng = random_city(seed, CATALOGUE, facts=4), np.random.default_rng(seed)
    typed = {name: as_typed(name, rows) for name, rows in tables.items()}
    begun = {name: rows if name == "aliases" else rows.head(len(rows) // 2) for name, rows in typed.items()}
    index = FactIndex.build(Records.from_tables(begun), CATALOGUE)
    for name, rows in typed.items():
        for place in range(len(begun[name]), min(len(rows), len(begun[name]) + 3)):
            index = index.feed({name: rows.iloc[[place]].reset_index(drop=True)})
            begun[name] = rows.head(place + 1)
    projects, moments = [str(p) for p in rng.choice(PROJECTS, 8)], moments_of_interest(tables, rng, 8)
    assert_same(index, FactIndex.build(Records.from_tables(begun), CATALOGUE), projects, moments)


@settings(max_examples=2)
@given(SEEDS)
def test_rows_supposed_count_as_rows_fed_and_leave_no_trace(seed):
    """New sites, firms and words among them; the index goes on being fed as if nobody had supposed anything."""
    tables, rng = random_city(seed, CATALOGUE, ids=WIDE), np.random.default_rng(seed)
    begun, supposed, later = dealt_out(tables, 3, rng)
    del supposed["aliases"], later["aliases"]
    rows = supposed | {"projects": pd.concat([supposed["projects"], never_heard_of(supposed["projects"])])}
    index, (projects, moments) = built(begun), asked(tables, WIDE, rng)
    projects, moments = [*projects, "P-NEW"], [*moments, pd.Timestamp("2026-01-01")]
    numbered = len(index.city.projects), len(index.city.enterprises)
    assert_same(index.supposing(rows), index.supposing(rows).feed({}), projects, moments)
    assert (len(index.city.projects), len(index.city.enterprises)) == numbered
    assert_same(index.supposing(rows), built(begun, rows), projects, moments)
    assert_same(index.feed(later), built(begun, later), projects, moments)
    assert_same(index, built(begun), projects, moments)


def never_heard_of(projects: pd.DataFrame) -> pd.DataFrame:
    """A site in a district, of a category and a use that no record has named."""
    new = {"project_id": "P-NEW", "region_code": "310199", "category": "UNHEARD", "use_type": "UNHEARD"}
    return projects.head(1).assign(**new, recorded_at=pd.Timestamp("2024-05-05"), withdrawn_at=pd.NaT)


def test_a_correction_of_the_same_moment_takes_the_place_of_the_record(records_of_two_sites):
    tables, moment = records_of_two_sites, ["2026-03-01"]
    index = FactIndex.build(Records.from_tables(tables), CATALOGUE)
    assert index.values(["violations_90d"], ["P1"], moment).iloc[0, 0] == 1
    moved = typed("violations", [{**tables["violations"].iloc[0], "project_id": "P2"}])
    later = index.feed({"violations": moved})
    assert later.values(["violations_90d"], ["P1", "P2"], moment * 2)["violations_90d"].tolist() == [0, 1]
    # who still holds the index of before is answered as before
    assert index.values(["violations_90d"], ["P1", "P2"], moment * 2)["violations_90d"].tolist() == [1, 0]


def test_a_violation_corrected_to_a_lesser_one_at_the_same_moment_counts_no_longer(records_of_two_sites):
    serious = pd.DataFrame([{**records_of_two_sites["violations"].iloc[0], "severity": "major"}])
    index = built(records_of_two_sites | {"violations": serious})
    lesser = index.feed({"violations": typed("violations", [{**serious.iloc[0], "severity": "general"}])})
    names, asked_of = ["serious_violations_90d", "violations_90d"], (["P1"], ["2026-03-01"])
    assert lesser.values(names, *asked_of).iloc[0].tolist() == [0, 1]
    assert index.values(names, *asked_of).iloc[0].tolist() == [1, 1]


def test_a_record_moved_to_another_site_is_no_longer_the_latest_of_the_first(records_of_two_sites):
    index = built(records_of_two_sites)
    moved = {**records_of_two_sites["violations"].iloc[0], "project_id": "P2"}
    later, asked_of = (
        index.feed({"violations": typed("violations", [moved])}),
        (["P1", "P2"], ["2026-03-01"] * 2),
    )
    filed, begun = "2026-02-02T10:00:00.000000", "2026-01-01T23:59:59.999999"
    assert later.latest_recorded_at(*asked_of).astype(str).tolist() == [begun, filed]
    assert index.latest_recorded_at(*asked_of).astype(str).tolist() == [filed, begun]


def test_a_delivery_fed_again_to_the_index_of_before_counts_once(records_of_two_sites):
    """Whoever fed it first failed afterwards and tries again."""
    index = built(records_of_two_sites)
    delivery = {
        "violations": typed(
            "violations", [{**records_of_two_sites["violations"].iloc[0], "violation_id": "V2"}]
        )
    }
    first, again = index.feed(delivery), index.feed(delivery)
    for one, violations in ((first, 2), (again, 2), (index, 1)):
        assert one.values(["violations_90d"], ["P1"], ["2026-03-01"]).iloc[0, 0] == violations
    assert_same(again, built(records_of_two_sites, delivery), ["P1", "P2"], MOMENTS)


def test_a_delivery_fed_twice_in_a_row_counts_once(records_of_two_sites):
    delivery = {
        "violations": typed(
            "violations", [{**records_of_two_sites["violations"].iloc[0], "violation_id": "V2"}]
        )
    }
    once = built(records_of_two_sites).feed(delivery)
    twice = once.feed(delivery)
    assert twice.values(["violations_90d"], ["P1"], ["2026-03-01"]).iloc[0, 0] == 2
    assert_same(twice, once, ["P1", "P2"], MOMENTS)


def test_rows_in_any_order_are_fed(records_of_two_sites):
    """V2 is found again under its key and moves to P2, although it came after V9."""
    first = records_of_two_sites["violations"].iloc[0]
    rows = [
        {**first, "violation_id": v, "project_id": p} for v, p in (("V9", "P2"), ("V3", "P1"), ("V2", "P1"))
    ]
    moved = [{**rows[2], "project_id": "P2", "recorded_at": "2026-02-05"}]
    upside_down = typed("violations", rows).iloc[::-1].reset_index(drop=True)
    index = built(records_of_two_sites).feed({"violations": upside_down})
    index = index.feed({"violations": typed("violations", moved)})
    violations = index.values(["violations_90d"], ["P1", "P2"], ["2026-03-01"] * 2)["violations_90d"]
    assert violations.tolist() == [2, 2]  # V1 and V3; V9 and V2


def test_a_feed_that_fails_anywhere_loses_nothing_and_is_made_good_by_trying_again(records_of_two_sites):
    """Each time a later call fails, until none does; every delivery names a new site in a new district."""
    index, parts, at, was_interrupted = built(records_of_two_sites), [records_of_two_sites], 1, True
    while was_interrupted:
        part = one_more_site(len(parts))
        known = [f"N{number}" for number in range(1, len(parts) + 1)] + ["P1", "P2"]
        moments = ["2026-03-01"] * len(known)
        before = answers(index, known, moments)
        was_interrupted = is_interrupted(lambda: index.feed(part), at, feeding, city_facts, fed_changes)  # noqa: B023
        assert_alike(answers(index, known, moments), before)
        index = index.feed(part)
        parts.append(part)
        at = at * 3 // 2 + 1
    assert len(parts) > 8
    assert_same(index, built(*parts), known, moments)


def one_more_site(number: int) -> Tables:
    """A new site with a violation, in a district of its own, and V1 as it was, on that site."""
    site = {
        "project_id": f"N{number}",
        "recorded_at": "2026-01-01",
        "start_date": "2026-01-01",
        "region_code": f"3101{number:02}",
    }
    found = {"found_on": "2026-02-01", "project_id": site["project_id"], "severity": "general"}
    violations = [
        {**found, "violation_id": "V1", "recorded_at": "2026-02-02T10:00:00"},
        {**found, "violation_id": f"N{number}", "recorded_at": "2026-02-03"},
    ]
    return {"projects": typed("projects", [site]), "violations": typed("violations", violations)}


@pytest.mark.parametrize("first_named_by", ["a project", "a warning", "a feed that failed"])
def test_a_warning_for_the_whole_city_is_in_force_in_a_district_not_heard_of_before(
    first_named_by, records_of_two_sites, monkeypatch
):
    whole_city = {
        "warning_id": "W1",
        "region_code": "310000",
        "signal": "TYPHOON",
        "level": "YELLOW",
        "issued_at": "2026-02-01T08:00:00",
        "recorded_at": "2026-02-01T09:00:00",
    }
    heat = {**whole_city, "warning_id": "W2", "region_code": "310115", "signal": "HEAT"}
    site = {
        "project_id": "P3",
        "recorded_at": "2026-01-01",
        "start_date": "2026-01-01",
        "region_code": "310115",
    }
    index = built(records_of_two_sites | {"weather_warnings": pd.DataFrame([whole_city])})
    sites = {"projects": typed("projects", [site])}
    if first_named_by == "a warning":
        index = index.feed({"weather_warnings": typed("weather_warnings", [heat])})
    elif first_named_by == "a feed that failed":
        with monkeypatch.context() as broken, pytest.raises(MemoryError):
            broken.setattr(FedChanges, "with_sums", out_of_memory)
            index.feed(sites)
    index = index.feed(sites)
    found = index.values(["wind_signals_in_force", "highest_weather_level"], ["P3"], ["2026-03-01"])
    assert found.iloc[0].tolist() == [1, 2]


def out_of_memory(*_: object) -> FedChanges:
    raise MemoryError


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


def test_what_a_feature_over_many_sites_rests_on_is_refused_with_the_way_out(records_of_two_sites):
    """The latest violation of a contractor on all its sites: no catalogue of ours has it, another may."""
    latest = dataclasses.replace(
        CATALOGUE.feature("gc_violations_1095d"),
        name="gc_days_since_violation",
        measure="days_since_latest",
        window_days=None,
    )
    catalogue = dataclasses.replace(CATALOGUE, features=(*CATALOGUE.features, latest))
    index = FactIndex.build(Records.from_tables(records_of_two_sites), catalogue)
    assert not index.takes({"violations"})
    assert not index.takes({"project_parties"})  # who the contractor is, and so which sites are its
    assert index.takes({"inspections"})
    party = {
        "project_id": "P1",
        "enterprise_id": "E1",
        "role": "GC",
        "valid_from": "2026-01-01",
        "recorded_at": "2026-01-01",
    }
    with pytest.raises(InvalidInput, match="build the index again"):
        index.feed({"project_parties": typed("project_parties", [party])})


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
