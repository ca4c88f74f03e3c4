"""Result tables as files: whole or not at all, CSV or Parquet by the name's ending."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.errors import InvalidInput
from serving.documentation import Documentation

SUFFIXES = (".csv", ".parquet")
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def writable_result(path: Path, suffixes: Sequence[str] = SUFFIXES) -> Path:
    """The path, if a result can be written there; InvalidInput otherwise, before any work is done."""
    if path.suffix.lower() not in suffixes:
        raise InvalidInput(
            zh=f"输出文件 {path} 应以 {' 或 '.join(suffixes)} 结尾。",
            en=f"The output file {path} must end in {' or '.join(suffixes)}.",
            field="out",
        )
    if not path.absolute().parent.is_dir():
        raise InvalidInput(
            zh=f"输出文件夹 {path.absolute().parent} 不存在，请先创建。",
            en=f"The output folder {path.absolute().parent} does not exist; make it first.",
            field="out",
        )
    return path


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place at the end: nobody ever reads half a result."""
    target = path.absolute()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    building = Path(name)
    try:
        yield building
        building.chmod(0o644)
        building.replace(target)
    finally:
        building.unlink(missing_ok=True)


def write_result(rows: pd.DataFrame, path: Path, documentation: Documentation | None = None) -> None:
    """Write `rows` whole or not at all. Parquet carries the documentation; CSV has no place for it."""
    with written_whole(writable_result(path)) as building:
        if path.suffix.lower() == ".parquet":
            table = pa.Table.from_pandas(rows, preserve_index=False)
            pq.write_table(documentation.added_to(table) if documentation else table, building)
        else:
            building.write_text(as_csv(rows), encoding="utf-8")


def as_csv(rows: pd.DataFrame) -> str:
    """CSV whose numbers are the shortest text that gives the same number back, and whose times are ISO 8601."""
    return rows.assign(**_times_as_text(rows)).to_csv(index=False, lineterminator="\n")


def as_rows(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """The rows for JSON: missing values None, times ISO 8601."""
    plain = rows.assign(**_times_as_text(rows)).astype(object)
    return plain.where(plain.notna(), None).to_dict(orient="records")


def _times_as_text(rows: pd.DataFrame) -> dict[str, pd.Series]:
    return {name: iso_times(rows[name]) for name in rows.select_dtypes("datetime").columns}


def iso_times(moments: pd.Series) -> pd.Series:
    """Moments as `2026-03-01T08:00:00`, with microseconds where any has them; missing stays missing.

    >>> iso_times(pd.Series(["2026-03-01"], dtype="datetime64[us]"))[0]
    '2026-03-01T00:00:00'
    """
    values = moments.to_numpy(dtype="datetime64[us]")
    whole = bool((values.astype("int64")[~np.isnat(values)] % 1_000_000 == 0).all())
    texts = np.datetime_as_string(values, unit="s" if whole else "us").astype(object)
    texts[np.isnat(values)] = None
    return pd.Series(texts, index=moments.index, dtype="str")


def plain_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as a spreadsheet may open them: a text that it would take for a formula begins with an apostrophe.

    >>> plain_cells(pd.DataFrame({"name": ["=1+1", "东区", None], "area": [-1.0, 2.0, 3.0]}))["name"].tolist()[:2]
    ["'=1+1", '东区']
    """
    texts = rows.select_dtypes(["object", "str"])
    return rows.assign(**{str(name): texts[name].map(_plain_cell) for name in texts})


def _plain_cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in FORMULA_SIGNS else value
