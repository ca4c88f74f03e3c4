"""Texts as values: how a number, a yes or no, a date, a moment and a code may be written.

Accepted beside the plain form, each time with a `normalised` warning where the text was changed to be
read: thousands separators set by threes, full-width digits, a code with the `.0` that spreadsheets add,
a time of day in a column that holds a day. Dates may be 2026-03-01, 2026/3/1, 2026.3.1, 20260301 or
2026年3月1日 without remark. A year of 0000 or 9999 in a date that may be missing means "no date".
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.code_list import code_list
from data_contracts.contract import Column
from data_contracts.moments import parse_moments

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
THOUSANDS = r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?"
NOT_FINITE = frozenset({"nan", "inf", "infinity", "∞", "#num!", "#div/0!", "#value!", "#ref!"})
TRUE_WORDS = frozenset({"true", "1", "1.0", "是", "y", "yes", "t"})
FALSE_WORDS = frozenset({"false", "0", "0.0", "否", "n", "no", "f"})
LARGEST_EXACT_INTEGER = 2**53  # a float64 holds every whole number up to here
SHANGHAI_OFFSET = r"(:\d{2}(?:\.\d{1,6})?)\+08:?00$"  # says what is meant without it
MONTH = re.compile(r"(\d{4})[-/]?(\d{1,2})", re.ASCII)


@dataclass(frozen=True)
class Values:
    """Distinct texts as values. `broken` gives per rule the texts that are none; `read_as` what was changed."""

    values: pd.Series
    broken: dict[str, np.ndarray]
    read_as: np.ndarray


def read_values(column: Column, texts: pd.Series) -> Values:
    """The values of distinct, stripped texts after the kind of `column`; a broken text's value is missing."""
    if column.kind in ("integer", "number"):
        return _numbers(texts, whole=column.kind == "integer")
    if column.kind == "boolean":
        return _booleans(texts)
    if column.kind == "date":
        return _months(texts) if column.granularity == "month" else _dates(texts)
    if column.kind == "moment":
        moments, failed = _moments(texts, column.bare_date)
        return Values(moments, {"not_a_moment": failed}, _unchanged(texts))
    if column.kind == "code" and column.code_list:
        return _codes(texts, frozenset(code_list(column.code_list).codes))
    return Values(texts, {}, _unchanged(texts))


def words_for_missing(column: Column) -> frozenset[str]:
    """Words that mean missing in this column beside those that do everywhere.

    `nan` is what a missing text becomes in some exports; in a number it is refused as not finite.
    """
    return frozenset({"nan"}) if column.kind in ("text", "code") else frozenset()


def means_no_date(column: Column, texts: pd.Series) -> np.ndarray:
    """Which texts are the zero date or the end of time, where the column may be missing."""
    if column.required or column.kind not in ("date", "moment"):
        return np.zeros(len(texts), dtype=bool)
    return texts.str.match(r"(0000|9999)[-/.]?\d{2}[-/.]?\d{2}").to_numpy(dtype=bool)


def _numbers(texts: pd.Series, *, whole: bool) -> Values:
    array = pa.array(texts, type=pa.large_string(), from_pandas=True)
    plain = pc.match_substring_regex(array, f"^(?:{NUMBER})$")
    numbers = pc.if_else(plain, array, pa.scalar(None, array.type)).cast(pa.float64())
    values = numbers.to_numpy(zero_copy_only=False).copy()
    read_as = _unchanged(texts)
    not_finite = np.zeros(len(texts), dtype=bool)
    for i in np.flatnonzero(~plain.to_numpy(zero_copy_only=False)):
        text = unicodedata.normalize("NFKC", texts.iloc[i]).replace("−", "-")
        not_finite[i] = text.lower().lstrip("+-") in NOT_FINITE
        if (number := _other_number(text)) is not None:
            values[i], read_as[i] = number, f"{number:.15g}"
    not_finite |= np.isinf(values)
    broken = np.isnan(values) & ~not_finite
    values[not_finite] = np.nan
    if whole:
        broken |= (values != np.trunc(values)) & ~np.isnan(values) | (np.abs(values) > LARGEST_EXACT_INTEGER)
        values[broken] = np.nan
    rule = "not_an_integer" if whole else "not_a_number"
    typed = pd.Series(values + 0.0).astype("Int64" if whole else "float64")
    return Values(typed, {rule: broken, "not_finite": not_finite}, read_as)


def _other_number(text: str) -> float | None:
    """A number with thousands separators or in full-width digits (already folded); None if it is none."""
    if re.fullmatch(f"{NUMBER}|{THOUSANDS}", text, re.ASCII):
        return float(text.replace(",", ""))
    return None


def _booleans(texts: pd.Series) -> Values:
    lowered = texts.map(lambda text: unicodedata.normalize("NFKC", text).lower())
    true, false = lowered.isin(TRUE_WORDS), lowered.isin(FALSE_WORDS)
    values = true.astype("boolean").mask(~(true | false))
    return Values(values, {"not_a_boolean": ~(true | false).to_numpy()}, _unchanged(texts))


def _dates(texts: pd.Series) -> Values:
    moments, failed = _moments(texts, "start")
    days = moments.dt.floor("D")
    read_as = _unchanged(texts)
    with_time = (moments != days) & moments.notna()
    read_as[with_time.to_numpy()] = days[with_time].dt.strftime("%Y-%m-%d")
    return Values(days, {"not_a_date": failed}, read_as)


def _months(texts: pd.Series) -> Values:
    bare = texts.map(_iso_month)
    values = _dates(bare)
    failed = values.broken["not_a_date"] | (values.values.dt.day > 1).to_numpy(dtype=bool)
    return Values(values.values.mask(failed), {"not_a_month": failed}, values.read_as)


def _moments(texts: pd.Series, bare_date: Literal["start", "end"]) -> tuple[pd.Series, np.ndarray]:
    local = texts.str.replace(SHANGHAI_OFFSET, r"\1", regex=True)
    moments, failed = parse_moments(local, bare_date=bare_date)
    if failed.any():
        again, _ = parse_moments(local[failed].map(_iso_date), bare_date=bare_date)
        moments[again.index] = again
    return moments, moments.isna().to_numpy()


def _iso_date(text: str) -> str:
    """A date in the Chinese forms written with hyphens; anything else as it is, in half-width."""
    folded = unicodedata.normalize("NFKC", text)
    day, blank, clock = folded.partition(" ")
    for mark, hyphen in (("年", "-"), ("月", "-"), ("日", ""), (".", "-")):
        day = day.replace(mark, hyphen)
    return day + blank + clock


def _iso_month(text: str) -> str:
    folded = _iso_date(text).rstrip("-")
    month = MONTH.fullmatch(folded)
    return f"{month[1]}-{int(month[2]):02d}-01" if month else folded


def _codes(texts: pd.Series, known: frozenset[str]) -> Values:
    read_as = _unchanged(texts)
    values = texts.copy()
    for i in np.flatnonzero(texts.str.endswith(".0").to_numpy(dtype=bool)):
        whole = texts.iloc[int(i)].removesuffix(".0")
        if texts.iloc[i] not in known and whole in known:
            values.iloc[int(i)] = whole
            read_as[i] = whole
    return Values(values, {}, read_as)


def _unchanged(texts: pd.Series) -> np.ndarray:
    return np.full(len(texts), None, dtype=object)
