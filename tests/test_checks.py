"""Each check with a code refuses what it is there for, passes what is right, and says when it cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import CheckFailed
from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from tests.evaluations import figure, good_evaluation
from tests.outcome_city import outcome_city
from training import checks
from training.check_list import ASKED_OF_EVERY_HEAD, CHECKS
from training.checks import UsedRows, Verdict
from training.checks_page import checks_page
from training.cohort import cohort_pairs
from training.heads import Head, load_heads
from training.labels import labels
from training.outcome_silence import Silence
from training.splits import Split, evaluation_split

ACCIDENT, HAZARD = load_heads(only=["accident", "hazard"])
UNTIL = pd.Timestamp("2025-12-31 23:59:59.999999")
PROJECTS = [f"P{number:02d}" for number in range(60)]
Spoil = Callable[[dict[str, Any]], None]


# A head's rows: every site at every month, and whether something happened there, by lot.
def cohort(head: Head = ACCIDENT) -> tuple[pd.DataFrame, np.ndarray, Split]:
    months = pd.date_range("2021-01-01", "2025-12-01", freq="MS", unit="us")
    pairs = pd.DataFrame(
        {
            "project_id": np.tile(PROJECTS, len(months)),
            "as_of": np.repeat(months.to_numpy(), len(PROJECTS)),
        }
    )
    happened = (np.random.default_rng(5).random(len(pairs)) < 0.1).astype("float64")
    happened[(pairs["as_of"] > head.last_complete(UNTIL)).to_numpy()] = np.nan
    return pairs, happened, evaluation_split(head, pairs["as_of"], UNTIL)


def used_rows(pairs: pd.DataFrame, happened: np.ndarray, split: Split) -> dict[str, UsedRows]:
    assert split.test is not None and split.test_known_at is not None
    slices = {
        "trees": (split.trees, split.known_at),
        "calibration": (split.calibration, split.known_at),
        "test": (split.test, split.test_known_at),
    }
    used = {}
    for name, (period, known_at) in slices.items():
        rows = period.holds(pairs["as_of"])
        used[name] = UsedRows(pairs[rows], happened[rows], known_at)
    return used


# TRN001


def test_a_silent_outcome_table_is_a_warning_with_its_cure() -> None:
    silence = Silence("accident", "accidents", pd.Timestamp("2025-03-01"), 200, 60)
    verdict = checks.outcomes_delivered(silence)
    assert (verdict.code, verdict.state, verdict.is_refusal) == ("TRN001", "failed", False)
    assert "200 days since 2025-03-01" in verdict.en and "Load the latest records" in verdict.en
    assert checks.outcomes_delivered(None).state == "passed"


# TRN002


@pytest.fixture(scope="module")
def features() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Honest features: one that helps (AUC about 0.75), one of noise, one half missing."""
    draw = np.random.default_rng(3)
    happened = (draw.random(4000) < 0.08).astype("float64")
    project = np.repeat([f"P{number}" for number in range(400)], 10)
    noise = draw.normal(size=4000)
    rows = pd.DataFrame({"helps": draw.normal(size=4000) + happened, "noise": noise})
    rows["half"] = rows["noise"].where(draw.random(4000) < 0.5)
    return rows, happened, project


def reads_the_outcome(happened: np.ndarray) -> np.ndarray:
    return happened * 3.0 + 1.0


def is_filled_in_afterwards(happened: np.ndarray) -> np.ndarray:
    return np.where(happened > 0, np.random.default_rng(1).normal(size=len(happened)), np.nan)


def is_emptied_afterwards(happened: np.ndarray) -> np.ndarray:
    return np.where(happened > 0, np.nan, np.random.default_rng(1).normal(size=len(happened)))


def reads_it_through_noise(happened: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).normal(size=len(happened)) + 2.1 * happened


def names_a_third_of_them(happened: np.ndarray) -> np.ndarray:
    return happened * (np.random.default_rng(1).random(len(happened)) < 0.35)


