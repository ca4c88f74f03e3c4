"""The checks of a training and of a promotion, in one place: `docs/checks.md` lists them.

Method, before anything is believed (`refuse` ends the training): TRN002 `leak`, TRN003 `split_in_time`,
TRN004 `complete_windows`, TRN005 `as_drawn`. Result, of a judged head: TRN006 to TRN012. Beside the
champion, at promotion: TRN013 (`training.champion_comparison`).
"""

from __future__ import annotations

from training.check_list import CHECKS, OUTCOMES_DELIVERED
from training.leaks import features_as_known, leak, outcomes_on_file, sampled_dates
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
from training.verdict import Check, Verdict, refusals, refuse, verdict_from

__all__ = [
    "CHECKS",
    "Check",
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
    "monotone",
    "outcomes_delivered",
    "outcomes_on_file",
    "refusals",
    "refuse",
    "result_verdicts",
    "sampled_dates",
    "split_in_time",
    "stable_list",
    "verdict_from",
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
