"""Code lists: versioned data with their source, one YAML file a list under `code_lists/`.

A closed list refuses an unknown code; an open one lets it pass, stored as it came, with a warning.
The trust mark says how sure the list is: V read in a public source, V2 read in a partial or reworded
copy, K well known from the regulation named, I illustrative, to be set by the station.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.contract import read_yaml
from data_contracts.errors import ContractInvalid, NotFound

CODE_LIST_FOLDER = Path(__file__).parent / "code_lists"
TRUST_MARKS = ("V", "V2", "K", "I")


@dataclass(frozen=True)
class Code:
    """One code with its names; what else the list says about it (rank, thresholds …) is in `extra`."""

    code: str
    zh: str
    en: str
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class CodeList:
    """A list of codes in its own order. `parameters` holds what belongs to the list as a whole."""

    name: str
    version: str
    title_zh: str
    title_en: str
    source: str
    trust: str
    closed: bool
    note: str
    codes: Mapping[str, Code] = field(hash=False)
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def current(self, code: str) -> str:
        """The code now in force for `code`: a retired one's successor, any other unchanged.

        >>> code_list("districts").current("310103")
        '310101'
        """
        known = self.codes.get(code)
        return str(known.extra["successor"]) if known and "successor" in known.extra else code


def code_list(name: str) -> CodeList:
    """The code list called `name`; raises NotFound for any other name.

    >>> code_list("roles").codes["GC"].zh
    '施工总承包单位'
    """
    if name not in code_lists():
        raise NotFound(zh=f"没有名为 {name} 的代码表。", en=f"There is no code list {name}.", field=name)
    return code_lists()[name]


def code_lists() -> dict[str, CodeList]:
    """All code lists by name."""
    return dict(_load_folder(CODE_LIST_FOLDER))


@cache
def _load_folder(folder: Path) -> dict[str, CodeList]:
    loaded = [load_code_list(path) for path in sorted(folder.glob("*.yaml"))]
    return {one.name: one for one in loaded}


def load_code_list(path: Path) -> CodeList:
    """The list in one file; raises ContractInvalid with the file and what is wrong in it."""
    document = read_yaml(path)
    needed = {"name", "version", "titleZh", "titleEn", "source", "trust", "closed", "codes"}
    if missing := needed - set(document):
        raise _invalid(path, f"{sorted(missing)} missing")
    if document["name"] != path.stem or document["trust"] not in TRUST_MARKS:
        raise _invalid(
            path, "the name is not the file's, or the trust mark is none of " + " ".join(TRUST_MARKS)
        )
    codes: dict[str, Code] = {}
    for entry in document["codes"]:
        code = entry.get("code")
        if not isinstance(code, str) or code in codes or not entry.get("zh") or not entry.get("en"):
            raise _invalid(path, f"code {code!r} is not a text, stands twice or lacks a name")
        extra = {key: value for key, value in entry.items() if key not in ("code", "zh", "en")}
        codes[code] = Code(code=code, zh=entry["zh"], en=entry["en"], extra=extra)
    return CodeList(
        name=document["name"],
        version=str(document["version"]),
        title_zh=document["titleZh"],
        title_en=document["titleEn"],
        source=document["source"],
        trust=document["trust"],
        closed=document["closed"],
        note=document.get("note", ""),
        codes=codes,
        parameters=document.get("parameters", {}),
    )


def _invalid(path: Path, what: str) -> ContractInvalid:
    return ContractInvalid(
        zh=f"代码表有误（{path.name}）：{what}。", en=f"The code list is wrong ({path.name}): {what}."
    )
