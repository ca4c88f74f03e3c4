"""Which features make a site's risk what it is, beside similar sites: the strongest that raise it, and that lower it.

A feature's part is what it adds to the log-odds (SHAP) less what it adds on average among similar sites. Its points are its
calibrated part times one factor of the row, (risk − similar) / (all parts): of a sigmoid of a sum that is the Aumann–Shapley
value along the straight line between a similar site and this one. So points of features add up to those of their
family, and those of families to the difference between both risks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from features.catalogue import Catalogue
from features.feature import Feature
from serving.reasons.similar import Similar
from serving.reasons.told_reasons import Reason, Told, words_of
from serving.reasons.value_words import Sentence
from training.risk_model import RiskModel

Floats = NDArray[np.float64]
# What adds less to the log-odds than this, a twentieth of the odds, is no reason.
LEAST_PART = 0.05
LEAST_APART = 1e-9  # log-odds; nearer than this a sigmoid is its tangent


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
        return self.told(self.parts(matrix, head), most).by_row(self._features)

    def beside_similar(self, matrix: pd.DataFrame, head: str, most: int = 5) -> list[Beside]:
        """For each row its risk beside that of a similar site, and all that lies between: by family, and by feature."""
        site = self.parts(matrix, head)
        told = self.told(site, most)
        rest = site.points.copy()
        rest[told.rows, told.places] = 0.0
        families = self.families(site)
        return [
            Beside(
                float(site.similar[row]),
                float(site.risk[row]),
                _largest_first({name: float(points[row]) for name, points in families.items()}),
                reasons,
                *(
                    Rest(int(side.sum()), float(rest[row, side].sum()))
                    for side in (rest[row] > 0, rest[row] < 0)
                ),
            )
            for row, reasons in enumerate(told.by_row(self._features))
        ]

    def told(self, site: Parts, most: int) -> Told:
        """The strongest parts of all rows in one go, with their sentences; what is said twice is made once."""
        highest, lowest = _largest(site.log_odds, most), _largest(-site.log_odds, most)
        across = np.arange(len(site.risk))[:, None]
        reason = np.hstack(
            [site.log_odds[across, highest] >= LEAST_PART, site.log_odds[across, lowest] <= -LEAST_PART]
        )
        rows, column = np.nonzero(reason)
        places = np.hstack([highest, lowest])[rows, column]
        values, typical, log_odds, points = (each[rows, places] for each in site[:4])
        words = words_of(self._features, places, values, typical, log_odds)
        return Told(len(site.risk), rows, places, values, typical, log_odds, points, words)

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

    def families(self, site: Parts) -> dict[str, Floats]:
        """The points of each family of features, an element a row."""
        places: dict[str, list[int]] = {}
        for place, feature in enumerate(self._features):
            places.setdefault(feature.family, []).append(place)
        return {name: site.points[:, own].sum(axis=1) for name, own in places.items()}

    def strongest(self, matrix: pd.DataFrame, most: int) -> dict[str, list[list[dict[str, Any]]]]:
        """By head, for each row its strongest reasons of either kind, in short: feature, labels, value, direction, share.

        `share` is the part in the log-odds beside similar sites, of all parts added up without their signs.
        """
        kind, values = self.similar.rows(matrix), self.model.features_of(matrix)
        return {
            head: self._in_short(self._beside(matrix, head, kind)[1], values, most)
            for head in self.model.heads
        }

    def _in_short(self, beside: Floats, values: Floats, most: int) -> list[list[dict[str, Any]]]:
        features, sizes = self._features, np.abs(beside)
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

    @cached_property
    def _features(self) -> tuple[Feature, ...]:
        return self.catalogue.named(self.model.feature_names)

    @cached_property
    def _untold(self) -> list[int]:
        """The places of features that are no reason."""
        return [place for place, one in enumerate(self._features) if not one.in_reasons]

    def _beside(
        self, matrix: pd.DataFrame, head: str, kind: NDArray[np.int64], contributions: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """The log-odds of each row, and what each feature adds to them beside similar sites; 0 where it is no reason."""
        told = self.model.parts(matrix, head) if contributions is None else contributions
        beside = told[:, :-1] - self.similar.added[head][kind]
        beside[:, self._untold] = 0.0
        return told.sum(axis=1), beside


def _largest_first(parts: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(((name, part) for name, part in parts.items() if part), key=lambda one: -abs(one[1])))


def in_one_line(reasons: Sequence[Reason], most: int = 3) -> Sentence:
    """The strongest reasons that raise the risk, in one line of each language; empty where none does."""
    raising = [reason.sentence for reason in reasons if reason.log_odds > 0][:most]
    return Sentence("；".join(each.zh for each in raising), "; ".join(each.en for each in raising))


def _largest(sizes: Floats, most: int) -> NDArray[np.int64]:
    """The places of the largest of each row, the largest first, and of equal ones the first.

    >>> _largest(np.array([[0.1, 0.3, 0.0, 0.3]]), 3).tolist()
    [[1, 3, 0]]
    """
    left, rows = sizes.copy(), np.arange(len(sizes))
    places = np.empty((len(sizes), min(most, sizes.shape[1])), np.int64)
    for number in range(places.shape[1]):
        places[:, number] = left.argmax(axis=1)
        left[rows, places[:, number]] = -np.inf
    return places
