"""What a back-test starts from: a model fitted before the weeks that are compared, and the records of those weeks."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from data_contracts.errors import NotEnoughData
from data_contracts.policy import policy_on
from data_contracts.progress import Progress
from data_contracts.records import Records
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from serving.backtest.comparison import History
from serving.backtest.history import Outcomes, SiteDays
from serving.backtest.known_weeks import KnownWeeks, agencies, counted_visits, simple_orders, statutory_days
from serving.backtest.orders import ByReduction, Order, by_level
from serving.backtest.random_share import by_period
from serving.command_line.model_commands import model_folder
from training.heads import load_heads
from training.labels import facts_in_force, outcomes
from training.model_folder import read_verified
from training.risk_model import RiskModel

HEAD, KINDS = "accident", ("accident", "hazard")
WITHIN_DAYS = 30  # EVALUATION: listed in the 30 days before
STOPS = ("PARTIAL_STOP", "STOP")
PERIODS = {"hazards_found": "Q", "stopped": "Y"}


@dataclass(frozen=True)
class Past:
    """The weeks to compare, the rules that compete, the visits of the record, and the codes of the agencies by number.

    `site_weeks`: day, agency_code, sites: how many were active in each agency and week.
    """

    history: History
    orders: list[Order]
    visits: pd.DataFrame
    agencies: list[str]
    site_weeks: pd.DataFrame

    def chance(self) -> dict[str, pd.DataFrame]:
        """What the visits drawn at random say, by what is counted and period."""
        disposal = self.visits["disposal"]
        stopped = disposal.isin(STOPS).astype("float64").where(disposal.notna())
        counted = self.visits.assign(stopped=stopped)
        return {name: by_period(counted, name, period, self.site_weeks) for name, period in PERIODS.items()}


def judged_model(model: str | None) -> tuple[RiskModel, pd.Timestamp, int]:
    """The judged model of a folder, the first Monday of its test, and how many weeks until its last outcomes are known.

    It was fitted before its test. Raises NotEnoughData for a model without the accident head.
    """
    fitted = RiskModel.from_verified(read_verified(model_folder(model)), part="tested")
    entry = fitted.passport["heads"].get(HEAD)
    if entry is None:
        raise NotEnoughData(
            zh=f"模型 {fitted.version} 没有目标 {HEAD}，无法回溯。请用含该目标的模型（siterisk train --head {HEAD}）。",
            en=f"Model {fitted.version} has no head {HEAD}. Back-test a model that has it (siterisk train --head {HEAD}).",
            field="model",
        )
    dates = entry["tested"]["dates"]
    first, last = (pd.Timestamp(day) for day in dates["test"])
    first += pd.Timedelta(days=-first.weekday() % 7)
    weeks = (min(last + pd.DateOffset(months=1), pd.Timestamp(dates["test_known_at"])) - first).days // 7
    if weeks * 7 <= WITHIN_DAYS:
        raise NotEnoughData(
            zh=f"模型 {fitted.version} 的测试期只有 {weeks} 周，不足以回溯。请用记录更长的训练。",
            en=f"The test of model {fitted.version} has {weeks} weeks, too few to back-test. Train on a longer record.",
            field="model",
        )
    return fitted, first, weeks


def past_of(
    records: Records, model: RiskModel, mondays: tuple[pd.Timestamp, int], share: float, progress: Progress
) -> Past:
    """So many weeks from a Monday on, as they were known then; lists of a `share` of the sites within thirty days."""
    catalogue, until = load_catalogue(), mondays[0] + pd.Timedelta(weeks=mondays[1])
    known = KnownWeeks.of(FactIndex.build(records, catalogue, progress), *mondays, progress)
    frequency, choice = (
        policy_on(name, mondays[0].date()).content for name in ("visit_frequency", "visit_choice")
    )
    heads = {head.name: head for head in load_heads()}
    at = known.mondays[-1] + pd.Timedelta(days=7 + heads[HEAD].reporting_lag_days)
    visits = facts_in_force(records, "inspections", at)
    since = visits[(visits["inspected_on"] >= mondays[0]) & (visits["inspected_on"] < until)]
    agency = agencies(records, known.ids)
    history = History(
        known.city(agency, statutory_days(frequency)),
        SiteDays.of(counted_visits(since, catalogue), "inspected_on", known.ids, mondays[0]),
        [_outcomes(kind, outcomes(heads[kind].outcome, records, at), known) for kind in KINDS],
        share,
        WITHIN_DAYS,
        choice["random_share"],
        choice["least_days_between"],
    )
    risk = known.risks(model, HEAD, progress)
    orders = [
        *simple_orders(known, choice["lasting_days"]),
        Order("model_level", "模型：按风险高低", "model by expected level", by_level, risk),
        Order("plan", "模型：按可降低的风险", "model by expected reduction", ByReduction.by(choice), risk),
    ]
    of_agency = since.assign(agency_code=since["project_id"].map(dict(zip(known.ids, agency, strict=True))))
    return Past(history, orders, of_agency, sorted(set(agency)), known.site_weeks(agency))


def _outcomes(kind: str, rows: pd.DataFrame, known: KnownWeeks) -> Outcomes:
    return Outcomes(kind, SiteDays.of(rows, "day", known.ids, known.mondays[0]))
