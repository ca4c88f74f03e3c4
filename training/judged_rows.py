"""The rows that judged a head, kept beside the model so that a later one can be judged on the same.

A Parquet file of project_id, as_of, what happened and every feature, named after its sha256, under
`mlruns/artifacts/judged_rows/`; the passport names it (`heads.<head>.judged_rows`).
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pandas as pd

from data_contracts.errors import ModelInvalid, NotFound


def judged_rows_file(mlruns: Path, sha256: str) -> Path:
    """Where the rows of this sha256 are kept."""
    return Path(mlruns) / "artifacts" / "judged_rows" / f"{sha256}.parquet"


def read_judged_rows(mlruns: Path, sha256: str) -> pd.DataFrame:
    """The rows of this sha256; NotFound where they are gone, ModelInvalid where they were changed."""
    path = judged_rows_file(mlruns, sha256)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFound(
            zh=f"未找到评判样本 {path}，无法比较。请重新训练。",
            en=f"The judged rows {path} are gone; nothing can be compared. Train again.",
            field="mlruns",
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelInvalid(
            zh=f"评判样本 {path} 与登记不符。请重新训练。",
            en=f"The judged rows {path} are not those that were noted. Train again.",
            field="mlruns",
        )
    return pd.read_parquet(io.BytesIO(content))