def is_low_where_it_happened(happened: np.ndarray) -> np.ndarray:
    return -happened


@pytest.mark.parametrize(
    "planted",
    [
        reads_the_outcome,
        is_filled_in_afterwards,
        is_emptied_afterwards,
        reads_it_through_noise,
        names_a_third_of_them,
        is_low_where_it_happened,
    ],
)
def test_a_planted_leak_is_refused_by_name(
    features: tuple[pd.DataFrame, np.ndarray, np.ndarray], planted: Callable[[np.ndarray], np.ndarray]
) -> None:
    rows, happened, project = features
    verdict = checks.leak(rows.assign(planted=planted(happened)), happened, project)
    assert verdict.is_refusal and "planted" in verdict.reason_en
    assert "helps" not in verdict.reason_en


def test_honest_features_are_no_leak(features: tuple[pd.DataFrame, np.ndarray, np.ndarray]) -> None:
    verdict = checks.leak(*features)
    assert verdict.state == "passed" and "helps" in verdict.reason_en


def test_one_site_where_much_happened_is_no_leak(
    features: tuple[pd.DataFrame, np.ndarray, np.ndarray],
) -> None:
    rows, happened, project = features
    happened = np.where(np.isin(project, ["P1", "P2", "P3", "P4"]), 1.0, happened * (rows["noise"] > 1.5))
    area = pd.Series(project).map(lambda name: 1e6 if name in {"P1", "P2", "P3", "P4"} else 1e3)
    assert checks.leak(rows.assign(area=area), happened, project).state == "passed"


def test_a_feature_that_is_lucky_with_twelve_outcomes_is_no_leak() -> None:
    happened, project = np.zeros(600), np.array([f"P{number}" for number in range(600)])
    happened[:12] = 1.0
    lucky = np.where(happened > 0, 0.96, np.linspace(0, 1, 600))
    verdict = checks.leak(pd.DataFrame({"lucky": lucky, "other": np.arange(600.0) % 7}), happened, project)
    assert verdict.state == "passed" and "0.9" in verdict.reason_en
    verdict = checks.leak(pd.DataFrame({"planted": happened}), happened, project)
    assert verdict.is_refusal


def test_with_outcomes_on_few_projects_a_leak_cannot_be_told() -> None:
    happened = np.array([1.0, 0.0] * 9)
    verdict = checks.leak(pd.DataFrame({"x": happened}), happened, np.array([f"P{n}" for n in range(18)]))
    assert verdict.state == "not_applicable" and "9 projects" in verdict.reason_en


def test_a_feature_that_uses_records_of_later_is_refused() -> None:
    records, catalogue = outcome_city(), load_catalogue()
    index = FactIndex.build(records, catalogue)
    pairs = pd.DataFrame({"project_id": ["P001", "P002", "P003"] * 2})
    pairs["as_of"] = pd.to_datetime(["2024-06-01"] * 3 + ["2025-06-01"] * 3).astype("datetime64[us]")
    matrix = index.matrix(pairs["project_id"].to_list(), pairs["as_of"].to_numpy())
    chosen = pairs.iloc[[0, 2]]
    as_known = checks.features_as_known(chosen, records, catalogue)
    happened, project = np.zeros(6), pairs["project_id"].to_numpy()
    assert checks.leak(matrix, happened, project, as_known=as_known).state == "passed"
    later = pairs["as_of"].to_numpy() + np.timedelta64(30, "D")
    read_ahead = index.matrix(pairs["project_id"].to_list(), later)["days_since_visit"].to_numpy()
    ahead = matrix.assign(days_since_visit=read_ahead)
    verdict = checks.leak(ahead, happened, project, as_known=as_known)
    assert verdict.is_refusal and "days_since_visit (2/2)" in verdict.reason_en
    assert checks.leak(matrix.assign(mine=1.0), happened, project, as_known=as_known).is_refusal


