"""Which features make a risk what it is beside similar sites: hand-made scorecards, parts worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from features.catalogue import load_catalogue
from serving.reasons.reasons import Reasons, in_one_line
from serving.reasons.similar import KINDS, Similar, kinds_of
from training.head_model import HeadModel
from training.risk_model import RiskModel
from training.scorecard import Scorecard, ScorecardRow

CATALOGUE = load_catalogue()
NAMES = (*KINDS, "hazards_open", "gc_credit_score", "team_stop_share_365d")
SLOPE, INTERCEPT = 0.8, -0.5
CARD = Scorecard(
    intercept=-3.0,
    rows=(
        ScorecardRow("hazards_open", (0.0, 10.0), (0.0, 2.0), missing=0.0, mean=0.0),
        ScorecardRow("gc_credit_score", (60.0, 80.0), (0.5, -0.5), missing=0.25, mean=0.0),
        ScorecardRow("team_stop_share_365d", (0.0, 1.0), (0.0, 3.0), missing=0.0, mean=0.0),
    ),
)


@pytest.fixture(scope="module")
def model() -> RiskModel:
    head = HeadModel("accident", NAMES, SLOPE, INTERCEPT, scorecard=CARD)
    return RiskModel((head,), {"features": list(NAMES), "heads": {"accident": {}}}, "0" * 64)


def sites(hazards: list[float], credit: list[float], kind: str | None = None) -> pd.DataFrame:
    rows = pd.DataFrame(0.0, index=range(len(hazards)), columns=list(NAMES))
    rows["hazards_open"], rows["gc_credit_score"] = hazards, credit
    if kind:
        rows[kind] = 1.0
    return rows


def reasons(model: RiskModel, usual: pd.DataFrame) -> Reasons:
    return Reasons(model, CATALOGUE, Similar.of(model, usual))


def test_a_part_is_what_a_feature_adds_less_what_it_adds_to_similar_sites(model: RiskModel) -> None:
    usual = sites([0.0, 2.0] * 20, [70.0] * 40)  # hazards add 0.2 on average, credit 0
    (found,) = reasons(model, usual).of(sites([5.0], [80.0]), "accident")
    assert [(one.feature, pytest.approx(one.log_odds)) for one in found] == [
        ("hazards_open", 0.8),
        ("gc_credit_score", -0.5),
    ]
    risk, similar = (expit(SLOPE * (-3.0 + each) + INTERCEPT) for each in (1.0 - 0.5, 0.2))
    assert [one.points for one in found] == pytest.approx(
        [(risk - similar) * part / (0.8 - 0.5) for part in (0.8, -0.5)]
    )
    assert found[0].sentence.zh == "有5条隐患尚未整改"
    assert (found[0].typical, found[1].typical) == (1.0, 70.0)


@pytest.mark.parametrize(("hazards", "credit"), [(5.0, 80.0), (10.0, 60.0), (1.0, 70.0), (0.0, 80.0)])
def test_points_by_family_lead_from_a_similar_sites_risk_to_the_sites_own(
    model: RiskModel, hazards: float, credit: float
) -> None:
    told = reasons(
        model, sites([0.0, 2.0] * 20, [70.0] * 40)
    )  # on average 1.0 hazard adds 0.2, credit nothing
    (found,) = told.beside_similar(sites([hazards], [credit]), "accident")
    parts = {"过往违规": hazards / 5 - 0.2, "参建方信用": (70.0 - credit) / 20}
    assert found.similar == pytest.approx(expit(SLOPE * (-3.0 + 0.2) + INTERCEPT))
    assert found.risk == pytest.approx(expit(SLOPE * (-3.0 + 0.2 + sum(parts.values())) + INTERCEPT))
    assert found.similar + sum(found.points.values()) == pytest.approx(found.risk)
    assert {name: np.sign(points) for name, points in found.points.items() if abs(points) > 1e-12} == {
        name: np.sign(part) for name, part in parts.items() if abs(part) > 1e-12
    }
    assert list(found.points) == sorted(found.points, key=lambda name: -abs(found.points[name]))


values = st.one_of(st.just(np.nan), st.floats(0.0, 12.0))


@settings(max_examples=60)
@given(st.lists(st.tuples(values, values), min_size=1, max_size=6), st.integers(0, 3), st.floats(0.1, 3.0))
def test_features_add_up_to_their_family_and_families_to_the_difference_of_both_risks(
    drawn: list[tuple[float, float]], most: int, slope: float
) -> None:
    head = HeadModel("accident", NAMES, slope, INTERCEPT, scorecard=CARD)
    model = RiskModel((head,), {"features": list(NAMES), "heads": {"accident": {}}}, "0" * 64)
    asked = sites([one for one, _ in drawn], [55.0 + 3 * other for _, other in drawn])
    told = reasons(model, sites([0.0, 2.0] * 20, [70.0, np.nan] * 20))
    parts = told.parts(asked, "accident")
    for row, found in enumerate(told.beside_similar(asked, "accident", most)):
        between = found.risk - found.similar
        assert found.risk == pytest.approx(model.risks(asked)["risk_accident"].iloc[row])
        assert sum(found.points.values()) == pytest.approx(between, abs=1e-12)
        assert parts.points[row].sum() == pytest.approx(between, abs=1e-12)
        said = sum(one.points for one in found.reasons)
        assert said + found.raising.points + found.lowering.points == pytest.approx(between, abs=1e-12)
        assert (
            len(found.reasons) + found.raising.number + found.lowering.number
            == (parts.points[row] != 0).sum()
        )
        for family in found.points:
            own = [
                p
                for name, p in zip(NAMES, parts.points[row], strict=True)
                if CATALOGUE.feature(name).family == family
            ]
            assert found.points[family] == pytest.approx(sum(own), abs=1e-12)
        assert all(np.sign(one.points) == np.sign(one.log_odds) for one in found.reasons)


@given(st.floats(0.0, 12.0))
@settings(max_examples=20)
def test_of_some_features_together_points_are_the_sum_of_their_own(hazards: float) -> None:
    model = RiskModel(
        (HeadModel("accident", NAMES, SLOPE, INTERCEPT, scorecard=CARD),),
        {"features": list(NAMES), "heads": {"accident": {}}},
        "0" * 64,
    )
    told, asked = reasons(model, sites([0.0, 2.0] * 20, [70.0] * 40)), sites([hazards], [62.0])
    chosen = np.isin(NAMES, ["hazards_open", "gc_credit_score"])[None]
    together, _ = told.of_some(asked, "accident", chosen)
    assert together[0] == pytest.approx(told.parts(asked, "accident").points[0, chosen[0]].sum())


def test_a_site_is_compared_with_sites_of_its_kind(model: RiskModel) -> None:
    usual = pd.concat(
        [sites([0.0] * 40, [70.0] * 40, "is_residential"), sites([8.0] * 40, [70.0] * 40, "is_demolition")]
    )
    told = reasons(model, usual)
    (home,) = told.of(sites([4.0], [70.0], "is_residential"), "accident")
    (demolition,) = told.of(sites([4.0], [70.0], "is_demolition"), "accident")
    assert home[0].log_odds == pytest.approx(0.8)
    assert demolition[0].log_odds == pytest.approx(-0.8)
    assert "偏低" in demolition[0].sentence.zh


def test_a_rare_kind_is_compared_with_all_sites(model: RiskModel) -> None:
    usual = pd.concat(
        [sites([0.0] * 40, [70.0] * 40, "is_residential"), sites([8.0], [70.0], "is_demolition")]
    )
    (found,) = reasons(model, usual).of(sites([8.0], [70.0], "is_demolition"), "accident")
    assert found[0].log_odds == pytest.approx(1.6 - 1.6 / 41)


def test_strictness_of_a_team_is_never_a_reason(model: RiskModel) -> None:
    site = sites([0.0], [70.0])
    site["team_stop_share_365d"] = 1.0
    assert reasons(model, sites([0.0] * 40, [70.0] * 40)).of(site, "accident") == [[]]


def test_what_is_missing_is_said_by_what_missing_means(model: RiskModel) -> None:
    (found,) = reasons(model, sites([0.0] * 40, [80.0] * 40)).of(sites([0.0], [np.nan]), "accident")
    assert found[0].sentence.zh == "施工单位无有效信用评价，属信息不足，较同类项目风险偏高"
    assert found[0].as_json()["value"] is None
    assert found[0].shown.zh == "–"


def test_reasons_are_said_in_one_line(model: RiskModel) -> None:
    (found,) = reasons(model, sites([0.0] * 40, [70.0] * 40)).of(sites([10.0], [60.0]), "accident")
    assert in_one_line(found).zh == "有10条隐患尚未整改；施工单位信用评价分60，低于同类项目中位水平"
    assert in_one_line(found, most=1).en == found[0].sentence.en


def test_at_most_so_many_of_either_side_are_told(model: RiskModel) -> None:
    (found,) = reasons(model, sites([0.0] * 40, [70.0] * 40)).of(sites([10.0], [60.0]), "accident", most=1)
    assert [one.feature for one in found] == ["hazards_open"]


def test_a_site_of_no_named_kind_is_of_the_last() -> None:
    both = pd.concat([sites([0.0], [0.0]), sites([0.0], [0.0], KINDS[2])])
    assert kinds_of(both).tolist() == [len(KINDS), 2]
