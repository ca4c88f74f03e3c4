"""Promotion: the challenger becomes the champion, or is refused with its reason; rollback undoes it."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_contracts.errors import CheckFailed, ModelInvalid, NotFound
from data_contracts.moments import now
from training.challengers import Candidate, all_refused, candidates_for, doubt_about, not_better_than_prior
from training.champion_composition import composed_files
from training.champion_ledger import (
    append_line,
    one_at_a_time,
    pointer_or_none,
    switch_pointer,
    version_folder,
)
from training.model_folder import (
    VerifiedFolder,
    champion_folder,
    champion_pointer,
    read_verified,
    sha256_of,
    write_model_folder,
)
from training.run_log import CHAMPION, model_name, tracking
from training.verification import verify_apart

__all__ = ["Promotion", "champion_folder", "promote", "rollback"]


@dataclass(frozen=True)
class Promotion:
    """What is in force after a promotion or rollback.

    `heads`: the registered version of each head; `refused`: heads that were not promoted, and why; `doubts`: what
    could not be told about heads that were;
    `replaced`: the version that was in force before, None if there was none; `changed` is False when the
    challenger was the champion already.
    """

    version: str
    sha256: str
    folder: Path
    heads: dict[str, str]
    replaced: str | None
    changed: bool = True
    refused: dict[str, CheckFailed] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


def promote(
    *, mlruns: Path, home: Path, head: str | None = None, version: str | None = None, who: str | None = None
) -> Promotion:
    """Put the challenger of each head (or of one) in force; `version` chooses another registered one.

    A head that is not better than the prior rate on the rows of its test is refused and, if it is in
    force, stays as it is. Raises CheckFailed when nothing is left to promote, NotFound without a
    challenger, ModelInvalid if the folder fails in a process of its own; the champion is then unchanged.
    """
    with tracking(mlruns) as mlflow, one_at_a_time(home):
        client = mlflow.MlflowClient()
        candidates = candidates_for(client, Path(mlruns), head, version)
        refused = {
            each.head: error for each in candidates if (error := not_better_than_prior(each)) is not None
        }
        passing = [each for each in candidates if each.head not in refused]
        if not passing:
            raise all_refused(refused)
        before = pointer_or_none(home)
        promoted = {each.head: each.folder for each in passing}
        files = composed_files(promoted, _kept_folder(home, before, set(promoted)))
        registered = {
            **(before["heads"] if before else {}),
            **{each.head: each.registered for each in passing},
        }
        sha256 = sha256_of(files)
        folder = write_model_folder(version_folder(home, sha256[:12]), files)
        if before and before["sha256"] == sha256:
            _set_aliases(client, registered, before["heads"])
            return _promotion(home, before, before["version"], refused, changed=False)
        verify_apart(folder.path, folder.sha256)
        line = _line("promote", folder.version, sha256, who, before) | {
            "heads": {each.head: _noted(each) for each in passing},
            "refused": {name: str(error) for name, error in refused.items()},
        }
        pointer = _pointer(line, registered, before)
        append_line(home, line)
        switch_pointer(home, pointer)
        _set_aliases(client, registered, before["heads"] if before else {})
    doubts = tuple(doubt for each in passing if (doubt := doubt_about(each)) is not None)
    return replace(_promotion(home, pointer, line["replaced"], refused), doubts=doubts)


def rollback(*, mlruns: Path, home: Path, who: str | None = None) -> Promotion:
    """Put the champion before the present one in force again.

    Raises NotFound if there is none, ModelInvalid if its folder is broken; nothing is changed then.
    """
    with tracking(mlruns) as mlflow, one_at_a_time(home):
        before = champion_pointer(home)
        if not before["history"]:
            raise NotFound(
                zh=f"在用模型 {before['version']} 之前没有其他模型，无法退回。",
                en=f"There was no champion before {before['version']}; nothing to roll back to.",
                field="version",
            )
        earlier = before["history"][-1]
        verify_apart(version_folder(home, earlier["version"]), earlier["sha256"])
        line = _line("rollback", earlier["version"], earlier["sha256"], who, before) | {
            "heads": earlier["heads"]
        }
        pointer = {**earlier, "promotion": line["promotion"], "history": before["history"][:-1]}
        append_line(home, line)
        switch_pointer(home, pointer)
        _set_aliases(mlflow.MlflowClient(), pointer["heads"], before["heads"])
    return _promotion(home, pointer, before["version"], {})


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


def _line(
    action: str, version: str, sha256: str, who: str | None, before: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "promotion": uuid.uuid4().hex,
        "at": now().isoformat(),
        "who": who or getpass.getuser(),
        "action": action,
        "version": version,
        "sha256": sha256,
        "replaced": before["version"] if before else None,
    }


def _noted(candidate: Candidate) -> dict[str, Any]:
    figures = candidate.figures
    return {
        "registered": candidate.registered,
        "folder_sha256": candidate.folder.sha256,
        "snapshot_sha256": candidate.passport["snapshot_sha256"],
        "until": candidate.passport["until"],
        "outcomes": figures["outcomes"],
        "auc": figures["model"].get("auc"),
        "skill_over_prior": figures["skill_over_prior"],
        "doubt": doubt_about(candidate),
        "auc_of_violation_count": figures["violation_count"].get("auc"),
    }


def _pointer(line: dict[str, Any], heads: dict[str, str], before: dict[str, Any] | None) -> dict[str, Any]:
    history = []
    if before:
        earlier = {name: value for name, value in before.items() if name != "history"}
        history = [*before["history"], earlier]
    return {
        "version": line["version"],
        "sha256": line["sha256"],
        "promotion": line["promotion"],
        "heads": heads,
        "history": history,
    }


def _set_aliases(client: Any, heads: Mapping[str, str], before: Mapping[str, str]) -> None:
    for head, number in heads.items():
        client.set_registered_model_alias(model_name(head), CHAMPION, number)
    for head in set(before) - set(heads):
        client.delete_registered_model_alias(model_name(head), CHAMPION)


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
