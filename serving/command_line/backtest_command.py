"""`siterisk backtest`: rules of choosing sites, compared on history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_contracts.errors import InvalidInput, NotEnoughData
from serving.command_line.asked_pairs import JsonOption
from serving.command_line.given_records import RecordsOption, records_of
from serving.command_line.terminal import result_json, say, shown_progress

if TYPE_CHECKING:
    import pandas as pd

    from data_contracts.progress import Progress
    from data_contracts.records import Records
    from serving.backtest.comparison import History
    from serving.backtest.orders import Order
    from training.risk_model import RiskModel

HEAD, WITHIN_DAYS = "accident", 30


def backtest(
    *,
    records: RecordsOption = None,
    model: Annotated[
        str | None, typer.Option(help="模型文件夹；默认为现用模型。 Model folder; the champion unless told.")
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            help="30 日内列入清单的项目比例。 Share of the sites listed within 30 days.", min=0.01, max=0.5
        ),
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="Seed of the random draws.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="FILE.csv 或 FILE.parquet：全部数字。 All figures.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="FILE.html：图表页，可离线打开。 A page of plots.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """回溯检验。 Rules of choosing sites, compared on history.

    Which share of accidents, and of major hazards and stop orders, fell on a site that a rule had listed in the
    30 days before: for the inspections that were made, for simple rules and for the plan, all with equal visits
    and, but for the last comparison, under the same limits (statutory visits first, a random share, each agency
    its own visits).

    The model is the judged one of its training: it was fitted before the first week that is compared. Hazards are
    known only where somebody looked, so theirs are figures of the visits that were made.

    \b
    Examples:
      siterisk backtest
      siterisk backtest --records snapshot/ --model model/ --page backtest.html
      siterisk backtest --share 0.05 --out backtest.csv
    """
    from serving.command_line.backtest_report import backtest_page, backtest_text
    from serving.result_files import writable_result, write_result

    if out is not None:
        writable_result(out)
    if page is not None and page.suffix != ".html":
        raise InvalidInput(
            zh=f"--page 应为 .html 文件，而不是 {page}。",
            en=f"--page takes a .html file, not {page}.",
            field="page",
        )
    with shown_progress() as progress:
        fitted, weeks = _judged_model(model)
        history, orders = _history(records_of(records, progress), fitted, weeks, share, progress)
        table = history.compared(orders, seed, progress)
    about = {
        "model": fitted.version,
        "first": str(weeks[0].date()),
        "weeks": weeks[1],
        "share": share,
        "seed": seed,
    }
    simulated = bool(fitted.passport.get("simulated"))
    if out is not None:
        write_result(table, out)
        say(f"{len(table)} 行 / rows → {out}")
    if page is not None:
        page.write_text(backtest_page(table, about, simulated), encoding="utf-8")
        say(f"→ {page}")
    if as_json:
        result_json({"about": about, "simulated": simulated, "rows": table.to_dict("records")})
    else:
        say(backtest_text(table, about, simulated))


def _judged_model(model: str | None) -> tuple[RiskModel, tuple[pd.Timestamp, int]]:
    """The judged model of a folder, with the first Monday of its test and the weeks until its last outcome day."""
    import pandas as pd

    from serving.command_line.model_commands import model_folder
    from training.model_folder import read_verified
    from training.risk_model import RiskModel

    folder = read_verified(model_folder(model))
    fitted = RiskModel.from_verified(folder, part="tested")
    entry = fitted.passport["heads"].get(HEAD)
    if entry is None:
        raise NotEnoughData(
            zh=f"模型 {fitted.version} 没有目标 {HEAD}，无法回溯。请用含该目标的模型。",
            en=f"Model {fitted.version} has no head {HEAD}; back-test a model that has it.",
            field="model",
        )
    dates = entry["tested"]["dates"]
    first = pd.Timestamp(dates["test"][0])
    first += pd.Timedelta(days=-first.weekday() % 7)
    last = min(pd.Timestamp(dates["test"][1]) + pd.DateOffset(months=1), pd.Timestamp(dates["test_known_at"]))
    return fitted, (first, (last - first).days // 7)


def _history(
    records: Records, model: RiskModel, weeks: tuple[pd.Timestamp, int], share: float, progress: Progress
) -> tuple[History, list[Order]]:
    from data_contracts.policy import policy_on
    from features.catalogue import load_catalogue
    from features.fact_index import FactIndex
    from serving.backtest.comparison import History, visited_weeks
    from serving.backtest.history import Outcomes
    from serving.backtest.known_weeks import KnownWeeks, agencies, simple_orders
    from serving.backtest.orders import ByReduction, Order, by_level
    from training.heads import load_heads
    from training.labels import outcomes

    index = FactIndex.build(records, load_catalogue(), progress)
    known = KnownWeeks.of(index, *weeks, progress)
    orders = _orders(known, model, progress)
    heads = {head.name: head for head in load_heads()}
    at = known.mondays[-1] + pd.Timedelta(days=DAYS_OF_A_WEEK + heads[HEAD].reporting_lag_days)
    found = [
        Outcomes.of(kind, outcomes(heads[kind].outcome, records, at), "day", known.ids, known.mondays[0])
        for kind in KINDS
    ]
    plan = policy_on("weekly_plan", known.mondays[0].date()).content
    history = History(
        known.city(agencies(records, known.ids), every_days),
        visited_weeks(planned_visits(records), known.ids, known.mondays),
        found,
        share,
        WITHIN_DAYS,
        plan["random_share"],
        plan["least_days_between"],
    )
    return history, orders
