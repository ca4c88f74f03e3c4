"""Which knowledge times may be asked about: any up to now."""

from __future__ import annotations

import pandas as pd

from data_contracts.errors import InvalidInput
from data_contracts.moments import CLOCK_TOLERANCE, as_of_moment, now


def latest_allowed(present: pd.Timestamp | None = None) -> pd.Timestamp:
    """The latest `as_of` that is taken: now, and what two clocks may differ by. `present` is this moment, if not the clock's."""
    return (now() if present is None else present) + CLOCK_TOLERANCE


def moment_asked(as_of: str | None, present: pd.Timestamp | None = None) -> pd.Timestamp:
    """The knowledge time asked for, `present` for None; InvalidInput if it cannot be read or lies ahead."""
    if as_of is None:
        return now() if present is None else present
    try:
        moment = as_of_moment(as_of)
    except InvalidInput as error:
        raise InvalidInput(zh=error.zh, en=error.en, field="as_of") from None
    if moment > latest_allowed(present):
        raise InvalidInput(
            zh="as_of 晚于当前时间：尚未发生的事无从得知。请给出不晚于现在的时点，或省略以表示现在。",
            en="as_of lies in the future, of which nothing is on file. Give a moment up to now, or leave it out.",
            field="as_of",
        )
    return moment