def visits_recorded(after: pd.Timedelta) -> tuple[pd.DataFrame, np.ndarray, Records]:
    """Stop orders given on two visits of ten, on file so long after the midnight before the visit."""
    days = pd.date_range("2025-03-01", periods=10, freq="D", unit="us")
    sites = [f"P{number}" for number in range(10)]
    visits = {"inspection_id": sites, "project_id": sites, "inspected_on": days, "recorded_at": days + after}
    found = np.array([1.0, 1.0] + [0.0] * 8)
    visits["disposal"] = np.where(found > 0, "STOP", "NONE").tolist()
    pairs = pd.DataFrame({"project_id": sites, "as_of": days})
    return pairs, found, Records.from_tables({"inspections": pd.DataFrame(visits)})


def test_findings_on_file_before_the_visit_are_a_leak() -> None:
    pairs, found, records = visits_recorded(pd.Timedelta(0))
    on_file = checks.outcomes_on_file(HAZARD, pairs, found, records)
    assert on_file == 1.0
    verdict = checks.leak(pd.DataFrame({"x": found}), found, pairs["project_id"].to_numpy(), on_file=on_file)
    assert verdict.is_refusal and "100.0% of the outcomes were on file" in verdict.reason_en
    pairs, found, records = visits_recorded(pd.Timedelta(hours=9))
    assert checks.outcomes_on_file(HAZARD, pairs, found, records) == 0.0


def test_an_accident_on_file_before_it_happened_is_a_leak_to_the_rows_between() -> None:
    accidents = pd.DataFrame(
        {
            "accident_id": ["A1", "A2"],
            "project_id": ["P1", "P2"],
            "occurred_on": pd.to_datetime(["2025-03-20", "2025-03-20"]),
            "recorded_at": pd.to_datetime(["2025-02-15", "2025-03-21"]),
            "deaths": 1,
        }
    )
    pairs = pd.DataFrame({"project_id": ["P1", "P1", "P2", "P2"]})
    pairs["as_of"] = pd.to_datetime(["2025-02-01", "2025-03-01"] * 2).astype("datetime64[us]")
    records = Records.from_tables({"accidents": accidents})
    # Of the four rows whose window holds an accident, only that of P1 in March had it on file.
    assert checks.outcomes_on_file(ACCIDENT, pairs, np.ones(4), records) == 0.25


def test_the_sample_is_of_a_date_in_the_middle_and_follows_from_the_seed() -> None:
    pairs, _, _ = cohort()
    chosen = checks.sampled_dates(pairs["as_of"], rows=10, seed=1)
    assert pairs["as_of"].iloc[chosen].nunique() == 1 and len(chosen) == 10
    assert pd.Timestamp("2023-01-01") < pairs["as_of"].iloc[chosen[0]] < pd.Timestamp("2024-01-01")
    assert (chosen == checks.sampled_dates(pairs["as_of"], rows=10, seed=1)).all()


# TRN003


@pytest.mark.parametrize("head", [ACCIDENT, HAZARD], ids=lambda head: head.name)
def test_a_split_in_time_passes_for_each_kind_of_head(head: Head) -> None:
    pairs, happened, split = cohort(head)
    assert checks.split_in_time(head, split, used_rows(pairs, happened, split)).state == "passed"


def test_a_random_split_is_refused() -> None:
    pairs, happened, split = cohort()
    used = used_rows(pairs, happened, split)
    names = np.random.default_rng(1).choice(["trees", "calibration", "test"], len(pairs))
    mixed = {
        name: UsedRows(pairs[names == name], happened[names == name], rows.known_at)
        for name, rows in used.items()
    }
    verdict = checks.split_in_time(ACCIDENT, split, mixed)
    assert verdict.is_refusal and "outside" in verdict.reason_en


