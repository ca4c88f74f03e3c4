"""`siterisk grade`: the daily grading run, what waits for a person, and what persons decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_contracts.errors import InvalidInput
from serving.command_line.asked_pairs import JsonOption, hand_out
from serving.command_line.given_records import RecordsOption, grade_store_of, records_of
from serving.command_line.grade_report import dated, tell_run, waiting_rows
from serving.command_line.model_commands import model_of
from serving.command_line.terminal import result_json, say, shown_progress

if TYPE_CHECKING:
    import pandas as pd

    from data_contracts.progress import Progress
    from serving.grading.daily import DayToGrade
    from serving.grading.grade_store import GradeStore, StoredRun
    from serving.grading.grading_run import GradingRun

DayOption = Annotated[
    str | None,
    typer.Option(
        "--on", metavar="DATE", help="哪一天（零点）；省略为今天。 Which day, at 00:00; today unless told."
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(help="模型文件夹；省略为在用模型。 Model folder; the champion in force unless told."),
]
VisitsOption = Annotated[
    float | None,
    typer.Option(
        "--visits-per-year",
        min=0,
        metavar="N",
        help="全站每年可安排的检查次数；省略则由人员排班推算。 Visits a year the station can make; from inspector_days unless told.",
    ),
]
FrequencyOption = Annotated[
    str,
    typer.Option(
        help="频次政策的名称。 Name of the frequency policy: visit_frequency, visit_frequency_2018."
    ),
]

GradesOutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="FILE.csv 或 FILE.parquet：每个工地一行。 FILE.csv or FILE.parquet: a row a site.",
    ),
]


def grade(
    *,
    records: RecordsOption = None,
    on: DayOption = None,
    model: ModelOption = None,
    visits_per_year: VisitsOption = None,
    frequency: FrequencyOption = "visit_frequency",
    confirm: Annotated[
        Path | None,
        typer.Option(
            help="CSV（project_id, decision, person, reason）：保存人工决定。 Keep decisions: CONFIRM or REFUSE."
        ),
    ] = None,
    pending: Annotated[
        bool,
        typer.Option(
            "--pending", help="列出待确认事项，不评级。 List what waits for a person; grade nothing."
        ),
    ] = False,
    out: GradesOutOption = None,
    as_json: JsonOption = False,
) -> None:
    """每日评级。 The daily grading run.

    \b
    每个在建工地的固有等级、动态颜色（红橙黄蓝）、依据的规则与数值、
    检查频次、下次应检日期及理由。升级当日生效，红、橙与一切下调待人工确认。
    记录来自记录库时，结果存入同一数据库，只增不改；同一天再次评级，以最新的为准。
    --confirm 的决定自 --on 之日起计入下一次评级。

    Every active site's inherent grade, colour, the rule and value that decided, how often it is to be
    visited, when next and why. A worse colour holds at once; red, orange and every step down wait for a
    person. With a record store the run is kept there, beside earlier ones; a run from a folder is not kept
    and knows no yesterday. Colours are as wide as the visits that the station can make.

    \b
    Examples:
      siterisk grade --out grades.csv
      siterisk grade --on 2026-03-02 --visits-per-year 17000 --frequency visit_frequency_2018
      siterisk grade --pending --out waiting.csv
      siterisk grade --confirm decided.csv
    """
    from serving.asked_moments import moment_asked
    from serving.result_files import writable_result

    if confirm is not None and pending:
        raise InvalidInput(
            zh="--confirm 与 --pending 请分两次运行。",
            en="Run --confirm and --pending one after the other.",
            field="pending",
        )
    if out is not None:
        writable_result(out)
    day = moment_asked(on).normalize()
    store = grade_store_of(records)
    if confirm is not None:
        _keep_decisions(_needed(store), confirm, day, as_json)
    elif pending:
        kept = _needed(store)
        hand_out(
            waiting_rows(kept.grades(kept.needed_run(day.date()), decided_until=day.date())), out, as_json
        )
    else:
        with shown_progress() as progress:
            to_grade = day_to_grade(records, day, model, visits_per_year, progress)
            run, before, run_id = _run(to_grade, frequency, store)
        if out is not None:
            hand_out(dated(run.grades), out, False)
        tell_run(run, before, run_id, as_json=as_json, with_sites=out is None)


def day_to_grade(
    records: str | None,
    day: pd.Timestamp,
    model: str | None,
    visits_per_year: float | None,
    progress: Progress,
) -> DayToGrade:
    """The records and the model made ready for runs of one day."""
    from features.catalogue import load_catalogue
    from features.fact_index import FactIndex
    from serving.grading.daily import DayToGrade
    from serving.scorer import Scorer, refuse_other_features
    from training.heads import load_heads

    catalogue, fitted = load_catalogue(), model_of(model)
    refuse_other_features(fitted, catalogue)
    source = records_of(records, progress)
    scorer = Scorer(FactIndex.build(source, catalogue, progress), fitted)
    heads = frozenset((*fitted.heads, *(head.name for head in load_heads())))
    return DayToGrade(scorer, source, day, heads, visits_per_year)


def _run(
    to_grade: DayToGrade, frequency: str, store: GradeStore | None
) -> tuple[GradingRun, pd.DataFrame | None, int | None]:
    """The run, the grades of the run before, and the number under which it is kept."""
    from data_contracts.moments import now
    from serving.grading.policies import house_grading_policies

    policies = house_grading_policies(frequency).checked(to_grade.scorer.index.catalogue, to_grade.heads)
    earlier = store.run_before(to_grade.day.date()) if store else None
    before = store.grades(earlier, decided_until=to_grade.day.date()) if store and earlier else None
    run = to_grade.graded(policies, before)
    run.passport["run_before"] = None if earlier is None else earlier.run_id
    run.passport["said_since"] = _said_since(store, earlier) if store else {}
    return run, before, store.add_run(run, to_grade.day, store.present(now())) if store else None


def _said_since(store: GradeStore, earlier: StoredRun | None) -> dict[str, int]:
    """How many decisions of persons and objections of firms came on file since the run before was made."""
    from serving.ledger.responses import OBJECTION, objections_since

    since = earlier.made_at if earlier else None
    return store.decisions_since(since) | {OBJECTION: objections_since(store.engine, since)}


def _keep_decisions(store: GradeStore, path: Path, day: pd.Timestamp, as_json: bool) -> None:
    from data_contracts.moments import now
    from serving.grading.confirmations import read_confirmations

    run = store.needed_run(day.date())
    decided = read_confirmations(path, store.grades(run, decided_until=day.date()), day)
    if decided:
        store.decide_all(run, decided, store.present(now()))
    counts = {word: sum(one.decision == word for one in decided) for word in ("CONFIRM", "REFUSE")}
    say(
        f"已保存 {len(decided)} 项决定（确认 {counts['CONFIRM']}，否定 {counts['REFUSE']}），针对 {run.day} 的评级。\n"
        f"{len(decided)} decisions kept ({counts['CONFIRM']} confirmed, {counts['REFUSE']} refused) on the run of {run.day}."
    )
    if as_json:
        result_json({"run_id": run.run_id, "day": run.day, **counts})


def _needed(store: GradeStore | None) -> GradeStore:
    if store is None:
        raise InvalidInput(
            zh="决定只能针对存入记录库的评级，--records 请给出记录库地址或省略。",
            en="Decisions are about runs kept in a record store: give its address with --records, or leave it out.",
            field="records",
        )
    return store
