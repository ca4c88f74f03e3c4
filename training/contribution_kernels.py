"""The inner loops of contributions, compiled: filling the tables of leaves, and looking rows up in them.

Within a row trees are added in their order, and within a tree groups in theirs, whatever rows stand beside it:
the same row gives the same bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.booster_trees import CATEGORIES, THRESHOLD, THRESHOLD_BUT_ZERO

ZERO = float(np.float32(1e-35))  # LightGBM takes values up to here for zero (kZeroThreshold)
MOST_NODES = 64  # of a tree whose decisions fit into one whole number
TILE = 8  # rows turned into columns at a time: a line of the cache of each column
WORTH_REMEMBERING = 8  # rows of a block to a pattern, below which looking each up is as quick
SCATTER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth, section 6.4)


@njit(cache=True, nogil=True)
def _pattern_table(value, shares, weights, table):  # type: ignore[no-untyped-def]
    """What a leaf gives to each feature on its path, for each pattern of satisfied ones.

    The Shapley value of the game in which a feature of the coalition counts 1 or 0 as the row satisfies it or
    not, and any other the share of rows that went that way. `weights` are 1 over (k * (k - 1 over coalition)).
    """
    k = len(shares)
    ways = np.empty(k + 1)  # ways[size]: the sum over coalitions of that size
    for pattern in range(1 << k):
        for feature in range(k):
            size = 0
            ways[0] = 1.0
            for other in range(k):
                if other == feature:
                    continue
                if pattern >> other & 1:
                    size += 1
                    ways[size] = ways[size - 1]
                    for s in range(size - 1, 0, -1):
                        ways[s] = ways[s] * shares[other] + ways[s - 1]
                    ways[0] *= shares[other]
                else:
                    for s in range(size + 1):
                        ways[s] *= shares[other]
            total = 0.0
            for s in range(size + 1):
                total += ways[s] * weights[s]
            one = 1.0 if pattern >> feature & 1 else 0.0
            table[pattern, feature] = value * (one - shares[feature]) * total


@njit(cache=True, nogil=True)
def _weights(k):  # type: ignore[no-untyped-def]
    weights = np.empty(k)
    chosen = 1.0
    for size in range(k):
        weights[size] = 1.0 / (k * chosen)
        chosen = chosen * (k - 1 - size) / (size + 1)
    return weights


@njit(cache=True, nogil=True)
def fill_tables(groups, paths, values):  # type: ignore[no-untyped-def]
    """Add each leaf's contributions into its group's table: a row an index of answers, a column a feature."""
    for group in range(len(groups.answer_bounds) - 1):
        answers = groups.answer_bounds[group + 1] - groups.answer_bounds[group]
        width = groups.feature_bounds[group + 1] - groups.feature_bounds[group]
        start = groups.table_bounds[group]
        for leaf in range(paths.leaf_bounds[group], paths.leaf_bounds[group + 1]):
            first, last = paths.path_bounds[leaf], paths.path_bounds[leaf + 1]
            k = last - first
            table = np.empty((1 << k, k))
            _pattern_table(paths.leaf_values[leaf], paths.shares[first:last], _weights(k), table)
            for index in range(1 << answers):
                pattern = 0
                for i in range(k):
                    pattern |= ((index & paths.masks[first + i]) == paths.wanted[first + i]) << i
                for i in range(k):
                    values[start + index * width + paths.places[first + i]] += table[pattern, i]


@njit(cache=True, nogil=True)
def _decide(nodes, node, values, left):  # type: ignore[no-untyped-def]
    """Whether each row goes left at a node: 255 or 0. One question a loop, so that many rows are asked at once."""
    kind, threshold, missing_left = nodes.kinds[node], nodes.thresholds[node], nodes.missing_left[node]
    if kind == CATEGORIES:
        for i in range(len(values)):
            left[i] = _is_among(nodes, node, values[i])
    elif kind == THRESHOLD and missing_left:
        for i in range(len(values)):
            left[i] = not values[i] > threshold
    elif kind == THRESHOLD:
        for i in range(len(values)):
            left[i] = values[i] <= threshold
    elif missing_left:
        for i in range(len(values)):
            left[i] = (values[i] == 0) | (not values[i] > threshold)
    else:
        for i in range(len(values)):
            left[i] = (values[i] != 0) & (values[i] <= threshold)
    for i in range(len(values)):
        left[i] = np.uint8(0) - left[i]


@njit(cache=True, nogil=True)
def _is_among(nodes, node, value):  # type: ignore[no-untyped-def]
    """Whether a value, without what stands behind the point, is in a node's set of categories."""
    first = nodes.first_words[node]
    if not -1 < value < 32 * (nodes.last_words[node] - first):
        return False
    category = np.int64(value)
    return nodes.words[first + (category >> 5)] >> (category & 31) & 1 == 1


