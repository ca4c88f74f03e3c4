"""One training: every head fitted and judged, the folder written, MLflow told."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from data_contracts.contract import contracts
from data_contracts.errors import NotEnoughData
from data_contracts.moments import knowledge_moment, now
from data_contracts.progress import Progress, silent
from data_contracts.records import Records
from features.catalogue import Catalogue, load_catalogue
from features.fact_index import FactIndex
from training.checks import outcomes_delivered
from training.head_rows import City
from training.head_training import HeadTraining, Oracle, TrainedHead
from training.heads import Head, load_heads
from training.judged_rows import keep_judged_rows
from training.model_folder import VERSION_DIGITS, VerifiedFolder, sha256_of, write_model_folder
from training.outcome_silence import Silence, silence_of
from training.passport import folder_files, passport_of
from training.risk_model import EXPECTED
from training.run_log import RunMaterial, git_revision, kept_folder, log_training, tracking
from training.search import checked_minutes
from training.searched_heads import HeadSearch, NoSearch, search_heads
from training.side_by_side import side_by_side
from training.splits import TestDates
from training.training_page import training_page
from training.verdict import Verdict

ROWS_TO_EXPLAIN = 600  # a plot of more is a smear


@dataclass(frozen=True)
class TrainingResult:
    """What a training made: the folder, the page for people and, for each head, its figures, MLflow run and version.

    `left_out` says in two languages why a head of the file could not be trained, `silences` which one was
    trained to an earlier moment than `until`, because its outcomes have not been delivered up to there. `checks` are
    the verdicts on each head, `searches` what came of the search of its parameters where one was asked for.
    """

    folder: Path
    page: Path
    version: str
    sha256: str
    until: pd.Timestamp
    snapshot_sha256: str
    figures: dict[str, dict[str, Any]]
    runs: dict[str, str]
    registered: dict[str, str]
    left_out: dict[str, NotEnoughData] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    checks: dict[str, list[Verdict]] = field(default_factory=dict)
    searches: dict[str, HeadSearch | NoSearch] = field(default_factory=dict)


def train(
    records: Records,
    *,
    mlruns: Path,
    until: str | pd.Timestamp | None = None,
    heads_file: Path | None = None,
    heads: Sequence[str] | None = None,
    name: str | None = None,
    export: Path | None = None,
    seed: int = 1,
    threads: int | None = None,
    catalogue: Catalogue | None = None,
    dates: TestDates | None = None,
    oracles: Mapping[str, Oracle] | None = None,
    simulated: bool = False,
    search_minutes: float | None = None,
    progress: Progress = silent,
) -> TrainingResult:
    """Train the heads of a file on what was on file at `until` (default: the newest record).

    Nothing recorded after `until` is read. A head with too few outcomes is left out and said so;
    NotEnoughData is raised when none is left. Each trained head is logged to MLflow under `mlruns` and
    registered there as challenger; the auditable folder is kept beside it and copied to `export`. `oracles` give the
    true risk of a head's rows where it is known, which only evaluations see; `simulated` says that records are made up.
    With `search_minutes` the parameters of trees are searched first; InvalidInput unless they are above 0.
    """
    if search_minutes is not None:
        checked_minutes(search_minutes)
    declared = load_heads(heads_file)
    asked = load_heads(heads_file, only=list(heads) if heads else None)
    moment = knowledge_moment(until) if until is not None else newest_record(records)
    catalogue = catalogue or load_catalogue()
    known = records.known_until(moment)
    index = FactIndex.build(known, catalogue, progress)
    workers, threads_each = _shared_out(threads, len(asked))
    lenders = frozenset(head.borrows for head in asked if head.borrows)
    city = City(known, index, moment, dates or TestDates(), seed, threads_each, lenders)
    plans = _plans(asked, declared, city, oracles or {}, progress)
    silences = {plan.head.name: each for plan in plans if (each := silence_of(plan.head, known, moment))}
    plans = [_as_believed(plan, silences.get(plan.head.name)) for plan in plans]
    searches: dict[str, HeadSearch | NoSearch] = {}
    with threadpool_limits(1, user_api="blas"):  # as in _shared_out
        if search_minutes is not None:
            plans, searches = search_heads(plans, search_minutes)
        trained, left_out = _train_heads(plans, silences, workers)
    judged_rows = {head.head.name: keep_judged_rows(Path(mlruns), head) for head in trained}
    passport = passport_of(
        trained,
        name=name or f"until {moment:%Y-%m-%d}",
        created_at=now(),
        until=moment,
        records=records,
        catalogue=catalogue,
        seed=seed,
        left_out={head: str(error) for head, error in left_out.items()},
        silences=silences,
        searches=searches,
        judged_rows=judged_rows,
        simulated=simulated,
        revision=git_revision(Path(__file__).parent),
    )
    folder = _keep(folder_files(passport, trained, seed), Path(mlruns), export)
    runs = _log(Path(mlruns), trained, folder, passport, searches=searches, progress=progress)
    return TrainingResult(
        folder=export if export is not None else folder.path,
        page=_write_page(Path(mlruns), folder.version, passport),
        version=folder.version,
        sha256=folder.sha256,
        until=moment,
        snapshot_sha256=records.fingerprint,
        figures={head.head.name: head.evaluation for head in trained},
        runs={head: run["run_id"] for head, run in runs.items()},
        registered={head: run["version"] for head, run in runs.items()},
        left_out=left_out,
        silences=silences,
        checks={head.head.name: head.checks for head in trained},
        searches={head.head.name: searches[head.head.name] for head in trained if searches},
    )


def _plans(
    asked: Sequence[Head],
    declared: Sequence[Head],
    city: City,
    oracles: Mapping[str, Oracle],
    progress: Progress,
) -> list[HeadTraining]:
    """What is to be trained: a head may borrow from one of the same file that is not asked for itself."""
    every = {head.name: head for head in declared}
    return [
        HeadTraining(head, city, every.get(head.borrows or ""), oracles.get(head.name), progress)
        for head in asked
    ]


def _as_believed(plan: HeadTraining, silence: Silence | None) -> HeadTraining:
    """The training, of a silent head as of its newest outcome."""
    return plan if silence is None else replace(plan, city=replace(plan.city, until=silence.newest))


def _train_heads(
    plans: Sequence[HeadTraining], silences: Mapping[str, Silence], workers: int
) -> tuple[list[TrainedHead], dict[str, NotEnoughData]]:
    """The heads that can be trained, side by side, and why the others cannot."""

    def task(plan: HeadTraining) -> Callable[[Progress], TrainedHead | NotEnoughData]:
        return lambda told: _trained(replace(plan, progress=told), silences.get(plan.head.name))

    found = side_by_side([task(plan) for plan in plans], workers, plans[0].progress)
    trained = [one for one in found if isinstance(one, TrainedHead)]
    left_out = {
        plan.head.name: one for plan, one in zip(plans, found, strict=True) if isinstance(one, NotEnoughData)
    }
    if not trained:
        raise _none_left(left_out)
    return trained, left_out


def _trained(plan: HeadTraining, silence: Silence | None) -> TrainedHead | NotEnoughData:
    try:
        head = plan.train()
    except NotEnoughData as error:
        return error
    return replace(head, checks=[outcomes_delivered(silence), *head.checks])


def _shared_out(threads: int | None, heads: int) -> tuple[int, int]:
    """How many heads are trained at a time, and on how many threads of LightGBM each.

    Side by side each has one, because all calls of LightGBM in a process have to say the same
    (`training.block_predictions`); one head more than cores keeps these busy to the end. A head alone has all cores but
    one: threads that wait for one another on a busy core take many times as long.
    """
    cores = threads or os.cpu_count() or 1
    if heads > 1 and cores > 1:
        return min(heads, cores + 1), 1
    return 1, threads or max(cores - 1, 1)


def newest_record(records: Records) -> pd.Timestamp:
    """The end of the day of the newest record of any table; NotEnoughData where there is none at all."""
    newest = max((records.table(name)["recorded_at"].max() for name in contracts()), key=_or_never)
    if pd.isna(newest):
        raise NotEnoughData(
            zh="没有任何记录可用于训练。请先运行 siterisk load 载入数据。",
            en="There are no records to train on. Load some with siterisk load.",
            field="records",
        )
    return knowledge_moment(newest.date())


def _or_never(moment: pd.Timestamp) -> pd.Timestamp:
    return pd.Timestamp.min if pd.isna(moment) else moment


def _keep(files: dict[str, bytes], mlruns: Path, export: Path | None) -> VerifiedFolder:
    """The folder under `mlruns`, named after its version, and a copy where it was asked for."""
    kept = write_model_folder(kept_folder(mlruns, sha256_of(files)[:VERSION_DIGITS]), files)
    if export is not None:
        write_model_folder(Path(export), files)
    return kept


def _write_page(mlruns: Path, version: str, passport: dict[str, Any]) -> Path:
    """The page for people, beside the model folders: `<mlruns>/artifacts/reports/<version>.html`."""
    page = mlruns / "artifacts" / "reports" / f"{version}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(training_page(passport), encoding="utf-8")
    return page


def _log(
    mlruns: Path,
    trained: list[TrainedHead],
    folder: VerifiedFolder,
    passport: dict[str, Any],
    *,
    searches: Mapping[str, HeadSearch | NoSearch],
    progress: Progress,
) -> dict[str, dict[str, str]]:
    runs = {}
    with tracking(mlruns) as mlflow:
        for place, head in enumerate(trained):
            progress("登记 / MLflow", place, len(trained))
            material = _material(head, passport["seed"], searches.get(head.head.name))
            runs[head.head.name] = log_training(mlflow, mlruns, head, folder, passport, material=material)
        progress("登记 / MLflow", len(trained), len(trained))
    return runs


def _material(head: TrainedHead, seed: int, search: HeadSearch | NoSearch | None) -> RunMaterial:
    """What the plots of a run are drawn from: the judged rows' risks, and contributions to some of them; and tables."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(head.test_risk))[:ROWS_TO_EXPLAIN])
    features = pd.DataFrame(head.test.features[chosen], columns=list(head.names))
    model = head.model
    contributions = model.contributions(head.test.features[chosen])
    return RunMaterial(
        happened=head.test.happened,
        risk=head.test_risk,
        features=features,
        contributions=pd.DataFrame(contributions, columns=[*head.names, EXPECTED]),
        points=model.scorecard.points_table() if model.scorecard is not None else None,
        trials=search.search.table() if isinstance(search, HeadSearch) else None,
    )


def _none_left(left_out: dict[str, NotEnoughData]) -> NotEnoughData:
    reasons = list(left_out.values())
    return NotEnoughData(
        zh="没有一个目标可以训练。" + " ".join(error.zh for error in reasons),
        en="No head could be trained. " + " ".join(error.en for error in reasons),
        field="head",
    )
