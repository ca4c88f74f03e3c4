"""The checks of a training and of a promotion, in one place: `docs/checks.md` lists them.

Method, before anything is believed (`refuse` ends the training): TRN002 `leak`, TRN003 `split_in_time`,
TRN004 `complete_windows`, TRN005 `as_drawn`. Result, of a judged head: TRN006 to TRN012. Beside the
champion, at promotion: TRN013 (`training.champion_comparison`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from training.check_list import CHECKS, OUTCOMES_DELIVERED
from training.heads import Head
from training.leaks import features_as_known, leak, sampled_dates
from training.outcome_silence import Silence
from training.result_checks import (
    beats_rules,
    better_than_prior,
    calibrated,
    enough_outcomes,
    holds_against_scorecard,
    monotone,
    result_verdicts,
    stable_list,
)
from training.split_checks import UsedRows, as_drawn, complete_windows, split_in_time
from training.splits import Split
from training.verdict import Check, Verdict, refusals, refuse, verdict_from

__all__ = [
    "CHECKS",
    "Check",
    "CohortRows",
    "UsedRows",
    "Verdict",
    "as_drawn",
    "beats_rules",
    "better_than_prior",
    "calibrated",
    "complete_windows",
    "enough_outcomes",
    "features_as_known",
    "holds_against_scorecard",
    "leak",
    "method_verdicts",
    "monotone",
    "outcomes_delivered",
    "refusals",
    "refuse",
    "result_verdicts",
    "sampled_dates",
    "split_in_time",
    "stable_list",
    "verdict_from",
]


@dataclass(frozen=True)
class CohortRows:
    """All rows of a head, in one order and with one index: pairs, features, and what happened as known at the end.

    `label` is NaN where it is not known.
    """

    pairs: pd.DataFrame
    features: pd.DataFrame
    label: np.ndarray


def method_verdicts(
    head: Head,
    split: Split,
    used: Mapping[str, UsedRows],
    cohort: CohortRows,
    *,
    as_known: pd.DataFrame | None = None,
) -> list[Verdict]:
    """TRN002 to TRN005 of a head's test, to be given to `refuse`; `used` holds trees, calibration and test.

    `as_known` is what `features_as_known` gives for some of the cohort's rows.
    """
    told = ~np.isnan(cohort.label)
    if as_known is not None:
        as_known = as_known[as_known.index.isin(cohort.features.index[told])]
    project_id = cohort.pairs["project_id"].to_numpy(object)
    return [
        leak(cohort.features[told], cohort.label[told], project_id[told], as_known=as_known),
        split_in_time(head, split, used),
        complete_windows(head, used),
        as_drawn(split, used["test"], cohort.pairs, cohort.label),
    ]


def outcomes_delivered(silence: Silence | None) -> Verdict:
    """TRN001: the silence of the head's outcome table as a verdict."""
    if silence is None:
        return OUTCOMES_DELIVERED.passed(
            "入库间隔没有异常。", "Its deliveries are no further apart than usual."
        )
    return OUTCOMES_DELIVERED.failed(
        f"数据表 {silence.table} 自 {silence.newest:%Y-%m-%d} 起 {silence.days} 天没有入库记录（此前最长 {silence.longest_before} 天）。",
        f"Nothing of {silence.table} has come on file in the {silence.days} days since {silence.newest:%Y-%m-%d} "
        f"(the longest gap before was {silence.longest_before} days).",
    )
