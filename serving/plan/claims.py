"""Which due visits come first where inspectors are few: the order of claims that the policy says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.plan_policy_checks import BASE, NODE
from serving.grading.frequency import REACHED


def claims(sites: pd.DataFrame, plan: Mapping[str, Any]) -> NDArray[np.int64]:
    """The place of each site's claim in `claims` of the policy, 0 the first: its colour, else what its duty is.

    A red site claims as red whichever of its duties comes first.

    >>> sites = pd.DataFrame({"colour": ["BLUE", "RED", "BLUE"], "due_rule": ["BASE_2", "BASE_2", "NODE_STRUCTURE"]})
    >>> claims(sites, {"claims": ["RED", "NODE", "BASE"]}).tolist()
    [2, 0, 1]
    """
    order = list(plan["claims"])
    rules = sites["due_rule"].fillna(BASE).astype(str)
    duties = np.where(rules.str.startswith(BASE) | rules.isin(list(REACHED)), BASE, NODE)
    places = [
        order.index(colour if colour in order else duty if duty in order else BASE)
        for colour, duty in zip(sites["colour"], duties, strict=True)
    ]
    return np.array(places, np.int64)
