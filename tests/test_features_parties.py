"""Enterprises speak through the roles they hold on a site, as known at the moment."""

from __future__ import annotations

import pandas as pd

from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex


def city(**tables: dict[str, list]) -> FactIndex:
    """Two sites, P1 and P2, on file since 2023."""
    tables = {
        "projects": {
            "project_id": ["P1", "P2"],
            "recorded_at": ["2023-12-01"] * 2,
            "start_date": ["2023-12-01"] * 2,
        }
    } | tables
    records = Records.from_tables({name: pd.DataFrame(columns) for name, columns in tables.items()})
    return FactIndex.build(records, load_catalogue())


def parties(*rows: tuple[str, str, str, str | None, str], role: str = "GC") -> dict[str, list]:
    """Rows of (project, enterprise, valid_from, valid_to, recorded_at)."""
    names = ("project_id", "enterprise_id", "valid_from", "valid_to", "recorded_at")
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)} | {
        "role": [role] * len(rows)
    }


def violations(*rows: tuple[str | None, str | None, str | None, str]) -> dict[str, list]:
    """Rows of (project, enterprise, role, found_on), on file the same evening."""
    columns = list(zip(*rows, strict=True))
    return {
        "violation_id": [f"V{number}" for number in range(len(rows))],
        "project_id": list(columns[0]),
        "enterprise_id": list(columns[1]),
        "role": list(columns[2]),
        "found_on": list(columns[3]),
        "recorded_at": list(columns[3]),
    }


def value(index: FactIndex, name: str, as_of: str, project: str = "P1") -> float:
    return float(index.values([name], [project], [as_of])[name].iloc[0])


BOTH = parties(
    ("P1", "E1", "2024-01-01", None, "2024-01-01"),
    ("P2", "E1", "2024-01-01", None, "2024-01-01"),
)
ELSEWHERE, EVERYWHERE = "gc_violations_elsewhere_365d", "gc_violations_1095d"


def test_a_violation_on_the_contractors_other_site_counts_as_elsewhere():
    index = city(project_parties=BOTH, violations=violations(("P2", None, None, "2024-03-01")))
    assert [value(index, ELSEWHERE, "2024-04-01", p) for p in ("P1", "P2")] == [1, 0]
    assert [value(index, EVERYWHERE, "2024-04-01", p) for p in ("P1", "P2")] == [1, 1]


def test_the_rate_elsewhere_is_per_other_site_of_the_contractor():
    held = parties(
        ("P1", "E1", "2024-01-01", None, "2024-01-01"),
        ("P2", "E1", "2024-01-01", "2024-02-01", "2024-01-01"),
        ("P3", "E1", "2024-01-01", None, "2024-01-01"),
    )
    found = violations(*[("P2", None, None, "2024-01-15")] * 3)
    index = city(project_parties=held, violations=found)
    assert value(index, "gc_violations_per_site_elsewhere_365d", "2024-06-01") == 1.5


def test_a_site_left_within_the_year_still_is_exposure_and_then_no_more():
    held = parties(
        ("P1", "E1", "2024-01-01", None, "2024-01-01"),
        ("P2", "E1", "2024-01-01", "2024-02-01", "2024-01-01"),
    )
    index = city(project_parties=held)
    assert value(index, "gc_projects_elsewhere_365d", "2025-01-30") == 1
    assert value(index, "gc_projects_elsewhere_365d", "2025-02-01") == 0


def test_a_violation_belongs_to_who_held_the_role_on_the_day():
    held = parties(
        ("P2", "E1", "2024-01-01", "2024-03-01", "2024-01-01"),
        ("P2", "E2", "2024-03-01", None, "2024-03-01"),
        ("P1", "E1", "2024-01-01", None, "2024-01-01"),
    )
    before = violations(("P2", None, None, "2024-02-29"))
    after = violations(("P2", None, None, "2024-03-01"))
    assert value(city(project_parties=held, violations=before), ELSEWHERE, "2024-04-01") == 1
    assert value(city(project_parties=held, violations=after), ELSEWHERE, "2024-04-01") == 0