@njit(cache=True, nogil=True)
def _answer(groups, group, left, spare, index):  # type: ignore[no-untyped-def]
    """The index of each row in a group's table: a bit an answer."""
    index[:] = 0
    first = groups.answer_bounds[group]
    for answer in range(first, groups.answer_bounds[group + 1]):
        begin, end = groups.step_bounds[answer], groups.step_bounds[answer + 1]
        bit = np.uint8(1 << (answer - first))
        flip, own = groups.step_flips[begin], left[groups.step_nodes[begin]]
        if end - begin == 1:
            for i in range(len(index)):
                index[i] |= (own[i] ^ flip) & bit
            continue
        for i in range(len(index)):
            spare[i] = own[i] ^ flip
        for step in range(begin + 1, end):
            flip, own = groups.step_flips[step], left[groups.step_nodes[step]]
            for i in range(len(index)):
                spare[i] &= own[i] ^ flip
        for i in range(len(index)):
            index[i] |= spare[i] & bit


@njit(cache=True, nogil=True)
def _patterns(left, count, most, memory, firsts, whose):  # type: ignore[no-untyped-def]
    """Which of a block's rows decide alike at all nodes of a tree.

    Fills `firsts` with the first row of each pattern and `whose` with the pattern of each row; returns how many
    there are, or the number of rows as soon as there are more than `most`.
    """
    keys, packed, table_keys, table_places = memory
    keys[:] = 0
    for begin in range(0, count, 8):
        packed[:] = 0
        for node in range(begin, min(begin + 8, count)):
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
            if found == most:
                return len(keys)
            table_keys[slot], table_places[slot] = key, found
            firsts[found] = i
            found += 1
        whose[i] = table_places[slot]
    return found


@njit(cache=True, nogil=True)
def _look_up(tables, tree, indices, sums):  # type: ignore[no-untyped-def]
    """A tree's contributions to its features: `sums`, a row a slot. Two features at a time share the index."""
    groups = tables.groups
    sums[:] = 0
    first = groups.group_bounds[tree]
    for group in range(first, groups.group_bounds[tree + 1]):
        begin, end = groups.feature_bounds[group], groups.feature_bounds[group + 1]
        index, width = indices[group - first], np.uint64(end - begin)
        table = tables.values[groups.table_bounds[group] : groups.table_bounds[group + 1]]
        for place in range(0, end - begin - 1, 2):
            one, other = (
                sums[groups.feature_slots[begin + place]],
                sums[groups.feature_slots[begin + place + 1]],
            )
            for i in range(len(one)):
                at = np.uint64(index[i]) * width + np.uint64(place)
                one[i] += table[at]
                other[i] += table[at + np.uint64(1)]
        if (end - begin) & 1:
            one, place = sums[groups.feature_slots[end - 1]], width - np.uint64(1)
            for i in range(len(one)):
                one[i] += table[np.uint64(index[i]) * width + place]


@njit(cache=True, nogil=True)
def _columns(used, rows, columns):  # type: ignore[no-untyped-def]
    """The features that split, a row each, what LightGBM takes for zero being zero."""
    for begin in range(0, len(rows), TILE):
        for column in range(len(used)):
            for i in range(begin, min(begin + TILE, len(rows))):
                value = rows[i, used[column]]
                columns[column, i] = 0.0 if -ZERO <= value <= ZERO else value


