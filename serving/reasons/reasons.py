"""Which features make a site's risk what it is, beside similar sites: the strongest that raise it, and that lower it.

A feature's part is what it adds to the log-odds (SHAP) less what it adds on average among similar sites. Its points are its
calibrated part times one factor of the row, (risk − similar) / (all parts): of a sigmoid of a sum that is the Aumann–Shapley
value along the straight line between a similar site and this one. So points of features add up to those of their
family, and those of families to the difference between both risks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from features.catalogue import Catalogue
from features.feature import Feature
from serving.reasons.sentences import sentence
from serving.reasons.similar import Similar
from serving.reasons.value_words import Sentence, with_unit
from training.risk_model import RiskModel

Floats = NDArray[np.float64]
# What adds less to the log-odds than this, a twentieth of the odds, is no reason.
LEAST_PART = 0.05
LEAST_APART = 1e-9  # log-odds; nearer than this a sigmoid is its tangent


class Reason(NamedTuple):
    """One feature's part: value (NaN missing) and the median of similar sites, as numbers and as people say them, and the
    log-odds and points of risk that it adds beside them."""

    feature: str
    family: str
    value: float
    shown: Sentence
    typical: float
    usual: Sentence
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


class Rest(NamedTuple):
    """Of the features that are not told how many add to a risk or take from it, and the points of these together."""

    number: int
    points: float


class Beside(NamedTuple):
    """The risk of a similar site and that of the site, and what lies between: points by family, the largest first, or the
    reasons told, the rest that raises and the rest that lowers."""

    similar: float
    risk: float
    points: dict[str, float]
    reasons: list[Reason]
    raising: Rest
    lowering: Rest


class Parts(NamedTuple):
    """Of some rows: values, those of similar sites, log-odds and points beside them (rows, features), and both risks."""

    values: Floats
    typical: Floats
    log_odds: Floats
    points: Floats
    similar: Floats
    risk: Floats


@dataclass(frozen=True)
class Reasons:
    """Reasons of one model, beside what is usual among similar sites."""

    model: RiskModel
    catalogue: Catalogue
    similar: Similar

    def of(self, matrix: pd.DataFrame, head: str, most: int = 5) -> list[list[Reason]]:
        """For each row its strongest reasons, those that raise the risk first; at most so many of either kind."""
        features, site = self._features(), self.parts(matrix, head)
        return [
            [_reason(features[place], site, row, place) for place in order]
            for row, order in enumerate(_strongest(site.log_odds, most))
        ]

    def beside_similar(self, matrix: pd.DataFrame, head: str, most: int = 5) -> list[Beside]:
        """For each row its risk beside that of a similar site, and all that lies between: by family, and by feature."""
        site, features, families = self.parts(matrix, head), self._features(), self._families()
        found = []
        for row, order in enumerate(_strongest(site.log_odds, most)):
            points = {name: float(site.points[row, places].sum()) for name, places in families.items()}
            rest = site.points[row].copy()
            rest[order] = 0.0
            found.append(
                Beside(
                    float(site.similar[row]),
                    float(site.risk[row]),
                    dict(sorted(((n, p) for n, p in points.items() if p), key=lambda one: -abs(one[1]))),
                    [_reason(features[place], site, row, place) for place in order],
                    *(Rest(int(side.sum()), float(rest[side].sum())) for side in (rest > 0, rest < 0)),
                )
            )
        return found

    def parts(self, matrix: pd.DataFrame, head: str, contributions: Floats | None = None) -> Parts:
        """What each feature of each row adds beside similar sites; `contributions` are those of the model, if at hand."""
        kind = self.similar.rows(matrix)
        log_odds, beside = self._beside(matrix, head, kind, contributions)
        fitted = self.model.fitted[head]
        here = fitted.slope * log_odds + fitted.intercept
        there = here - fitted.slope * beside.sum(axis=1)
        risk, similar = expit(here), expit(there)
        apart = np.abs(here - there) > LEAST_APART
        factor = np.where(apart, (risk - similar) / np.where(apart, here - there, 1.0), risk * (1 - risk))
        points = (fitted.slope * factor)[:, None] * beside
        return Parts(
            self.model.features_of(matrix), self.similar.medians[kind], beside, points, similar, risk
        )

    def strongest(self, matrix: pd.DataFrame, head: str, most: int) -> list[list[dict[str, Any]]]:
        """For each row its strongest reasons of either kind, in short: feature, labels, value, direction and share.

        `share` is the part in the log-odds beside similar sites, of all parts added up without their signs.
        """
        features = self._features()
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

    def of_some(
        self, matrix: pd.DataFrame, head: str, chosen: NDArray[np.bool_]
    ) -> tuple[Floats, NDArray[np.float64]]:
        """What features chosen row by row (rows, features) add beside similar sites: together in points of risk, a row
        each, and each one in log-odds (rows, features), 0 where it is not chosen or no reason."""
        site = self.parts(matrix, head)
        return np.where(chosen, site.points, 0.0).sum(axis=1), np.where(chosen, site.log_odds, 0.0)

    def _features(self) -> tuple[Feature, ...]:
        return self.catalogue.named(self.model.feature_names)

    def _families(self) -> dict[str, list[int]]:
        """The places of the model's features by their family."""
        found: dict[str, list[int]] = {}
        for place, feature in enumerate(self._features()):
            found.setdefault(feature.family, []).append(place)
        return found

    def _beside(
        self, matrix: pd.DataFrame, head: str, kind: NDArray[np.int64], contributions: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """The log-odds of each row, and what each feature adds to them beside similar sites; 0 where it is no reason."""
        told = self.model.parts(matrix, head) if contributions is None else contributions
        beside = told[:, :-1] - self.similar.added[head][kind]
        beside[:, [place for place, one in enumerate(self._features()) if not one.in_reasons]] = 0.0
        return told.sum(axis=1), beside


def _reason(feature: Feature, site: Parts, row: int, place: int) -> Reason:
    value, typical, part, points = (float(each[row, place]) for each in site[:4])
    return Reason(
        feature=feature.name,
        family=feature.family,
        value=value,
        shown=with_unit(feature, value),
        typical=typical,
        usual=with_unit(feature, typical),
        log_odds=part,
        points=points,
        sentence=sentence(feature, value, part > 0, typical),
    )


def in_one_line(reasons: Sequence[Reason], most: int = 3) -> Sentence:
    """The strongest reasons that raise the risk, in one line of each language; empty where none does."""
    raising = [reason.sentence for reason in reasons if reason.log_odds > 0][:most]
    return Sentence("；".join(each.zh for each in raising), "; ".join(each.en for each in raising))


def _largest(sizes: Floats, most: int) -> NDArray[np.int64]:
    """The places of the largest of each row, the largest first, and of equal ones the first.

    >>> _largest(np.array([[0.1, 0.3, 0.0, 0.3]]), 3).tolist()
    [[1, 3, 0]]
    """
    left, places = sizes.copy(), []
    for _ in range(most):
        places.append(left.argmax(axis=1))
        left[np.arange(len(left)), places[-1]] = -1.0
    return np.stack(places, axis=1)


def _strongest(parts: Floats, most: int) -> list[list[int]]:
    """The places of the largest and then of the smallest parts of each row, without those too small to be reasons."""
    order = np.argsort(parts, axis=1, kind="stable")
    lowest, highest = order[:, :most], order[:, ::-1][:, :most]
    return [
        [place for place in high if parts[row, place] >= LEAST_PART]
        + [place for place in low if parts[row, place] <= -LEAST_PART]
        for row, (high, low) in enumerate(zip(highest.tolist(), lowest.tolist(), strict=True))
    ]
