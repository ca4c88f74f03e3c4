"""Rows of Parquet files and of frames in memory, typed values turned into texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.cell_texts import cell_text, texts_of
from data_contracts.errors import SourceUnreadable
from data_contracts.row_chunks import RowChunk, text_frame


def parquet_columns(path: Path) -> list[str]:
    """The columns of a Parquet file; raises SourceUnreadable for a file that is none."""
    return [name for name in _opened(path).schema_arrow.names if not name.startswith("__index_level_")]


def parquet_chunks(path: Path, columns: Sequence[str], chunk_rows: int) -> Iterator[RowChunk]:
    """The rows, numbered from 1; `columns` are the names under which the file's columns are known."""
    names, first = parquet_columns(path), 1
    for batch in _opened(path).iter_batches(batch_size=chunk_rows, columns=names):
        yield _chunk(dict(zip(columns, batch.columns, strict=True)), first)
        first += len(batch)


def arrow_chunks(frame: pd.DataFrame, columns: Sequence[str], chunk_rows: int) -> Iterator[RowChunk]:
    """The rows of a frame in memory, numbered from 1."""
    for start in range(0, len(frame), chunk_rows):
        part = frame.iloc[start : start + chunk_rows]
        arrays = (_array(part.iloc[:, place]) for place in range(part.shape[1]))
        yield _chunk(dict(zip(columns, arrays, strict=True)), start + 1)


def _array(values: pd.Series) -> pa.Array | pd.Series:
    try:
        array = pa.Array.from_pandas(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        return pd.Series([None if pd.isna(v) else cell_text(v) for v in values], dtype=object)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _chunk(columns: dict[str, pa.Array], first: int) -> RowChunk:
    count = len(next(iter(columns.values()))) if columns else 0
    texts = {
        name: values if isinstance(values, pd.Series) else texts_of(values)
        for name, values in columns.items()
    }
    return RowChunk(text_frame(texts, range(first, first + count)))


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceUnreadable(
            zh=f"无法打开 Parquet 文件 {path.name}：{str(error)[:200]}",
            en=f"{path.name} cannot be opened as Parquet: {str(error)[:200]}",
        ) from error
