"""The raw scores of a booster, to the last bit those of `Booster.predict(rows, raw_score=True)`, several times as fast.

A request scores one row by many trees, where a call of LightGBM costs more than the walk down its trees; a
training scores millions. Both read the trees from the booster's text, as contributions do.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training import score_kernels as kernels
from training.block_predictions import in_blocks
from training.booster_trees import BoosterTrees, Tree, booster_trees
from training.tree_nodes import Floats, Ints, Nodes, bounds, nodes_of, used_features

if TYPE_CHECKING:
    import lightgbm

FEW_ROWS = 16  # up to here rows are sooner done one by one
BLOCK = 2048  # rows done together: a tree stays in the cache for all of them
ROWS_FOR_THREADS = 4096  # below this one thread answers sooner than several can be woken


class ScoreTables(NamedTuple):
    """A booster's trees: for walking (children below 0 are leaves, -1 the first) and for whole blocks.

    `stays` of a node are the leaves, a bit each from left to right, that a row which goes right there may still come
    to; `slots` holds a tree's leaf values where the kernel's hash of their bits looks for them.
    """

    used: Ints
    nodes: Nodes
    node_bounds: Ints
    left: Ints
    right: Ints
    leaf_bounds: Ints
    leaf_values: Floats
    stays: NDArray[np.uint64]
    slots: Floats


class RawScores:
    """Scores rows of numbers; made once a booster."""

    def __init__(self, by: ScoreTables | lightgbm.Booster) -> None:
        self._by = by

    @classmethod
    def compiled(cls, booster: lightgbm.Booster) -> RawScores:
        """Lay out a booster that has been verified, as many trees as its best iteration says."""
        return cls.from_text(booster.model_to_string())

    @classmethod
    def from_text(cls, text: str) -> RawScores:
        """As `compiled`, from the text of a booster, which LightGBM has written.

        LightGBM itself answers where a tree has more than 64 leaves or a leaf holds a linear model, and for
        boosters that give several scores or the mean of their trees.
        """
        trees = booster_trees(text)
        if trees.scores > 1 or trees.is_linear or trees.is_averaged or _widest(trees) > kernels.MOST_LEAVES:
            import lightgbm

            return cls(lightgbm.Booster(model_str=text))
        return cls(_tables(trees.trees))

    @property
    def is_looked_up(self) -> bool:
        """Whether the compiled trees answer; else LightGBM does."""
        return isinstance(self._by, ScoreTables)

    def of(self, rows: np.ndarray, *, threads: int = 0) -> NDArray[np.float64]:
        """The raw score of each row; NaN is a missing value. The same bits for any number of `threads` (0: one a core)."""
        if not isinstance(self._by, ScoreTables):
            if not len(rows):
                return np.empty(0)
            return in_blocks(self._by, rows, threads=threads, raw_score=True)
        out, tables = np.zeros(len(rows)), self._by
        add = kernels.add_few_scores if len(rows) <= FEW_ROWS else kernels.add_scores

        def fill(begin: int) -> None:
            block = np.ascontiguousarray(rows[begin : begin + BLOCK], np.float64)
            add(tables, block, out[begin : begin + BLOCK])

        begins = range(0, len(rows), BLOCK)
        threads = 1 if len(rows) < ROWS_FOR_THREADS else threads or os.cpu_count() or 1
        if threads == 1:
            for begin in begins:
                fill(begin)
            return out
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(fill, begins):
                pass
        return out


def _widest(booster: BoosterTrees) -> int:
    return max((len(tree.leaf_values) for tree in booster.trees), default=0)


def _tables(trees: tuple[Tree, ...]) -> ScoreTables:
    used = used_features(trees)
    slots = np.zeros((len(trees), kernels.MOST_LEAVES))
    stays: list[int] = []
    for tree, own in zip(trees, slots, strict=True):
        order, kept = _left_to_right(tree)
        stays += kept
        for place, leaf in enumerate(order):
            own[_slot(place)] = tree.leaf_values[leaf]
    return ScoreTables(
        used=used,
        nodes=nodes_of(trees, used),
        node_bounds=bounds(len(tree.features) for tree in trees),
        left=np.array([child for tree in trees for child in tree.left], np.int64),
        right=np.array([child for tree in trees for child in tree.right], np.int64),
        leaf_bounds=bounds(len(tree.leaf_values) for tree in trees),
        leaf_values=np.array([value for tree in trees for value in tree.leaf_values]),
        stays=np.array(stays, np.uint64),
        slots=slots,
    )


def _left_to_right(tree: Tree) -> tuple[list[int], list[int]]:
    """The leaves from left to right, and for each node those that a row which goes right may still come to."""
    if not tree.features:
        return [0], []
    every, order, stays = int(kernels.EVERY_LEAF), list[int](), [0] * len(tree.features)

    def below(child: int) -> int:
        """The bits of the leaves of a subtree, which are numbered as they are met."""
        if child < 0:
            order.append(-child - 1)
            return 1 << (len(order) - 1)
        left = below(tree.left[child])
        stays[child] = every & ~left
        return left | below(tree.right[child])

    below(0)
    return order, stays


def _slot(place: int) -> int:
    return ((1 << place) * int(kernels.DE_BRUIJN) & (2**64 - 1)) >> int(kernels.SHIFT)
