"""The kinds of model that compete for a head, each fitted on one split and written as the files of its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from data_contracts.progress import Progress
from training.borrowing import Lent
from training.calibration import Calibration, fit_calibration, fit_level
from training.card_inputs import CardRows, scores_of
from training.head_model import BOOSTER, CALIBRATION, SCORECARD, HeadModel, held
from training.head_rows import Slice
from training.heads import BOOSTED, BORROWING, PLAIN, TREES
from training.model_folder import as_json
from training.normal_scores import NormalScores
from training.project_draws import whole_projects
from training.scorecard_fitting import CardFit, fit_scorecard
from training.trees import BinnedRows, Labelled, fit_trees

# Thirty points are told by so many rows as well as by all of them, where outcomes are not rare.
MOST_ROWS_OF_CARD, FEWEST_OUTCOMES_OF_CARD = 100_000, 5_000
# Where they are rare, all rows with an outcome, and beside them so many.
MOST_ROWS_OF_RARE_CARD = 300_000


class CardSample(NamedTuple):
    """The rows of a scorecard: `of_later` marks those of the later slice that it is fitted on, all where missing.

    `share_of_others` is the share of the rows without outcome that is among them.
    """

    older: Slice
    later: Slice
    of_later: np.ndarray | None = None
    share_of_others: float = 1.0


@dataclass(frozen=True)
class Fitting:
    """What contenders of a head are fitted from at one split."""

    name: str
    names: Sequence[str]
    directions: Sequence[int]
    strictness: Sequence[int]
    parameters: Mapping[str, Any]
    older: Slice
    later: Slice
    lent: Lent | None
    progress: Progress
    purpose: str

    def contenders(self, kinds: Sequence[str]) -> dict[str, HeadModel]:
        """The models of these kinds, by kind; one that would borrow where nothing is lent is left out."""
        return {kind: self.read(files) for kind, files in self.files(kinds).items()}

    def read(self, files: Mapping[str, bytes]) -> HeadModel:
        """The model of a head's files, by the reader that serves it."""
        return HeadModel.from_files(self.name, self.names, files)

    def files(self, kinds: Sequence[str]) -> dict[str, dict[str, bytes]]:
        """The files of the models of these kinds."""
        cards = self._cards(kinds)
        made = {kind: self._card_files(card) for kind, card in cards.items() if kind in kinds}
        made |= {kind: self._grown(kind, cards) for kind in (TREES, BOOSTED) if kind in kinds}
        return {kind: made[kind] for kind in kinds if kind in made}

    def grower(self, kind: str) -> Callable[[Mapping[str, Any]], HeadModel]:
        """Gives the model of a kind with trees under any parameters; the card it begins from is fitted once."""
        cards = self._cards([kind])
        return lambda parameters: self.read(replace(self, parameters=parameters)._grown(kind, cards))

    def refitted(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The files with as many trees fitted on both slices; a scorecard, which is so already, as it is.

        Trees on a scorecard begin from the same one. The slope stays that of the trees that had not seen the later slice,
        so that it is not flattered. The level is that of the later slice: these trees begin from another mean.
        """
        fitted = self.read(files)
        if fitted.trees is None:
            return dict(files)
        slices = self.older.labelled, self.later.labelled
        both = Labelled(*(np.concatenate(parts) for parts in zip(*slices, strict=True)))
        begins_at = None
        if fitted.scorecard is not None:
            begins_at = replace(fitted, trees=None).log_odds(both.features), None
        parameters = {**self.parameters, "num_boost_round": fitted.trees.num_trees()}
        binned = BinnedRows(both, None, self.names, parameters)
        step = f"{self.purpose} 重新拟合 / refit {self.name}"
        trees = fit_trees(binned, self.progress, step=step, begins_at=begins_at)
        files = {**files, BOOSTER: trees.encode()}
        log_odds = self.read(files).log_odds(self.later.features)
        level = fit_level(log_odds, self.later.happened, slope=fitted.slope)
        return files | {CALIBRATION: self._calibration(level)}

    def _grown(self, kind: str, cards: Mapping[str, CardFit]) -> dict[str, bytes]:
        if kind == TREES:
            return self._calibrated({BOOSTER: self._trees(None, TREES).encode()})
        return self._boosted(cards.get(BORROWING) or cards[PLAIN])

    def _cards(self, kinds: Sequence[str]) -> dict[str, CardFit]:
        cards: dict[str, CardFit] = {}
        if BORROWING in kinds or BOOSTED in kinds:
            cards |= {BORROWING: self._card(self.lent)} if self.lent is not None else {}
        if PLAIN in kinds or (BOOSTED in kinds and self.lent is None):
            cards[PLAIN] = self._card(None)
        return cards

    def _card(self, lent: Lent | None) -> CardFit:
        step = f"{self.purpose} 评分卡 / scorecard {self.name}"
        self.progress(step, 0, 1)
        sample = self._of_cards
        older, later = (self._card_rows(rows, lent) for rows in (sample.older, sample.later))
        fitted = fit_scorecard(
            older,
            later,
            self.names,
            self.directions,
            scores=self._scores,
            lender=lent.head if lent is not None else "",
            of_later=sample.of_later,
            share_of_others=sample.share_of_others,
        )
        self.progress(step, 1, 1)
        return fitted

    @cached_property
    def _scores(self) -> dict[int, NormalScores]:
        return scores_of(self.older.features, self.strictness)

    @cached_property
    def _of_cards(self) -> CardSample:
        """What scorecards are fitted on: all rows, or of very many those that tell as much."""
        slices = self.older, self.later
        project = pd.factorize(pd.concat([rows.pairs["project_id"] for rows in slices]))[0]
        if len(project) <= MOST_ROWS_OF_CARD:
            return CardSample(*slices)
        kept = np.split(whole_projects(project, most_rows=MOST_ROWS_OF_CARD, seed=0), [len(self.older.pairs)])
        outcomes = sum(rows.happened[some].sum() for rows, some in zip(slices, kept, strict=True))
        if outcomes >= FEWEST_OUTCOMES_OF_CARD:
            return CardSample(self.older.only(kept[0]), self.later.only(kept[1]))
        share = MOST_ROWS_OF_RARE_CARD / len(project)
        if share >= 1:
            return CardSample(*slices)
        drawn = np.random.default_rng(0).random(len(project)) < share
        older, later = (
            (rows.happened > 0) | some
            for rows, some in zip(slices, np.split(drawn, [len(self.older.pairs)]), strict=True)
        )
        return CardSample(self.older.only(older), self.later, of_later=later, share_of_others=share)

    def _card_rows(self, rows: Slice, lent: Lent | None) -> CardRows:
        if lent is None:
            return CardRows(rows.features, rows.happened)
        return CardRows(
            rows.features,
            rows.happened,
            lent.out_of_fold(rows.pairs["project_id"], held(rows.features, self.names, self.held_at)),
        )

    def _card_files(self, fitted: CardFit) -> dict[str, bytes]:
        numbers = fit_calibration(fitted.later_log_odds, self._of_cards.later.happened)
        return self._with_card(fitted.card) | {CALIBRATION: self._calibration(numbers)}

    def _with_card(self, card: Any) -> dict[str, bytes]:
        files = {SCORECARD: as_json(card.as_json())}
        if card.borrowed is not None:
            assert self.lent is not None
            files |= self.lent.files()
        return files

    def _boosted(self, fitted: CardFit) -> dict[str, bytes]:
        """Trees that begin from the log-odds of the card fitted on the older slice."""
        card = self.read(
            self._with_card(fitted.older) | {CALIBRATION: self._calibration(Calibration(1.0, 0.0))}
        )
        trees = self._trees(card, BOOSTED)
        return self._calibrated(self._with_card(fitted.older) | {BOOSTER: trees.encode()})

    def _trees(self, card: HeadModel | None, kind: str) -> str:
        step = f"{self.purpose} {kind} {self.name}"
        begins_at = None
        if card is not None:
            begins_at = card.log_odds(self.older.features), card.log_odds(self.later.features)
        return fit_trees(self._binned, self.progress, step=step, begins_at=begins_at)

    @cached_property
    def _binned(self) -> BinnedRows:
        return BinnedRows(self.older.labelled, self.later.labelled, self.names, self.parameters)

    def _calibrated(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """The files with the calibration that fits the later rows, scored as they will be in service."""
        raw = self.read(files | {CALIBRATION: self._calibration(Calibration(1.0, 0.0))})
        numbers = fit_calibration(raw.log_odds(self.later.features), self.later.happened)
        return files | {CALIBRATION: self._calibration(numbers)}

    def _calibration(self, numbers: Calibration) -> bytes:
        return as_json({**numbers.numbers(), "held_at": self.held_at})

    @property
    def held_at(self) -> dict[str, float]:
        """The middle value of each measure of strictness among the older rows that have one."""
        columns = {self.names[place]: self.older.features[:, place] for place in self.strictness}
        return {
            name: float(np.nanmedian(column))
            for name, column in columns.items()
            if not np.isnan(column).all()
        }
