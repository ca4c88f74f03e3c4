"""The rows that judged a head, kept beside the model so that a later one can be judged on the same.

A Parquet file of project_id, as_of, what happened and every feature, named after its sha256, under
`mlruns/artifacts/judged_rows/`. Of more than 200,000 rows whole projects are kept.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from data_contracts.errors import ModelInvalid, NotFound
from training.evaluation import MOST_BOOTSTRAP_ROWS
from training.project_draws import whole_projects

if TYPE_CHECKING:
    from training.head_training import TrainedHead

PAIR, HAPPENED = ["project_id", "as_of"], "happened"


def keep_judged_rows(mlruns: Path, trained: TrainedHead) -> dict[str, Any]:
    """Put the rows in their place, whole or not at all; what the passport says of them: sha256 and number."""
    rows = _rows(trained)
    content = io.BytesIO()
    rows.to_parquet(content, index=False, compression="zstd")
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    target = judged_rows_file(mlruns, sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, building = tempfile.mkstemp(prefix=".", dir=target.parent)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 the handle is open already
            file.write(content.getvalue())
        Path(building).replace(target)
    except BaseException:
        Path(building).unlink(missing_ok=True)
        raise
    return {"sha256": sha256, "rows": len(rows)}


def _rows(trained: TrainedHead) -> pd.DataFrame:
    test = trained.test
    features = pd.DataFrame(test.features, columns=list(trained.names))
    rows = pd.concat([test.pairs[PAIR], pd.Series(test.happened, name=HAPPENED), features], axis=1)
    project = pd.factorize(rows["project_id"])[0]
    return rows[whole_projects(project, most_rows=MOST_BOOTSTRAP_ROWS, seed=0)]


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
