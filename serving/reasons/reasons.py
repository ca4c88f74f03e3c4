"""Which features make a site's risk what it is, beside similar sites: the strongest that raise it, and that lower it.

A feature's part is what it adds to the log-odds (SHAP) less what it adds on average among similar sites. In points it is
what the risk would fall by if the feature added as much as it does there: risk − sigmoid(log-odds − part), calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from features.catalogue import Catalogue
from features.feature import Feature
from serving.reasons.sentences import sentence
from serving.reasons.value_words import Sentence, with_unit
from training.risk_model import EXPECTED, RiskModel

# Sites of one kind: the first of these that a site is; all others are one kind.
KINDS = (
    "is_residential",
    "is_public_building",
    "is_industrial",
    "is_municipal",
    "is_decoration",
    "is_repair",
    "is_demolition",
)
FEWEST_SIMILAR = 30
# What adds less to the log-odds than this, a twentieth of the odds, is no reason.
LEAST_PART = 0.05
LEAST_APART = 1e-9  # log-odds; nearer than this a sigmoid is its tangent


class Reason(NamedTuple):
    """One feature's part: value (NaN missing) and that of similar sites, log-odds and points of risk it adds beside them."""

    feature: str
    family: str
    value: float
    shown: Sentence
    typical: float
    log_odds: float
    points: float
    sentence: Sentence

    def as_json(self) -> dict[str, Any]:
        """The fields by name; what is missing is None."""
        return {
            "feature": self.feature,
            "family": self.family,
            "value": None if np.isnan(self.value) else self.value,
            "shown_zh": self.shown.zh,
            "shown_en": self.shown.en,
            "typical": None if np.isnan(self.typical) else self.typical,
            "log_odds": self.log_odds,
            "points": self.points,
            "zh": self.sentence.zh,
            "en": self.sentence.en,
        }


@dataclass(frozen=True)
class Similar:
    """What is usual among similar sites, by kind (rows): median of each feature, and mean of what it adds by head."""

    kinds: tuple[int, ...]
    medians: NDArray[np.float64]
    added: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, model: RiskModel, matrix: pd.DataFrame) -> Similar:
        """From the features of many sites of one day; kinds of fewer than thirty sites are compared with all."""
        kind, parts = kinds_of(matrix), {head: _parts(model, matrix, head) for head in model.heads}
        values = matrix[list(model.feature_names)].to_numpy("float64")
        numbers = [number for number in range(len(KINDS) + 1) if (kind == number).sum() >= FEWEST_SIMILAR]
        groups = [kind == number for number in numbers] + [np.ones(len(kind), bool)]
        with np.errstate(invalid="ignore"):
            medians = np.stack([_medians(values[group]) for group in groups])
        added = {
            head: np.stack([each[group].mean(axis=0) for group in groups]) for head, each in parts.items()
        }
        return cls(tuple(numbers), medians, added)

    def rows(self, matrix: pd.DataFrame) -> NDArray[np.int64]:
        """The row of each site's kind; the last one, of all sites, where its kind is rare."""
        place = {number: row for row, number in enumerate(self.kinds)}
        return np.array([place.get(int(each), len(self.kinds)) for each in kinds_of(matrix)], np.int64)


def kinds_of(matrix: pd.DataFrame) -> NDArray[np.int64]:
    """The kind of each site: the place in KINDS of the first that holds, or one beyond."""
    is_kind = np.column_stack(
        [matrix[name].to_numpy("float64") == 1 for name in KINDS] + [np.ones(len(matrix), bool)]
    )
    return is_kind.argmax(axis=1)


