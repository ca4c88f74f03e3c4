"""The exit code of each class of error, given once.

1 is a fault of ours, 2 is also what a wrong option gives, 130 an interruption.
"""

from __future__ import annotations

from data_contracts import errors
from data_contracts.errors import SiteriskError

UNEXPECTED, INTERRUPTED = 1, 130

EXIT_CODES: dict[type[SiteriskError], int] = {
    errors.InvalidInput: 2,
    errors.SourceUnreadable: 3,
    errors.ForbiddenColumn: 4,
    errors.ContractInvalid: 5,
    errors.StoreUnavailable: 6,
    errors.StoreBusy: 7,
    errors.NotEnoughData: 8,
    errors.CheckFailed: 9,
    errors.ModelInvalid: 10,
    errors.NotFound: 11,
    errors.PolicyUndefined: 12,
}


def exit_code(error: SiteriskError) -> int:
    """The code of the nearest class in the tree that has one.

    >>> exit_code(errors.StoreBusy(zh="", en="")), exit_code(errors.NotFound(zh="", en=""))
    (7, 11)
    """
    for kind in type(error).__mro__:
        if kind in EXIT_CODES:
            return EXIT_CODES[kind]
    return UNEXPECTED


def exit_codes_in_words() -> str:
    """The codes on one line, for the help."""
    named = ", ".join(f"{code} {kind.code}" for kind, code in EXIT_CODES.items())
    return f"0 done, {UNEXPECTED} unexpected, {named}, {INTERRUPTED} interrupted"
