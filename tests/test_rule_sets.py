"""Rules asked all at once hold where each holds by itself, condition after condition."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.policy_rules import condition_holds
from features.rule_sets import RuleSet

FACTS = ("works", "alarms", "score")
NUMBERS = st.sampled_from([-1, 0, 0.5, 1, 2, 80])
CONDITIONS = st.fixed_dictionaries(
    {"fact": st.sampled_from(FACTS)},
    optional={"at_least": NUMBERS, "at_most": NUMBERS, "below": NUMBERS, "is": st.booleans()},
)
RULES = st.fixed_dictionaries(
    {}, optional={"all": st.lists(CONDITIONS, max_size=3), "any": st.lists(CONDITIONS, max_size=3)}
)
VALUES = st.lists(
    NUMBERS | st.sampled_from([np.nan, np.inf, -np.inf, 0.4999999999999999]), min_size=4, max_size=4
)


@given(st.lists(RULES, max_size=4), st.tuples(VALUES, VALUES, VALUES))
def test_rules_hold_together_where_each_holds_alone(
    rules: list[dict[str, Any]], values: tuple[list[float], ...]
) -> None:
    facts = {name: np.array(column, float) for name, column in zip(FACTS, values, strict=True)}
    together = RuleSet.of(rules).held(facts.__getitem__, 4)
    assert together.shape == (len(rules), 4)
    for rule, held in zip(rules, together, strict=True):
        every = [condition_holds(one, facts[one["fact"]]) for one in rule.get("all", ())]
        some = [condition_holds(one, facts[one["fact"]]) for one in rule.get("any", ())]
        expected = np.all([np.ones(4, bool), *every], axis=0) & (np.any(some, axis=0) if some else True)
        np.testing.assert_array_equal(held, expected)
