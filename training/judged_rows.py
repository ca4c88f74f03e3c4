"""The rows a head was judged on, kept beside MLflow, so that a later training can be compared on the same rows.

    mlruns/artifacts/judged_rows/<sha256>.parquet    project_id, as_of, happened, then the model's features

The passport names the file by its sha256 (`heads.<head>.judged_rows`).
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from data_contracts.errors import ModelInvalid, NotFound

ROW_COLUMNS = ("project_id", "as_of", "happened")


def judged_rows_file(mlruns: Path, sha256: str) -> Path:
    """Where rows of this sha256 are kept."""
    return Path(mlruns) / "artifacts" / "judged_rows" / f"{sha256}.parquet"


def keep_judged_rows(mlruns: Path, rows: pd.DataFrame) -> dict[str, Any]:
    """Write the rows, whole or not at all; what the passport says of them: `sha256` and `rows`."""
    content = io.BytesIO()
    rows.to_parquet(content, index=False, compression="zstd")
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    target = judged_rows_file(mlruns, sha256)
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        building = target.with_name(f".{sha256}-{os.getpid()}")
        building.write_bytes(content.getvalue())
        building.replace(target)
    return {"sha256": sha256, "rows": len(rows)}


def read_judged_rows(mlruns: Path, named: Mapping[str, Any]) -> pd.DataFrame:
    """The rows that a passport names; NotFound if they are gone, ModelInvalid if they are not those."""
    path = judged_rows_file(mlruns, named["sha256"])
    if not path.is_file():
        raise NotFound(
            zh=f"测试行文件 {path} 不存在。请从备份恢复，或重新训练。",
            en=f"The judged rows {path} are gone. Restore them from a backup, or train again.",
            field="mlruns",
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != named["sha256"]:
        raise ModelInvalid(
            zh=f"测试行文件 {path} 与其 sha256 不符。请从备份恢复，或重新训练。",
            en=f"The judged rows {path} differ from their sha256. Restore them from a backup, or train again.",
            field="mlruns",
        )
    return pd.read_parquet(io.BytesIO(content))
