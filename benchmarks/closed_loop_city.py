"""A synthetic city made ready for the closed loop: what was known on each Monday, and the truth beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.policy import policy_on
from data_contracts.records import Records
from data_contracts.synthetic_city import read_truth
from data_contracts.synthetic_city.hazard import MEDIAN_AREA, YEAR_DAYS
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from serving.backtest.closed_loop import TrueCity
from serving.backtest.known_weeks import KnownWeeks, agencies, simple_orders, statutory_days
from serving.backtest.orders import ByReduction, Order, by_level, in_proportion
from serving.backtest.visit_effects import VisitEffect
from training.risk_model import RiskModel

AREA_EXPONENTS = (0.4, 0.0, 0.7)
DAYS_OF_A_MONTH = 30.4375


@dataclass(frozen=True)
class LoopCity:
    """The city with its truth, the orders that compete in it, and the statutory visits a year of an average site."""

    true: TrueCity
    orders: list[Order]
    base: float


def loop_city(
    folder: Path,
    records: Records,
    model: RiskModel,
    mondays: tuple[pd.Timestamp, int],
    choice: Mapping[str, Any],
) -> LoopCity:
    """So many weeks from a Monday on; the model scores every four weeks what was on file then.

    `choice` is the content of the policy `visit_choice`.
    """
    index = FactIndex.build(records, load_catalogue())
    known = KnownWeeks.of(index, *mondays)
    frequency = policy_on("visit_frequency", mondays[0].date()).content
    city = known.city(agencies(records, known.ids), statutory_days(frequency))
    effect = VisitEffect(choice["reduction"], choice["lasting_days"])
    expected, findings = _truth(folder, known.ids, known.mondays)
    reduction = ByReduction.by(choice)
    risk = known.risks(model, "accident")
    orders = [
        *_as_today(known),
        *simple_orders(known, effect.lasting_days),
        Order("model_level", "模型：按风险高低", "model by expected level", by_level, risk),
        Order("model_reduction", "模型：按可降低的风险", "model by expected reduction", reduction, risk),
        Order("oracle", "真实风险：按可降低的", "oracle by expected reduction", reduction, expected),
        Order("oracle_level", "真实风险：按高低", "oracle by level", by_level, expected),
    ]
    base = float((YEAR_DAYS / city.every_days)[known.active].mean())
    return LoopCity(TrueCity(city, expected, findings, effect), orders, base)


def _as_today(known: KnownWeeks) -> list[Order]:
    """Visits in proportion to a power of the floor area: how size-biased they are decides the comparison, so it is varied."""
    area = np.maximum(known.features("floor_area_m2"), 200.0) / MEDIAN_AREA
    return [
        Order(
            f"actual{power:g}",
            f"如现行（面积^{power:g}）",
            f"as today, area^{power:g}",
            in_proportion,
            area**power,
        )
        for power in AREA_EXPONENTS
    ]


def _truth(folder: Path, ids: NDArray, mondays: pd.DatetimeIndex) -> tuple[NDArray, NDArray]:
    """Expected accidents a week without visits, and what a visit finds over the average; (sites, weeks)."""
    truth = read_truth(folder)
    of_week = (mondays + pd.Timedelta(days=3)).to_numpy().astype("M8[M]").astype(int)
    first, last = of_week[0], of_week[-1]
    months = truth.site_months
    month = months["month"].to_numpy().astype("M8[M]").astype(int)
    row = pd.Index(ids).get_indexer(months["project_id"])
    mine = (row >= 0) & (month >= first) & (month <= last)
    months, row, column = months[mine], row[mine], month[mine] - first
    said = truth.city["findings"]
    frailty = months["frailty_site"] + months["frailty_contractor"]
    finds = np.exp(
        said["visible_exponent"] * months["visible"] + said["frailty_exponent"] * frailty
    ).to_numpy()
    at_work = ((months["end"] - months["begin"]).dt.days / DAYS_OF_A_MONTH).clip(upper=1.0).to_numpy()
    grids = np.zeros((2, len(ids), last - first + 1), np.float32)
    grids[0, row, column] = np.exp(months["log_hazard"].to_numpy(float)) * at_work * 7.0 / YEAR_DAYS
    grids[1, row, column] = finds / finds.mean()
    return grids[0][:, of_week - first], grids[1][:, of_week - first]
