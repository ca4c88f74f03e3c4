"""MLflow's alias `champion` follows the pointer: what is in force is what the pointer says, never the alias.

A promotion that dies between the two leaves the alias behind; whatever promotes, rolls back or trains next
sets it right.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.champion_ledger import one_at_a_time, pointer_or_none
from training.run_log import CHAMPION, model_name, tracking


def follow_pointer(client: Any, pointer: dict[str, Any] | None) -> tuple[str, ...]:
    """Set the alias of every head in force, and take it from heads that are not; what could not be set.

    Without a pointer nothing is touched. A version that this registry does not hold, as after MLflow's
    database has been made anew, is told in two languages and stops nothing; nor does a registry that fails.
    """
    from mlflow.exceptions import MlflowException

    if pointer is None:
        return ()
    told = []
    wanted = {model_name(head): str(number) for head, number in pointer["heads"].items()}
    try:
        there = {model.name: model for model in client.search_registered_models()}
        ours = [name for name in there if name.startswith(model_name(""))]
        for name in sorted({*wanted, *ours}):
            set_to = dict(there[name].aliases).get(CHAMPION) if name in there else None
            if name not in wanted:
                if set_to is not None:
                    client.delete_registered_model_alias(name, CHAMPION)
            elif str(set_to) != wanted[name]:
                try:
                    client.set_registered_model_alias(name, CHAMPION, wanted[name])
                except MlflowException as error:
                    told.append(_behind(f"{name} {wanted[name]}", error))
    except (MlflowException, OSError) as error:
        told.append(_behind("siterisk-*", error))
    return tuple(told)


def repair(*, mlruns: Path, home: Path) -> tuple[str, ...]:
    """Set the alias right after a promotion that was cut short; what could not be set. Nothing without a champion."""
    if pointer_or_none(home) is None:
        return ()
    with tracking(mlruns) as mlflow, one_at_a_time(home):
        return follow_pointer(mlflow.MlflowClient(), pointer_or_none(home))


def _behind(what: str, error: Exception) -> str:
    reason = str(error).splitlines()[0]
    return (
        f"MLflow's alias champion of {what} could not be set ({reason}); the next promote, rollback or train tries "
        f"again / MLflow 中 {what} 的 champion 别名未能更新，下次启用、退回或训练时会重试"
    )
