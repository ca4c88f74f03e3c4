"""Headings of a source's file: which contract column each one is, and which are never accepted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from data_contracts.contract import Column, TableContract, read_yaml

PERSONAL_COLUMNS_FILE = Path(__file__).parent / "personal_columns.yaml"
_BRACKETED = re.compile(r"(.+?)[(\[](.+)[)\]]")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class PersonalColumn:
    """A heading that names personal data which is never accepted, and the group it belongs to."""

    name: str
    group: str
    group_zh: str
    group_en: str


def column_names_of(contract: TableContract, header: Iterable[str]) -> dict[str, str]:
    """The contract column each heading means; a heading that means none is left out.

    A heading may be the column's name or its Chinese or English title, in any case and width, alone or
    followed by the column's own name or unit in brackets. Another unit is another column: 总建筑面积（万m²）
    is not read as m². If two headings mean one column, its own name comes first, then the earlier one.

    >>> from data_contracts.contract import contract
    >>> column_names_of(contract("projects"), ["项目编号", "总建筑面积（m²）", "合同造价(元)"])
    {'项目编号': 'project_id', '总建筑面积（m²）': 'floor_area_m2'}
    """
    header = list(header)
    by_name = {_folded(column.name): column for column in contract.columns}
    by_title = {_folded(title): c for c in contract.columns for title in (c.title_en, c.title_zh)}
    meant: dict[str, str] = {}
    for headings in (by_name, by_title):
        for heading in header:
            column = headings.get(_folded(heading)) or _bracketed(headings, heading)
            if column and heading not in meant and column.name not in meant.values():
                meant[heading] = column.name
    return {heading: meant[heading] for heading in header if heading in meant}


def forbidden_columns(names: Iterable[str]) -> list[PersonalColumn]:
    """The headings that name identity numbers, phones, faces, health, age, gender or origin.

    Whole words only: `stage`, `coverage` and `surface` are no ages and faces.

    >>> [column.name for column in forbidden_columns(["stage", "workerAge", "监理电话", "image_area"])]
    ['workerAge', '监理电话']
    """
    found = []
    for name in names:
        for group in _groups():
            if group.names(name):
                found.append(PersonalColumn(name, group.code, group.zh, group.en))
                break
    return found


@dataclass(frozen=True)
class _Group:
    code: str
    zh: str
    en: str
    words: frozenset[str]
    phrases: tuple[str, ...]
    exact: frozenset[str]
    chinese: tuple[str, ...]
    unless: tuple[str, ...]

    def names(self, heading: str) -> bool:
        """Whether the heading names data of this group."""
        folded = unicodedata.normalize("NFKC", heading)
        words = " ".join(word.lower() for word in _WORD.findall(folded))
        if words in self.exact:
            return True
        spaced, chinese = f" {words} ", folded
        for other in self.unless:
            spaced, chinese = spaced.replace(f" {other} ", "  "), chinese.replace(other, "")
        if self.words & set(spaced.split()):
            return True
        if any(f" {phrase} " in spaced for phrase in self.phrases):
            return True
        return any(word in chinese for word in self.chinese)


@cache
def _groups() -> tuple[_Group, ...]:
    return tuple(
        _Group(
            code=group["code"],
            zh=group["zh"],
            en=group["en"],
            words=frozenset(group["words"]),
            phrases=tuple(group["phrases"]),
            exact=frozenset(group["exact"]),
            chinese=tuple(group["chinese"]),
            unless=tuple(group.get("unless", ())),
        )
        for group in read_yaml(PERSONAL_COLUMNS_FILE)["groups"]
    )


def _folded(heading: str) -> str:
    return unicodedata.normalize("NFKC", heading).strip(" \ufeff").lower()


def _bracketed(headings: dict[str, Column], heading: str) -> Column | None:
    """The column of a heading whose bracket repeats the column's name or its unit."""
    parts = _BRACKETED.fullmatch(_folded(heading))
    column = headings.get(parts[1].strip()) if parts else None
    if parts is None or column is None:
        return None
    return column if parts[2].strip() in (_folded(column.name), _folded(column.unit or "")) else None
