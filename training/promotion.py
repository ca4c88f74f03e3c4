"""Promotion: the challenger becomes the champion, or is refused with its reason; rollback undoes it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_contracts.errors import CheckFailed, ModelInvalid, NotFound
from training.challengers import Candidate, all_refused, candidates_for, doubts_about, refusal_of
from training.champion_alias import follow_pointer, repair
from training.champion_comparison import Comparison, compare
from training.champion_composition import composed_files
from training.champion_ledger import (
    append_line,
    champion_on,
    clear_leftovers,
    history,
    one_at_a_time,
    pointer_or_none,
    switch_pointer,
    sync_folders,
    version_folder,
)
from training.ledger_line import Asked, ledger_line, pointer_after_promotion, pointer_after_rollback
from training.model_folder import (
    VERSION_DIGITS,
    VerifiedFolder,
    champion_folder,
    champion_pointer,
    read_verified,
    sha256_of,
    write_model_folder,
)
from training.run_log import tracking
from training.verdict import check_failed
from training.verification import verify_apart

__all__ = ["Promotion", "champion_folder", "champion_on", "history", "promote", "repair", "rollback"]


@dataclass(frozen=True)
class Promotion:
    """What is in force after a promotion or rollback.

    `heads`: the registered version of each head; `refused`: heads that were not promoted, and why; `comparisons`:
    each head beside the champion before (TRN013); `doubts`: what could not be told, or was warned of, about
    heads that were promoted; `replaced`: the version that was in force before, None if there was none;
    `changed` is False when the challenger was the champion already.
    """

    version: str
    sha256: str
    folder: Path
    heads: dict[str, str]
    replaced: str | None
    changed: bool = True
    refused: dict[str, CheckFailed] = field(default_factory=dict)
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


def promote(
    *,
    mlruns: Path,
    home: Path,
    head: str | None = None,
    version: str | None = None,
    who: str | None = None,
    why: str | None = None,
) -> Promotion:
    """Put the challenger of each head (or of one) in force; `version` chooses another registered one.

    A head of which a check that refuses has failed, or was never asked, is refused and, if it is in force,
    stays as it is; so is one that does worse than the champion on the same newest rows. Raises CheckFailed
    when nothing is left to promote, NotFound without a challenger, ModelInvalid if a folder fails in a
    process of its own, StoreUnavailable on a full disk; the champion is then unchanged.
    """
    with tracking(mlruns) as mlflow, one_at_a_time(home):
        client = mlflow.MlflowClient()
        before = pointer_or_none(home)
        clear_leftovers(home)
        follow_pointer(client, before)
        gate = _gate(candidates_for(client, Path(mlruns), head, version), home, before, Path(mlruns))
        if not gate.passing:
            raise all_refused(gate.refused)
        folder = _composed(home, gate.passing, before)
        if before and before["sha256"] == folder.sha256:
            return _promotion(home, before, before["version"], gate.refused, changed=False)
        if folder.sha256 not in gate.verified:
            verify_apart(folder.path, folder.sha256)
        asked = Asked(who, why)
        line = ledger_line("promote", folder.version, folder.sha256, asked=asked, before=before) | gate.noted(
            before
        )
        pointer = pointer_after_promotion(line, before)
        append_line(home, line)
        switch_pointer(home, pointer)
        behind = follow_pointer(client, pointer)
    doubts = tuple(doubt for each in gate.passing for doubt in doubts_about(each))
    done = _promotion(home, pointer, line["replaced"], gate.refused)
    return replace(done, comparisons=gate.comparisons, doubts=doubts + behind)


def rollback(*, mlruns: Path, home: Path, who: str | None = None, why: str | None = None) -> Promotion:
    """Put the champion before the present one in force again, whatever checks there were in its time.

    Raises NotFound if there is none, ModelInvalid if its folder is broken; nothing is changed then.
    """
    with tracking(mlruns) as mlflow, one_at_a_time(home):
        client = mlflow.MlflowClient()
        before = champion_pointer(home)
        clear_leftovers(home)
        follow_pointer(client, before)
        if not before["history"]:
            raise NotFound(
                zh=f"在用模型 {before['version']} 之前没有其他模型，无法退回。",
                en=f"There was no champion before {before['version']}; nothing to roll back to.",
                field="version",
            )
        earlier = before["history"][-1]
        verify_apart(version_folder(home, earlier["version"]), earlier["sha256"])
        asked = Asked(who, why)
        line = ledger_line("rollback", earlier["version"], earlier["sha256"], asked=asked, before=before)
        line["in_force"] = earlier["heads"]
        pointer = pointer_after_rollback(line, before)
        append_line(home, line)
        switch_pointer(home, pointer)
        behind = follow_pointer(client, pointer)
    return replace(_promotion(home, pointer, before["version"], {}), doubts=behind)


@dataclass(frozen=True)
class _Gate:
    """The heads that may be promoted and those that may not; `verified` are folders that are known to load."""

    passing: list[Candidate]
    refused: dict[str, CheckFailed]
    comparisons: dict[str, Comparison]
    verified: set[str]

    def noted(self, before: dict[str, Any] | None) -> dict[str, Any]:
        """What the ledger's line says of them."""
        promoted = {each.head: each.registered for each in self.passing}
        return {
            "in_force": {**(before["heads"] if before else {}), **promoted},
            "heads": {
                each.head: each.noted() | {"against_champion": self.comparisons[each.head].as_json()}
                for each in self.passing
            },
            "refused": {name: str(error) for name, error in self.refused.items()},
        }


