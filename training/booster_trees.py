"""The trees of a LightGBM booster, read from its text: what each node asks, what each leaf holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

# Bits of LightGBM's decision_type (include/LightGBM/tree.h): bit 0 a category, bit 1 missing goes left,
# bits 2 and 3 what counts as missing.
_CATEGORY, _MISSING_LEFT = 1, 2
_NOTHING_MISSING, _ZERO_MISSING = 0, 1
# How a node decides: by a threshold, by a threshold with zero counted as missing, by a set of categories.
THRESHOLD, THRESHOLD_BUT_ZERO, CATEGORIES = range(3)

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class Tree:
    """One tree. A node's child below 0 is a leaf: -1 the first leaf, -2 the second.

    `thresholds` of a node that asks for a category is the number of its set: words (32 categories each)
    `category_bounds[number]` to the next of `category_words`. Counts are rows of the training, also where rows
    had weights.
    """

    features: tuple[int, ...]
    thresholds: tuple[float, ...]
    decisions: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    node_counts: tuple[int, ...]
    leaf_values: tuple[float, ...]
    leaf_counts: tuple[int, ...]
    category_bounds: tuple[int, ...]
    category_words: tuple[int, ...]
    is_linear: bool

    def kind(self, node: int) -> int:
        """How a node decides: THRESHOLD, THRESHOLD_BUT_ZERO or CATEGORIES."""
        if self.decisions[node] & _CATEGORY:
            return CATEGORIES
        return THRESHOLD_BUT_ZERO if self._missing(node) == _ZERO_MISSING else THRESHOLD

    def missing_left(self, node: int) -> bool:
        """Whether a missing value goes left; a node that has seen none takes it for zero, as LightGBM does."""
        if self.decisions[node] & _CATEGORY:
            return False
        if self._missing(node) == _NOTHING_MISSING:
            return self.thresholds[node] >= 0
        return bool(self.decisions[node] & _MISSING_LEFT)

    def categories(self, node: int) -> tuple[int, int]:
        """Where the words of a node's set of categories begin and end; nowhere if it asks for a threshold."""
        if not self.decisions[node] & _CATEGORY:
            return 0, 0
        number = int(self.thresholds[node])
        return self.category_bounds[number], self.category_bounds[number + 1]

    def share(self, node: int, child: int) -> float:
        """The share of a node's training rows that went on to a child; 0 where no row came to the node."""
        count = self.node_counts[child] if child >= 0 else self.leaf_counts[-child - 1]
        return count / self.node_counts[node] if self.node_counts[node] else 0.0

    @property
    def expected(self) -> float:
        """The mean of the leaves over the training's rows, added up as LightGBM does: leaf by leaf."""
        if not self.features:
            return self.leaf_values[0]
        total = 0.0
        for count, value in zip(self.leaf_counts, self.leaf_values, strict=True):
            total += count / self.node_counts[0] * value
        return total

    def _missing(self, node: int) -> int:
        return (self.decisions[node] >> 2) & 3


@dataclass(frozen=True)
class BoosterTrees:
    """All trees of a booster; `scores` is how many numbers it gives to a row (1 but for several classes).

    `is_averaged`: its raw score is the mean of its trees, not their sum (random forests).
    """

    features: int
    scores: int
    trees: tuple[Tree, ...]
    is_averaged: bool = False

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
        is_averaged="\naverage_output" in head,
    )


def _tree(said: dict[str, str]) -> Tree:
    return Tree(
        features=_numbers(int, said, "split_feature"),
        thresholds=_numbers(float, said, "threshold"),
        decisions=_numbers(int, said, "decision_type"),
        left=_numbers(int, said, "left_child"),
        right=_numbers(int, said, "right_child"),
        node_counts=_numbers(int, said, "internal_count"),
        leaf_values=_numbers(float, said, "leaf_value"),
        leaf_counts=_numbers(int, said, "leaf_count"),
        category_bounds=_numbers(int, said, "cat_boundaries"),
        category_words=_numbers(int, said, "cat_threshold"),
        is_linear=said.get("is_linear", "0").strip() == "1",
    )


def _said(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.splitlines())
    return {name: value for name, equals, value in pairs if equals}


def _numbers(kind: Callable[[str], _Number], said: dict[str, str], name: str) -> tuple[_Number, ...]:
    return tuple(map(kind, said.get(name, "").split()))
