"""What a promotion came to, and what was in force before, as people and machines read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.command_line.terminal import result, result_json, table

if TYPE_CHECKING:
    from training.promotion import Promotion

HISTORY_HEADER = (
    "时间 at",
    "操作 action",
    "版本 version",
    "此前 replaced",
    "目标 heads",
    "操作人 who",
    "原因 why",
)


def tell_promotion(done: Promotion, as_json: bool) -> None:
    """Which heads were refused and why; which model is in force now; how it did beside the one before, and doubts."""
    if as_json:
        result_json(
            {
                "version": done.version,
                "sha256": done.sha256,
                "folder": str(done.folder),
                "heads": done.heads,
                "replaced": done.replaced,
                "changed": done.changed,
                "refused": {head: {"zh": why.zh, "en": why.en} for head, why in done.refused.items()},
                "against_champion": {head: each.as_json() for head, each in done.comparisons.items()},
                "doubts": list(done.doubts),
            }
        )
        return
    heads = ", ".join(f"{head} v{number}" for head, number in done.heads.items())
    if done.changed:
        result(f"在用模型 / champion {done.version}: {heads}" + _replacing(done.replaced))
    else:
        result(f"在用模型未变 / champion unchanged {done.version}: {heads}")
    for why in done.refused.values():
        result(f"{why.zh}\n{why.en}")
    for head, comparison in done.comparisons.items():
        if head not in done.refused:
            result(f"{head}: {comparison.verdict.zh}\n{head}: {comparison.verdict.en}")
    for doubt in done.doubts:
        result(doubt)


def tell_history(home: Path, at: str | None, as_json: bool) -> None:
    """The promotions and rollbacks that took effect; with `at`, those of the champions in force then.

    A bare date is the whole day, on which there may have been several.
    """
    from data_contracts.moments import as_of_moment, knowledge_moment
    from training.champion_ledger import champions_between, history

    lines = history(home) if at is None else champions_between(home, as_of_moment(at), knowledge_moment(at))
    if as_json:
        result_json({"champions": [_told(home, line) for line in lines]})
        return
    result(table([_row(line) for line in lines], HISTORY_HEADER))


def _told(home: Path, line: dict[str, Any]) -> dict[str, Any]:
    """The line, with where its model is and what each of its heads was trained on."""
    from data_contracts.errors import ModelInvalid, NotFound
    from training.champion_composition import trained_on
    from training.champion_ledger import version_folder
    from training.model_folder import read_verified

    folder = version_folder(home, line["version"])
    try:
        data = trained_on(read_verified(folder, sha256=line["sha256"]))
    except (ModelInvalid, NotFound):
        return {**line, "folder": None, "trained_on": None}
    return {**line, "folder": str(folder), "trained_on": data}


def _row(line: dict[str, Any]) -> tuple[Any, ...]:
    heads = ", ".join(f"{head} v{number}" for head, number in line.get("in_force", {}).items())
    return (
        line["at"][:19],
        line["action"],
        line["version"],
        line["replaced"] or "–",
        heads or "–",
        line["who"],
        line.get("why") or "–",
    )


def _replacing(version: str | None) -> str:
    return f"（此前 / before: {version}）" if version else ""
