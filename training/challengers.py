"""Which registered models may become champion, and why others may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.errors import CheckFailed, NotFound
from training.check_list import ASKED_OF_EVERY_HEAD
from training.model_folder import PASSPORT, VerifiedFolder, read_verified
from training.run_log import CHALLENGER, kept_folder, model_name
from training.verdict import Verdict, check_failed, refusals, verdict_from

_PREFIX = model_name("")
OF_THE_DATA = (
    "snapshot_sha256", "store_version", "until", "contract_version", "catalogue_sha256", "git_revision", "created_at",
)  # fmt: skip
FIGURES = (
    "auc", "average_precision", "lift_at_5pct", "recall_at_10pct", "log_loss_skill", "observed_over_expected",
    "calibration_slope",
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A registered version of a head, with the folder it is in."""

    head: str
    registered: str
    folder: VerifiedFolder
    passport: dict[str, Any]

    @property
    def entry(self) -> dict[str, Any]:
        """What the passport says of the head."""
        entry: dict[str, Any] = self.passport["heads"][self.head]
        return entry

    @property
    def verdicts(self) -> list[Verdict]:
        """What its training was asked; none in passports of before the checks."""
        return [verdict_from(content) for content in self.entry.get("checks", [])]

    def noted(self) -> dict[str, Any]:
        """What the ledger keeps of it: the data it was trained on, its figures, and the verdicts by code."""
        metrics = self.entry["metrics"]
        judged = metrics["contenders"][metrics["judged"]]
        return {
            "registered": self.registered,
            "folder_sha256": self.folder.sha256,
            "data": {name: self.passport.get(name) for name in OF_THE_DATA},
            "figures": {
                name: metrics[name] for name in ("judged", "rows", "positives", "outcomes", "first", "last")
            }
            | {name: judged[name] for name in FIGURES if name in judged}
            | {"auc_gains": {name: gain["auc"] for name, gain in metrics["gains"].items()}},
            "checks": {verdict.code: verdict.state for verdict in self.verdicts},
        }


def candidates_for(client: Any, mlruns: Path, head: str | None, version: str | None) -> list[Candidate]:
    """The registered versions that are to be put in force: the challengers, or those called `version`.

    `version` is a number of the registry or the version of a model folder. Raises NotFound if there is none.
    """
    names = [model.name for model in client.search_registered_models() if model.name.startswith(_PREFIX)]
    found = []
    for name in sorted(names):
        if head is not None and name != model_name(head):
            continue
        registered = _registered(client, name, version)
        if registered is not None:
            found.append(_candidate(mlruns, name.removeprefix(_PREFIX), registered))
    if not found:
        what = f"{head or '*'} {version or CHALLENGER}"
        raise NotFound(
            zh=f"没有可启用的模型（{what}）。请先运行 siterisk train。",
            en=f"There is no model to promote ({what}). Run siterisk train first.",
            field="version" if version else "head",
        )
    return found


def _registered(client: Any, name: str, version: str | None) -> Any:
    """The version by number or by folder; the challenger without one. None if there is none."""
    versions = client.search_model_versions(f"name = '{name}'")
    if version is None:
        return next((each for each in versions if CHALLENGER in _aliases(client, name, each)), None)
    for each in versions:
        if str(each.version) == version or each.tags.get("siterisk.folder") == version:
            return each
    return None


def _aliases(client: Any, name: str, version: Any) -> list[str]:
    return list(client.get_model_version(name, version.version).aliases)


def _candidate(mlruns: Path, head: str, registered: Any) -> Candidate:
    folder = kept_folder(mlruns, registered.tags.get("siterisk.folder", "unknown"))
    verified = read_verified(folder, sha256=registered.tags.get("siterisk.folder_sha256"))
    return Candidate(head, str(registered.version), verified, verified.json(PASSPORT))


def refusal_of(candidate: Candidate) -> CheckFailed | None:
    """Why the head may not be promoted, by what its training was asked: every failed check, or one never asked."""
    verdicts = candidate.verdicts
    failed = refusals(verdicts)
    if failed:
        return check_failed(candidate.head, failed)
    absent = sorted(set(ASKED_OF_EVERY_HEAD) - {verdict.code for verdict in verdicts})
    if not absent:
        return None
    codes = ", ".join(absent) if verdicts else "TRN002–TRN012"
    return CheckFailed(
        zh=f"目标 {candidate.head}：模型 {candidate.folder.version} 训练时未作检查 {codes}，不能启用。"
        "请重新训练（siterisk train）；要恢复以前的在用模型，请用 siterisk rollback。",
        en=f"Head {candidate.head}: model {candidate.folder.version} was trained without the checks {codes} and cannot be "
        "promoted. Train again (siterisk train); to bring back a former champion, use siterisk rollback.",
        field="head",
    )


def doubts_about(candidate: Candidate) -> tuple[str, ...]:
    """What checks warned of, or could not tell, about a head that is promoted."""
    return tuple(
        f"{candidate.head}: {verdict.en} / {verdict.zh}"
        for verdict in candidate.verdicts
        if verdict.state != "passed"
    )


def all_refused(refused: Mapping[str, CheckFailed]) -> CheckFailed:
    """The error when no head passed, with each one's reason."""
    return CheckFailed(
        zh="没有启用任何模型。" + "".join(error.zh for error in refused.values()),
        en="Nothing was promoted. " + " ".join(error.en for error in refused.values()),
        field="head",
    )
