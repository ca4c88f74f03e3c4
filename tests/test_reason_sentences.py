"""Sentences of every feature, with extreme, missing and typical values: short, true to their side, without blame."""

from __future__ import annotations

import numpy as np
import pytest

from features.catalogue import load_catalogue
from features.feature import Feature
from serving.reasons.sentences import LONGEST_ZH, fact, sentence
from serving.reasons.value_words import value_words, with_unit

CATALOGUE = load_catalogue()
SHOWN = [feature for feature in CATALOGUE.features if feature.in_model and feature.in_reasons]
NEVER_SAID = (
    "重大事故隐患",
    "违法",
    "失职",
    "造假",
    "偏弱",
    "可能弱化",
    "问题较多",
    "不力",
    "None",
    "nan",
    "{",
    "}",
)
NEVER_SAID_EN = (
    "None",
    "nan",
    "{",
    "}",
    "culpable",
    "careless",
    "fault of",
    "failed to",
    " 1 days",
    " 1 points",
)
PERSONAL = ("姓名", "身份证", "电话", "年龄", "性别", "person_ref", "name of", "phone", "identity")
TYPICAL = (np.nan, 0.0, 0.5, 1.0, 1e5)
every_feature = pytest.mark.parametrize("feature", SHOWN, ids=lambda feature: feature.name)


def values_of(feature: Feature) -> list[float]:
    """Missing, zero, typical, extreme and negative values, as far as the feature may have them; of codes all."""
    if feature.is_yes_or_no:
        return [np.nan, 0.0, 1.0]
    if feature.ranks or feature.steps:
        reached = [float(number) for number in range(len(feature.steps) + 1)] if feature.steps else []
        return [np.nan, *reached, *feature.ranks.values()]
    low, high = (-1e6 if end is None and sign < 0 else 1e6 if end is None else float(end)
                 for end, sign in zip(feature.range, (-1, 1), strict=True))  # fmt: skip
    if feature.range[0] is None:
        low = 0.0
    tried = (low, -30.0, -1.0, 0.0, 0.01234, 0.5, 1.0, 1.23456, 30.0, min(high, 1e6))
    return [np.nan, *(value for value in tried if low <= value <= high)]


def said_of(feature: Feature) -> list[tuple[float, bool, float, str, str]]:
    return [
        (value, raises, typical, *sentence(feature, value, raises, typical))
        for value in values_of(feature)
        for raises in (True, False)
        for typical in TYPICAL
    ]


@every_feature
def test_every_sentence_is_short_and_names_nothing_that_must_not_be_said(feature: Feature) -> None:
    never = (
        NEVER_SAID[1:] if feature.name == "major_hazards_found_365d" else NEVER_SAID
    )  # a finding under the law
    for *_, zh, en in said_of(feature):
        assert 0 < len(zh) <= LONGEST_ZH, (zh, len(zh))
        assert en and en.replace("²", "").replace("×", "").isascii(), en
        assert not any(word in zh for word in (*never, *PERSONAL)), zh
        assert not any(word in en for word in (*NEVER_SAID_EN, *PERSONAL)), en


@every_feature
def test_what_lowers_a_risk_is_never_said_with_the_words_of_what_raises_it(feature: Feature) -> None:
    for _, raises, _, zh, en in said_of(feature):
        assert raises or (zh.endswith("风险偏低") and en.endswith("lowers the risk beside similar sites"))
        assert not raises or "偏低" not in zh


@every_feature
def test_a_rate_that_is_an_estimate_is_said_to_be_one(feature: Feature) -> None:
    for value, _, _, zh, en in said_of(feature):
        if feature.shrunk and not np.isnan(value):
            assert "估计" in zh and "estimate" in en, (zh, en)


@every_feature
def test_no_number_below_zero_is_told_where_words_can_say_it(feature: Feature) -> None:
    if feature.unit == "分" and feature.measure == "latest":
        return  # a score below zero is what its scheme gave
    for *_, zh, en in said_of(feature):
        assert not any(f"-{digit}" in text for digit in range(10) for text in (zh, en)), (zh, en)


@every_feature
def test_a_code_is_told_by_its_name_and_a_class_by_its_bounds(feature: Feature) -> None:
    if not (feature.ranks or feature.steps):
        return
    for value in values_of(feature)[1:]:
        zh, en = value_words(feature, value)
        assert not zh.replace(".", "").isdigit() and not en.replace(".", "").isdigit()
        assert zh in fact(feature, value).zh and en in fact(feature, value).en


