"""Where grading runs and the decisions of persons are kept: in the record store's database, added and never changed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from data_contracts.bulk_write import write_columns
from data_contracts.errors import NotFound
from data_contracts.grade_tables import (
    DAYS,
    GRADE_CONFIRMATIONS,
    GRADING_RUNS,
    NUMBERS,
    SITE_GRADES,
    TEXTS,
)
from data_contracts.moments import not_before
from data_contracts.store_connection import connected, reading, writing
from data_contracts.store_tables import store_table
from serving.grading.decisions import Decision, with_decisions
from serving.grading.grading_run import GradingRun
from serving.grading.site_grades import typed_grades


@dataclass(frozen=True)
class StoredRun:
    """A run that is kept: its number, its day, when it was made and from what."""

    run_id: int
    day: dt.date
    made_at: dt.datetime
    passport: Mapping[str, Any]


class RunNote(NamedTuple):
    """That there is a run: its number, its day and when it was made."""

    run_id: int
    day: dt.date
    made_at: dt.datetime


class GradesMark(NamedTuple):
    """What a store holds of grades: the number of the newest run and of the newest decision; 0 for none."""

    run_id: int
    entry_id: int


NOTHING_KNOWN = GradesMark(0, 0)


class GradeStore:
    """The runs of one record store's database. A run is there whole or not at all."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def add_run(self, run: GradingRun, day: pd.Timestamp, made_at: pd.Timestamp) -> int:
        """Keep a run in one transaction; its number. One for a day that has a run is kept beside it."""
        runs = store_table(GRADING_RUNS)
        with connected(self.engine) as connection, writing(connection):
            run_id = next_number(connection, runs.c.run_id)
            passport = json.dumps(run.passport, ensure_ascii=False, default=str)
            row = {
                "run_id": run_id,
                "day": day.date(),
                "made_at": made_at.to_pydatetime(),
                "passport": passport,
            }
            connection.execute(runs.insert().values(row))
            write_columns(connection, store_table(SITE_GRADES), _as_columns(run, run_id))
        return run_id

    def mark(self) -> GradesMark:
        """The newest run and the newest decision that there are now."""
        newest = [
            sa.select(sa.func.max(column)).scalar_subquery()
            for column in (store_table(GRADING_RUNS).c.run_id, store_table(GRADE_CONFIRMATIONS).c.entry_id)
        ]
        with reading(self.engine) as connection:
            run_id, entry_id = connection.execute(sa.select(*newest)).one()
        return GradesMark(run_id or 0, entry_id or 0)

    def newest_moment(self, mark: GradesMark | None = None) -> dt.datetime | None:
        """When the last of the runs and decisions up to `mark` (None: of all) came on file; None where there is none."""
        runs, decided = store_table(GRADING_RUNS), store_table(GRADE_CONFIRMATIONS)
        newest = [sa.select(sa.func.max(runs.c.made_at)), sa.select(sa.func.max(decided.c.recorded_at))]
        if mark is not None:
            newest[0] = newest[0].where(runs.c.run_id <= mark.run_id)
            newest[1] = newest[1].where(decided.c.entry_id <= mark.entry_id)
        with reading(self.engine) as connection:
            found = [connection.scalar(asked) for asked in newest]
        return max((one for one in found if one is not None), default=None)

    def present(self, clock: pd.Timestamp) -> pd.Timestamp:
        """What the clock says, or when the last run or decision came on file where it was set back behind that."""
        return not_before(clock, self.newest_moment())

    def notes(self, mark: GradesMark) -> list[RunNote]:
        """The runs up to `mark`, of the latest day first, of one day the one made last first."""
        runs = store_table(GRADING_RUNS)
        asked = sa.select(runs.c.run_id, runs.c.day, runs.c.made_at).where(runs.c.run_id <= mark.run_id)
        found = self._rows(asked.order_by(runs.c.day.desc(), runs.c.run_id.desc()))
        return [RunNote(**row) for row in found]

    def run_and_grades(self, run_id: int) -> tuple[Mapping[str, Any], pd.DataFrame]:
        """The passport of a run and its frame."""
        run = self._runs(store_table(GRADING_RUNS).c.run_id == run_id)[0]
        return run.passport, self.grades(run)

    def newest_run(self, day: dt.date) -> StoredRun | None:
        """The run that counts on `day`: of the latest day up to it, the one made last; None where there is none."""
        found = self._runs(store_table(GRADING_RUNS).c.day <= day)
        return found[0] if found else None

    def _runs(self, which: sa.ColumnElement[bool]) -> list[StoredRun]:
        """The one of those that counts most, if there is any."""
        runs = store_table(GRADING_RUNS)
        found = self._rows(
            sa.select(runs).where(which).order_by(runs.c.day.desc(), runs.c.run_id.desc()).limit(1)
        )
        return [StoredRun(**(row | {"passport": json.loads(row["passport"])})) for row in found]

    def run_before(self, day: dt.date) -> StoredRun | None:
        """The run that counts on the day before `day`."""
        return self.newest_run(day - dt.timedelta(days=1))

    def grades(self, run: StoredRun, *, decided_until: dt.date | None = None) -> pd.DataFrame:
        """The frame of a run, with what persons decided about it up to a day (None: as the run left it)."""
        sites = store_table(SITE_GRADES)
        with reading(self.engine) as connection:
            rows = pd.read_sql(sa.select(sites).where(sites.c.run_id == run.run_id), connection)
        risks = pd.DataFrame([json.loads(text) for text in rows.pop("risks")], index=rows.index)
        heads = [name.removeprefix("risk_") for name in map(str, risks) if name.startswith("risk_")]
        grades = typed_grades(pd.concat([rows, risks], axis=1), heads)
        return grades if decided_until is None else with_decisions(grades, self.decisions(run, decided_until))

    def decide_all(self, run: StoredRun, decided: Sequence[Decision], recorded_at: pd.Timestamp) -> None:
        """Keep decisions about sites of a run, all or none."""
        with connected(self.engine) as connection, writing(connection):
            keep_decisions(connection, run.run_id, decided, recorded_at)

    def decisions(self, run: StoredRun, until: dt.date) -> list[Decision]:
        """What persons decided up to a day about the runs of this one's day, in the order recorded."""
        return [one for one in self.decisions_on(run.day) if one.decided_on.date() <= until]

    def decisions_on(self, day: dt.date, mark: GradesMark | None = None) -> list[Decision]:
        """What persons decided about the runs of a day, up to `mark` (None: all), in the order recorded."""
        table, runs = store_table(GRADE_CONFIRMATIONS), store_table(GRADING_RUNS)
        same_day = sa.select(runs.c.run_id).where(runs.c.day == day)
        asked = sa.select(table).where(table.c.run_id.in_(same_day))
        if mark is not None:
            asked = asked.where(table.c.entry_id <= mark.entry_id)
        return [
            Decision(
                row["project_id"],
                row["decision"],
                row["person"],
                row["reason"],
                pd.Timestamp(row["decided_on"]),
                (row["colour"], row["proposed_colour"]),
                pd.Timestamp(row["recorded_at"]),
                row["to_colour"],
            )
            for row in self._rows(asked.order_by(table.c.entry_id))
        ]

    def decisions_since(self, moment: dt.datetime | None) -> dict[str, int]:
        """How many decisions of each kind came on file after a moment; None: in all."""
        table = store_table(GRADE_CONFIRMATIONS)
        asked = sa.select(table.c.decision, sa.func.count().label("count")).group_by(table.c.decision)
        if moment is not None:
            asked = asked.where(table.c.recorded_at > moment)
        return {row["decision"]: row["count"] for row in self._rows(asked)}

    def needed_run(self, day: dt.date) -> StoredRun:
        """As `newest_run`; NotFound where there is none."""
        run = self.newest_run(day)
        if run is None:
            raise NotFound(
                zh=f"{day} 及以前没有评级记录，请先运行 siterisk grade。",
                en=f"There is no grading run on or before {day}: run siterisk grade first.",
                field="on",
            )
        return run

    def _rows(self, asked: sa.Select[Any]) -> list[dict[str, Any]]:
        with reading(self.engine) as connection:
            return [dict(row) for row in connection.execute(asked).mappings()]


