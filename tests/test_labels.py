"""A label is what happened after `as_of`, as it was known at T, and nothing where it cannot be known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from training.cohort import cohort_pairs
from training.heads import Cohort, load_heads
from training.labels import distinct_outcomes, labels, outcomes_within

ACCIDENT, DEFECT, HAZARD = load_heads()
LATE = pd.Timestamp("2026-12-31")


def pairs(*rows: tuple[str, str]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["project_id", "as_of"])
    return table.assign(as_of=pd.to_datetime(table["as_of"]).astype("datetime64[us]"))


def accidents(*rows: dict[str, object]) -> Records:
    """Accidents of site P1 with one serious injury, on file the day after, unless the row says otherwise."""
    table = pd.DataFrame(
        [
            {
                "accident_id": f"A{number}",
                "project_id": "P1",
                "recorded_at": pd.Timestamp(str(row["occurred_on"])) + pd.Timedelta(days=1),
                "serious_injuries": 1,
                **row,
            }
            for number, row in enumerate(rows)
        ]
    )
    return Records.from_tables({"accidents": table.assign(occurred_on=pd.to_datetime(table["occurred_on"]))})


@pytest.mark.parametrize(
    ("day", "label"),
    [("2025-03-01", 0), ("2025-03-02", 1), ("2025-05-30", 1), ("2025-05-31", 0), ("2025-02-28", 0)],
)
def test_outcome_days_are_the_day_after_as_of_to_the_end_of_the_horizon(day: str, label: int) -> None:
    found = labels(ACCIDENT, pairs(("P1", "2025-03-01")), accidents({"occurred_on": day}), LATE)
    assert found.tolist() == [label]


def test_an_accident_of_another_site_or_of_an_enterprise_alone_labels_nobody_here() -> None:
    records = accidents(
        {"occurred_on": "2025-03-10", "project_id": "P2"},
        {"occurred_on": "2025-03-10", "project_id": None, "enterprise_id": "E1"},
    )
    found = labels(ACCIDENT, pairs(("P1", "2025-03-01"), ("P2", "2025-03-01")), records, LATE)
    assert found.tolist() == [0, 1]


def test_an_accident_without_death_or_serious_injury_is_not_the_heads_outcome() -> None:
    records = accidents(
        {"occurred_on": "2025-03-10", "serious_injuries": 0},
        {"occurred_on": "2025-03-10", "serious_injuries": None},
        {"occurred_on": "2025-03-10", "serious_injuries": None, "deaths": 1, "project_id": "P2"},
    )
    found = labels(ACCIDENT, pairs(("P1", "2025-03-01"), ("P2", "2025-03-01")), records, LATE)
    assert found.tolist() == [0, 1]


def test_a_row_whose_window_and_lag_are_not_complete_at_t_has_no_label() -> None:
    records = accidents({"occurred_on": "2025-03-10"})
    last_day = pd.Timestamp("2025-03-01") + pd.Timedelta(days=90 + 30)
    complete = last_day + pd.Timedelta("23:59:59.999999")
    row = pairs(("P1", "2025-03-01"))
    assert labels(ACCIDENT, row, records, complete).tolist() == [1]
    assert np.isnan(labels(ACCIDENT, row, records, complete - pd.Timedelta(microseconds=1))).all()


def test_without_a_lag_the_whole_last_outcome_day_lies_before_t() -> None:
    head = ACCIDENT.model_copy(update={"reporting_lag_days": 0})
    records, row = accidents({"occurred_on": "2025-05-30"}), pairs(("P1", "2025-03-01"))
    assert np.isnan(labels(head, row, records, pd.Timestamp("2025-05-30"))).all()
    assert labels(head, row, records, pd.Timestamp("2025-05-31")).tolist() == [1]
    assert head.last_complete(pd.Timestamp("2025-05-31")) >= row["as_of"][0]
    assert head.last_complete(pd.Timestamp("2025-05-30")) < row["as_of"][0]


def test_an_accident_filed_after_t_was_not_known_then() -> None:
    records = accidents({"occurred_on": "2025-03-10", "recorded_at": "2025-09-01"})
    row = pairs(("P1", "2025-03-01"))
    assert labels(ACCIDENT, row, records, pd.Timestamp("2025-08-31")).tolist() == [0]
    assert labels(ACCIDENT, row, records, pd.Timestamp("2025-09-02")).tolist() == [1]


def test_an_accident_revoked_or_withdrawn_counts_until_then() -> None:
    row = pairs(("P1", "2025-03-01"))
    for column in ("revoked_at", "withdrawn_at"):
        records = accidents(
            {"occurred_on": "2025-03-10"},
            {
                "accident_id": "A0",
                "occurred_on": "2025-03-10",
                "recorded_at": "2025-09-01",
                column: "2025-10-01",
            },
        )
        assert labels(ACCIDENT, row, records, pd.Timestamp("2025-08-01")).tolist() == [1]
        assert labels(ACCIDENT, row, records, pd.Timestamp("2025-09-15")).tolist() == [1], (
            "announced, not yet reached"
        )
        assert labels(ACCIDENT, row, records, pd.Timestamp("2025-10-02")).tolist() == [0]


def test_the_version_in_force_at_t_holds_as_a_whole_row() -> None:
    records = accidents(
        {"occurred_on": "2025-03-10", "serious_injuries": 1},
        {"accident_id": "A0", "occurred_on": "2025-07-10", "recorded_at": "2025-08-01"},
    )
    row = pairs(("P1", "2025-03-01"), ("P1", "2025-07-01"))
    assert labels(ACCIDENT, row, records, LATE).tolist() == [0, 1]


def test_a_complaint_counts_from_the_day_it_was_verified() -> None:
    complaint = {"defect_id": "D1", "project_id": "P1", "reported_on": "2025-02-01"}
    records = Records.from_tables(
        {
            "defects": pd.DataFrame(
                [
                    {**complaint, "recorded_at": "2025-02-02", "is_verified": None},
                    {
                        **complaint,
                        "recorded_at": "2025-09-01",
                        "is_verified": True,
                        "verified_at": "2025-10-15",
                    },
                    {**complaint, "defect_id": "D2", "recorded_at": "2025-02-02", "is_verified": False},
                ]
            )
        }
    )
    row = pairs(("P1", "2025-01-01"))
    assert labels(DEFECT, row, records, pd.Timestamp("2025-08-31")).tolist() == [0]
    assert labels(DEFECT, row, records, pd.Timestamp("2025-10-14")).tolist() == [0]
    assert labels(DEFECT, row, records, pd.Timestamp("2025-10-16")).tolist() == [1]


def visits(*rows: tuple[str, str, str | None, int | None]) -> Records:
    """Visits (site, day, disposal, major hazards found), on file the same day."""
    table = pd.DataFrame(
        [
            {
                "inspection_id": f"V{number}",
                "project_id": site,
                "inspected_on": day,
                "recorded_at": day,
                "disposal": disposal,
                "major_hazards_found": major,
            }
            for number, (site, day, disposal, major) in enumerate(rows)
        ]
    )
    projects = pd.DataFrame(
        [
            {"project_id": site, "recorded_at": "2025-01-01", "start_date": "2025-01-01"}
            for site in ("P1", "P2")
        ]
    )
    return Records.from_tables({"inspections": table, "projects": projects})


@pytest.mark.parametrize(
    ("disposal", "major", "label"),
    [
        ("STOP", 0, 1.0),
        ("PARTIAL_STOP", None, 1.0),
        ("RECTIFY", 0, 0.0),
        ("RECTIFY", 1, 1.0),
        (None, 2, 1.0),
        ("PENALTY", 0, 0.0),  # a penalty stands beside the ranking
        (None, None, np.nan),  # nobody said what was found: unknown, not none
    ],
)
def test_a_visit_is_labelled_by_what_it_found(disposal: str | None, major: int | None, label: float) -> None:
    records = visits(("P1", "2025-03-05", disposal, major))
    found = labels(HAZARD, pairs(("P1", "2025-03-05")), records, LATE)
    np.testing.assert_array_equal(found, [label])


def test_a_site_is_a_row_on_each_day_it_was_visited_and_on_no_other() -> None:
    records = visits(
        ("P1", "2025-03-05", "RECTIFY", 0),
        ("P1", "2025-03-05", "STOP", 0),
        ("P1", "2025-04-01", None, None),
        ("P9", "2025-04-01", "STOP", 0),  # not on record that morning
        ("P2", "2026-12-30", "STOP", 0),  # its label is not complete yet
    )
    index = FactIndex.build(records, load_catalogue())
    rows = cohort_pairs(HAZARD, index, records, LATE)
    assert rows.astype(str).to_numpy().tolist() == [["P1", "2025-03-05"], ["P1", "2025-04-01"]]
    np.testing.assert_array_equal(labels(HAZARD, rows, records, LATE), [1, np.nan])


def test_a_visit_withdrawn_or_given_another_day_since_is_a_row_of_what_was_known_at_t() -> None:
    visit = {"inspection_id": "V1", "project_id": "P1", "disposal": "STOP"}
    other = {"inspection_id": "V2", "project_id": "P1", "disposal": "STOP"}
    records = Records.from_tables(
        {
            "projects": visits(("P1", "2025-03-05", None, None)).table("projects"),
            "inspections": pd.DataFrame(
                [
                    visit | {"inspected_on": "2025-03-05", "recorded_at": "2025-03-05"},
                    visit
                    | {
                        "inspected_on": "2025-03-05",
                        "recorded_at": "2025-09-01",
                        "withdrawn_at": "2025-09-01",
                    },
                    other | {"inspected_on": "2025-04-05", "recorded_at": "2025-04-05"},
                    other | {"inspected_on": "2025-04-06", "recorded_at": "2025-09-01"},
                ]
            ),
        }
    )
    rows = cohort_pairs(HAZARD, FactIndex.build(records, load_catalogue()), records, LATE)
    assert [f"{as_of:%m-%d}" for as_of in rows["as_of"]] == ["03-05", "04-05", "04-06"]
    then = labels(HAZARD, rows, records, pd.Timestamp("2025-08-01"))
    np.testing.assert_array_equal(then, [1, 1, np.nan])
    np.testing.assert_array_equal(labels(HAZARD, rows, records, LATE), [np.nan, np.nan, 1])


def test_the_cohort_are_sites_under_construction_on_the_first_of_each_month() -> None:
    projects = pd.DataFrame(
        [
            {"project_id": "P1", "recorded_at": "2025-01-10", "start_date": "2025-02-01"},
            {
                "project_id": "P2",
                "recorded_at": "2025-01-10",
                "start_date": "2025-01-10",
                "finish_date": "2025-03-15",
            },
            {"project_id": "P3", "recorded_at": "2025-06-10", "start_date": "2025-01-10"},
        ]
    )
    records = Records.from_tables({"projects": projects})
    index = FactIndex.build(records, load_catalogue())
    until = pd.Timestamp("2025-05-02") + pd.Timedelta(days=ACCIDENT.days_to_complete)
    rows = cohort_pairs(ACCIDENT, index, records, until)
    assert [(site, f"{as_of:%m-%d}") for site, as_of in rows.to_numpy()] == [
        ("P1", "02-01"),
        ("P2", "02-01"),
        ("P1", "03-01"),
        ("P2", "03-01"),
        ("P1", "04-01"),
        ("P1", "05-01"),
    ]


def test_a_head_may_take_its_cohort_from_an_event_table() -> None:
    table = pd.DataFrame(
        [
            {"violation_id": "V1", "project_id": "P1", "found_on": "2025-01-20", "recorded_at": "2025-03-10"},
            {"violation_id": "V2", "project_id": "P2", "found_on": "2025-03-20", "recorded_at": "2025-03-25"},
        ]
    )
    projects = pd.DataFrame(
        [
            {"project_id": site, "recorded_at": "2025-01-01", "start_date": "2025-01-01"}
            for site in ("P1", "P2")
        ]
    )
    records = Records.from_tables({"violations": table, "projects": projects})
    index = FactIndex.build(records, load_catalogue())
    cohort = Cohort(table="violations", within_days=60, step="monthly")
    head = ACCIDENT.model_copy(update={"cohort": cohort})
    until = pd.Timestamp("2025-06-02") + pd.Timedelta(days=head.days_to_complete)
    rows = cohort_pairs(head, index, records, until)
    # V1 is 71 days old when it is first known on an as_of; V2 is 12 and 42 days old.
    assert [(site, f"{as_of:%m-%d}") for site, as_of in rows.to_numpy()] == [("P2", "04-01"), ("P2", "05-01")]


def test_an_accident_that_labels_three_months_is_one_outcome() -> None:
    records = accidents({"occurred_on": "2025-03-10"}, {"occurred_on": "2025-12-30"})
    rows = pairs(*[("P1", f"2025-{month:02d}-01") for month in range(1, 6)])
    assert labels(ACCIDENT, rows, records, LATE).sum() == 3
    assert distinct_outcomes(ACCIDENT, rows, records, LATE) == 1


def test_counting_by_binary_search_agrees_with_counting_one_by_one() -> None:
    draw = np.random.default_rng(3)
    sites = np.array(["P1", "P2", "P3"])
    day_one = pd.Timestamp("2025-01-01")
    events = pd.DataFrame(
        {
            "project_id": sites[draw.integers(0, 3, 60)],
            "day": day_one + pd.to_timedelta(draw.integers(0, 300, 60), "D"),
        }
    )
    rows = pd.DataFrame(
        {
            "project_id": sites[draw.integers(0, 3, 50)],
            "as_of": day_one + pd.to_timedelta(draw.integers(0, 300, 50), "D"),
        }
    )
    one_by_one = [
        sum(
            row.project_id == event.project_id and 1 <= (event.day - row.as_of).days <= 90
            for event in events.itertuples()
        )
        for row in rows.itertuples()
    ]
    assert outcomes_within(rows, events, 90).tolist() == one_by_one
