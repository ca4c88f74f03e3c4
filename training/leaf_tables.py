"""A booster laid out for looking up: its nodes, and for each group of leaves a table of contributions.

Everything is a flat array, as in `tree_nodes`. `x_bounds[i]` to `x_bounds[i + 1]` are the x of i.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training import contribution_kernels as kernels
from training.booster_trees import BoosterTrees, Tree
from training.leaf_groups import GroupedLeaf, LeafGroup, TooManyFeatures, leaf_groups
from training.tree_nodes import Floats, Ints, Nodes, bounds, nodes_of, used_features

# 256 MB. 300 trees of 31 leaves, 6 deep, take 13; whoever has more is explained by LightGBM itself.
MOST_VALUES = 1 << 25


class Groups(NamedTuple):
    """Where the groups of leaves are, and what they ask.

    A tree has nodes and groups; a group has answers, a table and features (as places among those that split);
    an answer has steps: a node of the tree, counted from its first, and 255 where the row must not go left
    there, else 0.
    """

    node_bounds: Ints
    group_bounds: Ints
    answer_bounds: Ints
    table_bounds: Ints
    feature_bounds: Ints
    feature_columns: Ints
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
    used = used_features(booster.trees)
    groups = _groups(booster.trees, by_tree, used)
    if groups.table_bounds[-1] > MOST_VALUES:
        raise TooManyFeatures
    values = np.zeros(int(groups.table_bounds[-1]))
    kernels.fill_tables(groups, _paths([group for groups in by_tree for group in groups]), values)
    return LeafTables(used, nodes_of(booster.trees, used), groups, values)


def _groups(trees: Sequence[Tree], by_tree: Sequence[list[LeafGroup]], used: Ints) -> Groups:
    groups = [group for groups in by_tree for group in groups]
    answers = [answer for group in groups for answer in group.answers]
    steps = [step for answer in answers for step in answer]
    return Groups(
        node_bounds=bounds(len(tree.features) for tree in trees),
        group_bounds=bounds(len(groups) for groups in by_tree),
        answer_bounds=bounds(len(group.answers) for group in groups),
        table_bounds=bounds(len(group.features) << len(group.answers) for group in groups),
        feature_bounds=bounds(len(group.features) for group in groups),
        feature_columns=np.searchsorted(used, [feature for group in groups for feature in group.features]),
        step_bounds=bounds(len(answer) for answer in answers),
        step_nodes=np.array([node for node, _ in steps], np.int64),
        step_flips=np.array([0 if left else 255 for _, left in steps], np.uint8),
    )


def _paths(groups: Sequence[LeafGroup]) -> _Paths:
    leaves: list[GroupedLeaf] = [leaf for group in groups for leaf in group.leaves]
    path = [passed for leaf in leaves for passed in leaf.path]
    return _Paths(
        leaf_bounds=bounds(len(group.leaves) for group in groups),
        leaf_values=np.array([leaf.value for leaf in leaves], np.float64),
        path_bounds=bounds(len(leaf.path) for leaf in leaves),
        places=np.array([passed.place for passed in path], np.int64),
        masks=np.array([passed.mask for passed in path], np.int64),
        wanted=np.array([passed.wanted for passed in path], np.int64),
        shares=np.array([passed.share for passed in path], np.float64),
    )