@every_feature
def test_a_missing_value_is_told_by_what_missing_means(feature: Feature) -> None:
    only_not_stated = feature.missing.startswith(("never", "not stated")) and "or no" not in feature.missing
    assert only_not_stated or "missing" in feature.says, feature.missing
    said = sentence(feature, np.nan, True).zh
    if "missing" in feature.says:
        assert fact(feature, np.nan).zh in said and not said.startswith("缺少")


@every_feature
def test_a_template_that_compares_is_said_only_beside_a_known_median(feature: Feature) -> None:
    for value, _, typical, zh, en in said_of(feature):
        if "中位" in zh or "median" in en:
            assert value != typical and not np.isnan(typical), (zh, en)


def test_a_low_score_is_called_low_only_where_it_is_lower_than_usual() -> None:
    score = CATALOGUE.feature("gc_credit_score")
    assert sentence(score, 62.0, True, 76.0).zh == "施工单位信用评价分62，低于同类项目中位水平"
    assert sentence(score, 80.0, True, 76.0).zh == "施工单位信用评价80分，较同类项目风险偏高"
    assert "低于" not in sentence(score, 62.0, True, np.nan).zh


def test_a_firm_without_a_score_is_not_called_bad() -> None:
    assert sentence(CATALOGUE.feature("gc_credit_score"), np.nan, True).zh == (
        "施工单位无有效信用评价，属信息不足，较同类项目风险偏高"
    )


def test_a_count_that_is_not_above_the_usual_is_named_as_it_is() -> None:
    assert (
        sentence(CATALOGUE.feature("violations_365d"), 0.0, True, 4.0).zh
        == "近一年违规0条，较同类项目风险偏高"
    )


def test_a_missing_fact_that_raises_the_risk_is_said_to_be_missing() -> None:
    assert sentence(CATALOGUE.feature("floor_area_m2"), np.nan, True).zh == "缺少建筑面积，评估不确定性较大"


def test_a_site_without_a_pit_is_not_said_to_keep_its_depth_back() -> None:
    assert (
        sentence(CATALOGUE.feature("pit_depth_m"), np.nan, True).zh
        == "无基坑或未填报基坑深度，较同类项目风险偏高"
    )


@pytest.mark.parametrize(
    ("name", "value", "zh", "en"),
    [
        ("days_to_planned_finish", -12.0, "已超计划竣工日12天", "12 days past the planned finish"),
        ("days_to_planned_finish", 1.0, "距计划竣工还有1天", "1 day to the planned finish"),
        ("stage_delay_days", -7.0, "进度较计划提前7天", "7 days ahead of schedule"),
        ("stage_order", 80.0, "处于分户验收与竣工验收准备阶段", "Stage of the works: Unit acceptance, completion prepared"),
        ("pit_environment_rank", 3.0, "基坑环境保护等级为一级", "Surroundings of the pit: Class 1, strictest"),
        ("pit_depth_class", 1.0, "基坑深度3m及以上、不足5m", "A pit depth of 3 m or more, below 5 m"),
        ("violations_per_visit_365d", 1.25, "每次检查违规估计1.25条/次", "Violations per visit, 1 y: 1.25 a visit (estimate)"),
        ("safety_score_change_180d", -5.0, "近180日安全检查评分下降5分", "The safety score fell by 5 within 180 days"),
        ("floor_area_m2", 28_460.0, "建筑面积2.85万m²", "Floor area: 2.85 × 10,000 m²"),
    ],
)  # fmt: skip
def test_facts_are_named_as_people_say_them(name: str, value: float, zh: str, en: str) -> None:
    assert fact(CATALOGUE.feature(name), value) == (zh, en)


def test_a_property_that_the_site_has_not_is_not_said_of_it() -> None:
    demolition = CATALOGUE.feature("is_demolition")
    assert sentence(demolition, 1.0, True).zh == "拆除工程，结构失稳风险较高"
    assert sentence(demolition, 0.0, True).zh == "不属于拆除工程，较同类项目风险偏高"
    insured = CATALOGUE.feature("insured_idi")
    assert sentence(insured, 0.0, True).zh == "未投保缺陷保险（IDI），质量保障需关注"
    assert sentence(insured, 1.0, True).zh == "已投保缺陷保险（IDI），较同类项目风险偏高"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("floor_area_m2", 28_460.0, "2.85万m²"),
        ("pm_attendance", 0.8266, "82.7%"),
        ("hazards_open", 12.0, "12条"),
        ("contract_price_cny10k", 123_456.7, "123457万元"),
        ("safety_score_change_180d", -0.0, "0分"),
        ("hazards_open", np.nan, "–"),
    ],
)
def test_values_are_shown_as_people_say_them(name: str, value: float, shown: str) -> None:
    assert with_unit(CATALOGUE.feature(name), value).zh == shown
