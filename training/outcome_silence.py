"""An outcome table that has fallen silent: until when its labels can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from data_contracts.moments import knowledge_moment
from data_contracts.records import Records
from training.heads import Head

_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Silence:
    """Nothing of a head's outcome table came on file for longer than ever before; days are whole days.

    A site without an outcome in that time may be one whose outcomes have not been delivered. The head is
    therefore trained as if it were the end of the day `newest`.
    """

    head: str
    table: str
    newest: pd.Timestamp
    days: int
    longest_before: int

    code = "TRN001"

    @property
    def zh(self) -> str:
        return (
            f"[{self.code}] 目标 {self.head}：数据表 {self.table} 最近一次入库为 {self.newest:%Y-%m-%d}，"
            f"此后 {self.days} 天没有记录（此前最长间隔 {self.longest_before} 天）。该目标只训练到这一天。"
            f"请载入 {self.table} 的最新记录后重新训练。"
        )

    @property
    def en(self) -> str:
        return (
            f"[{self.code}] Head {self.head}: the newest record of {self.table} is of {self.newest:%Y-%m-%d}, {self.days} "
            f"days before the end of the records (the longest gap before was {self.longest_before} days). The head is "
            f"trained up to that day only. Load the latest {self.table} and train again."
        )

    def as_json(self) -> dict[str, Any]:
        """The verdict for passports and machines."""
        return {"code": self.code, "newest_record": self.newest.isoformat(), "zh": self.zh, "en": self.en}


def silence_of(head: Head, records: Records, until: pd.Timestamp) -> Silence | None:
    """The silence of the head's outcome table at `until`; None where it is not unusual.

    Unusual is a gap longer than every one between two days of delivery before, and than the reporting lag:
    rare outcomes leave long gaps, so the table itself is the measure. A table without records is no silence.
    """
    days = records.known_until(until).table(head.outcome.table)["recorded_at"].dt.normalize()
    deliveries = pd.Series(days.unique()).sort_values()
    if deliveries.empty:
        return None
    longest = int(deliveries.diff().max() / _DAY) if len(deliveries) > 1 else 0
    newest = deliveries.iloc[-1]
    quiet = int((until.normalize() - newest) / _DAY)
    if quiet <= max(longest, head.reporting_lag_days):
        return None
    return Silence(head.name, head.outcome.table, knowledge_moment(newest.date()), quiet, longest)
