"""A feature's value as people say it, in Chinese and English: by the name of its code, its class, or as a number."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from features.feature import Feature

DIGITS = 3
NOTHING = "–"
_UNITS_EN = {
    "天": "days", "年": "", "m": "m", "m²": "m²", "%": "%", "分": "points", "万元": "× CNY 10,000", "元/m²": "CNY/m²",
    "条/次": "a visit", "次/月": "a month", "条/工地年": "a site-year", "起/工地年": "a site-year", "份/工地年": "a site-year",
    "条/工地": "a site", "份/工地": "a site", "条/万m²": "per 10,000 m²", "栋/万m²": "per 10,000 m²", "个月": "months",
}  # fmt: skip
_PLURALS = ("days", "points", "months")


class Sentence(NamedTuple):
    """The same thing in Chinese and in English."""

    zh: str
    en: str


def value_words(feature: Feature, value: float) -> Sentence:
    """The value without its unit: the name of its code or class, else three digits, whole where it is a count; a dash
    where it is missing.

    >>> from features.catalogue import load_catalogue
    >>> value_words(load_catalogue().feature("floor_area_m2"), 28_000.0).zh
    '2.8'
    >>> value_words(load_catalogue().feature("stage_order"), 80.0)
    Sentence(zh='分户验收与竣工验收准备', en='Unit acceptance, completion prepared')
    >>> value_words(load_catalogue().feature("pit_depth_class"), 2.0)
    Sentence(zh='5m及以上、不足7m', en='5 m or more, below 7 m')
    """
    if math.isnan(value):
        return Sentence(NOTHING, NOTHING)
    named = feature.value_names.get(value)
    if named is not None:
        return Sentence(*named)
    shown = value * feature.shown_times
    if abs(shown) >= 10**DIGITS or shown == round(shown):
        digits = f"{shown:z.0f}"
    else:
        digits = np.format_float_positional(shown, DIGITS, fractional=False, trim="-")
    return Sentence(digits, digits)


def with_unit(feature: Feature, value: float) -> Sentence:
    """As `value_words`, with the unit; what a rate that is drawn toward a group's says is an estimate.

    >>> from features.catalogue import load_catalogue
    >>> with_unit(load_catalogue().feature("days_since_visit"), 1.0)
    Sentence(zh='1天', en='1 day')
    """
    words = value_words(feature, value)
    if math.isnan(value) or value in feature.value_names:
        return words
    zh, en = _units(feature)
    en = en.removesuffix("s") if en in _PLURALS and words.en == "1" else en
    between = "" if en in ("", "%") else " "
    about = ("估计", " (estimate)") if feature.shrunk else ("", "")
    return Sentence(f"{about[0]}{words.zh}{zh}", f"{words.en}{between}{en}{about[1]}")


def _units(feature: Feature) -> tuple[str, str]:
    if feature.shown_times == 100:
        return "%", "%"
    if feature.unit == "m²" and feature.shown_times < 1:
        return "万m²", "× 10,000 m²"
    return feature.unit, _UNITS_EN.get(feature.unit, "")