def _gate(candidates: list[Candidate], home: Path, before: dict[str, Any] | None, mlruns: Path) -> _Gate:
    """Ask of each candidate what it was asked in training, and then how it does beside the champion."""
    refused = {each.head: error for each in candidates if (error := refusal_of(each)) is not None}
    fit = [each for each in candidates if each.head not in refused]
    verified = _verified_apart(fit, before)
    comparisons = _compared(fit, home, before, mlruns)
    worse = {
        name: check_failed(name, [comparison.verdict])
        for name, comparison in comparisons.items()
        if comparison.verdict.is_refusal
    }
    passing = [each for each in fit if each.head not in worse]
    return _Gate(passing, refused | worse, comparisons, verified)


def _verified_apart(candidates: list[Candidate], before: dict[str, Any] | None) -> set[str]:
    """The folders that have proved themselves in a process of their own, before any is loaded in this one."""
    in_force = {before["sha256"]} if before else set()
    folders = {each.folder.sha256: each.folder.path for each in candidates}
    for sha256 in set(folders) - in_force:
        verify_apart(folders[sha256], sha256)
    return set(folders) | in_force


def _compared(
    candidates: list[Candidate], home: Path, before: dict[str, Any] | None, mlruns: Path
) -> dict[str, Comparison]:
    """Each head beside the champion; one whose folder is broken is nothing to compare with."""
    try:
        champion = (
            read_verified(version_folder(home, before["version"]), sha256=before["sha256"])
            if before
            else None
        )
    except (ModelInvalid, NotFound):
        champion = None
    return {each.head: compare(each.head, each.folder, champion, mlruns=mlruns) for each in candidates}


def _composed(home: Path, passing: list[Candidate], before: dict[str, Any] | None) -> VerifiedFolder:
    """The folder of the new champion, on disk."""
    promoted = {each.head: each.folder for each in passing}
    files = composed_files(promoted, _kept_folder(home, before, set(promoted)))
    folder = write_model_folder(version_folder(home, sha256_of(files)[:VERSION_DIGITS]), files)
    sync_folders(folder.path)
    return folder


def _kept_folder(home: Path, pointer: dict[str, Any] | None, promoted: set[str]) -> VerifiedFolder | None:
    """The folder in force, if heads of it are to stand beside the promoted ones; else it need not be readable."""
    kept = sorted(set(pointer["heads"]) - promoted) if pointer else []
    if pointer is None or not kept:
        return None
    try:
        return read_verified(version_folder(home, pointer["version"]), sha256=pointer["sha256"])
    except (ModelInvalid, NotFound) as error:
        raise ModelInvalid(
            zh=f"{error.zh}目标 {'、'.join(kept)} 须沿用该文件夹。请训练并启用全部目标，或运行 siterisk rollback。",
            en=f"{error.en} Heads {', '.join(kept)} would be kept from it. Train and promote all heads, or run "
            "siterisk rollback.",
            field="head",
        ) from error


def _promotion(
    home: Path,
    pointer: dict[str, Any],
    replaced: str | None,
    refused: dict[str, CheckFailed],
    *,
    changed: bool = True,
) -> Promotion:
    version = pointer["version"]
    return Promotion(
        version=version,
        sha256=pointer["sha256"],
        folder=version_folder(home, version),
        heads=dict(pointer["heads"]),
        replaced=replaced,
        changed=changed,
        refused=refused,
    )
