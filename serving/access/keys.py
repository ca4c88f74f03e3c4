"""An API key: what it allows, how its token is made, and how a token is recognised.

A token is 256 random bits. Nobody can try all of them, so one SHA-256 keeps it as safe as a slow hash keeps
a password, and costs a microsecond a call instead of a tenth of a second.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["score", "report", "manage", "administer"]
ROLES: tuple[Role, ...] = get_args(Role)

WHOLE_CITY = "310000"
"""The district code that stands for all districts (code list `districts`)."""

SECRET_BYTES = 32
_TOKEN = re.compile(r"sr_(?P<key_id>[0-9a-f]{8})_[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class AccessKey:
    """One key as it was given out; times are Shanghai wall time, None is never.

    It reaches the projects of its districts and those of its agencies; `calls_per_second` is what one
    worker of the service takes from it.
    """

    key_id: str
    name: str
    token_sha256: str
    role: Role
    districts: frozenset[str]
    agencies: frozenset[str]
    calls_per_second: float
    created_at: dt.datetime
    expires_at: dt.datetime | None = None
    revoked_at: dt.datetime | None = None

    @property
    def reaches_whole_city(self) -> bool:
        """Whether every project is within the key's scope."""
        return WHOLE_CITY in self.districts

    def state(self, at: dt.datetime) -> Literal["VALID", "EXPIRED", "REVOKED"]:
        """Whether the key is good at a moment; revoked for good, whatever the clock says."""
        if self.revoked_at is not None:
            return "REVOKED"
        return "EXPIRED" if self.expires_at is not None and self.expires_at <= at else "VALID"

    def opens_with(self, token: str) -> bool:
        """Whether `token` is this key's; takes as long for a nearly right one as for a wrong one."""
        return hmac.compare_digest(digest_of(token), self.token_sha256)

    def reaches(self, district: str | None, agency: str | None) -> bool:
        """Whether a project of that district and agency is within the key's scope.

        A project of which neither is on file is reached by keys of the whole city alone.
        """
        return self.reaches_whole_city or district in self.districts or agency in self.agencies


def new_token() -> tuple[str, str]:
    """The id of a new key and its token, which is told once and kept nowhere."""
    key_id = secrets.token_hex(4)
    return key_id, f"sr_{key_id}_{secrets.token_hex(SECRET_BYTES)}"


def digest_of(token: str) -> str:
    """What is kept of a token.

    >>> digest_of("sr_00000000_")[:12]
    '3f0a6394fba0'
    """
    return hashlib.sha256(token.encode()).hexdigest()


def key_id_of(token: str) -> str | None:
    """The id that a token names; None for anything that is no token.

    >>> key_id_of("sr_0a1b2c3d_" + 64 * "0"), key_id_of("Passwort")
    ('0a1b2c3d', None)
    """
    found = _TOKEN.fullmatch(token)
    return found["key_id"] if found else None
