"""The one place where a risk is computed for an answer: the command line and the service both call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from data_contracts.errors import ModelInvalid
from features.catalogue import Catalogue
from features.fact_index import FactIndex
from training.risk_model import RiskModel

UNKNOWN = "UNKNOWN"
FEATURES_TOLD = 5
INHERENT_GRADE = "inherent_grade"
Colours = Callable[[Sequence[str], np.ndarray], Sequence[str | None]]
# Reasons come with the contributions; until then their columns are empty.
TEXT_COLUMNS = ("inherent_grade", "dynamic_grade", "reasons_zh", "reasons_en")


@dataclass(frozen=True)
class Scorer:
    """Scores projects with one model over one state of the records.

    Raises ModelInvalid if the model was trained on features computed otherwise (see `refuse_other_features`).
    """

    index: FactIndex
    model: RiskModel

    def __post_init__(self) -> None:
        refuse_other_features(self.model, self.index.catalogue)

    def score(
        self,
        project_ids: Sequence[str],
        as_of: Sequence[pd.Timestamp] | np.ndarray,
        colours: Colours | None = None,
    ) -> pd.DataFrame:
        """One row for each pair, in the order given.

        Columns are project_id, as_of, status, `risk_<head>` for each head of the model, then grades and
        reasons. `inherent_grade` is 1 to 5 by the rules in force on the day, empty where key facts are not on
        file; `dynamic_grade` is what `colours` says of the last grading run, and empty without. A project that
        was not on record at `as_of` keeps its row: status UNKNOWN, risks missing.
        Each row depends on its own pair alone, so one at a time and all at once give the same numbers.
        """
        moments = np.asarray(as_of, dtype="datetime64[us]")
        scores = self.scores(project_ids, moments)
        nothing = pd.Series(None, index=range(len(moments)), dtype="str")
        columns = {
            "project_id": pd.Series(list(project_ids), dtype="str"),
            "as_of": moments,
            "status": pd.Series(scores.status, dtype="str"),
            **{f"risk_{head}": risks for head, risks in scores.risks.items()},
            **dict.fromkeys(TEXT_COLUMNS, nothing),
            INHERENT_GRADE: self._inherent(project_ids, moments),
        }
        if colours is not None:
            columns["dynamic_grade"] = pd.Series(list(colours(project_ids, moments)), dtype="str")
        return pd.DataFrame(columns)

    def _inherent(self, project_ids: Sequence[str], moments: np.ndarray) -> pd.Series:
        grades = self.index.values([INHERENT_GRADE], project_ids, moments)[INHERENT_GRADE]
        return grades.map(lambda grade: None if np.isnan(grade) else f"{grade:.0f}").astype("str")

    def scores(self, project_ids: Sequence[str], moments: np.ndarray, also: Sequence[str] = ()) -> Scores:
        """Status and risks alone, without a table around them: what a request needs; `also` are facts to look up with them."""
        names = self.index.catalogue.names
        cells, status = self.index.cells_and_status((*names, *also), project_ids, moments)
        known = status != UNKNOWN
        risks = {head: np.full(len(known), np.nan) for head in self.model.heads}
        features = None
        if known.any():
            features = self.index.table(names, cells[known, : len(names)])
            for head, computed in self.model.risks_by_head(features).items():
                risks[head][known] = computed
        facts = dict(zip(also, cells[:, len(names) :].T, strict=True))
        return Scores(status.tolist(), risks, features, facts)


def refuse_other_features(model: RiskModel, catalogue: Catalogue) -> None:
    """Raise ModelInvalid if a feature of the model is computed otherwise than when it was trained.

    A label or a reason may be reworded under a model; a window, a filter or a missing feature may not. A
    model that does not say how its features were computed is refused too.
    """
    then, today = model.passport.get("computations", {}), catalogue.computations
    other = [name for name in model.feature_names if name not in today or then.get(name) != today[name]]
    if other:
        raise ModelInvalid(
            zh=f"模型 {model.version} 与现行特征不符：{len(other)} 个特征的算法已变，或模型未注明其算法"
            f"（{'、'.join(other[:FEATURES_TOLD])}）。请重新训练（siterisk train）并启用（siterisk promote）。",
            en=f"Model {model.version} was not trained on the features of today: {len(other)} of its own are "
            f"computed otherwise, or it does not say how ({', '.join(other[:FEATURES_TOLD])}). Retrain (siterisk "
            "train) and promote (siterisk promote).",
            field="model",
        )


@dataclass(frozen=True)
class Scores:
    """Status and risk by head of some pairs, in their order; NaN is no risk.

    `features` has the catalogue's model features of those that are on file, in order; None if none is. `facts` are
    those asked for beside, of all pairs.
    """

    status: list[str]
    risks: dict[str, np.ndarray]
    features: pd.DataFrame | None = None
    facts: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class CityRisks:
    """The sorted risks of all sites active at one moment: what a percentile is taken against."""

    risks: dict[str, np.ndarray]

    @classmethod
    def at(cls, scorer: Scorer, moment: pd.Timestamp) -> CityRisks:
        """Of the sites that had started and not finished at `moment`, as known then."""
        sites = scorer.index.sites(moment)
        scores = scorer.scores(sites.tolist(), np.full(len(sites), np.datetime64(moment, "us")))
        return cls({head: np.sort(risks) for head, risks in scores.risks.items()})

    def percentile(self, head: str, risks: np.ndarray) -> np.ndarray:
        """Per cent of the active sites whose risk is not higher; missing for a missing risk, or without sites.

        >>> CityRisks({"accident": np.array([0.1, 0.2, 0.4])}).percentile("accident", np.array([0.2, np.nan]))
        array([66.66666667,         nan])
        """
        city = self.risks[head]
        if len(city) == 0:
            return np.full(len(risks), np.nan)
        share = np.searchsorted(city, risks, side="right") / len(city)
        return np.where(np.isnan(risks), np.nan, 100.0 * share)
