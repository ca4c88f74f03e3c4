"""One sentence for one feature's part in a risk: its fact with its value, in Chinese and English, without blame.

The catalogue's template is said only where it is true: the feature raises the risk, and its value is on the side of
which the template speaks (`speaks_of`). Otherwise the fact is named as it is, and which way it moves the risk.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.feature import Feature

LONGEST_ZH = 40  # DOMAIN 6.2
_DIGITS = 3
_UNITS_EN = {
    "天": "days", "年": "", "m": "m", "m²": "m²", "%": "%", "分": "points", "万元": "CNY 10,000", "元/m²": "CNY/m²",
    "条/次": "a visit", "次/月": "a month", "条/工地年": "a site-year", "起/工地年": "a site-year", "份/工地年": "a site-year",
    "条/工地": "a site", "份/工地": "a site", "条/万m²": "per 10,000 m²", "栋/万m²": "per 10,000 m²", "个月": "months",
}  # fmt: skip


class Sentence(NamedTuple):
    """The same thing in Chinese, at most forty characters, and in English."""

    zh: str
    en: str


def sentence(feature: Feature, value: float, raises: bool, typical: float = np.nan) -> Sentence:
    """What to say of a feature that raises or lowers the risk; `value` NaN is missing, `typical` that of similar sites.

    >>> from features.catalogue import load_catalogue
    >>> hazards = load_catalogue().feature("hazards_open")
    >>> sentence(hazards, 3.0, True, 0.0).zh, sentence(hazards, 0.0, False, 1.0).zh
    ('有3条隐患尚未整改', '未整改隐患0条，较同类项目风险偏低')
    """
    if np.isnan(value):
        return _missing(feature, raises)
    if is_yes_or_no(feature):
        return _yes_or_no(feature, value > 0, raises)
    shown = value_words(feature, value)
    if raises and _template_holds(feature, value, typical):
        window = feature.window_days
        return Sentence(
            feature.reason_zh.format(v=shown, n=window), feature.reason_en.format(v=shown, n=window)
        )
    unit_zh = "%" if feature.shown_times == 100 else _shown_unit(feature)
    unit_en = "%" if feature.shown_times == 100 else _UNITS_EN.get(feature.unit, "")
    between = "" if unit_en in ("", "%") else " "
    return Sentence(
        f"{feature.label_zh}{shown}{unit_zh}，较同类项目风险{_WAY_ZH[raises]}",
        f"{feature.label_en}: {shown}{between}{unit_en}; {_WAY_EN[raises]} the risk beside similar sites",
    )


def value_words(feature: Feature, value: float) -> str:
    """The value as people say it: in the shown unit, three digits, whole where it is a count; a dash where missing.

    >>> from features.catalogue import load_catalogue
    >>> value_words(load_catalogue().feature("floor_area_m2"), 28_000.0)
    '2.8'
    >>> value_words(load_catalogue().feature("contract_price_cny10k"), 999.7)
    '1000'
    """
    if np.isnan(value):
        return "–"
    shown = value * feature.shown_times
    if abs(shown) >= 10**_DIGITS or shown == round(shown):
        return f"{shown:z.0f}"
    return np.format_float_positional(shown, _DIGITS, fractional=False, trim="-")


def is_yes_or_no(feature: Feature) -> bool:
    """Whether the feature says that something is so (1) or not (0)."""
    return feature.range == (0, 1) and not feature.unit and feature.measure != "ratio"


_WAY_ZH = {True: "偏高", False: "偏低"}
_WAY_EN = {True: "raises", False: "lowers"}


def _template_holds(feature: Feature, value: float, typical: float) -> bool:
    speaks_of_low = feature.direction < 0 or feature.speaks_of == "low"
    if np.isnan(typical):
        return value > 0 or speaks_of_low
    return value < typical if speaks_of_low else value > typical


def _missing(feature: Feature, raises: bool) -> Sentence:
    if raises:
        return Sentence(
            f"缺少{feature.label_zh}，评估不确定性较大", f"{feature.label_en}: not on file; less certain"
        )
    return Sentence(
        f"{feature.label_zh}无记录，较同类项目风险偏低",
        f"{feature.label_en}: none on file; lowers the risk beside similar sites",
    )


def _yes_or_no(feature: Feature, yes: bool, raises: bool) -> Sentence:
    speaks_of_no = feature.speaks_of == "low"
    if raises and yes != speaks_of_no:
        return Sentence(feature.reason_zh.format(v="", n=feature.window_days), feature.reason_en)
    is_zh, is_en = ("是", "yes") if yes else ("否", "no")
    return Sentence(
        f"{feature.label_zh}：{is_zh}，较同类项目风险{_WAY_ZH[raises]}",
        f"{feature.label_en}: {is_en}; {_WAY_EN[raises]} the risk beside similar sites",
    )


def _shown_unit(feature: Feature) -> str:
    return "万m²" if feature.unit == "m²" and feature.shown_times < 1 else feature.unit
