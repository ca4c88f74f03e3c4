"""What becomes of the rows of a delivery, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from data_contracts.intake import check, load
from data_contracts.quality_report import IntakeReport
from data_contracts.record_store import RecordStore
from tests.deliveries import NOW, PROJECTS, row_counts, table, write_csv


def take(store: RecordStore, **tables: str) -> IntakeReport:
    """Load frames of texts."""
    return load({name: table(drawn) for name, drawn in tables.items()}, store, now=NOW)


def outcome(report: IntakeReport, name: str) -> tuple[int, int, int, int]:
    """Rows in, stored, unchanged, quarantined."""
    taken = report.tables[name]
    return taken.rows_in, taken.stored, taken.unchanged, taken.quarantined


def held(store: RecordStore, name: str, *columns: str) -> list[tuple[object, ...]]:
    """What the store holds, as plain tuples."""
    return list(store.read(name)[list(columns)].astype(object).itertuples(index=False, name=None))


def open_rules(store: RecordStore) -> list[tuple[str, str]]:
    """Key and rule of the open entries of the quarantine."""
    return sorted(store.quarantine()[["record_key", "rule"]].itertuples(index=False, name=None))


def test_every_row_is_stored_or_unchanged_or_in_quarantine(store: RecordStore) -> None:
    report = take(
        store,
        projects=PROJECTS,
        inspections="""
            inspection_id, project_id, inspected_on, recorded_at, hazards_found
            V1, P1, 2024-03-01, 2024-03-02, 3
            V2, P1, 2024-03-01, 2024-03-02, three
            V3, P9, 2024-03-01, 2024-03-02, 1
            V1, P1, 2024-03-01, 2024-03-02, 3
        """,
    )
    assert outcome(report, "inspections") == (4, 1, 1, 2)
    assert open_rules(store) == [("V2", "not_an_integer"), ("V3", "unknown_parent")]
    assert held(store, "inspections", "inspection_id", "hazards_found") == [("V1", 3)]


def test_loading_the_same_folder_twice_changes_nothing(store: RecordStore, tmp_path: Path) -> None:
    folder = write_csv(
        tmp_path / "in",
        projects=PROJECTS,
        inspections="""
            inspection_id, project_id, inspected_on, recorded_at, safety_score
            V1, P1, 2024-03-01, 2024-03-02, 81.5
            V2, P1, 2024-03-01, soon, 70
            V3, P9, 2024-03-01, 2024-03-02, 70
        """,
    )
    load(folder, store, now=NOW)
    version, entries, fingerprint = store.version(), store.quarantine(), store.records().fingerprint
    again = load(folder, store, now=NOW + pd.Timedelta(hours=1))
    assert outcome(again, "projects") == (2, 0, 2, 0)
    assert outcome(again, "inspections") == (3, 0, 1, 2)
    assert store.version() == version
    assert store.records().fingerprint == fingerprint
    assert store.quarantine().drop(columns="last_seen").equals(entries.drop(columns="last_seen"))


def test_a_newer_version_is_kept_beside_the_older_one(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    report = take(
        store,
        projects="project_id, recorded_at, start_date, name\nP1, 2024-05-05, 2024-01-01, 张江一标（更名）",
    )
    assert outcome(report, "projects") == (1, 1, 0, 0)
    assert report.tables["projects"].corrections == 0
    assert held(store, "projects", "project_id", "name") == [
        ("P1", "张江一标"),
        ("P1", "张江一标（更名）"),
        ("P2", "张江二标"),
    ]


def test_other_content_for_the_same_moment_is_a_back_dated_correction(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    first = store.version()
    report = take(
        store, projects="project_id, recorded_at, start_date, name\nP1, 2024-01-02, 2024-01-01, 更正"
    )
    taken = report.tables["projects"]
    assert (taken.stored, taken.corrections) == (1, 1)
    assert taken.warnings["recorded_at", "back_dated_correction"].count == 1
    assert held(store, "projects", "project_id", "name") == [("P1", "更正"), ("P2", "张江二标")]
    assert store.read("projects", first)["name"].tolist() == ["张江一标", "张江二标"]


def test_a_correction_taken_back_is_a_third_version_not_an_unchanged_row(store: RecordStore) -> None:
    header = "project_id, recorded_at, start_date, name\n"
    for name in ("a", "b", "a"):
        report = take(store, projects=f"{header}P1, 2024-01-02, 2024-01-01, {name}")
        assert outcome(report, "projects") == (1, 1, 0, 0)
    assert held(store, "projects", "name") == [("a",)]
    assert store.version() == 3


def test_two_contents_for_one_version_in_one_delivery_are_both_put_aside(store: RecordStore) -> None:
    report = take(
        store,
        projects="""
            project_id, recorded_at, start_date, name
            P1, 2024-01-02, 2024-01-01, a
            P2, 2024-01-02, 2024-01-01, b
            P1, 2024-01-02, 2024-01-01, c
            P1, 2024-01-02, 2024-01-01, a
        """,
    )
    assert outcome(report, "projects") == (4, 1, 0, 3)
    assert set(open_rules(store)) == {("P1", "ambiguous_version")}
    assert held(store, "projects", "project_id") == [("P2",)]


def test_an_ambiguous_version_is_found_across_chunks(store: RecordStore) -> None:
    rows = table(
        "project_id, recorded_at, start_date\n" + "\n".join(f"P{n}, 2024-01-02, 2024-01-01" for n in range(9))
    )
    again = rows.iloc[[0]].assign(start_date="2024-01-05")
    report = load({"projects": pd.concat([rows, again])}, store, now=NOW, chunk_rows=2)
    assert outcome(report, "projects") == (10, 8, 0, 2)


def test_a_row_equal_to_the_store_and_contradicted_in_the_same_delivery_changes_nothing(
    store: RecordStore,
) -> None:
    take(store, projects=PROJECTS)
    report = take(
        store,
        projects="""
            project_id, recorded_at, start_date, name
            P1, 2024-01-02, 2024-01-01, 张江一标
            P1, 2024-01-02, 2024-01-01, other
        """,
    )
    assert outcome(report, "projects") == (2, 0, 0, 2)
    assert held(store, "projects", "name") == [("张江一标",), ("张江二标",)]


def test_missing_kind_counts_as_a_value_of_the_key(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    works = """
        work_id, project_id, code, recorded_at, parameter_kind, parameter_value
        W1, P1, PIT, 2024-02-01, depth_m, 6
        W1, P1, PIT, 2024-02-01, , 
    """
    assert outcome(take(store, dangerous_works=works), "dangerous_works")[1] == 2
    assert outcome(take(store, dangerous_works=works), "dangerous_works") == (2, 0, 2, 0)


def test_a_row_waits_for_its_parent_and_is_released_when_it_arrives(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    visit = """
        inspection_id, project_id, inspected_on, recorded_at, hazards_found, safety_score
        V1, P3, 2024-03-01, 2024-03-02 10:30, 2, 77.25
    """
    assert outcome(take(store, inspections=visit), "inspections") == (1, 0, 0, 1)
    report = take(store, projects="project_id, recorded_at, start_date\nP3, 2024-04-01, 2024-01-01")
    assert report.tables["inspections"].released == 1
    assert outcome(report, "inspections") == (0, 0, 0, 0)
    assert held(store, "inspections", "inspection_id", "recorded_at", "safety_score") == [
        ("V1", pd.Timestamp("2024-03-02 10:30"), 77.25)
    ]
    closed = store.quarantine(resolved=True)
    assert closed["resolution"].tolist() == ["released"]
    assert outcome(take(store, inspections=visit), "inspections") == (1, 0, 1, 0)


def test_a_waiting_row_delivered_again_with_its_parent_is_stored_once(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    visit = "inspection_id, project_id, inspected_on, recorded_at\nV1, P3, 2024-03-01, 2024-03-02"
    take(store, inspections=visit)
    report = load(
        {
            "projects": table("project_id, recorded_at, start_date\nP3, 2024-04-01, 2024-01-01"),
            "inspections": table(visit),
        },
        store,
        now=NOW + pd.Timedelta(hours=1),
    )
    assert outcome(report, "inspections") == (1, 1, 0, 0)
    assert len(held(store, "inspections", "inspection_id")) == 1
    assert store.quarantine().empty


def test_an_older_version_that_waits_is_not_forgotten_for_a_newer_one(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    header = "inspection_id, project_id, inspected_on, recorded_at, hazards_found\n"
    take(store, inspections=f"{header}V1, P3, 2024-03-01, 2024-03-02, 1")
    take(
        store,
        projects="project_id, recorded_at, start_date\nP3, 2024-04-01, 2024-01-01",
        inspections=f"{header}V1, P3, 2024-03-01, 2024-03-09, 2",
    )
    assert held(store, "inspections", "inspection_id", "hazards_found") == [("V1", 1), ("V1", 2)]
    assert store.quarantine().empty


def test_children_of_a_quarantined_parent_wait_with_it(store: RecordStore) -> None:
    take(
        store,
        projects="project_id, recorded_at, start_date\nP1, 2024-01-02, 2024-02-30",
        inspections="inspection_id, project_id, inspected_on, recorded_at\nV1, P1, 2024-03-01, 2024-03-02",
    )
    assert open_rules(store) == [("P1", "not_a_date"), ("V1", "unknown_parent")]
    take_later(store, projects="project_id, recorded_at, start_date\nP1, 2024-01-02, 2024-02-28")
    assert store.quarantine().empty
    assert held(store, "inspections", "inspection_id") == [("V1",)]


def take_later(store: RecordStore, **tables: str) -> IntakeReport:
    """Load frames of texts a day later."""
    return load({name: table(drawn) for name, drawn in tables.items()}, store, now=NOW + pd.Timedelta(days=1))


def test_a_reference_is_not_held_against_a_table_that_was_never_delivered(store: RecordStore) -> None:
    parties = """
        project_id, enterprise_id, role, valid_from, recorded_at
        P1, E1, GC, 2024-01-01, 2024-01-02
    """
    assert outcome(take(store, projects=PROJECTS, project_parties=parties), "project_parties") == (1, 1, 0, 0)
    take(store, enterprises="enterprise_id, recorded_at\nE1, 2024-01-01")
    other = parties.replace("E1", "E2")
    assert outcome(take(store, project_parties=other), "project_parties") == (1, 0, 0, 1)


def test_a_corrected_row_takes_its_entry_out_of_quarantine_and_the_entry_keeps_its_times(
    store: RecordStore,
) -> None:
    take(store, projects="project_id, recorded_at, start_date\nP1, 2024-01-02, 2024-02-30")
    report = take_later(store, projects="project_id, recorded_at, start_date\nP1, 2024-01-03, 2024-02-28")
    assert report.tables["projects"].resolved == 1
    entry = store.quarantine(resolved=True).iloc[0]
    assert (entry["first_seen"], entry["resolved_at"]) == (NOW, NOW + pd.Timedelta(days=1))
    assert entry["resolution"] == "corrected"
    assert json.loads(entry["raw"]) == {
        "project_id": "P1",
        "recorded_at": "2024-01-02",
        "start_date": "2024-02-30",
    }


def test_an_older_version_does_not_correct_a_newer_row_in_quarantine(store: RecordStore) -> None:
    take(store, projects="project_id, recorded_at, start_date\nP1, 2024-01-09, 2024-02-30")
    take_later(store, projects="project_id, recorded_at, start_date\nP1, 2024-01-02, 2024-02-28")
    assert open_rules(store) == [("P1", "not_a_date")]


def test_a_bad_row_that_is_still_delivered_stays_in_quarantine(store: RecordStore) -> None:
    bad = "P1, 2024-01-02, 2024-02-30"
    take(store, projects=f"project_id, recorded_at, start_date\n{bad}")
    take_later(store, projects=f"project_id, recorded_at, start_date\n{bad}\nP1, 2024-01-03, 2024-02-28")
    assert open_rules(store) == [("P1", "not_a_date")]


def test_a_row_without_readable_key_is_recognised_by_its_other_cells(store: RecordStore) -> None:
    header = "project_id, recorded_at, start_date, name, floor_area_m2\n"
    take(store, projects=f"{header}, 2024-01-02, 2024-01-01, 张江, 5000")
    assert store.quarantine()["record_key"].isna().all()
    take_later(store, projects=f"{header}P7, 2024-01-02, 2024-01-01, 外高桥, 5000")
    assert len(store.quarantine()) == 1
    report = take_later(store, projects=f"{header}P8, 2024-01-02, 2024-01-01, 张江, 5000")
    assert report.tables["projects"].resolved == 1
    assert store.quarantine().empty


def test_both_rows_of_an_ambiguous_version_leave_when_one_of_them_is_delivered(store: RecordStore) -> None:
    header = "project_id, recorded_at, start_date, name\n"
    first, second = "P1, 2024-01-02, 2024-01-01, a\n", "P1, 2024-01-02, 2024-01-01, b\n"
    take(store, projects=header + first + second)
    assert len(store.quarantine()) == 2
    take_later(store, projects=header + second)
    assert store.quarantine().empty
    assert held(store, "projects", "name") == [("b",)]


def test_a_row_with_several_faults_counts_once_and_has_an_entry_for_each(store: RecordStore) -> None:
    report = take(
        store, projects="project_id, recorded_at, start_date, floor_area_m2\nP1, soon, 2024-02-30, wide"
    )
    assert outcome(report, "projects") == (1, 0, 0, 1)
    assert [rule for _, rule in open_rules(store)] == ["not_a_date", "not_a_moment", "not_a_number"]


def test_a_recorded_at_in_the_future_is_put_aside(store: RecordStore) -> None:
    report = take(
        store,
        projects="""
            project_id, recorded_at, start_date
            P1, 2026-06-01T09:04:00, 2024-01-01
            P2, 2026-06-01T09:06:00, 2024-01-01
            P3, 2026-06-01, 2024-01-01
            P4, 2026-06-02, 2024-01-01
        """,
    )
    assert outcome(report, "projects") == (4, 2, 0, 2)
    assert open_rules(store) == [("P2", "in_the_future"), ("P4", "in_the_future")]


def test_rows_without_recorded_at_are_stamped_on_arrival_only_if_asked_for(store: RecordStore) -> None:
    rows = {"projects": table("project_id, start_date, name\nP1, 2024-01-01, a")}
    assert outcome(load(rows, store, now=NOW), "projects") == (1, 0, 0, 1)
    later = [NOW + pd.Timedelta(hours=hours) for hours in (1, 2, 3)]
    assert outcome(load(rows, store, now=later[0], stamp_missing=True), "projects") == (1, 1, 0, 0)
    assert outcome(load(rows, store, now=later[1], stamp_missing=True), "projects") == (1, 0, 1, 0)
    changed = {"projects": table("project_id, start_date, name\nP1, 2024-01-01, b")}
    assert outcome(load(changed, store, now=later[2], stamp_missing=True), "projects") == (1, 1, 0, 0)
    assert held(store, "projects", "recorded_at", "name") == [(later[0], "a"), (later[2], "b")]


def test_a_calendar_is_always_known(store: RecordStore) -> None:
    take(store, calendar_days="date, is_working_day\n2026-10-01, false\n2026-10-08, true")
    assert held(store, "calendar_days", "recorded_at", "is_working_day") == [
        (pd.Timestamp("1970-01-01"), False),
        (pd.Timestamp("1970-01-01"), True),
    ]


def test_a_tombstone_is_a_version_like_any_other(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    take(
        store,
        projects="project_id, recorded_at, start_date, withdrawn_at\nP1, 2024-06-01, 2024-01-01, 2024-06-01",
    )
    assert store.read("projects")["withdrawn_at"].notna().tolist() == [False, True, False]


def test_a_check_says_what_a_load_would_and_leaves_no_trace(store: RecordStore) -> None:
    take(store, projects=PROJECTS)
    delivery = {
        "projects": table(
            "project_id, recorded_at, start_date\nP3, 2024-01-02, 2024-01-01\nP4, never, 2024-01-01"
        ),
        "inspections": table(
            """
            inspection_id, project_id, inspected_on, recorded_at
            V1, P1, 2024-03-01, 2024-03-02
            V2, P3, 2024-03-01, 2024-03-02
            V3, P4, 2024-03-01, 2024-03-02
            """
        ),
    }
    before = store.version(), row_counts(store), len(store.quarantine())
    said = check(delivery, store=store, now=NOW)
    assert (store.version(), row_counts(store), len(store.quarantine())) == before
    done = load(delivery, store, now=NOW)
    for name in delivery:
        assert outcome(said, name) == outcome(done, name)
    assert outcome(done, "inspections") == (3, 2, 0, 1)


def test_a_check_without_a_store_holds_a_delivery_against_itself() -> None:
    report = check(
        {
            "projects": table(PROJECTS),
            "inspections": table(
                """
                inspection_id, project_id, inspected_on, recorded_at
                V1, P1, 2024-03-01, 2024-03-02
                V2, P5, 2024-03-01, 2024-03-02
                """
            ),
        },
        now=NOW,
    )
    assert outcome(report, "inspections") == (2, 1, 0, 1)


def test_a_file_with_personal_columns_is_refused_and_the_others_go_on(
    store: RecordStore, tmp_path: Path
) -> None:
    folder = write_csv(
        tmp_path / "in",
        projects=PROJECTS,
        leader_points="""
            record_id, project_id, points, given_on, recorded_at, 身份证号
            R1, P1, 3, 2024-03-01, 2024-03-02, 310
        """,
    )
    report = load(folder, store, now=NOW)
    (refused,) = report.refused
    assert (refused["name"], refused["code"]) == ("leader_points.csv", "FORBIDDEN_COLUMN")
    assert "身份证号" in refused["zh"] and "身份证号" in refused["en"]
    assert outcome(report, "projects") == (2, 2, 0, 0)
    assert "leader_points" not in report.tables


def test_likely_unit_slips_are_named_and_the_rows_kept(store: RecordStore) -> None:
    report = take(
        store,
        projects=PROJECTS,
        violations="""
            violation_id, found_on, recorded_at, project_id, penalty_cny10k
            X1, 2024-03-01, 2024-03-02, P1, 30000
            X2, 2024-03-01, 2024-03-02, P1, 3
        """,
    )
    assert outcome(report, "violations") == (2, 2, 0, 0)
    slip = report.tables["violations"].warnings["penalty_cny10k", "penalty_unit_slip"]
    assert slip.count == 1
    assert slip.examples[0]["row"] == 1
    assert "penalty_unit_slip" in str(report)


def test_the_report_measures_each_source(store: RecordStore) -> None:
    report = take(
        store,
        projects=PROJECTS,
        violations="""
            violation_id, found_on, recorded_at, project_id, points, source_system
            X1, 2024-03-01, 2024-03-02, P1, 1, 区站
            X2, 2024-03-01, 2024-03-05, P1, , 区站
            X3, 2024-03-01, 2024-03-31, P1, , 区站
            X3, 2024-03-01, 2024-03-31, P1, , 区站
            X4, 2024-03-01, never, P1, , 区站
            X5, 2024-03-01, 2024-03-01, P1, 2, 市站
        """,
    )
    quality = {name: found.to_dict() for name, found in report.tables["violations"].quality.items()}
    assert quality["区站"]["rows"] == 5
    assert quality["区站"]["quarantine_rate"] == 0.2
    assert quality["区站"]["repeated"] == 1
    assert quality["区站"]["completeness"]["points"] == 0.25
    assert (quality["区站"]["lateness_days_median"], quality["区站"]["lateness_days_p90"]) == (4, 30)
    assert quality["市站"]["completeness"]["points"] == 1.0


def test_the_report_is_the_same_as_json(store: RecordStore) -> None:
    report = take(store, projects=PROJECTS + "P3, x, 2024-01-01, c")
    plain = json.loads(report.to_json())
    assert plain["totals"] == {
        "rows_in": 3,
        "stored": 2,
        "unchanged": 0,
        "quarantined": 1,
        "released": 0,
        "resolved": 0,
        "corrections": 0,
    }
    (projects,) = plain["tables"]
    assert projects["failures"][0]["rule"] == "not_a_moment"
    assert projects["files"][0]["absent_columns"]


@pytest.mark.parametrize("chunk_rows", [1, 3, 1000])
def test_the_size_of_a_chunk_changes_nothing(store: RecordStore, tmp_path: Path, chunk_rows: int) -> None:
    folder = write_csv(
        tmp_path / "in",
        projects=PROJECTS,
        inspections="""
            inspection_id, project_id, inspected_on, recorded_at, hazards_found
            V1, P1, 2024-03-01, 2024-03-02, 3
            V2, P1, 2024-03-01, 2024-03-02, x
            V1, P1, 2024-03-01, 2024-03-02, 3
            V4, P1, 2024-03-01, 2024-03-02, 1
            V4, P1, 2024-03-01, 2024-03-02, 2
            V5, P7, 2024-03-01, 2024-03-02, 2
        """,
    )
    report = load(folder, store, now=NOW, chunk_rows=chunk_rows)
    assert outcome(report, "inspections") == (6, 1, 1, 4)
    rows = store.quarantine()[["rule", "row_number"]].itertuples(index=False, name=None)
    assert sorted(rows) == [
        ("ambiguous_version", 5),
        ("ambiguous_version", 6),
        ("not_an_integer", 3),
        ("unknown_parent", 7),
    ]
