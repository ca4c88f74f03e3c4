"""Which facts may be supposed to be otherwise, read from the policy in force, and why no others may."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_contracts.contract import contracts
from data_contracts.errors import InvalidInput
from data_contracts.policy import LINE, policy_on

POLICY = "changeable_facts"


class ChangeRefused(InvalidInput):
    """A change that is unlawful, beyond anybody's power, or not to be made to this project now."""

    code = "CHANGE_REFUSED"


@dataclass(frozen=True)
class Fault:
    """Why one change cannot be supposed, and where it stands in the request."""

    place: str
    zh: str
    en: str


@dataclass(frozen=True)
class After:
    """A change waits until no row of `table` with the same value in `by` is open."""

    table: str
    by: str
    open: tuple[str, ...]


@dataclass(frozen=True)
class ChangeableFact:
    """One kind of change as the policy declares it; the words are explained at the head of its file."""

    code: str
    zh: str
    en: str
    table: str
    picks: str
    sets: Mapping[str, Any]
    open: tuple[str, ...] = ()
    only: Mapping[str, Sequence[Any]] | None = None
    reached: str | None = None
    percent: tuple[float, float] | None = None
    after: After | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> ChangeableFact:
        """A change from its declaration."""
        after, takes = said.get("after"), said.get("takes")
        return cls(
            **{word: said[word] for word in ("code", "zh", "en", "table", "picks")},
            sets=_plain(said["sets"]),
            open=tuple(said.get("open", ())),
            only=_plain(said.get("only") or {}),
            reached=said.get("reached"),
            percent=tuple(takes["percent"]) if takes else None,
            after=After(after["table"], after["by"], tuple(after["open"])) if after else None,
        )

    @property
    def tables(self) -> set[str]:
        """The tables that it reads."""
        return {self.table} | ({self.after.table} if self.after else set())


@dataclass(frozen=True)
class ChangeableFacts:
    """The changes that may be supposed, and the reason of every table for why nothing else in it may."""

    changes: Mapping[str, ChangeableFact]
    reasons: Mapping[str, tuple[str, str]]

    @classmethod
    def on(cls, day: dt.date) -> ChangeableFacts:
        """Those of the policy in force on a day; raises PolicyUndefined before the first one."""
        content = policy_on(POLICY, day).content
        changes = {one["code"]: ChangeableFact.of(one) for one in content["changes"]}
        reasons = {
            name: (one["zh"], one["en"])
            for one in content["unchangeable"]
            for name in (one["code"], *one["tables"])
        }
        return cls(changes, reasons)

    def refusal(self, name: str) -> tuple[str, str] | None:
        """Why a change of that name cannot be supposed; None where it can.

        A name may be a code, a contract table or one of its columns, as `projects.floor_area_m2`.
        """
        if name in self.changes:
            return None
        table, _, column = name.partition(".")
        known = name in self.reasons or (table in contracts() and column in contracts()[table].column_names)
        if known:
            return self.reasons[table]
        codes = ", ".join(self.changes)
        return f"没有这种变更，可用的有：{codes}", f"is no change; there are {codes}"


def refused(faults: Sequence[Fault]) -> ChangeRefused:
    """Every fault of the changes asked for, in one error."""
    zh = "".join(f"{one.place}：{one.zh}。" for one in faults)
    en = " ".join(f"{one.place}: {one.en}." for one in faults)
    return ChangeRefused(zh=zh, en=en, field=faults[0].place)


def parameter_faults(fact: ChangeableFact, place: str, given: Mapping[str, Any]) -> Iterator[Fault]:
    """What is missing of a change's parameters, out of bounds, or not its own; `given` has those that were sent."""
    own = {fact.picks} | ({"percent"} if fact.percent else set())
    for name in sorted(given.keys() - own):
        yield Fault(f"{place}.{name}", f"{fact.code} 没有此项", f"{fact.code} does not take it")
    if fact.percent:
        low, high = fact.percent
        value = given.get("percent")
        if value is None or not low <= value <= high:
            yield Fault(
                f"{place}.percent",
                f"须给出 {low:g} 至 {high:g} 的数",
                f"needs a number from {low:g} to {high:g}",
            )


def _plain(said: Any) -> Any:
    """A declaration without the numbers of its lines."""
    if not isinstance(said, Mapping):
        return said
    return {name: _plain(value) for name, value in said.items() if name != LINE}
