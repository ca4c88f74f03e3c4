"""Texts before they are read as values: encoding, length, blanks, formulas, words that mean missing.

A column is reduced to its distinct texts first. Everything later works on those and is spread back over
the rows, so a million rows of a few thousand dates cost a few thousand readings.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

BLANKS = " \t\r\n\f\v\u3000\u00a0\ufeff\u200b"
MISSING_WORDS = frozenset({"null", "n/a", "na", "#n/a", "<na>", "nat", "\\n", "-", "--", "—", "——", "/"})
FORMULA = r"(?s)^[=@＝＠]|^[+\-＋－].*[\[\](){}|!]"
TEXT_DTYPE = pd.StringDtype("pyarrow", na_value=np.nan)


@dataclass(frozen=True)
class Finding:
    """A rule broken in one column at some positions; `read_as` says how the text was taken, per position."""

    rule: str
    column: str
    positions: np.ndarray
    read_as: np.ndarray | None = None
    is_warning: bool = False


@dataclass(frozen=True)
class DistinctTexts:
    """The distinct texts of a column and which of them stands in each row; -1 where there is none."""

    texts: pd.Series
    places: np.ndarray
    findings: list[Finding] = field(default_factory=list)

    def where(self, mask: np.ndarray) -> np.ndarray:
        """Positions of the rows whose text is marked in `mask`."""
        return np.flatnonzero(np.append(mask, False)[self.places])

    def without(self, mask: np.ndarray) -> DistinctTexts:
        """The same column with the marked texts taken out of their rows."""
        places = np.where(np.append(mask, False)[self.places], -1, self.places)
        return DistinctTexts(self.texts, places, self.findings)


def screen(cells: pd.Series, *, column: str, max_length: int, also_missing: frozenset[str]) -> DistinctTexts:
    """The texts of `cells` that may be read as values, with what was refused or taken as missing.

    Empty after stripping blanks is missing, and is not mentioned. A word that stands for missing (NULL,
    N/A, a dash …, and `also_missing`) is missing too, and is reported.
    """
    texts, undecodable = _arrow_texts(cells)
    findings = [Finding("encoding", column, undecodable)] if len(undecodable) else []
    bytes_long = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
    suspects = np.flatnonzero(bytes_long > max_length)
    if len(suspects):
        lengths = pc.utf8_length(texts.take(pa.array(suspects))).to_numpy(zero_copy_only=False)
        too_long = suspects[lengths > max_length]
        if len(too_long):
            findings.append(Finding("too_long", column, too_long))
            texts = pc.if_else(pa.array(~_mask(too_long, len(texts))), texts, pa.scalar(None, texts.type))
    encoded = texts.dictionary_encode()
    places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    trimmed = pc.utf8_trim(encoded.dictionary, characters=BLANKS)
    distinct = DistinctTexts(_text_series(trimmed), places, findings)
    distinct = distinct.without(pc.equal(trimmed, "").to_numpy(zero_copy_only=False))
    nul = pc.match_substring(trimmed, "\x00").to_numpy(zero_copy_only=False)  # no database takes it in a text
    formulas = pc.match_substring_regex(trimmed, FORMULA).to_numpy(zero_copy_only=False) & ~nul
    lowered = pc.utf8_lower(trimmed)
    words = pa.array(sorted(MISSING_WORDS | also_missing), lowered.type)
    absent = pc.is_in(lowered, value_set=words).to_numpy(zero_copy_only=False)
    for rule, mask in (("encoding", nul), ("formula", formulas & ~absent), ("read_as_missing", absent)):
        if len(positions := distinct.where(mask)):
            findings.append(Finding(rule, column, positions, is_warning=rule == "read_as_missing"))
    return distinct.without(nul | formulas | absent)


def reads_as_gb18030(cell: str) -> str | None:
    r"""What a cell with undecodable bytes says when read as GB18030; None if it says nothing there either.

    >>> reads_as_gb18030("张江".encode("gb18030").decode("utf-8", "surrogateescape"))
    '张江'
    """
    try:
        return cell.encode("utf-8", "surrogateescape").decode("gb18030")
    except UnicodeError:
        return None


def _arrow_texts(cells: pd.Series) -> tuple[pa.Array, np.ndarray]:
    """The cells as Arrow text, and the positions of those whose bytes are not in the file's encoding."""
    nothing = np.empty(0, dtype=np.int64)
    try:
        array = pa.array(cells, type=pa.large_string(), from_pandas=True)
        return (array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array), nothing
    except (UnicodeEncodeError, pa.ArrowInvalid, pa.ArrowTypeError):
        texts = [None if _is_missing(cell) else str(cell) for cell in cells]
    undecodable = np.array(
        [i for i, text in enumerate(texts) if text and not _is_encodable(text)], dtype=np.int64
    )
    for i in undecodable:
        texts[i] = None
    return pa.array(texts, type=pa.large_string()), undecodable


def _text_series(texts: pa.Array) -> pd.Series:
    return pd.Series(pd.array(texts, dtype=TEXT_DTYPE))


def _is_missing(cell: object) -> bool:
    return cell is None or cell is pd.NaT or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell))


def _is_encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _mask(positions: np.ndarray, length: int) -> np.ndarray:
    mask = np.zeros(length, dtype=bool)
    mask[positions] = True
    return mask