@dataclass(frozen=True)
class Reasons:
    """Reasons of one model, beside what is usual among similar sites."""

    model: RiskModel
    catalogue: Catalogue
    similar: Similar

    def of(self, matrix: pd.DataFrame, head: str, most: int = 5) -> list[list[Reason]]:
        """For each row its strongest reasons, those that raise the risk first; at most so many of either kind."""
        kind, features = self.similar.rows(matrix), self.catalogue.named(self.model.feature_names)
        log_odds, beside = self._beside(matrix, head, kind)
        fitted = self.model.fitted[head]
        risk = expit(fitted.slope * log_odds + fitted.intercept)
        without = expit(fitted.slope * (log_odds[:, None] - beside) + fitted.intercept)
        values = self.model.features_of(matrix)
        site = _Parts(values, self.similar.medians[kind], beside, risk[:, None] - without)
        return [
            [_reason(features[place], site, row, place) for place in order]
            for row, order in enumerate(_strongest(beside, most))
        ]

    def strongest(self, matrix: pd.DataFrame, head: str, most: int) -> list[list[dict[str, Any]]]:
        """For each row its strongest reasons of either kind, in short: feature, labels, value, direction and share.

        `share` is the part in the log-odds beside similar sites, of all parts added up without their signs.
        """
        features = self.catalogue.named(self.model.feature_names)
        _, beside = self._beside(matrix, head, self.similar.rows(matrix))
        sizes, values = np.abs(beside), self.model.features_of(matrix)
        order, whole = _largest(sizes, most), sizes.sum(axis=1)
        return [
            [
                {
                    "feature": features[place].name,
                    "label_zh": features[place].label_zh,
                    "label_en": features[place].label_en,
                    "value": None if np.isnan(values[row, place]) else float(values[row, place]),
                    "direction": "RAISES" if beside[row, place] > 0 else "LOWERS",
                    "share": float(sizes[row, place] / whole[row]),
                }
                for place in places
                if sizes[row, place] >= LEAST_PART
            ]
            for row, places in enumerate(order.tolist())
        ]

    def beside_similar(self, matrix: pd.DataFrame, head: str) -> list[Beside]:
        """For each row its risk beside that of a similar site, and what each family of features adds.

        A family's points are its calibrated log-odds times one factor, (risk − similar) / (all log-odds): of a sigmoid of a
        sum that is the Aumann–Shapley value along the straight line between both sites, so that the points add up.
        """
        log_odds, beside = self._beside(matrix, head, self.similar.rows(matrix))
        fitted, families = self.model.fitted[head], self._families()
        here = fitted.slope * log_odds + fitted.intercept
        there = here - fitted.slope * beside.sum(axis=1)
        risk, similar = expit(here), expit(there)
        apart = np.abs(here - there) > LEAST_APART
        factor = np.where(apart, (risk - similar) / np.where(apart, here - there, 1.0), risk * (1 - risk))
        added = {
            name: fitted.slope * factor * beside[:, places].sum(axis=1) for name, places in families.items()
        }
        return [
            Beside(
                float(similar[row]),
                float(risk[row]),
                _largest_first({name: float(each[row]) for name, each in added.items() if each[row]}),
            )
            for row in range(len(matrix))
        ]

    def _families(self) -> dict[str, list[int]]:
        """The places of the model's features by their family."""
        found: dict[str, list[int]] = {}
        for place, feature in enumerate(self.catalogue.named(self.model.feature_names)):
            found.setdefault(feature.family, []).append(place)
        return found

    def of_some(
        self, matrix: pd.DataFrame, head: str, chosen: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What features chosen row by row (rows, features) add beside similar sites: together in points of risk, a row
        each, and each one in log-odds (rows, features), 0 where it is not chosen or no reason."""
        log_odds, beside = self._beside(matrix, head, self.similar.rows(matrix))
        parts, fitted = np.where(chosen, beside, 0.0), self.model.fitted[head]
        risk, without = (
            expit(fitted.slope * each + fitted.intercept) for each in (log_odds, log_odds - parts.sum(axis=1))
        )
        return risk - without, parts

    def _beside(
        self, matrix: pd.DataFrame, head: str, kind: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The log-odds of each row, and what each feature adds to them beside similar sites; 0 where it is no reason."""
        told = self.model.parts(matrix, head)
        beside = told[:, :-1] - self.similar.added[head][kind]
        told_of = [one.in_reasons for one in self.catalogue.named(self.model.feature_names)]
        beside[:, np.flatnonzero(~np.array(told_of))] = 0.0
        return told.sum(axis=1), beside


class Beside(NamedTuple):
    """The risk of a similar site, that of the site, and by family, the largest first, the points between the two."""

    similar: float
    risk: float
    points: dict[str, float]


class _Parts(NamedTuple):
    """(rows, features): values, those of similar sites, log-odds and points beside them."""

    values: NDArray[np.float64]
    typical: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    points: NDArray[np.float64]


def _reason(feature: Feature, site: _Parts, row: int, place: int) -> Reason:
    value, typical, part, points = (float(each[row, place]) for each in site)
    return Reason(
        feature=feature.name,
        family=feature.family,
        value=value,
        shown=with_unit(feature, value),
        typical=typical,
        log_odds=part,
        points=points,
        sentence=sentence(feature, value, part > 0, typical),
    )


def _largest_first(parts: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(parts.items(), key=lambda item: -abs(item[1])))


def in_one_line(reasons: Sequence[Reason], most: int = 3) -> Sentence:
    """The strongest reasons that raise the risk, in one line of each language; empty where none does."""
    raising = [reason.sentence for reason in reasons if reason.log_odds > 0][:most]
    return Sentence("；".join(each.zh for each in raising), "; ".join(each.en for each in raising))


def _parts(model: RiskModel, matrix: pd.DataFrame, head: str) -> NDArray[np.float64]:
    return model.contributions(matrix, head).drop(columns=EXPECTED).to_numpy("float64")


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return pd.DataFrame(values).median().to_numpy()


def _largest(sizes: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """The places of the largest of each row, the largest first, and of equal ones the first.

    >>> _largest(np.array([[0.1, 0.3, 0.0, 0.3]]), 3).tolist()
    [[1, 3, 0]]
    """
    left, places = sizes.copy(), []
    for _ in range(most):
        places.append(left.argmax(axis=1))
        left[np.arange(len(left)), places[-1]] = -1.0
    return np.stack(places, axis=1)


def _strongest(parts: NDArray[np.float64], most: int) -> list[list[int]]:
    """The places of the largest and then of the smallest parts of each row, without those too small to be reasons."""
    order = np.argsort(parts, axis=1, kind="stable")
    lowest, highest = order[:, :most], order[:, ::-1][:, :most]
    return [
        [place for place in high if parts[row, place] >= LEAST_PART]
        + [place for place in low if parts[row, place] <= -LEAST_PART]
        for row, (high, low) in enumerate(zip(highest.tolist(), lowest.tolist(), strict=True))
    ]
