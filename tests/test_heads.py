"""What is learned is declared in a file, and a wrong declaration is refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from data_contracts.errors import ContractInvalid, NotFound, SourceUnreadable
from training.heads import HEADS_FILE, load_heads

HEAD = {
    "title_zh": "处罚",
    "title_en": "Penalty",
    "outcome": {"table": "violations", "date_column": "found_on"},
    "horizon_days": 180,
    "reporting_lag_days": 30,
}


def heads_file(folder: Path, **changes: object) -> Path:
    path = folder / "heads.yaml"
    head = {name: value for name, value in {**HEAD, **changes}.items() if value is not None}
    path.write_text(yaml.safe_dump({"version": "1", "heads": {"penalty": head}}), encoding="utf-8")
    return path


def test_the_three_heads_of_the_design_are_declared_and_fit_the_contracts() -> None:
    accident, defect, hazard = load_heads()
    assert (accident.name, accident.horizon_days, list(accident.shown_apart)) == ("accident", 90, ["fatal"])
    assert (defect.horizon_days, defect.cohort.delivered_within_months) == (180, 24)
    assert hazard.given_a_visit and hazard.horizon_days is None


def test_another_file_brings_other_heads(tmp_path: Path) -> None:
    cohort = {"table": "violations", "within_days": 1095, "step": "quarterly"}
    (head,) = load_heads(heads_file(tmp_path, cohort=cohort))
    assert (head.name, head.days_to_complete, head.cohort.step) == ("penalty", 210, "quarterly")


def test_a_head_asked_for_by_a_wrong_name_is_told_which_there_are() -> None:
    with pytest.raises(NotFound, match="accident, defect, hazard"):
        load_heads(only=["acident"])
    assert [head.name for head in load_heads(only=["hazard"])] == ["hazard"]


def test_every_mistake_of_a_file_is_named_at_once_in_two_languages(tmp_path: Path) -> None:
    path = heads_file(
        tmp_path,
        horizon_days=None,
        reporting_lag=3,
        outcome={"table": "violations", "date_column": "category", "known_from": "verified_at"},
    )
    with pytest.raises(ContractInvalid) as refused:
        load_heads(path)
    assert "heads.penalty.reporting_lag is not known here" in refused.value.en
    assert "heads.penalty.reporting_lag 不认识此项" in refused.value.zh
    path = heads_file(
        tmp_path,
        horizon_days=None,
        outcome={"table": "violations", "date_column": "category", "known_from": "verified_at"},
    )
    with pytest.raises(ContractInvalid) as refused:
        load_heads(path)
    for mistake in (
        "takes horizon_days or given_a_visit",
        "category is not a date",
        "verified_at is not a date",
    ):
        assert mistake in refused.value.en


@pytest.mark.parametrize(
    ("condition", "mistake"),
    [
        ({"column": "disposal", "at_least": "PENALTY"}, "has no rank"),
        ({"column": "disposal", "at_least": "HALT"}, "is not in code list disposals"),
        ({"column": "severity", "at_least": 2}, "does not fit a column of kind code"),
        ({"column": "item_count", "at_least": True}, "does not fit a column of kind integer"),
        ({"column": "found_on", "equals": "2026-01-01"}, "does not fit a column of kind date"),
        ({"column": "item_count"}, "takes one of"),
        ({"column": "item_count", "equals": 1, "at_least": 1}, "takes one of"),
        ({"column": "deaths", "at_least": 1}, "is not a column of table violations"),
    ],
)
def test_a_condition_that_the_contract_cannot_answer_is_refused(
    tmp_path: Path, condition: dict[str, object], mistake: str
) -> None:
    outcome = {**HEAD["outcome"], "all_of": [condition]}  # type: ignore[dict-item]
    with pytest.raises(ContractInvalid, match=mistake):
        load_heads(heads_file(tmp_path, outcome=outcome))


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"given_a_visit": True}, "takes horizon_days or given_a_visit"),
        ({"given_a_visit": True, "horizon_days": None}, "must be inspections"),
        ({"outcome": {"table": "enterprises", "date_column": "established_on"}}, "with project_id"),
        ({"cohort": {"within_days": 30}}, "only with table"),
        ({"cohort": {"table": "violations"}}, "takes within_days"),
        ({"trees": {"is_unbalance": 1}}, "is_unbalance cannot be set"),
        ({"horizon_days": "soon"}, "horizon_days is 'soon'"),
    ],
)
def test_a_head_that_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, object], mistake: str
) -> None:
    with pytest.raises(ContractInvalid, match=mistake):
        load_heads(heads_file(tmp_path, **changes))


def test_a_file_that_is_not_there_or_declares_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="Cannot read"):
        load_heads(tmp_path / "none.yaml")
    (tmp_path / "empty.yaml").write_text("heads: []", encoding="utf-8")
    with pytest.raises(ContractInvalid, match="must map names"):
        load_heads(tmp_path / "empty.yaml")
    (tmp_path / "odd.yaml").write_text("heads: {penalty: 3}", encoding="utf-8")
    with pytest.raises(ContractInvalid, match="must be a mapping"):
        load_heads(tmp_path / "odd.yaml")


def test_no_weights_or_resampling_can_be_declared() -> None:
    declared = yaml.safe_load(HEADS_FILE.read_text(encoding="utf-8"))["heads"]
    assert not {name for head in declared.values() for name in head.get("trees", {})} & {
        "is_unbalance",
        "scale_pos_weight",
        "objective",
    }