def test_slices_less_than_a_horizon_apart_are_refused() -> None:
    pairs, happened, split = cohort()
    near = replace(split, trees=replace(split.trees, last=split.calibration.first - pd.Timedelta(days=30)))
    verdict = checks.split_in_time(ACCIDENT, near, used_rows(pairs, happened, near))
    assert verdict.is_refusal and "less than 90 days" in verdict.reason_en


def test_a_test_that_begins_before_the_labels_of_the_calibration_are_complete_is_refused() -> None:
    pairs, happened, split = cohort()
    assert split.test is not None
    late = replace(
        split, calibration=replace(split.calibration, last=split.test.first - pd.Timedelta(days=80))
    )
    verdict = checks.split_in_time(ACCIDENT, late, used_rows(pairs, happened, late))
    assert verdict.is_refusal and "less than 121 days" in verdict.reason_en


def test_labels_known_only_after_the_test_began_are_refused() -> None:
    pairs, happened, split = cohort()
    used = used_rows(pairs, happened, split)
    used["trees"] = UsedRows(used["trees"].pairs, used["trees"].happened, UNTIL)
    verdict = checks.split_in_time(ACCIDENT, split, used)
    assert verdict.is_refusal and "after the test began" in verdict.reason_en


# TRN004


def test_a_row_whose_window_is_still_open_is_refused() -> None:
    pairs, happened, split = cohort()
    used = used_rows(pairs, happened, split)
    assert checks.complete_windows(ACCIDENT, used).state == "passed"
    soon = pd.concat([used["test"].pairs, pairs[pairs["as_of"] == pd.Timestamp("2025-10-01")]])
    used["test"] = UsedRows(soon, np.zeros(len(soon)), UNTIL)
    verdict = checks.complete_windows(ACCIDENT, used)
    assert verdict.is_refusal and f"{len(PROJECTS)} rows of the test slice are later" in verdict.reason_en


def test_a_row_without_a_label_is_refused() -> None:
    pairs, happened, split = cohort()
    used = used_rows(pairs, happened, split)
    used["trees"].happened[3] = np.nan
    assert checks.complete_windows(ACCIDENT, used).is_refusal


# TRN005


def test_the_test_as_the_cohort_drew_it_passes() -> None:
    pairs, happened, split = cohort()
    verdict = checks.as_drawn(split, used_rows(pairs, happened, split)["test"], pairs, happened)
    assert verdict.state == "passed"


@pytest.mark.parametrize(
    ("resampled", "fault"),
    [
        (lambda rows, positive: np.concatenate([rows, positive, positive]), "more than once"),
        (
            lambda rows, positive: np.concatenate([positive, rows[: len(positive)]]),
            "of the cohort are not in it",
        ),
        (lambda rows, positive: np.append(rows, 0), "are not of the cohort"),
        (
            lambda rows, positive: np.random.default_rng(1).choice(rows, len(rows)),
            "with the outcome|have the outcome",
        ),
    ],
    ids=["outcomes repeated", "as many without as with", "a row of another time", "drawn with replacement"],
)
def test_a_resampled_test_is_refused(resampled: Callable[..., np.ndarray], fault: str) -> None:
    pairs, happened, split = cohort()
    assert split.test is not None and split.test_known_at is not None
    rows = np.flatnonzero(split.test.holds(pairs["as_of"]) & ~np.isnan(happened))
    chosen = resampled(rows, rows[happened[rows] > 0])
    test = UsedRows(pairs.iloc[chosen], happened[chosen], split.test_known_at)
    verdict = checks.as_drawn(split, test, pairs, happened)
    assert verdict.is_refusal
    assert any(each in verdict.reason_en for each in fault.split("|"))


