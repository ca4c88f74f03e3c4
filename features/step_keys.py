"""How entities, pairs and functions are packed into one number, and what fits."""

from __future__ import annotations

import numpy as np

from features.sorting import Ints

PAIR_BITS = 25  # a site and another entity as a pair: 33 million enterprises
SITE_BITS = 26  # 67 million sites
ENTITY_BITS = PAIR_BITS + SITE_BITS  # a function's number and an entity's, or a pair's, as a key of 63 bits
FUNCTIONS = 1 << (63 - ENTITY_BITS)
OWN = FUNCTIONS // 2  # added to the number of a sum: that of its part on the site asked about
RECORDED = FUNCTIONS - 1  # the function that counts what was recorded about a site
_LOW = (1 << PAIR_BITS) - 1


def key(function: int, entities: Ints) -> Ints:
    """The keys of a function's entities, or pairs."""
    return (np.int64(function) << ENTITY_BITS) | entities


def pair(sites: Ints, others: Ints) -> Ints:
    """Pairs of a site and another entity; of the same site they are in the order of the other."""
    return (sites << PAIR_BITS) | others


def unpaired(pairs: Ints) -> tuple[Ints, Ints]:
    """The sites and the others of pairs."""
    return pairs >> PAIR_BITS, pairs & _LOW


def refuse_too_many(functions: int, sites: int, enterprises: int) -> None:
    """Raises OverflowError where numbers would not fit into their bits."""
    if functions >= OWN or sites >= 1 << SITE_BITS or enterprises >= 1 << PAIR_BITS:
        raise OverflowError(
            f"{functions} step functions, {sites} sites and {enterprises} enterprises are more than fit: "
            f"{OWN - 1}, {(1 << SITE_BITS) - 1} and {(1 << PAIR_BITS) - 1}"
        )
