"""红橙黄蓝: cut-offs from shares of the city's sites, and the colour that the risks of a site alone indicate.

A colour is a rank: 4 RED, 3 ORANGE, 2 YELLOW, 1 BLUE, and 0 for NA, which is no low risk but no colour at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.grade_policy_checks import COLOURS

Floats = NDArray[np.float64]
Ranks = NDArray[np.int64]

NA = "NA"
NAMES = (NA, *reversed(COLOURS))
RANK = {name: rank for rank, name in enumerate(NAMES)}
BLUE = RANK["BLUE"]


def colour_names(ranks: Ranks) -> NDArray[np.object_]:
    """The names of ranks.

    >>> colour_names(np.array([4, 1, 0])).tolist()
    ['RED', 'BLUE', 'NA']
    """
    return np.array(NAMES, object)[ranks]


def colour_ranks(names: Sequence[Any]) -> Ranks:
    """The ranks of colour names; 0 for NA and for a missing one."""
    return np.array([RANK.get(name, 0) for name in names], np.int64)


def shares_at_or_above(colours: Sequence[Mapping[str, Any]]) -> Floats:
    """The shares of sites at or above each colour but BLUE, the worst colour first.

    >>> shares_at_or_above([{"share": 0.02}, {"share": 0.08}, {"share": 0.25}, {"share": None}]).tolist()
    [0.02, 0.1, 0.35]
    """
    return np.cumsum([colour["share"] for colour in colours if colour["share"] is not None])


def cutoffs(risks: Floats, shares: Floats) -> Floats:
    """The risk from which on each colour begins, the worst first: the lowest that keeps within the share.

    Sites alike are in together or out together: a risk that very many share makes none of them red. Infinite where
    the share holds no whole site. Sites without a risk are not counted.

    >>> cutoffs(np.array([0.1, 0.4, 0.3, 0.2, np.nan]), np.array([0.2, 0.5, 0.75])).tolist()
    [inf, 0.3, 0.2]
    >>> cutoffs(np.array([0.4, 0.1, 0.1, 0.1]), np.array([0.25, 0.5, 0.75])).tolist()
    [0.4, 0.4, 0.4]
    """
    values, counts = np.unique(risks[~np.isnan(risks)], return_counts=True)
    at_or_above = np.cumsum(counts[::-1])
    whole = np.floor(np.minimum(shares, 1.0) * counts.sum())
    within = np.searchsorted(at_or_above, whole, side="right")
    return np.concatenate([[np.inf], values[::-1]])[within]


def ranks_by(risks: Floats, from_cutoffs: Floats) -> Ranks:
    """The colour that each risk reaches; 0 where there is no risk.

    >>> ranks_by(np.array([0.5, 0.3, 0.1, np.nan]), np.array([0.4, 0.3, 0.2])).tolist()
    [4, 3, 1, 0]
    """
    reached = (risks[:, None] >= from_cutoffs[None, :]).sum(axis=1)
    return np.where(np.isnan(risks), 0, BLUE + reached)


def indicated_ranks(risks: Mapping[str, Floats], of_heads: Mapping[str, Floats]) -> tuple[Ranks, Ranks]:
    """The worst colour over the heads, and which head it is of (by its place among them).

    A site that lacks the risk of any head has no colour: half an answer is not a low risk. Of heads alike the
    first named decides.
    """
    by_head = np.array([ranks_by(risks[head], of_heads[head]) for head in of_heads])
    worst = by_head.max(axis=0)
    return np.where(by_head.min(axis=0) == 0, 0, worst), by_head.argmax(axis=0)