def test_a_failed_check_of_method_ends_the_training_with_code_reason_and_cure() -> None:
    pairs, happened, split = cohort()
    used = used_rows(pairs, happened, split)
    used["trees"].happened[3] = np.nan
    verdicts = [checks.split_in_time(ACCIDENT, split, used), checks.complete_windows(ACCIDENT, used)]
    with pytest.raises(CheckFailed) as caught:
        checks.refuse("accident", verdicts)
    assert "[TRN004]" in caught.value.en and "1 rows of the trees slice have no label" in caught.value.en
    assert "Leave out the rows" in caught.value.en and "[TRN004] 标签窗口（未通过）" in caught.value.zh
    checks.refuse("accident", verdicts[:1])


@pytest.mark.parametrize("head", [ACCIDENT, HAZARD], ids=lambda head: head.name)
def test_the_rows_of_a_city_as_a_training_takes_them_pass_every_check_of_method(head: Head) -> None:
    records, catalogue = outcome_city(), load_catalogue()
    index = FactIndex.build(records, catalogue)
    pairs = cohort_pairs(head, index, records, UNTIL)
    features = index.matrix(pairs["project_id"].to_list(), pairs["as_of"].to_numpy())
    split = evaluation_split(head, pairs["as_of"], UNTIL)
    then, now = labels(head, pairs, records, split.known_at), labels(head, pairs, records, UNTIL)
    used = {
        name: UsedRows(pairs[rows], label[rows], known_at)
        for name, label, known_at in (("trees", then, split.known_at), ("calibration", then, split.known_at), ("test", now, UNTIL))
        for rows in [getattr(split, name).holds(pairs["as_of"]) & ~np.isnan(label)]
    }  # fmt: skip
    as_known = checks.features_as_known(
        pairs.iloc[checks.sampled_dates(pairs["as_of"], rows=20, seed=1)], records, catalogue
    )
    told, project_id = ~np.isnan(now), pairs["project_id"].to_numpy(object)
    verdicts = [
        checks.leak(
            features[told],
            now[told],
            project_id[told],
            as_known=as_known,
            on_file=checks.outcomes_on_file(head, pairs, now, records),
        ),
        checks.split_in_time(head, split, used),
        checks.complete_windows(head, used),
        checks.as_drawn(split, used["test"], pairs, now),
    ]
    assert [(verdict.code, verdict.state) for verdict in verdicts] == [
        (code, "passed") for code in ("TRN002", "TRN003", "TRN004", "TRN005")
    ]
    planted = features[told].assign(planted=now[told])
    with pytest.raises(CheckFailed, match=r"TRN002.*planted"):
        checks.refuse(head.name, [checks.leak(planted, now[told], project_id[told])])


# TRN006 to TRN010 and TRN012: the figures of an evaluation


def of_judged(name: str, *values: float | None) -> Spoil:
    return lambda evaluation: evaluation["contenders"]["trees"].update({name: figure(*values)})


def gain_over(rule: str, *values: float | None) -> Spoil:
    return lambda evaluation: evaluation["gains"].update({rule: {"auc": figure(*values)}})


def outcomes(count: int) -> Spoil:
    return lambda evaluation: evaluation.update(outcomes=count)


RATIO, SLOPE, SKILL = "observed_over_expected", "calibration_slope", "log_loss_skill"


