"""What a policy of weekly plans may not say, each fault with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data_contracts.code_list import code_list
from data_contracts.policy import DATED_WORDS, LINE, Fault, wrong_words
from data_contracts.policy_conditions import BOUNDS, condition_faults, number_faults, whole_number_faults

_SAID = {"fact", "zh", "en"}
_COLOURS = {"RED", "ORANGE", "YELLOW", "BLUE", "NA"}
NODE, BASE = "NODE", "BASE"  # claims of a duty that is no colour's: the check of a stage, the base frequency


def weekly_plan_faults(entry: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of one dated entry."""
    needed = {
        "weights",
        "quality",
        "area_km",
        "claims",
        "joint",
        "team",
        "checklist_items",
        "checklist",
        "weather",
        "campaigns",
    }
    yield from wrong_words(entry, needed | DATED_WORDS, needed)
    if needed - set(entry):
        return
    yield from number_faults(entry, "quality", above=0, at_most=1)
    yield from number_faults(entry, "area_km", above=0)
    yield from whole_number_faults(entry, "checklist_items", at_least=1)
    weights = entry["weights"] or {LINE: entry[LINE]}
    for head in set(weights) - {LINE}:
        yield from number_faults(weights, head, above=0)
    if set(weights) == {LINE}:
        yield entry[LINE], "weights name no head"
    yield from _claim_faults(entry)
    yield from _team_faults(entry)
    for one in [*entry["checklist"], *entry["campaigns"], *entry["team"]]:
        yield from wrong_words(one, _SAID | {"code", "needs", *BOUNDS}, _SAID)
        yield from condition_faults({word: one[word] for word in (LINE, "fact", *BOUNDS) if word in one})
    for one in entry["weather"]:
        yield from wrong_words(one, _SAID | {"code", "works"}, _SAID | {"code", "works"})
    codes = [one.get("code") for one in [*entry["weather"], *entry["campaigns"]]]
    for one in [*entry["weather"], *entry["campaigns"]]:
        if codes.count(one.get("code")) > 1 or not one.get("code"):
            yield one[LINE], f"code {one.get('code')} is missing or stands twice"


def _claim_faults(entry: Mapping[str, Any]) -> Iterator[Fault]:
    claims = entry["claims"] or []
    for claim in sorted(set(claims) - _COLOURS - {NODE, BASE}):
        yield entry[LINE], f"no claim is called {claim}"
    if len(claims) != len(set(claims)) or claims[-1:] != [BASE]:
        yield entry[LINE], f"claims are {claims}: none may stand twice, and {BASE} is the last"


def _team_faults(entry: Mapping[str, Any]) -> Iterator[Fault]:
    """Who has to be in a team: disciplines of the code list, or EXPERT; colours are those of the dynamic grade."""
    joint, known = entry["joint"], {*code_list("disciplines").codes, "EXPERT"}
    yield from wrong_words(joint, {"colours", "disciplines"}, {"colours", "disciplines"})
    for colour in sorted(set(joint.get("colours") or ()) - _COLOURS):
        yield joint[LINE], f"no colour is called {colour}"
    for need in sorted(set(joint.get("disciplines") or ()) - known):
        yield joint[LINE], f"no discipline is called {need}"
    for one in entry["team"]:
        if one.get("needs") not in known:
            yield one[LINE], f"needs is {one.get('needs')!r}, not one of {', '.join(sorted(known))}"
