"""`siterisk features`, `train`, `promote`, `rollback` and `score`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_contracts.errors import InvalidInput
from serving.command_line.frozen_records import frozen_records
from serving.command_line.given_records import RecordsOption, records_of
from serving.command_line.terminal import result, result_json, say, shown_progress
from serving.command_line.training_report import tell_promotion, tell_training
from serving.settings import Settings, load_settings

if TYPE_CHECKING:
    import pandas as pd

    from data_contracts.progress import Progress
    from training.risk_model import RiskModel

# As many pairs at once as fit in memory beside the index: 200 features of 8 bytes are 80 MB.
PAIRS_AT_ONCE = 50_000

UntilOption = Annotated[str | None, typer.Option("--until", help="Nothing recorded after this day is read.")]
AtOption = Annotated[
    Path, typer.Option("--at", help="PAIRS: a CSV or Parquet file with project_id and as_of.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="FILE.csv or FILE.parquet; CSV on standard output unless told.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def features(
    *, at: AtOption, records: RecordsOption = None, out: OutOption = None, as_json: JsonOption = False
) -> None:
    """计算特征矩阵。 The features of each pair.

    One row a pair in the order given. A missing feature stays empty: it is not zero.

    \b
    Examples:
      siterisk features --at pairs.csv --out matrix.parquet
      siterisk features --records my_records/ --at pairs.csv --out matrix.csv
    """
    from features.catalogue import load_catalogue
    from features.fact_index import FactIndex
    from serving.pairs import read_pairs
    from serving.result_files import writable_result

    pairs = read_pairs(at)
    if out is not None:
        writable_result(out)
    with shown_progress() as progress:
        index = FactIndex.build(records_of(records, progress), load_catalogue(), progress)

        def part(rows: pd.DataFrame) -> pd.DataFrame:
            matrix = index.matrix(rows["project_id"].tolist(), rows["as_of"].to_numpy())
            return rows.reset_index(drop=True).join(matrix)

        made = in_parts(pairs, part, "特征 / features", progress)
    _hand_out(made, out, as_json)


def score(
    *,
    at: AtOption,
    records: RecordsOption = None,
    model: Annotated[
        str | None, typer.Option(help="Model folder; the champion in force unless told.")
    ] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """批量评估。 The risks of each pair.

    The same numbers as the service gives. One row a pair in the order given: project_id, as_of, status,
    a risk for each head, grades, reasons.
    A project not on record at as_of keeps its row, with status UNKNOWN and no risks.

    \b
    Examples:
      siterisk score --at pairs.csv --out risks.csv
      siterisk score --records snapshot/ --at pairs.csv --model model/ --out risks.parquet
    """
    from features.catalogue import load_catalogue
    from features.fact_index import FactIndex
    from serving.pairs import read_pairs
    from serving.result_files import writable_result
    from serving.scorer import Scorer, refuse_other_features

    pairs = read_pairs(at)
    if out is not None:
        writable_result(out)
    catalogue, fitted = load_catalogue(), _model(model)
    refuse_other_features(fitted, catalogue)
    with shown_progress() as progress:
        scorer = Scorer(FactIndex.build(records_of(records, progress), catalogue, progress), fitted)

        def part(rows: pd.DataFrame) -> pd.DataFrame:
            return scorer.score(rows["project_id"].tolist(), rows["as_of"].to_numpy())

        made = in_parts(pairs, part, "评估 / score", progress)
    _hand_out(made, out, as_json)


def train(
    *,
    records: RecordsOption = None,
    until: UntilOption = None,
    heads: Annotated[Path | None, typer.Option(help="Heads file of your own, in YAML.")] = None,
    head: Annotated[list[str] | None, typer.Option(help="Only this head; may be repeated.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run in MLflow.")] = None,
    export: Annotated[Path | None, typer.Option(help="Also write the model folder here.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """训练模型。 Train, evaluate, register.

    Everything is logged to MLflow and registered as challenger. The records are frozen as a snapshot
    first, and its fingerprint is logged.

    \b
    Examples:
      siterisk train
      siterisk train --until 2026-06-30 --head accident --head defect
      siterisk train --records my_records/ --heads my_heads.yaml --export model/
    """
    from training.experiment import train as run_training

    settings = _settings()
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
            progress=progress,
        )
    tell_training(done, as_json)


def promote(
    *,
    head: Annotated[str | None, typer.Option(help="Only this head.")] = None,
    version: Annotated[str | None, typer.Option(help="This version instead of the challenger.")] = None,
    as_json: JsonOption = False,
) -> None:
    """启用模型。 Make the challenger champion.

    It is checked first; running services take it over without a restart.

    \b
    Examples:
      siterisk promote
      siterisk promote --version 3
    """
    from training.promotion import promote as switch

    settings = _settings()
    tell_promotion(switch(mlruns=settings.mlruns, home=settings.home, head=head, version=version), as_json)


def rollback(*, as_json: JsonOption = False) -> None:
    """退回上一模型。 Bring the last champion back.

    The champion before the present one is in force again.

    \b
    Example:
      siterisk rollback
    """
    from training.promotion import rollback as switch_back

    settings = _settings()
    tell_promotion(switch_back(mlruns=settings.mlruns, home=settings.home), as_json)


def in_parts(
    pairs: pd.DataFrame, part: Callable[[pd.DataFrame], pd.DataFrame], step: str, progress: Progress
) -> pd.DataFrame:
    """`part` of some pairs at a time, put together in order."""
    import pandas as pd

    starts = range(0, max(len(pairs), 1), PAIRS_AT_ONCE)
    made = []
    for start in starts:
        progress(step, start, len(pairs))
        made.append(part(pairs.iloc[start : start + PAIRS_AT_ONCE]))
    progress(step, len(pairs), len(pairs))
    return pd.concat(made, ignore_index=True)


def _settings() -> Settings:
    return load_settings(os.environ, Path.cwd())


def _model(model: str | None) -> RiskModel:
    from training.risk_model import RiskModel, load_champion

    if model is None:
        return load_champion(_settings().home)
    if "://" in model or model.startswith("models:/"):
        raise InvalidInput(
            zh=f"--model 应为模型文件夹，而不是 {model!r}；用 siterisk train --export 可写出模型文件夹。",
            en=f"--model takes a model folder, not {model!r}; siterisk train --export writes one.",
            field="model",
        )
    return RiskModel.load(Path(model))


def _hand_out(made: pd.DataFrame, out: Path | None, as_json: bool) -> None:
    from serving.result_files import as_csv, as_rows, write_result

    if out is not None:
        write_result(made, out)
        say(f"{len(made)} 行 / rows → {out}")
    if as_json:
        result_json({"rows": len(made), "out": str(out)} if out else as_rows(made))
    elif out is None:
        result(as_csv(made).rstrip("\n"))