@pytest.mark.parametrize(
    ("code", "state", "spoil"),
    [
        ("TRN006", "failed", outcomes(9)),
        ("TRN006", "passed", outcomes(10)),
        ("TRN007", "failed", gain_over("past_violations", 0.05, -0.001, 0.1)),
        ("TRN007", "failed", gain_over("risk_matrix", 0.05, 0.0, 0.1)),
        ("TRN007", "failed", gain_over("risk_matrix", None)),
        ("TRN007", "failed", lambda evaluation: evaluation["gains"].pop("past_violations")),
        ("TRN008", "failed", gain_over("scorecard", 0.0, -0.011, 0.01)),
        ("TRN008", "passed", gain_over("scorecard", 0.0, -0.01, 0.01)),
        ("TRN008", "not_applicable", gain_over("scorecard", None)),
        ("TRN009", "failed", of_judged(RATIO, 1.3, 1.1, 1.5)),
        ("TRN009", "failed", of_judged(RATIO, 0.7, 0.5, 0.9)),
        ("TRN009", "failed", of_judged(SLOPE, 0.7, 0.5, 0.9)),
        ("TRN009", "not_applicable", of_judged(RATIO, 1.3, 0.9, 1.7)),
        ("TRN009", "passed", of_judged(RATIO, 1.24, 1.1, 1.5)),
        ("TRN009", "not_applicable", outcomes(49)),
        ("TRN010", "failed", lambda evaluation: evaluation["stability"].update(overlap_at_10pct=0.49)),
        ("TRN010", "not_applicable", lambda evaluation: evaluation["stability"].update(lists=2)),
        (
            "TRN010",
            "not_applicable",
            lambda evaluation: evaluation["stability"].update(overlap_at_10pct=None),
        ),
        ("TRN012", "failed", of_judged(SKILL, -0.1, -0.2, 0.0)),
        ("TRN012", "failed", of_judged("auc", 0.5, 0.4, 0.6)),
        ("TRN012", "not_applicable", of_judged(SKILL, 0.01, -0.01, 0.02)),
    ],
)
def test_a_figure_is_judged_as_it_is_declared(code: str, state: str, spoil: Spoil) -> None:
    evaluation = good_evaluation()
    assert {verdict.state for verdict in checks.result_verdicts(evaluation)} == {"passed"}
    spoil(evaluation)
    verdicts = {verdict.code: verdict for verdict in checks.result_verdicts(evaluation)}
    assert verdicts[code].state == state
    assert verdicts[code].reason_en and verdicts[code].reason_zh


def test_a_chosen_scorecard_is_not_compared_with_itself() -> None:
    verdict = checks.holds_against_scorecard(good_evaluation(judged="scorecard"))
    assert verdict.state == "not_applicable"


# TRN011


def test_a_risk_that_falls_where_it_should_rise_is_refused_by_name() -> None:
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(80, 3)), columns=["up", "down", "free"])
    rows.loc[:20, "up"] = np.nan
    directions = {"up": 1, "down": -1, "free": 0}

    def right(moved: pd.DataFrame) -> np.ndarray:
        return (moved["up"].fillna(9) - moved["down"] + moved["free"] ** 2).to_numpy()

    def bent(moved: pd.DataFrame) -> np.ndarray:
        return right(moved) - 2.5 * moved["up"].clip(lower=1.5).fillna(0).to_numpy()

    assert checks.monotone(right, directions, rows, seed=1).state == "passed"
    verdict = checks.monotone(bent, directions, rows, seed=1)
    assert verdict.is_refusal and "Against it: up." in verdict.reason_en
    assert checks.monotone(bent, {"free": 0}, rows, seed=1).state == "not_applicable"


# All of them


def test_a_verdict_in_a_passport_is_read_as_it_was_written() -> None:
    for verdict in checks.result_verdicts(good_evaluation()):
        assert checks.verdict_from(verdict.as_json()) == verdict


def test_codes_are_given_once_and_in_order() -> None:
    assert [check.code for check in CHECKS] == [f"TRN{number:03d}" for number in range(1, len(CHECKS) + 1)]
    assert {"TRN010", "TRN001", "TRN013"}.isdisjoint(ASKED_OF_EVERY_HEAD)


def test_the_page_of_checks_is_current() -> None:
    page = Path(__file__).parents[1] / "docs" / "checks.md"
    assert page.read_text(encoding="utf-8") == checks_page()


def test_only_failures_of_checks_that_refuse_stand_in_the_way() -> None:
    def verdict(state: Any, severity: Any) -> Verdict:
        return Verdict("TRN099", "", "", state, severity, "", "", "", "")

    standing = [verdict("failed", "refuses")]
    others = [verdict("failed", "warns"), verdict("not_applicable", "refuses"), verdict("passed", "refuses")]
    assert checks.refusals(standing + others) == standing
