"""The rules every cell must keep, and the sentences said in Chinese and English when one is broken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from data_contracts.contract import read_yaml
from data_contracts.errors import NotFound

RULES_FILE = Path(__file__).parent / "rules.yaml"
SHOWN_CHARACTERS = 80
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Rule:
    """One rule with its sentence templates; `about` says whether a cell or a whole file shows it."""

    code: str
    about: Literal["cells", "files"]
    level: Literal["error", "warning"]
    title_zh: str
    title_en: str
    zh: str
    en: str


@cache
def rules() -> dict[str, Rule]:
    """All rules that hold for every table, by code."""
    listed = read_yaml(RULES_FILE)
    return {
        entry["code"]: Rule(
            code=entry["code"],
            about=about,
            level=entry["level"],
            title_zh=entry["titleZh"],
            title_en=entry["titleEn"],
            zh=entry["zh"],
            en=entry["en"],
        )
        for about in ("cells", "files")
        for entry in listed[about]
    }


def sentences(code: str, **values: object) -> tuple[str, str]:
    """The Chinese and the English sentence of the rule `code`, with its names filled in.

    Raises NotFound for an unknown rule and KeyError for a name the template needs and was not given.

    >>> sentences("required", title_zh="入库时间", column="recorded_at")
    ('入库时间（recorded_at）必填，不能为空。', 'recorded_at must be there and is missing.')
    """
    rule = rules().get(code)
    if rule is None:
        raise NotFound(zh=f"没有名为 {code} 的规则。", en=f"There is no rule {code}.", field=code)
    return rule.zh.format(**values), rule.en.format(**values)


def shown(value: object) -> str:
    r"""The value as a report shows it: cut to 80 characters, with bytes of another encoding as \x...

    >>> shown("x" * 100)[-20:]
    'xxxxxxxxxxxxxxxxxxx…'
    """
    text = str(value)
    if len(text) > SHOWN_CHARACTERS:
        text = text[: SHOWN_CHARACTERS - 1] + "…"
    return _SURROGATE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF else f"\\u{number:04x}"