@njit(cache=True, nogil=True)
def add_contributions(tables, rows, is_remembering, out):  # type: ignore[no-untyped-def]
    """Fill `out` (zeros, a row a row and a column a feature) for a block of rows, tree by tree."""
    groups, nodes, used = tables.groups, tables.nodes, tables.used
    size, trees = len(rows), len(groups.node_bounds) - 1
    most_nodes, most_groups, most_slots = 0, 0, 0
    for tree in range(trees):
        most_nodes = max(most_nodes, groups.node_bounds[tree + 1] - groups.node_bounds[tree])
        most_groups = max(most_groups, groups.group_bounds[tree + 1] - groups.group_bounds[tree])
        most_slots = max(most_slots, groups.slot_bounds[tree + 1] - groups.slot_bounds[tree])
    # A few values more than a power of two, or all columns would lie in the same places of the cache.
    columns = np.empty((len(used), size + TILE))[:, :size]
    sums = np.zeros((len(used), size + TILE))[:, :size]
    of_tree = np.empty((most_slots, size + TILE))
    left = np.empty((most_nodes, size), np.uint8)
    indices = np.empty((most_groups, size), np.uint8)
    spare = np.empty(size, np.uint8)
    all_rows, firsts, whose = np.arange(size), np.empty(size, np.int64), np.empty(size, np.int64)
    places = 1
    while places < 2 * size and is_remembering:
        places *= 2
    memory = np.empty(size, np.uint64), spare, np.empty(places, np.uint64), np.empty(places, np.int64)
    _columns(used, rows, columns)
    for tree in range(trees):
        begin = groups.node_bounds[tree]
        count = groups.node_bounds[tree + 1] - begin
        for node in range(count):
            _decide(nodes, begin + node, columns[nodes.columns[begin + node]], left[node])
        first = groups.group_bounds[tree]
        for group in range(first, groups.group_bounds[tree + 1]):
            _answer(groups, group, left, spare, indices[group - first])
        slots = groups.slots[groups.slot_bounds[tree] : groups.slot_bounds[tree + 1]]
        found = size
        if is_remembering and count <= MOST_NODES:
            found = _patterns(left, count, size // WORTH_REMEMBERING, memory, firsts, whose)
        if found == size:
            _look_up(tables, tree, indices, of_tree[: len(slots), :size])
            for slot in range(len(slots)):
                own, whole = of_tree[slot], sums[slots[slot]]
                for i in range(size):
                    whole[i] += own[i]
            continue
        for group in range(groups.group_bounds[tree + 1] - first):
            for i in range(found):  # a pattern's first row is never before its number
                indices[group, i] = indices[group, firsts[i]]
        _look_up(tables, tree, indices, of_tree[: len(slots), :found])
        for slot in range(len(slots)):
            own, whole = of_tree[slot], sums[slots[slot]]
            for i in range(size):
                whole[i] += own[np.uint64(whose[i])]
    for begin in range(0, size, TILE):
        for column in range(len(used)):
            for i in range(begin, min(begin + TILE, size)):
                out[i, used[column]] = sums[column, i]


@njit(cache=True, nogil=True)
def _goes_left(nodes, node, value):  # type: ignore[no-untyped-def]
    """As `_decide` for one row."""
    kind = nodes.kinds[node]
    if kind == CATEGORIES:
        return _is_among(nodes, node, value)
    if value != value or (kind == THRESHOLD_BUT_ZERO and value == 0):
        return nodes.missing_left[node]
    return value <= nodes.thresholds[node]


@njit(cache=True, nogil=True)
def add_few(tables, rows, out):  # type: ignore[no-untyped-def]
    """As `add_contributions`, one row after the other: sooner done for the few rows of a request."""
    groups, nodes, used, values = tables.groups, tables.nodes, tables.used, tables.values
    trees = len(groups.node_bounds) - 1
    row, sums, of_tree = np.empty(len(used)), np.empty(len(used)), np.zeros(len(used))
    left = np.empty(len(nodes.kinds), np.int64)
    for i in range(len(rows)):
        sums[:] = 0
        for column in range(len(used)):
            value = rows[i, used[column]]
            row[column] = 0.0 if -ZERO <= value <= ZERO else value
        for node in range(len(left)):
            left[node] = _goes_left(nodes, node, row[nodes.columns[node]])
        for tree in range(trees):
            begin = groups.node_bounds[tree]
            for group in range(groups.group_bounds[tree], groups.group_bounds[tree + 1]):
                index, bit = 0, 1
                for answer in range(groups.answer_bounds[group], groups.answer_bounds[group + 1]):
                    yes = 1
                    for step in range(groups.step_bounds[answer], groups.step_bounds[answer + 1]):
                        yes &= left[begin + groups.step_nodes[step]] ^ (groups.step_flips[step] & 1)
                    index += yes * bit
                    bit += bit
                first = groups.feature_bounds[group]
                width = groups.feature_bounds[group + 1] - first
                start = groups.table_bounds[group] + index * width
                for place in range(width):
                    of_tree[groups.feature_slots[first + place]] += values[start + place]
            for slot in range(groups.slot_bounds[tree], groups.slot_bounds[tree + 1]):
                own = slot - groups.slot_bounds[tree]
                sums[groups.slots[slot]] += of_tree[own]
                of_tree[own] = 0
        for column in range(len(used)):
            out[i, used[column]] = sums[column]
