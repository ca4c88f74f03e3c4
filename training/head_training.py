"""Training one head: contenders fitted as they could have been at several moments, each judged on what came after.

The older origins choose which contender is taken, the newest one judges it, and the model that is kept is
fitted in the same way on everything that is complete now. Where the head says `refit`, the taken one is fitted
again on both slices before it is judged, and before it is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import NotEnoughData
from data_contracts.progress import Progress, silent
from training.baselines import prior_rate
from training.borrowing import Lent, lend
from training.contenders import Fitting
from training.head_model import HeadModel
from training.head_rows import City, HeadRows, Slice
from training.heads import PLAIN, Head
from training.judging import Judge, Judgement, candidates_of, chosen_by
from training.splits import Split, final_split, origins
from training.trees import tree_parameters
from training.verdict import Verdict

# Fewer distinct outcomes than these say nothing about which feature matters, or about the level of risk.
FEWEST_OUTCOMES_FOR_TREES = 5
FEWEST_OUTCOMES_FOR_CALIBRATION = 2
FEWEST_OUTCOMES_FOR_TEST = 1
ROWS_FOR_IMPORTANCE = 2000

Oracle = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class TrainedHead:
    """A head's model, how it was chosen and judged, and what an auditor may ask about it.

    `files` are those of the model that is kept, `tested_files` of the judged one; `test` holds the rows that judged it
    and `test_risk` what it said of them; `reference` are features the kept one was fitted on.
    """

    head: Head
    names: tuple[str, ...]
    chosen: str
    files: dict[str, bytes]
    tested_files: dict[str, bytes]
    parameters: dict[str, Any]
    evaluation: dict[str, Any]
    candidates: dict[str, dict[str, float]]
    origins: list[dict[str, Any]]
    checks: list[Verdict]
    tested: dict[str, Any]
    kept: dict[str, Any]
    importance: dict[str, float]
    reference: pd.DataFrame
    test: Slice
    test_risk: np.ndarray

    @property
    def model(self) -> HeadModel:
        """The model that is kept."""
        return HeadModel.from_files(self.head.name, self.names, self.files)

    @property
    def calibration(self) -> dict[str, float]:
        """Slope and intercept of the model that is kept."""
        return {"slope": self.model.slope, "intercept": self.model.intercept}


@dataclass(frozen=True)
class HeadTraining:
    """One head of a training: its rows, those of the head it borrows from, and how trees are grown."""

    head: Head
    city: City
    lender: Head | None = None
    oracle: Oracle | None = None
    progress: Progress = silent

    def train(self) -> TrainedHead:
        """Evaluate and fit; raises NotEnoughData, naming the head and what to do, and CheckFailed for a fault of method."""
        rows = self.city.rows(self.head, self.progress)
        *older, newest = origins(self.head, rows.pairs["as_of"], self.city.until, self.city.dates)
        tried = [told for split in older if (told := self._tried(rows, split)) is not None]
        candidates = candidates_of(tried, self.head.models)
        judgement, fitted = self._judged(rows, newest, chosen_by(candidates, self.head.models))
        keeping = final_split(self.head, rows.pairs["as_of"], self.city.until)
        final = self._fitting(rows, keeping, "终训 / final")
        files = self._as_taken(final, final.files([judgement.chosen])[judgement.chosen])
        reference = pd.DataFrame(final.older.features, columns=list(self.city.names), copy=False)
        return TrainedHead(
            head=self.head,
            names=self.city.names,
            chosen=judgement.chosen,
            files=files,
            tested_files=judgement.files,
            parameters=dict(self._parameters(self.head, noted=True)),
            evaluation=judgement.evaluation,
            candidates=candidates,
            origins=tried,
            checks=judgement.checks,
            tested={
                "dates": newest.dates(),
                "counts": self._counts(fitted) | judgement.test.counts(self.head, "test", self.city.records),
                "calibration": {"slope": judgement.model.slope, "intercept": judgement.model.intercept},
                "prior": _prior(fitted),
            },
            kept={"dates": keeping.dates(), "counts": self._counts(final), "prior": _prior(final)},
            importance=importances(final.read(files), final.older.features, seed=self.city.seed),
            reference=reference,
            test=judgement.test,
            test_risk=judgement.risk,
        )

    def _judged(self, rows: HeadRows, split: Split, chosen: str) -> tuple[Judgement, Fitting]:
        """What the newest origin says; a contender that nothing was lent to gives way to the next one."""
        assert split.test is not None and split.test_known_at is not None
        fitting = self._fitting(rows, split, "试训 / trial")
        test = rows.slice(split.test, split.test_known_at)
        self._enough("test", test, FEWEST_OUTCOMES_FOR_TEST)
        files = fitting.files(self._kinds)
        chosen = chosen if chosen in files else next(kind for kind in self.head.models if kind in files)
        files[chosen] = self._as_taken(fitting, files[chosen])
        models = {kind: fitting.read(each) for kind, each in files.items()}
        step = f"评价 / evaluation {self.head.name}"
        self.progress(step, 0, 1)
        used = {"trees": fitting.older, "calibration": fitting.later, "test": test}
        judge = Judge(self.head, self.city, rows, split, self.oracle)
        judgement = judge.judge(models, files, chosen, used, _prior(fitting))
        self.progress(step, 1, 1)
        return judgement, fitting

    def _as_taken(self, fitting: Fitting, files: dict[str, bytes]) -> dict[str, bytes]:
        return fitting.refitted(files) if self.head.refit else files

    def _tried(self, rows: HeadRows, split: Split) -> dict[str, Any] | None:
        """The contenders' figures at an older origin; None where it has too few outcomes to say anything."""
        assert split.test is not None and split.test_known_at is not None
        fitting = self.fitting_if_enough(rows, split, f"试训 / trial {split.test.first:%Y}")
        if fitting is None:
            return None
        test = rows.slice(split.test, split.test_known_at)
        counts = self._counts(fitting) | test.counts(self.head, "test", self.city.records)
        if not counts["test_outcomes"] or test.happened.all():
            return None
        judge = Judge(self.head, self.city, rows, split)
        figures = judge.older(test, fitting.contenders(self._kinds), _prior(fitting))
        return {"dates": split.dates(), "counts": counts, "figures": figures}

    def fitting_if_enough(self, rows: HeadRows, split: Split, purpose: str) -> Fitting | None:
        """What contenders are fitted from at a split; None where it has too few outcomes to fit anything."""
        try:
            return self._fitting(rows, split, purpose)
        except NotEnoughData:
            return None

    def _fitting(self, rows: HeadRows, split: Split, purpose: str) -> Fitting:
        """The slices of a split, with enough outcomes, and what the lender could have lent by then."""
        older, later = (rows.slice(period, split.known_at) for period in (split.trees, split.calibration))
        self._enough("trees", older, FEWEST_OUTCOMES_FOR_TREES)
        self._enough("calibration", later, FEWEST_OUTCOMES_FOR_CALIBRATION)
        return Fitting(
            name=self.head.name,
            names=self.city.names,
            directions=self.city.directions,
            strictness=self.city.strictness,
            parameters=self._parameters(self.head),
            older=older,
            later=later,
            lent=self._lent(split),
            progress=self.progress,
            purpose=purpose,
        )

    def _lent(self, split: Split) -> Lent | None:
        """The lender's trees as they could have been fitted when the split's labels were known; None if they could not."""
        if self.lender is None:
            return None
        try:
            rows = self.city.rows(self.lender, self.progress)
            lending = final_split(self.lender, rows.pairs["as_of"], split.known_at)
            return lend(rows, lending, self.city.names, self._parameters(self.lender), self.progress)
        except NotEnoughData:
            return None

    @property
    def _kinds(self) -> list[str]:
        return list(dict.fromkeys([*self.head.models, PLAIN]))

    def _parameters(self, head: Head, *, noted: bool = False) -> dict[str, Any]:
        """LightGBM's parameters; those that are noted leave out what depends on the machine."""
        found = tree_parameters(
            head.trees, self.city.directions, seed=self.city.seed, threads=self.city.threads
        )
        return {name: value for name, value in found.items() if not (noted and name == "num_threads")}

    def _enough(self, name: str, rows: Slice, fewest: int) -> None:
        counts = rows.counts(self.head, name, self.city.records)
        _refuse_too_few(self.head, name, counts[f"{name}_outcomes"], fewest, rows.happened)

    def _counts(self, fitting: Fitting) -> dict[str, int]:
        trees = fitting.older.counts(self.head, "trees", self.city.records)
        return trees | fitting.later.counts(self.head, "calibration", self.city.records)


def importances(model: HeadModel, features: np.ndarray, *, seed: int) -> dict[str, float]:
    """The mean size of each feature's contribution to the log-odds on a sample of rows, as shares; largest first."""
    chosen = np.random.default_rng(seed).permutation(len(features))[:ROWS_FOR_IMPORTANCE]
    sizes = np.abs(model.contributions(features[np.sort(chosen)])[:, :-1]).mean(axis=0)
    shares = dict(zip(model.features, (sizes / max(sizes.sum(), 1e-300)).tolist(), strict=True))
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def _prior(fitting: Fitting) -> float:
    return prior_rate(np.concatenate([fitting.older.happened, fitting.later.happened]))


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
