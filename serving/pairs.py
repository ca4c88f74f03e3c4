"""PAIRS: which projects are asked about, each at which moment."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd
from pandas.errors import ParserWarning

from data_contracts.api_messages import LONGEST_ID
from data_contracts.errors import InvalidInput, SourceUnreadable
from data_contracts.moments import parse_moments
from serving.asked_moments import latest_allowed

COLUMNS = ("project_id", "as_of")
FAULTS_TOLD = 20
# A spreadsheet shows the header as row 1: the rows of a CSV are numbered as the person sees them.
FIRST_ROW = 2


def read_pairs(path: Path) -> pd.DataFrame:
    """The pairs of a CSV or Parquet file, in order: project_id (str) and as_of (a bare date is 00:00).

    Other columns are left aside. Raises SourceUnreadable if the file cannot be read, and InvalidInput
    naming every faulty row at once (the header is row 1).
    """
    given = _read(path)
    absent = [name for name in COLUMNS if name not in given.columns]
    if absent:
        raise InvalidInput(
            zh=f"{path} 缺少列 {'、'.join(absent)}；PAIRS 需要 project_id 与 as_of 两列。",
            en=f"{path} lacks {' and '.join(absent)}; PAIRS needs the columns project_id and as_of.",
            field=absent[0],
        )
    ids = _texts(given["project_id"])
    moments, unread = _moments(given["as_of"])
    faults = pd.concat(
        [
            _faults(ids.isna(), "project_id", "为空", "is empty"),
            _faults(ids.str.len() > LONGEST_ID, "project_id", f"超过 {LONGEST_ID} 字符", "is too long"),
            _faults(moments.isna() & ~unread, "as_of", "为空", "is empty"),
            _faults(unread, "as_of", "不是日期或时间", "is not a date or time"),
            _faults(moments > latest_allowed(), "as_of", "晚于当前时间", "lies in the future"),
        ]
    ).sort_values("row", kind="stable")
    if len(faults):
        raise _refusal(path, faults)
    return pd.DataFrame({"project_id": ids, "as_of": moments})


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise SourceUnreadable(zh=f"找不到文件 {path}。", en=f"There is no file {path}.", field="at")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        if path.suffix.lower() == ".csv":
            return _read_csv(path)
    except (ValueError, OSError, ParserWarning) as error:  # parser errors are ValueErrors
        raise SourceUnreadable(
            zh=f"{path} 无法读取，请检查文件是否完整。",
            en=f"{path} cannot be read ({type(error).__name__}); check that the file is whole.",
            field="at",
        ) from None
    raise InvalidInput(
        zh=f"{path} 应为 .csv 或 .parquet 文件。", en=f"{path} must be a .csv or .parquet file.", field="at"
    )


def _read_csv(path: Path) -> pd.DataFrame:
    """UTF-8 with or without mark, else GB18030; every cell as text; blank lines keep their row numbers."""
    try:
        return _read_as(path, "utf-8-sig")
    except UnicodeDecodeError:
        return _read_as(path, "gb18030")


def _read_as(path: Path, encoding: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        # Rows with more cells than the header would lose them, or shift into the wrong columns.
        warnings.simplefilter("error", ParserWarning)
        return pd.read_csv(
            path,
            encoding=encoding,
            dtype="str",
            keep_default_na=False,
            skip_blank_lines=False,
            index_col=False,
        )


def _texts(column: pd.Series) -> pd.Series:
    """The column as texts, blanks missing."""
    texts = column.astype("str").str.strip()
    return texts.where(column.notna() & (texts != ""), None).astype("str")


def _moments(column: pd.Series) -> tuple[pd.Series, pd.Series]:
    if pd.api.types.is_datetime64_any_dtype(column):
        moments = column.dt.tz_convert("Asia/Shanghai").dt.tz_localize(None) if column.dt.tz else column
        return moments.astype("datetime64[us]"), pd.Series(False, index=column.index)
    return parse_moments(_texts(column), bare_date="start")


def _faults(wrong: pd.Series, column: str, zh: str, en: str) -> pd.DataFrame:
    rows = wrong.fillna(False).to_numpy(dtype="bool").nonzero()[0] + FIRST_ROW
    return pd.DataFrame({"row": rows, "zh": f"{column} {zh}", "en": f"{column} {en}"})


def _refusal(path: Path, faults: pd.DataFrame) -> InvalidInput:
    told, more = faults.head(FAULTS_TOLD), len(faults) - FAULTS_TOLD
    zh = "；".join(f"第 {fault.row} 行 {fault.zh}" for fault in told.itertuples())
    en = "; ".join(f"row {fault.row}: {fault.en}" for fault in told.itertuples())
    return InvalidInput(
        zh=f"{path} 有 {len(faults)} 处错误：{zh}{f'；另有 {more} 处' if more > 0 else ''}。",
        en=f"{path} has {len(faults)} faults: {en}{f'; and {more} more' if more > 0 else ''}.",
        field="at",
    )
