"""`siterisk synth`, `check`, `load` and `snapshot`."""

from __future__ import annotations

import datetime as dt
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_contracts.errors import CheckFailed, ForbiddenColumn, InvalidInput, SourceUnreadable
from serving.command_line.given_records import RecordsOption, records_of
from serving.command_line.terminal import result, result_json, say, shown_progress, table
from serving.settings import load_settings

if TYPE_CHECKING:
    from data_contracts.quality_report import IntakeReport
    from data_contracts.record_store import RecordStore

SourceArgument = Annotated[
    str, typer.Argument(metavar="SOURCE", help="Folder, file or database with the records.")
]
StampOption = Annotated[
    bool, typer.Option("--stamp", help="Rows without recorded_at get the moment of arrival.")
]
DbOption = Annotated[
    str | None, typer.Option("--db", metavar="URL", help="Record store; the installation's own unless told.")
]
AloneOption = Annotated[
    bool, typer.Option("--alone", help="Check the records by themselves, against no record store.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def check(
    *,
    source: SourceArgument,
    db: DbOption = None,
    alone: AloneOption = False,
    stamp: StampOption = False,
    as_json: JsonOption = False,
) -> None:
    """校验数据。 Validate records, store nothing.

    Says what a load would do: against the record store as it stands, so that a delivery of changes finds
    its projects there; by itself where there is no store yet, or with --alone. Every failing row is told
    with table, row, column, rule and value, in Chinese and English. Ends with the code of CHECK_FAILED if
    any row would go to quarantine.

    \b
    Examples:
      siterisk check my_records/
      siterisk check my_records/ --alone
      siterisk check my_records/ --json > report.json
    """
    from data_contracts.intake import check as check_source

    with _store_to_meet(db, alone) as store, shown_progress() as progress:
        report = check_source(source, store=store, stamp_missing=stamp, progress=progress)
    _tell_report(report, as_json)
    _raise_refused(report)
    if report.quarantined:
        raise CheckFailed(
            zh=f"{report.quarantined} 行未通过校验；请按上文逐条更正。",
            en=f"{report.quarantined} rows fail; the report says why.",
        )


def load(
    *, source: SourceArgument, db: DbOption = None, stamp: StampOption = False, as_json: JsonOption = False
) -> None:
    """校验并入库。 Validate records and store them.

    Failing rows go to quarantine, good rows go on. Loading the same again changes nothing; a corrected
    row becomes a new version. Quarantined rows are
    told and do not make the command fail; a refused file does.

    \b
    Examples:
      siterisk load my_records/
      siterisk load my_records/ --db postgresql://siterisk@db/siterisk
    """
    from data_contracts.intake import load as load_source
    from data_contracts.record_store import RecordStore

    with RecordStore.open(db or load_settings(os.environ, Path.cwd()).store_url) as store:
        with shown_progress() as progress:
            report = load_source(source, store, stamp_missing=stamp, progress=progress)
        _tell_report(report, as_json)
    _raise_refused(report)


def _store_to_meet(db: str | None, alone: bool) -> AbstractContextManager[RecordStore | None]:
    """The store that a load would meet; none with `alone`, or where the installation has none yet."""
    from data_contracts.record_store import RecordStore

    if db is not None and alone:
        raise InvalidInput(
            zh="--db 与 --alone 只能给出其一。", en="Give either --db or --alone, not both.", field="alone"
        )
    url = db or load_settings(os.environ, Path.cwd()).store_url
    file = url.removeprefix("sqlite:///")
    if alone or (db is None and file != url and not Path(file).exists()):
        return nullcontext()
    return RecordStore.open(url, create=False)


def _raise_refused(report: IntakeReport) -> None:
    """A file that was refused makes the command fail, with the class of the first one's error."""
    if not report.refused:
        return
    names = "、".join(file["name"] for file in report.refused)
    forbidden = any(file["code"] == ForbiddenColumn.code for file in report.refused)
    raise (ForbiddenColumn if forbidden else SourceUnreadable)(
        zh=f"拒收 {len(report.refused)} 个文件：{names}；原因见上文，其余文件照常处理。",
        en=f"Refused: {names}. The report says why; the other files were taken as usual.",
    )


def _tell_report(report: IntakeReport, as_json: bool) -> None:
    if as_json:
        result_json(report.to_dict())
    else:
        result(str(report))


def synth(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    projects: Annotated[int, typer.Option(help="Sites active at any time.", min=1, max=1_000_000)] = 4600,
    years: Annotated[int, typer.Option(help="Years of records.", min=1, max=50)] = 6,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 1,
    last_day: Annotated[str, typer.Option(help="Last day of the records.")] = "2025-12-31",
    table_format: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Print generated rates beside published ones.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """生成模拟城市。 Write a synthetic city.

    Contract tables, and the hidden truth in a folder apart (truth/). Same seed, same bytes. Then the
    generated rates are printed beside the figures that the city was made after.

    \b
    Examples:
      siterisk synth --out city/
      siterisk synth --out city/ --projects 400 --years 3 --seed 7 --format csv
    """
    from data_contracts.moments import as_of_moment
    from data_contracts.synthetic_city import (
        compare_with_domain,
        comparison_json,
        comparison_text,
        write_city,
    )

    day: dt.date = as_of_moment(last_day).date()
    with shown_progress() as progress:
        write_city(
            out,
            projects=projects,
            years=years,
            seed=seed,
            last_day=day,
            table_format=table_format,  # type: ignore[arg-type]  # write_city refuses what it does not know
            progress=progress,
        )
    say(f"模拟城市已写入 / synthetic city written → {out}")
    if compare:
        compared = compare_with_domain(out)
        result(comparison_json(compared) if as_json else comparison_text(compared))


def snapshot(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; it must not exist or be empty.")],
    records: RecordsOption = None,
    as_json: JsonOption = False,
) -> None:
    """冻结快照。 Freeze the records as Parquet.

    The snapshot carries a fingerprint, the same for the same content, and stands wherever a SOURCE does.

    \b
    Examples:
      siterisk snapshot --out snapshots/2026-06-30
      siterisk snapshot --records my_records/ --out snapshots/mine
    """
    from data_contracts.snapshot import snapshot as freeze

    with shown_progress() as progress:
        frozen = freeze(records_of(records, progress), out, progress)
    told = {"out": str(out), "fingerprint": frozen.fingerprint, "store_version": frozen.store_version}
    if as_json:
        result_json({**told, "rows": frozen.rows})
    else:
        result(table(list(frozen.rows.items()), ("表 table", "行 rows")))
        result(f"指纹 fingerprint {frozen.fingerprint}")
        say(f"快照已写入 / snapshot written → {out}")
