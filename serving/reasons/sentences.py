"""One sentence for one feature's part in a risk: its fact with its value, in Chinese and English, without blame.

The catalogue's template is said only where it is true: the feature raises the risk, and its value is on the side of
which the template speaks (`speaks_of`). Otherwise the fact is named as it is, and which way it moves the risk.
"""

from __future__ import annotations

import math

import numpy as np

from features.feature import Feature
from serving.reasons.value_words import Sentence, value_words, with_unit

LONGEST_ZH = 40  # DOMAIN 6.2
_WAY_ZH = {True: "偏高", False: "偏低"}
_WAY_EN = {True: "raises", False: "lowers"}


def sentence(feature: Feature, value: float, raises: bool, typical: float = np.nan) -> Sentence:
    """What to say of a feature that raises or lowers the risk; `value` NaN is missing, `typical` that of similar sites.

    >>> from features.catalogue import load_catalogue
    >>> hazards = load_catalogue().feature("hazards_open")
    >>> sentence(hazards, 3.0, True, 0.0).zh, sentence(hazards, 0.0, False, 1.0).zh
    ('有3条隐患尚未整改', '未整改隐患0条，较同类项目风险偏低')
    """
    if raises and template_holds(feature, value, typical):
        return _filled((feature.reason_zh, feature.reason_en), feature, value)
    if raises and math.isnan(value) and "missing" not in feature.says:
        return Sentence(
            f"缺少{feature.label_zh}，评估不确定性较大", f"{feature.label_en}: not stated; less certain"
        )
    said = fact(feature, value)
    return Sentence(
        f"{said.zh}，较同类项目风险{_WAY_ZH[raises]}",
        f"{said.en}; {_WAY_EN[raises]} the risk beside similar sites",
    )


def fact(feature: Feature, value: float) -> Sentence:
    """The value named as a fact, neither good nor bad; what a missing one means.

    >>> from features.catalogue import load_catalogue
    >>> fact(load_catalogue().feature("days_to_planned_finish"), -12.0)
    Sentence(zh='已超计划竣工日12天', en='12 days past the planned finish')
    >>> fact(load_catalogue().feature("pit_depth_m"), np.nan).zh
    '无基坑或未填报基坑深度'
    """
    word = _word_for(feature, value)
    if word in feature.says:
        return _filled(feature.says[word], feature, abs(value) if word == "below_zero" else value)
    if math.isnan(value):
        return Sentence(f"未填报{feature.label_zh}", f"{feature.label_en}: not stated")
    shown = with_unit(feature, value)
    return Sentence(f"{feature.label_zh}{shown.zh}", f"{feature.label_en}: {shown.en}")


def _word_for(feature: Feature, value: float) -> str:
    if math.isnan(value):
        return "missing"
    if feature.is_yes_or_no:
        return "so" if value > 0 else "not_so"
    if value < 0 and "below_zero" in feature.says:
        return "below_zero"
    return "above_zero" if value > 0 and "above_zero" in feature.says else "value"


def template_holds(feature: Feature, value: float, typical: float) -> bool:
    """Whether what the template says of the value is so: beside `typical` it is on the side the template speaks of."""
    low = feature.direction < 0 or feature.speaks_of == "low"
    if math.isnan(value) or (value < 0 and "below_zero" in feature.says):
        return False
    if feature.is_yes_or_no:
        return (value > 0) != low
    if low:
        return value < typical  # never of a NaN
    return value > 0 and not value <= typical


def _filled(texts: tuple[str, str], feature: Feature, value: float) -> Sentence:
    shown, window = value_words(feature, value), feature.window_days
    days = f"{shown.en} day" if shown.en == "1" else f"{shown.en} days"
    return Sentence(texts[0].format(v=shown.zh, n=window), texts[1].format(v=shown.en, n=window, days=days))
