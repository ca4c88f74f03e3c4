"""Rules of a policy asked all at once: which of them hold of which rows, compiled."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from data_contracts.policy import Policy
from data_contracts.policy_conditions import conditions_of
from features.policy_rules import Facts, Held
from features.sorting import Floats, Ints


class Conditions(NamedTuple):
    """A row a condition: the place of its fact and the bounds within which it holds. Those of a rule lie between its
    bound and the next: from `begins` all have to hold, from `any_of` one, if there is any."""

    fact: Ints
    lowest: Floats
    highest: Floats
    begins: Ints
    any_of: Ints


@dataclass(frozen=True)
class RuleSet:
    """Some rules in their order, each with conditions under `all` and `any`; a rule without conditions always holds."""

    facts: tuple[str, ...]
    conditions: Conditions

    @classmethod
    def of(cls, rules: Sequence[Mapping[str, Any]]) -> RuleSet:
        """The rules as a policy has them."""
        listed = [one for rule in rules for one in conditions_of(rule)]
        facts = tuple(dict.fromkeys(str(one["fact"]) for one in listed))
        begins = np.cumsum([0, *(len(conditions_of(rule)) for rule in rules)])
        every = np.array([len(rule.get("all") or ()) for rule in rules], np.int64)
        bounds = np.array([_bounds(one) for one in listed]).reshape(-1, 2)
        places = np.array([facts.index(str(one["fact"])) for one in listed], np.int64)
        lowest, highest = np.ascontiguousarray(bounds[:, 0]), np.ascontiguousarray(bounds[:, 1])
        return cls(facts, Conditions(places, lowest, highest, begins, begins[:-1] + every))

    def held(self, facts: Facts, rows: int) -> Held:
        """Which rules (rows of the answer) hold of which rows (its columns); a missing fact holds nothing."""
        values = np.empty((len(self.facts), rows))
        for place, name in enumerate(self.facts):
            values[place] = facts(name)
        held = np.empty((len(self.conditions.any_of), rows), np.bool_)
        _held(self.conditions, values, held)
        return held


@functools.lru_cache(maxsize=64)
def rules_of(policy: Policy, word: str) -> RuleSet:
    """The rules, or the one rule, that a policy has under a word."""
    said = policy.content[word]
    return RuleSet.of([said] if isinstance(said, Mapping) else said)


def _bounds(condition: Mapping[str, Any]) -> tuple[float, float]:
    """The least and the greatest number for which a condition holds, both inclusive."""
    below = np.nextafter(condition["below"], -np.inf) if "below" in condition else np.inf
    lowest = max(condition.get("at_least", -np.inf), float(condition.get("is", -np.inf)))
    return lowest, min(condition.get("at_most", np.inf), below, float(condition.get("is", np.inf)))


@njit(cache=True, nogil=True)
def _held(conditions, values, held):  # type: ignore[no-untyped-def]
    begins, any_of = conditions.begins, conditions.any_of
    for rule in range(len(any_of)):
        for row in range(held.shape[1]):
            every, one = True, any_of[rule] == begins[rule + 1]
            for place in range(begins[rule], begins[rule + 1]):
                value = values[conditions.fact[place], row]
                within = conditions.lowest[place] <= value <= conditions.highest[place]
                if place < any_of[rule]:
                    every &= within
                else:
                    one |= within
            held[rule, row] = every and one
