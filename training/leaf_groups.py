"""Leaves that stand together in a tree, and the few yes-or-no answers on which their contributions depend.

What a leaf gives to the features on its path depends only on which of them the row satisfies (Lundberg et al.,
2018, algorithm 2: each feature of the path is 'one' or 'zero'). So a table of 2^k rows says it all. Leaves of
one subtree share most of these answers; their tables are added into one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from training.booster_trees import Tree

# 2^8 answers x at most 8 features x 8 bytes = 16 kB: half the first cache of a core, and an index of one byte.
MOST_ANSWERS = 8

Step = tuple[int, bool]  # a node, and whether the row goes left there


class TooManyFeatures(Exception):
    """A leaf depends on more features than a table holds; such a booster is explained by LightGBM itself."""


@dataclass(frozen=True)
class PathFeature:
    """A feature on the way to a leaf.

    `place` is its place among the group's features. The row satisfies it where its answers, taken with `mask`,
    are `wanted`. `share` is the share of the training's rows that followed the way at its nodes.
    """

    place: int
    mask: int
    wanted: int
    share: float


@dataclass(frozen=True)
class GroupedLeaf:
    """A leaf's value in the unit of the raw score, and the features on its path."""

    value: float
    path: tuple[PathFeature, ...]


@dataclass(frozen=True)
class LeafGroup:
    """The leaves of one subtree.

    An answer is yes where the row takes every one of its steps. `features` are those of all paths.
    """

    answers: tuple[tuple[Step, ...], ...]
    features: tuple[int, ...]
    leaves: tuple[GroupedLeaf, ...]


def leaf_groups(tree: Tree) -> Iterator[LeafGroup]:
    """The largest subtrees that need no more than MOST_ANSWERS answers, from left to right.

    Raises TooManyFeatures where a single leaf needs more.
    """
    if not tree.features:
        return
    inner = _inner_nodes(tree)
    waiting: list[tuple[int, list[Step]]] = [(0, [])]
    while waiting:
        node, way = waiting.pop()
        before = len({tree.features[passed] for passed, _ in way})
        if before + (inner[node] if node >= 0 else 0) <= MOST_ANSWERS:
            yield _group(tree, node, way)
        elif node < 0:
            raise TooManyFeatures
        else:
            waiting.append((tree.right[node], [*way, (node, False)]))
            waiting.append((tree.left[node], [*way, (node, True)]))


def _inner_nodes(tree: Tree) -> list[int]:
    """How many nodes each node's subtree has, itself included."""
    order, inner = [0], [1] * len(tree.features)
    for node in order:
        order += [child[node] for child in (tree.left, tree.right) if child[node] >= 0]
    for node in reversed(order):
        inner[node] += sum(inner[child[node]] for child in (tree.left, tree.right) if child[node] >= 0)
    return inner


def _group(tree: Tree, top: int, way: list[Step]) -> LeafGroup:
    """One answer for each feature before `top`: every step at its nodes is taken; one for each node from there."""
    steps: dict[int, tuple[Step, ...]] = {}
    for step in way:
        feature = tree.features[step[0]]
        steps[feature] = (*steps.get(feature, ()), step)
    bits = {feature: 1 << place for place, feature in enumerate(steps)}
    node_bits: dict[int, int] = {}
    answers, leaves = list(steps.values()), []
    places = {feature: place for place, feature in enumerate(steps)}
    waiting = [(top, way)]
    while waiting:
        node, taken = waiting.pop()
        if node < 0:
            leaves.append(_leaf(tree, node, taken, places, (bits, node_bits)))
            continue
        feature = tree.features[node]
        places.setdefault(feature, len(places))
        node_bits[node] = 1 << len(answers)
        answers.append(((node, True),))
        waiting.append((tree.right[node], [*taken, (node, False)]))
        waiting.append((tree.left[node], [*taken, (node, True)]))
    return LeafGroup(tuple(answers), tuple(places), tuple(leaves))


def _leaf(
    tree: Tree,
    leaf: int,
    way: list[Step],
    places: dict[int, int],
    bits: tuple[dict[int, int], dict[int, int]],
) -> GroupedLeaf:
    before, node_bits = bits
    shares: dict[int, float] = {}
    masks, wanted = dict(before), dict(before)
    children = [node for node, _ in way[1:]] + [leaf]
    for (node, left), child in zip(way, children, strict=True):
        feature = tree.features[node]
        shares[feature] = shares.get(feature, 1.0) * tree.share(node, child)
        bit = node_bits.get(node, 0)
        masks[feature] = masks.get(feature, 0) | bit
        wanted[feature] = wanted.get(feature, 0) | (bit if left else 0)
    path = tuple(
        PathFeature(places[feature], masks[feature], wanted[feature], share)
        for feature, share in shares.items()
    )
    return GroupedLeaf(tree.leaf_values[-leaf - 1], path)
