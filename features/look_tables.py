"""The flat tables that the compiled look-up reads: all curves, what was fed since, and what is to be looked up.

One count of violations in 90 days of a site: its row of `steps` is (TOTAL, sum 0, …), that of `sums` names two
`parts`, and these two `terms`: the curve of starts, added, and the curve of days at a shift of 90 days, taken away.
A curve of entity e changes at the `moments` between `offsets[first + e]` and the next.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Pools(NamedTuple):
    """All curves. `curves`: first offset, entities, unit (0: its moments are in order), first running total or -1,
    and the curve of the same facts' starts or -1.
    """

    curves: Any
    offsets: Any
    moments: Any
    totals: Any
    values: Any
    pairs: Any


class Fed(NamedTuple):
    """What was fed since, by sorted keys: changes of sums with running totals, and replaced curves of what holds."""

    sum_keys: Any
    sum_bounds: Any
    sum_moments: Any
    sum_totals: Any
    held_keys: Any
    held_bounds: Any
    held_moments: Any
    held_numbers: Any


class Look(NamedTuple):
    """What is looked up, a row each, by the places of other rows.

    who: kind, a row of `carried` (of `who` for a PAIR), first and last pair; terms: curve, shift, row of `who`; parts: row of
    `terms`, sign; sums: first and last part, row of `who`, number of the function and of its part on the site
    itself or -1; leads: curve, row of `who`, shift; carried: row of `leads`, first value, number; steps: kind, up to four
    rows of sums, carried or steps, row of `who`; numbers: two a step; successor: curve of renamed
    enterprises or -1, its first value, how many steps are followed.
    """

    who: Any
    terms: Any
    parts: Any
    sums: Any
    leads: Any
    carried: Any
    steps: Any
    numbers: Any
    successor: Any