def keep_decisions(
    connection: sa.Connection, run_id: int, decided: Sequence[Decision], recorded_at: pd.Timestamp
) -> int:
    """Add decisions about sites of a run in a transaction that holds the store's lock; the number of the first."""
    table = store_table(GRADE_CONFIRMATIONS)
    first = next_number(connection, table.c.entry_id)
    rows = [
        {
            "entry_id": first + place,
            "run_id": run_id,
            "project_id": one.project_id,
            "colour": one.about[0],
            "proposed_colour": one.about[1],
            "to_colour": one.to_colour,
            "decision": one.decision,
            "person": one.person,
            "reason": one.reason,
            "decided_on": one.decided_on.date(),
            "recorded_at": recorded_at.to_pydatetime(),
        }
        for place, one in enumerate(decided)
    ]
    connection.execute(table.insert(), rows)
    return first


def next_number(connection: sa.Connection, number: sa.Column[Any]) -> int:
    """One more than the highest there is; the caller holds the store's lock."""
    return int(connection.scalar(sa.select(sa.func.coalesce(sa.func.max(number), 0))) or 0) + 1


def _as_columns(run: GradingRun, run_id: int) -> dict[str, pa.Array]:
    grades = run.grades
    by_head = [name for name in map(str, grades) if name.startswith(("risk_", "percentile_"))]
    numbers = grades[by_head].astype(object).where(grades[by_head].notna(), None)
    risks = [json.dumps(row) for row in numbers.to_dict(orient="records")]
    columns = {"run_id": pa.array([run_id] * len(grades), pa.int64())}
    columns |= {
        name: pa.array(grades[name].astype(object), pa.string(), from_pandas=True)
        for name in ("project_id", *TEXTS)
    }
    columns |= {name: pa.array(grades[name]).cast(pa.date32()) for name in DAYS}
    columns |= {name: pa.array(grades[name], pa.float64(), from_pandas=True) for name in NUMBERS}
    return columns | {"risks": pa.array(risks, pa.string())}