def test_a_site_looks_at_the_contractor_known_at_the_moment():
    held = parties(
        ("P1", "E1", "2024-01-01", None, "2024-01-01"),
        ("P1", "E1", "2024-01-01", "2024-03-01", "2024-03-10"),
        ("P1", "E2", "2024-03-01", None, "2024-03-10"),
    )
    index = city(project_parties=held, violations=violations((None, "E2", None, "2024-02-01")))
    assert value(index, EVERYWHERE, "2024-03-10") == 0
    assert value(index, EVERYWHERE, "2024-03-11") == 1


def test_a_violation_of_an_enterprise_alone_counts_for_it_and_labels_no_site():
    index = city(project_parties=BOTH, violations=violations((None, "E1", None, "2024-03-01")))
    assert value(index, ELSEWHERE, "2024-04-01") == 1
    assert value(index, "violations_365d", "2024-04-01") == 0


def test_a_named_enterprise_answers_instead_of_the_contractor():
    index = city(project_parties=BOTH, violations=violations(("P2", "E9", None, "2024-03-01")))
    assert value(index, EVERYWHERE, "2024-04-01") == 0


def test_a_violation_of_the_supervisor_is_not_the_contractors():
    index = city(project_parties=BOTH, violations=violations(("P2", None, "SUPV", "2024-03-01")))
    assert value(index, EVERYWHERE, "2024-04-01") == 0


def test_an_accident_belongs_to_the_contractor_of_the_site_beside_the_employer_named():
    accident = {
        "accident_id": ["A1"],
        "project_id": ["P2"],
        "enterprise_id": ["E9"],
        "occurred_on": ["2024-03-01"],
        "recorded_at": ["2024-03-05"],
    }
    index = city(project_parties=BOTH, accidents=accident)
    assert value(index, "gc_accidents_365d", "2024-04-01") == 1
    assert value(index, "site_accidents_365d", "2024-04-01") == 0


def test_an_enterprise_entered_twice_in_a_role_has_its_violation_once():
    held = parties(
        ("P1", "E1", "2024-01-01", None, "2024-01-01"),
        ("P2", "E1", "2024-01-01", None, "2024-01-01"),
        ("P2", "E1", "2024-01-15", None, "2024-01-15"),
    )
    index = city(project_parties=held, violations=violations(("P2", None, None, "2024-03-01")))
    assert value(index, ELSEWHERE, "2024-04-01") == 1


def test_a_site_without_a_contractor_on_file_has_missing_contractor_features():
    index = city(violations=violations((None, "E1", None, "2024-03-01")))
    assert pd.isna(value(index, EVERYWHERE, "2024-04-01"))


def test_of_two_contractors_on_site_the_one_that_joined_last_is_looked_at():
    held = parties(
        ("P1", "E1", "2024-01-01", None, "2024-01-01"),
        ("P1", "E2", "2024-02-01", None, "2024-02-01"),
    )
    index = city(project_parties=held, violations=violations((None, "E2", None, "2024-01-10")))
    assert value(index, EVERYWHERE, "2024-03-01") == 1


def credit(**columns: list) -> dict[str, list]:
    rows = len(columns["effective_from"])
    return {
        "enterprise_id": ["E1"] * rows,
        "scheme_id": ["SH_CONSTRUCTION"] * rows,
        "recorded_at": columns["effective_from"],
    } | columns


def test_a_credit_score_is_used_while_it_is_valid_only():
    scores = credit(effective_from=["2024-01-01"], score=[66.0], valid_until=["2024-07-01"])
    index = city(project_parties=BOTH, credit_records=scores)
    assert value(index, "gc_credit_score", "2024-06-30T23:59") == 66
    assert pd.isna(value(index, "gc_credit_score", "2024-07-01"))


def test_a_repaired_score_gives_way_to_the_one_before_it_that_still_holds():
    scores = credit(
        effective_from=["2024-01-01", "2024-03-01"],
        score=[80.0, 55.0],
        valid_until=["2025-01-01", "2025-01-01"],
        repaired_at=[None, "2024-05-01T12:00"],
    )
    index = city(project_parties=BOTH, credit_records=scores)
    assert [value(index, "gc_credit_score", day) for day in ("2024-02-01", "2024-04-01", "2024-06-01")] == [
        80,
        55,
        80,
    ]


def test_a_score_of_another_scheme_is_not_mixed_in():
    scores = credit(effective_from=["2024-01-01"], score=[3.0]) | {"scheme_id": ["SAMR_RISK"]}
    index = city(project_parties=BOTH, credit_records=scores)
    assert pd.isna(value(index, "gc_credit_score", "2024-06-01"))


