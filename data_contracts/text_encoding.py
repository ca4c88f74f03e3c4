"""Which encoding a text file is in, decided over the whole file: UTF-8, GB18030, or UTF-16 by its mark."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import BinaryIO

_BLOCK = 1 << 22


def text_encoding(path: Path) -> str:
    """The encoding in which most lines with other than ASCII characters are valid, UTF-8 before GB18030.

    A short Chinese text in GB18030 is now and then valid UTF-8 as well, and an otherwise clean UTF-8 file
    may hold a line pasted from elsewhere: so lines are counted, not the first ones believed. UTF-8 is
    answered as `utf-8-sig`, which reads files with and without a mark.
    """
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        file.seek(0)
        if _is_utf8(file):
            return "utf-8-sig"
        file.seek(0)
        return "utf-8-sig" if _mostly_utf8(file) else "gb18030"


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _mostly_utf8(file: BinaryIO) -> bool:
    utf8 = others = 0
    for line in file:
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            utf8 += 1
        except UnicodeDecodeError:
            others += 1
    return utf8 >= others
