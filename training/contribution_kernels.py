"""The inner loops of contributions, compiled: filling the tables of leaves, and looking rows up in them.

Within a row trees are added in their order, and within a tree its groups in theirs, whatever rows stand beside
it: the same row gives the same bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.booster_trees import CATEGORIES, THRESHOLD, THRESHOLD_BUT_ZERO

ZERO = float(np.float32(1e-35))  # LightGBM takes values up to here for zero (kZeroThreshold)
TILE = 8  # rows turned into columns at a time: a line of the cache of each column


@njit(cache=True, nogil=True)
def _pattern_table(value, shares, table):  # type: ignore[no-untyped-def]
    """What a leaf gives to each feature on its path, for each pattern of satisfied ones.

    The Shapley value of the game in which a feature of the coalition counts 1 or 0 as the row satisfies it or
    not, and any other the share of rows that went that way. A coalition of s out of k features weighs
    1 / (k * (k - 1 over s)).
    """
    k = len(shares)
    ways = np.empty(k + 1)  # ways[s]: the sum over coalitions of s satisfied features
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
            total, chosen = 0.0, 1.0
            for s in range(size + 1):
                total += ways[s] / (k * chosen)
                chosen = chosen * (k - 1 - s) / (s + 1)
            one = 1.0 if pattern >> feature & 1 else 0.0
            table[pattern, feature] = value * (one - shares[feature]) * total


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
            _pattern_table(paths.leaf_values[leaf], paths.shares[first:last], table)
            for index in range(1 << answers):
                pattern = 0
                for i in range(k):
                    pattern |= ((index & paths.masks[first + i]) == paths.wanted[first + i]) << i
                for i in range(k):
                    values[start + index * width + paths.places[first + i]] += table[pattern, i]


@njit(cache=True, nogil=True)
def is_among(words, value):  # type: ignore[no-untyped-def]
    """Whether a value, without what stands behind the point, is in a set of categories."""
    if not -1 < value < 32 * len(words):
        return False
    category = np.int64(value)
    return words[category >> 5] >> (category & 31) & 1 == 1


@njit(cache=True, nogil=True)
def decide(nodes, node, values, left):  # type: ignore[no-untyped-def]
    """Whether each row goes left at a node: 255 or 0. One question a loop, so that many rows are asked at once."""
    kind, threshold, missing_left = nodes.kinds[node], nodes.thresholds[node], nodes.missing_left[node]
    if kind == CATEGORIES:
        words = nodes.words[nodes.first_words[node] : nodes.last_words[node]]
        for i in range(len(left)):
            left[i] = is_among(words, values[i])
    elif kind == THRESHOLD and missing_left:
        for i in range(len(left)):
            left[i] = not values[i] > threshold
    elif kind == THRESHOLD:
        for i in range(len(left)):
            left[i] = values[i] <= threshold
    elif missing_left:
        for i in range(len(left)):
            left[i] = (values[i] == 0) | (not values[i] > threshold)
    else:
        for i in range(len(left)):
            left[i] = (values[i] != 0) & (values[i] <= threshold)
    for i in range(len(left)):
        left[i] = np.uint8(0) - left[i]


@njit(cache=True, nogil=True)
def answer(groups, group, left, spare, index):  # type: ignore[no-untyped-def]
    """The index of each row in a group's table: a bit an answer, yes where all its steps are taken."""
    index[:] = 0
    first = groups.answer_bounds[group]
    for number in range(first, groups.answer_bounds[group + 1]):
        begin, end = groups.step_bounds[number], groups.step_bounds[number + 1]
        bit = np.uint8(1 << (number - first))
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
def look_up(table, columns, index, sums):  # type: ignore[no-untyped-def]
    """Add what a group gives to its features, in `columns` of `sums`. Two features at a time share the index.

    Numbers below 0 count from the end in Python, so that numba looks for them, but not in unsigned ones.
    """
    width = np.uint64(len(columns))
    for place in range(0, len(columns) - 1, 2):
        one, other = sums[columns[place]], sums[columns[place + 1]]
        for i in range(len(index)):
            at = np.uint64(index[i]) * width + np.uint64(place)
            one[i] += table[at]
            other[i] += table[at + np.uint64(1)]
    if len(columns) & 1:
        one, last = sums[columns[len(columns) - 1]], width - np.uint64(1)
        for i in range(len(index)):
            one[i] += table[np.uint64(index[i]) * width + last]


