"""`siterisk ledger archive`, `import` and `list`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.command_line.asked_pairs import JsonOption
from serving.command_line.terminal import result, result_json, shown_progress, table
from serving.settings import load_settings

if TYPE_CHECKING:
    from data_contracts.record_store import RecordStore

HEADER = ("移动 move", "文件 file", "评估 decisions", "自 from", "至 to", "sha256")
ABOUT = """台账归档。 Old answers of the ledger: moved to files, taken back, listed.

An answer stays in the store for the years that the policy ledger_retention tells; until it is archived, for good.

\b
Examples:
  siterisk ledger archive --before 2016-01-01 ledger-2015.db
  siterisk ledger import ledger-2015.db
  siterisk ledger list
"""

DbOption = Annotated[
    str | None, typer.Option("--db", metavar="URL", help="Record store; the installation's own unless told.")
]


def ledger_group() -> typer.Typer:
    """The three commands about the ledger."""
    group = typer.Typer(name="ledger", help=ABOUT, no_args_is_help=True, rich_markup_mode=None)
    for name, command in (("archive", archive), ("import", take_back), ("list", list_moves)):
        group.command(name)(command)
    return group


def archive(
    to: Annotated[
        Path,
        typer.Argument(metavar="TO", help="归档文件，须尚不存在。 The file to write; must not be there."),
    ],
    *,
    before: Annotated[str, typer.Option(metavar="DATE", help="Answers asked for before 00:00 of that day.")],
    db: DbOption = None,
    as_json: JsonOption = False,
) -> None:
    """将旧评估移至文件。 Move old answers from the store to a file.

    The file is a SQLite database with the ledger's tables. It is written whole and compared with the store row by row;
    only then the rows are taken out, and the store notes which file has them. Answers that the policy ledger_retention
    still keeps are refused. Keep the file as long as you may be asked: without it they cannot be computed again.

    \b
    Example:
      siterisk ledger archive --before 2016-01-01 ledger-2015.db
    """
    from data_contracts.moments import as_of_moment, now
    from serving.ledger.archive import archive_ledger

    day = as_of_moment(before).date()
    with _store(db) as store, shown_progress() as progress:
        moved = archive_ledger(store.engine, day, to, now(), progress)
    _tell([vars(moved)], as_json)


def take_back(
    source: Annotated[
        Path, typer.Argument(metavar="FROM", help="归档文件。 A file that ledger archive wrote.")
    ],
    *,
    db: DbOption = None,
    as_json: JsonOption = False,
) -> None:
    """将归档的评估移回记录库。 Take archived answers back into the store, to read or replay them.

    \b
    Example:
      siterisk ledger import ledger-2015.db
    """
    from data_contracts.moments import now
    from serving.ledger.archive import import_ledger

    with _store(db) as store:
        moved = import_ledger(store.engine, source, now())
    _tell([vars(moved)], as_json)


def list_moves(*, db: DbOption = None, as_json: JsonOption = False) -> None:
    """列出归档记录。 List what was moved, and to which files.

    \b
    Example:
      siterisk ledger list --json
    """
    from serving.ledger.archive import moves_of

    with _store(db) as store:
        moves = moves_of(store.engine)
    if as_json:
        result_json(moves)
    else:
        _tell(moves, as_json=False)


def _store(db: str | None) -> RecordStore:
    from data_contracts.record_store import RecordStore

    return RecordStore.open(db or load_settings(os.environ, Path.cwd()).store_url, create=False)


def _tell(moves: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        result_json(moves[0])
        return
    rows = [
        (
            *(one["kind"], one["file"], one["decisions"]),
            *(f"{one[name]:%Y-%m-%d}" for name in ("first_asked_at", "last_asked_at")),
            one["sha256"][:12],
        )
        for one in moves
    ]
    result(table(rows, HEADER))
