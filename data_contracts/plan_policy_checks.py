"""What a policy of weekly plans may not say, each fault with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data_contracts.policy import DATED_WORDS, LINE, Fault, wrong_words
from data_contracts.policy_conditions import BOUNDS, condition_faults, number_faults

_SAID = {"fact", "zh", "en"}


def weekly_plan_faults(entry: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of one dated entry."""
    needed = {"weights", "quality", "area_km", "checklist_items", "checklist", "weather", "campaigns"}
    yield from wrong_words(entry, needed | DATED_WORDS, needed)
    if needed - set(entry):
        return
    yield from number_faults(entry, "quality", above=0, at_most=1)
    yield from number_faults(entry, "area_km", above=0)
    yield from number_faults(entry, "checklist_items", above=0)
    weights = entry["weights"] or {LINE: entry[LINE]}
    for head in set(weights) - {LINE}:
        yield from number_faults(weights, head, above=0)
    if set(weights) == {LINE}:
        yield entry[LINE], "weights name no head"
    for one in [*entry["checklist"], *entry["campaigns"]]:
        yield from wrong_words(one, _SAID | {"code", *BOUNDS}, _SAID)
        yield from condition_faults({word: one[word] for word in (LINE, "fact", *BOUNDS) if word in one})
    for one in entry["weather"]:
        yield from wrong_words(one, _SAID | {"code", "works"}, _SAID | {"code", "works"})
    codes = [one.get("code") for one in [*entry["weather"], *entry["campaigns"]]]
    for one in [*entry["weather"], *entry["campaigns"]]:
        if codes.count(one.get("code")) > 1 or not one.get("code"):
            yield one[LINE], f"code {one.get('code')} is missing or stands twice"