@njit(cache=True, nogil=True)
def as_columns(used, rows, columns):  # type: ignore[no-untyped-def]
    """The features that split, a row each, what LightGBM takes for zero being zero."""
    for begin in range(0, len(rows), TILE):
        for column in range(len(used)):
            for i in range(begin, min(begin + TILE, len(rows))):
                value = rows[i, used[column]]
                columns[column, i] = 0.0 if -ZERO <= value <= ZERO else value


@njit(cache=True, nogil=True)
def as_rows(used, sums, out):  # type: ignore[no-untyped-def]
    """The other way round."""
    for begin in range(0, len(out), TILE):
        for column in range(len(used)):
            for i in range(begin, min(begin + TILE, len(out))):
                out[i, used[column]] = sums[column, i]


@njit(cache=True, nogil=True)
def add_contributions(tables, rows, out):  # type: ignore[no-untyped-def]
    """Fill `out` (zeros, a row a row and a column a feature) for a block of rows, tree by tree."""
    groups, nodes, used = tables.groups, tables.nodes, tables.used
    size = len(rows)
    # Columns of a power of two would all lie in the same few places of the cache.
    columns = np.empty((len(used), size + TILE))
    sums = np.zeros((len(used), size + TILE))
    index, spare = np.empty(size, np.uint8), np.empty(size, np.uint8)
    most = 0
    for tree in range(len(groups.node_bounds) - 1):
        most = max(most, groups.node_bounds[tree + 1] - groups.node_bounds[tree])
    left = np.empty((most, size), np.uint8)
    as_columns(used, rows, columns)
    for tree in range(len(groups.node_bounds) - 1):
        begin = groups.node_bounds[tree]
        for node in range(begin, groups.node_bounds[tree + 1]):
            decide(nodes, node, columns[nodes.columns[node]], left[node - begin])
        for group in range(groups.group_bounds[tree], groups.group_bounds[tree + 1]):
            answer(groups, group, left, spare, index)
            table = tables.values[groups.table_bounds[group] : groups.table_bounds[group + 1]]
            own = groups.feature_columns[groups.feature_bounds[group] : groups.feature_bounds[group + 1]]
            look_up(table, own, index, sums)
    as_rows(used, sums, out)


@njit(cache=True, nogil=True)
def _goes_left(nodes, node, value):  # type: ignore[no-untyped-def]
    """As `decide` for one row: 1 or 0."""
    kind = nodes.kinds[node]
    if kind == CATEGORIES:
        return int(is_among(nodes.words[nodes.first_words[node] : nodes.last_words[node]], value))
    if np.isnan(value) or (kind == THRESHOLD_BUT_ZERO and value == 0):
        return int(nodes.missing_left[node])
    return int(value <= nodes.thresholds[node])


@njit(cache=True, nogil=True)
def add_few(tables, rows, out):  # type: ignore[no-untyped-def]
    """As `add_contributions`, one row after the other: sooner done for the few rows of a request."""
    groups, nodes, used, values = tables.groups, tables.nodes, tables.used, tables.values
    row, sums, left = np.empty(len(used)), np.empty(len(used)), np.empty(len(nodes.kinds), np.int64)
    for i in range(len(rows)):
        as_columns(used, rows[i : i + 1], row.reshape(-1, 1))
        sums[:] = 0
        for node in range(len(left)):
            left[node] = _goes_left(nodes, node, row[nodes.columns[node]])
        for tree in range(len(groups.node_bounds) - 1):
            begin = groups.node_bounds[tree]
            for group in range(groups.group_bounds[tree], groups.group_bounds[tree + 1]):
                index, bit = 0, 1
                for number in range(groups.answer_bounds[group], groups.answer_bounds[group + 1]):
                    yes = 1
                    for step in range(groups.step_bounds[number], groups.step_bounds[number + 1]):
                        yes &= left[begin + groups.step_nodes[step]] ^ (groups.step_flips[step] & 1)
                    index += yes * bit
                    bit += bit
                first = groups.feature_bounds[group]
                width = groups.feature_bounds[group + 1] - first
                start = groups.table_bounds[group] + index * width
                for place in range(width):
                    sums[groups.feature_columns[first + place]] += values[start + place]
        as_rows(used, sums.reshape(-1, 1), out[i : i + 1])
