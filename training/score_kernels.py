"""The inner loops of raw scores, compiled: which leaf of each tree a row comes to, and the sum of their values.

Trees are added in their order, beginning at zero, as LightGBM does: the same bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.booster_trees import CATEGORIES, THRESHOLD, THRESHOLD_BUT_ZERO
from training.contribution_kernels import as_columns, is_among

MOST_LEAVES = 64  # of one tree: a bit a leaf
EVERY_LEAF = np.uint64(2**64 - 1)
# The highest six bits of 2^i times this number differ for all i (Leiserson, Prokop and Randall, "Using de Bruijn
# sequences to index a 1 in a computer word", 1998).
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
SHIFT = np.uint64(58)


@njit(cache=True, nogil=True)
def _keep(nodes, node, values, stays, leaves):  # type: ignore[no-untyped-def]
    """Take from each row the leaves that it cannot come to, going right at a node: those not in `stays`."""
    kind, threshold, missing_left = nodes.kinds[node], nodes.thresholds[node], nodes.missing_left[node]
    if kind == CATEGORIES:
        words = nodes.words[nodes.first_words[node] : nodes.last_words[node]]
        for i in range(len(leaves)):
            if not is_among(words, values[i]):
                leaves[i] &= stays
    elif kind == THRESHOLD and missing_left:
        for i in range(len(leaves)):
            leaves[i] &= stays if values[i] > threshold else EVERY_LEAF
    elif kind == THRESHOLD:
        for i in range(len(leaves)):
            leaves[i] &= EVERY_LEAF if values[i] <= threshold else stays
    elif missing_left:
        for i in range(len(leaves)):
            right = (values[i] != 0) & (values[i] > threshold)
            leaves[i] &= stays if right else EVERY_LEAF
    else:
        for i in range(len(leaves)):
            goes_left = (values[i] != 0) & (values[i] <= threshold)
            leaves[i] &= EVERY_LEAF if goes_left else stays


@njit(cache=True, nogil=True)
def add_scores(tables, rows, out):  # type: ignore[no-untyped-def]
    """Add to `out` (zeros) the raw score of a block of rows, tree by tree.

    A row begins each tree with all its leaves and loses those of the left subtree wherever it goes right; it comes
    to the first that is left (Lucchese et al., "QuickScorer", SIGIR 2015).
    """
    nodes, size = tables.nodes, len(rows)
    columns = np.empty((len(tables.used), size))
    as_columns(tables.used, rows, columns)
    leaves = np.empty(size, np.uint64)
    for tree in range(len(tables.node_bounds) - 1):
        leaves[:] = EVERY_LEAF
        for node in range(tables.node_bounds[tree], tables.node_bounds[tree + 1]):
            _keep(nodes, node, columns[nodes.columns[node]], tables.stays[node], leaves)
        values = tables.slots[tree]
        for i in range(size):
            first = leaves[i] & (~leaves[i] + np.uint64(1))
            out[i] += values[(first * DE_BRUIJN) >> SHIFT]


@njit(cache=True, nogil=True)
def add_few_scores(tables, rows, out):  # type: ignore[no-untyped-def]
    """As `add_scores`, walking down each tree: sooner done for the few rows of a request."""
    nodes, used = tables.nodes, tables.used
    row = np.empty(len(used))
    for i in range(len(rows)):
        as_columns(used, rows[i : i + 1], row.reshape(-1, 1))
        for tree in range(len(tables.node_bounds) - 1):
            begin = tables.node_bounds[tree]
            node = 0 if tables.node_bounds[tree + 1] > begin else -1
            while node >= 0:
                at = begin + node
                kind, value = nodes.kinds[at], row[nodes.columns[at]]
                if kind == CATEGORIES:
                    words = nodes.words[nodes.first_words[at] : nodes.last_words[at]]
                    left = is_among(words, value)
                elif np.isnan(value) or (kind == THRESHOLD_BUT_ZERO and value == 0):
                    left = nodes.missing_left[at]
                else:
                    left = value <= nodes.thresholds[at]
                node = tables.left[at] if left else tables.right[at]
            out[i] += tables.leaf_values[tables.leaf_bounds[tree] - node - 1]
