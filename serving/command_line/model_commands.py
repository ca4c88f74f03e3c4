"""`siterisk train`, `promote`, `rollback` and `score`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_contracts.errors import InvalidInput
from serving.command_line.asked_pairs import (
    AtOption,
    JsonOption,
    OutOption,
    asked_pairs,
    hand_out,
    in_parts,
)
from serving.command_line.frozen_records import frozen_records
from serving.command_line.given_records import RecordsOption, grade_store_of, records_of
from serving.command_line.promotion_report import tell_history, tell_promotion
from serving.command_line.terminal import say, shown_progress
from serving.command_line.training_report import tell_training
from serving.settings import Settings, load_settings

if TYPE_CHECKING:
    import pandas as pd

    from training.risk_model import RiskModel

WhyOption = Annotated[str | None, typer.Option("--why", help="The reason, for the ledger.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="Nothing recorded after this day is read.")]


def score(
    *,
    at: AtOption,
    records: RecordsOption = None,
    model: Annotated[
        str | None, typer.Option(help="Model folder; the champion in force unless told.")
    ] = None,
    reasons: Annotated[
        bool,
        typer.Option("--reasons", help="写出升高风险的主要依据。 Fill the columns of reasons."),
    ] = False,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """批量评估。 The risks of each pair.

    The same numbers as the service gives. One row a pair in the order given: project_id, as_of, status,
    a risk for each head, grades, reasons. The dynamic grade is that of the last grading run up to as_of
    (siterisk grade), with what persons and facts decided since; empty where the records come from no store.
    A project not on record at as_of keeps its row, with status UNKNOWN and no risks.

    With --reasons, for each head the facts that raise its risk most beside the sites of the same kind that
    were active at 00:00 of that day. Every day in PAIRS costs about a second more.

    \b
    Examples:
      siterisk score --at pairs.csv --out risks.csv
      siterisk score --records snapshot/ --at pairs.csv --model model/ --out risks.parquet
      siterisk score --at pairs.csv --reasons --out risks.csv
    """
    from features.catalogue import load_catalogue
    from features.fact_index import FactIndex
    from serving.grading.current_grades import CurrentGrades
    from serving.grading.known_runs import KnownRuns
    from serving.reasons.day_reasons import in_columns, reasons_at
    from serving.scorer import Scorer, refuse_other_features

    pairs = asked_pairs(at, out)
    catalogue, fitted = load_catalogue(), model_of(model)
    refuse_other_features(fitted, catalogue)
    with shown_progress() as progress:
        scorer = Scorer(FactIndex.build(records_of(records, progress), catalogue, progress), fitted)
        store = grade_store_of(records)
        colours = CurrentGrades(KnownRuns(store), scorer.index).at if store else None

        def part(rows: pd.DataFrame) -> pd.DataFrame:
            ids, moments = rows["project_id"].tolist(), rows["as_of"].to_numpy("datetime64[us]")
            scored = scorer.score(ids, moments, colours)
            if reasons:
                told = reasons_at(scorer.index, fitted, ids, moments, progress)
                scored[["reasons_zh", "reasons_en"]] = in_columns(fitted, told)
            return scored

        made = in_parts(pairs, part, "评估 / score", progress)
    hand_out(made, out, as_json)


def train(
    *,
    records: RecordsOption = None,
    until: UntilOption = None,
    heads: Annotated[Path | None, typer.Option(help="Heads file of your own, in YAML.")] = None,
    head: Annotated[list[str] | None, typer.Option(help="Only this head; may be repeated.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run in MLflow.")] = None,
    export: Annotated[Path | None, typer.Option(help="Also write the model folder here.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 1,
    search: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES", help="First search the trees' parameters, for so many minutes in all."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """训练模型。 Train, evaluate, register.

    Everything is logged to MLflow and registered as challenger. The records are frozen as a snapshot
    first, and its fingerprint is logged.

    \b
    --search only sees the older origins, never the newest, which judges. It ends with the line to write
    into the heads file. How many trials the minutes allow depends on the machine.

    \b
    Examples:
      siterisk train
      siterisk train --until 2026-06-30 --head accident --head defect
      siterisk train --records my_records/ --heads my_heads.yaml --export model/
      siterisk train --head hazard --search 10
    """
    from training.champion_alias import repair
    from training.experiment import train as run_training
    from training.search import checked_minutes

    if search is not None:
        checked_minutes(search)
    settings = _settings()
    for behind in repair(mlruns=settings.mlruns, home=settings.home):
        say(behind)
    with shown_progress() as progress:
        done = run_training(
            frozen_records(records_of(records, progress, until), settings.home, progress),
            until=until,
            heads_file=heads,
            heads=head or None,
            name=name,
            mlruns=settings.mlruns,
            export=export,
            seed=seed,
            search_minutes=search,
            progress=progress,
        )
    tell_training(done, as_json)


def promote(
    *,
    head: Annotated[str | None, typer.Option(help="Only this head.")] = None,
    version: Annotated[str | None, typer.Option(help="This version instead of the challenger.")] = None,
    why: WhyOption = None,
    history: Annotated[bool, typer.Option("--history", help="Promote nothing; list what was.")] = False,
    at: Annotated[str | None, typer.Option("--at", help="With --history: in force then.")] = None,
    as_json: JsonOption = False,
) -> None:
    """启用模型。 Make the challenger champion.

    Every check of its training is asked first, and it is compared with the champion on the same newest
    rows; running services take it over without a restart.

    \b
    Examples:
      siterisk promote
      siterisk promote --version 3 --why "head of station, 12 March"
      siterisk promote --history --at 2026-03-01
    """
    from training.promotion import promote as switch

    settings = _settings()
    if history:
        tell_history(settings.home, at, as_json)
        return
    if at is not None:
        raise InvalidInput(
            zh="--at 只能与 --history 一起使用。", en="--at goes with --history only.", field="at"
        )
    done = switch(mlruns=settings.mlruns, home=settings.home, head=head, version=version, why=why)
    tell_promotion(done, as_json)


def rollback(*, why: WhyOption = None, as_json: JsonOption = False) -> None:
    """退回上一模型。 Bring the last champion back.

    The champion before the present one is in force again.

    \b
    Example:
      siterisk rollback --why "too many red sites"
    """
    from training.promotion import rollback as switch_back

    settings = _settings()
    tell_promotion(switch_back(mlruns=settings.mlruns, home=settings.home, why=why), as_json)


def _settings() -> Settings:
    return load_settings(os.environ, Path.cwd())


def model_folder(model: str | None) -> Path:
    """The folder of a model: the one named, or that of the champion in force."""
    from training.model_folder import champion_folder, champion_pointer

    if model is None:
        home = _settings().home
        return champion_folder(home, champion_pointer(home))
    if "://" in model or model.startswith("models:/"):
        raise InvalidInput(
            zh=f"--model 应为模型文件夹，而不是 {model!r}；用 siterisk train --export 可写出模型文件夹。",
            en=f"--model takes a model folder, not {model!r}; siterisk train --export writes one.",
            field="model",
        )
    return Path(model)


def model_of(model: str | None) -> RiskModel:
    """The model in a folder, or the champion in force."""
    from training.risk_model import RiskModel, load_champion

    return load_champion(_settings().home) if model is None else RiskModel.load(model_folder(model))
