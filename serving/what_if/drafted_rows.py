"""Changes as the rows that would be recorded: new versions of what is on file, recorded at `as_of`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from data_contracts.contract import contract
from data_contracts.typed_tables import DTYPES
from features.fact_index import FactIndex
from serving.what_if.changeable_facts import ChangeableFact, ChangeableFacts, Fault, parameter_faults, refused

DECIMALS = 2  # of days present: a percentage of days required
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Wanted:
    """One change that is asked for: its name, and the parameters given with it."""

    change: str
    given: Mapping[str, Any]


def drafted_rows(
    index: FactIndex, project_id: str, as_of: pd.Timestamp, wanted: Sequence[Wanted]
) -> dict[str, pd.DataFrame]:
    """The rows that the changes would record for a project, typed, by table; none for what is so already.

    Changes are made one after the other. Raises ChangeRefused with all that cannot be supposed, PolicyUndefined
    where no policy says what can.
    """
    facts = ChangeableFacts.on(as_of.date())
    places = [f"changes[{number}]" for number in range(len(wanted))]
    faults = [
        fault for place, one in zip(places, wanted, strict=True) for fault in _faults(facts, place, one)
    ]
    if faults:
        raise refused(faults)
    asked = [(place, facts.changes[one.change], one.given) for place, one in zip(places, wanted, strict=True)]
    tables = sorted(set[str]().union(*(fact.tables for _, fact, _ in asked)))
    draft = Draft(project_id, as_of, index.on_file(tables, project_id, as_of))
    faults = draft.made(asked)
    if faults:
        raise refused(faults)
    return draft.rows()


def _faults(facts: ChangeableFacts, place: str, one: Wanted) -> Iterator[Fault]:
    if reason := facts.refusal(one.change):
        yield Fault(f"{place}.change", *reason)
    else:
        yield from parameter_faults(facts.changes[one.change], place, one.given)


@dataclass
class Draft:
    """The rows of a project by table as the changes so far leave them; `changed` are the labels of those that differ."""

    project_id: str
    as_of: pd.Timestamp
    tables: dict[str, pd.DataFrame]
    changed: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    @property
    def day(self) -> pd.Timestamp:
        return self.as_of.normalize()

    def made(self, asked: Sequence[tuple[str, ChangeableFact, Mapping[str, Any]]]) -> list[Fault]:
        """Make changes one after the other, each with its place and parameters; what cannot be made, or has to wait."""
        faults = [fault for place, fact, given in asked for fault in self.make(place, fact, given)]
        return faults + [fault for place, fact, _ in asked for fault in self.waiting(place, fact)]

    def make(self, place: str, fact: ChangeableFact, given: Mapping[str, Any]) -> list[Fault]:
        """Make a change; what it cannot be made to, and nothing is changed then."""
        pick = self._picked_ids if fact.picks == "ids" else self._picked_posts
        chosen, faults = pick(place, fact, given.get(fact.picks))
        if not faults:
            for column, how in fact.sets.items():
                self._set(fact.table, chosen, column, self._value(fact, chosen, column, how, given))
        return faults

    def waiting(self, place: str, fact: ChangeableFact) -> list[Fault]:
        """Whether a change was made to rows that have to wait for others, once all changes are made."""
        if fact.after is None:
            return []
        others, own = self.tables[fact.after.table], self.tables[fact.table]
        still = set(others.loc[self._open(others, fact.after.open), fact.after.by].dropna())
        if not own.loc[sorted(self.changed[fact.table]), fact.after.by].isin(still).any():
            return []
        return [
            Fault(
                place,
                f"{fact.zh}：相关的 {fact.after.table} 尚有未完成的，请一并假设其整改",
                f"{fact.en}: rows of {fact.after.table} that belong to it are open; suppose these rectified as well",
            )
        ]

    def rows(self) -> dict[str, pd.DataFrame]:
        """The rows that differ from what is on file, recorded at `as_of`."""
        return {
            name: self.tables[name].loc[sorted(labels)].assign(recorded_at=self.as_of)
            for name, labels in self.changed.items()
            if labels
        }

    def _picked_ids(
        self, place: str, fact: ChangeableFact, ids: Sequence[str] | None
    ) -> tuple[pd.Series, list[Fault]]:
        """The rows to be changed, and which of the ids name none."""
        rows = self.tables[fact.table]
        may = self._open(rows, fact.open)
        for column, values in (fact.only or {}).items():
            may &= rows[column].isin([value for value in values if value is not None]) | (
                rows[column].isna() & (None in values)
            )
        if fact.reached:
            may &= rows[fact.reached] <= self.as_of
        if ids is None:
            return may, []
        names = rows[contract(fact.table).key[0]]
        there = set(names[may])
        faults = [
            Fault(
                f"{place}.ids[{number}]",
                f"该项目此时没有可作此变更（{fact.zh}）的这条记录",
                f"the project has no such row to which this can be done ({fact.en})",
            )
            for number, one in enumerate(ids)
            if one not in there
        ]
        return may & names.isin(ids), faults

    def _picked_posts(
        self, place: str, fact: ChangeableFact, post: str | None
    ) -> tuple[pd.Series, list[Fault]]:
        """The rows of this month for a post, or for every post, of which it is known what is required."""
        self._begin_month(fact.table)
        rows, (needed,) = self.tables[fact.table], (how["per_cent_of"] for how in fact.sets.values())
        may = (rows["month"] == self._month) & rows[needed].notna()
        may &= rows["post"] == post if post is not None else True
        if may.any() or post is None:
            return may, []
        return may, [
            Fault(
                f"{place}.post",
                "该项目此时没有此岗位的考勤要求在案",
                "what is required of the post is not on file for the project",
            )
        ]

    @property
    def _month(self) -> pd.Timestamp:
        return self.day.replace(day=1)

    def _begin_month(self, name: str) -> None:
        """Give every post a row for the month of `as_of`; it says what the latest one before says."""
        rows = self.tables[name]
        latest = rows[rows["month"] <= self._month].sort_values("month").drop_duplicates("post", keep="last")
        new = latest[latest["month"] < self._month].assign(month=self._month, project_id=self.project_id)
        self.tables[name] = pd.concat([rows, new], ignore_index=True)

    def _open(self, rows: pd.DataFrame, closings: Sequence[str]) -> pd.Series:
        """Which rows none of the closings has ended by `as_of`."""
        still = pd.Series(True, index=rows.index)
        for column in closings:
            still &= rows[column].isna() | (rows[column] > self.as_of)
        return still

    def _value(
        self, fact: ChangeableFact, chosen: pd.Series, column: str, how: Any, given: Mapping[str, Any]
    ) -> pd.Series:
        """What the chosen rows are to say."""
        rows, kind = self.tables[fact.table][chosen], contract(fact.table).column(column).kind
        if how == "as_of":
            value: Any = self.as_of if kind == "moment" else self.day
        elif "days_after_as_of" in how:
            value = self.day + pd.Timedelta(days=how["days_after_as_of"])
        elif "value" in how:
            value = how["value"]
        else:
            share = given.get("percent", 100) / 100
            value = (rows[how["per_cent_of"]].astype("float64") * share).round(DECIMALS)
        return pd.Series(value, index=rows.index, dtype=DTYPES[kind])

    def _set(self, name: str, chosen: pd.Series, column: str, values: pd.Series) -> None:
        rows = self.tables[name]
        held = rows.loc[values.index, column]
        differs = (held.isna() | (held != values)).fillna(True).astype(bool)
        labels = differs.index[differs]
        rows.loc[labels, column] = values[labels]
        self.changed[name] |= set(labels.tolist())
