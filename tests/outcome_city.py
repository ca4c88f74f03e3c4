"""A few hundred made-up sites whose accidents and visits follow their floor area: enough to train on in seconds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_contracts.records import Records

FIRST, LAST = pd.Timestamp("2023-01-01"), pd.Timestamp("2025-12-31")


def outcome_city(*, projects: int = 120, seed: int = 1, told_by_area: bool = True) -> Records:
    """Sites on record from 2023 to 2025, with some accidents and a visit every other month.

    With `told_by_area` the large sites have most of the accidents and stop orders; without, area tells nothing.
    """
    draw = np.random.default_rng(seed)
    ids = np.array([f"P{number:03d}" for number in range(projects)])
    area = draw.lognormal(9, 1, projects).round()
    rank = pd.Series(area).rank(pct=True).to_numpy() if told_by_area else np.full(projects, 0.5)
    return Records.from_tables(
        {
            "projects": pd.DataFrame(
                {"project_id": ids, "recorded_at": FIRST, "start_date": FIRST, "floor_area_m2": area}
            ),
            "accidents": _accidents(draw, ids, rank),
            "inspections": _visits(draw, ids, rank),
        }
    )


def _accidents(draw: np.random.Generator, ids: np.ndarray, rank: np.ndarray) -> pd.DataFrame:
    """On average two an hundred days for the largest sites together, filed within three weeks."""
    days = (LAST - FIRST).days
    site = np.repeat(ids, draw.poisson(0.0012 * rank**3 * days))
    happened = FIRST + pd.to_timedelta(draw.integers(1, days, len(site)), "D")
    return pd.DataFrame(
        {
            "accident_id": [f"A{number}" for number in range(len(site))],
            "project_id": site,
            "occurred_on": happened,
            "recorded_at": happened + pd.to_timedelta(draw.integers(1, 20, len(site)), "D"),
            "serious_injuries": 1,
            "deaths": draw.random(len(site)) < 0.25,
        }
    ).astype({"deaths": "Int64"})


def _visits(draw: np.random.Generator, ids: np.ndarray, rank: np.ndarray) -> pd.DataFrame:
    rounds = pd.date_range(FIRST + pd.Timedelta(days=10), LAST, freq="61D")
    day = np.repeat(rounds.to_numpy(), len(ids)) + pd.to_timedelta(
        draw.integers(0, 40, len(rounds) * len(ids)), "D"
    )
    stopped = draw.random(len(day)) < 0.3 * np.tile(rank, len(rounds)) ** 2
    return pd.DataFrame(
        {
            "inspection_id": [f"V{number}" for number in range(len(day))],
            "project_id": np.tile(ids, len(rounds)),
            "inspected_on": day,
            "recorded_at": day + pd.Timedelta(hours=17),
            "inspection_type": "ROUTINE",
            "hazards_found": draw.poisson(3, len(day)),
            "disposal": np.where(stopped, "PARTIAL_STOP", "RECTIFY"),
        }
    )
