"""The trees of a LightGBM booster as arrays, read from its text: what each node asks, what each leaf holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

# Bits of LightGBM's decision_type (include/LightGBM/tree.h): bit 0 a category, bit 1 missing goes left,
# bits 2 and 3 what counts as missing.
_CATEGORY, _MISSING_LEFT = 1, 2
_NOTHING_MISSING, _ZERO_MISSING = 0, 1
# How a node decides: by a threshold, by a threshold with zero counted as missing, by a set of categories.
THRESHOLD, THRESHOLD_BUT_ZERO, CATEGORIES = range(3)


@dataclass(frozen=True)
class Tree:
    """One tree. A node's child below 0 is a leaf: -1 the first leaf, -2 the second.

    `thresholds` of a node that asks for a category is the number of its set: words (32 categories each)
    `category_bounds[number]` to the next of `category_words`. Counts are rows of the training, also where rows
    had weights.
    """

    features: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    decisions: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    node_counts: NDArray[np.float64]
    leaf_values: NDArray[np.float64]
    leaf_counts: NDArray[np.float64]
    category_bounds: NDArray[np.int64]
    category_words: NDArray[np.int64]
    is_linear: bool

    @property
    def kinds(self) -> NDArray[np.int64]:
        """How each node decides: THRESHOLD, THRESHOLD_BUT_ZERO or CATEGORIES."""
        zero = ((self.decisions >> 2) & 3) == _ZERO_MISSING
        kinds = np.where(zero, THRESHOLD_BUT_ZERO, THRESHOLD)
        return np.where(self.decisions & _CATEGORY, CATEGORIES, kinds)

    @property
    def missing_left(self) -> NDArray[np.bool_]:
        """Whether a missing value goes left; where a node knows none, LightGBM takes it for zero."""
        as_zero = ((self.decisions >> 2) & 3) == _NOTHING_MISSING
        left = np.where(as_zero, self.thresholds >= 0, (self.decisions & _MISSING_LEFT) > 0)
        return left & ((self.decisions & _CATEGORY) == 0)

    @cached_property
    def expected(self) -> float:
        """The mean of the leaves over the training's rows, added up as LightGBM does: leaf by leaf."""
        if len(self.features) == 0:
            return float(self.leaf_values[0])
        all_rows, total = float(self.node_counts[0]), 0.0
        for count, value in zip(self.leaf_counts.tolist(), self.leaf_values.tolist(), strict=True):
            total += count / all_rows * value
        return total

    def share(self, node: int, child: int) -> float:
        """The share of a node's training rows that went on to a child; 0 where no row came to the node."""
        count = self.node_counts[child] if child >= 0 else self.leaf_counts[-child - 1]
        return float(count / self.node_counts[node]) if self.node_counts[node] else 0.0


@dataclass(frozen=True)
class BoosterTrees:
    """All trees of a booster; `scores` is how many numbers it gives to a row (1 but for several classes)."""

    features: int
    scores: int
    trees: tuple[Tree, ...]

    @property
    def is_linear(self) -> bool:
        """Whether a leaf holds a linear model instead of a number."""
        return any(tree.is_linear for tree in self.trees)


def booster_trees(text: str) -> BoosterTrees:
    """The trees of a booster's text (`Booster.model_to_string`), whose bytes somebody has verified."""
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    said = _said(head)
    return BoosterTrees(
        features=int(said["max_feature_idx"]) + 1,
        scores=int(said["num_tree_per_iteration"]),
        trees=tuple(_tree(_said(block)) for block in blocks),
    )


def _tree(said: dict[str, str]) -> Tree:
    return Tree(
        features=_whole(said, "split_feature"),
        thresholds=_numbers(said, "threshold"),
        decisions=_whole(said, "decision_type"),
        left=_whole(said, "left_child"),
        right=_whole(said, "right_child"),
        node_counts=_numbers(said, "internal_count"),
        leaf_values=_numbers(said, "leaf_value"),
        leaf_counts=_numbers(said, "leaf_count"),
        category_bounds=_whole(said, "cat_boundaries"),
        category_words=_whole(said, "cat_threshold"),
        is_linear=said.get("is_linear", "0").strip() == "1",
    )


def _said(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.splitlines())
    return {name: value for name, equals, value in pairs if equals}


def _numbers(said: dict[str, str], name: str) -> NDArray[np.float64]:
    return np.array(said.get(name, "").split(), np.float64)


def _whole(said: dict[str, str], name: str) -> NDArray[np.int64]:
    return np.array(said.get(name, "").split(), np.int64)
