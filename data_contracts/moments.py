"""Dates and times as the contracts mean them: wall time of Asia/Shanghai, to the microsecond.

Shanghai has kept +08:00 without summer time since 1991, so wall time without offset orders the
records of every project this service can meet. A bare date means the start of that day for
`as_of` and for events, and the end of that day for `recorded_at`: a record filed on a day is not
known that morning.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal
from zoneinfo import ZoneInfo

import pandas as pd

from data_contracts.errors import InvalidInput

SHANGHAI = ZoneInfo("Asia/Shanghai")
END_OF_DAY = pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
# Two clocks differ by less; a moment further ahead than this is in the future (DESIGN, "Semantics").
CLOCK_TOLERANCE = pd.Timedelta(minutes=5)
EARLIEST, LATEST = pd.Timestamp("1900-01-01"), pd.Timestamp("2200-01-01")
# A clock set back further than this behind what is on file is followed: one batch that a wrong clock dated years ahead
# must not stop the time until then.
LONGEST_STEP_BACK = pd.Timedelta(days=1)

_DATE = r"(?P<year>\d{4})(?:-(?P<m1>\d{1,2})-(?P<d1>\d{1,2})|/(?P<m2>\d{1,2})/(?P<d2>\d{1,2})|(?P<m3>\d{2})(?P<d3>\d{2}))"
_CLOCK = r"(?:[T ](?P<clock>\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\s?(?P<offset>Z|[+-]\d{2}:?\d{2})?)?"
_MOMENT = re.compile(rf"\s*{_DATE}{_CLOCK}\s*")
_ISO_DATE, _ISO_MOMENT = r"\d{4}-\d{2}-\d{2}", r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?"


def now() -> pd.Timestamp:
    """This moment as Shanghai wall time."""
    return pd.Timestamp(dt.datetime.now(SHANGHAI).replace(tzinfo=None))


def not_before(clock: pd.Timestamp, known: dt.datetime | None) -> pd.Timestamp:
    """What the clock says, or `known`, the newest moment on file, where the clock was set back behind it, by a day at most.

    What is on file stays known, and what comes after it is not dated before it.

    >>> ten = pd.Timestamp("2026-03-01 10:00")
    >>> not_before(pd.Timestamp("2026-03-01 09:00"), ten), not_before(pd.Timestamp("2026-02-01"), ten)
    (Timestamp('2026-03-01 10:00:00'), Timestamp('2026-02-01 00:00:00'))
    """
    if known is None or not clock < known <= clock + LONGEST_STEP_BACK:
        return clock
    return pd.Timestamp(known).as_unit("us")


def as_of_moment(value: str | dt.date | pd.Timestamp) -> pd.Timestamp:
    """The knowledge time meant by `value`; a bare date is 00:00 of that day in Shanghai.

    Raises InvalidInput for anything that is not an ISO 8601 date or date-time of the years 1900 to 9999.

    >>> as_of_moment("2026-03-01"), as_of_moment("2026-03-01T00:00:00Z")
    (Timestamp('2026-03-01 00:00:00'), Timestamp('2026-03-01 08:00:00'))
    """
    return _moment(value, "start")


def knowledge_moment(value: str | dt.date | pd.Timestamp) -> pd.Timestamp:
    """The moment a record was on file; a bare date is the end of that day in Shanghai.

    >>> knowledge_moment("2026-03-01")
    Timestamp('2026-03-01 23:59:59.999999')
    """
    return _moment(value, "end")


def parse_moments(texts: pd.Series, *, bare_date: Literal["start", "end"]) -> tuple[pd.Series, pd.Series]:
    """Texts as moments, and which of them could not be read.

    Accepts `2026-03-01`, `2026/3/1`, `20260301`, each alone or with a time of day and an offset, of the
    years 1900 to 2199; a missing text stays missing and has not failed.
    """
    present = texts.notna()
    moments = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
    if not present.any():
        return moments, ~present & False
    uniform = _parse_uniform(texts[present], bare_date)
    moments[uniform.index] = uniform
    rest = texts[present & moments.isna()]
    if len(rest):
        known = {text: _parse_one(text, bare_date) for text in rest.unique()}
        read = rest.map(known).astype("datetime64[us]")
        moments[rest.index] = read.where(read < LATEST)
    return moments, present & moments.isna()


def _parse_uniform(texts: pd.Series, bare_date: str) -> pd.Series:
    """The texts in the two usual ISO forms, read together; the others are left out."""
    dates = texts[texts.str.fullmatch(_ISO_DATE)]
    moments = texts[texts.str.fullmatch(_ISO_MOMENT)]
    days = pd.to_datetime(dates, format="%Y-%m-%d", errors="coerce").astype("datetime64[us]")
    if bare_date == "end":
        days = days + END_OF_DAY
    times = pd.to_datetime(moments, format="ISO8601", errors="coerce").astype("datetime64[us]")
    read = pd.concat([days, times])
    return read[read.between(EARLIEST, LATEST, inclusive="left")]


def _parse_one(text: str, bare_date: str) -> pd.Timestamp | None:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    month = found["m1"] or found["m2"] or found["m3"]
    day = found["d1"] or found["d2"] or found["d3"]
    iso = f"{found['year']}-{int(month):02d}-{int(day):02d}"
    if found["clock"]:
        hour, rest = found["clock"].split(":", 1)
        iso += f"T{int(hour):02d}:{rest}{found['offset'] or ''}"
    try:
        moment = _wall_time(dt.datetime.fromisoformat(iso))
    except (ValueError, OverflowError):
        return None
    if moment < EARLIEST:
        return None
    return moment + END_OF_DAY if not found["clock"] and bare_date == "end" else moment


def _moment(value: str | dt.date | pd.Timestamp, bare_date: str) -> pd.Timestamp:
    if isinstance(value, dt.datetime):
        return _wall_time(value)
    text = value.isoformat() if isinstance(value, dt.date) else str(value)
    moment = _parse_one(text, bare_date)
    if moment is None:
        raise InvalidInput(
            zh=f"无法识别的日期或时间：{text[:40]!r}，请使用 2026-03-01 或 2026-03-01T08:00:00+08:00 的形式。",
            en=f"Not a date or time: {text[:40]!r}. Write 2026-03-01 or 2026-03-01T08:00:00+08:00.",
        )
    return moment


def _wall_time(moment: dt.datetime) -> pd.Timestamp:
    stamp = pd.Timestamp(moment)
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert(SHANGHAI).tz_localize(None)
    return stamp.as_unit("us")
