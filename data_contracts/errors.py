"""Everything siterisk refuses to do, as one tree of errors.

    SiteriskError
    ├── InvalidInput          an argument, a request or a PAIRS file is wrong
    ├── SourceUnreadable      a folder, file or database of records cannot be read
    ├── ForbiddenColumn       a file carries personal data that is never accepted
    ├── ContractInvalid       a contract, code list or catalogue contradicts itself
    ├── StoreUnavailable      the record store cannot be opened or reached
    │   └── StoreBusy         another process holds the store's lock for too long
    ├── NotEnoughData         too few records or outcomes for what was asked
    ├── CheckFailed           a check with a code says no
    ├── ModelInvalid          a model folder is broken, incomplete or tampered with
    ├── NotFound              a thing named by id, alias or address does not exist
    └── PolicyUndefined       no policy was in force on the day asked for

Exit codes of the command line and HTTP codes of the service are given to these classes in
`serving`, once each: nothing here knows either.
"""

from __future__ import annotations


class SiteriskError(Exception):
    """What went wrong, which thing, and the way out, in Chinese and English.

    `field` names the argument, column or JSON field at fault, where there is one.

    >>> str(InvalidInput(zh="日期无效：2026-02-30", en="Not a date: 2026-02-30"))
    'Not a date: 2026-02-30 / 日期无效：2026-02-30'
    """

    code = "SITERISK_ERROR"

    def __init__(self, zh: str, en: str, *, field: str | None = None) -> None:
        super().__init__(zh, en)
        self.zh = zh
        self.en = en
        self.field = field

    def __str__(self) -> str:
        return f"{self.en} / {self.zh}"


class InvalidInput(SiteriskError):
    """An argument, a request or a PAIRS file is wrong; nothing was changed."""

    code = "INVALID_INPUT"


class SourceUnreadable(SiteriskError):
    """A folder, file or database of records cannot be read at all."""

    code = "SOURCE_UNREADABLE"


class ForbiddenColumn(SiteriskError):
    """A file carries personal data that is never accepted (DESIGN: PIPL articles 28 and 29)."""

    code = "FORBIDDEN_COLUMN"


class ContractInvalid(SiteriskError):
    """A contract, code list, catalogue or heads file contradicts itself."""

    code = "CONTRACT_INVALID"


class StoreUnavailable(SiteriskError):
    """The record store cannot be opened or reached."""

    code = "STORE_UNAVAILABLE"


class StoreBusy(StoreUnavailable):
    """Another process has held the store's lock for longer than we wait."""

    code = "STORE_BUSY"


class NotEnoughData(SiteriskError):
    """Too few records or outcomes for what was asked."""

    code = "NOT_ENOUGH_DATA"


class CheckFailed(SiteriskError):
    """A check with a code says no; the message names the check and its cure."""

    code = "CHECK_FAILED"


class ModelInvalid(SiteriskError):
    """A model folder is broken, incomplete or not what its manifest says."""

    code = "MODEL_INVALID"


class NotFound(SiteriskError):
    """A thing named by id, alias or address does not exist."""

    code = "NOT_FOUND"


class PolicyUndefined(SiteriskError):
    """No policy was in force on the day asked for."""

    code = "POLICY_UNDEFINED"
