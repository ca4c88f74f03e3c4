"""Laws that hold for every feature of the catalogue, found by going through it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.contract import contract
from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from features.feature import Feature
from tests.random_cities import PROJECTS, moments_of_interest, random_city
from tests.slow_reference import SlowCity

CATALOGUE = load_catalogue()
NAMES = [feature.name for feature in CATALOGUE.features]
SEEDS = st.integers(0, 2**32 - 1)
OF_INPUTS = ("input_state", "inputs_late", "inputs_missing")
A_YEAR = pd.Timedelta(days=365)


def index_of(tables: dict[str, pd.DataFrame]) -> FactIndex:
    return FactIndex.build(Records.from_tables(tables), CATALOGUE)


def asked(
    seed: int, tables: dict[str, pd.DataFrame], count: int = 12
) -> tuple[list[str], list[pd.Timestamp]]:
    rng = np.random.default_rng(seed)
    return [str(p) for p in rng.choice(PROJECTS, count)], moments_of_interest(tables, rng, count)


def values(tables: dict[str, pd.DataFrame], projects: list[str], moments: list[pd.Timestamp]) -> pd.DataFrame:
    return index_of(tables).values(NAMES, projects, moments)


def with_more(tables: dict[str, pd.DataFrame], more: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {name: pd.concat([table, more[name]], ignore_index=True) for name, table in tables.items()}


@settings(max_examples=8)
@given(SEEDS)
def test_every_feature_equals_the_slow_reference(seed):
    tables = random_city(seed, CATALOGUE)
    projects, moments = asked(seed, tables, count=4)
    fast, slow = values(tables, projects, moments), SlowCity(Records.from_tables(tables), CATALOGUE)
    for feature in CATALOGUE.features:
        expected = [slow.value(feature, p, m) for p, m in zip(projects, moments, strict=True)]
        np.testing.assert_allclose(fast[feature.name], expected, rtol=1e-12, atol=1e-12, err_msg=feature.name)


@settings(max_examples=4)
@given(SEEDS)
def test_the_order_of_rows_changes_nothing(seed):
    tables = random_city(seed, CATALOGUE)
    projects, moments = asked(seed, tables)
    shuffled = {name: table.sample(frac=1, random_state=seed) for name, table in tables.items()}
    pd.testing.assert_frame_equal(
        values(tables, projects, moments), values(shuffled, projects, moments), check_exact=True
    )


@settings(max_examples=4)
@given(SEEDS)
def test_facts_recorded_after_the_moment_change_nothing(seed):
    tables = random_city(seed, CATALOGUE)
    projects, moments = asked(seed, tables)
    moment = min(moments)
    later = {
        name: table.assign(recorded_at=table["recorded_at"].clip(moment)) for name, table in tables.items()
    }
    later = {
        name: table.assign(
            recorded_at=table["recorded_at"] + pd.to_timedelta(np.arange(1, len(table) + 1), unit="s")
        )
        for name, table in later.items()
    }
    same = [moment] * len(projects)
    pd.testing.assert_frame_equal(
        values(tables, projects, same), values(with_more(tables, later), projects, same), check_exact=True
    )


@settings(max_examples=4)
@given(SEEDS)
def test_the_same_facts_delivered_again_later_change_nothing(seed):
    """Every last version is delivered once more, with a later recorded_at and the same content."""
    tables = random_city(seed, CATALOGUE)
    records = Records.from_tables(tables)
    again = {}
    for name in tables:
        last = records.table(name).drop_duplicates(list(contract(name).key), keep="last")
        again[name] = last.assign(recorded_at=last["recorded_at"] + pd.Timedelta(minutes=5))
    projects, moments = asked(seed, tables)
    moments = [moment + pd.Timedelta(minutes=6) for moment in moments]
    stored = {name: records.table(name) for name in tables}
    before, after = values(stored, projects, moments), values(with_more(stored, again), projects, moments)
    pd.testing.assert_frame_equal(before, after, check_exact=True)


@settings(max_examples=4)
@given(SEEDS)
def test_facts_of_an_unrelated_project_and_its_parties_change_nothing(seed):
    """Strangers of other districts, categories, agencies and teams; what speaks of the whole city is left out."""
    tables = random_city(seed, CATALOGUE)
    strangers = {name: unrelated(table) for name, table in random_city(seed + 1, CATALOGUE).items()}
    projects, moments = asked(seed, tables)
    before = values(tables, projects, moments)
    after = values(with_more(tables, strangers), projects, moments)
    own = [feature.name for feature in CATALOGUE.features if not speaks_of_the_city(feature)]
    assert len(own) > 200
    pd.testing.assert_frame_equal(before[own], after[own], check_exact=True)


def unrelated(table: pd.DataFrame) -> pd.DataFrame:
    """The table with every id and every group replaced by ones that occur nowhere else."""
    renamed = {column: f"X{column}" for column in ("region_code", "agency_code", "team_ref")}
    renamed |= {column: "X" for column in table if column.endswith("_id") and column != "scheme_id"}
    renamed |= {"category": "X"} if "investment_project_code" in table else {}
    changed = {column: mark + table[column] for column, mark in renamed.items() if column in table}
    return table.assign(**changed)


def speaks_of_the_city(feature: Feature) -> bool:
    if feature.measure in OF_INPUTS:  # whether the city delivers a table at all
        return True
    return feature.group == "city" or any(speaks_of_the_city(CATALOGUE.feature(p)) for p in feature.parts)


@settings(max_examples=4)
@given(SEEDS)
def test_a_row_of_the_matrix_does_not_depend_on_the_others(seed):
    tables = random_city(seed, CATALOGUE)
    projects, moments = asked(seed, tables)
    index = index_of(tables)
    together = index.values(NAMES, projects, moments)
    alone = [index.values(NAMES, [p], [m]) for p, m in zip(projects, moments, strict=True)]
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True), check_exact=True)


@settings(max_examples=3)
@given(SEEDS)
def test_reading_only_what_was_known_then_changes_nothing(seed):
    """known_until may cut the records at the moment asked about: nothing later was used."""
    tables = random_city(seed, CATALOGUE)
    projects, moments = asked(seed, tables)
    same = [moments[0]] * len(projects)
    cut = FactIndex.build(Records.from_tables(tables).known_until(moments[0]), CATALOGUE)
    pd.testing.assert_frame_equal(
        values(tables, projects, same), cut.values(NAMES, projects, same), check_exact=True
    )


def tables_of(feature: Feature) -> set[str | None]:
    """The tables a feature reads, itself or through its parts."""
    return {feature.table}.union(*(tables_of(CATALOGUE.feature(part)) for part in feature.parts)) - {None}


OF_EVENTS = [
    f.name
    for f in CATALOGUE.features
    if tables_of(f) and "projects" not in tables_of(f) and f.measure not in OF_INPUTS
]


@pytest.mark.parametrize("seed", range(3))
def test_no_event_survives_when_every_recording_is_shifted_by_a_year(seed):
    """The leak test: what was recorded a year later was not known, whatever day it happened."""
    tables = random_city(seed, CATALOGUE)
    moment = max(pd.Timestamp(table["recorded_at"].max()) for table in tables.values())
    shifted = {
        name: table if name == "projects" else table.assign(recorded_at=moment + A_YEAR)
        for name, table in tables.items()
    }
    before = values(tables, list(PROJECTS), [moment] * 3)
    after = values(shifted, list(PROJECTS), [moment] * 3)
    assert len(OF_EVENTS) > 180
    assert before[OF_EVENTS].fillna(0).ne(0).any().sum() > 100
    assert after[OF_EVENTS].fillna(0).eq(0).all(axis=None)


@pytest.mark.parametrize("seed", range(5))
def test_every_value_lies_in_the_declared_range(seed):
    tables = random_city(seed, CATALOGUE, facts=30)
    matrix = values(tables, *asked(seed, tables, count=60))
    for feature in CATALOGUE.features:
        low, high = feature.range
        found = matrix[feature.name].dropna()
        assert found.between(-math.inf if low is None else low, math.inf if high is None else high).all(), (
            feature.name
        )
