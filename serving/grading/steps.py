"""From what the risks indicate today and the colour of yesterday to the colour of today: up at once, down by steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.grading.colours import BLUE, Floats, Ranks, indicated_ranks
from serving.grading.overrides import NEVER, ONE_DAY, Days, Overrides

Held = NDArray[np.bool_]
OVERRIDE, BY_HEAD, NOTHING = "OVERRIDE", "HEAD", "INSUFFICIENT_DATA"
RAISE_REFUSED, LOWERING_WAITS, OVERRIDE_HOLDS = "RAISE_REFUSED", "LOWERING_WAITS", "OVERRIDE_HOLDS"
TOO_SOON, WITHIN_MARGIN, DATA_LOST = "TOO_SOON", "WITHIN_MARGIN", "DATA_LOST"


@dataclass(frozen=True)
class Yesterday:
    """The state of each site after the run before and what persons have decided since; rank 0 for a new site.

    `reached` has for each rank the day since when the site has had that colour or a worse one. `refused` is the
    colour that a person refused last, on `refused_on`.
    """

    ranks: Ranks
    since: Days
    reached: Mapping[int, Days]
    refused: Ranks
    refused_on: Days


@dataclass(frozen=True)
class Indicated:
    """What the risks alone say: the colour of each site, of which head (its place), and the cut-offs they met."""

    ranks: Ranks
    head: Ranks
    risks: Mapping[str, Floats]
    cutoffs: Mapping[str, Floats]

    @classmethod
    def of(cls, risks: Mapping[str, Floats], cutoffs: Mapping[str, Floats]) -> Indicated:
        return cls(*indicated_ranks(risks, cutoffs), risks, cutoffs)


@dataclass(frozen=True)
class Stepped:
    """Today's colours: the rank in force and since when, the lowering that waits (0 none), and why it is so."""

    ranks: Ranks
    since: Days
    reached: Mapping[int, Days]
    proposed: Ranks
    changed: Held
    why: NDArray[np.object_]


def stepped(
    indicated: Indicated,
    overrides: Overrides,
    yesterday: Yesterday,
    lowering: Mapping[str, Any],
    day: np.datetime64,
) -> Stepped:
    """The colours of today.

    A worse colour holds at once, unless a person refused it lately and no override asks for it. A better one is
    proposed, one step at most, where no override holds or cools, the last change or refusal is long enough ago and
    the risk lies below the margin of every head; it holds once a person has confirmed it. A site whose risk is
    no longer known keeps a colour above blue.
    """
    by_risk, before = indicated.ranks, yesterday.ranks
    days = lowering["days_between_steps"] * ONE_DAY
    refused = (yesterday.refused > before) & (by_risk <= yesterday.refused)
    refused &= day - yesterday.refused_on < days
    by_heads = np.where(refused, np.minimum(by_risk, before), by_risk)
    target = np.maximum(by_heads, overrides.ranks)
    lost = (target == 0) & (before > BLUE)
    ranks = np.where((target == 0) & ~lost, 0, np.maximum(target, before))
    better = (ranks > target) & ~lost
    settled = np.fmax(yesterday.since, yesterday.refused_on)
    too_soon = day - settled < days
    near = better & ~below_margin(indicated.risks, indicated.cutoffs, ranks, lowering["margin"])
    lowers = better & ~overrides.any & ~too_soon & ~near
    conditions: dict[str, Held] = {
        OVERRIDE: overrides.any & (overrides.ranks == ranks),
        RAISE_REFUSED: refused & (by_risk > ranks),
        NOTHING: ranks == 0,
        DATA_LOST: lost | (better & (by_risk == 0)),
        OVERRIDE_HOLDS: better & overrides.any,
        TOO_SOON: better & too_soon,
        WITHIN_MARGIN: near,
        LOWERING_WAITS: lowers,
    }
    changed = ranks != before
    reached = {
        rank: np.where(ranks < rank, NEVER, np.where(before >= rank, days_of, day))
        for rank, days_of in yesterday.reached.items()
    }
    return Stepped(
        ranks,
        np.where(changed, day, yesterday.since),
        reached,
        np.where(lowers & (by_risk > 0), ranks - 1, 0),
        changed,
        np.select(list(conditions.values()), list(conditions), BY_HEAD).astype(object),
    )


def below_margin(
    risks: Mapping[str, Floats], cutoffs: Mapping[str, Floats], ranks: Ranks, margin: float
) -> Held:
    """Sites whose risk is below the margin of their present colour's cut-off, in every head; never for blue.

    >>> below_margin({"a": np.array([0.31, 0.33])}, {"a": np.array([0.8, 0.4, 0.2])}, np.array([3, 3]), 0.8).tolist()
    [True, False]
    """
    below = ranks > BLUE
    for head, worst_first in cutoffs.items():
        of_rank = np.concatenate([[np.nan] * (BLUE + 1), worst_first[::-1]])
        below &= risks[head] < margin * of_rank[ranks]
    return below
