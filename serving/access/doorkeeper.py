"""Lets a call in or says why not: its key, the key's role for the route, and how often it asks.

Which projects the key reaches is for the call to heed: `key_asking()` is the key of the call under way, and
raises Unauthorized where nobody has let the call in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from data_contracts.errors import SiteriskError
from data_contracts.moments import now
from serving.access.key_ring import KeyRing
from serving.access.keys import AccessKey, Role, key_id_of
from serving.access.refusals import Forbidden, TooManyCalls, no_longer_valid, without_key
from serving.access.token_bucket import TokenBucket
from serving.http_errors import error_answer

OPEN = frozenset({"/livez", "/readyz"})

_asking: ContextVar[AccessKey | None] = ContextVar("asking", default=None)


def key_asking() -> AccessKey:
    """The key of the call under way."""
    key = _asking.get()
    if key is None:
        raise without_key()
    return key


class Doorkeeper:
    """The door of one worker; `roles_for` says who may make a request."""

    def __init__(self, ring: KeyRing, roles_for: Callable[[Scope], frozenset[Role]]) -> None:
        self._ring, self._roles_for = ring, roles_for
        self._buckets: dict[str, TokenBucket] = {}

    async def admit(self, scope: Scope) -> Response | None:
        """None if the call may go on; its key is then `key_asking()`, and its id and role are in the log."""
        _asking.set(None)
        if scope["path"] in OPEN:
            return None
        try:
            _asking.set(await self._admitted(scope))
        except SiteriskError as error:
            scope["siterisk.counts"]["refused"] = error.code
            return error_answer(error)
        return None

    async def _admitted(self, scope: Scope) -> AccessKey:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        key_id = key_id_of(token.strip()) if scheme.lower() == "bearer" else None
        key = await self._ring.key(key_id) if key_id else None
        if key is None or not key.opens_with(token.strip()):
            raise without_key()
        scope["siterisk.counts"].update(key=key.key_id, role=key.role)
        if (state := key.state(now().to_pydatetime())) != "VALID":
            raise no_longer_valid(state)
        self._take_one(key)
        needed = self._roles_for(scope)
        if key.role not in needed:
            raise _other_role(key.role, needed)
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


def _other_role(role: Role, needed: frozenset[Role]) -> Forbidden:
    listed = ", ".join(sorted(needed))
    return Forbidden(
        zh=f"此接口需要角色 {listed}，而该密钥的角色是 {role}。请向管理员申请相应角色的密钥。",
        en=f"This call needs the role {listed}; the key has the role {role}. Ask the administrator for another.",
    )
