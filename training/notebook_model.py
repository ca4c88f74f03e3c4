"""The registered model in a notebook: `mlflow.pyfunc.load_model("models:/siterisk-accident@champion")`.

MLflow calls `_load_pyfunc` with the auditable folder it kept; every sha256 is verified as in service.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from training.risk_model import RiskModel


class NotebookModel:
    """A risk model behind MLflow's `predict`."""

    def __init__(self, model: RiskModel) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """`risk_<head>` of each row of features; absent columns are an error, NaN is missing."""
        return self.model.risks(model_input)


def _load_pyfunc(data_path: str) -> NotebookModel:
    return NotebookModel(RiskModel.load(Path(data_path)))
