"""Training one head: a model that could have been trained when the test began, judged on what came
after, and then the model that is kept, fitted in the same way on everything that is complete now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_contracts.errors import NotEnoughData
from data_contracts.progress import Progress, silent
from data_contracts.records import Records
from training.baselines import prior_rate, violation_count
from training.calibration import Calibration, fit_calibration
from training.cohort import cohort_pairs
from training.evaluation import TestRows, evaluate
from training.heads import Head
from training.labels import distinct_outcomes, labels, outcomes, outcomes_within
from training.risk_model import calibrated
from training.splits import Period, Split, TestDates, evaluation_split, final_split
from training.trees import Labelled, fit_trees, importances, log_odds, tree_parameters

if TYPE_CHECKING:
    from features.fact_index import FactIndex

# Fewer distinct outcomes than these say nothing about which feature matters, or about the level of risk.
FEWEST_OUTCOMES_FOR_TREES = 5
FEWEST_OUTCOMES_FOR_CALIBRATION = 2
FEWEST_OUTCOMES_FOR_TEST = 1


@dataclass(frozen=True)
class City:
    """What every head of a training is fitted from."""

    records: Records
    index: FactIndex
    until: pd.Timestamp
    dates: TestDates
    seed: int
    threads: int


@dataclass(frozen=True)
class TrainedHead:
    """A head's trees, calibration and figures; `reference` are the rows its trees were fitted on."""

    head: Head
    booster: str
    calibration: Calibration
    parameters: dict[str, Any]
    evaluation: dict[str, Any]
    tested: dict[str, Any]
    kept: dict[str, Any]
    importance: dict[str, float]
    reference: pd.DataFrame


@dataclass(frozen=True)
class _Fit:
    booster: str
    calibration: Calibration
    prior: float
    counts: dict[str, int]


@dataclass(frozen=True)
class _Slice:
    """The labelled rows of one period."""

    pairs: pd.DataFrame
    rows: Labelled
    known_at: pd.Timestamp

    def counts(self, head: Head, name: str, records: Records) -> dict[str, int]:
        return {
            f"{name}_rows": len(self.pairs),
            f"{name}_positives": int(self.rows.happened.sum()),
            f"{name}_outcomes": distinct_outcomes(head, self.pairs, records, self.known_at),
        }


def train_head(head: Head, city: City, progress: Progress = silent) -> TrainedHead:
    """Evaluate and fit one head; raises NotEnoughData, naming the head and what to do."""
    pairs = cohort_pairs(head, city.index, city.records, city.until, progress)
    if pairs.empty:
        raise _no_rows(head)
    progress(f"特征 / features {head.name}", 0, len(pairs))
    features = city.index.matrix(pairs["project_id"].to_list(), pairs["as_of"].to_numpy())
    progress(f"特征 / features {head.name}", len(pairs), len(pairs))
    directions = {feature.name: feature.direction for feature in city.index.catalogue.features}
    parameters = tree_parameters(
        head.trees, [directions[name] for name in features.columns], seed=city.seed, threads=city.threads
    )
    return _HeadTraining(head, city, pairs, features, parameters, progress).train()


