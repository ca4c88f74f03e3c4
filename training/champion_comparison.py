"""TRN013: the challenger beside the champion, on the same newest rows, which neither has seen.

Both are represented by the model that was judged in their training (`tested/`), fitted before the rows that
judged it; the kept models have seen them. The rows are those of the later of the two trainings, as far as
they lie after what both were fitted on, so that the champion is as much older as it is in service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import ModelInvalid, NotFound
from training.check_list import HOLDS_AGAINST_CHAMPION
from training.head_model import HeadModel
from training.judged_rows import read_judged_rows
from training.measures import RankedRows, losses
from training.model_folder import PASSPORT, TESTED, VerifiedFolder, files_of_head
from training.project_draws import Figure, ProjectDraws, draw_projects, figure_in_words, interval
from training.verdict import Verdict

SEED = 1
# What an answer means: two heads that differ in it answer different questions.
QUESTION = ("outcome", "horizon_days", "given_a_visit")
_TOLD = 5


@dataclass(frozen=True)
class Comparison:
    """The verdict TRN013 of a head, and the figures it rests on; none where it is not applicable."""

    verdict: Verdict
    figures: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The comparison for the ledger and for machines."""
        return {"verdict": self.verdict.as_json(), "figures": self.figures}


@dataclass(frozen=True)
class JudgedHead:
    """A head of a model folder, as its training judged it."""

    folder: VerifiedFolder
    head: str

    @property
    def passport(self) -> dict[str, Any]:
        content: dict[str, Any] = self.folder.json(PASSPORT)
        return content

    @property
    def entry(self) -> dict[str, Any]:
        entry: dict[str, Any] = self.passport["heads"][self.head]
        return entry

    @property
    def unseen_from(self) -> pd.Timestamp:
        """The first day of its test: the tested model knew nothing of later."""
        return pd.Timestamp(self.entry["tested"]["dates"]["known_at"])

    @property
    def last_judged(self) -> pd.Timestamp:
        return pd.Timestamp(self.entry["tested"]["dates"]["test"][1])

    def has_tested(self) -> bool:
        """Whether the model that was judged, and the rows that judged it, were kept."""
        return "judged_rows" in self.entry and bool(files_of_head(self.folder.files, self.head, TESTED))

    def tested_risk(self, rows: pd.DataFrame) -> np.ndarray:
        """The risk that the tested model gives to rows of features."""
        features = self.passport["features"]
        files = files_of_head(self.folder.files, self.head, TESTED)
        model = HeadModel.from_files(self.head, features, files)
        return model.risk(rows[features].to_numpy("float64"))


def compare(
    head: str, challenger: VerifiedFolder, champion: VerifiedFolder | None, *, mlruns: Path
) -> Comparison:
    """The head of the challenger's folder beside that of the champion's.

    Fails where the interval of the gain, in AUC or in log loss, lies wholly below zero.
    """
    reason = _not_comparable(head, challenger, champion)
    if reason is not None:
        return Comparison(HOLDS_AGAINST_CHAMPION.cannot_tell(*reason))
    assert champion is not None
    new, old = JudgedHead(challenger, head), JudgedHead(champion, head)
    rows_of = new if new.last_judged >= old.last_judged else old
    try:
        rows = read_judged_rows(mlruns, rows_of.entry["judged_rows"]["sha256"])
    except (NotFound, ModelInvalid) as error:
        return Comparison(HOLDS_AGAINST_CHAMPION.cannot_tell(error.zh, error.en))
    rows = rows[(rows["as_of"] >= max(new.unseen_from, old.unseen_from)).to_numpy(bool)]
    happened = rows["happened"].to_numpy("float64")
    if not 0 < happened.sum() < len(happened):
        return Comparison(
            HOLDS_AGAINST_CHAMPION.cannot_tell(
                f"双方均未见过的 {len(rows)} 行中没有可区分的结果。",
                f"The {len(rows)} rows that neither has seen hold no outcomes to tell apart.",
            )
        )
    figures = {
        "against": champion.version,
        "rows": len(rows),
        "positives": int(happened.sum()),
        "first": f"{rows['as_of'].min():%Y-%m-%d}",
        "last": f"{rows['as_of'].max():%Y-%m-%d}",
        **gains(rows["project_id"], happened, new.tested_risk(rows), old.tested_risk(rows)),
    }
    return Comparison(_verdict(figures), figures)


