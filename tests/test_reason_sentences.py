"""Sentences of every feature, with extreme, missing and typical values: short, true to their side, without blame."""

from __future__ import annotations

import numpy as np
import pytest

from features.catalogue import load_catalogue
from features.feature import Feature
from serving.reasons.sentences import LONGEST_ZH, is_yes_or_no, sentence, value_words

CATALOGUE = load_catalogue()
SHOWN = [feature for feature in CATALOGUE.features if feature.in_model and feature.in_reasons]
NEVER_SAID = ("重大事故隐患", "违法", "失职", "造假", "None", "nan", "{", "}")


def values_of(feature: Feature) -> list[float]:
    low, high = feature.range
    low, high = -1e6 if low is None else float(low), 1e6 if high is None else float(high)
    if is_yes_or_no(feature):
        return [np.nan, 0.0, 1.0]
    return [np.nan, low, min(high, 1e6), min(max(1.0, low), high), min(max(1.23456, low), high)]


@pytest.mark.parametrize("feature", SHOWN, ids=lambda feature: feature.name)
def test_every_sentence_is_short_and_names_nothing_that_must_not_be_said(feature: Feature) -> None:
    for value in values_of(feature):
        for raises in (True, False):
            for typical in (np.nan, 0.0, 1.0, 1e5):
                said = sentence(feature, value, raises, typical)
                assert 0 < len(said.zh) <= LONGEST_ZH, (said.zh, len(said.zh))
                assert said.en and said.en.replace("²", "").replace("×", "").isascii(), said.en
                if feature.name != "major_hazards_found_365d":  # its fact is a finding under the law
                    assert not any(word in said.zh for word in NEVER_SAID), said.zh
                assert not any(word in said.en for word in ("None", "nan", "{", "}")), said.en


@pytest.mark.parametrize("feature", SHOWN, ids=lambda feature: feature.name)
def test_what_lowers_a_risk_is_never_said_with_the_words_of_what_raises_it(feature: Feature) -> None:
    for value in values_of(feature):
        assert "风险偏低" in sentence(feature, value, False, 0.5).zh


def test_a_low_score_is_called_low_only_where_it_is_lower_than_usual() -> None:
    score = CATALOGUE.feature("gc_credit_score")
    assert "低于同类平均水平" in sentence(score, 62.0, True, 76.0).zh
    assert sentence(score, 80.0, True, 76.0).zh == "施工单位信用评价80分，较同类项目风险偏高"


def test_a_count_that_is_not_above_the_usual_is_named_as_it_is() -> None:
    assert (
        sentence(CATALOGUE.feature("violations_365d"), 0.0, True, 4.0).zh
        == "近一年违规0条，较同类项目风险偏高"
    )


def test_a_missing_fact_that_raises_the_risk_is_said_to_be_missing() -> None:
    assert sentence(CATALOGUE.feature("pit_depth_m"), np.nan, True).zh == "缺少基坑开挖深度，评估不确定性较大"


def test_a_property_that_the_site_has_not_is_not_said_of_it() -> None:
    demolition = CATALOGUE.feature("is_demolition")
    assert sentence(demolition, 1.0, True).zh == "拆除工程，结构失稳风险较高"
    assert sentence(demolition, 0.0, True).zh == "拆除工程：否，较同类项目风险偏高"
    insured = CATALOGUE.feature("insured_idi")
    assert sentence(insured, 0.0, True).zh == "未见缺陷保险或保险情况需关注"
    assert sentence(insured, 1.0, True).zh == "缺陷保险（IDI）：是，较同类项目风险偏高"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("floor_area_m2", 28_460.0, "2.85"),
        ("pm_attendance", 0.8266, "82.7"),
        ("hazards_open", 12.0, "12"),
        ("contract_price_cny10k", 123_456.7, "123457"),
        ("safety_score_change_180d", -0.0, "0"),
        ("hazards_open", np.nan, "–"),
    ],
)
def test_values_are_shown_as_people_say_them(name: str, value: float, shown: str) -> None:
    assert value_words(CATALOGUE.feature(name), value) == shown
