"""A booster laid out for looking up: its nodes, and for each group of leaves a table of contributions.

Everything is a flat array, so that one call does all trees. `x_bounds[i]` to `x_bounds[i + 1]` are the x of i.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training import contribution_kernels as kernels
from training.booster_trees import CATEGORIES, BoosterTrees, Tree
from training.leaf_groups import GroupedLeaf, LeafGroup, TooManyFeatures, leaf_groups

# 256 MB. 300 trees of 31 leaves, 6 deep, take about 30; whoever has more is explained by LightGBM itself.
MOST_VALUES = 1 << 25

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


class Groups(NamedTuple):
    """Where the groups of leaves are, and what they ask.

    A tree has nodes, groups and slots (its features, as places among those that split); a group has answers, a
    table and features (as slots of its tree); an answer has steps (a node of the tree, and 255 where the row
    must not go left there, else 0).
    """

    node_bounds: Ints
    group_bounds: Ints
    slot_bounds: Ints
    slots: Ints
    answer_bounds: Ints
    table_bounds: Ints
    feature_bounds: Ints
    feature_slots: Ints
    step_bounds: Ints
    step_nodes: Ints
    step_flips: NDArray[np.uint8]


class LeafTables(NamedTuple):
    """The features that split, the nodes, the groups, and for each answer of a group what its features get."""

    used: Ints
    nodes: Nodes
    groups: Groups
    values: Floats


class _Paths(NamedTuple):
    """The leaves of all groups, from which their tables are computed."""

    leaf_bounds: Ints
    leaf_values: Floats
    path_bounds: Ints
    places: Ints
    masks: Ints
    wanted: Ints
    shares: Floats


def leaf_tables(booster: BoosterTrees) -> LeafTables:
    """Lay a booster out; raises TooManyFeatures where its tables would be too large."""
    by_tree = [list(leaf_groups(tree)) for tree in booster.trees]
    flat = [group for groups in by_tree for group in groups]
    used = np.unique(np.concatenate([np.empty(0, np.int64), *(tree.features for tree in booster.trees)]))
    table_bounds = _bounds((len(group.features) << len(group.answers)) for group in flat)
    if table_bounds[-1] > MOST_VALUES:
        raise TooManyFeatures
    groups = _groups(booster.trees, by_tree, used, table_bounds)
    values = np.zeros(int(table_bounds[-1]))
    kernels.fill_tables(groups, _paths(flat), values)
    return LeafTables(used, _nodes(booster.trees, used), groups, values)


def _nodes(trees: Sequence[Tree], used: Ints) -> Nodes:
    first, last, words, begin = [], [], [], 0
    for tree in trees:
        asked = np.where(tree.kinds == CATEGORIES, tree.thresholds, 0).astype(np.int64)
        bounds = tree.category_bounds if len(tree.category_bounds) else np.zeros(2, np.int64)
        first.append(begin + bounds[asked])
        last.append(begin + bounds[asked + 1])
        words.append(tree.category_words)
        begin += len(tree.category_words)
    return Nodes(
        columns=np.searchsorted(used, _joined(tree.features for tree in trees)),
        kinds=_joined(tree.kinds for tree in trees),
        thresholds=np.concatenate([np.empty(0), *(tree.thresholds for tree in trees)]),
        missing_left=np.concatenate([np.empty(0, bool), *(tree.missing_left for tree in trees)]),
        first_words=_joined(first),
        last_words=_joined(last),
        words=_joined(words),
    )


def _groups(
    trees: Sequence[Tree], by_tree: Sequence[list[LeafGroup]], used: Ints, table_bounds: Ints
) -> Groups:
    flat = [group for groups in by_tree for group in groups]
    steps = [answer for group in flat for answer in group.answers]
    slots = [np.unique(tree.features) for tree in trees]
    by_slot = (
        np.searchsorted(own, group.features)
        for own, groups in zip(slots, by_tree, strict=True)
        for group in groups
    )
    taken = list(itertools.chain.from_iterable(steps))
    return Groups(
        node_bounds=_bounds(len(tree.features) for tree in trees),
        group_bounds=_bounds(len(groups) for groups in by_tree),
        slot_bounds=_bounds(len(own) for own in slots),
        slots=np.searchsorted(used, _joined(slots)),
        answer_bounds=_bounds(len(group.answers) for group in flat),
        table_bounds=table_bounds,
        feature_bounds=_bounds(len(group.features) for group in flat),
        feature_slots=_joined(by_slot),
        step_bounds=_bounds(len(answer) for answer in steps),
        step_nodes=np.array([node for node, _ in taken], np.int64),
        step_flips=np.array([0 if left else 255 for _, left in taken], np.uint8),
    )


def _paths(groups: Sequence[LeafGroup]) -> _Paths:
    leaves: list[GroupedLeaf] = [leaf for group in groups for leaf in group.leaves]
    path = [passed for leaf in leaves for passed in leaf.path]
    return _Paths(
        leaf_bounds=_bounds(len(group.leaves) for group in groups),
        leaf_values=np.array([leaf.value for leaf in leaves], np.float64),
        path_bounds=_bounds(len(leaf.path) for leaf in leaves),
        places=np.array([passed.place for passed in path], np.int64),
        masks=np.array([passed.mask for passed in path], np.int64),
        wanted=np.array([passed.wanted for passed in path], np.int64),
        shares=np.array([passed.share for passed in path], np.float64),
    )


def _bounds(sizes: Iterable[int]) -> Ints:
    return np.array([0, *itertools.accumulate(sizes)], np.int64)


def _joined(arrays: Iterable[NDArray[Any]]) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *arrays]).astype(np.int64)
