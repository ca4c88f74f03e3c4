"""The fitted model that is served: a calibrated risk for each head, read from an auditable folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_contracts.errors import InvalidInput
from training.model_folder import (
    PASSPORT,
    VerifiedFolder,
    booster_file,
    calibration_file,
    champion_folder,
    champion_pointer,
    invalid,
    read_verified,
)

if TYPE_CHECKING:
    import lightgbm

__all__ = ["FittedHead", "RiskModel", "champion_folder", "load_champion"]

# Below this many rows one thread answers sooner than several can be woken.
ROWS_FOR_THREADS = 2000


@dataclass(frozen=True)
class FittedHead:
    """A booster and the two numbers that make its log-odds a calibrated risk."""

    name: str
    booster: lightgbm.Booster
    slope: float
    intercept: float

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """The booster's raw score of each row, before calibration."""
        threads = 1 if len(features) < ROWS_FOR_THREADS else 0
        return np.asarray(self.booster.predict(features, raw_score=True, num_threads=threads))

    def risk(self, features: np.ndarray) -> np.ndarray:
        """The calibrated risk of each row, between 0 and 1."""
        return calibrated(self.log_odds(features), self.slope, self.intercept)


class RiskModel:
    """Calibrated risks of all heads of one training; the same numbers wherever it is loaded.

    `feature_names` is the order of the columns the trees were fitted on, `version` the first twelve
    digits of the folder's sha256, `passport` everything the training noted about itself.
    """

    def __init__(self, heads: tuple[FittedHead, ...], passport: dict[str, Any], sha256: str) -> None:
        self.fitted = {head.name: head for head in heads}
        self.heads = tuple(self.fitted)
        self.passport = passport
        self.feature_names = tuple(passport["features"])
        self.sha256 = sha256
        self.version = sha256[:12]

    @classmethod
    def load(cls, folder: Path, *, sha256: str | None = None) -> RiskModel:
        """Read a model folder; every sha256 is verified before a single tree is built.

        Raises NotFound if there is no model folder and ModelInvalid if it is broken or changed.
        """
        return cls.from_verified(read_verified(Path(folder), sha256=sha256))

    @classmethod
    def from_verified(cls, folder: VerifiedFolder) -> RiskModel:
        """The model of a folder whose bytes have been verified."""
        passport = folder.json(PASSPORT)
        if not isinstance(passport, dict) or not passport.get("heads") or not passport.get("features"):
            raise invalid(
                folder.path, "passport.json 缺少 heads 或 features", "passport.json lacks heads or features"
            )
        heads = tuple(_fitted_head(folder, name, passport["features"]) for name in passport["heads"])
        return cls(heads, passport, folder.sha256)

    def risks(self, matrix: pd.DataFrame) -> pd.DataFrame:
        """`risk_<head>` for each row of the feature matrix, same index, NaN features being missing ones.

        Each row is computed for itself: the same features give the same risk, to the last bit,
        whatever other rows stand beside it. Columns are found by name, others are ignored;
        InvalidInput names the ones that are not there.
        """
        absent = [name for name in self.feature_names if name not in matrix.columns]
        if absent:
            raise InvalidInput(
                zh=f"特征矩阵缺少模型 {self.version} 需要的列：{'、'.join(absent[:10])}。",
                en=f"The feature matrix lacks columns that model {self.version} needs: {', '.join(absent[:10])}.",
                field="features",
            )
        features = np.ascontiguousarray(matrix[list(self.feature_names)].to_numpy(dtype="float64"))
        columns = {f"risk_{name}": self._risk(head, features) for name, head in self.fitted.items()}
        return pd.DataFrame(columns, index=matrix.index)

    @staticmethod
    def _risk(head: FittedHead, features: np.ndarray) -> np.ndarray:
        return head.risk(features) if len(features) else np.empty(0)


def load_champion(home: Path, held: RiskModel | None = None) -> RiskModel:
    """The model in force in `home`: `held` if it is that one, else read from its folder.

    Raises NotFound if nothing has been promoted, and ModelInvalid if the folder is not, to the last byte,
    the one that was: a folder altered together with its manifest still agrees with itself.
    """
    pointer = champion_pointer(home)
    if held is not None and held.sha256 == pointer["sha256"]:
        return held
    return RiskModel.load(champion_folder(home, pointer), sha256=pointer["sha256"])


def calibrated(log_odds: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """sigmoid(slope * log_odds + intercept).

    scipy's expit goes value by value, where numpy's exp may round the last bit differently
    according to a value's place in the array.

    >>> calibrated(np.array([0.0]), 1.0, 0.0)
    array([0.5])
    """
    from scipy.special import expit

    return expit(slope * np.asarray(log_odds, dtype="float64") + intercept)


def _fitted_head(folder: VerifiedFolder, name: str, features: list[str]) -> FittedHead:
    numbers = folder.json(calibration_file(name))
    try:
        slope, intercept = float(numbers["slope"]), float(numbers["intercept"])
    except (KeyError, TypeError, ValueError) as error:
        raise invalid(
            folder.path, f"{name} 的校准参数无法读取", f"the calibration of {name} cannot be read"
        ) from error
    if not (np.isfinite(slope) and np.isfinite(intercept) and slope > 0):
        raise invalid(folder.path, f"{name} 的校准参数不合理", f"the calibration of {name} is not usable")
    booster = _booster(folder, name)
    if booster.feature_name() != list(features):
        raise invalid(
            folder.path, f"{name} 的特征与通行证不一致", f"the features of {name} are not the passport's"
        )
    return FittedHead(name=name, booster=booster, slope=slope, intercept=intercept)


def _booster(folder: VerifiedFolder, name: str) -> lightgbm.Booster:
    import lightgbm

    text = folder.text(booster_file(name))
    # LightGBM aborts the process on a text that stops inside a tree: look for its end first.
    if not text.startswith("tree\n") or "\nend of trees\n" not in text:
        raise invalid(folder.path, f"{name} 的树文件不完整", f"the trees of {name} are cut short")
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise invalid(
            folder.path, f"{name} 的树文件无法读取", f"the trees of {name} cannot be read"
        ) from error
