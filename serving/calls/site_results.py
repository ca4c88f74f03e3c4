"""What an answer says of each project: risks, percentiles, quality of data, grades, frequency, reasons."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.input_quality import ABSENT, LATE
from features.site_status import ACTIVE
from serving.grading.colours import Floats
from serving.grading.current_grades import RULE_ON, CurrentGrades
from serving.live_state import LiveState
from serving.scorer import INHERENT_GRADE, UNKNOWN, Scores

SHANGHAI_OFFSET = "+08:00"
REASONS_TOLD = 3
"""The strongest of each head."""


def results_of(
    state: LiveState, project_ids: Sequence[str], as_of: pd.Timestamp, *, with_reasons: bool = False
) -> tuple[list[dict[str, Any]], Scores]:
    """One result for each id in the order given, as plain values, missing ones None; and the scores behind them."""
    ids, moments = list(project_ids), np.full(len(project_ids), np.datetime64(as_of, "us"))
    index, model = state.scorer.index, state.scorer.model
    current = CurrentGrades(state.runs, index)
    tables = index.catalogue.input_states
    asked = dict.fromkeys([*current.facts, INHERENT_GRADE, *tables.values()])
    scores = state.scorer.scores(ids, moments, also=tuple(asked))
    latest = index.latest_recorded_at(ids, moments).tolist()
    against = state.compared_with(as_of)
    risks = {head: plain(values) for head, values in scores.risks.items()}
    percentiles = {head: plain(against.percentile(head, values)) for head, values in scores.risks.items()}
    grades = _grades(current, tables, ids, as_of, scores)
    reasons = _reasons(state, as_of, scores) if with_reasons else [None] * len(ids)
    heads, version, stamp = model.heads, model.version, stamped(as_of)
    results = [
        {
            "project_id": project_id,
            "status": scores.status[row],
            "risks": {head: risks[head][row] for head in heads},
            "percentile": {head: percentiles[head][row] for head in heads},
            **grades[row],
            "reasons": reasons[row],
            "model_version": version,
            "as_of": stamp,
            "facts_latest_recorded_at": latest[row] and stamped(pd.Timestamp(latest[row])),
        }
        for row, project_id in enumerate(ids)
    ]
    return results, scores


def stamped(moment: pd.Timestamp) -> str:
    """A moment as answers write it."""
    return moment.isoformat() + SHANGHAI_OFFSET


def plain(values: np.ndarray) -> list[float | None]:
    """Floats that JSON can hold: a missing one is None."""
    return [None if math.isnan(value) else value for value in values.tolist()]


def _grades(
    current: CurrentGrades, tables: Mapping[str, str], ids: list[str], as_of: pd.Timestamp, scores: Scores
) -> list[dict[str, Any]]:
    """data_quality, inherent_grade, dynamic_grade and frequency of each project."""
    facts = scores.facts
    inherent = plain(facts[INHERENT_GRADE])
    quality = _data_quality({table: facts[name] for table, name in tables.items()})
    active = [row for row, one in enumerate(scores.status) if one == ACTIVE]
    sites: dict[int, dict[str, Any] | None] = {}
    run = current.runs.at(as_of)
    if run is not None and active:
        held = current.of(run, [ids[row] for row in active], lambda name: facts[name][active])
        sites = dict(zip(active, held, strict=True))
    return [
        {
            "data_quality": quality[row],
            "inherent_grade": None if (grade := inherent[row]) is None else int(grade),
            "dynamic_grade": _dynamic_grade(sites.get(row)),
            "frequency": _frequency(sites.get(row)),
        }
        for row in range(len(ids))
    ]


def _data_quality(states: Mapping[str, Floats]) -> list[dict[str, Any] | None]:
    """Which tables are missing though required, or late; None for a project not on file, or before the first policy."""
    named, codes = np.array(list(states), object), np.stack(list(states.values()), axis=1)
    missing, late = codes == ABSENT, codes == LATE
    flags = np.select([np.isnan(codes).any(axis=1), missing.any(axis=1), late.any(axis=1)], [0, 1, 2], 3)
    words = ("", "INCOMPLETE", "LATE", "COMPLETE")
    return [
        {
            "flag": words[flag],
            "missing": named[missing[row]].tolist(),
            "late": named[late[row]].tolist(),
        }
        if flag
        else None
        for row, flag in enumerate(flags.tolist())
    ]


def _dynamic_grade(site: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if site is None:
        return None
    return grade_state(site) | {
        "rule": {
            "code": site["rule"],
            "zh": site["rule_zh"],
            "en": site["rule_en"],
            "fact": site["fact"],
            "value": site["value"],
            "threshold": site["threshold"],
            "reference": site["reference"],
            "on": _day(site[RULE_ON]),
        },
    }


def grade_state(site: Mapping[str, Any]) -> dict[str, Any]:
    """Colour and confirmation of a site, by the names of a run's columns, as a GradeState."""
    return {
        "colour": site["colour"],
        "since": _day(site["colour_since"]),
        "confirmation": site["confirmation"],
        "proposed_colour": site["proposed_colour"],
        "decided_by": site["decided_by"],
        "decided_on": _day(site["decided_on"]),
    }


def _frequency(site: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """As the run set it; None for a site that no run knows."""
    if site is None or site["visits_per_year"] is None:
        return None
    return {
        "visits_per_year": site["visits_per_year"],
        "due_on": _day(site["due_on"]),
        "reason": {"code": site["due_rule"], "zh": site["due_zh"], "en": site["due_en"]},
    }


def _day(value: dt.date | None) -> str | None:
    return None if value is None else value.isoformat()[:10]


def _reasons(
    state: LiveState, as_of: pd.Timestamp, scores: Scores
) -> list[dict[str, list[dict[str, Any]]] | None]:
    """By head the strongest reasons of each project on file; None for the others."""
    told: list[dict[str, list[dict[str, Any]]] | None] = [None] * len(scores.status)
    if scores.features is None:
        return told
    known = [row for row, status in enumerate(scores.status) if status != UNKNOWN]
    by_head = state.reasons(as_of).strongest(scores.features, REASONS_TOLD)
    for place, row in enumerate(known):
        told[row] = {head: lists[place] for head, lists in by_head.items()}
    return told
