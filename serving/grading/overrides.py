"""Facts that decide a colour whatever the risks say: which rule holds, since when, and for how long it cools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.policy_conditions import conditions_of
from features.policy_rules import Facts, Held, condition_holds
from serving.grading.colours import RANK, Floats, Ranks

Days = NDArray[np.datetime64]
NEVER = np.datetime64("NaT", "D")
ONE_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Overrides:
    """Per site: the colour asked for (rank, 0 none), by which rule (its place, -1 none), and whether it only cools.

    `last_seen` has the day each rule was last seen to hold, by its code; NaT where it never was.
    """

    ranks: Ranks
    rule: Ranks
    cooling: NDArray[np.bool_]
    last_seen: Mapping[str, Days]

    @property
    def any(self) -> NDArray[np.bool_]:
        return self.rule >= 0


def overrides(
    rules: Sequence[Mapping[str, Any]], held: Held, day: np.datetime64, before: Mapping[str, Days]
) -> Overrides:
    """What the rules ask for on `day`, where they are `held` (rules, sites), with the days on which earlier runs saw each hold.

    A rule holds on for its cooling days after it was last seen. Of two rules the worse colour decides, of the
    same colour one that holds today, then the first named.
    """
    sites = held.shape[1]
    ranks, chosen, cooling = np.zeros(sites, np.int64), np.full(sites, -1, np.int64), np.zeros(sites, bool)
    last_seen, never = {}, np.full(sites, NEVER)
    for place, (rule, today) in enumerate(zip(rules, held, strict=True)):
        if not today.any() and rule["code"] not in before:
            last_seen[rule["code"]] = never
            continue
        seen = np.where(today, day, before.get(rule["code"], never))
        in_force = day - seen <= rule["cooling_days"] * ONE_DAY  # never for NaT
        rank = RANK[rule["colour"]]
        better = in_force & ((rank > ranks) | ((rank == ranks) & cooling & today))
        ranks[better], chosen[better], cooling[better] = rank, place, ~today[better]
        last_seen[rule["code"]] = np.where(in_force, seen, NEVER)
    return Overrides(ranks, chosen, cooling, last_seen)


def deciding_fact(
    rule: Mapping[str, Any], facts: Facts, rows: NDArray[np.bool_]
) -> tuple[NDArray[np.object_], Floats]:
    """Of each row the first condition of the rule that holds: its fact and the value; missing where none does."""
    names, values = np.full(len(rows), None, object), np.full(len(rows), np.nan)
    for condition in reversed(conditions_of(rule)):
        found = facts(condition["fact"])
        by_this = rows & condition_holds(condition, found)
        names[by_this], values[by_this] = condition["fact"], found[by_this]
    return names, values


def as_text(last_seen: Mapping[str, Days], sites: int) -> NDArray[np.object_]:
    """The days on which rules were last seen, as one text a site; missing where there is none.

    >>> as_text({"STOP_ORDER": np.array(["2026-03-01", "NaT"], "M8[D]")}, 2).tolist()
    ['STOP_ORDER=2026-03-01', None]
    """
    texts: list[list[str]] = [[] for _ in range(sites)]
    for code, days in last_seen.items():
        for row in np.flatnonzero(~np.isnat(days)).tolist():
            texts[row].append(f"{code}={days[row]}")
    return np.array([*(";".join(text) or None for text in texts), None], object)[:-1]


def from_text(texts: Sequence[Any]) -> dict[str, Days]:
    """As `as_text` wrote them."""
    found: dict[str, Days] = {}
    for row, text in enumerate(texts):
        for part in text.split(";") if isinstance(text, str) else ():
            code, _, day = part.partition("=")
            found.setdefault(code, np.full(len(texts), NEVER))[row] = np.datetime64(day, "D")
    return found
