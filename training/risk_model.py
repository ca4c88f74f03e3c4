"""The fitted model that is served: a calibrated risk for each head, read from an auditable folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import InvalidInput, ModelInvalid, NotFound
from training.champion_ledger import history as champion_history
from training.head_model import HeadModel
from training.model_folder import (
    HEADS,
    PASSPORT,
    VERSION_DIGITS,
    VerifiedFolder,
    champion_folder,
    champion_pointer,
    files_of_head,
    invalid,
    read_verified,
)

__all__ = [
    "RiskModel",
    "champion_folder",
    "champion_history",
    "champion_pointer",
    "load_champion",
    "load_former",
]

EXPECTED = "expected"

_loaded_apart: set[str] = set()


class RiskModel:
    """Calibrated risks of all heads of one training; the same numbers wherever it is loaded.

    `feature_names` is the order of the columns the trees were fitted on, `version` the first twelve
    digits of the folder's sha256, `passport` everything the training noted about itself.
    """

    def __init__(self, heads: tuple[HeadModel, ...], passport: dict[str, Any], sha256: str) -> None:
        self.fitted = {head.name: head for head in heads}
        self.heads = tuple(self.fitted)
        self.passport = passport
        self.feature_names = tuple(passport["features"])
        self._headings = pd.Index(self.feature_names)
        self.sha256 = sha256
        self.version = sha256[:12]

    @classmethod
    def load(cls, folder: Path, *, sha256: str | None = None) -> RiskModel:
        """Read a model folder; every sha256 is verified before a single tree is built.

        Raises NotFound if there is no model folder and ModelInvalid if it is broken or changed.
        """
        return cls.from_verified(read_verified(Path(folder), sha256=sha256))

    @classmethod
    def from_verified(cls, folder: VerifiedFolder, *, part: str = HEADS) -> RiskModel:
        """The model of a folder whose bytes have been verified.

        With `part` = "tested" the one that was judged; ModelInvalid where the folder holds none.
        """
        passport = folder.json(PASSPORT)
        if not isinstance(passport, dict) or not passport.get("heads") or not passport.get("features"):
            raise invalid(
                folder.path, "passport.json 缺少 heads 或 features", "passport.json lacks heads or features"
            )
        features = passport["features"]
        heads = tuple(
            HeadModel.from_files(name, features, files_of_head(folder.files, name, part))
            for name in passport["heads"]
        )
        return cls(heads, passport, folder.sha256)

    def risks(self, matrix: pd.DataFrame) -> pd.DataFrame:
        """`risk_<head>` for each row of the feature matrix, same index, NaN features being missing ones.

        Each row is computed for itself: the same features give the same risk, to the last bit,
        whatever other rows stand beside it. Columns are found by name, others are ignored;
        InvalidInput names the ones that are not there.
        """
        columns = {f"risk_{head}": risks for head, risks in self.risks_by_head(matrix).items()}
        return pd.DataFrame(columns, index=matrix.index)

    def risks_by_head(self, matrix: pd.DataFrame) -> dict[str, np.ndarray]:
        """As `risks`, by head, without a table around them: what a single request needs."""
        features = self.features_of(matrix)
        return {name: self._risk(head, features) for name, head in self.fitted.items()}

    def contributions(self, matrix: pd.DataFrame, head: str) -> pd.DataFrame:
        """What each feature adds to a head's log-odds, a column a feature, and `expected`, that of the average row.

        Exact SHAP values before calibration, same index; the columns of a row add up to its log-odds. Raises
        InvalidInput for columns that are not there and NotFound for a head the model does not have.
        """
        found = self.parts(matrix, head)
        return pd.DataFrame(found, index=matrix.index, columns=[*self.feature_names, EXPECTED])

    def parts(self, matrix: pd.DataFrame, head: str) -> np.ndarray:
        """As `contributions`, as a plain array: a column a feature, and last what is expected."""
        if head not in self.fitted:
            raise NotFound(
                zh=f"模型 {self.version} 没有目标 {head}，有：{'、'.join(self.heads)}。",
                en=f"Model {self.version} has no head {head}; it has: {', '.join(self.heads)}.",
                field="head",
            )
        return self.fitted[head].contributions(self.features_of(matrix))

    def features_of(self, matrix: pd.DataFrame) -> np.ndarray:
        """The columns of a matrix that the model looks at, in its order; InvalidInput names those that are not there."""
        if matrix.columns.equals(self._headings):
            return matrix.to_numpy(dtype="float64")
        absent = [name for name in self.feature_names if name not in matrix.columns]
        if absent:
            raise InvalidInput(
                zh=f"特征矩阵缺少模型 {self.version} 需要的列：{'、'.join(absent[:10])}。",
                en=f"The feature matrix lacks columns that model {self.version} needs: {', '.join(absent[:10])}.",
                field="features",
            )
        return matrix[list(self.feature_names)].to_numpy(dtype="float64")

    @staticmethod
    def _risk(head: HeadModel, features: np.ndarray) -> np.ndarray:
        return head.risk(features) if len(features) else np.empty(0)


def load_champion(home: Path, held: RiskModel | None = None, *, apart: bool = False) -> RiskModel:
    """The model in force in `home`: `held` if it is that one, else read from its folder.

    With `apart` its bytes are first loaded in a process of its own, unless they have been in this one's time:
    LightGBM ends the process that reads a text cut short, and its manifest may have been made after the cut.
    Raises NotFound if nothing has been promoted, and ModelInvalid if the folder is not, to the last byte,
    the one that was: a folder altered together with its manifest still agrees with itself.
    """
    pointer = champion_pointer(home)
    if held is not None and held.sha256 == pointer["sha256"]:
        return held
    folder = read_verified(champion_folder(home, pointer), sha256=pointer["sha256"])
    if apart and folder.sha256 not in _loaded_apart:
        from training.verification import verify_apart  # which itself loads models, by this module

        verify_apart(folder.path, folder.sha256)
        _loaded_apart.add(folder.sha256)
    return RiskModel.from_verified(folder)


def load_former(home: Path, sha256: str) -> RiskModel:
    """The model with that sha256, which is or was in force in `home`: the folders of old champions are kept.

    Raises ModelInvalid if the folder is gone or is not, to the last byte, the one that it was.
    """
    folder = Path(home) / "champion" / sha256[:VERSION_DIGITS]
    try:
        return RiskModel.load(folder, sha256=sha256)
    except NotFound as error:
        raise ModelInvalid(
            zh=f"曾在用的模型 {folder.name} 已不在 {folder}，请从备份恢复该文件夹。",
            en=f"Model {folder.name}, once in force, is no longer at {folder}. Restore the folder from a backup.",
            field="model",
        ) from error
