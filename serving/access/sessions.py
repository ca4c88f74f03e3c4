"""Signing in with a key on the pages: a cookie that names the key and is signed with what is kept of its token.

Nothing is stored: a session ends when its time is over, or when the key expires or is revoked. Whoever could read the
store's digests could sign one, and can read everything there anyway.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from itsdangerous import BadSignature, Signer, TimestampSigner

from serving.access.keys import AccessKey

COOKIE = "siterisk_session"
LONGEST_S = 12 * 3600
_SESSION = re.compile(r"(?P<key_id>[0-9a-f]{8})\.[\w-]+\.[\w-]+", re.ASCII)


def new_session(key: AccessKey) -> str:
    """The value of the cookie."""
    return _signer(key).sign(key.key_id).decode("ascii")


def key_id_in(session: str) -> str | None:
    """The id that a session names; None for anything that is no session.

    >>> key_id_in("0a1b2c3d.aR3x.Zm9v"), key_id_in("0a1b2c3d")
    ('0a1b2c3d', None)
    """
    found = _SESSION.fullmatch(session)
    return found["key_id"] if found else None


def is_session_of(key: AccessKey, session: str) -> bool:
    """Whether the key signed the session, at most twelve hours ago."""
    try:
        return _signer(key).unsign(session, max_age=LONGEST_S) == key.key_id.encode("ascii")
    except BadSignature:
        return False


def form_token(key: AccessKey, session: str) -> str:
    """What a form of this session carries, so that no page of another site can send it."""
    signer = Signer(key.token_sha256, salt="siterisk form", digest_method=hashlib.sha256)
    return signer.get_signature(session.encode("utf-8")).decode("ascii")


def is_form_token(key: AccessKey, session: str, token: str) -> bool:
    """Whether a form was made for this session."""
    return hmac.compare_digest(form_token(key, session).encode(), token.encode())


def _signer(key: AccessKey) -> TimestampSigner:
    return TimestampSigner(key.token_sha256, salt="siterisk session", digest_method=hashlib.sha256)
