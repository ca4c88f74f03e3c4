"""`siterisk backtest`: rules of choosing sites, compared on history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.command_line.asked_pairs import JsonOption
from serving.command_line.given_records import RecordsOption, records_of
from serving.command_line.terminal import result, result_json, say, shown_progress


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
    from data_contracts.simulated import is_simulated
    from serving.command_line.backtest_inputs import judged_model, past_of
    from serving.command_line.backtest_report import HEADLINE, Told, backtest_page, backtest_text
    from serving.result_files import writable_result, write_result, written_whole

    if out is not None:
        writable_result(out)
    if page is not None:
        writable_result(page, (".html",))
    with shown_progress() as progress:
        fitted, first, weeks = judged_model(model)
        known = records_of(records, progress)
        past = past_of(known, fitted, (first, weeks), share, progress)
        lists = past.history.lists(past.orders, seed, progress)
        table = past.history.compared(lists, seed)
    told = Told(
        table,
        past.history.workload(lists[HEADLINE], past.agencies),
        past.chance(),
        {"model": fitted.version, "first": str(first.date()), "weeks": weeks, "share": share, "seed": seed},
        is_simulated(known),
    )
    if out is not None:
        write_result(table, out)
        say(f"{len(table)} 行 / rows → {out}")
    if page is not None:
        with written_whole(page) as building:
            building.write_text(backtest_page(told), encoding="utf-8")
        say(f"→ {page}")
    if as_json:
        result_json(told.as_json())
    else:
        result(backtest_text(told))
