"""A feature's value as people say it, in Chinese and English: by the name of its code, its class, or as a number."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from data_contracts.code_list import code_list
from data_contracts.contract import contract
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
    if np.isnan(value):
        return Sentence(NOTHING, NOTHING)
    named = _names(feature).get(value)
    if named is not None:
        return named
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
    if np.isnan(value) or value in _names(feature):
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


@functools.cache
def _names(feature: Feature) -> Mapping[float, Sentence]:
    """The names of the values that are codes or classes; none of those that are numbers."""
    if feature.table is None or feature.column is None or not (feature.ranks or feature.steps):
        return {}
    column = contract(feature.table).column(feature.column)
    if feature.ranks and column.code_list:
        codes = code_list(column.code_list).codes
        return {rank: Sentence(codes[code].zh, codes[code].en) for code, rank in feature.ranks.items()}
    return _classes(feature.steps, column.unit or "")


def _classes(steps: tuple[float, ...], unit: str) -> Mapping[float, Sentence]:
    """By how many steps are reached, between which of them a value lies."""
    found: dict[float, Sentence] = {
        0.0: Sentence(f"不足{steps[0]:g}{unit}", f"less than {steps[0]:g} {unit}")
    }
    for reached, low in enumerate(steps, 1):
        zh, en = f"{low:g}{unit}及以上", f"{low:g} {unit} or more"
        if reached < len(steps):
            zh, en = f"{zh}、不足{steps[reached]:g}{unit}", f"{en}, below {steps[reached]:g} {unit}"
        found[float(reached)] = Sentence(zh, en)
    return found