def test_subcontractors_on_site_are_counted_once_each():
    held = parties(
        ("P1", "S1", "2024-01-01", None, "2024-01-01"),
        ("P1", "S1", "2024-02-01", None, "2024-02-01"),
        ("P1", "S2", "2024-01-01", "2024-03-01", "2024-01-01"),
        role="SUB_LAB",
    )
    index = city(project_parties=held)
    assert value(index, "subcontractors_on_site", "2024-02-15") == 2
    assert value(index, "subcontractors_on_site", "2024-03-01") == 1


def test_a_score_that_has_expired_does_not_bring_the_one_before_it_back():
    scores = credit(
        effective_from=["2022-01-01", "2022-06-01"], score=[95.0, 40.0], valid_until=[None, "2023-01-01"]
    )
    index = city(
        projects={"project_id": ["P1"], "recorded_at": ["2021-12-01"], "start_date": ["2021-12-01"]},
        project_parties=parties(("P1", "E1", "2022-01-01", None, "2022-01-01")),
        credit_records=scores,
    )
    assert value(index, "gc_credit_score", "2022-05-31") == 95
    assert value(index, "gc_credit_score", "2022-12-31") == 40
    assert pd.isna(value(index, "gc_credit_score", "2023-01-01"))


def test_a_score_withdrawn_as_a_mistake_gives_way_to_the_one_before_it():
    scores = credit(
        effective_from=["2024-01-01", "2024-03-01"],
        score=[95.0, 40.0],
        withdrawn_at=[None, "2024-05-01T12:00"],
    )
    index = city(project_parties=BOTH, credit_records=scores)
    assert [value(index, "gc_credit_score", day) for day in ("2024-04-01", "2024-06-01")] == [40, 95]


def finished(**of_p2: list) -> dict[str, list]:
    """P1 goes on; P2 is on file in several versions."""
    versions = len(of_p2["recorded_at"])
    columns = {"project_id": ["P2"] * versions, "start_date": ["2023-12-01"] * versions} | of_p2
    first = {name: None for name in columns} | {
        "project_id": "P1", "start_date": "2023-12-01", "recorded_at": "2023-12-01"
    }  # fmt: skip
    return {name: [first[name], *values] for name, values in columns.items()}


def test_a_finished_site_is_no_exposure_of_its_contractor_a_year_later_though_nobody_closed_the_role():
    site = finished(recorded_at=["2023-12-01", "2024-03-10"], finish_date=[None, "2024-03-01"])
    index = city(projects=site, project_parties=BOTH)
    days = ("2024-03-05", "2025-02-28", "2025-03-01", "2030-01-01")
    assert [value(index, "gc_projects_elsewhere_365d", day) for day in days] == [1, 1, 0, 0]
    assert value(index, "gc_projects_elsewhere_365d", "2030-01-01", "P2") == 1


def test_a_site_finished_without_a_day_ends_when_it_first_came_on_file_as_finished():
    site = finished(
        recorded_at=["2023-12-01", "2024-03-10T00:00", "2024-09-10T00:00"],
        status=["ACTIVE", "COMPLETED", "COMPLETED"],
    )
    index = city(projects=site, project_parties=BOTH)
    assert [value(index, "gc_projects_elsewhere_365d", day) for day in ("2025-03-09", "2025-03-10")] == [1, 0]


def test_a_finish_taken_back_makes_the_site_exposure_again():
    site = finished(
        recorded_at=["2023-12-01", "2024-03-10", "2025-06-01"], finish_date=[None, "2024-03-01", None]
    )
    index = city(projects=site, project_parties=BOTH)
    assert [value(index, "gc_projects_elsewhere_365d", day) for day in ("2025-05-01", "2025-07-01")] == [0, 1]


def test_the_contractor_of_a_finished_site_still_answers_for_it():
    site = finished(recorded_at=["2023-12-01", "2024-03-10"], finish_date=[None, "2024-03-01"])
    index = city(projects=site, project_parties=BOTH, violations=violations(("P1", None, None, "2026-01-01")))
    assert value(index, EVERYWHERE, "2026-02-01", "P2") == 1
