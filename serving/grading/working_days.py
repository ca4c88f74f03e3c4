"""Working days of the calendar on file (调休 included); Monday to Friday where it says nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_contracts.records import Records
from serving.grading.overrides import NEVER, ONE_DAY, Days


@dataclass(frozen=True)
class WorkingDays:
    """Days that the calendar says something else about than the week: `free` weekdays and `worked` weekends."""

    free: Days
    worked: Days

    @classmethod
    def of(cls, records: Records, as_of: pd.Timestamp) -> WorkingDays:
        """The calendar as known at `as_of`."""
        known = days_known(records.table("calendar_days"), ["date"], as_of)
        days = known["date"].to_numpy("datetime64[D]")
        works = known["is_working_day"].fillna(False).to_numpy(bool)
        weekday = np.is_busday(days)
        return cls(np.sort(days[weekday & ~works]), np.sort(days[~weekday & works]))

    @classmethod
    def plain(cls) -> WorkingDays:
        """Monday to Friday."""
        nothing = np.array([], "datetime64[D]")
        return cls(nothing, nothing)

    def after(self, days: Days, count: int) -> Days:
        """The day so many working days after each; NaT for NaT. Day 0 is the day itself.

        >>> spring = WorkingDays(np.array(["2026-05-01"], "M8[D]"), np.array(["2026-05-09"], "M8[D]"))
        >>> spring.after(np.array(["2026-04-30", "NaT"], "M8[D]"), 7).tolist()
        [datetime.date(2026, 5, 11), None]
        """
        found = np.full(len(days), NEVER)
        for day in np.unique(days[~np.isnat(days)]):
            found[days == day] = self._after(day, count)
        return found

    def between(self, first: pd.Timestamp, last: pd.Timestamp) -> int:
        """How many working days from `first` until before `last`.

        >>> WorkingDays.plain().between(pd.Timestamp("2026-05-01"), pd.Timestamp("2026-05-08"))
        5
        """
        days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D"))
        return sum(self._works(day) for day in days)

    def among(self, days: pd.Series) -> np.ndarray:
        """Which of the days are working days.

        >>> WorkingDays.plain().among(pd.Series(pd.to_datetime(["2026-05-08", "2026-05-09"]))).tolist()
        [True, False]
        """
        asked = days.to_numpy("datetime64[D]")
        return (np.is_busday(asked) & ~np.isin(asked, self.free)) | np.isin(asked, self.worked)

    def _after(self, day: np.datetime64, count: int) -> np.datetime64:
        left = count
        while left > 0:
            day = day + ONE_DAY
            left -= int(self._works(day))
        return day

    def _works(self, day: np.datetime64) -> bool:
        if np.is_busday(day):
            return not np.isin(day, self.free)
        return bool(np.isin(day, self.worked))


def days_known(rows: pd.DataFrame, key: list[str], as_of: pd.Timestamp) -> pd.DataFrame:
    """The versions in force at `as_of`: of each key the one recorded last, withdrawn ones left out."""
    on_file = rows[rows["recorded_at"] <= as_of].drop_duplicates(key, keep="last")
    return on_file[~(on_file["withdrawn_at"] <= as_of).fillna(False)]
