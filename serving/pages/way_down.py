"""What would lower a site's colour: how far its risks have to fall, and which lawful changes would do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from data_contracts.policy import policy_on
from serving.grading.colour_distance import lowering_limits
from serving.grading.reasons import ZH
from serving.live_state import LiveState
from serving.pages.city_board import Board
from serving.reasons.day_reasons import title_of
from serving.reasons.points import in_points
from serving.reasons.value_words import Sentence
from serving.what_if.changeable_facts import ChangeableFact
from serving.what_if.possible_changes import NeededChanges, PossibleChanges, needed_changes
from training.risk_model import RiskModel

POLICY = "dynamic_grade"


def way_down(state: LiveState, board: Board, site: Any, possible: PossibleChanges) -> Sentence | None:
    """In words what would bring a site below the limit of a step down, from what is on file now; None for blue and NA.

    None, too, where the run is of another model than the one in force: its cut-offs are no measure of these risks.
    """
    if board.run.passport["model_version"] != state.scorer.model.version:
        return None
    policy = policy_on(POLICY, pd.Timestamp(board.run.day).date()).content
    margin = float(policy["lowering"]["margin"])
    limits = lowering_limits(site.colour, board.run.passport["cutoffs"], margin)
    if not limits:
        return None
    found = needed_changes(state.scorer, possible, limits)
    return in_words(found, state.scorer.model, site.colour, margin, any_possible=bool(possible.changes))


def in_words(
    found: NeededChanges, model: RiskModel, colour: str, margin: float, *, any_possible: bool
) -> Sentence:
    """What is needed, or that it does not suffice and how far it reaches."""
    rule = Sentence(f"{ZH[colour]}界限的{margin:.0%}", f"{margin:.0%} of the cut-off of {colour.lower()}")
    high = [head for head, limit in found.limits.items() if found.before[head] >= limit]
    if not high:
        return Sentence(
            f"按现有记录，各项风险均低于下调界限（{rule.zh}）；何时下调取决于直接判定规则、间隔时间和人工确认",
            f"by what is on file every risk is below the limit of a step down ({rule.en}); when it comes depends on rules, the "
            "days between steps and a person's confirmation",
        )
    names, falls = _named(found.changes), _falls(found, model, high)
    if found.is_enough:
        return Sentence(
            f"落实{names.zh}后，各项风险即低于下调界限（{rule.zh}）：{falls.zh}；下调每次一级，须人工确认",
            f"with {names.en} every risk is below the limit of a step down ({rule.en}): {falls.en}; a colour falls one step "
            "at a time, and a person confirms it",
        )
    if found.changes:
        return Sentence(
            f"依法可作的变更不足以降到下调界限（{rule.zh}）以下：落实{names.zh}后，{falls.zh}",
            f"the lawful changes known do not suffice for a step down ({rule.en}): with {names.en}, {falls.en}",
        )
    return Sentence(
        f"{'依法可作的变更均不能降低风险' if any_possible else '在案记录中没有可作的变更'}；下调界限为{rule.zh}：{falls.zh}",
        f"{'no lawful change known lowers it' if any_possible else 'nothing on file can be changed'}; the limit of a step down "
        f"is {rule.en}: {falls.en}",
    )


def _named(changes: Sequence[tuple[ChangeableFact, int]]) -> Sentence:
    """The changes with how many rows each records, and to what percentage where it takes one."""
    zh, en = [], []
    for fact, rows in changes:
        percent = f"{fact.percent[1]:g}%" if fact.percent else ""
        en_rows = "1 record" if rows == 1 else f"{rows} records"
        records = Sentence(f"（{percent or f'{rows}条记录'}）", f" ({percent or en_rows})")
        zh.append(f"“{fact.zh}”{records.zh}")
        en.append(f'"{fact.en}"{records.en}')
    return Sentence("、".join(zh), " and ".join(en))


def _falls(found: NeededChanges, model: RiskModel, heads: Sequence[str]) -> Sentence:
    """Of each head from which risk to which, and what is still missing."""
    zh, en = [], []
    for head in heads:
        title, before, after = title_of(model, head), found.before[head], found.after[head]
        left = in_points(after - found.limits[head])
        moved = abs(before - after) > 0
        zh.append(f"{title.zh}风险" + (f"由{before:.2%}降至{after:.2%}" if moved else f"为{before:.2%}"))
        en.append(
            f"{title.en} " + (f"falls from {before:.2%} to {after:.2%}" if moved else f"is {before:.2%}")
        )
        if after >= found.limits[head]:
            zh[-1] += f"，仍高出{left.zh}"
            en[-1] += f", still {left.en} too high"
    return Sentence("；".join(zh), "; ".join(en))
