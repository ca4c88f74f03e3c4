"""What a scorecard is fitted from: each feature on normal scores, and its absence as an input of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.normal_scores import NormalScores

# Quantiles of about so many rows, evenly through dates and sites, are those of all rows.
ROWS_FOR_SCORES = 50_000


@dataclass(frozen=True)
class CardRows:
    """Rows of one slice: features (rows, names), what happened, and the log-odds that may be borrowed."""

    features: np.ndarray
    happened: np.ndarray
    borrowed: np.ndarray | None = None

    def only(self, kept: np.ndarray) -> CardRows:
        """The rows that `kept` marks."""
        borrowed = None if self.borrowed is None else self.borrowed[kept]
        return CardRows(self.features[kept], self.happened[kept], borrowed)


@dataclass(frozen=True)
class CardInputs:
    """The inputs of some features by their place in the catalogue: the score, and the absence where it is told."""

    scores: Mapping[int, NormalScores]
    columns: Mapping[int, list[np.ndarray]]
    happened: np.ndarray
    borrowed: np.ndarray | None

    @classmethod
    def of(cls, rows: CardRows, scores: Mapping[int, NormalScores]) -> CardInputs:
        """The inputs of the features that `scores` names."""
        columns = {place: inputs_of(each, rows.features[:, place]) for place, each in scores.items()}
        return cls(scores, columns, rows.happened, rows.borrowed)

    def only(self, places: Iterable[int]) -> CardInputs:
        """The inputs of these features."""
        kept = list(places)
        columns = {place: self.columns[place] for place in kept}
        return replace(self, scores={place: self.scores[place] for place in kept}, columns=columns)

    def not_borrowing(self) -> CardInputs:
        """The inputs without the log-odds that may be borrowed."""
        return replace(self, borrowed=None)

    def followed_by(self, later: CardRows) -> CardInputs:
        """These rows and then the later ones."""
        other = CardInputs.of(later, self.scores)
        columns = {
            place: [np.concatenate(pair) for pair in zip(each, other.columns[place], strict=True)]
            for place, each in self.columns.items()
        }
        borrowed = None
        if self.borrowed is not None and other.borrowed is not None:
            borrowed = np.concatenate([self.borrowed, other.borrowed])
        return CardInputs(self.scores, columns, np.concatenate([self.happened, other.happened]), borrowed)


def scores_of(features: np.ndarray, not_these: Sequence[int] = ()) -> dict[int, NormalScores]:
    """The normal scores of the features that vary, by their place, without those at the places `not_these`."""
    every = len(features) // ROWS_FOR_SCORES + 1
    places = sorted(set(range(features.shape[1])) - set(not_these))
    found = {place: NormalScores.of(features[::every, place]) for place in places}
    return {place: scores for place, scores in found.items() if scores is not None}


def inputs_of(scores: NormalScores, values: np.ndarray) -> list[np.ndarray]:
    """The score of each value and, where enough are missing, 1 for those that are."""
    score = scores.at(values)
    return [score, np.isnan(values).astype("float64")] if scores.tells_missing else [score]
