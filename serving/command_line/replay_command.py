"""`siterisk replay`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from data_contracts.errors import CheckFailed
from serving.command_line.asked_pairs import JsonOption
from serving.command_line.terminal import result, result_json, say, table
from serving.settings import load_settings

DIFFERENCES = ("字段 field", "当时 answered", "重算 replayed")


def replay(
    decision_id: Annotated[
        str,
        typer.Argument(metavar="DECISION", help="评估记录编号（decision_id）。 The number of a decision."),
    ],
    *,
    db: Annotated[
        str | None,
        typer.Option("--db", metavar="URL", help="Record store; the installation's own unless told."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """重算评估记录并比较。 Compute an old answer again, and compare.

    From the records as the store held them then, and with the model of then, whose folder is kept in the home.
    Rows that arrived later stay out, whatever time they claim. Ends with 0 where every figure and every feature is
    the same to the last digit, with 9 where one is not or the records of then are gone, with 10 where the model is.

    \b
    Examples:
      siterisk replay 019c0a5e7b30a1b2c3d4e5f6a70000
      siterisk replay 019c0a5e7b30a1b2c3d4e5f6a70000 --json
    """
    from data_contracts.record_store import RecordStore
    from serving.calls.replay import replay as computed_again
    from serving.ledger.decisions import decision
    from serving.past_states import PastStates

    settings = load_settings(os.environ, Path.cwd())
    with RecordStore.open(db or settings.store_url, create=False) as store:
        held = decision(store, decision_id)
        say(
            f"重建记录库版本 {held.mark.version} / rebuilding the records of store version {held.mark.version}"
        )
        told = computed_again(store, PastStates(lambda: store, settings.home), held)
    if as_json:
        result_json(told)
    else:
        _tell(told)
    if not told["equal"]:
        raise CheckFailed(
            zh=f"重算结果有 {len(told['differences'])} 处与当时不同，见上文。",
            en=f"{len(told['differences'])} fields were not computed again as they were answered; they are listed above.",
            field="decision_id",
        )


def _tell(told: dict[str, Any]) -> None:
    answered = told["answered"]
    result(f"{told['decision_id']}  {answered['project_id']}  as_of {answered['as_of']}")
    result(f"模型 model {told['model_sha256'][:12]} · 记录库版本 store version {told['store_version']}")
    if told["otherwise"]:
        result(f"与当时不同的依据 / not as it was then: {', '.join(told['otherwise'])}")
    if told["equal"]:
        result("逐项相同 / the same, to the last digit")
    else:
        result(table([tuple(each.values()) for each in told["differences"]], DIFFERENCES))
