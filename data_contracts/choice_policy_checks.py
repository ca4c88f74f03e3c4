"""What a policy on the choice of visits may not say, each fault with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data_contracts.policy import DATED_WORDS, Fault, wrong_words
from data_contracts.policy_conditions import number_faults, whole_days_faults

_BELOW_NOTHING = -1e-9  # none at all is allowed


def visit_choice_faults(entry: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of one dated entry."""
    needed = {"reduction", "lasting_days", "sharpness", "random_share", "least_days_between"}
    yield from wrong_words(entry, needed | DATED_WORDS, needed)
    if needed - set(entry):
        return
    yield from number_faults(entry, "reduction", above=0, at_most=1)
    yield from number_faults(entry, "random_share", above=_BELOW_NOTHING, at_most=1)
    yield from number_faults(entry, "sharpness", above=_BELOW_NOTHING)
    yield from whole_days_faults(entry, "lasting_days")
    yield from whole_days_faults(entry, "least_days_between")
