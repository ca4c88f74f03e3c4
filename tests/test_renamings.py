"""The history of a renamed, merged or split project or enterprise counts for its new id, as known at the moment."""

from __future__ import annotations

import pandas as pd

from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex

CATALOGUE = load_catalogue()


def city(aliases: list[dict], **tables: list[dict]) -> FactIndex:
    """Sites P1, P2 and P3; E2 is the contractor of P1, E1 was that of P2."""
    sites = [
        {"project_id": name, "recorded_at": "2023-12-01", "start_date": "2023-12-01"}
        for name in ("P1", "P2", "P3")
    ]
    parties = [
        {"project_id": site, "enterprise_id": firm, "role": "GC", "valid_from": "2024-01-01"}
        for site, firm in (("P1", "E2"), ("P2", "E1"))
    ]
    rows = {"projects": sites, "project_parties": [row | {"recorded_at": "2024-01-01"} for row in parties]}
    rows |= tables | {"aliases": aliases}
    return FactIndex.build(
        Records.from_tables({name: pd.DataFrame(table) for name, table in rows.items()}), CATALOGUE
    )


def alias(old: str, new: str, on: str = "2024-05-01", recorded: str | None = None, **more: object) -> dict:
    kind = "PROJECT" if old.startswith("P") else "ENTERPRISE"
    return {
        "kind": kind, "old_id": old, "new_id": new, "effective_on": on, "recorded_at": recorded or on,
    } | more  # fmt: skip


def violation(name: str, **of: object) -> dict:
    return {"violation_id": name, "found_on": "2024-03-01", "recorded_at": "2024-03-01"} | of


def value(index: FactIndex, name: str, day: str, project: str = "P1") -> float:
    return float(index.values([name], [project], [day])[name].iloc[0])


ON_P2 = [violation("V1", project_id="P2")]


def test_violations_of_the_old_lot_count_for_the_new_one_from_when_the_alias_is_on_file():
    index = city([alias("P2", "P3", recorded="2024-05-10")], violations=ON_P2)
    days = ("2024-05-10", "2024-05-11")
    assert [value(index, "violations_365d", day, "P3") for day in days] == [0, 1]
    assert [value(index, "violations_365d", day, "P2") for day in days] == [1, 1]


def test_an_alias_on_file_early_waits_for_the_day_it_takes_effect():
    index = city([alias("P2", "P3", on="2024-06-01", recorded="2024-05-10")], violations=ON_P2)
    assert [value(index, "violations_365d", day, "P3") for day in ("2024-05-31", "2024-06-01")] == [0, 1]


def test_a_withdrawn_alias_passes_nothing_on():
    gone = alias("P2", "P3") | {"recorded_at": "2024-06-01", "withdrawn_at": "2024-06-01T00:00"}
    index = city([alias("P2", "P3"), gone], violations=ON_P2)
    assert [value(index, "violations_365d", day, "P3") for day in ("2024-05-20", "2024-06-02")] == [1, 0]


def test_history_is_followed_over_several_renamings():
    index = city(
        [alias("P2", "P0"), alias("P0", "P3")], violations=[*ON_P2, violation("V2", project_id="P0")]
    )
    assert value(index, "violations_365d", "2024-06-01", "P3") == 2


def test_a_merged_firm_has_the_record_of_both():
    index = city([alias("E1", "E2")], violations=[*ON_P2, violation("V2", enterprise_id="E1")])
    assert value(index, "gc_violations_1095d", "2024-04-01") == 0
    assert value(index, "gc_violations_1095d", "2024-06-01") == 2
    assert value(index, "gc_violations_elsewhere_365d", "2024-06-01") == 2


def test_a_site_whose_parties_still_name_the_old_firm_is_asked_about_the_new_one():
    index = city([alias("E2", "E3")], violations=[violation("V1", enterprise_id="E3")])
    assert value(index, "gc_violations_1095d", "2024-04-01") == 0
    assert value(index, "gc_violations_1095d", "2024-06-01") == 1


def test_the_contractor_of_the_old_lot_is_that_of_the_new_one():
    index = city([alias("P2", "P3")], violations=[violation("V1", enterprise_id="E1")])
    assert pd.isna(value(index, "gc_violations_1095d", "2024-04-01", "P3"))
    assert value(index, "gc_violations_1095d", "2024-06-01", "P3") == 1


def test_what_happened_under_the_lots_old_id_did_not_happen_elsewhere():
    index = city([alias("P2", "P3")], violations=ON_P2)
    assert value(index, "gc_violations_1095d", "2024-06-01", "P3") == 1
    assert value(index, "gc_violations_elsewhere_365d", "2024-06-01", "P3") == 0


def test_a_lot_renamed_back_and_forth_counts_each_fact_once():
    index = city([alias("P2", "P3"), alias("P3", "P2")], violations=ON_P2)
    assert [value(index, "violations_365d", "2024-06-01", p) for p in ("P2", "P3")] == [1, 1]
