"""Reasons of sites at given moments, beside the sites that were active that day: what a table and an answer say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data_contracts.progress import Progress, silent
from features.fact_index import FactIndex
from serving.reasons.reasons import Reasons, in_one_line
from serving.reasons.similar import Similar
from serving.reasons.told_reasons import Reason
from serving.reasons.value_words import Sentence
from training.risk_model import RiskModel

REASONS_TOLD = 2
BETWEEN_HEADS = " | "


def similar_sites(index: FactIndex, model: RiskModel, day: pd.Timestamp) -> Similar:
    """What is usual among the sites active at 00:00 of the day, as known then.

    Where there are none, the training's average row: never the sites asked for, or a replay of one of them would differ.
    """
    sites = index.sites(day)
    if not len(sites):
        return Similar.of_training(model)
    moments = np.full(len(sites), np.datetime64(day, "us"))
    return Similar.of(model, index.matrix(sites.tolist(), moments))


def reasons_at(
    index: FactIndex,
    model: RiskModel,
    project_ids: Sequence[str],
    moments: np.ndarray,
    progress: Progress = silent,
) -> list[dict[str, list[Reason]]]:
    """For each pair the reasons by head, in the order given; nothing for a site that is not on file then.

    Beside the sites that were active at 00:00 of the day, as percentiles are.
    """
    found: list[dict[str, list[Reason]]] = [{} for _ in project_ids]
    known = index.status(project_ids, moments) != "UNKNOWN"
    days = moments.astype("datetime64[D]")
    distinct = np.unique(days[known])
    for number, day in enumerate(distinct):
        progress("依据 / reasons", number, len(distinct))
        similar = similar_sites(index, model, pd.Timestamp(day))
        rows = np.flatnonzero(known & (days == day))
        matrix = index.matrix([project_ids[row] for row in rows.tolist()], moments[rows])
        told = Reasons(model, index.catalogue, similar)
        for head in model.heads:
            for row, reasons in zip(rows.tolist(), told.of(matrix, head), strict=True):
                found[row][head] = reasons
    progress("依据 / reasons", len(distinct), len(distinct))
    return found


def in_columns(model: RiskModel, found: Sequence[dict[str, list[Reason]]]) -> pd.DataFrame:
    """Columns reasons_zh and reasons_en: of each head the strongest that raise its risk; missing where none does."""
    lines = [_line(model, reasons) for reasons in found]
    return pd.DataFrame(
        {
            "reasons_zh": pd.Series([line.zh or None for line in lines], dtype="str"),
            "reasons_en": pd.Series([line.en or None for line in lines], dtype="str"),
        }
    )


def _line(model: RiskModel, by_head: dict[str, list[Reason]]) -> Sentence:
    parts = []
    for head, reasons in by_head.items():
        said = with_head(model, head, in_one_line(reasons, REASONS_TOLD))
        if said.zh:
            parts.append(said)
    return Sentence(BETWEEN_HEADS.join(one.zh for one in parts), BETWEEN_HEADS.join(one.en for one in parts))


def with_head(model: RiskModel, head: str, said: Sentence) -> Sentence:
    """What is said of a head's risk, with the head named, for a list in which others are told too; nothing of nothing."""
    title = title_of(model, head)
    return Sentence(f"{title.zh}：{said.zh}", f"{title.en}: {said.en}") if said.zh else said


def title_of(model: RiskModel, head: str) -> Sentence:
    """What a head is called, as its training declared it; its name where that is not told."""
    definition = model.passport["heads"][head].get("definition") or {}
    return Sentence(definition.get("title_zh", head), definition.get("title_en", head))
