"""Rules of dated policies over features: which conditions hold, which rule decides, on whose day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ContractInvalid
from data_contracts.policy import LINE, Policy, PolicyFile
from data_contracts.policy_conditions import conditions_of
from features.site_values import SiteValues
from features.sorting import DAY, NEVER, Floats

Facts = Callable[[str], Floats]
Held = NDArray[np.bool_]
_EPOCH = date(1970, 1, 1)


def condition_holds(condition: Mapping[str, Any], values: Floats) -> Held:
    """Whether the value lies within the bounds; at_least and at_most are inclusive. A missing one does not."""
    held = ~np.isnan(values)
    if "at_least" in condition:
        held &= values >= condition["at_least"]
    if "at_most" in condition:
        held &= values <= condition["at_most"]
    if "below" in condition:
        held &= values < condition["below"]
    if "is" in condition:
        held &= values == float(condition["is"])
    return held


def rows_of(policies: PolicyFile, sites: SiteValues) -> Iterator[tuple[Policy, Held]]:
    """Each policy with the rows whose moment lies in the days it was in force."""
    for policy in policies.policies:
        begins = (policy.valid_from - _EPOCH).days * DAY
        ends = NEVER if policy.valid_until is None else (policy.valid_until - _EPOCH).days * DAY
        yield policy, (begins <= sites.as_of) & (sites.as_of < ends)


def facts_of(policies: PolicyFile) -> dict[str, int]:
    """The features that the policies ask for, with the line that names each first."""
    found: dict[str, int] = {}
    for policy in policies.policies:
        content = policy.content
        listed = [*content.get("needs_any", ()), *content.get("credit", {}).get("facts", ())]
        listed += [*content.get("last_visit", ()), *content.get("expected_duration", {}).get("facts", ())]
        found |= {fact: policy.line for fact in listed if fact not in found}
        rules = [*content.get("rules", ()), *(one.get("required") or {} for one in content.get("tables", ()))]
        rules += [*content.get("overrides", ()), content.get("minimum", {})]
        found |= {
            one["entered"]: one[LINE] for one in content.get("nodes") or () if one["entered"] not in found
        }
        for one in _of_plans(content):
            found |= {fact: one[LINE] for fact in (one["fact"], *one.get("works", ())) if fact not in found}
        for condition in (one for rule in rules for one in conditions_of(rule)):
            found.setdefault(condition["fact"], condition[LINE])
    return found


def _of_plans(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for word in ("team", "checklist", "weather", "campaigns") for one in content.get(word) or ()]


def refuse_unknown_facts(policies: PolicyFile, known: set[str]) -> None:
    """Raises ContractInvalid for facts that are no features, each with its line."""
    strangers = {fact: line for fact, line in facts_of(policies).items() if fact not in known}
    if strangers:
        listed = "; ".join(f"line {line}: there is no feature {fact}" for fact, line in strangers.items())
        raise ContractInvalid(
            zh=f"政策文件 {policies.name}.yaml 引用了特征目录中没有的事实："
            f"{'；'.join(f'第 {line} 行 {fact}' for fact, line in strangers.items())}。",
            en=f"The policy file {policies.name}.yaml asks for unknown facts: {listed}.",
        )
