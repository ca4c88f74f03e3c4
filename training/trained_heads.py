"""The heads of a training: what is planned for each, searched where that is asked for, and trained side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from threadpoolctl import threadpool_limits

from data_contracts.errors import NotEnoughData
from data_contracts.progress import Progress
from training.checks import outcomes_delivered
from training.head_rows import City
from training.head_training import HeadTraining, Oracle, TrainedHead
from training.heads import Head
from training.outcome_silence import Silence, silence_of
from training.searched_heads import HeadSearch, NoSearch, search_heads
from training.side_by_side import side_by_side


@dataclass(frozen=True)
class TrainedHeads:
    """The heads that could be trained and why the others could not; which were silent, and what was searched, by head."""

    trained: list[TrainedHead]
    left_out: dict[str, NotEnoughData]
    silences: dict[str, Silence]
    searches: dict[str, HeadSearch | NoSearch]


def plans_of(
    asked: Sequence[Head],
    declared: Sequence[Head],
    city: City,
    oracles: Mapping[str, Oracle],
    progress: Progress,
) -> list[HeadTraining]:
    """What is to be trained: a head may borrow from one of the same file that is not asked for itself."""
    every = {head.name: head for head in declared}
    return [
        HeadTraining(head, city, every.get(head.borrows or ""), oracles.get(head.name), progress)
        for head in asked
    ]


def train_heads(plans: Sequence[HeadTraining], workers: int, search_minutes: float | None) -> TrainedHeads:
    """Train at most `workers` heads at a time, a silent one as of its newest outcome.

    With `search_minutes` their parameters are searched before. Raises NotEnoughData where no head can be trained.
    """
    silences = {
        plan.head.name: each
        for plan in plans
        if (each := silence_of(plan.head, plan.city.records, plan.city.until))
    }
    plans = [_as_believed(plan, silences.get(plan.head.name)) for plan in plans]
    searches: dict[str, HeadSearch | NoSearch] = {}
    # Two threads of linear algebra that wait for each other on a busy core take many times as long as one.
    with threadpool_limits(1, user_api="blas"):
        if search_minutes is not None:
            plans, searches = search_heads(plans, search_minutes)
        tasks = [_task(plan, silences.get(plan.head.name)) for plan in plans]
        found = side_by_side(tasks, workers, plans[0].progress)
    trained = [one for one in found if isinstance(one, TrainedHead)]
    left_out = {
        plan.head.name: one for plan, one in zip(plans, found, strict=True) if isinstance(one, NotEnoughData)
    }
    if not trained:
        raise _none_left(left_out)
    kept = {head.head.name for head in trained}
    return TrainedHeads(
        trained, left_out, silences, {head: each for head, each in searches.items() if head in kept}
    )


def shared_out(threads: int | None, heads: int) -> tuple[int, int]:
    """How many heads are trained at a time, and on how many threads of LightGBM each.

    Side by side each has one, because calls of LightGBM that may meet have to say the same
    (`training.block_predictions`); one head more than cores keeps these busy to the end. A head alone has all cores but
    one: threads that wait for one another on a busy core take many times as long.

    >>> shared_out(4, heads=3), shared_out(4, heads=1), shared_out(1, heads=3), shared_out(2, heads=9)
    ((3, 1), (1, 4), (1, 1), (3, 1))
    """
    cores = threads or os.cpu_count() or 1
    if heads > 1 and cores > 1:
        return min(heads, cores + 1), 1
    return 1, threads or max(cores - 1, 1)


def _as_believed(plan: HeadTraining, silence: Silence | None) -> HeadTraining:
    """The training, of a silent head as of its newest outcome."""
    return plan if silence is None else replace(plan, city=replace(plan.city, until=silence.newest))


def _task(plan: HeadTraining, silence: Silence | None) -> Callable[[Progress], TrainedHead | NotEnoughData]:
    def task(told: Progress) -> TrainedHead | NotEnoughData:
        try:
            head = replace(plan, progress=told).train()
        except NotEnoughData as error:
            return error
        return replace(head, checks=[outcomes_delivered(silence), *head.checks])

    return task


def _none_left(left_out: dict[str, NotEnoughData]) -> NotEnoughData:
    reasons = list(left_out.values())
    return NotEnoughData(
        zh="没有一个目标可以训练。" + " ".join(error.zh for error in reasons),
        en="No head could be trained. " + " ".join(error.en for error in reasons),
        field="head",
    )
