"""Lets a call in or says why not: its key, the key's role for the route, and how often it asks.

Which projects the key reaches is for the call to heed: `key_asking()` is the key of the call under way, and
raises Unauthorized where nobody has let the call in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from data_contracts.errors import SiteriskError
from data_contracts.moments import now
from serving.access.key_ring import KeyRing
from serving.access.keys import AccessKey, Role, key_id_of
from serving.access.refusals import Forbidden, TooManyCalls, no_longer_valid, without_key
from serving.access.sessions import COOKIE, is_session_of, key_id_in
from serving.access.token_bucket import TokenBucket
from serving.http_errors import error_answer

PAGES = "/ui"
"""Below this are pages for people."""

_asking: ContextVar[AccessKey | None] = ContextVar("asking", default=None)


def key_asking() -> AccessKey:
    """The key of the call under way."""
    key = _asking.get()
    if key is None:
        raise without_key()
    return key


def key_shown() -> AccessKey | None:
    """The key of the call under way; None where an open address is asked for."""
    return _asking.get()


class Doorkeeper:
    """The door of one worker; `roles_for` says who may make a request, None where no key is asked for.

    A request shows its key in the header Authorization; pages take a session in a cookie, and nothing else does.
    """

    def __init__(self, ring: KeyRing, roles_for: Callable[[Scope], frozenset[Role] | None]) -> None:
        self._ring, self._roles_for = ring, roles_for
        self._buckets: dict[str, TokenBucket] = {}

    async def admit(self, scope: Scope) -> Response | None:
        """None if the call may go on; its key is then `key_asking()`, and its id and role are in the log."""
        _asking.set(None)
        roles = self._roles_for(scope)
        if roles is None:
            return None
        try:
            _asking.set(await self._admitted(scope, roles))
        except SiteriskError as error:
            scope["siterisk.counts"]["refused"] = error.code
            return error_answer(error)
        return None

    async def opened_with(self, token: str) -> AccessKey:
        """The key of a token; Unauthorized where it is none or no longer valid."""
        return _valid(await self._key(key_id_of(token), lambda key: key.opens_with(token)))

    async def _admitted(self, scope: Scope, roles: frozenset[Role]) -> AccessKey:
        key = await self._shown(scope)
        scope["siterisk.counts"].update(key=key.key_id, role=key.role)
        _valid(key)
        self._take_one(key)
        if key.role not in roles:
            raise _other_role(key.role, roles)
        return key

    async def _shown(self, scope: Scope) -> AccessKey:
        """The key that a request shows, valid or not."""
        if scope["path"].startswith(PAGES):
            session = cookie_parser(Headers(scope=scope).get("cookie", "")).get(COOKIE, "")
            return await self._key(key_id_in(session), lambda key: is_session_of(key, session))
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        key_id = key_id_of(token.strip()) if scheme.lower() == "bearer" else None
        return await self._key(key_id, lambda key: key.opens_with(token.strip()))

    async def _key(self, key_id: str | None, is_shown: Callable[[AccessKey], bool]) -> AccessKey:
        key = await self._ring.key(key_id) if key_id else None
        if key is None or not is_shown(key):
            raise without_key()
        return key

    def _take_one(self, key: AccessKey) -> None:
        moment = time.monotonic()
        bucket = self._buckets.setdefault(key.key_id, TokenBucket.full(key.calls_per_second, moment))
        if wait_s := bucket.wait_s(moment):
            raise TooManyCalls(
                zh=f"此密钥每秒最多 {key.calls_per_second:g} 次请求，请 {wait_s} 秒后再试，或一次提交多个项目。",
                en=f"This key may call {key.calls_per_second:g} times a second. Try again in {wait_s} s, or ask "
                "for many projects at once.",
                wait_s=wait_s,
            )


def _valid(key: AccessKey) -> AccessKey:
    if (state := key.state(now().to_pydatetime())) != "VALID":
        raise no_longer_valid(state)
    return key


def _other_role(role: Role, needed: frozenset[Role]) -> Forbidden:
    listed = ", ".join(sorted(needed))
    return Forbidden(
        zh=f"此接口需要角色 {listed}，而该密钥的角色是 {role}。请向管理员申请相应角色的密钥。",
        en=f"This call needs the role {listed}; the key has the role {role}. Ask the administrator for another.",
    )
