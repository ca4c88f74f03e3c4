"""Rates, exposure, groups and defects of delivered projects, worked out by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex

CATALOGUE = load_catalogue()


def city(**tables: list[dict]) -> FactIndex:
    """Sites P1 and P2 of one district, P3 of another, under way since 2024."""
    sites = [
        {"project_id": name, "recorded_at": "2023-12-31", "start_date": "2024-01-01", "region_code": region}
        for name, region in (("P1", "310115"), ("P2", "310115"), ("P3", "310104"))
    ]
    rows = {"projects": sites} | tables
    return FactIndex.build(
        Records.from_tables({name: pd.DataFrame(table) for name, table in rows.items()}), CATALOGUE
    )


def value(index: FactIndex, name: str, day: str, project: str = "P1") -> float:
    return float(index.values([name], [project], [day])[name].iloc[0])


def visits(*told: tuple[str, str], **more: object) -> list[dict]:
    """Visits of (project, day), on file the same evening."""
    return [
        {"inspection_id": f"I{n}", "project_id": project, "inspected_on": day, "recorded_at": day} | more
        for n, (project, day) in enumerate(told)
    ]


def found(*told: tuple[str, str], **more: object) -> list[dict]:
    return [
        {"violation_id": f"V{n}", "project_id": project, "found_on": day, "recorded_at": day} | more
        for n, (project, day) in enumerate(told)
    ]


def party(project: str, enterprise: str, since: str, until: str | None = None, recorded: str | None = None):
    held = {"project_id": project, "enterprise_id": enterprise, "role": "GC", "valid_from": since}
    return held | {"valid_to": until, "recorded_at": recorded or since}


def test_a_rate_of_a_site_never_visited_is_that_of_the_city():
    index = city(
        inspections=visits(*[("P2", "2024-02-01")] * 4), violations=found(*[("P2", "2024-02-01")] * 2)
    )
    assert value(index, "violations_per_visit_365d", "2024-03-01", "P1") == 0.5


def test_the_more_visits_the_less_a_rate_is_drawn_toward_the_city():
    index = city(
        inspections=visits(("P1", "2024-02-01"), *[("P2", "2024-02-01")] * 4),
        violations=found(("P1", "2024-02-01"), ("P1", "2024-02-01"), *[("P2", "2024-02-01")] * 3),
    )
    # the city has 5 violations on 5 visits; a weight of four visits: (2 + 4 * 1) / (1 + 4)
    assert value(index, "violations_per_visit_365d", "2024-03-01", "P1") == pytest.approx(6 / 5)


def test_the_rate_of_the_city_is_the_one_known_at_the_moment():
    late = [row | {"recorded_at": "2024-06-01"} for row in found(*[("P2", "2024-02-01")] * 2)]
    index = city(inspections=visits(*[("P2", "2024-02-01")] * 4), violations=late)
    assert value(index, "violations_per_visit_365d", "2024-05-01", "P1") == 0
    assert value(index, "violations_per_visit_365d", "2024-06-02", "P1") == 0.5


def test_site_days_count_the_days_of_the_window_only():
    index = city()
    assert value(index, "site_days_365d", "2024-01-31") == 30
    assert value(index, "site_days_365d", "2026-01-31") == 365


def test_site_days_of_a_contractor_end_when_it_leaves_and_run_out_of_the_window():
    left = party("P2", "E1", "2024-01-01", "2024-03-01", "2024-03-01")
    index = city(project_parties=[party("P1", "E1", "2024-01-01"), left])
    assert value(index, "gc_site_days_elsewhere_365d", "2024-12-01") == 60
    assert value(index, "gc_site_days_elsewhere_365d", "2025-01-11") == 20 + 29  # from 12 January
    assert value(index, "gc_site_days_elsewhere_365d", "2026-01-01") == 0


def test_a_site_that_ended_on_an_unknown_day_gives_no_exposure():
    ended = {
        "project_id": "P9",
        "recorded_at": "2024-05-01",
        "start_date": "2024-01-01",
        "status": "COMPLETED",
    }
    assert value(city(projects=[ended]), "site_days_365d", "2024-06-01", "P9") == 0


def test_accidents_of_the_district_leave_out_the_site_and_other_districts():
    accidents = [
        {"accident_id": f"A{n}", "project_id": site, "occurred_on": "2024-02-01", "recorded_at": "2024-02-02"}
        for n, site in enumerate(["P1", "P2", "P2", "P3"])
    ]
    index = city(accidents=accidents)
    assert [value(index, "district_accidents_1095d", "2024-03-01", p) for p in ("P1", "P2", "P3")] == [
        2,
        1,
        0,
    ]


def test_a_site_in_a_district_merged_since_belongs_to_its_successor():
    merged = {
        "project_id": "P4",
        "recorded_at": "2023-12-31",
        "start_date": "2024-01-01",
        "region_code": "310119",
    }
    here = merged | {"project_id": "P1", "region_code": "310115"}
    accident = {
        "accident_id": "A",
        "project_id": "P4",
        "occurred_on": "2024-02-01",
        "recorded_at": "2024-02-02",
    }
    index = city(projects=[merged, here], accidents=[accident])
    assert value(index, "district_accidents_1095d", "2024-03-01") == 1


def test_a_warning_for_the_whole_city_is_in_force_in_every_district_until_lifted():
    warning = {
        "warning_id": "W1", "region_code": "310000", "signal": "TYPHOON", "level": "ORANGE",
        "issued_at": "2024-07-01T08:00", "recorded_at": "2024-07-01T08:00", "lifted_at": "2024-07-02T08:00",
    }  # fmt: skip
    index = city(weather_warnings=[warning])
    assert [value(index, "wind_signals_in_force", "2024-07-02T07:59", p) for p in ("P1", "P3")] == [1, 1]
    assert value(index, "highest_weather_level", "2024-07-02T07:59") == 3
    assert value(index, "wind_signals_in_force", "2024-07-02T08:00") == 0


def test_the_team_that_came_last_is_judged_by_all_its_visits():
    told = visits(("P1", "2024-02-01"), ("P2", "2024-02-02"), team_ref="T1", disposal="NONE")
    told[1]["disposal"] = "STOP"
    index = city(inspections=told)
    assert value(index, "team_stop_visits_365d", "2024-03-01") == 1
    assert value(index, "team_visits_365d", "2024-03-01") == 2
    assert pd.isna(value(index, "team_visits_365d", "2024-03-01", "P3"))


def test_rectification_in_time_is_counted_by_the_day_it_was_due():
    told = found(*[("P1", "2024-02-01")] * 3, rectify_due_on="2024-02-10")
    for row, done in zip(told, ("2024-02-10", "2024-02-11", None), strict=True):
        row |= {"rectified_on": done, "recorded_at": "2024-02-12"}
    index = city(violations=told)
    assert value(index, "rectification_due_365d", "2024-03-01") == 3
    assert value(index, "rectified_in_time_365d", "2024-03-01") == 1
    assert value(index, "mean_rectification_days_365d", "2024-03-01") == (9 + 10) / 2


def test_a_defect_belongs_to_who_held_the_role_at_completion_and_a_building_counts_once():
    delivered = {
        "project_id": "P2", "recorded_at": "2024-03-02", "start_date": "2023-01-01", "finish_date": "2024-03-01",
    }  # fmt: skip
    defect = {
        "project_id": "P2",
        "reported_on": "2024-06-01",
        "recorded_at": "2024-06-01",
        "is_verified": True,
    }
    defects = [defect | {"defect_id": f"D{n}", "building_ref": b} for n, b in enumerate(("B1", "B1", "B2"))]
    parties = [
        party("P2", "E1", "2023-01-01", "2024-01-01", "2024-01-01"),
        party("P2", "E2", "2024-01-01", "2024-03-01", "2024-03-01"),
        party("P1", "E1", "2024-01-01"),
        party("P3", "E2", "2024-01-01"),
    ]
    sites = [{"project_id": p, "recorded_at": "2023-12-31", "start_date": "2024-01-01"} for p in ("P1", "P3")]
    index = city(projects=[*sites, delivered], project_parties=parties, defects=defects)
    assert value(index, "gc_defective_buildings_1095d", "2024-07-01", "P3") == 2
    assert value(index, "gc_defective_buildings_1095d", "2024-07-01", "P1") == 0


def test_a_change_is_against_what_was_known_then():
    told = visits(("P1", "2024-01-10"), ("P1", "2024-06-10"))
    told[0]["safety_score"], told[1]["safety_score"] = 85, 78
    index = city(inspections=told)
    assert value(index, "safety_score_change_180d", "2024-08-01") == -7
    assert pd.isna(value(index, "safety_score_change_180d", "2024-06-15"))


def test_the_highest_scaffold_still_standing_counts():
    scaffold = {
        "project_id": "P1",
        "code": "SCAF_LAND",
        "parameter_kind": "height_m",
        "started_on": "2024-02-01",
    }
    works = [
        scaffold | {"work_id": "W1", "parameter_value": 50, "finished_on": "2024-05-01"},
        scaffold | {"work_id": "W2", "parameter_value": 30},
    ]
    index = city(dangerous_works=[work | {"recorded_at": "2024-02-01"} for work in works])
    assert value(index, "scaffold_height_m", "2024-04-30") == 50
    assert value(index, "scaffold_height_m", "2024-05-01") == 30


def test_audit_columns_are_computed_for_the_contractor():
    firm = {
        "enterprise_id": "E1",
        "recorded_at": "2024-01-01",
        "registered_region": "外省市",
        "ownership": "民营",
    }
    index = city(project_parties=[party("P1", "E1", "2024-01-01")], enterprises=[firm])
    assert value(index, "gc_registered_elsewhere", "2024-03-01") == 1
    assert value(index, "gc_state_owned", "2024-03-01") == 0
    assert not {"gc_registered_elsewhere", "gc_state_owned"} & set(CATALOGUE.names)
