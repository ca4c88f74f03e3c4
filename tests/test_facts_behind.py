"""The facts behind a value are the records it rests on, and they add up to it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import NotFound
from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from tests.random_cities import PROJECTS, moments_of_interest, random_city

CATALOGUE = load_catalogue()
ADDED_UP = ("count", "sum", "sum_days", "trend", "exposure_days")
CARRIED = ("latest", "shortfall", "missing_columns", "delay_days", "highest", "change")
DAYS = ("days_since_latest", "days_since_first", "days_until")


@settings(max_examples=2)
@given(st.integers(0, 2**32 - 1))
def test_the_facts_behind_every_value_add_up_to_it(seed):
    tables, rng = random_city(seed, CATALOGUE), np.random.default_rng(seed)
    index = FactIndex.build(Records.from_tables(tables), CATALOGUE)
    for project, moment in zip(rng.choice(PROJECTS, 2), moments_of_interest(tables, rng, 2), strict=True):
        for feature in CATALOGUE.features:
            if feature.measure not in (*ADDED_UP, *CARRIED, *DAYS):
                continue
            value = index.values([feature.name], [project], [moment]).iloc[0, 0]
            facts = index.facts_behind(feature.name, project, moment)
            assert all(fact.recorded_at <= moment for fact in facts), feature.name
            if math.isnan(value):
                assert not facts, feature.name
            else:
                assert sum(fact.amount for fact in facts) == pytest.approx(value, abs=1e-9), feature.name


@pytest.fixture
def index() -> FactIndex:
    sites = [{"project_id": p, "recorded_at": "2026-01-01", "start_date": "2026-01-01"} for p in ("P1", "P2")]
    parties = [
        {
            "project_id": p,
            "enterprise_id": "E1",
            "role": "GC",
            "valid_from": "2026-01-01",
            "recorded_at": "2026-01-01",
        }
        for p in ("P1", "P2")
    ]
    violations = [
        {"violation_id": "V1", "project_id": "P1", "found_on": "2026-02-01", "recorded_at": "2026-02-03"},
        {"violation_id": "V2", "project_id": "P1", "found_on": "2026-02-05", "recorded_at": "2026-03-20"},
        {"violation_id": "V3", "project_id": "P2", "found_on": "2026-02-06", "recorded_at": "2026-02-06"},
    ]
    visits = [
        {
            "inspection_id": "I1",
            "project_id": "P1",
            "inspected_on": "2026-02-01",
            "recorded_at": "2026-02-01",
            "inspector_refs": "X1;X2",
        }
    ]
    tables = {"projects": sites, "project_parties": parties, "violations": violations, "inspections": visits}
    return index_of(**tables)


def test_a_count_names_its_violations_and_not_one_filed_later(index):
    (fact,) = index.facts_behind("violations_90d", "P1", "2026-03-01")
    assert (fact.table, fact.key, fact.amount) == ("violations", {"violation_id": "V1"}, 1.0)
    assert fact.happened == pd.Timestamp("2026-02-01")
    assert [f.key["violation_id"] for f in index.facts_behind("violations_90d", "P1", "2026-03-21")] == [
        "V2",
        "V1",
    ]


def test_elsewhere_names_the_violations_of_the_other_sites_alone(index):
    facts = index.facts_behind("gc_violations_elsewhere_365d", "P1", "2026-03-01")
    assert [fact.key["violation_id"] for fact in facts] == ["V3"]


def test_a_rate_names_the_facts_of_numerator_and_denominator(index):
    facts = index.facts_behind("violations_per_visit_365d", "P1", "2026-03-01")
    assert {(fact.of, fact.table) for fact in facts} == {
        ("violations_365d", "violations"),
        ("visits_365d", "inspections"),
    }


def test_no_fact_is_behind_a_count_of_a_table_that_has_none_of_the_site(index):
    assert index.values(["visits_365d"], ["P2"], ["2026-03-01"]).iloc[0, 0] == 0
    assert index.facts_behind("visits_365d", "P2", "2026-03-01") == []


def test_no_fact_refers_to_a_person(index):
    (visit,) = index.facts_behind("visits_365d", "P1", "2026-03-01")
    assert "inspector_refs" not in visit.row


def test_records_fed_are_among_the_facts(index):
    row = {"violation_id": "V4", "project_id": "P1", "found_on": "2026-02-20", "recorded_at": "2026-02-21"}
    fed = index.feed(
        {"violations": Records.from_tables({"violations": pd.DataFrame([row])}).table("violations")}
    )
    assert [f.key["violation_id"] for f in fed.facts_behind("violations_90d", "P1", "2026-03-01")] == [
        "V4",
        "V1",
    ]


def test_nothing_is_behind_what_is_not_known(index):
    assert index.facts_behind("violations_90d", "P1", "2025-12-01") == []
    assert index.facts_behind("violations_90d", "P9", "2026-03-01") == []
    assert index.facts_behind("season_sine", "P1", "2026-03-01") == []
    with pytest.raises(NotFound, match="no feature violations"):
        index.facts_behind("violations", "P1", "2026-03-01")


def test_an_index_of_before_names_the_facts_that_it_knew(index):
    row = {"violation_id": "V4", "project_id": "P1", "found_on": "2026-02-20", "recorded_at": "2026-02-21"}
    index.feed({"violations": Records.from_tables({"violations": pd.DataFrame([row])}).table("violations")})
    assert index.values(["violations_90d"], ["P1"], ["2026-03-01"]).iloc[0, 0] == 1
    assert [f.key["violation_id"] for f in index.facts_behind("violations_90d", "P1", "2026-03-01")] == ["V1"]


def test_no_fact_is_behind_a_count_of_a_table_without_any_row():
    sites = [{"project_id": "P1", "recorded_at": "2026-01-01", "start_date": "2026-01-01"}]
    index = index_of(projects=sites)
    assert index.values(["violations_90d"], ["P1"], ["2026-03-01"]).iloc[0, 0] == 0
    assert index.facts_behind("violations_90d", "P1", "2026-03-01") == []


def test_a_violation_that_names_the_contractor_on_a_site_where_it_is_no_party_is_among_its_facts():
    """V1 was found on P2, where nobody is on file as a party, and names E1, the contractor of P1."""
    index = index_of(
        projects=[
            {"project_id": p, "recorded_at": "2026-01-01", "start_date": "2026-01-01"} for p in ("P1", "P2")
        ],
        project_parties=[
            {
                "project_id": "P1",
                "enterprise_id": "E1",
                "role": "GC",
                "valid_from": "2026-01-01",
                "recorded_at": "2026-01-01",
            }
        ],
        violations=[
            {
                "violation_id": "V1",
                "project_id": "P2",
                "enterprise_id": "E1",
                "found_on": "2026-02-01",
                "recorded_at": "2026-02-03",
            },
            {"violation_id": "V0", "project_id": "P1", "found_on": "2026-02-01", "recorded_at": "2026-02-03"},
        ],
    )
    for name, violations in (("gc_violations_1095d", {"V0", "V1"}), ("gc_violations_elsewhere_365d", {"V1"})):
        assert index.values([name], ["P1"], ["2026-03-01"]).iloc[0, 0] == len(violations)
        facts = index.facts_behind(name, "P1", "2026-03-01")
        assert {fact.key["violation_id"] for fact in facts} == violations, name


@pytest.mark.parametrize(
    ("name", "happened", "days"),
    [
        ("days_since_start", "1965-05-01", 22_219),
        ("days_to_planned_finish", "2027-01-01", 306),
        ("days_since_violation", "1969-05-01", 20_758),
    ],
)
def test_days_since_and_until_are_counted_from_what_happened(name, happened, days):
    index = index_of(
        projects=[
            {
                "project_id": "P1",
                "recorded_at": "2026-01-01",
                "start_date": "1965-05-01",
                "planned_finish_date": "2027-01-01",
            }
        ],
        violations=[
            {"violation_id": "V1", "project_id": "P1", "found_on": "1969-05-01", "recorded_at": "2026-01-01"}
        ],
    )
    (fact,) = index.facts_behind(name, "P1", "2026-03-01")
    assert (fact.happened, fact.amount) == (pd.Timestamp(happened), days)
    assert index.values([name], ["P1"], ["2026-03-01"]).iloc[0, 0] == days


def index_of(**tables: list[dict]) -> FactIndex:
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    return FactIndex.build(Records.from_tables(frames), CATALOGUE)
