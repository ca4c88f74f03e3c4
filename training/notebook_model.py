"""The registered model in a notebook: `mlflow.pyfunc.load_model("models:/siterisk-accident@champion")`.

MLflow calls `_load_pyfunc` with the auditable folder it kept; every sha256 is verified as in service.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from training.risk_model import RiskModel

CONTRIBUTIONS = "contributions"  # the parameter of `predict` that asks for them


class NotebookModel:
    """A risk model behind MLflow's `predict`."""

    def __init__(self, model: RiskModel) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """`risk_<head>` of each row of features; absent columns are an error, NaN is missing.

        With `params={"contributions": True}` also `contribution_<head>_<feature>`: what each feature adds to
        the head's log-odds, and `contribution_<head>_expected`, from which every row starts.
        """
        risks = self.model.risks(model_input)
        if not (params or {}).get(CONTRIBUTIONS):
            return risks
        added = [
            self.model.contributions(model_input, head).add_prefix(f"contribution_{head}_")
            for head in self.model.heads
        ]
        return pd.concat([risks, *added], axis=1)


def _load_pyfunc(data_path: str) -> NotebookModel:
    return NotebookModel(RiskModel.load(Path(data_path)))
