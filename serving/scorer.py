"""The one place where a risk is computed for an answer: the command line and the service both call it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.fact_index import FactIndex
from training.risk_model import RiskModel

UNKNOWN = "UNKNOWN"
# Grades and reasons come with the policies and the contributions; until then their columns are empty.
TEXT_COLUMNS = ("inherent_grade", "dynamic_grade", "reasons_zh", "reasons_en")


@dataclass(frozen=True)
class Scorer:
    """Scores projects with one model over one state of the records."""

    index: FactIndex
    model: RiskModel

    @property
    def catalogue_changed(self) -> bool:
        """Whether the features are declared otherwise than when the model was trained.

        The numbers may still be right (a label was reworded) or not (a window was changed): whoever
        answers with them says so in the log.
        """
        trained_with = self.model.passport.get("catalogue_sha256", self.index.catalogue.hash)
        return bool(trained_with != self.index.catalogue.hash)

    def score(self, project_ids: Sequence[str], as_of: Sequence[pd.Timestamp] | np.ndarray) -> pd.DataFrame:
        """One row for each pair, in the order given.

        Columns are project_id, as_of, status, `risk_<head>` for each head of the model, then grades and
        reasons. A project that was not on record at `as_of` keeps its row: status UNKNOWN, risks missing.
        Each row depends on its own pair alone, so one at a time and all at once give the same numbers.
        """
        ids = [str(project_id) for project_id in project_ids]
        moments = np.asarray(as_of, dtype="datetime64[us]")
        status = self.index.status(ids, moments)
        scored = pd.DataFrame({"project_id": pd.Series(ids, dtype="str"), "as_of": moments})
        scored["status"] = pd.Series(status.tolist(), dtype="str")
        risks = self._risks_of_known(ids, moments, status != UNKNOWN)
        for column in risks:
            scored[column] = risks[column]
        for column in TEXT_COLUMNS:
            scored[column] = pd.Series(None, index=scored.index, dtype="str")
        return scored

    def _risks_of_known(self, ids: list[str], moments: np.ndarray, known: np.ndarray) -> pd.DataFrame:
        risks = pd.DataFrame(np.nan, index=range(len(ids)), columns=[f"risk_{h}" for h in self.model.heads])
        if known.any():
            asked = ids if known.all() else [ids[row] for row in np.flatnonzero(known)]
            matrix = self.index.matrix(asked, moments[known])
            risks.loc[known] = self.model.risks(matrix)[risks.columns].to_numpy()
        return risks


@dataclass(frozen=True)
class CityRisks:
    """The sorted risks of all sites active at one moment: what a percentile is taken against."""

    risks: dict[str, np.ndarray]

    @classmethod
    def at(cls, scorer: Scorer, moment: pd.Timestamp) -> CityRisks:
        """Of the sites that had started and not finished at `moment`, as known then."""
        sites = scorer.index.sites(moment)
        scored = scorer.score(sites.tolist(), np.full(len(sites), np.datetime64(moment, "us")))
        return cls({head: np.sort(scored[f"risk_{head}"].to_numpy()) for head in scorer.model.heads})

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
