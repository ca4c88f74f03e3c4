"""One training: every head fitted and judged, the folder written, MLflow told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.contract import contracts
from data_contracts.errors import NotEnoughData
from data_contracts.moments import knowledge_moment, now
from data_contracts.progress import Progress, silent
from data_contracts.records import Records
from data_contracts.simulated import is_simulated
from features.catalogue import Catalogue, load_catalogue
from features.fact_index import FactIndex
from training.head_rows import City
from training.head_training import Oracle, TrainedHead
from training.heads import load_heads
from training.judged_rows import keep_judged_rows
from training.model_folder import VERSION_DIGITS, VerifiedFolder, sha256_of, write_model_folder
from training.outcome_silence import Silence
from training.passport import folder_files, passport_of
from training.risk_model import EXPECTED
from training.run_log import RunMaterial, git_revision, kept_folder, log_training, tracking
from training.search import checked_minutes
from training.searched_heads import HeadSearch, NoSearch
from training.splits import TestDates
from training.trained_heads import TrainedHeads, plans_of, shared_out, train_heads
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
    search_minutes: float | None = None,
    progress: Progress = silent,
) -> TrainingResult:
    """Train the heads of a file on what was on file at `until` (default: the newest record).

    Nothing recorded after `until` is read. A head with too few outcomes is left out and said so;
    NotEnoughData is raised when none is left. Each trained head is logged to MLflow under `mlruns` and
    registered there as challenger; the auditable folder is kept beside it and copied to `export`. `oracles` give the
    true risk of a head's rows where it is known, which only evaluations see.
    With `search_minutes` the parameters of trees are searched first; InvalidInput unless they are above 0. `threads` fit
    trees. Nothing else of the process may use LightGBM meanwhile: see `training.block_predictions`.
    """
    if search_minutes is not None:
        checked_minutes(search_minutes)
    declared = load_heads(heads_file)
    asked = load_heads(heads_file, only=list(heads) if heads else None)
    moment = knowledge_moment(until) if until is not None else newest_record(records)
    catalogue = catalogue or load_catalogue()
    known = records.known_until(moment)
    index = FactIndex.build(known, catalogue, progress)
    workers, threads_each = shared_out(threads, len(asked))
    lenders = frozenset(head.borrows for head in asked if head.borrows)
    city = City(known, index, moment, dates or TestDates(), seed, threads_each, lenders)
    plans = plans_of(asked, declared, city, oracles or {}, progress)
    made = train_heads(plans, workers, search_minutes)
    passport = passport_of(
        made.trained,
        name=name or f"until {moment:%Y-%m-%d}",
        created_at=now(),
        until=moment,
        records=records,
        catalogue=catalogue,
        seed=seed,
        left_out={head: str(error) for head, error in made.left_out.items()},
        silences=made.silences,
        searches=made.searches,
        judged_rows={head.head.name: keep_judged_rows(Path(mlruns), head) for head in made.trained},
        simulated=is_simulated(records),
        revision=git_revision(Path(__file__).parent),
    )
    folder = _keep(folder_files(passport, made.trained, seed), Path(mlruns), export)
    runs = _log(Path(mlruns), made, folder, passport, progress)
    return TrainingResult(
        folder=export if export is not None else folder.path,
        page=_write_page(Path(mlruns), folder.version, passport),
        version=folder.version,
        sha256=folder.sha256,
        until=moment,
        snapshot_sha256=records.fingerprint,
        figures={head.head.name: head.evaluation for head in made.trained},
        runs={head: run["run_id"] for head, run in runs.items()},
        registered={head: run["version"] for head, run in runs.items()},
        left_out=made.left_out,
        silences=made.silences,
        checks={head.head.name: head.checks for head in made.trained},
        searches=made.searches,
    )


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
    mlruns: Path, made: TrainedHeads, folder: VerifiedFolder, passport: dict[str, Any], progress: Progress
) -> dict[str, dict[str, str]]:
    runs = {}
    with tracking(mlruns) as mlflow:
        for place, head in enumerate(made.trained):
            progress("登记 / MLflow", place, len(made.trained))
            material = _material(head, passport["seed"], made.searches.get(head.head.name))
            runs[head.head.name] = log_training(mlflow, mlruns, head, folder, passport, material=material)
        progress("登记 / MLflow", len(made.trained), len(made.trained))
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
