"""The nodes of a booster's trees as flat arrays, so that one compiled call does all trees."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.booster_trees import Tree

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Nodes(NamedTuple):
    """What each node asks: of which of the features that split, and how (see `Tree`)."""

    columns: Ints
    kinds: Ints
    thresholds: Floats
    missing_left: NDArray[np.bool_]
    first_words: Ints
    last_words: Ints
    words: Ints


def used_features(trees: Sequence[Tree]) -> Ints:
    """The features that split somewhere, in order."""
    return np.array(sorted({feature for tree in trees for feature in tree.features}), np.int64)


def nodes_of(trees: Sequence[Tree], used: Ints) -> Nodes:
    """The nodes, tree by tree; their columns are places in `used`."""
    nodes = [(tree, node) for tree in trees for node in range(len(tree.features))]
    sets, before = [], 0
    for tree in trees:
        own = map(tree.categories, range(len(tree.features)))
        sets += [(before + first, before + last) for first, last in own]
        before += len(tree.category_words)
    return Nodes(
        columns=np.searchsorted(used, [tree.features[node] for tree, node in nodes]),
        kinds=np.array([tree.kind(node) for tree, node in nodes], np.int64),
        thresholds=np.array([tree.thresholds[node] for tree, node in nodes], np.float64),
        missing_left=np.array([tree.missing_left(node) for tree, node in nodes], np.bool_),
        first_words=np.array([first for first, _ in sets], np.int64),
        last_words=np.array([last for _, last in sets], np.int64),
        words=np.array([word for tree in trees for word in tree.category_words], np.int64),
    )


def bounds(sizes: Iterable[int]) -> Ints:
    """Where each of several parts begins and ends in a flat array: part i is from `bounds[i]` to `bounds[i + 1]`."""
    return np.array([0, *itertools.accumulate(sizes)], np.int64)
