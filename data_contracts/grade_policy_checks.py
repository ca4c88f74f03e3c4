"""What a policy of dynamic grades may not say: colours missing or out of order, shares above 1, rules without end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from data_contracts.policy import DATED_WORDS, LINE, Fault, wrong_words
from data_contracts.policy_conditions import (
    number_faults,
    rule_conditions_faults,
    whole_days_faults,
    whole_number_faults,
)

COLOURS = ("RED", "ORANGE", "YELLOW", "BLUE")
SAID = {"zh", "en", "reference"}
INSPECTORS_AT_LEAST = 2  # 行政处罚法 (2021), article 42: law enforcement by no fewer than two


def dynamic_grade_faults(entry: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of one dated entry, each with its line."""
    needed = {"heads", "minimum", "colours", "scale", "capacity", "lowering", "overrides"}
    yield from wrong_words(entry, needed | DATED_WORDS, needed)
    if needed - set(entry):
        return
    yield from _heads(entry["heads"] or [], entry[LINE])
    yield from wrong_words(entry["minimum"], SAID | {"all", "any"}, SAID)
    yield from rule_conditions_faults(entry["minimum"])
    yield from _colours(entry["colours"] or [], entry["scale"], entry[LINE])
    yield from _capacity(entry["capacity"])
    yield from _lowering(entry["lowering"])
    yield from _overrides(entry["overrides"] or [])


def _heads(heads: list[Mapping[str, Any]], line: int) -> Iterator[Fault]:
    words = {"head", "zh", "en"}
    for one in heads:
        yield from wrong_words(one, words, words)
    named = [one.get("head") for one in heads]
    if not named or len(named) != len(set(named)):
        yield line, f"heads are {named}: at least one, and none twice"


def _colours(colours: list[Mapping[str, Any]], scale: Mapping[str, Any], line: int) -> Iterator[Fault]:
    words = {"code", "share", "needs_confirmation", "zh", "en", "advice_zh", "advice_en"}
    for one in colours:
        yield from wrong_words(one, words, words)
        if not isinstance(one.get("needs_confirmation", False), bool):
            yield one[LINE], f"needs_confirmation is {one['needs_confirmation']!r}, not true or false"
    yield from _confirmations(colours)
    codes = tuple(one.get("code") for one in colours)
    if codes != COLOURS:
        yield line, f"colours are {', '.join(map(str, codes))}, not {', '.join(COLOURS)}"
        return
    if colours[-1].get("share") is not None:
        yield colours[-1][LINE], "BLUE takes what the others leave: its share is null"
    faults = [fault for one in colours[:-1] for fault in number_faults(one, "share", above=0, at_most=1)]
    yield from faults
    yield from _scale(scale, [] if faults else [one["share"] for one in colours[:-1] if "share" in one])


def _confirmations(colours: list[Mapping[str, Any]]) -> Iterator[Fault]:
    """Someone always answers for a colour worse than one that needs a person, and nobody for the best."""
    for worse, better in pairwise(colours):
        if better.get("needs_confirmation") is True and worse.get("needs_confirmation") is False:
            yield (
                worse[LINE],
                f"needs_confirmation is false, and true for {better.get('code')}, a better colour",
            )
    if colours and colours[-1].get("needs_confirmation") is True:
        yield colours[-1][LINE], "needs_confirmation is true for the best colour, which waits for nobody"


def _scale(scale: Mapping[str, Any], shares: list[float]) -> Iterator[Fault]:
    words = {"at_least", "at_most"}
    yield from wrong_words(scale, words, words)
    faults = [fault for word in sorted(words) for fault in number_faults(scale, word, above=0)]
    yield from faults
    if faults or words - set(scale):
        return
    if not scale["at_least"] <= 1 <= scale["at_most"]:
        yield scale[LINE], f"scale from {scale['at_least']} to {scale['at_most']} does not hold 1"
    if sum(shares) * scale["at_most"] > 1:
        widest = sum(shares) * scale["at_most"]
        yield scale[LINE], f"shares times at_most are {widest:g}, above 1: nothing would be left for BLUE"


def _capacity(capacity: Mapping[str, Any]) -> Iterator[Fault]:
    share = "share_of_days_for_planned_visits"
    words = {"weeks_ahead", share, "inspectors_a_visit", "visits_a_team_day"}
    yield from wrong_words(capacity, words, words)
    yield from number_faults(capacity, share, above=0, at_most=1)
    yield from number_faults(capacity, "weeks_ahead", above=0)
    yield from whole_number_faults(capacity, "inspectors_a_visit", at_least=INSPECTORS_AT_LEAST)
    yield from whole_number_faults(capacity, "visits_a_team_day", at_least=1)


def _lowering(lowering: Mapping[str, Any]) -> Iterator[Fault]:
    words = {"margin", "days_between_steps"}
    yield from wrong_words(lowering, words, words)
    yield from number_faults(lowering, "margin", above=0, at_most=1)
    yield from whole_days_faults(lowering, "days_between_steps")


def _overrides(overrides: list[Mapping[str, Any]]) -> Iterator[Fault]:
    words, seen = SAID | {"code", "colour", "cooling_days"}, set()
    for one in overrides:
        yield from wrong_words(one, words | {"all", "any"}, words)
        yield from rule_conditions_faults(one)
        yield from whole_days_faults(one, "cooling_days")
        if one.get("colour") not in COLOURS[:-1]:
            yield one[LINE], f"colour is {one.get('colour')!r}, not {', '.join(COLOURS[:-1])}"
        if one.get("code") in seen:
            yield one[LINE], f"{one['code']} stands twice"
        seen.add(one.get("code"))
