"""A head's model: a scorecard, what it borrows, and trees, whichever it has, and two numbers of calibration.

    log-odds = scorecard(features) + weight × mean of the borrowed trees(features) + trees(features)
    risk     = sigmoid(slope × log-odds + intercept)

    scorecard.json     points; see `training.scorecard`
    borrowed/1.txt …   trees of the head whose log-odds the scorecard borrows, each fitted on other projects
    booster.txt        trees of its own, alone or beginning from the scorecard's log-odds
    calibration.json   slope, intercept, and the values at which measures of strictness are held

A team's or an agency's strictness is learned from and taken out: those features are held at one value when a
site is scored, so that it is not called risky because a strict team came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from data_contracts.errors import ModelInvalid
from training.raw_scores import RawScores
from training.scorecard import Scorecard

if TYPE_CHECKING:
    import lightgbm

    from training.contributions import TreeContributions

SCORECARD, BOOSTER, CALIBRATION = "scorecard.json", "booster.txt", "calibration.json"
BORROWED = "borrowed/"


@dataclass(frozen=True)
class HeadModel:
    """The model of one head over `features`, the order of the columns of every array it is given."""

    name: str
    features: tuple[str, ...]
    slope: float
    intercept: float
    scorecard: Scorecard | None = None
    borrowed: tuple[lightgbm.Booster, ...] = ()
    trees: lightgbm.Booster | None = None
    held_at: Mapping[str, float] = field(default_factory=dict)
    _tables: dict[int, TreeContributions] = field(default_factory=dict, repr=False, compare=False)
    _scores: dict[int, RawScores] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_files(cls, name: str, features: Sequence[str], files: Mapping[str, bytes]) -> HeadModel:
        """The model of a head's files, by their names above; raises ModelInvalid where they do not fit together."""
        numbers = _json(name, files, CALIBRATION)
        try:
            slope, intercept = float(numbers["slope"]), float(numbers["intercept"])
            held = {str(key): float(value) for key, value in numbers.get("held_at", {}).items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _broken(name, "校准参数无法读取", "its calibration cannot be read") from error
        if not (np.isfinite([slope, intercept, *held.values()]).all() and slope > 0):
            raise _broken(name, "校准参数不合理", "its calibration is not usable")
        card = Scorecard.from_json(_json(name, files, SCORECARD)) if SCORECARD in files else None
        borrowed = tuple(
            _booster(name, features, files[each]) for each in sorted(files) if each.startswith(BORROWED)
        )
        trees = _booster(name, features, files[BOOSTER]) if BOOSTER in files else None
        if card is None and trees is None:
            raise _broken(name, "既无评分卡也无树", "it has neither a scorecard nor trees")
        if bool(borrowed) != (card is not None and card.borrowed is not None):
            raise _broken(name, "借用的树与评分卡不符", "its borrowed trees are not those of its scorecard")
        return cls(name, tuple(features), slope, intercept, card, borrowed, trees, held)

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """The log-odds of each row before calibration; a row gives the same bits alone and among others."""
        features = held(features, self.features, self.held_at)
        total = np.zeros(len(features))
        if self.scorecard is not None:
            total += self.scorecard.log_odds(features, self.features, self._lent(features))
        if self.trees is not None:
            total += self._scores_of(self.trees).of(features)
        return total

    def risk(self, features: np.ndarray) -> np.ndarray:
        """The calibrated risk of each row, between 0 and 1."""
        return calibrated(self.log_odds(features), self.slope, self.intercept)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """What each feature adds to the log-odds of each row, and in the last column the expected log-odds.

        Exact SHAP values, path-dependent for trees; a row adds up to `log_odds`. What is borrowed is told by
        the features of the other head, with the weight it has.
        """
        features = held(features, self.features, self.held_at)
        total = np.zeros((len(features), len(self.features) + 1))
        if self.scorecard is not None:
            total += self.scorecard.contributions(features, self.features)
            for explained in self._explained(self.borrowed):
                assert self.scorecard.borrowed is not None
                total += self.scorecard.borrowed.weight / len(self.borrowed) * explained.of(features)
        if self.trees is not None:
            for explained in self._explained((self.trees,)):
                total += explained.of(features)
        return total

    def _lent(self, features: np.ndarray) -> np.ndarray | None:
        if not self.borrowed:
            return None
        total = np.zeros(len(features))
        for booster in self.borrowed:
            total += self._scores_of(booster).of(features)
        return total / len(self.borrowed)

    def _scores_of(self, booster: lightgbm.Booster) -> RawScores:
        """The compiled trees of a booster, made once a model."""
        if id(booster) not in self._scores:
            self._scores[id(booster)] = RawScores.compiled(booster)
        return self._scores[id(booster)]

    def _explained(self, boosters: tuple[lightgbm.Booster, ...]) -> list[TreeContributions]:
        """The tables of the boosters, made once a model."""
        from training.contributions import TreeContributions

        for booster in boosters:
            if id(booster) not in self._tables:
                self._tables[id(booster)] = TreeContributions.compiled(booster)
        return [self._tables[id(booster)] for booster in boosters]


def held(features: np.ndarray, names: Sequence[str], held_at: Mapping[str, float]) -> np.ndarray:
    """The features (rows, names) with the measures of strictness held at their values; a copy."""
    if not held_at:
        return features
    features = features.copy(order="K")
    for name, value in held_at.items():
        features[:, names.index(name)] = value
    return features


def calibrated(log_odds: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """sigmoid(slope * log_odds + intercept).

    scipy's expit goes value by value, where numpy's exp may round the last bit differently
    according to a value's place in the array.

    >>> calibrated(np.array([0.0]), 1.0, 0.0)
    array([0.5])
    """
    from scipy.special import expit

    return expit(slope * np.asarray(log_odds, dtype="float64") + intercept)


def _json(name: str, files: Mapping[str, bytes], file: str) -> Any:
    try:
        return json.loads(files[file].decode("utf-8"))
    except (KeyError, UnicodeDecodeError, ValueError) as error:
        raise _broken(name, f"缺少 {file} 或无法读取", f"{file} is missing or cannot be read") from error


def _booster(name: str, features: Sequence[str], content: bytes) -> lightgbm.Booster:
    import lightgbm

    text = content.decode("utf-8", errors="replace")
    # LightGBM aborts the process on a text that stops inside a tree: look for its end first.
    if not text.startswith("tree\n") or "\nend of trees\n" not in text:
        raise _broken(name, "树文件不完整", "its trees are cut short")
    try:
        booster = lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise _broken(name, "树文件无法读取", "its trees cannot be read") from error
    if booster.feature_name() != list(features):
        raise _broken(name, "树的特征与通行证不一致", "the features of its trees are not the passport's")
    return booster


def _broken(name: str, zh: str, en: str) -> ModelInvalid:
    return ModelInvalid(
        zh=f"目标 {name} 的模型无效：{zh}。",
        en=f"The model of head {name} is not valid: {en}.",
        field="model",
    )
