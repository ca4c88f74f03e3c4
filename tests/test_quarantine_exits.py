"""When a row leaves quarantine and when it stays: no row is called corrected because another one looks like it."""

from __future__ import annotations

import pandas as pd
import sqlalchemy as sa

from data_contracts.intake import load
from data_contracts.quality_report import IntakeReport
from data_contracts.record_store import RecordStore
from tests.deliveries import NOW, PROJECTS, table

VIOLATIONS = "violation_id, project_id, found_on, recorded_at, points\n"
VISITS = "inspection_id, project_id, inspected_on, recorded_at, hazards_found\n"


def take(store: RecordStore, *, days: int = 0, stamp: bool = False, **tables: str) -> IntakeReport:
    """Load frames of texts some days after NOW."""
    drawn = {name: table(text) for name, text in tables.items()}
    return load(drawn, store, now=NOW + pd.Timedelta(days=days), stamp_missing=stamp)


def held(store: RecordStore, name: str, *columns: str) -> list[tuple[object, ...]]:
    """What the store holds, as plain tuples."""
    return list(store.read(name)[list(columns)].astype(object).itertuples(index=False, name=None))


def open_rules(store: RecordStore) -> list[str]:
    """The rules of the open entries."""
    return sorted(store.quarantine()["rule"])


def test_an_old_version_delivered_again_does_not_correct_a_row_without_a_readable_moment(
    store: RecordStore,
) -> None:
    old = f"{VIOLATIONS}V1, P1, 2024-03-01, 2024-03-02, 1"
    take(store, projects=PROJECTS, violations=old)
    take(store, violations=f"{VIOLATIONS}V1, P1, 2024-03-01, soon, 3")
    assert take(store, days=1, violations=old).tables["violations"].resolved == 0
    assert open_rules(store) == ["not_a_moment"]
    corrected = take(store, days=2, violations=f"{VIOLATIONS}V1, P1, 2024-03-01, 2024-03-09, 3")
    assert corrected.tables["violations"].resolved == 1
    assert store.quarantine().empty


def test_a_twin_on_record_does_not_correct_a_row_without_an_id(store: RecordStore) -> None:
    twin = f"{VIOLATIONS}V1, P1, 2024-03-01, 2024-03-02, 1"
    take(store, projects=PROJECTS, violations=f"{twin}\n, P1, 2024-03-01, 2024-03-02, 1")
    assert take(store, days=1, violations=twin).tables["violations"].resolved == 0
    assert len(store.quarantine()) == 1
    take(store, days=2, violations=f"{VIOLATIONS}V2, P1, 2024-03-01, 2024-03-02, 1")
    assert store.quarantine().empty


def test_one_correction_closes_one_of_two_rows_that_differ_in_their_broken_ids_alone(
    store: RecordStore,
) -> None:
    broken = "".join(f"{name}, P1, 2024-03-01, 2024-03-02, 1\n" for name in ("=A1", "=A2"))
    take(store, projects=PROJECTS, violations=VIOLATIONS + broken)
    assert len(store.quarantine()) == 2
    for number, left in ((1, 1), (2, 0)):
        row = f"V{number}, P1, 2024-03-01, 2024-03-02, 1"
        assert take(store, days=number, violations=VIOLATIONS + row).tables["violations"].resolved == 1
        assert len(store.quarantine()) == left


def test_a_newer_version_on_record_does_not_correct_an_older_row_that_came_later(store: RecordStore) -> None:
    newer = f"{VIOLATIONS}V1, P1, 2024-03-01, 2024-03-09, 1"
    take(store, projects=PROJECTS, violations=newer)
    take(store, days=1, violations=f"{VIOLATIONS}V1, P1, 2024-03-01, 2024-03-02, many")
    take(store, days=2, violations=newer)
    assert len(store.quarantine()) == 1


