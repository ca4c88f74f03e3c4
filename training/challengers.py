"""Which registered models may become champion, and why others may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.errors import CheckFailed, NotFound
from training.model_folder import PASSPORT, VerifiedFolder, read_verified
from training.run_log import CHALLENGER, kept_folder, model_name

_PREFIX = model_name("")


@dataclass(frozen=True)
class Candidate:
    """A registered version of a head, with the folder it is in."""

    head: str
    registered: str
    folder: VerifiedFolder
    passport: dict[str, Any]

    @property
    def figures(self) -> dict[str, Any]:
        return self.passport["heads"][self.head]["metrics"]

    def shown(self) -> str:
        """The figures a refusal or a doubt is about."""
        auc, skill = self.figures["model"].get("auc"), self.figures["skill_over_prior"]
        between = f"{_shown(skill['low'])} to {_shown(skill['high'])}"
        return f"AUC {_shown(auc)}, log-loss skill {between}, {self.figures['outcomes']} outcomes"


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


def not_better_than_prior(candidate: Candidate) -> CheckFailed | None:
    """Why the head may not be promoted: it says no more than the prior rate about the rows of its test.

    The prior rate ranks at an AUC of 0.5; its log loss is beaten, or not, with an interval over projects.
    """
    auc, highest = candidate.figures["model"].get("auc"), candidate.figures["skill_over_prior"]["high"]
    if auc is not None and auc > 0.5 and highest is not None and highest > 0:
        return None
    return CheckFailed(
        zh=f"目标 {candidate.head}：在测试期不优于先验比率（{candidate.shown()}），未启用。请用更长的记录重新训练。",
        en=f"Head {candidate.head} is not better than the prior rate on the rows of its test ({candidate.shown()}) "
        "and was not promoted. Train on longer records.",
        field="head",
    )


def doubt_about(candidate: Candidate) -> str | None:
    """What the outcomes were too few to tell about a head that is promoted."""
    if candidate.figures["skill_over_prior"]["low"] > 0:
        return None
    return (
        f"{candidate.head}: the outcomes of the test are too few to tell whether its level of risk is better than the "
        f"prior rate ({candidate.shown()}) / 测试期的结果太少，无法判断其风险水平是否优于先验比率"
    )


def _shown(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.3f}"


def all_refused(refused: Mapping[str, CheckFailed]) -> CheckFailed:
    """The error when no head passed, with each one's reason."""
    return CheckFailed(
        zh="没有启用任何模型。" + "".join(error.zh for error in refused.values()),
        en="Nothing was promoted. " + " ".join(error.en for error in refused.values()),
        field="head",
    )
