"""What is told of the features that are reasons: their numbers and words, one at a time or as columns of a whole city."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.feature import Feature
from serving.reasons.sentences import sentence
from serving.reasons.value_words import Sentence, with_unit

Floats = NDArray[np.float64]


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


class Words(NamedTuple):
    """What is said of one part: the value, that of similar sites, and the sentence."""

    shown: Sentence
    usual: Sentence
    sentence: Sentence


class Told(NamedTuple):
    """Reasons of so many sites as columns: row, place of the feature, value, that of similar sites, log-odds, points, words.

    In the order of the rows; of each those that raise its risk first, the strongest first.
    """

    sites: int
    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    values: Floats
    typical: Floats
    log_odds: Floats
    points: Floats
    words: Sequence[Words]

    def by_row(self, features: Sequence[Feature]) -> list[list[Reason]]:
        """A list for each row."""
        if not len(self.rows):
            return [[] for _ in range(self.sites)]
        names, families = ([getattr(one, word) for one in features] for word in ("name", "family"))
        places = self.places.tolist()
        shown, usual, said = zip(*self.words, strict=True)
        columns = (
            map(names.__getitem__, places), map(families.__getitem__, places), self.values.tolist(), shown,
            self.typical.tolist(), usual, self.log_odds.tolist(), self.points.tolist(), said,
        )  # fmt: skip
        found = list(map(Reason._make, zip(*columns, strict=True)))
        ends = np.searchsorted(self.rows, np.arange(self.sites + 1)).tolist()
        return [found[begin:end] for begin, end in pairwise(ends)]


def words_of(
    features: Sequence[Feature],
    places: NDArray[np.int64],
    values: Floats,
    typical: Floats,
    log_odds: Floats,
) -> list[Words]:
    """The words of each part; parts of the same feature, values and direction share them."""
    known: dict[tuple[int, float, float, bool], Words] = {}
    usuals: dict[tuple[int, float], Sentence] = {}
    found = []
    keys = (places, np.nan_to_num(values, nan=np.inf), np.nan_to_num(typical, nan=np.inf), log_odds > 0)
    for number, key in enumerate(zip(*(each.tolist() for each in keys), strict=True)):
        if key not in known:
            feature, value, usual = features[key[0]], float(values[number]), float(typical[number])
            said = sentence(feature, value, key[3], usual)
            if key[::2] not in usuals:
                usuals[key[::2]] = with_unit(feature, usual)
            known[key] = Words(with_unit(feature, value), usuals[key[::2]], said)
        found.append(known[key])
    return found
