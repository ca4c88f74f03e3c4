"""Contributions by remembering: rows of a block that decide alike at all nodes of a tree share one look-up.

An idea that did not pay, kept so that `explain.py` can print its figure. Leaves looked up together in groups
leave two additions for each one that is remembered, and of 2,048 rows of a city most decide differently.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from training.contribution_kernels import TILE, answer, as_columns, as_rows, decide, look_up
from training.contributions import BLOCK, TreeContributions

MOST_NODES = 64  # decisions of a tree that fit into one whole number
SCATTER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth, volume 3, section 6.4)


def contributions_remembering(
    contributions: TreeContributions, rows: np.ndarray, *, threads: int
) -> np.ndarray:
    """As `TreeContributions.of`, up to rounding, for trees of no more than MOST_NODES nodes."""
    tables = contributions._by
    out = np.zeros((len(rows), contributions.features + 1))
    out[:, -1] = contributions.base
    blocks = [slice(begin, begin + BLOCK) for begin in range(0, len(rows), BLOCK)]
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda block: _add(tables, rows[block], out[block]), blocks):
            pass
    return out


@njit(cache=True, nogil=True)
def _patterns(left, memory, firsts, whose):  # type: ignore[no-untyped-def]
    """The first row of each pattern and the pattern of each row; returns how many there are."""
    keys, packed, table_keys, table_places = memory
    keys[:] = 0
    for begin in range(0, len(left), 8):
        packed[:] = 0
        for node in range(begin, min(begin + 8, len(left))):
            bit, own = np.uint8(1 << (node - begin)), left[node]
            for i in range(len(packed)):
                packed[i] |= own[i] & bit
        shift = np.uint64(begin)
        for i in range(len(keys)):
            keys[i] |= np.uint64(packed[i]) << shift
    table_places[:] = -1
    last, found = len(table_places) - 1, 0
    for i in range(len(keys)):
        key = keys[i]
        slot = np.int64((key * SCATTER) >> np.uint64(40)) & last
        while table_places[slot] >= 0 and table_keys[slot] != key:
            slot = (slot + 1) & last
        if table_places[slot] < 0:
            table_keys[slot], table_places[slot] = key, found
            firsts[found] = i
            found += 1
        whose[i] = table_places[slot]
    return found


@njit(cache=True, nogil=True)
def _add(tables, rows, out):  # type: ignore[no-untyped-def]
    groups, nodes, used = tables.groups, tables.nodes, tables.used
    size = len(rows)
    columns = np.empty((len(used), size + TILE))[:, :size]
    sums, of_tree = np.zeros((len(used), size + TILE))[:, :size], np.empty((len(used), size + TILE))
    index, spare = np.empty(size, np.uint8), np.empty(size, np.uint8)
    left = np.empty((MOST_NODES, size), np.uint8)
    firsts, whose = np.empty(size, np.int64), np.empty(size, np.int64)
    memory = np.empty(size, np.uint64), spare, np.empty(2 * BLOCK, np.uint64), np.empty(2 * BLOCK, np.int64)
    is_own = np.empty(len(used), np.bool_)
    as_columns(used, rows, columns)
    for tree in range(len(groups.node_bounds) - 1):
        begin, end = groups.node_bounds[tree], groups.node_bounds[tree + 1]
        is_own[:] = False
        for node in range(begin, end):
            decide(nodes, node, columns[nodes.columns[node]], left[node - begin])
            is_own[nodes.columns[node]] = True
        found = _patterns(left[: end - begin], memory, firsts, whose)
        for column in range(len(used)):
            if is_own[column]:
                of_tree[column, :found] = 0
        for group in range(groups.group_bounds[tree], groups.group_bounds[tree + 1]):
            answer(groups, group, left, spare, index)
            for i in range(found):  # a pattern's first row is never before its number
                index[i] = index[firsts[i]]
            table = tables.values[groups.table_bounds[group] : groups.table_bounds[group + 1]]
            own = groups.feature_columns[groups.feature_bounds[group] : groups.feature_bounds[group + 1]]
            look_up(table, own, index[:found], of_tree)
        for column in range(len(used)):
            if is_own[column]:
                shared, whole = of_tree[column], sums[column]
                for i in range(size):
                    whole[i] += shared[np.uint64(whose[i])]
    as_rows(used, sums, out)
