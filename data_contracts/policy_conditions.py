"""Conditions of rules in policies: a fact within bounds; and the faults that any of them may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data_contracts.policy import LINE, Fault, wrong_words

BOUNDS = ("at_least", "at_most", "below", "is")


def conditions_of(rule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All conditions of a rule, in the order written."""
    return [*(rule.get("all") or ()), *(rule.get("any") or ())]


def condition_faults(condition: Mapping[str, Any]) -> Iterator[Fault]:
    """A condition names a fact and at least one bound, and its bounds are numbers in order."""
    line = condition[LINE]
    yield from wrong_words(condition, {"fact", *BOUNDS}, {"fact"})
    bounds = [bound for bound in BOUNDS if bound in condition]
    if not bounds:
        yield line, "a condition needs at_least, at_most, below or is"
    for bound in bounds:
        value = condition[bound]
        wanted: tuple[type, ...] = (bool,) if bound == "is" else (int, float)
        if not isinstance(value, wanted) or (bound != "is" and isinstance(value, bool)):
            yield line, f"{bound} is {value!r}"
            return
    upper = condition.get("below", condition.get("at_most"))
    if upper is not None and condition.get("at_least", upper) > upper:
        yield line, f"at_least {condition['at_least']} is above the upper bound {upper}"


def rule_conditions_faults(rule: Mapping[str, Any]) -> Iterator[Fault]:
    """A rule needs conditions, and each of them to be without fault."""
    if not conditions_of(rule):
        yield rule[LINE], "a rule needs conditions under all or any"
    for condition in conditions_of(rule):
        yield from condition_faults(condition)


def number_faults(
    said: Mapping[str, Any], word: str, *, above: float | None = None, at_most: float | None = None
) -> Iterator[Fault]:
    """A word, where it stands, is a number within the bounds."""
    if word not in said:
        return
    value = said[word]
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield said[LINE], f"{word} is {value!r}, not a number"
    elif above is not None and value <= above:
        yield said[LINE], f"{word} is {value}, not above {above}"
    elif at_most is not None and value > at_most:
        yield said[LINE], f"{word} is {value}, above {at_most}"


def whole_number_faults(said: Mapping[str, Any], word: str, at_least: int) -> Iterator[Fault]:
    """A word, where it stands, is a whole number and not below the least."""
    value = said.get(word, at_least)
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        yield said[LINE], f"{word} is {value!r}, not a whole number from {at_least} on"


def whole_days_faults(said: Mapping[str, Any], *words: str) -> Iterator[Fault]:
    """Days are whole and not negative."""
    for word in words:
        value = said.get(word, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            yield said[LINE], f"{word} is {value!r}, not a whole number of days"