@dataclass(frozen=True)
class _HeadTraining:
    """All rows of a head, on which it is tested and then fitted."""

    head: Head
    city: City
    pairs: pd.DataFrame
    features: pd.DataFrame
    parameters: dict[str, Any]
    progress: Progress

    def train(self) -> TrainedHead:
        as_of = self.pairs["as_of"]
        testing = evaluation_split(self.head, as_of, self.city.until, self.city.dates)
        tested = self._fit(testing, "试训 / trial trees")
        self.progress(f"评价 / evaluation {self.head.name}", 0, 1)
        evaluation = self._evaluate(testing, tested)
        self.progress(f"评价 / evaluation {self.head.name}", 1, 1)
        keeping = final_split(self.head, as_of, self.city.until)
        kept = self._fit(keeping, "终训 / final trees")
        return TrainedHead(
            head=self.head,
            booster=kept.booster,
            calibration=kept.calibration,
            parameters={name: value for name, value in self.parameters.items() if name != "num_threads"},
            evaluation=evaluation,
            tested={
                "dates": testing.dates(),
                "counts": tested.counts,
                "calibration": tested.calibration.numbers(),
                "prior": tested.prior,
            },
            kept={"dates": keeping.dates(), "counts": kept.counts, "prior": kept.prior},
            importance=importances(kept.booster),
            reference=self.features[keeping.trees.holds(as_of)],
        )

    def _fit(self, split: Split, purpose: str) -> _Fit:
        label = labels(self.head, self.pairs, self.city.records, split.known_at)
        trees = self._slice(split.trees, label, split.known_at)
        later = self._slice(split.calibration, label, split.known_at)
        counts = self._enough("trees", trees, FEWEST_OUTCOMES_FOR_TREES)
        counts |= self._enough("calibration", later, FEWEST_OUTCOMES_FOR_CALIBRATION)
        step = f"{purpose} {self.head.name}"
        booster = fit_trees(trees.rows, later.rows, self.parameters, self.progress, step=step)
        calibration = fit_calibration(log_odds(booster, later.rows.features), later.rows.happened)
        prior = prior_rate(np.concatenate([trees.rows.happened, later.rows.happened]))
        return _Fit(booster, calibration, prior, counts)

    def _evaluate(self, split: Split, fit: _Fit) -> dict[str, Any]:
        assert split.test is not None and split.test_known_at is not None
        label = labels(self.head, self.pairs, self.city.records, split.test_known_at)
        test = self._slice(split.test, label, split.test_known_at)
        counts = self._enough("test", test, FEWEST_OUTCOMES_FOR_TEST)
        raw = log_odds(fit.booster, test.rows.features)
        tested = TestRows(
            project_id=test.pairs["project_id"].to_numpy(object),
            as_of=test.pairs["as_of"].to_numpy("datetime64[us]"),
            happened=test.rows.happened,
            risk=calibrated(raw, fit.calibration.slope, fit.calibration.intercept),
            violation_count=violation_count(self.city.index, test.pairs),
            prior=fit.prior,
        )
        return evaluate(tested, seed=self.city.seed) | {
            "outcomes": counts["test_outcomes"],
            "shown_apart": self._shown_apart(test),
        }

    def _slice(self, period: Period, label: np.ndarray, known_at: pd.Timestamp) -> _Slice:
        chosen = period.holds(self.pairs["as_of"]) & ~np.isnan(label)
        rows = Labelled(self.features[chosen], label[chosen])
        return _Slice(self.pairs[chosen].reset_index(drop=True), rows, known_at)

    def _enough(self, name: str, rows: _Slice, fewest: int) -> dict[str, int]:
        counts = rows.counts(self.head, name, self.city.records)
        _refuse_too_few(self.head, name, counts[f"{name}_outcomes"], fewest, rows.rows.happened)
        return counts

    def _shown_apart(self, test: _Slice) -> dict[str, int]:
        """Rows of the test whose window holds each of the narrower outcomes."""
        if self.head.horizon_days is None:
            return {}
        counted = {}
        for name, apart in self.head.shown_apart.items():
            narrower = outcomes(self.head.outcome, self.city.records, test.known_at, apart=apart)
            counted[name] = int((outcomes_within(test.pairs, narrower, self.head.horizon_days) > 0).sum())
        return counted


_SLICES = {
    "trees": ("训练期", "the trees' period"),
    "calibration": ("校准期", "the calibration"),
    "test": ("测试期", "the test"),
}


def _refuse_too_few(head: Head, name: str, outcome_count: int, fewest: int, happened: np.ndarray) -> None:
    """Refuse a slice with too few outcomes, or with nothing but outcomes."""
    zh, en = _SLICES[name]
    if outcome_count < fewest:
        raise NotEnoughData(
            zh=f"目标 {head.name}：{zh}只有 {outcome_count} 起结果（至少需要 {fewest} 起）。"
            "请载入更多年份或更多项目的记录，或在目标文件中放宽结果定义、延长预测期。",
            en=f"Head {head.name}: {en} holds {outcome_count} outcomes and needs {fewest}. Load more years or more "
            "projects, or widen the outcome or the horizon in the heads file.",
            field="head",
        )
    if happened.all():
        raise NotEnoughData(
            zh=f"目标 {head.name}：{zh}的每一行都发生了结果，无从比较。请检查结果定义。",
            en=f"Head {head.name}: every row of {en} has the outcome; there is nothing to tell apart. Check its outcome.",
            field="head",
        )


def _no_rows(head: Head) -> NotEnoughData:
    need = ("检查记录", "inspections") if head.given_a_visit else ("项目记录", "projects")
    return NotEnoughData(
        zh=f"目标 {head.name}：没有标签完整的样本。请载入更长时间的{need[0]}，或检查该目标的 cohort。",
        en=f"Head {head.name}: no row has a complete label. Load {need[1]} over a longer time, or check its cohort.",
        field="head",
    )
