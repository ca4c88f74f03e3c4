"""What each feature adds to a row's log-odds: exact SHAP values of a LightGBM booster, by looking up.

The values are those of path-dependent TreeSHAP (Lundberg, Erion and Lee, "Consistent individualized feature
attribution for tree ensembles", 2018; Lundberg et al., Nature Machine Intelligence 2, 2020), the same that
`shap.TreeExplainer(booster)` and `booster.predict(rows, pred_contrib=True)` give.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import InvalidInput
from training import contribution_kernels as kernels
from training.block_predictions import in_blocks
from training.booster_trees import BoosterTrees, booster_trees
from training.leaf_groups import TooManyFeatures
from training.leaf_tables import LeafTables, leaf_tables

if TYPE_CHECKING:
    import lightgbm

FEW_ROWS = 4  # up to here rows are sooner done one by one
ROWS_FOR_THREADS = 512  # below this one thread answers sooner than several can be woken
BLOCK = 2048  # rows done together: a tree's tables are read once for all of them


class TreeContributions:
    """The contributions of a booster's features to its raw score, in log-odds where its objective is binary.

    `features` is the number of columns of a row, `base` the expected value: the raw score's mean over the rows
    of the training, NaN where the booster gives several scores.
    """

    def __init__(self, trees: BoosterTrees, by: LeafTables | lightgbm.Booster) -> None:
        self._by = by
        self.features = trees.features
        self.base = float("nan") if trees.scores > 1 else float(sum(tree.expected for tree in trees.trees))

    @classmethod
    def compiled(cls, booster: lightgbm.Booster) -> TreeContributions:
        """Lay out the trees of a booster that has been verified, as many as its best iteration says.

        Later changes of the booster are not seen. Raises InvalidInput for linear trees, which nobody explains.
        """
        text = booster.model_to_string()
        trees = booster_trees(text)
        if trees.is_linear:
            raise InvalidInput(
                zh="模型的叶子含线性模型，其特征贡献没有定义。请用 linear_tree=false 重新训练。",
                en="The leaves of this booster hold linear models, whose contributions are not defined. "
                "Train it again with linear_tree=false.",
                field="booster",
            )
        contributions = cls(trees, _tables_or_booster(trees, text))
        for size in (1, FEW_ROWS + 1):  # compiled loops are read from disk now, not at the first call
            contributions.of(np.zeros((size, trees.features)))
        return contributions

    @property
    def is_looked_up(self) -> bool:
        """Whether tables answer; else LightGBM itself does, some sixty times as slowly.

        That is so where a path has more than eight features, where there are too many trees for memory, and
        where there are several scores.
        """
        return isinstance(self._by, LeafTables)

    def of(self, rows: np.ndarray, *, threads: int = 0) -> NDArray[np.float64]:
        """What each feature adds to each row's raw score, and the expected value: (rows, features + 1).

        NaN is a missing value. A row's numbers add up to its raw score, and are the same to the last bit
        whatever rows stand beside it and however many `threads` there are (0: one a core). Of a booster with
        several scores each has its features + 1 columns, as LightGBM gives them.

        Raises InvalidInput where `rows` is not a table of `features` columns of numbers.
        """
        values = self._checked(rows)
        if not isinstance(self._by, LeafTables):
            return _by_lightgbm(self._by, values, threads)
        out = np.zeros((len(values), self.features + 1))
        out[:, -1] = self.base
        threads = 1 if len(values) < ROWS_FOR_THREADS else threads or os.cpu_count() or 1
        size = min(BLOCK, -(-len(values) // threads) or 1)
        blocks = [slice(begin, begin + size) for begin in range(0, len(values), size)]
        fill = kernels.add_few if len(values) <= FEW_ROWS else kernels.add_contributions
        if threads == 1:
            for block in blocks:
                fill(self._by, values[block], out[block])
            return out
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(lambda block: fill(self._by, values[block], out[block]), blocks):
                pass
        return out

    def _checked(self, rows: np.ndarray) -> NDArray[np.float64]:
        try:
            values = np.ascontiguousarray(rows, np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                zh=f"待解释的行含有非数值内容：{error}。",
                en=f"The rows to explain hold something that is no number: {error}.",
                field="rows",
            ) from error
        if np.ndim(rows) != 2 or values.shape[1] != self.features:
            shape = " × ".join(str(size) for size in np.shape(rows)) or "0"
            raise InvalidInput(
                zh=f"待解释的表为 {shape}，而模型需要每行 {self.features} 列。请按模型的特征顺序给出各列。",
                en=f"The rows to explain are {shape}; this model needs {self.features} columns a row. "
                "Give its features in their order.",
                field="rows",
            )
        return values


def _tables_or_booster(trees: BoosterTrees, text: str) -> LeafTables | lightgbm.Booster:
    import lightgbm

    if trees.scores > 1:
        return lightgbm.Booster(model_str=text)
    try:
        return leaf_tables(trees)
    except TooManyFeatures:
        return lightgbm.Booster(model_str=text)


def _by_lightgbm(booster: lightgbm.Booster, rows: np.ndarray, threads: int) -> NDArray[np.float64]:
    if not len(rows):
        return _by_lightgbm(booster, np.zeros((1, rows.shape[1])), 1)[:0]
    return in_blocks(booster, rows, threads=threads, pred_contrib=True).astype(np.float64, copy=False)
