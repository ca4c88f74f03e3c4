"""What a promotion or rollback writes down: its line in the ledger, and the pointer that goes with it."""

from __future__ import annotations

import getpass
import os
import uuid
from dataclasses import dataclass
from typing import Any

from data_contracts.moments import now

Pointer = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """Who asked for a switch, and why; without a name the user of the process."""

    who: str | None = None
    why: str | None = None


def ledger_line(
    action: str, version: str, sha256: str, *, asked: Asked, before: Pointer | None
) -> dict[str, Any]:
    """The line that every switch has; `before` is the pointer in force."""
    return {
        "promotion": uuid.uuid4().hex,
        "after": before.get("promotion") if before else None,
        "at": now().isoformat(),
        "who": asked.who or _user(),
        "why": asked.why,
        "action": action,
        "version": version,
        "sha256": sha256,
        "replaced": before["version"] if before else None,
    }


def pointer_after_promotion(line: dict[str, Any], before: Pointer | None) -> Pointer:
    """The pointer of a promotion: what was in force joins the history."""
    history = []
    if before:
        history = [*before["history"], {name: value for name, value in before.items() if name != "history"}]
    return {
        "version": line["version"],
        "sha256": line["sha256"],
        "promotion": line["promotion"],
        "heads": line["in_force"],
        "history": history,
    }


def pointer_after_rollback(line: dict[str, Any], before: Pointer) -> Pointer:
    """The pointer of a rollback: the last of the history is in force again."""
    return {**before["history"][-1], "promotion": line["promotion"], "history": before["history"][:-1]}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return f"uid {os.getuid()}"
