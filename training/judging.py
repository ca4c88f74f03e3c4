"""Judging: which contender the older origins choose, and what the newest one says of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from training.baselines import groups_of, rule_scores
from training.checks import (
    Verdict,
    as_drawn,
    complete_windows,
    features_as_known,
    holds_against_scorecard,
    leak,
    monotone,
    outcomes_on_file,
    refuse,
    result_verdicts,
    sampled_dates,
    split_in_time,
)
from training.evaluation import MeasuredRows, TestRows, evaluate
from training.head_model import HeadModel
from training.head_rows import City, HeadRows, Slice
from training.heads import BORROWING, PLAIN, Head
from training.labels import outcomes, outcomes_within, visits
from training.splits import Split

# Log losses within two in a thousand are level: the skill over the prior rate of a rare head is a few hundredths.
LEVEL = 1.002
PRIOR, ORACLE = "prior_rate", "oracle"
# Rows on which each expected direction is tried; every one is moved over the range of each feature.
ROWS_FOR_MONOTONE = 300
ROWS_FOR_KNOWLEDGE = 200
ONLY_OF_A_JUDGEMENT = ("slices", "reliability", "lift_curve", "risk_over_time", "random_visits", "stability")


def candidates_of(tried: Sequence[Mapping[str, Any]], models: Sequence[str]) -> dict[str, dict[str, float]]:
    """Each contender that stood at every older origin: its log loss and AUC, averaged over their rows.

    >>> figures = {"contenders": {"trees": {"log_loss": {"mean": 0.2}, "auc": {"mean": 0.7}}}}
    >>> candidates_of([{"counts": {"test_rows": 10}, "figures": figures}], ["trees", "scorecard"])
    {'trees': {'log_loss': 0.2, 'auc': 0.7}}
    """
    everywhere = [kind for kind in models if all(kind in told["figures"]["contenders"] for told in tried)]
    return {kind: _averaged(kind, tried) for kind in everywhere} if tried else {}


def chosen_by(candidates: Mapping[str, Mapping[str, float]], models: Sequence[str]) -> str:
    """The first declared contender whose log loss at the older origins is level with the least; the first of all
    where nothing was tried.

    >>> chosen_by({}, ["trees", "scorecard"])
    'trees'
    >>> chosen_by({"trees": {"log_loss": 0.2}, "scorecard": {"log_loss": 0.1}}, ["trees", "scorecard"])
    'scorecard'
    """
    if not candidates:
        return models[0]
    best = min(one["log_loss"] for one in candidates.values())
    return next(
        kind for kind in models if kind in candidates and candidates[kind]["log_loss"] <= best * LEVEL
    )


def taken(chosen: str, held: Verdict, models: Collection[str]) -> str:
    """The contender that is taken: the head's own scorecard where the one chosen may be worse than one (TRN008).

    >>> from training.check_list import HOLDS_AGAINST_SCORECARD
    >>> taken("trees", HOLDS_AGAINST_SCORECARD.failed("", ""), ["trees", "scorecard"])
    'scorecard'
    >>> taken("trees", HOLDS_AGAINST_SCORECARD.passed("", ""), ["trees", "scorecard"])
    'trees'
    """
    if held.state != "failed":
        return chosen
    return BORROWING if BORROWING in models else PLAIN


def _averaged(kind: str, tried: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    rows = [told["counts"]["test_rows"] for told in tried]
    figures = [told["figures"]["contenders"][kind] for told in tried]
    return {
        name: float(np.average([each[name]["mean"] for each in figures], weights=rows))
        for name in ("log_loss", "auc")
    }


@dataclass(frozen=True)
class Judgement:
    """The contender that is taken and all that was found about it on the newest rows."""

    chosen: str
    model: HeadModel
    files: dict[str, bytes]
    evaluation: dict[str, Any]
    checks: list[Verdict]
    test: Slice
    risk: np.ndarray


@dataclass(frozen=True)
class Judge:
    """The newest rows of a head and how they are looked at."""

    head: Head
    city: City
    rows: HeadRows
    split: Split
    oracle: Callable[[pd.DataFrame], np.ndarray] | None = None

    def judge(
        self,
        models: Mapping[str, HeadModel],
        files: Mapping[str, dict[str, bytes]],
        chosen: str,
        used: Mapping[str, Slice],
        prior: float,
    ) -> Judgement:
        """Judge `chosen` among `models`; a scorecard is taken instead where trees may be worse than one (EVALUATION).

        Raises CheckFailed for a fault of method: a leak, rows not split in time, incomplete windows, a test
        that is not what the cohort drew.
        """
        test = used["test"]
        method = self._method(used)
        refuse(self.head.name, method)
        risks = {kind: model.risk(test.features) for kind, model in models.items()}
        rows = replace(
            self._test_rows(test, risks, chosen, prior),
            groups=groups_of(self.city.index, self.city.records, test.pairs),
            selection_probability=self._selection(test) if self.head.given_a_visit else None,
        )
        measured = MeasuredRows(rows, seed=self.city.seed)
        held = holds_against_scorecard({"judged": chosen, "gains": measured.gains(chosen)})
        chosen = taken(chosen, held, models)
        evaluation = measured.evaluation(chosen) | self._of_windows(test)
        model = models[chosen]
        checks = [*method, *result_verdicts(evaluation), self._monotone(model, test)]
        return Judgement(chosen, model, files[chosen], evaluation, checks, test, risks[chosen])

    def older(self, test: Slice, models: Mapping[str, HeadModel], prior: float) -> dict[str, Any]:
        """The contenders' figures at an older origin, beside the rules, without what only a judgement needs."""
        risks = {kind: model.risk(test.features) for kind, model in models.items()}
        rows = self._test_rows(test, risks, next(iter(models)), prior)
        found = evaluate(rows, seed=self.city.seed)
        return {name: value for name, value in found.items() if name not in ONLY_OF_A_JUDGEMENT}

    def _test_rows(self, test: Slice, risks: Mapping[str, np.ndarray], chosen: str, prior: float) -> TestRows:
        scores = {
            PRIOR: np.full(len(test.happened), prior),
            **rule_scores(self.city.index, test.pairs, seed=self.city.seed),
            **risks,
        }
        if self.oracle is not None:
            scores[ORACLE] = self.oracle(test.pairs)
        return TestRows(
            project_id=test.pairs["project_id"].to_numpy(object),
            as_of=test.pairs["as_of"].to_numpy("datetime64[us]"),
            happened=test.happened,
            scores=scores,
            probabilities=frozenset({PRIOR, *risks}),
            judged=chosen,
            prior=prior,
        )

    def _of_windows(self, test: Slice) -> dict[str, Any]:
        counts = test.counts(self.head, "test", self.city.records)
        return {"outcomes": counts["test_outcomes"], "shown_apart": self._shown_apart(test)}

    def _method(self, used: Mapping[str, Slice]) -> list[Verdict]:
        test = used["test"]
        places = sampled_dates(test.pairs["as_of"], rows=ROWS_FOR_KNOWLEDGE, seed=self.city.seed)
        asked = test.pairs.iloc[places]
        then = features_as_known(asked, self.city.records, self.city.index.catalogue)
        features = pd.DataFrame(test.features, columns=list(self.city.names), copy=False)
        label = self.rows.labels(test.known_at)
        return [
            leak(
                features,
                test.happened,
                test.pairs["project_id"].to_numpy(object),
                as_known=then,
                on_file=outcomes_on_file(self.head, test.pairs, test.happened, self.city.records),
            ),
            split_in_time(self.head, self.split, used),
            complete_windows(self.head, used),
            as_drawn(self.split, test, self.rows.pairs, label),
        ]

    def _monotone(self, model: HeadModel, test: Slice) -> Verdict:
        names = list(self.city.names)
        sample = np.random.default_rng(self.city.seed).permutation(len(test.pairs))[:ROWS_FOR_MONOTONE]
        rows = pd.DataFrame(test.features[np.sort(sample)], columns=names)
        directions = dict(zip(names, self.city.directions, strict=True))
        return monotone(
            lambda moved: model.log_odds(moved[names].to_numpy("float64")),
            directions,
            rows,
            seed=self.city.seed,
        )

    def _selection(self, test: Slice) -> np.ndarray:
        """The probability with which the visit of each row was drawn; NaN where it was not drawn at random.

        Of several visits of one site and day another may have made the label: such a day counts as not drawn.
        """
        known = visits(self.city.records, test.known_at)
        alone = known[~known.duplicated(["project_id", "day"], keep=False)]
        drawn = alone.set_index(["project_id", "day"])["selection_probability"].astype("float64")
        asked = pd.MultiIndex.from_arrays([test.pairs["project_id"], test.pairs["as_of"].dt.normalize()])
        return drawn.reindex(asked).to_numpy("float64")

    def _shown_apart(self, test: Slice) -> dict[str, int]:
        """Rows of the test whose window holds each of the narrower outcomes."""
        if self.head.horizon_days is None:
            return {}
        counted = {}
        for name, apart in self.head.shown_apart.items():
            narrower = outcomes(self.head.outcome, self.city.records, test.known_at, apart=apart)
            counted[name] = int((outcomes_within(test.pairs, narrower, self.head.horizon_days) > 0).sum())
        return counted
