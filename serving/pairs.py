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
FAULTS_TOLD, COLUMNS_TOLD, LONGEST_SHOWN = 20, 8, 40
# A spreadsheet shows the header as row 1: the rows of a CSV are numbered as the person sees them.
FIRST_ROW = 2
WRITTEN = "2026-03-01", "2026-03-01T08:00:00+08:00"


def read_pairs(path: Path) -> pd.DataFrame:
    """The pairs of a CSV or Parquet file, in order: project_id (str) and as_of (a bare date is 00:00).

    Other columns are left aside, and rows of a CSV in which no cell is filled. Raises SourceUnreadable if the
    file cannot be read, and InvalidInput naming every faulty row at once (the header is row 1).
    """
    given = _read(path)
    absent = [name for name in COLUMNS if name not in given.columns]
    if absent:
        raise _without_columns(path, absent, given)
    ids = _texts(given["project_id"])
    moments, unread = _moments(given["as_of"])
    too_long = (f"超过 {LONGEST_ID} 个字符", f"is longer than {LONGEST_ID} characters")
    faults = pd.concat(
        [
            _faults(ids.isna(), "project_id", "为空", "is empty"),
            _faults(ids.str.len() > LONGEST_ID, "project_id", *too_long),
            _faults(moments.isna() & ~unread, "as_of", "为空", "is empty"),
            _faults(unread, "as_of", "不是日期或时间", "is not a date or time", given["as_of"]),
            _faults(
                moments > latest_allowed(), "as_of", "晚于当前时间", "lies in the future", given["as_of"]
            ),
        ]
    ).sort_values("row", kind="stable")
    if len(faults):
        raise _refusal(path, faults)
    return pd.DataFrame({"project_id": ids, "as_of": moments}).reset_index(drop=True)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise SourceUnreadable(zh=f"找不到文件 {path}。", en=f"There is no file {path}.", field="at")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path).reset_index(drop=True)
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
    """UTF-8 with or without mark, else GB18030; every cell as text; a blank row is left out, and counted."""
    try:
        rows = _read_as(path, "utf-8-sig")
    except UnicodeDecodeError:
        rows = _read_as(path, "gb18030")
    return rows[rows.apply(lambda column: column.str.strip() != "").any(axis=1)]


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


def _faults(wrong: pd.Series, column: str, zh: str, en: str, stated: pd.Series | None = None) -> pd.DataFrame:
    """A line a faulty row, with what stands there where that helps to find it."""
    rows = wrong.index[wrong.fillna(False).to_numpy(dtype="bool")]
    said = [f"{column} "] * len(rows)
    if stated is not None:
        said = [f"{column} {text[:LONGEST_SHOWN]!r} " for text in _texts(stated[rows])]
    told = {"row": rows + FIRST_ROW, "zh": [one + zh for one in said], "en": [one + en for one in said]}
    return pd.DataFrame(told)


def _without_columns(path: Path, absent: list[str], given: pd.DataFrame) -> InvalidInput:
    listed = [str(name)[:LONGEST_SHOWN] for name in given.columns[:COLUMNS_TOLD]]
    listed += ["…"] if len(given.columns) > COLUMNS_TOLD else []
    return InvalidInput(
        zh=f"{path} 缺少列 {'、'.join(absent)}，只有 {'、'.join(listed)}。"
        "PAIRS 需要 project_id 与 as_of 两列，CSV 以逗号分隔。",
        en=f"{path} lacks {' and '.join(absent)}; its columns are {', '.join(listed)}. "
        "PAIRS needs the columns project_id and as_of, with commas between them in CSV.",
        field=absent[0],
    )


def _refusal(path: Path, faults: pd.DataFrame) -> InvalidInput:
    told, more = faults.head(FAULTS_TOLD), len(faults) - FAULTS_TOLD
    zh = [f"第 {fault.row} 行：{fault.zh}" for fault in told.itertuples()]
    en = [f"row {fault.row}: {fault.en}" for fault in told.itertuples()]
    zh += [f"另有 {more} 处"] if more > 0 else []
    en += [f"and {more} more"] if more > 0 else []
    counted = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
    head_zh = f"{path} 有 {len(faults)} 处错误（as_of 写作 {' 或 '.join(WRITTEN)}，不晚于现在）："
    head_en = f"{path} has {counted} (write as_of as {' or '.join(WRITTEN)}, up to now):"
    return InvalidInput(zh="\n- ".join([head_zh, *zh]), en="\n- ".join([head_en, *en]), field="at")
