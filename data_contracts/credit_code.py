"""The unified social credit code of an enterprise (统一社会信用代码, GB 32100-2015) and its check characters.

Eighteen characters: registering authority, kind of body, six digits of region, nine of the body itself
(its old organisation code with a check character of GB 11714), and a check character. Some genuine early
codes fail the check, so a failing code is a warning and never a reason to refuse a row.
"""

from __future__ import annotations

import re
from typing import Literal

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I, O, S, V, Z
FORM = re.compile(rf"[{ALPHABET}]{{2}}\d{{6}}[{ALPHABET}]{{10}}")
WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)

Fault = Literal["form", "check_character"]


def check_character(first_seventeen: str) -> str:
    """The eighteenth character that belongs to the first seventeen.

    >>> check_character("91350100M000100Y4"), check_character("91310000A100RX9P6")
    ('3', '0')
    """
    total = sum(ALPHABET.index(c) * weight for c, weight in zip(first_seventeen, WEIGHTS, strict=True))
    return ALPHABET[-total % 31]  # a remainder of 0 gives '0', not the 32nd character


def organisation_check_character(first_eight: str) -> str:
    """The ninth character of an organisation code (GB 11714) after its first eight.

    >>> organisation_check_character("D2143569")
    'X'
    """
    total = sum(int(c, 36) * weight for c, weight in zip(first_eight, ORGANISATION_WEIGHTS, strict=True))
    return "0123456789X"[-total % 11]


def credit_code_fault(code: str) -> Fault | None:
    """What is wrong with a credit code, or None: its form, or its check character.

    The inner check of GB 11714 is not judged here (`has_organisation_check`): more genuine codes fail it.

    >>> credit_code_fault("911101066976941872"), credit_code_fault("91310115MA1H8R7C6D")
    (None, 'check_character')
    """
    if not FORM.fullmatch(code):
        return "form"
    return None if check_character(code[:17]) == code[17] else "check_character"


def has_organisation_check(code: str) -> bool:
    """Whether characters 9 to 17 keep their own check of GB 11714.

    >>> has_organisation_check("91310115MA1283FQ0Q")
    True
    """
    return FORM.fullmatch(code) is not None and organisation_check_character(code[8:16]) == code[16]