def test_a_mistyped_project_put_right_by_a_later_version_leaves_quarantine(store: RecordStore) -> None:
    take(store, projects=PROJECTS, inspections=f"{VISITS}V1, P9, 2024-03-01, 2024-03-02, 1")
    report = take(store, days=1, inspections=f"{VISITS}V1, P1, 2024-03-01, 2024-03-05, 1")
    assert report.tables["inspections"].resolved == 1
    assert store.quarantine().empty
    take(store, days=2, projects="project_id, recorded_at, start_date\nP9, 2024-06-01, 2024-01-01")
    assert held(store, "inspections", "inspection_id", "project_id") == [("V1", "P1")]


def test_a_mistyped_project_that_is_still_delivered_stays(store: RecordStore) -> None:
    mistyped = f"{VISITS}V1, P9, 2024-03-01, 2024-03-02, 1"
    take(store, projects=PROJECTS, inspections=mistyped)
    take(store, days=1, inspections=f"{mistyped}\nV1, P1, 2024-03-01, 2024-03-05, 1")
    assert open_rules(store) == ["unknown_parent"]


def test_a_waiting_row_corrected_while_it_waits_is_released_in_its_last_form(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    for hazards in (1, 2):
        take(store, days=hazards, inspections=f"{VISITS}V1, P3, 2024-03-01, 2024-03-02, {hazards}")
    assert open_rules(store) == ["unknown_parent"]
    report = take(store, days=3, projects="project_id, recorded_at, start_date\nP3, 2024-04-01, 2024-01-01")
    assert report.tables["inspections"].released == 1
    assert held(store, "inspections", "hazards_found") == [(2,)]
    assert store.quarantine().empty


def test_a_broken_row_corrected_into_a_waiting_one_waits_once(store: RecordStore) -> None:
    take(store, projects=PROJECTS, inspections=f"{VISITS}V1, P3, 2024-03-01, 2024-03-02, many")
    take(store, days=1, inspections=f"{VISITS}V1, P3, 2024-03-01, 2024-03-02, 2")
    assert open_rules(store) == ["unknown_parent"]


def test_a_correction_stamped_on_the_day_of_a_bare_date_takes_effect(store: RecordStore) -> None:
    header = "project_id, start_date, name"
    take(store, projects=f"{header}, recorded_at\nP1, 2024-01-01, a, {NOW.date()}")
    report = take(store, stamp=True, projects=f"{header}\nP1, 2024-01-01, b")
    assert report.tables["projects"].corrections == 1
    end_of_day = NOW.normalize() + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    assert held(store, "projects", "recorded_at", "name") == [(end_of_day, "b")]
    again = take(store, stamp=True, projects=f"{header}\nP1, 2024-01-01, b").tables["projects"]
    assert (again.stored, again.unchanged) == (0, 1)


def test_a_stamped_row_beside_the_dated_one_that_it_contradicts_is_ambiguous(store: RecordStore) -> None:
    drawn = f"project_id, start_date, name, recorded_at\nP1, 2024-01-01, a, {NOW.date()}\n"
    take(store, projects=drawn)
    report = take(store, stamp=True, projects=drawn + "P1, 2024-01-01, b, ")
    assert report.tables["projects"].quarantined == 2
    assert set(open_rules(store)) == {"ambiguous_version"}


def test_the_corrections_of_rows_without_ids_are_looked_up_together(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    statements: list[str] = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda *called: statements.append(called[2]))
    asked = []
    for first, count in ((50, 1), (100, 2), (200, 60)):
        numbers = range(first, first + count)
        rows = "".join(f"P1, 2024-03-01, 2024-03-02, 1, {number}\n" for number in numbers)
        header = "violation_id, project_id, found_on, recorded_at, points, item_count\n"
        take(store, violations=header + "".join(f", {row}\n" for row in rows.splitlines()))
        statements.clear()
        named = "".join(f"V{n}, {row}\n" for n, row in zip(numbers, rows.splitlines(), strict=True))
        assert take(store, violations=header + named).tables["violations"].resolved == count
        asked.append(len(statements))
    assert asked[1] == asked[2]