def gains(project_id: pd.Series, happened: np.ndarray, new: np.ndarray, old: np.ndarray) -> dict[str, Figure]:
    """AUC of the new risks minus that of the old, and mean log loss of the old minus that of the new.

    Above zero the new ones are better; with a 95 % interval over draws of whole projects.
    """
    project = pd.factorize(project_id)[0]
    once, drawn = (
        _gained(draws, happened, new, old)
        for draws in (ProjectDraws.once(project), draw_projects(project, seed=SEED))
    )
    return {name: interval(once[name][0], drawn[name]) for name in once}


def _gained(
    draws: ProjectDraws, happened: np.ndarray, new: np.ndarray, old: np.ndarray
) -> dict[str, np.ndarray]:
    auc = [RankedRows(happened, risk, draws.project).order_sums(draws)[0] for risk in (new, old)]
    saved = draws.total(losses(happened, old) - losses(happened, new))
    return {"auc": auc[0] - auc[1], "log_loss": saved / draws.total(np.ones(len(happened)))}


def _not_comparable(
    head: str, challenger: VerifiedFolder, champion: VerifiedFolder | None
) -> tuple[str, str] | None:
    """Why the two cannot be compared; None if they can."""
    if champion is None or head not in champion.json(PASSPORT)["heads"]:
        return "该目标没有可读取的在用模型。", "No champion of this head can be read."
    new, old = JudgedHead(challenger, head), JudgedHead(champion, head)
    if new.folder.sha256 == old.folder.sha256:
        return "它就是在用模型。", "It is the champion."
    lacking = [each.folder.version for each in (new, old) if not each.has_tested()]
    if lacking:
        return (
            f"模型 {'、'.join(lacking)} 未保留受测模型。",
            f"The model that was judged was not kept by {', '.join(lacking)}.",
        )
    definitions = [each.entry.get("definition", {}) for each in (new, old)]
    if any(definitions[0].get(word) != definitions[1].get(word) for word in QUESTION):
        return (
            "两者的结果定义或预测期不同。",
            "They do not answer the same question: outcome or horizon differ.",
        )
    then, today = old.passport.get("computations", {}), new.passport.get("computations", {})
    names = old.passport["features"]
    other = [name for name in names if then.get(name) is None or then.get(name) != today.get(name)]
    if other:
        return (
            f"在用模型的 {len(other)} 个特征现在另行计算（{'、'.join(other[:_TOLD])}）。",
            f"{len(other)} features of the champion are computed otherwise today ({', '.join(other[:_TOLD])}).",
        )
    return None


def _verdict(figures: Mapping[str, Any]) -> Verdict:
    auc, loss = figures["auc"], figures["log_loss"]
    said = (
        f"与 {figures['against']} 相比，在 {figures['first']} 至 {figures['last']} 的 {figures['rows']} 行上，"
        f"AUC 增益 {figure_in_words(auc)}，对数损失减少 {figure_in_words(loss, '+.5f')}。",
        f"Beside {figures['against']}, on {figures['rows']} rows from {figures['first']} to {figures['last']}: gain in AUC "
        f"{figure_in_words(auc)}, in log loss {figure_in_words(loss, '+.5f')}.",
    )
    if any(gain["high"] is not None and gain["high"] < 0 for gain in (auc, loss)):
        return HOLDS_AGAINST_CHAMPION.failed(*said)
    return HOLDS_AGAINST_CHAMPION.passed(*said)
