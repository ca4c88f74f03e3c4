"""Searching the parameters of heads before they are trained: which heads, on which rows, for how long.

A search sees the older origins alone, and of their tests only what was known, and complete, on the first day of the
newest test: the parameters it finds could have been found before the rows that judge the head.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import pandas as pd

from data_contracts.errors import NotEnoughData
from training.cohort import cohort_pairs
from training.head_rows import HeadRows
from training.head_training import HeadTraining
from training.heads import BOOSTED, TREES, Contender, Head
from training.measures import losses
from training.report_parts import Said
from training.search import RANGES, Parameters, Search, SearchedOrigin, search_parameters, searchable
from training.search_time import Clock, Countdown, SearchTime
from training.splits import Period, Split, evaluation_split, origins
from training.trees import DEFAULTS, tree_parameters

WITHOUT_TREES = Said(
    "参选模型中没有用到树的（trees、boosted_scorecard），没有参数可搜索。",
    "No contender has trees (trees, boosted_scorecard), so there is nothing to search.",
)
OUTSIDE = Said(
    "声明的参数都在搜索范围之外，没有参数可搜索。",
    "Every declared parameter lies outside its range, so there is nothing to search.",
)
WITHOUT_ORIGIN = Said(
    "没有可试的较早起点（记录太短或结果太少），参数保持原声明。",
    "No older origin can be tried (records too short, or too few outcomes), so the parameters stay as declared.",
)


@dataclass(frozen=True)
class HeadSearch:
    """What a search came to for one head; `kind` is the contender that was fitted, `minutes` were for all heads.

    `known_at` is the moment at which the labels it saw were known, `first_days` are those of the tests it saw, which
    have `rows` together. `trees` are the parameters that the head is trained with, as its heads file would say them.
    """

    minutes: float
    kind: Contender
    known_at: pd.Timestamp
    first_days: tuple[pd.Timestamp, ...]
    rows: int
    search: Search
    trees: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """The search for passports and machines, without its trials."""
        declared, best = self.search.declared, self.search.best
        return {
            "minutes": self.minutes,
            "kind": self.kind,
            "known_at": self.known_at.isoformat(),
            "origins": [day.isoformat() for day in self.first_days],
            "rows": self.rows,
            "trials": len(self.search.trials),
            "pruned": sum(trial.is_pruned for trial in self.search.trials),
            "declared": {"log_loss": declared.log_loss, "parameters": declared.parameters},
            "found": {"log_loss": best.log_loss, "parameters": best.parameters},
            "is_taken": self.search.is_better,
            "trees": self.trees,
            "optuna": version("optuna"),
        }


@dataclass(frozen=True)
class NoSearch:
    """Why the parameters of a head were not searched though it was asked for."""

    minutes: float
    why: Said

    def as_json(self) -> dict[str, Any]:
        """The reason for passports and machines."""
        return {"minutes": self.minutes, "not_searched": self.why._asdict()}


def search_heads(
    plans: Sequence[HeadTraining], minutes: float, clock: Clock = time.monotonic
) -> tuple[list[HeadTraining], dict[str, HeadSearch | NoSearch]]:
    """The trainings with the parameters that were found, and what was searched, by head.

    Each head gets an equal share of the time that is left. One that lends comes before those that borrow from it: they
    are searched and trained with what was found for it, as if the heads file had said so.
    """
    given = SearchTime.begun(minutes, clock)
    heads = {plan.head.name: plan.head for plan in plans}
    told: dict[str, HeadSearch | NoSearch] = {name: NoSearch(minutes, WITHOUT_TREES) for name in heads}
    in_turn = sorted(
        (plan for plan in plans if searched_kind(plan.head)), key=lambda plan: plan.head.borrows is not None
    )
    for place, plan in enumerate(in_turn):
        done = _searched(_with(plan, heads), plans, given, len(in_turn) - place)
        told[plan.head.name] = done
        if isinstance(done, HeadSearch):
            heads[plan.head.name] = plan.head.model_copy(update={"trees": done.trees})
    return [_with(plan, heads) for plan in plans], told


def searched_kind(head: Head) -> Contender | None:
    """The contender by which a head is searched: the first declared one with trees; None where none has any."""
    return next((kind for kind in head.models if kind in (TREES, BOOSTED)), None)


def older_origins(plan: HeadTraining, rows: HeadRows, known_at: pd.Timestamp) -> dict[Split, SearchedOrigin]:
    """The older origins that can be tried; of their tests the rows that were complete at `known_at`."""
    *older, _ = origins(plan.head, rows.pairs["as_of"], plan.city.until, plan.city.dates)
    found = {split: _origin(plan, rows, split, known_at) for split in older}
    return {split: origin for split, origin in found.items() if origin is not None}


def _with(plan: HeadTraining, heads: Mapping[str, Head]) -> HeadTraining:
    lender = None if plan.lender is None else heads.get(plan.lender.name, plan.lender)
    return replace(plan, head=heads[plan.head.name], lender=lender)


def _searched(
    plan: HeadTraining, plans: Sequence[HeadTraining], given: SearchTime, heads_left: int
) -> HeadSearch | NoSearch:
    head, kind = plan.head, searched_kind(plan.head)
    assert kind is not None
    declared = {name: {**DEFAULTS, **head.trees}[name] for name in RANGES}
    if not searchable(declared):
        return NoSearch(given.minutes, OUTSIDE)
    try:
        rows = plan.city.rows(head, plan.progress)
        known_at = min([_judged_from(plan, rows.pairs["as_of"]), *_judged_with_it(plan, plans)])
    except NotEnoughData:  # its training will say what is missing
        return NoSearch(given.minutes, WITHOUT_ORIGIN)
    step = f"搜索 / search {head.name}"
    countdown = Countdown(step, given.share(heads_left), plan.progress, given.clock, given.clock())
    # Trees alone borrow nothing; what is fitted in a trial is not told by itself.
    quiet = replace(plan, lender=plan.lender if kind == BOOSTED else None, progress=countdown)
    tried = older_origins(quiet, rows, known_at)
    if not tried:
        return NoSearch(given.minutes, WITHOUT_ORIGIN)
    found = search_parameters(
        list(tried.values()), declared, seed=plan.city.seed, has_time=countdown.has_time
    )
    countdown.finish()
    return HeadSearch(
        minutes=given.minutes,
        kind=kind,
        known_at=known_at,
        first_days=tuple(split.known_at for split in tried),
        rows=sum(origin.rows for origin in tried.values()),
        search=found,
        trees={**head.trees, **(found.best.parameters if found.is_better else {})},
    )


def _judged_with_it(plan: HeadTraining, plans: Sequence[HeadTraining]) -> list[pd.Timestamp]:
    """The first days of the newest tests of the heads that borrow from this one: they are judged with its trees."""
    days = []
    for other in plans:
        if other.head.borrows == plan.head.name:
            city = other.city
            pairs = cohort_pairs(other.head, city.index, city.records, city.until, other.progress)
            try:
                days += [_judged_from(other, pairs["as_of"])] if len(pairs) else []
            except NotEnoughData:  # it is not trained either
                continue
    return days


def _judged_from(plan: HeadTraining, as_of: pd.Series) -> pd.Timestamp:
    """The first day of the newest test, of rows with these dates."""
    return evaluation_split(plan.head, as_of, plan.city.until, plan.city.dates).known_at


def _origin(
    plan: HeadTraining, rows: HeadRows, split: Split, known_at: pd.Timestamp
) -> SearchedOrigin | None:
    """The origin as a search sees it; None where its rows cannot tell anything."""
    assert split.test is not None
    complete = Period(split.test.first, min(split.test.last, plan.head.last_complete(known_at)))
    test, kind = rows.slice(complete, known_at), searched_kind(plan.head)
    if kind is None or not test.happened.any() or test.happened.all():
        return None
    fitting = plan.fitting_if_enough(rows, split, "")
    if fitting is None:
        return None
    grow, city = fitting.grower(kind), plan.city

    def log_loss(parameters: Parameters) -> float:
        own = {**plan.head.trees, **parameters}
        model = grow(tree_parameters(own, city.directions, seed=city.seed, threads=city.threads))
        return float(losses(test.happened, model.risk(test.features)).mean())

    return SearchedOrigin(len(test.happened), log_loss)
